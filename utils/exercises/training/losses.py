"""Exercise of chapter 5 on label smoothing.

Letters in shapes: T tokens, V the vocabulary.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from utils.exercises.engine.exercise import Exercise, Finding, Mistake
from utils.exercises.engine.primes import sizes

_WIDE = 700  # the exponential of a score so far below another is about 0 in floats
_NO_P = "ln p is a difference of two numbers: neither of them needs p."


def smoothed_loss(logits: np.ndarray, labels: np.ndarray, smoothing: float, pad_id: int) -> float:
    """Mean loss, in nats, of the labels (T,) that are no padding: scores (T, V), a share spread evenly over all V."""
    log_p = _log_softmax(logits)
    right = log_p[np.arange(len(labels)), labels]
    each = (1 - smoothing) * right + smoothing * log_p.mean(axis=-1)
    return float(-each[labels != pad_id].mean())


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    scores = logits - logits.max(axis=-1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))


def _tokens(rng: np.random.Generator, trial: int) -> tuple:
    length, vocabulary = sizes(rng, 2)
    length, vocabulary, pad_id = length + 4, vocabulary + 3, int(rng.integers(3))
    labels = (pad_id + rng.integers(1, vocabulary, length)) % vocabulary  # none is padding
    labels[len(labels) - 1 - int(rng.integers(3)) :] = pad_id
    # In one of four some rows overflow unless the largest number of each row is subtracted, and not that of all rows.
    level = 1000.0 * (np.arange(length) % 2)[:, None] if trial % 4 == 3 else 0.0
    logits = 2 * rng.normal(size=(length, vocabulary)) + level
    if trial % 4 == 1:  # in another one of four some rows are thousands wide: a probability of e**-4000 is 0 in floats
        logits[(labels != pad_id) & (np.arange(length) % 2 == 0)] *= 1000
    return logits, labels, float(rng.choice((0.1, 0.2, 0.3))), pad_id


def _parts(logits: np.ndarray, labels: np.ndarray, smoothing: float, pad_id: int) -> tuple:
    """Return -ln p of the right tokens, the same of all tokens, and which labels count."""
    log_p = _log_softmax(logits)
    return -log_p[np.arange(len(labels)), labels], -log_p, labels != pad_id


def _others_alone(*inputs) -> float:
    """Spread the share over the V - 1 wrong tokens."""
    right, every, counted = _parts(*inputs)
    smoothing, others = inputs[2], (every.sum(axis=-1) - right) / (every.shape[1] - 1)
    return float(((1 - smoothing) * right + smoothing * others)[counted].mean())


def _not_taken_off(*inputs) -> float:
    right, every, counted = _parts(*inputs)
    return float((right + inputs[2] * every.mean(axis=-1))[counted].mean())


def _summed(*inputs) -> float:
    right, every, counted = _parts(*inputs)
    return float(((1 - inputs[2]) * right + inputs[2] * every.sum(axis=-1))[counted].mean())


def _scaled(*inputs) -> float:
    right, _, counted = _parts(*inputs)
    return float((1 - inputs[2]) * right[counted].mean())


def _of_probabilities(logits: np.ndarray, labels: np.ndarray, smoothing: float, pad_id: int) -> float:
    """Smooth the model's probabilities instead of the target."""
    p = np.exp(_log_softmax(logits))
    p = (1 - smoothing) * p + smoothing / p.shape[1]
    return float(-np.log(p[np.arange(len(labels)), labels])[labels != pad_id].mean())


def _log_of_probability(logits: np.ndarray, labels: np.ndarray, smoothing: float, pad_id: int) -> float:
    """Take the probabilities first, and their logarithm after that."""
    log_p = np.log(np.exp(_log_softmax(logits)))
    right = log_p[np.arange(len(labels)), labels]
    return float(-((1 - smoothing) * right + smoothing * log_p.mean(axis=-1))[labels != pad_id].mean())


class _Smoothed(Exercise):
    """Knows a loss that is cut off, whichever small number is added to the probabilities or put in their place."""

    def explain(self, wrong: Sequence[Any]) -> Finding | None:
        """Name a loss that is much too small where scores are far apart, and right to 1 % elsewhere."""
        for one in wrong:
            logits, labels, _, pad_id = one.inputs
            is_wide = np.ptp(logits[labels != pad_id], axis=-1).max() > _WIDE
            least = 0 if is_wide else 0.99 * one.expected
            if one.received.shape or not least <= one.received < one.expected:
                return None
        message = "the loss is cut off where scores are thousands apart"
        return Finding(message, f"A small number in place of 0 keeps it small. {_NO_P}")


def _exchanged(logits: np.ndarray, labels: np.ndarray, smoothing: float, pad_id: int) -> float:
    return smoothed_loss(logits, labels, 1 - smoothing, pad_id)


_SMOOTHED = _Smoothed(
    id="training-smoothed-loss",
    title="label smoothing",
    reference=smoothed_loss,
    make_inputs=_tokens,
    note="padding and large scores included",
    hint="The target is 1 − ε for the right token, and ε/V more for each of the V tokens, the right one among them.",
    mistakes=(
        Mistake(
            "no smoothing",
            lambda logits, labels, smoothing, pad_id: smoothed_loss(logits, labels, 0.0, pad_id),
            "the smoothing makes no difference",
            "A share ε of the target goes to all tokens alike.",
        ),
        Mistake(
            "padding counted",
            lambda logits, labels, smoothing, pad_id: smoothed_loss(logits, labels, smoothing, -1),
            "padding is predicted, too",
            "Take the mean over labels other than pad_id.",
        ),
        Mistake(
            "divided by all places",
            lambda *inputs: smoothed_loss(*inputs) * (inputs[1] != inputs[3]).mean(),
            "the sum is right, and is divided by all places, padding among them",
            "Of how many labels is it the mean?",
        ),
        Mistake(
            "sum",
            lambda *inputs: smoothed_loss(*inputs) * (inputs[1] != inputs[3]).sum(),
            "the losses are added up, and not divided by anything",
            "A mean is asked for.",
        ),
        Mistake(
            "spread over the others",
            _others_alone,
            "the share goes to the wrong tokens alone",
            "Here it is spread over all V tokens: the right one has 1 − ε + ε/V.",
        ),
        Mistake(
            "nothing taken off",
            _not_taken_off,
            "the right token keeps its whole weight, and the target sums to more than 1",
            "What is spread is first taken from the right token: 1 − ε.",
        ),
        Mistake(
            "sum over the vocabulary",
            _summed,
            "every token of the vocabulary gets ε, not ε/V",
            "The share ε is spread: each of V tokens gets ε/V.",
        ),
        Mistake(
            "right token alone",
            _scaled,
            "only the right token counts, at 1 − ε of its weight",
            "Where does the share ε go?",
        ),
        Mistake(
            "probabilities smoothed",
            _of_probabilities,
            "the model's probabilities are smoothed, and not the target",
            "The target is mixed with an even spread; the model's probabilities stay as they are.",
        ),
        Mistake(
            "logarithm of 0",
            _log_of_probability,
            "takes the logarithm of a probability that is 0",
            f"The exponential of −4000 is 0 in floats. {_NO_P}",
        ),
        Mistake(
            "shares exchanged",
            _exchanged,
            "ε goes to the right token, and 1 − ε is spread",
            "ε is the small share that is spread.",
        ),
        Mistake(
            "sign",
            lambda *inputs: -smoothed_loss(*inputs),
            "the sign is the wrong way round",
            "ln p is never above 0, so a loss −ln p is never below.",
        ),
        Mistake(
            "bits",
            lambda *inputs: smoothed_loss(*inputs) / np.log(2),
            "the loss is in bits",
            "The natural logarithm gives nats.",
        ),
    ),
)

EXERCISES = (_SMOOTHED,)
