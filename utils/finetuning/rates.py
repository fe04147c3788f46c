"""The loss of each batch, out of what ktrain's learning-rate finder keeps, and the rate that it suggests."""

import math
from collections.abc import Callable

import numpy as np


def batch_losses(kept: np.ndarray, beta: float, steps_per_epoch: int) -> np.ndarray:
    """Undo the two averages through which ktrain's learning-rate finder sees the loss.

    Keras 2 reports the mean over the batches of the epoch so far; ktrain smooths that once more, with a weight beta for
    what came before, divided by 1 - beta^k as Adam divides its moments. With batches of equal size the result is exact.

    Args:
        kept: losses of ktrain's `lr_finder`, shape (K,).
        beta: its `lr_finder.beta`.
        steps_per_epoch: after so many batches Keras begins a new mean.

    Returns:
        Float array (K,): the mean loss of each batch, in the unit of `kept`.

    Example:
        >>> losses = np.array([4.0, 2.0, 6.0])
        >>> means = np.cumsum(losses) / [1, 2, 3]
        >>> batch_losses(smoothed(means, 0.9), 0.9, 3).round(6)
        array([4., 2., 6.])
    """
    number = np.arange(1, len(kept) + 1)
    sums = kept * (1 - beta**number)
    means = (sums - beta * np.r_[0, sums[:-1]]) / (1 - beta)
    place = (number - 1) % steps_per_epoch  # within its epoch
    before = np.where(place > 0, np.r_[0, means[:-1]], 0)
    return (place + 1) * means - place * before


def smoothed(values: np.ndarray, beta: float) -> np.ndarray:
    """Return the running average of values with weight beta for what came before, without a bias towards 0.

    Equation of Kingma and Ba (2015), arXiv:1412.6980, section 3: m_k = beta m_{k-1} + (1 - beta) v_k, over 1 - beta^k.

    Args:
        values: shape (K,).
        beta: from 0, no smoothing, to below 1; 1 / (1 - beta) values count, roughly.

    Example:
        >>> smoothed(np.array([1.0, 0.0, 0.0]), 0.5).round(3)
        array([1.   , 0.333, 0.143])
    """
    average, averages = 0.0, []
    for number, value in enumerate(values, start=1):
        average = beta * average + (1 - beta) * value
        averages.append(average / (1 - beta**number))
    return np.array(averages)


def suggest_rate(rates: np.ndarray, losses: np.ndarray, valley: Callable[[list[float], list[float]], int]) -> float:
    """Return the rate that ktrain's `valley` picks, if it lies on the way down to the lowest loss, or NaN.

    Without a fall, `valley` answers with the first rate, 1e-7, or with one beyond the lowest loss, where training
    already diverges.

    Args:
        rates: shape (K,), rising.
        losses: shape (K,); those from the first on that is not a number, where training has diverged, are left out.
        valley: takes rates and losses as lists and returns a place among them.

    Example:
        >>> suggest_rate(np.array([1e-3, 1e-2, 1e-1]), np.array([1.0, 2.0, 3.0]), lambda rates, losses: 0)
        nan
    """
    finite = np.isfinite(losses)
    count = len(losses) if finite.all() else int(finite.argmin())
    if not count:
        return math.nan
    rates, losses = rates[:count], losses[:count]
    place, lowest = valley(rates.tolist(), losses.tolist()), int(losses.argmin())
    return float(rates[place]) if 0 < place < lowest and losses[place] < losses[0] else math.nan
