"""Exercise of chapter 1: attention over a stream of keys. T queries."""

from collections.abc import Callable

import numpy as np

from utils.exercises.attention.inputs import softmax
from utils.exercises.engine.exercise import Exercise, Mistake
from utils.exercises.engine.streams import OnceOnlyBlocks, watch_blocks


def streaming_attention(query: np.ndarray, blocks: OnceOnlyBlocks) -> np.ndarray:
    """Attention (T, v) over (key_block, value_block) pairs that pass once.

    Source: Milakov and Gimelshein (2018), arXiv:1805.02867; Dao et al. (2022), arXiv:2205.14135.
    """
    return _stream(query, blocks)


def _stream(
    query: np.ndarray,
    blocks: OnceOnlyBlocks,
    *,
    scale: bool = True,
    rescale_total: bool = True,
    rescale_mixed: bool = True,
    remember: bool = True,
    axis: int | None = -1,
) -> np.ndarray:
    """Run the online softmax, or leave one of its steps out."""
    query = query / np.sqrt(query.shape[-1]) if scale else query
    largest, total, mixed = -np.inf, 0.0, 0.0
    for key, value in blocks:
        scores = query @ key.T
        before, largest = largest, scores.max(axis=axis, keepdims=True)
        largest = np.maximum(before, largest) if remember else largest
        exponentials = np.exp(scores - largest)
        total = total * (np.exp(before - largest) if rescale_total else 1) + exponentials.sum(axis=-1, keepdims=True)
        mixed = mixed * (np.exp(before - largest) if rescale_mixed else 1) + exponentials @ value
    return mixed / total


def _without_maximum(query: np.ndarray, blocks: OnceOnlyBlocks) -> np.ndarray:
    total, mixed = 0.0, 0.0
    for key, value in blocks:
        exponentials = np.exp(query @ key.T / np.sqrt(query.shape[-1]))
        total, mixed = total + exponentials.sum(axis=-1, keepdims=True), mixed + exponentials @ value
    return mixed / total


def _of_block_outputs(combine: Callable[[list, list], np.ndarray]) -> Callable[..., np.ndarray]:
    """Make a look-up that normalises in each block and then combines (outputs, lengths of the blocks)."""

    def attend(query: np.ndarray, blocks: OnceOnlyBlocks) -> np.ndarray:
        outputs, lengths = [], []
        for key, value in blocks:
            outputs.append(softmax(query @ key.T / np.sqrt(query.shape[-1])) @ value)
            lengths.append(len(key))
        return combine(outputs, lengths)

    return attend


def _hoard(query: np.ndarray, blocks: OnceOnlyBlocks) -> np.ndarray:
    keys, values = (np.concatenate(arrays) for arrays in zip(*list(blocks), strict=True))
    return softmax(query @ keys.T / np.sqrt(query.shape[-1])) @ values


_ONE_BLOCK = 4  # the trial with one query, and all its keys in one block
_SHORT = (6, 7)  # trials in which each of the two blocks that take nearly all weight has one row
# Trials with a long tail: for the first query one key in the middle scores so much more than each of the others, but
# together they count. The two numbers decide how small an exponential, or a factor, an answer may leave out.
_TAILS = {0: 9.0, 5: 17.0}
_FAR_BELOW = 7  # the trial in which all scores of the first query lie near -1e31, the lowest that is allowed


def _stream_inputs(rng: np.random.Generator, trial: int) -> tuple:
    num_queries, value_dim = (int(size) for size in rng.permutation((2, 3, 5))[:2])
    key_dim = (31, 19)[trial % 2]  # long blocks, few queries: what may be kept is small beside what may not
    num_blocks = int(rng.integers(7, 41))  # so that a buffer for all blocks of one stream is too small for another
    if trial == _ONE_BLOCK:
        num_queries, num_blocks = 1, 1
    if trial in _TAILS:
        num_blocks = 40
    query = 2 * rng.normal(size=(num_queries, key_dim))
    # Adds a number of its own to all scores of a query. The softmax does not see it, a careless exponential does.
    query[:, 0] = rng.uniform(-4000, 4000, num_queries) if trial % 2 else 0.0
    # On some trials two blocks tower above those after them: who forgets the maximum of the past overflows there.
    levels = np.zeros(num_blocks)
    if trial % 4 > 1:
        query[:, 1], levels[num_blocks // 3], levels[2 * num_blocks // 3] = np.sqrt(key_dim), 1000.0, 1002.0
    if trial in _TAILS:
        query[0] /= 10
        query[:, 1] = np.sqrt(key_dim) * (np.arange(num_queries) == 0)
        query[0, 0] *= 10
    if trial == _FAR_BELOW:  # one key takes all weight, so that float32 does not lose the answer
        query[0, :2] = -9.99e30, 1e25 * query[0, 1]
    blocks = []
    # The largest score so far is overtaken again and again.
    for growth, level in zip(np.linspace(0.2, 1.5, num_blocks), levels, strict=True):
        length = 1 if trial in _SHORT and level else int(rng.integers(60, 160))
        key = growth * rng.normal(size=(length, key_dim))
        key[:, 0] = np.sqrt(key_dim)
        key[:, 1] = key[:, 1] if trial % 4 < 2 else level
        value = rng.normal(size=(length, value_dim))
        if trial in _TAILS:
            key[:, 1], value = 0, value + 3
            value[:, 0] *= 10
            if len(blocks) == num_blocks // 2:
                key[0, 1], value[0] = _TAILS[trial], value[0] / 1000
        blocks.append((key, value))
    return query, OnceOnlyBlocks(blocks)


STREAMING = Exercise(
    id="attention-streaming",
    title="attention over a stream of keys",
    reference=streaming_attention,
    make_inputs=_stream_inputs,
    trials=8,
    note="each block handed over once",
    rtol=5e-3,
    watch=lambda query, blocks: watch_blocks(blocks),
    hint="Carry three things for each query: a maximum, a sum and a mix of values. A block that has gone holds NaN.",
    mistakes=(
        Mistake(
            "blocks kept",
            _hoard,
            "every number is NaN: are blocks kept? each becomes NaN when the next is asked for; or does ∞ meet 0?",
            "Keep a maximum, a sum and a mix. Rescale by exp(old maximum − new maximum), which never exceeds 1.",
        ),
        Mistake(
            "outputs averaged",
            _of_block_outputs(lambda outputs, lengths: np.mean(outputs, axis=0)),
            "the outputs of the blocks are averaged",
            "A block counts by the sum of its exponentials, which a softmax inside the block divides away.",
        ),
        Mistake(
            "outputs weighted by length",
            _of_block_outputs(lambda outputs, lengths: np.average(outputs, axis=0, weights=lengths)),
            "the outputs of the blocks are averaged with their lengths as weights",
            "A block counts by the sum of its exponentials, not by the number of its keys.",
        ),
        Mistake(
            "last block",
            _of_block_outputs(lambda outputs, lengths: outputs[-1]),
            "only the last block has been attended to",
            "Carry the sum and the mix from block to block.",
        ),
        Mistake(
            "nothing rescaled",
            lambda query, blocks: _stream(query, blocks, rescale_total=False, rescale_mixed=False),
            "when the maximum grows, the earlier sum and mix are not rescaled",
            "They were made with the maximum of then: multiply both by exp(old maximum − new maximum).",
        ),
        Mistake(
            "only the sum rescaled",
            lambda query, blocks: _stream(query, blocks, rescale_mixed=False),
            "when the maximum grows, the sum is rescaled but the mix of values is not",
            "Both were made with the maximum of then.",
        ),
        Mistake(
            "only the mix rescaled",
            lambda query, blocks: _stream(query, blocks, rescale_total=False),
            "when the maximum grows, the mix of values is rescaled but the sum is not",
            "Both were made with the maximum of then.",
        ),
        Mistake(
            "no maximum",
            _without_maximum,
            "large scores overflow: no maximum is subtracted before the exponential",
            "Carry the largest score so far for each query, and subtract it.",
        ),
        Mistake(
            "maximum of the block alone",
            lambda query, blocks: _stream(query, blocks, remember=False),
            "the maximum is that of the present block alone: the past overflows where a later block lies far below",
            "A running maximum never falls: take the larger of the old one and the block's.",
        ),
        Mistake(
            "one maximum for all queries",
            lambda query, blocks: _stream(query, blocks, axis=None),
            "queries whose scores lie low underflow to 0/0: one maximum serves all queries",
            "Each query has a maximum of its own: take it along the last axis, with keepdims=True.",
        ),
        Mistake(
            "no scale",
            lambda query, blocks: _stream(query, blocks, scale=False),
            "the scores are not scaled",
            "Divide the dot products by √d_k, where d_k is the width of a key.",
        ),
    ),
)
