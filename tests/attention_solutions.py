"""Model solutions of the exercises on attention, as the chapter folds them under the exercises."""

import numpy as np


# attention-shapes
def shapes(query, key, value):
    *leading, num_queries, _ = query
    num_keys, value_dim = value[-2:]
    return (*leading, num_queries, value_dim), (*leading, num_queries, num_keys)


# attention-temperature
def soft_lookup(query, keys, values, temperature):
    scores = keys @ query / temperature  # (S,)
    exponentials = np.exp(scores - scores.max())
    weights = exponentials / exponentials.sum()
    return weights @ values


# attention-stable-softmax
def softmax(scores):
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


# attention-causal-mask
def causal_mask(num_queries, num_keys):
    return np.arange(num_keys)[None, :] <= np.arange(num_queries)[:, None]


# attention-masked
def attention(query, key, value, mask):
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


BY_ID = {
    "attention-shapes": shapes,
    "attention-temperature": soft_lookup,
    "attention-stable-softmax": softmax,
    "attention-causal-mask": causal_mask,
    "attention-masked": attention,
    "attention-query-gradient": query_gradient,
    "attention-streaming": streaming_attention,
}
