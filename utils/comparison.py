"""Accuracies side by side: what noise in the labels does to one, and how sure the difference of two is."""

from collections.abc import Sequence

import numpy as np


def measured_accuracy(true_accuracy: float | np.ndarray, noise: float | np.ndarray) -> float | np.ndarray:
    """Return the accuracy measured on labels of which a share is wrong, for two classes.

    With probability `noise` a label is replaced by the other class, whatever the text and whether or not the
    classifier errs on it: this independence is assumed. A right answer then counts where the label was left alone, a
    wrong one where it was replaced: a(1 - r) + (1 - a)r. A classifier that never errs shows 1 - r, the ceiling.
    Angluin and Laird (1988), doi:10.1007/BF00116829, whose rate of disagreement is 1 minus this.

    Args:
        true_accuracy: a, the share of texts whose true class is predicted; a number or an array.
        noise: r, the share of labels replaced; a number or an array that broadcasts.

    Returns:
        The expected share of texts whose label is predicted.

    Raises:
        ValueError: a share is not between 0 and 1.

    Example:
        >>> round(measured_accuracy(0.9, 0.05), 4)
        0.86
        >>> measured_accuracy(1.0, 0.05)
        0.95
    """
    _check_share("true_accuracy", true_accuracy)
    _check_share("noise", noise)
    return true_accuracy * (1 - noise) + (1 - true_accuracy) * noise


def _check_share(name: str, value: float | np.ndarray) -> None:
    numbers = np.asarray(value, dtype=float)
    outside = numbers[~((numbers >= 0) & (numbers <= 1))]
    if outside.size:
        raise ValueError(f"expected {name} between 0 and 1, a share and no percentage; received {outside.flat[0]:g}")


def paired_difference(
    first_correct: Sequence[bool] | np.ndarray, second_correct: Sequence[bool] | np.ndarray
) -> tuple[float, float]:
    """Return how much more accurate one classifier is than another on the same texts, and how sure that is.

    Text by text the difference is 1, 0 or -1; its mean is the difference of the accuracies, and the standard error
    that of a mean. Texts on which both are right, or both wrong, carry no noise into it. This is the sampling error of
    the difference between correlated proportions of McNemar (1947), doi:10.1007/BF02295996; for classifiers see
    Dietterich (1998), doi:10.1162/089976698300017197. It speaks of other texts, not of another training.

    Args:
        first_correct: N truth values, whether the first classifier is right on each text.
        second_correct: the same for the second one, texts in the same order.

    Returns:
        (difference, standard_error): accuracy of the first minus that of the second, and the square root of the
        variance of the N differences (with N - 1 below) divided by N.

    Raises:
        ValueError: the two are not of one length, have fewer than two texts, or hold anything but true and false.

    Example:
        >>> difference, error = paired_difference([True, True, True, False], [True, False, False, True])
        >>> round(difference, 3), round(error, 3)
        (0.25, 0.479)
    """
    first, second = _truth_values("first_correct", first_correct), _truth_values("second_correct", second_correct)
    if len(first) != len(second):
        raise ValueError(f"expected the same texts in both; received {len(first)} and {len(second)}")
    if len(first) < 2:
        raise ValueError(f"expected at least two texts to measure a spread on; received {len(first)}")
    differences = first.astype(float) - second
    return float(differences.mean()), float(np.sqrt(differences.var(ddof=1) / len(differences)))


def _truth_values(name: str, value: Sequence[bool] | np.ndarray) -> np.ndarray:
    values = np.asarray(value)
    wrong = values[~np.isin(values, (0, 1))]
    if values.ndim != 1 or wrong.size:
        received = f"shape {values.shape}" if values.ndim != 1 else f"{wrong[0]} among them"
        raise ValueError(f"expected {name} to be one row of true and false; received {received}")
    return values.astype(bool)
