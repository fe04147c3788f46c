"""Blocks that pass once: the keys and values of a streaming exercise, and a watch over who keeps them."""

import sys
import tracemalloc

import numpy as np

from utils.exercises.engine.exercise import Finding


class OnceOnlyBlocks:
    """Iterator over (key_block, value_block) that goes round once and takes each block back.

    When the next block is asked for, the arrays of the one before are overwritten with NaN, so that a list of the
    blocks holds nothing. Whenever a block has gone, the memory is counted that NumPy arrays hold, and that Python
    objects hold which were made in the file that asks for the blocks. Copies elsewhere are not seen: in tensors of
    another library, in a file, in texts that another module writes.
    """

    def __init__(self, blocks: list[tuple[np.ndarray, np.ndarray]]):
        self._blocks = blocks
        self._position = 0
        self._started_tracing = False
        self._bytes_before = 0
        self._asking_file = ""
        self.bytes_kept = 0
        self.asked_again = False

    def __iter__(self) -> "OnceOnlyBlocks":
        return self

    def __next__(self) -> tuple[np.ndarray, np.ndarray]:
        if self._position == 0:
            self._start(sys._getframe(1).f_code.co_filename)
        elif self._position <= len(self._blocks):
            for array in self._blocks[self._position - 1]:
                array.fill(np.nan)
            if self.bytes_kept <= self.bytes_allowed:  # a large count takes long, and one too large is enough
                self.bytes_kept = _bytes_held(self._asking_file) - self._bytes_before
        else:
            self.asked_again = True
        self._position += 1
        if self._position <= len(self._blocks):
            return self._blocks[self._position - 1]
        self.close()
        raise StopIteration

    def __str__(self) -> str:
        lengths = [len(key) for key, _ in self._blocks]
        return f"({len(lengths)} of {min(lengths)} to {max(lengths)} rows)"

    @property
    def bytes_allowed(self) -> int:
        """Three times the largest block: more than one step needs, less than scores and values of a long stream."""
        return 3 * max(key.nbytes + value.nbytes for key, value in self._blocks)

    def _start(self, asking_file: str) -> None:
        """Begin to count memory; a trace that the reader has started goes on undisturbed."""
        self._started_tracing = not tracemalloc.is_tracing()
        if self._started_tracing:
            tracemalloc.start()
        self._asking_file = asking_file
        self._bytes_before = _bytes_held(asking_file)

    def close(self) -> None:
        """Stop counting."""
        if self._started_tracing:
            tracemalloc.stop()
            self._started_tracing = False


def _bytes_held(asking_file: str) -> int:
    """Bytes held by NumPy arrays, and by objects made in one file, since tracing began.

    Other files are left aside, for a backend that compiles its operations keeps much that is no copy of a block.
    """
    traces = tracemalloc.take_snapshot().traces
    arrays = np.lib.tracemalloc_domain
    return sum(one.size for one in traces if one.domain == arrays or one.traceback[-1].filename == asking_file)


def watch_blocks(blocks: OnceOnlyBlocks) -> Finding | None:
    """Say whether the blocks were kept or asked for twice, after the learner's code has run."""
    blocks.close()
    if blocks.asked_again:
        hint = "An iterator goes round once. Update a running maximum, sum and mix as each block passes."
        return Finding("asks for the blocks again after the last one has gone", hint)
    if blocks.bytes_kept > blocks.bytes_allowed:
        hint = "Keep, for each query, a maximum, a sum and a mix: their size does not grow with the number of keys."
        return Finding("holds something for every key, or copies of many blocks", hint)
    return None
