"""Exercise of chapter 8 on two classifiers, the same texts, and how sure their difference is."""

from collections.abc import Callable

import numpy as np

from utils.comparison import paired_difference
from utils.exercises.engine.exercise import Exercise, Mistake

_Result = tuple[float, float]


def _paired_inputs(rng: np.random.Generator, trial: int) -> tuple:
    """Draw two classifiers that often err on the same texts, each right on a text where the other is wrong."""
    count, accuracy = int(rng.integers(12, 160)), rng.uniform(0.55, 0.9)
    hard = rng.random(count) > accuracy
    first, second = (np.where(rng.random(count) < rng.uniform(0.05, 0.3), hard, ~hard) for _ in range(2))
    first[:4], second[:4] = (True, True, False, True), (False, True, True, False)
    order = rng.permutation(count)
    return first[order], second[order]


def _with_error(error: Callable[[np.ndarray, np.ndarray], float]) -> Callable[..., _Result]:
    """Make an answer whose difference is right and whose standard error is another."""
    return lambda first, second: (float(first.mean() - second.mean()), float(error(first * 1.0, second * 1.0)))


def _unpaired(first: np.ndarray, second: np.ndarray) -> float:
    """Standard error of the difference of two accuracies that were measured on different texts."""
    return np.sqrt((first.mean() * (1 - first.mean()) + second.mean() * (1 - second.mean())) / len(first))


def _of_one_share(first: np.ndarray, second: np.ndarray) -> float:
    difference = first.mean() - second.mean()
    return np.sqrt(abs(difference) * (1 - abs(difference)) / len(first))


def _on_the_texts_that_differ(first: np.ndarray, second: np.ndarray) -> _Result:
    differ = first != second
    return paired_difference(first[differ], second[differ])


_PAIRED = Exercise(
    id="project-paired",
    title="the difference of two classifiers on the same texts",
    reference=paired_difference,
    make_inputs=_paired_inputs,
    returns=("the difference", "its standard error"),
    note="12 to 159 texts",
    hint="Take the difference text by text: 1, 0 or -1. Then it is the mean of N numbers, and its standard error.",
    mistakes=(
        Mistake(
            "order swapped",
            lambda first, second: paired_difference(second, first),
            "the first classifier is subtracted from the second",
            "The difference is positive where the first is the better one.",
        ),
        Mistake(
            "unpaired",
            _with_error(_unpaired),
            "the standard error is that of two classifiers on different texts",
            "Both saw the same texts, and often err together: take the difference on each text first.",
        ),
        Mistake(
            "unpaired, N - 1",
            _with_error(lambda first, second: _unpaired(first, second) * np.sqrt(len(first) / (len(first) - 1))),
            "the standard error is that of two classifiers on different texts, each with its own variance",
            "The variances add up only where errors are independent. Take the difference on each text first.",
        ),
        Mistake(
            "standard deviation",
            _with_error(lambda first, second: np.std(first - second, ddof=1)),
            "the spread of single texts is returned, not that of their mean",
            "The mean of N texts spreads less than one text does, by which factor?",
        ),
        Mistake(
            "divided by N",
            _with_error(lambda first, second: np.std(first - second, ddof=1) / len(first)),
            "the standard deviation is divided by N",
            "It is the variance of the mean that falls as 1/N.",
        ),
        Mistake(
            "variance of the mean",
            _with_error(lambda first, second: np.var(first - second, ddof=1) / len(first)),
            "the variance of the mean is returned, not its square root",
            "A standard error has the unit of what it belongs to.",
        ),
        Mistake(
            "ddof 0",
            _with_error(lambda first, second: np.std(first - second) / np.sqrt(len(first))),
            "the variance is divided by N, not by N - 1",
            "The mean was taken from the same texts, which costs one: pass ddof=1.",
        ),
        Mistake(
            "as if equally good",
            _with_error(lambda first, second: np.sqrt(np.sum(first != second)) / len(first)),
            "the standard error is that of two classifiers assumed equally good",
            "McNemar's test asks under this assumption. Here subtract the mean of the differences, as a variance does.",
        ),
        Mistake(
            "as one share",
            _with_error(_of_one_share),
            "the difference is treated as the share of right answers of one classifier",
            "√(p(1 - p)/N) holds for numbers that are 0 or 1; the difference on a text may be -1 too.",
        ),
        Mistake(
            "texts that differ",
            _on_the_texts_that_differ,
            "texts on which both are right, or both wrong, are left out",
            "They make no difference, and that counts: the accuracies are shares of all texts.",
        ),
        Mistake(
            "no sign",
            lambda first, second: paired_difference(first != second, np.zeros(len(first), bool)),
            "the sign is lost: this is the share of texts on which the two differ",
            "Where the second alone is right, the difference is -1.",
        ),
    ),
)

EXERCISES = (_PAIRED,)
