"""Exercises of chapter 1 on the parts of attention: shapes, temperature, softmax."""

import numpy as np

from utils.exercises.attention.shapes import SHAPES
from utils.exercises.engine.exercise import Exercise, Mistake
from utils.exercises.engine.primes import PRIMES, sizes

__all__ = ["EXERCISES", "PRIMES", "sizes", "softmax"]


def softmax(scores: np.ndarray) -> np.ndarray:
    """Softmax along the last axis, in the type of `scores`, right for scores of any size."""
    exact = scores.astype(np.float64)
    exponentials = np.exp(exact - exact.max(axis=-1, keepdims=True))
    return (exponentials / exponentials.sum(axis=-1, keepdims=True)).astype(scores.dtype)


def look_up(query: np.ndarray, keys: np.ndarray, values: np.ndarray, temperature: float) -> np.ndarray:
    """Mix values (S, v) by softmax(keys · query / temperature), for a query (d,) and keys (S, d)."""
    return softmax(keys @ query / temperature) @ values


def _lookup_inputs(rng: np.random.Generator, trial: int) -> tuple:
    num_keys, dim, value_dim = sizes(rng, 3)
    temperature = float(10 ** rng.uniform(0.1, 1) if trial % 2 else 10 ** rng.uniform(-1, -0.1))
    return rng.normal(size=dim), rng.normal(size=(num_keys, dim)), rng.normal(size=(num_keys, value_dim)), temperature


_TEMPERATURE = Exercise(
    id="attention-temperature",
    title="soft look-up with a temperature",
    reference=look_up,
    make_inputs=_lookup_inputs,
    note="temperatures from 0.1 to 10, scores within ±50",
    hint="Go step by step: S scores, divided by the temperature; S weights that sum to 1; their mix of the S values.",
    mistakes=(
        Mistake(
            "multiplies by the temperature",
            lambda query, keys, values, temperature: look_up(query, keys, values, 1 / temperature),
            "the scores are multiplied by the temperature",
            "A high temperature must level the weights: it has to bring the scores closer together, not further apart.",
        ),
        Mistake(
            "ignores the temperature",
            lambda query, keys, values, temperature: look_up(query, keys, values, 1.0),
            "the temperature makes no difference",
            "It divides the scores before the softmax.",
        ),
        Mistake(
            "hard look-up",
            lambda query, keys, values, temperature: values[np.argmax(keys @ query)],
            "only the value of the best key is returned",
            "That is the limit as the temperature goes to 0. At any other, each value has a share.",
        ),
        Mistake(
            "divides after the softmax",
            lambda query, keys, values, temperature: look_up(query, keys, values, 1.0) / temperature,
            "the weights, not the scores, are divided by the temperature",
            "Divided weights no longer sum to 1. Divide before the softmax, which then sees to the sum.",
        ),
        Mistake(
            "no softmax",
            lambda query, keys, values, temperature: keys @ query / temperature @ values,
            "the values are mixed by the scores themselves: the softmax is missing",
            "Scores may be negative and sum to anything. The softmax makes shares of them.",
        ),
        Mistake(
            "not normalised",
            lambda query, keys, values, temperature: np.exp(keys @ query / temperature) @ values,
            "the weights do not sum to 1: the exponentials are not divided by their sum",
            "A softmax has two steps: take exponentials, then divide by their sum.",
        ),
        Mistake(
            "√d as well",
            lambda query, keys, values, temperature: look_up(query, keys, values, temperature * len(query) ** 0.5),
            "the scores are divided by √d as well as by the temperature",
            "Scaled dot-product attention sets the temperature to √d; here it is an argument and stands alone.",
        ),
    ),
)


def _softmax_inputs(rng: np.random.Generator, trial: int) -> tuple:
    dtype, rank, kind = (np.float64, np.float32, np.float16)[trial % 3], 1 + trial // 3 % 3, trial // 9 % 4
    shape = sizes(rng, rank)
    rows = (*shape[:-1], 1)
    scores = 3 * rng.normal(size=shape)
    if kind // 2:  # rows that spread widely
        scores = scores * 10 ** rng.uniform(0, 3.5, rows)
    if kind % 2:  # rows that lie far apart
        scores = scores + rng.choice([-1, 1], rows) * 10 ** rng.uniform(2.5, 4, rows)
    return ((scores / max(np.abs(scores).max() / 1e4, 1)).astype(dtype),)


def _exponentials_over_sum(shifted: np.ndarray, axis: int | None = -1) -> np.ndarray:
    exponentials = np.exp(shifted)
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


def stable_softmax(scores: np.ndarray) -> np.ndarray:
    """Softmax along the last axis, in the type of `scores`, right for scores of any size."""
    return softmax(scores)


def _log_sum_exp(scores: np.ndarray) -> np.ndarray:
    largest = scores.max(axis=-1, keepdims=True)
    return np.exp(scores - (largest + np.log(np.exp(scores - largest).sum(axis=-1, keepdims=True))))


_SOFTMAX = Exercise(
    id="attention-stable-softmax",
    title="a softmax that does not overflow",
    reference=stable_softmax,
    make_inputs=_softmax_inputs,
    note="float16 and scores of ±10,000 included",
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
            "After the subtraction no score may be positive.",
        ),
        Mistake(
            "whole array",
            lambda scores: softmax(scores.reshape(-1)).reshape(scores.shape),
            "the whole array sums to 1",
            "Each row, along the last axis, has to sum to 1: give the sum an axis.",
        ),
        Mistake(
            "log-sum-exp in float16",
            _log_sum_exp,
            "in float16 the logarithm of the sum is rounded away: numbers near 10,000 lie 8 apart there",
            "Subtract the maximum from the scores first, or take the logarithm in float32 and cast the result.",
        ),
    ),
)


EXERCISES = (SHAPES, _TEMPERATURE, _SOFTMAX)
