"""The forward pass of web/live/encoder.js in NumPy, float64, with every switch that a reader of the page has.

Written from the equations of chapters 1 to 4 alone, so that it can judge the page's arithmetic.
"""

from functools import cache

import numpy as np
from safetensors import safe_open
from scipy.special import erf

from tools.live.model import WEIGHTS, dequantized

EPSILON, HEADS = 1e-12, 4


@cache
def shipped():
    """Return the weights of the file that the book ships, in float64."""
    with safe_open(WEIGHTS, "numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return {name: array.astype("float64") for name, array in dequantized(arrays).items()}


def dense(x, name):
    return x @ shipped()[f"{name}.kernel"].T + shipped()[f"{name}.bias"]


def norm(x, name):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt(x.var(-1, keepdims=True) + EPSILON)
    return scaled * shipped()[f"{name}.gamma"] + shipped()[f"{name}.beta"]


def softmax(scores):
    exponentials = np.exp(scores - scores.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def set_weight(row, place, weight):
    """Return a row in which one weight is as given, and the others, in their proportions, share the rest."""
    others = np.delete(row, place).sum()
    changed = row * (1 - weight) / others
    changed[place] = weight
    return changed


def forward(ids, *, allowed=None, scale=None, cut=(), dragged=()):
    """Return (probabilities (C,), hidden states (layers + 1, T, d_model), weights (layers, H, T, T)) of one text.

    Args:
        ids: integers (T,).
        allowed: bools (T,), whether a token may be attended to.
        scale: of the scores; 1/√d_k without it.
        cut: pairs (layer, head) to silence.
        dragged: tuples (layer, head, query, key, weight), one after the other.
    """
    arrays, (ids, length) = shipped(), (np.asarray(ids), len(ids))
    summed = arrays["embedding.tokens"][ids] + arrays["embedding.positions"][:length] + arrays["embedding.types"][0]
    states, weights = [norm(summed, "embedding.norm")], []
    forbidden = np.where(np.ones(length, bool) if allowed is None else allowed, 0, -np.inf)
    for layer in range(4):
        x, block = states[-1], f"blocks.{layer}"
        parts = [dense(x, f"{block}.attention.{name}") for name in ("query", "key", "value")]
        query, key, value = (part.reshape(length, HEADS, -1).swapaxes(0, 1) for part in parts)
        factor = 1 / np.sqrt(query.shape[-1]) if scale is None else scale
        found = softmax(query @ key.swapaxes(1, 2) * factor + forbidden)
        for where, head, row, place, weight in dragged:
            if where == layer:
                found[head, row] = set_weight(found[head, row], place, weight)
        weights.append(found)
        mixed = found @ value
        mixed[[head for where, head in cut if where == layer]] = 0
        together = dense(mixed.swapaxes(0, 1).reshape(length, -1), f"{block}.attention.attention_output")
        x = norm(x + together, f"{block}.attention_norm")
        wide = dense(x, f"{block}.feed_forward.intermediate")
        wide = wide * (1 + erf(wide / np.sqrt(2))) / 2
        states.append(norm(x + dense(wide, f"{block}.feed_forward.output"), f"{block}.feed_forward_norm"))
    pooled = np.tanh(dense(states[-1][0], "pooler"))
    return softmax(dense(pooled, "head")), np.array(states), np.array(weights)
