"""Exercises of chapter 1 on the parts of attention: shapes, softmax."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from utils.exercises.attention.shapes import SHAPES
from utils.exercises.engine.comparison import same
from utils.exercises.engine.exercise import Exercise, Finding, Mistake
from utils.exercises.engine.primes import PRIMES, sizes

__all__ = ["EXERCISES", "PRIMES", "sizes", "softmax"]


def softmax(scores: np.ndarray) -> np.ndarray:
    """Softmax along the last axis, in the type of `scores`, right for scores of any size."""
    exact = scores.astype(np.float64)
    exponentials = np.exp(exact - exact.max(axis=-1, keepdims=True))
    return (exponentials / exponentials.sum(axis=-1, keepdims=True)).astype(scores.dtype)


# Trials with rows of 100,003 scores: one axis, and two.
_LONG = {31: (np.float32, (100_003,)), 32: (np.float16, (2, 100_003))}
# What a long row is drawn from. Its weights are far from equal. Its exponentials add up to about 79,600: more than the
# largest number of float16, 65,504, and less than the number of scores, each of which an answer might take for the sum.
_SCORES_OF_A_LONG_ROW = (0, 0, 0, 0, 0, 0, -1, -1e4)


def _softmax_inputs(rng: np.random.Generator, trial: int) -> tuple:
    if trial in _LONG:
        dtype, shape = _LONG[trial]
        return (rng.choice(np.array(_SCORES_OF_A_LONG_ROW, dtype), size=shape),)
    dtype, kind = (np.float64, np.float32, np.float16)[trial % 3], trial % 4
    rank = 1 + (trial // 3 + trial // 12) % 4
    shape = sizes(rng, rank)
    rows = (*shape[:-1], 1)
    scores = 3 * rng.normal(size=shape)
    if kind // 2:  # rows that spread widely
        scores = scores * 10 ** rng.uniform(0, 3.5, rows)
    if kind % 2:  # rows that lie far apart
        scores = scores + rng.choice([-1, 1], rows) * 10 ** rng.uniform(2.5, 4, rows)
    # A sum of logarithms in float32, which is right, loses more digits the more there is to add.
    largest = 1e4 if rank < 4 else 5e3
    return ((scores / max(np.abs(scores).max() / largest, 1)).astype(dtype),)


def _exponentials_over_sum(shifted: np.ndarray, axis: int | None = -1) -> np.ndarray:
    exponentials = np.exp(shifted)
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


def stable_softmax(scores: np.ndarray) -> np.ndarray:
    """Softmax along the last axis, in the type of `scores`, right for scores of any size."""
    return softmax(scores)


def _log_sum_exp(scores: np.ndarray) -> np.ndarray:
    largest = scores.max(axis=-1, keepdims=True)
    return np.exp(scores - (largest + np.log(np.exp(scores - largest).sum(axis=-1, keepdims=True))))


class _OfRows(Exercise):
    """Weights are compared one by one as loosely as the type allows; the sum of a row has to be right more closely."""

    def review(self, outcomes: Sequence[Any]) -> Finding | None:
        """Say that rows do not sum to 1, where all weights are nearly right; None: they do."""
        for one in outcomes:
            if (one.received.shape, one.received.dtype) != (one.expected.shape, one.expected.dtype):
                return None
            with np.errstate(all="ignore"):  # of infinities
                gap = np.abs((one.received - one.expected).sum(axis=-1, dtype=np.float64)).max()
            if gap > _gap_of_sums(one.inputs[0]):
                message = f"nearly right, but in {one.expected.dtype} a row sums to 1 with an error of {gap:.1g}"
                finding = Finding(message, "Divide each exponential of a row by their sum.")
                return finding if all(same(other.expected, other.received, self.rtol) for other in outcomes) else None
        return None


def _gap_of_sums(scores: np.ndarray) -> float:
    """Return how far from 1 a row may sum: its terms are rounded, and a few logarithms as large as the scores."""
    limits, wide = np.finfo(scores.dtype), np.finfo(np.float32)
    terms = 4 * limits.eps + scores.shape[-1] * float(limits.smallest_subnormal)
    logarithms = 4 * min(limits.eps, wide.eps) * max(-float(scores.min()), float(scores.max()))
    return float(terms + logarithms)


_SOFTMAX = _OfRows(
    id="attention-stable-softmax",
    title="a softmax that does not overflow",
    reference=stable_softmax,
    make_inputs=_softmax_inputs,
    note="float16, ±10,000 and long rows included",
    rtol=None,
    hint="Make the largest exponential of each row exactly 1, and give the result the type of the scores.",
    mistakes=(
        Mistake(
            "no maximum",
            _exponentials_over_sum,
            "large scores overflow: nothing is subtracted before the exponential",
            "Subtracting one number from all scores of a row leaves the softmax as it is. Which number is safe?",
        ),
        Mistake(
            "maximum of the array",
            lambda scores: _exponentials_over_sum(scores - scores.max()),
            "rows far below the largest score of the array underflow to 0/0: its maximum is subtracted from all rows",
            "Subtract from each row the maximum of that row; keepdims=True keeps the axes aligned.",
        ),
        Mistake(
            "first axis",
            lambda scores: np.moveaxis(softmax(np.moveaxis(scores, 0, -1)), -1, 0),
            "the softmax runs along the first axis",
            "Each row, along the last axis, has to sum to 1.",
        ),
        Mistake(
            "mean",
            lambda scores: _exponentials_over_sum(scores - scores.mean(axis=-1, keepdims=True)),
            "scores far above the mean of their row overflow: the mean is subtracted, not the maximum",
            "After the subtraction the largest score of a row should be 0, or near it.",
        ),
        Mistake(
            "whole array",
            lambda scores: softmax(scores.reshape(-1)).reshape(scores.shape),
            "the whole array sums to 1",
            "Each row, along the last axis, has to sum to 1: give the sum an axis.",
        ),
        Mistake(
            "sum in float16",
            lambda scores: _exponentials_over_sum(scores - scores.max(axis=-1, keepdims=True)),
            "in float16 the exponentials of a long row add up to infinity: the largest number there is 65,504",
            "Compute in a wider type, and cast the result.",
        ),
        Mistake(
            "log-sum-exp in float16",
            _log_sum_exp,
            "in float16 the logarithm of the sum is rounded away: numbers near 10,000 lie 8 apart there",
            "Subtract the maximum from the scores first, or take the logarithm in float32 and cast the result.",
        ),
    ),
)


EXERCISES = (SHAPES, _SOFTMAX)
