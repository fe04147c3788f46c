"""Exercise of chapter 6 on the loss of hidden pieces.

Letters in shapes: T tokens, V the vocabulary.
"""

import numpy as np

from utils.exercises.engine.exercise import Exercise, Mistake
from utils.exercises.engine.primes import sizes


def hidden_loss(logits: np.ndarray, ids: np.ndarray, hidden: np.ndarray) -> float:
    """Mean loss, in nats, of the tokens (T,) that were hidden, from scores (T, V)."""
    return float(-_right(logits, ids)[hidden].mean())


def _right(logits: np.ndarray, ids: np.ndarray) -> np.ndarray:
    scores = logits - logits.max(axis=-1, keepdims=True)
    log_p = scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))
    return log_p[np.arange(len(ids)), ids]


def _texts(rng: np.random.Generator, trial: int) -> tuple:
    length, vocabulary = sizes(rng, 2)
    length, vocabulary = length + 6, vocabulary + 4
    hidden = np.zeros(length, bool)
    hidden[rng.choice(length, int(rng.integers(2, 5)), replace=False)] = True
    level = 1000.0 * (np.arange(length) % 2)[:, None] if trial % 4 == 3 else 0.0
    spread = {1: 1000.0, 5: 4000.0}.get(trial % 8, 2.0)  # in a large one most probabilities are too small for a number
    return spread * rng.normal(size=(length, vocabulary)) + level, rng.integers(0, vocabulary, length), hidden


def _softmax_first(logits: np.ndarray, ids: np.ndarray, hidden: np.ndarray, least: float = 0.0) -> float:
    """Compute probabilities, and then their logarithms: some are 0, or lifted to a small number."""
    return float(-np.log(np.exp(_right(logits, ids)[hidden]) + least).mean())


_LEAST = (*(10.0**-digits for digits in (7, 8, 9, 10, 12, 15, 16, 20, 30, 100, 300)), 2.0**-52)


def _best(logits: np.ndarray, ids: np.ndarray, hidden: np.ndarray) -> float:
    """Take the loss of the token that the model thinks best."""
    return hidden_loss(logits, logits.argmax(axis=-1), hidden)


_HIDDEN = Exercise(
    id="pretrained-hidden-loss",
    title="the loss of hidden tokens",
    reference=hidden_loss,
    make_inputs=_texts,
    note="scores in the thousands among them",
    hint="Compute ln p of the right token at every place. Which places count?",
    mistakes=(
        Mistake(
            "all tokens",
            lambda logits, ids, hidden: float(-_right(logits, ids).mean()),
            "every token counts, hidden or not",
            "What is not hidden can be copied: it says nothing. Only hidden tokens count.",
        ),
        Mistake(
            "divided by all",
            lambda logits, ids, hidden: float(-(_right(logits, ids) * hidden).mean()),
            "the losses of hidden tokens are divided by the number of all tokens",
            "How many tokens have a loss that counts?",
        ),
        Mistake(
            "sum",
            lambda logits, ids, hidden: float(-_right(logits, ids)[hidden].sum()),
            "this is the sum",
            "A mean does not grow with the number of hidden tokens.",
        ),
        Mistake(
            "the others",
            lambda logits, ids, hidden: float(-_right(logits, ids)[~hidden].mean()),
            "the tokens that are not hidden count, and those that are do not",
            "True marks what is hidden.",
        ),
        Mistake(
            "sign",
            lambda logits, ids, hidden: float(_right(logits, ids)[hidden].mean()),
            "the sign is wrong",
            "A probability is at most 1, so its logarithm is not above 0. A loss is not below 0.",
        ),
        Mistake(
            "bits",
            lambda logits, ids, hidden: hidden_loss(logits, ids, hidden) / float(np.log(2)),
            "the loss is in bits",
            "Nats use the natural logarithm.",
        ),
        Mistake(
            "perplexity",
            lambda logits, ids, hidden: float(np.exp(hidden_loss(logits, ids, hidden))),
            "this is the perplexity",
            "Leave out the exponential at the end.",
        ),
        Mistake(
            "softmax first",
            _softmax_first,
            "the softmax comes first and its logarithm after, and probabilities become 0 on the way",
            "A score 1,000 below the highest has a probability near exp(−1,000), and a float cannot hold that. "
            "ln p needs no p: take the logarithm of the fraction by hand.",
        ),
        *(
            Mistake(
                f"least probability, way {way}",
                lambda logits, ids, hidden, least=least: _softmax_first(logits, ids, hidden, least),
                "probabilities are kept from 0 by a small number, and so no loss can be large",
                "A score 1,000 below the highest has a loss of 1,000. Compute ln p without p, and nothing is lifted.",
            )
            for way, least in enumerate(_LEAST, start=1)
        ),
        Mistake(
            "probabilities averaged",
            lambda logits, ids, hidden: float(-np.log(np.exp(_right(logits, ids)[hidden]).mean())),
            "probabilities are averaged before the logarithm",
            "Take the logarithm of each probability first, then the mean.",
        ),
        Mistake(
            "best token",
            _best,
            "this is the loss of the token with the best score",
            "Which token stood there? The loss asks for its probability.",
        ),
    ),
)

EXERCISES = (_HIDDEN,)
