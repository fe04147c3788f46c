"""Exercise of chapter 2: find the bug in attention with a cache, step by step.

Letters in shapes: T tokens, D width, H heads, d head size, v width of a value.
"""

import numpy as np

from utils.exercises.attention.inputs import sizes, softmax
from utils.exercises.engine.exercise import Mistake
from utils.exercises.engine.forms import FindTheBug

_LISTING = """
def step_by_step(x, w_q, w_k, w_v):
    keys, values, rows = [], [], []
    for token in x:
        query = np.einsum("d,dhk->hk", token, w_q)
        keys.append(np.einsum("d,dhk->hk", token, w_k))
        values.append(np.einsum("d,dhv->hv", token, w_v))
        scores = np.einsum("hk,shk->hs", query, keys)
        shares = np.exp(scores / np.sqrt(len(keys)))
        weights = shares / shares.sum(axis=1, keepdims=True)
        rows.append(np.einsum("hs,shv->hv", weights, values))
    return np.array(rows)
"""


def step_by_step(x: np.ndarray, w_q: np.ndarray, w_k: np.ndarray, w_v: np.ndarray) -> np.ndarray:
    """Heads (T, H, v) of causal self-attention of x (T, D), for kernels (D, H, d), (D, H, d), (D, H, v)."""
    return _heads(x, w_q, w_k, w_v, w_q.shape[-1])


def _heads(
    x: np.ndarray, w_q: np.ndarray, w_k: np.ndarray, w_v: np.ndarray, divisor: float, offset: int = 0, axis: int = -1
) -> np.ndarray:
    """Compute all tokens at once; scores are divided by the root of the divisor."""
    query, key, value = (np.einsum("td,dhk->htk", x, kernel) for kernel in (w_q, w_k, w_v))
    mask = np.tri(len(x), k=offset, dtype=bool)
    scores = np.where(mask, query @ key.swapaxes(-1, -2) / np.sqrt(divisor), -1e30)
    weights = mask * np.moveaxis(softmax(np.moveaxis(scores, axis, -1)), -1, axis)
    return np.moveaxis(weights @ value, 0, 1)


def _inputs(rng: np.random.Generator, trial: int) -> tuple:
    length, width, heads, head_size, value_dim = sizes(rng, 5)
    shapes = ((width, heads, head_size), (width, heads, head_size), (width, heads, value_dim))
    return rng.normal(size=(length, width)), *(2 * rng.normal(size=shape) / np.sqrt(width) for shape in shapes)


STEPS = FindTheBug(
    id="heads-bug-cache",
    title="a bug in a cache",
    reference=step_by_step,
    make_inputs=_inputs,
    listing=_LISTING,
    hint="Follow two tokens through the loop and write the shape of each result beside its line. Compare each line "
    "with the equation of attention.",
    innocent={
        1: "it only names what comes in",
        2: "three lists, empty before the first token",
        3: "one token (D,) after the other",
        4: "the query of this token, one for each head: (H, d)",
        5: "the key of this token joins those of the earlier ones",
        6: "the value of this token joins those of the earlier ones",
        7: "each head's query meets all keys so far, its own too; later keys are not there yet, so no mask is needed",
        9: "one row for each head, one column for each key so far: each row is made to sum to 1",
        10: "each head mixes its values so far by its weights",
        11: "the rows of all tokens, (T, H, v)",
    },
    mistakes=(
        Mistake(
            "no scale",
            lambda x, w_q, w_k, w_v: _heads(x, w_q, w_k, w_v, 1),
            "the scores are not scaled at all",
            "The equation divides them by the root of a size. Which?",
        ),
        Mistake(
            "width",
            lambda x, w_q, w_k, w_v: _heads(x, w_q, w_k, w_v, x.shape[1]),
            "the scores are divided by the root of the width of x",
            "How many products are added up in one score?",
        ),
        Mistake(
            "number of heads",
            lambda x, w_q, w_k, w_v: _heads(x, w_q, w_k, w_v, w_q.shape[1]),
            "the scores are divided by the root of the number of heads",
            "How many products are added up in one score?",
        ),
        Mistake(
            "number of tokens",
            lambda x, w_q, w_k, w_v: _heads(x, w_q, w_k, w_v, len(x)),
            "the scores are divided by the root of the number of tokens",
            "How many products are added up in one score?",
        ),
        Mistake(
            "width of the values",
            lambda x, w_q, w_k, w_v: _heads(x, w_q, w_k, w_v, w_v.shape[-1]),
            "the scores are divided by the root of the width of the values",
            "Scores are products of queries and keys; values come later.",
        ),
        Mistake(
            "no root",
            lambda x, w_q, w_k, w_v: _heads(x, w_q, w_k, w_v, w_q.shape[-1] ** 2),
            "the scores are divided by the size itself, without the root",
            "Variances add up; standard deviations grow with the root.",
        ),
    ),
)
