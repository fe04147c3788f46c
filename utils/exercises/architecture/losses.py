"""Exercise of chapter 4: find the bug in the loss of a language model.

Letters in shapes: B texts, T tokens, V the vocabulary.
"""

import numpy as np

from utils.exercises.engine.exercise import Mistake
from utils.exercises.engine.forms import FindTheBug
from utils.exercises.engine.primes import sizes

_LISTING = """
def next_token_loss(logits, token_ids, pad_id):
    scores = logits[:, :-1]
    targets = token_ids[:, 1:]
    scores = scores - scores.max(axis=-1, keepdims=True)
    log_sums = np.log(np.exp(scores).sum(axis=-1))
    texts, places = np.indices(targets.shape)
    log_p = scores[texts, places, targets] - log_sums
    counts = targets != pad_id
    losses = np.where(counts, -log_p, 0)
    return losses.mean()
"""


def next_token_loss(logits: np.ndarray, token_ids: np.ndarray, pad_id: int) -> float:
    """Mean surprise, in nats, about the tokens that follow: logits (B, T, V), ids (B, T); padding does not count."""
    losses, counts = _losses(logits, token_ids, pad_id)
    return float(losses[counts].mean())


def _losses(logits: np.ndarray, token_ids: np.ndarray, pad_id: int, shift: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Losses (B, T - 1) of all places, and which of them count."""
    scores, targets = logits[:, :-1], token_ids[:, 1:] if shift else token_ids[:, :-1]
    scores = scores - scores.max(axis=-1, keepdims=True)
    log_sums = np.log(np.exp(scores).sum(axis=-1))
    texts, places = np.indices(targets.shape)
    return log_sums - scores[texts, places, targets], targets != pad_id


def _texts(rng: np.random.Generator, trial: int) -> tuple:
    batch, length, vocabulary = sizes(rng, 3)
    length, vocabulary, pad_id = length + 4, vocabulary + 10, int(rng.integers(3))
    token_ids = (pad_id + rng.integers(1, vocabulary, (batch, length))) % vocabulary  # none is padding
    lengths = 2 + rng.permutation(length - 2)[:batch] if batch < length - 1 else rng.integers(2, length, batch)
    token_ids[np.arange(length) >= lengths[:, None]] = pad_id
    logits = 2 * rng.normal(size=(batch, length, vocabulary))
    if trial % 5 == 3:  # one in five is so sure of the first token that it must name that its loss is 0
        logits[:, 0] = 2000 * np.eye(vocabulary)[token_ids[:, 1]]
    return logits, token_ids, pad_id


LOSSES = FindTheBug(
    id="architecture-bug-loss",
    title="a bug in a loss",
    reference=next_token_loss,
    make_inputs=_texts,
    listing=_LISTING,
    hint="Take one text of two tokens, and the same text with eight places of padding behind it. What should the loss "
    "be, and what does each line make of it?",
    innocent={
        1: "it only names what comes in",
        2: "after the last token nothing is left to predict, so its scores are not used",
        3: "the target of each place is the token after it",
        4: "a softmax depends on differences alone, and now no exponential overflows",
        5: "ln p of token v is its score minus the logarithm of the sum of all exponentials",
        6: "two arrays of the targets' shape, which say where each target stands",
        7: "it picks the score of the token that came, and makes ln p of it",
        8: "True where the token to be predicted is not padding",
    },
    mistakes=(
        Mistake(
            "padding counted",
            lambda *inputs: _losses(*inputs)[0].mean(),
            "padding is predicted, too",
            "Nobody needs to know that padding follows padding.",
        ),
        Mistake(
            "losses of 0 left out",
            lambda *inputs: np.sum(*_where(inputs)) / np.count_nonzero(np.prod(_losses(*inputs), axis=0)),
            "a token whose loss is 0 is not counted",
            "A model that is sure and right has a loss of 0, and that is no padding.",
        ),
        Mistake(
            "sum",
            lambda *inputs: np.sum(*_where(inputs)),
            "the losses are added up, and not divided by anything",
            "A mean is asked for: of how many?",
        ),
        Mistake(
            "mean of the texts' means",
            lambda *inputs: np.mean([one[kept].mean() for one, kept in zip(*_losses(*inputs), strict=True)]),
            "each text is averaged alone, and then the texts: short texts count for more",
            "Every token that is predicted counts alike.",
        ),
        Mistake(
            "one token too many",
            lambda logits, ids, pad: np.sum(*_where((logits, ids, pad))) / (ids != pad).sum(),
            "the sum is divided by the number of all tokens, the first of each text among them",
            "How many tokens were predicted? The first of a text was not.",
        ),
        Mistake(
            "divided by the texts",
            lambda logits, ids, pad: np.sum(*_where((logits, ids, pad))) / len(ids),
            "the sum is divided by the number of texts",
            "The loss of a token is asked for, not that of a text.",
        ),
        Mistake(
            "own token",
            lambda *inputs: _own(*inputs),
            "each place is asked for its own token, which it has read",
            "Line 3 was right as it stood.",
        ),
        Mistake(
            "sign",
            lambda *inputs: -next_token_loss(*inputs),
            "the sign is the wrong way round",
            "ln p is never above 0, so a loss −ln p is never below.",
        ),
        Mistake(
            "bits",
            lambda *inputs: next_token_loss(*inputs) / np.log(2),
            "the loss is in bits",
            "The natural logarithm, as in line 5, gives nats.",
        ),
    ),
)


def _where(inputs: tuple) -> tuple:
    """Return what np.sum needs to add the losses that count."""
    losses, counts = _losses(*inputs)
    return losses * counts, None


def _own(*inputs) -> float:
    losses, counts = _losses(*inputs, shift=0)
    return float(losses[counts].mean())
