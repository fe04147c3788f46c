"""Exercise of chapter 8: find the bug in a training by steps against the gradient.

Letters in shapes: N texts, D words that are counted, C classes.
"""

import numpy as np

from utils.exercises.engine.exercise import Mistake
from utils.exercises.engine.forms import FindTheBug
from utils.exercises.engine.primes import sizes

_LISTING = """
def train_steps(x, y, weights, rate, steps):
    for _ in range(steps):
        logits = x @ weights
        logits = logits - logits.max(axis=1, keepdims=True)
        p = np.exp(logits)
        p = p / p.sum(axis=1, keepdims=True)
        error = p.copy()
        error[np.arange(len(y)), y] -= 1
        gradient = x.T @ error / len(weights)
        weights = weights - rate * gradient
    return weights
"""


def train_steps(x: np.ndarray, y: np.ndarray, weights: np.ndarray, rate: float, steps: int) -> np.ndarray:
    """Return weights (D, C) after steps against the gradient of the mean loss: counts x (N, D), classes y (N,)."""
    return _trained(x, y, weights, rate, steps)


def _trained(x, y, weights, rate, steps, divide=lambda x, weights: len(x), target=1.0, axis=1) -> np.ndarray:
    """Train with another divisor, another target for the class of the label, or a softmax over another axis."""
    for _ in range(steps):
        logits = x @ weights
        p = np.exp(logits - logits.max(axis=axis, keepdims=True))
        error = p / p.sum(axis=axis, keepdims=True)
        error[np.arange(len(y)), y] -= target
        weights = weights - rate * (x.T @ error) / divide(x, weights)
    return weights


def _batches(rng: np.random.Generator, trial: int) -> tuple:
    texts, words, classes = sizes(rng, 3)
    x = rng.integers(0, 3, (texts, words)).astype(float)
    x[0] = 1 + rng.integers(0, 2, words)  # no batch without a word
    weights = rng.normal(size=(words, classes))
    return x, rng.integers(0, classes, texts), weights, float(rng.uniform(0.5, 1.5)), int(rng.integers(1, 4))


STEP = FindTheBug(
    id="project-bug-step",
    title="a bug in a step of training",
    reference=train_steps,
    make_inputs=_batches,
    listing=_LISTING,
    hint="Let each text stand in the batch twice. The mean loss stays, so the step should stay too. Which line makes "
    "another of it?",
    innocent={
        1: "it only names what comes in",
        2: "one pass of the loop is one step",
        3: "the logits (N, C): for each text and class, the counted words' weights added up",
        4: "a softmax depends on differences alone, and now no exponential overflows",
        5: "the softmax begins with exponentials",
        6: "the probabilities of each text sum to 1 over the classes",
        7: "a copy, so that p itself stays as it is",
        8: "what was said minus what should have been said: 1 for the class of the label",
        10: "a step against the gradient, as far as the rate says; the array that came in is left alone",
        11: "the loop is over, and these are the weights after the last step",
    },
    mistakes=(
        Mistake(
            "sum",
            lambda *inputs: _trained(*inputs, divide=lambda x, weights: 1),
            "the gradients of the texts are added up, and not divided by anything",
            "The loss is a mean: over how many?",
        ),
        Mistake(
            "divided by the classes",
            lambda *inputs: _trained(*inputs, divide=lambda x, weights: weights.shape[1]),
            "the sum is divided by the number of classes",
            "Each text has one loss, however many classes there are.",
        ),
        Mistake(
            "divided by texts and classes",
            lambda *inputs: _trained(*inputs, divide=lambda x, weights: len(x) * weights.shape[1]),
            "the sum is divided by the number of texts times that of classes",
            "Each text has one loss, however many classes there are.",
        ),
        Mistake(
            "divided by the words",
            lambda *inputs: _trained(*inputs, divide=lambda x, weights: x.sum()),
            "the sum is divided by the number of words in the batch",
            "The mean is over texts. A long text counts as much as a short one.",
        ),
        Mistake(
            "divided by one text fewer",
            lambda *inputs: _trained(*inputs, divide=lambda x, weights: len(x) - 1),
            "the sum is divided by one text fewer than there are",
            "A mean of N losses, not an estimate of a variance.",
        ),
        Mistake(
            "up the slope",
            lambda *inputs: _trained(*inputs, divide=lambda x, weights: -len(x)),
            "the loss grows: the weights move along the gradient",
            "The gradient points to where the loss grows.",
        ),
        Mistake(
            "softmax over the texts",
            lambda *inputs: _trained(*inputs, axis=0),
            "the probabilities sum to 1 over the texts of the batch",
            "Line 6 was right as it stood: rows are texts, columns are classes.",
        ),
        Mistake(
            "label forgotten",
            lambda *inputs: _trained(*inputs, target=0.0),
            "the labels have no part in it",
            "Line 8 was right as it stood.",
        ),
        Mistake(
            "one step",
            lambda x, y, weights, rate, steps: _trained(x, y, weights, rate, 1),
            "only the first step is taken",
            "Return the weights after the loop, not within it.",
        ),
    ),
)

EXERCISES = (STEP,)
