"""Blocks that pass once: keeping, copying and asking twice are noticed; right ways are not suspected."""

import mmap
import tracemalloc

import numpy as np
import pytest

from tests.support.attention_solutions import streaming_attention
from utils.exercises import check
from utils.exercises.attention.inputs import softmax
from utils.exercises.engine.checker import EXERCISES
from utils.exercises.engine.streams import OnceOnlyBlocks, watch_blocks

HOLDS = "attention-streaming: holds something for every key, or copies of many blocks"


def blocks_of(*lengths):
    rng = np.random.default_rng(5)
    return OnceOnlyBlocks([(rng.normal(size=(length, 31)), rng.normal(size=(length, 3))) for length in lengths])


def streams_of_many_blocks():
    """Every (query, blocks) of the exercise but the one stream that is a single block."""
    exercise = EXERCISES["attention-streaming"]
    drawn = [exercise.draw(trial) for trial in range(exercise.trials)]
    many = [(query, blocks) for query, blocks in drawn if len(blocks._blocks) > 1]
    assert len(many) == len(drawn) - 1
    return many


def test_block_is_overwritten_when_the_next_is_asked_for():
    blocks = blocks_of(200, 300)  # so large that what the test itself makes does not count
    first = next(blocks)
    assert np.isfinite(first[0]).all()
    second = next(blocks)
    assert all(np.isnan(array).all() for array in first)
    assert np.isfinite(second[1]).all()
    assert list(blocks) == []
    assert all(np.isnan(array).all() for array in second)
    assert watch_blocks(blocks) is None


def test_running_maximum_is_overtaken_late_in_the_stream():
    for query, blocks in streams_of_many_blocks():
        largest = np.array([(query @ key.T).max(axis=1) for key, _ in blocks])  # (blocks, T)
        running = np.maximum.accumulate(largest)
        assert (np.count_nonzero(np.diff(running, axis=0), axis=0) >= 2).all()
        assert (running[len(running) // 2] < running[-1]).any()


def test_second_round_is_noticed():
    def two_rounds(query, blocks):
        scale = query.shape[-1] ** 0.5
        largest = np.max([(query @ key.T / scale).max(axis=1) for key, _ in blocks], axis=0)[:, None]
        pairs = [(np.exp(query @ key.T / scale - largest), value) for key, value in blocks]
        return sum(one @ value for one, value in pairs) / sum(one.sum(axis=1, keepdims=True) for one, _ in pairs)

    verdict = check("attention-streaming", two_rounds)
    assert verdict.message == "attention-streaming: asks for the blocks again after the last one has gone"


def test_copies_of_all_blocks_are_noticed():
    def copies(query, blocks):
        keys, values = [], []
        for key, value in blocks:
            keys.append(key.copy())
            values.append(value.copy())
        return softmax(query @ np.concatenate(keys).T / query.shape[-1] ** 0.5) @ np.concatenate(values)

    def grows(query, blocks):
        keys, values = next(blocks)
        for key, value in blocks:
            keys, values = np.concatenate([keys, key]), np.concatenate([values, value])
        return softmax(query @ keys.T / query.shape[-1] ** 0.5) @ values

    for answer in (copies, grows):
        assert check("attention-streaming", answer).message == HOLDS


def test_copies_held_as_python_objects_are_noticed():
    def finish(query, keys, values):
        return softmax(query @ np.array(keys).T / query.shape[-1] ** 0.5) @ np.array(values)

    def numbers(query, blocks):
        keys, values = [], []
        for key, value in blocks:
            keys.extend(key.tolist())
            values.extend(map(tuple, value))
        return finish(query, keys, values)

    def comprehension(query, blocks):
        pairs = [(key.tolist(), value.tolist()) for key, value in blocks]
        return finish(query, *(np.concatenate(part) for part in zip(*pairs, strict=True)))

    def characters(query, blocks):
        pairs = [(key.tobytes(), value.tobytes()) for key, value in blocks]
        keys, values = (np.frombuffer(b"".join(part)) for part in zip(*pairs, strict=True))
        keys = keys.reshape(-1, query.shape[-1])
        return finish(query, keys, values.reshape(len(keys), -1))

    for answer in (numbers, comprehension, characters):
        assert check("attention-streaming", answer).message == HOLDS


def test_scores_and_values_kept_for_every_key_are_noticed():
    def answer(query, blocks):
        pairs = [(query @ key.T / query.shape[-1] ** 0.5, 1.0 * value) for key, value in blocks]
        scores, values = (
            np.concatenate(part, axis=axis) for part, axis in zip(zip(*pairs, strict=True), (1, 0), strict=True)
        )
        return softmax(scores) @ values

    assert check("attention-streaming", answer).message == HOLDS


def test_number_of_blocks_differs_from_trial_to_trial():
    counts = [len(list(blocks)) for _, blocks in streams_of_many_blocks()]
    assert 7 <= min(counts) <= 10
    assert 30 <= max(counts) <= 40


def in_packets(size):
    """The online softmax over packets of copies of so many blocks."""

    def answer(query, blocks):
        largest, total, mixed, packet = -np.inf, 0.0, 0.0, []

        def take_in():
            nonlocal largest, total, mixed
            keys, values = (np.concatenate(part) for part in zip(*packet, strict=True))
            packet.clear()
            scores = query @ keys.T / query.shape[-1] ** 0.5
            old, largest = largest, np.maximum(largest, scores.max(axis=1, keepdims=True))
            exponentials = np.exp(scores - largest)
            total = total * np.exp(old - largest) + exponentials.sum(axis=1, keepdims=True)
            mixed = mixed * np.exp(old - largest) + exponentials @ values

        for key, value in blocks:
            packet.append((key.copy(), value.copy()))
            if len(packet) == size:
                take_in()
        if packet:
            take_in()
        return mixed / total

    return answer


@pytest.mark.parametrize("size", [7, 11, 40])
def test_a_buffer_that_is_emptied_before_the_last_block_has_gone_is_noticed(size):
    assert check("attention-streaming", in_packets(size)).message == HOLDS


def test_a_step_may_copy_its_block():
    assert check("attention-streaming", in_packets(1))

    def scaled(query, blocks):
        largest, total, mixed = -np.inf, 0.0, 0.0
        for block in blocks:
            key, value = block[0] / query.shape[-1] ** 0.5, block[1].copy()
            transposed = np.ascontiguousarray(key.T)
            scores = query @ transposed
            old, largest = largest, np.maximum(largest, scores.max(axis=1, keepdims=True))
            exponentials = np.exp(scores - largest)
            total = total * np.exp(old - largest) + exponentials.sum(axis=1, keepdims=True)
            mixed = mixed * np.exp(old - largest) + exponentials @ value
        return mixed / total

    assert check("attention-streaming", scaled)


def test_the_verdict_claims_no_more_than_what_is_watched():
    """Copies in memory that the system lends are not seen, so the verdict must not say that there are none."""

    def aside(array):
        memory = mmap.mmap(-1, array.nbytes)
        memory.write(array.tobytes())
        return np.frombuffer(memory).reshape(array.shape)

    def hidden(query, blocks):
        pairs = [(aside(key), aside(value)) for key, value in blocks]
        keys, values = (np.concatenate(part) for part in zip(*pairs, strict=True))
        return softmax(query @ keys.T / query.shape[-1] ** 0.5) @ values

    for answer in (hidden, streaming_attention):
        verdict = check("attention-streaming", answer)
        assert verdict.message == "attention-streaming: right on all 8 trials, each block handed over once"


def stream(query, blocks, maximum):
    """The online softmax with maximum(that of the past or None, that of the block) for the running one."""
    largest, total, mixed = None, 0, 0
    for key, value in blocks:
        scores = query @ key.T / query.shape[-1] ** 0.5
        old, largest = largest, maximum(largest, scores.max(axis=1, keepdims=True))
        share = 0 if old is None else np.exp(old - largest)
        exponentials = np.exp(scores - largest)
        total = total * share + exponentials.sum(axis=1, keepdims=True)
        mixed = mixed * share + exponentials @ value
    return mixed / total


@pytest.mark.parametrize(
    "maximum",
    [
        lambda past, block: block,
        lambda past, block: block if past is None else past,
        lambda past, block: block if past is None else (past + block) / 2,
        lambda past, block: block.min() + 0 * block,
    ],
    ids=["forgets the past", "keeps the first", "averages", "takes the smallest"],
)
def test_a_running_maximum_that_is_none_is_refused(maximum):
    assert not check("attention-streaming", lambda query, blocks: stream(query, blocks, maximum))


def test_a_running_maximum_passes():
    def running(past, block):
        return block if past is None else np.maximum(past, block)

    assert check("attention-streaming", lambda query, blocks: stream(query, blocks, running))


def test_states_kept_for_each_block_are_no_copies():
    """Combining the maxima, sums and mixes of all blocks at the end is another right way."""

    def combine(query, blocks):
        states = []
        for key, value in blocks:
            scores = query @ key.T / query.shape[-1] ** 0.5
            largest = scores.max(axis=1, keepdims=True)
            exponentials = np.exp(scores - largest)
            states.append((largest, exponentials.sum(axis=1, keepdims=True), exponentials @ value))
        top = np.max([largest for largest, _, _ in states], axis=0)
        total = sum(np.exp(largest - top) * one for largest, one, _ in states)
        return sum(np.exp(largest - top) * mix for largest, _, mix in states) / total

    assert check("attention-streaming", combine)


def test_memory_is_traced_only_while_blocks_pass():
    assert not tracemalloc.is_tracing()
    check("attention-streaming", lambda query, blocks: next(blocks)[1])
    assert not tracemalloc.is_tracing()

    def interrupted(query, blocks):
        next(blocks)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("attention-streaming", interrupted)
    assert not tracemalloc.is_tracing()


def test_trace_that_the_reader_started_goes_on():
    tracemalloc.start()
    try:
        mine = np.random.default_rng(2).normal(size=100_000)
        assert check("attention-streaming", streaming_attention)
        assert tracemalloc.is_tracing()
        assert mine.size == 100_000
    finally:
        tracemalloc.stop()
