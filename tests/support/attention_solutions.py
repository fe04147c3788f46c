"""Model solutions of the exercises on attention, as the chapter folds them under the exercises."""

import numpy as np


# attention-shapes
def shapes(query, key, value):
    *leading, num_queries, _ = query
    num_keys, value_dim = value[-2:]
    return (*leading, num_queries, value_dim), (*leading, num_queries, num_keys)


# attention-stable-softmax
def stable_softmax(scores):
    exact = scores.astype("float64")  # a long sum overflows in float16
    exponentials = np.exp(exact - exact.max(axis=-1, keepdims=True))
    weights = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return weights.astype(scores.dtype)


# attention-masked
def masked_attention(query, key, value, mask):
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(query.shape[-1])  # (..., T, S)
    scores = np.where(mask, scores, np.finfo(scores.dtype).min)
    exponentials = mask * np.exp(scores - scores.max(axis=-1, keepdims=True))
    total = exponentials.sum(axis=-1, keepdims=True)  # at least 1, but 0 where nothing may be attended to
    weights = exponentials / np.maximum(total, 1)
    return weights @ value, weights


# attention-query-gradient
def query_gradient(query, key, value, output_gradient):
    scale = 1 / np.sqrt(query.shape[-1])
    scores = query @ key.T * scale
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = exponentials / exponentials.sum(axis=-1, keepdims=True)
    weights_gradient = output_gradient @ value.T  # (T, S)
    row_mean = (weights * weights_gradient).sum(axis=-1, keepdims=True)
    scores_gradient = weights * (weights_gradient - row_mean)
    return scores_gradient @ key * scale


# attention-streaming
def streaming_attention(query, blocks):
    largest, total, mixed = -np.inf, 0.0, 0.0
    for key, value in blocks:
        scores = query @ key.T / np.sqrt(query.shape[-1])  # (T, keys in this block)
        new_largest = np.maximum(largest, scores.max(axis=-1, keepdims=True))
        rescale = np.exp(largest - new_largest)
        exponentials = np.exp(scores - new_largest)
        total = rescale * total + exponentials.sum(axis=-1, keepdims=True)
        mixed = rescale * mixed + exponentials @ value
        largest = new_largest
    return mixed / total


softmax = stable_softmax  # other tests know it by the plain name

BY_ID = {
    "attention-shapes": shapes,
    "attention-stable-softmax": stable_softmax,
    "attention-masked": masked_attention,
    "attention-query-gradient": query_gradient,
    "attention-streaming": streaming_attention,
}
