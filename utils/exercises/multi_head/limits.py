"""Exercise of chapter 2 on what one head cannot do: coefficients of both signs in one sum.

A head whose scores depend on positions alone gives c·Σ wⱼxⱼ with weights wⱼ ≥ 0 of sum 1. With independent xⱼ of mean 0
and variance 1, its mean squared error against Σ aⱼxⱼ is Σ (aⱼ − c·wⱼ)²: a distance between coefficients.
"""

import numpy as np

from utils.exercises.attention.inputs import sizes
from utils.exercises.engine.exercise import Exercise, Mistake


def one_head_error(coefficients: np.ndarray) -> float:
    """Smallest mean squared error of one head against Σ aⱼxⱼ, for coefficients a (n,).

    The entries of c·w share a sign. With c ≥ 0 they can be any numbers ≥ 0: the nearest to a are its positive
    entries, and the squares of the negative ones are left. With c ≤ 0 it is the other way round.
    """
    return min(_squares(coefficients > 0, coefficients), _squares(coefficients < 0, coefficients))


def _squares(chosen: np.ndarray | bool, coefficients: np.ndarray) -> float:
    """Sum of the squares of the chosen coefficients."""
    return float(np.sum(coefficients**2, where=chosen))


def _error_with(scale: float, coefficients: np.ndarray) -> float:
    """Smallest error where c is not free but `scale`."""
    nearest = np.sign(scale) * _nearest_shares(np.sign(scale) * coefficients, abs(scale))
    return float(np.sum((coefficients - nearest) ** 2))


def _nearest_shares(point: np.ndarray, total: float) -> np.ndarray:
    """Project a point (n,) onto numbers ≥ 0 of the given sum.

    Source: Duchi et al. (2008), "Efficient Projections onto the l1-Ball for Learning in High Dimensions".
    """
    falling = np.sort(point)[::-1]
    thresholds = (np.cumsum(falling) - total) / np.arange(1, len(point) + 1)
    kept = np.count_nonzero(falling >= thresholds)
    return np.maximum(point - thresholds[kept - 1], 0)


def _coefficients(rng: np.random.Generator, trial: int) -> tuple:
    (length,) = sizes(rng, 1)
    coefficients = rng.uniform(0.2, 3, length) * rng.choice((-1, 1), length)
    coefficients[:2] = np.abs(coefficients[:2]) * rng.permutation((-1, 1))  # both signs are there
    if trial % 5 == 3:
        coefficients = np.abs(coefficients) * (-1) ** (trial // 5)  # one sign alone
    if trial % 5 == 4:
        coefficients = np.append(coefficients, 0.0)
    return (coefficients,)


_ONE_HEAD = Exercise(
    id="heads-one-head-error",
    title="what one head cannot do",
    reference=one_head_error,
    make_inputs=_coefficients,
    note="signs all alike included",
    hint="The error is the sum of (aⱼ − c·wⱼ)². Which signs can the products c·wⱼ have, and how large can each be?",
    mistakes=(
        Mistake(
            "larger of the two",
            lambda a: max(_squares(a > 0, a), _squares(a < 0, a)),
            "this is the larger of the two errors: the head serves the sign with the smaller squares",
            "The sign of c is free, so the head gives up the sign that costs less.",
        ),
        Mistake(
            "negative ones always lost",
            lambda a: _squares(a < 0, a),
            "the error is always that of the negative coefficients, as if c could not be negative",
            "c may be any real number: a projection can turn signs around, all of them at once.",
        ),
        Mistake(
            "positive ones always lost",
            lambda a: _squares(a > 0, a),
            "the error is always that of the positive coefficients, as if c had to be negative",
            "c may be any real number, positive ones included.",
        ),
        Mistake(
            "nothing gained",
            lambda a: _squares(True, a),
            "the squares of all coefficients are added, as if the head could do nothing",
            "That is the error of a head with c = 0. Which of the coefficients can it match with another c?",
        ),
        Mistake(
            "no error",
            lambda a: 0.0,
            "the error is 0 on every trial, as if signs did not matter",
            "Try the target x₁ − x₂: which c and which weights w₁, w₂ ≥ 0 would give it?",
        ),
        Mistake(
            "largest coefficient kept",
            lambda a: _squares(True, a) - np.max(a**2),
            "only the largest coefficient is matched, by a head that looks at one position",
            "A head may spread its weights over several positions. Which coefficients can it match at the same time?",
        ),
        Mistake(
            "even weights",
            lambda a: _squares(True, a) - np.sum(a) ** 2 / len(a),
            "this is the error of a head that weighs all positions alike",
            "The weights are free too: only their signs and their sum are given.",
        ),
        Mistake(
            "c fixed to 1",
            lambda a: _error_with(1.0, a),
            "c is taken to be 1: the products c·wⱼ are made to sum to 1",
            "The weights sum to 1, but c is free: so what can the products c·wⱼ sum to?",
        ),
        Mistake(
            "c fixed to the sum",
            lambda a: _error_with(float(np.sum(a)), a),
            "c is taken to be the sum of the coefficients",
            "That would serve if all of them could be matched. Choose c for those that can.",
        ),
        Mistake(
            "not squared",
            lambda a: min(np.sum(a, where=a > 0), -np.sum(a, where=a < 0)),
            "the coefficients are added up, not their squares",
            "Each coefficient that is not matched adds (aⱼxⱼ)² to the squared error. What is the mean of that?",
        ),
        Mistake(
            "square of the sum",
            lambda a: min(np.sum(a, where=a > 0), -np.sum(a, where=a < 0)) ** 2,
            "the coefficients are added before they are squared",
            "The xⱼ are independent: the mean of a product of two of them is 0, so only the squares stay.",
        ),
        Mistake(
            "divided by n",
            lambda a: one_head_error(a) / len(a),
            "the error is divided by the number of coefficients",
            "The mean is taken over the random x, not over positions: the target is one number.",
        ),
        Mistake(
            "square root",
            lambda a: one_head_error(a) ** 0.5,
            "this is the root of the mean squared error",
            "Leave it squared, as a loss is.",
        ),
    ),
)

EXERCISES = (_ONE_HEAD,)
