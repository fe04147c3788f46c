"""Wrong answers to the exercise of chapter 2 that asks for a number, in the words that learners might choose."""

import numpy as np


def error_with(scale):
    """Find the best weights for a given c by bisection: they are what of the coefficients lies above a threshold."""

    def answer(coefficients):
        total = scale(coefficients)
        target = coefficients if total >= 0 else -coefficients
        low, high = target.min() - abs(total), target.max()
        for _ in range(80):
            middle = (low + high) / 2
            above = np.maximum(target - middle, 0)
            low, high = (middle, high) if above.sum() > abs(total) else (low, middle)
        return np.sum((target - above) ** 2)

    return answer


COUNT_SLIPS = [  # id, name of the mistake, answer
    ("heads-one-head-error", "larger of the two", lambda a: max(sum(a[a < 0] ** 2), sum(a[a > 0] ** 2))),
    ("heads-one-head-error", "negative ones always lost", lambda a: np.sum(np.minimum(a, 0) ** 2)),
    ("heads-one-head-error", "positive ones always lost", lambda a: np.sum(np.maximum(a, 0) ** 2)),
    ("heads-one-head-error", "nothing gained", lambda a: np.linalg.norm(a) ** 2),
    ("heads-one-head-error", "no error", lambda a: 0),
    ("heads-one-head-error", "largest coefficient kept", lambda a: np.sum(np.sort(a**2)[:-1])),
    ("heads-one-head-error", "even weights", lambda a: ((a - a.mean()) ** 2).sum()),
    ("heads-one-head-error", "c fixed to 1", error_with(lambda a: 1.0)),
    ("heads-one-head-error", "c fixed to the sum", error_with(np.sum)),
    ("heads-one-head-error", "not squared", lambda a: min(abs(a[a < 0]).sum(), abs(a[a > 0]).sum())),
    ("heads-one-head-error", "square of the sum", lambda a: min(a[a < 0].sum() ** 2, a[a > 0].sum() ** 2)),
    (
        "heads-one-head-error",
        "divided by n",
        lambda a: min(np.mean(np.maximum(a, 0) ** 2), np.mean(np.minimum(a, 0) ** 2)),
    ),
    (
        "heads-one-head-error",
        "square root",
        lambda a: min(np.linalg.norm(np.maximum(a, 0)), np.linalg.norm(np.minimum(a, 0))),
    ),
]
