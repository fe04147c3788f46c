"""Attention as one function: the sound one, and nine in which one thought is wrong.

Each takes query (..., T, d_k), key (..., S, d_k), value (..., S, d_v) and a mask, boolean and broadcastable to
(..., T, S), True = may attend; each returns (..., T, d_v). Most differ from `plain_attention` in one place, so that
a reader can find it. They are NumPy and written to be read; `utils.attention` is what the book computes with.
"""

import numpy as np


def row_softmax(scores: np.ndarray, axis: int = -1) -> np.ndarray:
    """Turn scores into weights that sum to 1 along an axis."""
    shares = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return shares / shares.sum(axis=axis, keepdims=True)


def plain_attention(query, key, value, mask=None):
    """Mix values by softmax(query keyᵀ / √d_k): equation 1 of Vaswani et al. (2017), arXiv:1706.03762."""
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])
    if mask is not None:
        scores = np.where(mask, scores, -1e9)
    return row_softmax(scores) @ value


def keys_as_values(query, key, value, mask=None):
    """Mix the keys."""
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])
    if mask is not None:
        scores = np.where(mask, scores, -1e9)
    return row_softmax(scores) @ key


def softmax_over_queries(query, key, value, mask=None):
    """Let the weights of each key sum to 1."""
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])
    if mask is not None:
        scores = np.where(mask, scores, -1e9)
    return row_softmax(scores, axis=-2) @ value


def unscaled_attention(query, key, value, mask=None):
    """Leave the division by √d_k out."""
    scores = query @ key.swapaxes(-1, -2)
    if mask is not None:
        scores = np.where(mask, scores, -1e9)
    return row_softmax(scores) @ value


def scaled_after_softmax(query, key, value, mask=None):
    """Divide the weights by √d_k, not the scores."""
    scores = query @ key.swapaxes(-1, -2)
    if mask is not None:
        scores = np.where(mask, scores, -1e9)
    return row_softmax(scores) / np.sqrt(key.shape[-1]) @ value


def hidden_scores_zero(query, key, value, mask=None):
    """Multiply the scores by the mask."""
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])
    if mask is not None:
        scores = scores * mask
    return row_softmax(scores) @ value


def mask_inverted(query, key, value, mask=None):
    """Take True for *must not attend*."""
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])
    if mask is not None:
        scores = np.where(mask, -1e9, scores)
    return row_softmax(scores) @ value


def weights_times_mask(query, key, value, mask=None):
    """Multiply the weights by the mask, and leave the rows as they are."""
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])
    weights = row_softmax(scores)
    if mask is not None:
        weights = weights * mask
    return weights @ value


def mirrored_scores(query, key, value, mask=None):
    """Compute half of the scores, and take the other half from the mirror."""
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])
    upper = np.triu(scores)
    scores = upper + np.triu(scores, 1).swapaxes(-1, -2)
    if mask is not None:
        scores = np.where(mask, scores, -1e9)
    return row_softmax(scores) @ value


def pointwise_attention(query, key, value, mask=None):
    """Multiply entry by entry where a matrix product is meant."""
    scores = query * key / np.sqrt(key.shape[-1])
    return row_softmax(scores) * value
