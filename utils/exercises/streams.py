"""Blocks that pass once: the keys and values of a streaming exercise, and a watch over who keeps them."""

import tracemalloc

import numpy as np

from utils.exercises.exercise import Finding


class OnceOnlyBlocks:
    """Iterator over (key_block, value_block) that goes round once and takes each block back.

    When the next block is asked for, the arrays of the one before are overwritten with NaN, so that a list of the
    blocks holds nothing. Copies made with NumPy are counted when the last block has gone; copies held as Python
    lists or as another library's tensors are not seen.
    """

    def __init__(self, blocks: list[tuple[np.ndarray, np.ndarray]]):
        self._blocks = blocks
        self._position = 0
        self._started_tracing = False
        self._bytes_before = 0
        self.bytes_kept = 0
        self.asked_again = False

    def __iter__(self) -> "OnceOnlyBlocks":
        return self

    def __next__(self) -> tuple[np.ndarray, np.ndarray]:
        if self._position == 0:
            self._start()
        elif self._position <= len(self._blocks):
            for array in self._blocks[self._position - 1]:
                array.fill(np.nan)
        else:
            self.asked_again = True
        self._position += 1
        if self._position <= len(self._blocks):
            return self._blocks[self._position - 1]
        if not self.asked_again:
            self.bytes_kept = _numpy_bytes() - self._bytes_before
        self.close()
        raise StopIteration

    def __str__(self) -> str:
        lengths = [len(key) for key, _ in self._blocks]
        return f"({len(lengths)} of {min(lengths)} to {max(lengths)} rows)"

    @property
    def bytes_of_keys(self) -> int:
        """Size of all keys together."""
        return sum(key.nbytes for key, _ in self._blocks)

    def _start(self) -> None:
        """Begin to count the memory of arrays; a trace that the reader has started goes on undisturbed."""
        self._started_tracing = not tracemalloc.is_tracing()
        if self._started_tracing:
            tracemalloc.start()
        self._bytes_before = _numpy_bytes()

    def close(self) -> None:
        """Stop counting."""
        if self._started_tracing:
            tracemalloc.stop()
            self._started_tracing = False


def _numpy_bytes() -> int:
    """Bytes held by the NumPy arrays that were made since tracing began."""
    only_arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([only_arrays]).traces)


def watch_blocks(blocks: OnceOnlyBlocks) -> Finding | None:
    """Say whether the blocks were kept or asked for twice, after the learner's code has run."""
    blocks.close()
    if blocks.asked_again:
        hint = "An iterator goes round once. Update a running maximum, sum and mix as each block passes."
        return Finding("asks for the blocks again after the last one has gone", hint)
    if blocks.bytes_kept > blocks.bytes_of_keys / 2:
        hint = "Keep, for each query, a maximum, a sum and a mix: their size does not grow with the number of keys."
        return Finding("copies the blocks and still holds them after the last one has gone", hint)
    return None
