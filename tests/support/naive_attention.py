"""Attention written a second time, by loops in float64, for tests to compare with."""

import numpy as np
from keras import ops

from utils.attention import scaled_dot_product_attention

# Distinct sizes, so that no axis can stand in for another. G heads of key and value serve H heads of query.
B, G, T, H, S, KEY_DIM, VALUE_DIM = 2, 3, 5, 6, 7, 11, 13

numbers = ops.convert_to_numpy


def attend(*args, **kwargs):
    """Return output and weights of the function under test as NumPy arrays of float32."""
    return tuple(numbers(ops.cast(part, "float32")) for part in scaled_dot_product_attention(*args, **kwargs))


def assert_same(received, expected, tolerance=1e-5):
    """Compare two pairs of output and weights."""
    for name, got, want in zip(("output", "weights"), received, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance, err_msg=name)


def draw(*leading, seed=0, heads=None, dtype="float32"):
    """Draw query (..., T, KEY_DIM), key (..., S, KEY_DIM) and value (..., S, VALUE_DIM)."""
    rng = np.random.default_rng(seed)
    stored = leading if heads is None else (*leading[:-1], heads)
    shapes = ((*leading, T, KEY_DIM), (*stored, S, KEY_DIM), (*stored, S, VALUE_DIM))
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def attend_by_loops(query, key, value, allowed=True, bias=0.0, scale=None, softcap=None):
    """Return output and weights of attention, one query after the other."""
    query, key, value = (np.asarray(array, "float64") for array in (query, key, value))
    leading, (num_queries, key_dim), num_keys = query.shape[:-2], query.shape[-2:], key.shape[-2]
    allowed = np.broadcast_to(allowed, (*leading, num_queries, num_keys))
    bias = np.broadcast_to(np.asarray(bias, "float64"), allowed.shape)
    weights, output = np.zeros(allowed.shape), np.zeros((*leading, num_queries, value.shape[-1]))
    for at in np.ndindex(*leading, num_queries):
        outer = stored = at[:-1]
        if len(leading) >= 2:
            stored = (*outer[:-1], outer[-1] * key.shape[-3] // query.shape[-3])
        scores = {}
        for s in range(num_keys):
            score = sum(a * b for a, b in zip(query[at], key[(*stored, s)], strict=True))
            score = score / key_dim**0.5 if scale is None else score * scale
            score = score if softcap is None else softcap * np.tanh(score / softcap)
            if allowed[(*at, s)] and bias[(*at, s)] > -np.inf:
                scores[s] = score + bias[(*at, s)]
        total = sum(np.exp(score - max(scores.values())) for score in scores.values())
        for s, score in scores.items():
            weights[(*at, s)] = np.exp(score - max(scores.values())) / total
            output[at] += weights[(*at, s)] * value[(*stored, s)]
    return output, weights


def gradients_by_hand(query, key, value, cotangent, allowed=True):
    """Return the gradients of sum(output * cotangent) for three-axis inputs, by the chain rule in float64."""
    query, key, value, cotangent = (np.asarray(array, "float64") for array in (query, key, value, cotangent))
    weights = attend_by_loops(query, key, value, allowed)[1]
    scale = query.shape[-1] ** -0.5
    of_value = np.einsum("bts,btv->bsv", weights, cotangent)
    of_weights = np.einsum("btv,bsv->bts", cotangent, value)
    of_scores = weights * (of_weights - (weights * of_weights).sum(-1, keepdims=True))
    of_query = scale * np.einsum("bts,bsd->btd", of_scores, key)
    return of_query, scale * np.einsum("bts,btd->bsd", of_scores, query), of_value
