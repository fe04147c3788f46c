"""Exercise of chapter 5: find the bug in a step of beam search.

Letters in shapes: K beams, V the vocabulary.
"""

import numpy as np

from utils.exercises.engine.exercise import Mistake
from utils.exercises.engine.forms import FindTheBug
from utils.exercises.engine.primes import sizes

_LISTING = """
def beam_step(totals, logits):
    beams, tokens = logits.shape
    best = logits.max(axis=-1, keepdims=True)
    odds = np.exp(logits - best)
    log_p = logits - best - np.log(odds.sum(axis=-1, keepdims=True))
    scores = (totals[:, None] + log_p).ravel()
    order = np.argsort(-scores)[:beams]
    parent = order // beams
    token = order % tokens
    return parent, token, scores[order]
"""


def beam_step(totals: np.ndarray, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Continue K beginnings of log-probability totals (K,) by scores (K, V): parents, tokens, totals of the best K."""
    return _step(totals, logits)


def _step(totals: np.ndarray, logits: np.ndarray, by_token: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    best = logits.max(axis=-1, keepdims=True)
    log_p = logits - best - np.log(np.exp(logits - best).sum(axis=-1, keepdims=True))
    scores = (totals[:, None] + log_p).ravel()
    order = np.argsort(-scores)[: len(totals)]
    return order // logits.shape[1], order % logits.shape[1], scores[order]


def _inputs(rng: np.random.Generator, trial: int) -> tuple:
    beams, tokens = sizes(rng, 2)
    beams, tokens = beams + 1, tokens + 4 + beams  # more tokens than beams
    return -rng.exponential(size=beams), 2 * rng.normal(size=(beams, tokens))


def _with(totals: np.ndarray, logits: np.ndarray, *, normalise: bool = True, add: bool = True, worst: bool = False):
    """Make a step with one part changed."""
    best = logits.max(axis=-1, keepdims=True)
    log_p = logits - best - np.log(np.exp(logits - best).sum(axis=-1, keepdims=True)) if normalise else logits
    scores = ((totals[:, None] if add else 0) + log_p).ravel()
    order = np.argsort(scores if worst else -scores)[: len(totals)]
    return order // logits.shape[1], order % logits.shape[1], scores[order]


def _greedy(totals: np.ndarray, logits: np.ndarray) -> tuple:
    """Let every beginning keep its own best token."""
    token = logits.argmax(axis=-1)
    best = logits.max(axis=-1, keepdims=True)
    log_p = (logits - best - np.log(np.exp(logits - best).sum(axis=-1, keepdims=True))).max(axis=-1)
    order = np.argsort(-(totals + log_p))
    return order, token[order], (totals + log_p)[order]


def _one_parent(totals: np.ndarray, logits: np.ndarray) -> tuple:
    """Say that each beam continues itself."""
    _, token, scores = _step(totals, logits)
    return np.arange(len(totals)), token, scores


def _token_by_beams(totals: np.ndarray, logits: np.ndarray) -> tuple:
    parent, token, scores = _step(totals, logits)
    return parent, (parent * logits.shape[1] + token) % len(totals), scores


def _exchanged(totals: np.ndarray, logits: np.ndarray) -> tuple:
    parent, token, scores = _step(totals, logits)
    return token, parent, scores


BEAMS = FindTheBug(
    id="training-bug-beam",
    title="a bug in a step of beam search",
    reference=beam_step,
    make_inputs=_inputs,
    returns=("the parents", "the tokens", "the totals"),
    listing=_LISTING,
    hint="Take two beams and five tokens. At which place of the ten scores does the second beam begin?",
    innocent={
        1: "it only names what comes in",
        2: "one row of scores for each beam, one column for each token",
        3: "the largest score of each beam",
        4: "a softmax depends on differences alone, and now no exponential overflows",
        5: "ln p of a token is its score minus the logarithm of the sum of all exponentials",
        6: "the log-probabilities of a text add up, and all K · V ways on stand in one row",
        7: "the K largest of all, whichever beam they come from",
        9: "each beam has as many places as there are tokens; what is left over is the token",
        10: "whom each continues, by which token, and at which total",
    },
    mistakes=(
        Mistake(
            "parents and tokens exchanged",
            _exchanged,
            "parents and tokens are exchanged",
            "Line 9 was right as it stood.",
        ),
        Mistake(
            "each continues itself",
            _one_parent,
            "each beam is said to continue the one of the same number",
            "The best K may all continue one beam.",
        ),
        Mistake(
            "token by beams",
            _token_by_beams,
            "the token is what is left over after a division by the number of beams",
            "How many places has one beam?",
        ),
        Mistake(
            "best of each beam",
            _greedy,
            "every beam keeps its own best token",
            "All ways on compete with one another; a beam may have several of the best, or none.",
        ),
        Mistake(
            "totals left out",
            lambda totals, logits: _with(totals, logits, add=False),
            "what was written before does not count",
            "Line 6 was right as it stood.",
        ),
        Mistake(
            "not normalised",
            lambda totals, logits: _with(totals, logits, normalise=False),
            "raw scores are added up, not logarithms of probabilities",
            "Scores of two beams cannot be compared before the softmax. Line 5 was right.",
        ),
        Mistake(
            "worst kept",
            lambda totals, logits: _with(totals, logits, worst=True),
            "the least probable are kept",
            "The minus sign in line 7 was right.",
        ),
    ),
)
