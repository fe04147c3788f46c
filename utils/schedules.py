"""Learning rates by step: ktrain's one cycle, and the paper's rise and fall."""

from typing import Any

import keras
import numpy as np
from keras import ops

from utils.checks import positive_integer, positive_number


def one_cycle(steps: int, peak: float) -> np.ndarray:
    """Return the learning rate of each step of ktrain's `fit_onecycle(peak, epochs)`.

    With S = steps/2, rounded up, the rate rises in a straight line from a tenth of the peak, at step 0, to the peak, at
    step S; from there it falls in a straight line that would reach a thousandth of the peak at step 2S, which is after
    the last. The policy is that of Smith and Topin (2017), arXiv:1708.07120, and Smith (2018), arXiv:1803.09820. In
    these papers the rate comes back to its first value, and only in the last few steps does it fall lower. In ktrain it
    falls in one straight line, through the whole second half.

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


@keras.saving.register_keras_serializable(package="executable-transformer")
class InverseSquareRoot(keras.optimizers.schedules.LearningRateSchedule):
    """The paper's schedule: a straight rise, then a fall as one over the root of the step.

    Equation 3 of Vaswani et al. (2017), arXiv:1706.03762, section 5.3:
    d_model**-0.5 * min(step**-0.5, step * warm_up**-1.5), with steps counted from 1. The peak, at step warm_up, is
    (d_model * warm_up)**-0.5: before it a rate is step / warm_up of the peak, after it (warm_up / step)**0.5. Give it
    to an optimizer of Keras as its learning rate.

    Args:
        d_model: width of the model.
        warm_up: steps of the rise.
        peak: the highest rate, at step warm_up; that of the paper when omitted.

    Raises:
        ValueError: d_model or warm_up is no positive integer, or peak is not positive.

    Example:
        >>> schedule = InverseSquareRoot(64, warm_up=4)
        >>> [round(float(schedule(step)), 4) for step in (0, 3, 15)]  # Keras counts from 0
        [0.0156, 0.0625, 0.0312]
    """

    def __init__(self, d_model: int, warm_up: int, peak: float | None = None):
        self.d_model, self.warm_up = positive_integer("d_model", d_model), positive_integer("warm_up", warm_up)
        self.peak = (self.d_model * self.warm_up) ** -0.5 if peak is None else positive_number("peak", peak)

    def __call__(self, step: Any) -> Any:
        """Return the rate of a step, counted from 0 as Keras counts."""
        step = ops.cast(step, "float32") + 1
        return self.peak * ops.minimum(step / self.warm_up, (self.warm_up / step) ** 0.5)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this schedule again."""
        return {"d_model": self.d_model, "warm_up": self.warm_up, "peak": self.peak}
