"""Whether a classifier's probabilities can be believed, and the one number that makes them more honest."""

from typing import NamedTuple

import numpy as np

from utils.classification.evaluation import Evaluation

COLDEST, HOTTEST = 0.05, 20.0  # temperatures that are tried


class Reliability(NamedTuple):
    """Predictions sorted into B bins by their confidence, the probability of the predicted class.

    Attributes:
        edges: float array (B + 1,), from 0 to 1. A bin holds confidences above its lower edge, up to its upper one.
        texts: int array (B,), how many predictions are in each bin.
        confidence: float array (B,), their mean confidence; NaN where a bin is empty.
        accuracy: float array (B,), the share of them that is right; likewise.
        error: expected calibration error, from 0 to 1: how far accuracy and confidence differ, on average over texts.
    """

    edges: np.ndarray
    texts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    error: float


def reliability(evaluation: Evaluation, bins: int = 10) -> Reliability:
    """Compare confidence with accuracy in bins of equal width.

    The expected calibration error of Naeini et al. (2015), as Guo et al. (2017), arXiv:1706.04599, use it.

    Raises:
        ValueError: there is no text, or bins is below 1.

    Example:
        >>> evaluation = Evaluation(("no", "yes"), np.array([0, 0]), np.array([[0.9, 0.1], [0.3, 0.7]]))
        >>> round(reliability(evaluation).error, 2)  # 0.9 and right, 0.7 and wrong
        0.4
    """
    if bins < 1 or not len(evaluation.truth):
        raise ValueError(f"expected one bin and one text at least; received {bins} and {len(evaluation.truth)}")
    confidence, correct = evaluation.probability.max(axis=-1), evaluation.correct
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    texts = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean_confidence = np.bincount(place, confidence, bins) / texts
        accuracy = np.bincount(place, correct, bins) / texts
    error = float(np.nansum(texts * abs(accuracy - mean_confidence)) / texts.sum())
    return Reliability(edges, texts, mean_confidence, accuracy, error)


def at_temperature(probability: np.ndarray, temperature: float) -> np.ndarray:
    """Return the probabilities (N, C) that logits divided by a temperature give; at 1 they are what they were.

    Above 1 a classifier is less sure of everything, below 1 surer. The order of the classes never changes.

    Example:
        >>> at_temperature(np.array([[0.9, 0.1]]), 2.0).round(2)  # odds of 9 become odds of 3
        array([[0.75, 0.25]])
    """
    logits = np.log(np.clip(probability, np.finfo("float64").tiny, 1)) / temperature
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def rescaled(evaluation: Evaluation, temperature: float) -> Evaluation:
    """Return an evaluation with its probabilities at a temperature."""
    return Evaluation(evaluation.classes, evaluation.truth, at_temperature(evaluation.probability, temperature))


def fit_temperature(evaluation: Evaluation) -> float:
    """Return the temperature at which texts of known labels get the smallest mean cross-entropy.

    Temperature scaling of Guo et al. (2017), §4.2. The texts must not be those that the classifier was trained on:
    there it is surer than elsewhere.

    Returns:
        A number from 0.05 to 20; 1.0 where no prediction, or every one, is right, since then nothing bounds it.
    """
    from scipy.optimize import minimize_scalar

    if evaluation.correct.all() or not evaluation.correct.any():
        return 1.0
    bounds = np.log((COLDEST, HOTTEST))
    found = minimize_scalar(lambda log: rescaled(evaluation, np.exp(log)).loss, bounds=bounds, method="bounded")
    return float(np.exp(found.x))


def cross_fitted(evaluation: Evaluation) -> Evaluation:
    """Return an evaluation in which each half's temperature was fitted on the other half.

    So it says what a temperature is worth on texts that it was not fitted on, though there is one part of held-out
    texts only. The halves are the texts at even and at odd places of each true class.
    """
    place = np.zeros(len(evaluation.truth), int)
    for number in range(len(evaluation.classes)):
        rows = evaluation.truth == number
        place[rows] = np.arange(rows.sum())
    probability = evaluation.probability.copy()
    for half in (place % 2 == 0, place % 2 == 1):
        other = Evaluation(evaluation.classes, evaluation.truth[~half], evaluation.probability[~half])
        if len(other.truth):
            probability[half] = at_temperature(probability[half], fit_temperature(other))
    return Evaluation(evaluation.classes, evaluation.truth, probability)
