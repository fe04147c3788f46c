"""Exercise of appendix A: find the bug in attention that computes with PyTorch's stacked weights.

Letters in shapes: T tokens, E width, H heads, D = E / H.
"""

import numpy as np

from utils.exercises.attention.inputs import softmax
from utils.exercises.engine.exercise import Mistake
from utils.exercises.engine.forms import FindTheBug
from utils.exercises.engine.primes import sizes

_LISTING = """
def heads_from_torch(x, weight, bias, num_heads):
    size = x.shape[1] // num_heads
    rows = x @ weight.T + bias
    query, key, value = np.split(rows, 3, axis=1)
    query = query.reshape(len(x), num_heads, size)
    key = key.reshape(len(x), num_heads, size)
    value = value.reshape(len(x), size, num_heads).swapaxes(1, 2)
    scores = np.einsum("thd,shd->hts", query, key) / np.sqrt(size)
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = shares / shares.sum(axis=-1, keepdims=True)
    return np.einsum("hts,shd->thd", weights, value)
"""


def heads_from_torch(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, num_heads: int) -> np.ndarray:
    """Heads (T, H, D) of self-attention of x (T, E), for in_proj_weight (3 E, E) and in_proj_bias (3 E,)."""
    return _heads(x, weight, bias, num_heads)


def _heads(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    num_heads: int,
    *,
    order: tuple[int, int, int] = (0, 1, 2),
    scattered: bool = False,
    divisor: float | None = None,
    axis: int = -1,
) -> np.ndarray:
    """Compute the heads: parts in an order, heads side by side or scattered, scores divided by the divisor's root."""
    parts = np.stack(np.split(x @ weight.T + bias, 3, axis=1))  # (3, T, E)
    shape = (-1, num_heads) if scattered else (num_heads, -1)
    parts = parts.reshape(3, len(x), *shape)
    parts = parts.swapaxes(-1, -2) if scattered else parts
    query, key, value = (parts[place].swapaxes(0, 1) for place in order)  # (H, T, D)
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(divisor or query.shape[-1])
    weights = np.moveaxis(softmax(np.moveaxis(scores, axis, -1)), -1, axis)
    return (weights @ value).swapaxes(0, 1)


def _inputs(rng: np.random.Generator, trial: int) -> tuple:
    length, num_heads, size = sizes(rng, 3)
    width = num_heads * size
    weight = 1.5 * rng.normal(size=(3 * width, width)) / np.sqrt(width)
    return rng.normal(size=(length, width)), weight, rng.normal(size=3 * width), num_heads


HEADS = FindTheBug(
    id="frameworks-bug-heads",
    title="a bug in a conversion of heads",
    reference=heads_from_torch,
    make_inputs=_inputs,
    listing=_LISTING,
    hint="Take two heads of three numbers, and write down which of the six numbers of a row belong to head 0.",
    innocent={
        1: "it only names what comes in",
        2: "the width is shared among the heads",
        3: "a linear layer of PyTorch multiplies by the transpose, and adds its bias",
        4: "the columns of queries, keys and values stand in this order",
        5: "the first D columns are head 0, the next D are head 1",
        6: "the first D columns are head 0, the next D are head 1",
        8: "each head's queries meet its keys, and the root is that of the size of a head",
        9: "a softmax depends on differences alone, and now no exponential overflows",
        10: "the last axis is that of the keys: each row is made to sum to 1",
        11: "each head mixes its values by its weights",
    },
    mistakes=(
        Mistake(
            "all scattered",
            lambda x, weight, bias, num_heads: _heads(x, weight, bias, num_heads, scattered=True),
            "now queries and keys are cut like the values were",
            "Two of the three lines were right.",
        ),
        Mistake(
            "values before keys",
            lambda x, weight, bias, num_heads: _heads(x, weight, bias, num_heads, order=(0, 2, 1)),
            "keys and values are exchanged",
            "Keras's layer takes value before key. PyTorch's matrix has the keys in the middle.",
        ),
        Mistake(
            "keys as values",
            lambda x, weight, bias, num_heads: _heads(x, weight, bias, num_heads, order=(0, 1, 1)),
            "the keys are mixed, not the values",
            "Line 11 was right as it stood.",
        ),
        Mistake(
            "without bias",
            lambda x, weight, bias, num_heads: _heads(x, weight, 0 * bias, num_heads),
            "the bias is left out",
            "Line 3 was right as it stood.",
        ),
        Mistake(
            "width",
            lambda x, weight, bias, num_heads: _heads(x, weight, bias, num_heads, divisor=x.shape[1]),
            "the scores are divided by the root of the whole width",
            "How many products are added up in one score?",
        ),
        Mistake(
            "over queries",
            lambda x, weight, bias, num_heads: _heads(x, weight, bias, num_heads, axis=-2),
            "the weights of a key sum to 1, not those of a query",
            "Line 10 was right as it stood.",
        ),
    ),
)
