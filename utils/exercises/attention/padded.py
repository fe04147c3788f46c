"""Exercise of chapter 1: find the bug in an attention with two masks at once."""

import numpy as np

from utils.exercises.attention.inputs import sizes
from utils.exercises.engine.exercise import Mistake
from utils.exercises.engine.forms import FindTheBug

_LISTING = """
def two_masks(x, is_token):
    length, width = x.shape
    scores = x @ x.T / np.sqrt(width)
    earlier = np.tri(length, k=-1, dtype=bool)
    allowed = earlier & is_token[:, None]
    allowed = allowed | np.eye(length, dtype=bool)
    scores = np.where(allowed, scores, -np.inf)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = shares / shares.sum(axis=1, keepdims=True)
    return weights @ x
"""


def two_masks(x: np.ndarray, is_token: np.ndarray) -> np.ndarray:
    """Attention of a text x (T, d): a token sees itself, and of the earlier ones those that are no padding."""
    return _attend(x, np.tri(len(x), k=-1, dtype=bool) & is_token[None, :] | np.eye(len(x), dtype=bool))


def _attend(x: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    scores = np.where(allowed, x @ x.T / np.sqrt(x.shape[1]), -np.inf)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True) @ x


def _texts(rng: np.random.Generator, trial: int) -> tuple:
    length, width = sizes(rng, 2)
    length += 3  # room for padding before, between and behind
    is_token = rng.random(length) < 0.6
    is_token[rng.permutation(length)[:2]] = (True, False)
    return rng.normal(size=(length, width)), is_token


PADDED = FindTheBug(
    id="attention-bug-masks",
    title="a bug in two masks",
    reference=two_masks,
    make_inputs=_texts,
    listing=_LISTING,
    note="padding before, between and behind the tokens",
    hint="Take three tokens, the first of them padding. Write down `earlier` and `allowed` by hand, row by row.",
    innocent={
        1: "it only names what comes in",
        2: "rows are tokens, columns are features",
        3: "each token is query and key, and the dot products are divided by the root of the width",
        4: "True below the diagonal: row 2 is True at keys 0 and 1",
        6: "it lets each token see itself, so that no row is empty, padding or not",
        7: "−∞ is the score whose exponential is 0",
        8: "it subtracts from each row the largest score of that row, which is never −∞ here",
        9: "each row is divided by its own sum",
        10: "the tokens are the values too, and each row mixes them",
    },
    mistakes=(
        Mistake(
            "padding ignored",
            lambda x, is_token: _attend(x, np.tri(len(x), dtype=bool)),
            "padding is seen like any token",
            "Both masks count: an earlier key must also be a token.",
        ),
        Mistake(
            "either mask",
            lambda x, is_token: _attend(x, np.tri(len(x), dtype=bool) | is_token[None, :]),
            "a key is seen if it is earlier or a token: the future is open",
            "Both masks have to allow a key.",
        ),
        Mistake(
            "rows and columns",
            lambda x, is_token: _attend(
                x, np.tri(len(x), k=-1, dtype=bool) & is_token[:, None] & is_token | np.eye(len(x), dtype=bool)
            ),
            "padding is hidden, but padded places see nothing but themselves",
            "The mask is about what may be seen. Padded places look too; nobody looks at them.",
        ),
        Mistake(
            "padding seen alone",
            lambda x, is_token: _attend(
                x, np.tri(len(x), k=-1, dtype=bool) & ~is_token[None, :] | np.eye(len(x), dtype=bool)
            ),
            "the padding is what is seen, and the tokens are hidden",
            "`is_token` is True where a key may be seen.",
        ),
        Mistake(
            "future seen",
            lambda x, is_token: _attend(
                x, ~np.tri(len(x), dtype=bool) & is_token[None, :] | np.eye(len(x), dtype=bool)
            ),
            "the later tokens are seen, and not the earlier ones",
            "Line 4 was right as it stood.",
        ),
    ),
)
