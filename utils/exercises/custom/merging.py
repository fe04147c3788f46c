"""Exercise of chapter 7: a low-rank adapter, merged.

Letters in shapes: N inputs, M outputs, r the rank.
"""

import numpy as np

from utils.exercises.engine.exercise import Exercise, Mistake
from utils.exercises.engine.primes import sizes

_ALPHAS = (0.1, 40.0)


def merge(kernel: np.ndarray, a: np.ndarray, b: np.ndarray, alpha: float) -> np.ndarray:
    """Kernel (N, M) with its adapter A (N, r), B (r, M) added in, weighted by alpha / r."""
    return kernel + alpha / a.shape[1] * (a @ b)


def _adapter(rng: np.random.Generator, trial: int) -> tuple:
    inputs, outputs = sizes(rng, 2)
    inputs, outputs = inputs + 4, outputs + 4
    rank = int(rng.integers(1, min(inputs, outputs)))
    alpha = float(np.exp(rng.uniform(*np.log(_ALPHAS))))  # as often below 2 as above
    parts = (rng.normal(size=shape) for shape in ((inputs, outputs), (inputs, rank), (rank, outputs)))
    return (*parts, alpha)


_MERGE = Exercise(
    id="custom-merge",
    title="an adapter, merged",
    reference=merge,
    make_inputs=_adapter,
    note="with α from 0.1 to 40",
    hint="Equation eq-lora has three factors beside W. Which array tells the rank?",
    mistakes=(
        Mistake(
            "not divided by the rank",
            lambda kernel, a, b, alpha: kernel + alpha * (a @ b),
            "the correction is weighted by α, not by α / r",
            "The rank is the number of columns of A.",
        ),
        Mistake(
            "alpha left out",
            lambda kernel, a, b, alpha: kernel + a @ b,
            "the correction is added as it is",
            "How much does the correction count?",
        ),
        Mistake(
            "divided by the inputs",
            lambda kernel, a, b, alpha: kernel + alpha / len(a) * (a @ b),
            "α is divided by the number of inputs",
            "The rank is the small size: columns of A, rows of B.",
        ),
        Mistake(
            "divided by the outputs",
            lambda kernel, a, b, alpha: kernel + alpha / b.shape[1] * (a @ b),
            "α is divided by the number of outputs",
            "The rank is the small size: columns of A, rows of B.",
        ),
        Mistake(
            "correction alone",
            lambda kernel, a, b, alpha: alpha / a.shape[1] * (a @ b),
            "only the correction is returned",
            "W stays, and the correction is added to it.",
        ),
        Mistake(
            "taken off",
            lambda kernel, a, b, alpha: kernel - alpha / a.shape[1] * (a @ b),
            "the correction is taken off",
            "It is added when it stands beside W. So it is added when it is merged.",
        ),
        Mistake(
            "kernel weighted too",
            lambda kernel, a, b, alpha: alpha / a.shape[1] * (kernel + a @ b),
            "the old weights are multiplied, too",
            "With B = 0 the model must be as it was.",
        ),
        Mistake(
            "divided twice",
            lambda kernel, a, b, alpha: kernel + a @ b / a.shape[1],
            "the correction is divided by the rank, and α is left out",
            "What does α do?",
        ),
    ),
)

EXERCISES = (_MERGE,)
