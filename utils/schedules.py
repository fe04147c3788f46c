"""The learning rates of ktrain's one-cycle schedule, as a formula."""

import numpy as np


def one_cycle(steps: int, peak: float) -> np.ndarray:
    """Return the learning rate of each step of ktrain's `fit_onecycle(peak, epochs)`.

    With S = steps/2, rounded up, the rate rises in a straight line from a tenth of the peak, at step 0, to the peak, at
    step S; from there it falls in a straight line that would reach a thousandth of the peak at step 2S, which is after
    the last. The policy is that of Smith and Topin (2017), arXiv:1708.07120, and Smith (2018), arXiv:1803.09820, who
    keep a last stretch of the steps for the fall below the first rate; ktrain lets the whole second half fall so far.

    Args:
        steps: batches in an epoch times epochs.
        peak: the highest rate.

    Returns:
        Float array (steps,): entry k is the rate at which step k, counted from 0, changes the weights.

    Raises:
        ValueError: steps is not an integer of at least 1, or peak is not above 0.

    Example:
        >>> one_cycle(4, 1.0)
        array([0.1   , 0.55  , 1.    , 0.5005])
    """
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1:
        raise ValueError(f"expected steps to be an integer of at least 1; received {steps!r}")
    if not 0 < peak < np.inf:
        raise ValueError(f"expected peak to be a learning rate above 0; received {peak!r}")
    half, step = (steps + 1) // 2, np.arange(steps)
    base = np.where(step <= half, peak / 10, peak / 1000)
    return base + (peak - base) * (1 - np.abs(step - half) / half)
