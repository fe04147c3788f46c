"""Exercises of chapter 1 on masks: the causal mask, attention under any mask.

True means "may attend". Letters in shapes: T queries, S keys; their sizes are distinct primes.
"""

from collections.abc import Callable

import numpy as np

from utils.exercises.attention import sizes, softmax
from utils.exercises.exercise import Exercise, Mistake


def causal_mask(num_queries: int, num_keys: int) -> np.ndarray:
    """Boolean (T, S), True where query t may attend to key s: s ≤ t."""
    return np.arange(num_keys)[None, :] <= np.arange(num_queries)[:, None]


def _mask_inputs(rng: np.random.Generator, trial: int) -> tuple:
    num_queries, num_keys = sizes(rng, 2)
    return num_queries, num_queries if trial % 5 == 4 else num_keys


_CAUSAL_MASK = Exercise(
    id="attention-causal-mask",
    title="the causal mask",
    reference=causal_mask,
    make_inputs=_mask_inputs,
    note="T ≠ S included",
    hint="Compare the position of each key, along a row, with the position of the query, down a column.",
    mistakes=(
        Mistake(
            "True forbids",
            lambda num_queries, num_keys: ~causal_mask(num_queries, num_keys),
            "True stands where attention is forbidden, as in boolean masks of PyTorch's nn.MultiheadAttention",
            "In this book, in Keras and in PyTorch's scaled_dot_product_attention, True means: may attend.",
        ),
        Mistake(
            "sees the future",
            lambda num_queries, num_keys: np.arange(num_keys)[None, :] >= np.arange(num_queries)[:, None],
            "each query sees itself and the future, but not the past",
            "A query may attend to keys at its own position and to its left.",
        ),
        Mistake(
            "diagonal left out",
            lambda num_queries, num_keys: np.arange(num_keys)[None, :] < np.arange(num_queries)[:, None],
            "no query sees the key at its own position, so the first sees nothing",
            "Every token may look at itself: the diagonal is True.",
        ),
        Mistake(
            "transposed",
            lambda num_queries, num_keys: causal_mask(num_queries, num_keys).T,
            "the mask is transposed: it has a row for each key",
            "Rows are queries, columns are keys.",
        ),
        Mistake(
            "T and S swapped",
            lambda num_queries, num_keys: causal_mask(num_keys, num_queries),
            "the number of queries and the number of keys are swapped",
            "The mask has num_queries rows and num_keys columns.",
        ),
        Mistake(
            "aligned at the end",
            lambda num_queries, num_keys: np.tri(num_queries, num_keys, num_keys - num_queries, dtype=bool),
            "the last query is aligned with the last key",
            "Decoding with stored keys needs that. Here query 0 stands at the position of key 0.",
        ),
        Mistake(
            "integers",
            lambda num_queries, num_keys: causal_mask(num_queries, num_keys).astype(int),
            "the mask holds integers",
            "Integers could be truth values or numbers to add to the scores. A comparison gives booleans.",
        ),
        Mistake(
            "floats",
            lambda num_queries, num_keys: causal_mask(num_queries, num_keys).astype(float),
            "the mask holds floats, which attention would add to the scores",
            "A comparison gives booleans; np.tri takes dtype=bool.",
        ),
        Mistake(
            "additive",
            lambda num_queries, num_keys: np.where(causal_mask(num_queries, num_keys), 0.0, -np.inf),
            "the mask is one to add to the scores, 0 and −∞",
            "It would serve, but a boolean one was asked for: leave the choice of −∞ to the attention.",
        ),
    ),
)


def attention(query: np.ndarray, key: np.ndarray, value: np.ndarray, mask: np.ndarray) -> tuple:
    """Masked attention: (output, weights); a row that may attend to nothing gives zeros."""
    weights = _masked_softmax(_scaled(query, key), mask)
    return weights @ value, weights


def _scaled(query: np.ndarray, key: np.ndarray) -> np.ndarray:
    return query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])


def _masked_softmax(scores: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.where(mask, softmax(np.where(mask, scores, np.finfo(scores.dtype).min)), 0)


def _attention_inputs(rng: np.random.Generator, trial: int) -> tuple:
    num_queries, num_keys, key_dim, value_dim = sizes(rng, 4)
    if trial == 0:
        value_dim = key_dim  # so that a key taken for a value is not given away by its width
    leading = (17,) if trial % 4 == 3 else ()
    query, key = (2 * rng.normal(size=(*leading, rows, key_dim)) for rows in (num_queries, num_keys))
    mask = rng.random((*leading, num_queries, num_keys) if trial % 8 == 3 else (num_queries, num_keys)) < 0.6
    mask[..., 0, :2] = (True, False)
    mask[..., 1, :] = trial % 2 == 0 and mask[..., 1, :]  # every other trial has a row with nothing to attend to
    return query, key, rng.normal(size=(*leading, num_keys, value_dim)), mask


def _with(weights: Callable[..., np.ndarray]) -> Callable[..., tuple]:
    """Make attention from a function (scores, mask) that gives the weights."""

    def attend(query: np.ndarray, key: np.ndarray, value: np.ndarray, mask: np.ndarray) -> tuple:
        result = weights(_scaled(query, key), mask)
        return result @ value, result

    return attend


def _rescaled(factor: Callable[[int, int], float]) -> Callable[..., tuple]:
    """Make attention whose scale is wrong by a factor, a function of (key_dim, value_dim)."""
    return lambda query, key, value, mask: attention(query * factor(key.shape[-1], value.shape[-1]), key, value, mask)


def _key_as_value(query: np.ndarray, key: np.ndarray, value: np.ndarray, mask: np.ndarray) -> tuple:
    return attention(query, key, key, mask)


def _weights_of_empty_rows(scores: np.ndarray, mask: np.ndarray) -> np.ndarray:
    weights = _masked_softmax(scores, mask)
    return np.where(mask.any(axis=-1, keepdims=True), weights, np.nan)


_MASKED = Exercise(
    id="attention-masked",
    title="attention under a mask",
    reference=attention,
    make_inputs=_attention_inputs,
    returns=("output", "weights"),
    note="rows with nothing to attend to included",
    hint="In order: scale the scores, forbid with −∞ where the mask is False, softmax over the keys, mix the values.",
    mistakes=(
        Mistake(
            "NaN in empty rows",
            _with(_weights_of_empty_rows),
            "a query that may attend to nothing gets NaN",
            "In such a row every score is −∞, and so is the maximum: −∞ − (−∞) is not a number. Make the row zeros.",
        ),
        Mistake(
            "uniform empty rows",
            _with(lambda scores, mask: softmax(np.where(mask, scores, -1e9))),
            "a query that may attend to nothing spreads its weight evenly over forbidden keys",
            "A large negative score forbids only beside larger ones. Where all are equal, it forbids nothing.",
        ),
        Mistake(
            "mask ignored in empty rows",
            _with(lambda scores, mask: softmax(scores + np.where(mask, 0, -1e9))),
            "a query that may attend to nothing attends as if nothing were forbidden",
            "Lowering all scores of a row by the same number leaves its softmax as it was. Make the row zeros.",
        ),
        Mistake(
            "scores multiplied by the mask",
            _with(lambda scores, mask: softmax(scores * mask)),
            "the scores are multiplied by the mask: a forbidden score becomes 0, not −∞",
            "A score of 0 still has the exponential 1, more than that of any negative score.",
        ),
        Mistake(
            "not renormalised",
            _with(lambda scores, mask: softmax(scores) * mask),
            "the weights are masked after the softmax and no longer sum to 1",
            "Mask the scores before the softmax: the forbidden share then goes to the permitted keys.",
        ),
        Mistake(
            "mask inverted",
            lambda query, key, value, mask: attention(query, key, value, ~mask),
            "the mask is inverted: each query attends to what it must not see",
            "True means: may attend.",
        ),
        Mistake(
            "mask ignored",
            lambda query, key, value, mask: attention(query, key, value, np.ones_like(mask)),
            "the mask makes no difference",
            "Where it is False the score becomes −∞.",
        ),
        Mistake(
            "no scale",
            _rescaled(lambda key_dim, value_dim: key_dim**0.5),
            "the scores are not scaled",
            "Divide them by √key_dim.",
        ),
        Mistake(
            "scale by √value_dim",
            _rescaled(lambda key_dim, value_dim: (key_dim / value_dim) ** 0.5),
            "the scores are divided by √value_dim",
            "A score is a sum of key_dim products: the number that counts is the width of a key.",
        ),
        Mistake(
            "scale by key_dim",
            _rescaled(lambda key_dim, value_dim: key_dim**-0.5),
            "the scores are divided by key_dim",
            "Variances add up to key_dim, so the standard deviation, which is what counts, is its square root.",
        ),
        Mistake(
            "key used as value",
            _key_as_value,
            "the weights mix the keys, not the values",
            "The keys decide how much of each value is taken; the values are what is taken.",
        ),
        Mistake(
            "softmax over the queries",
            _with(
                lambda scores, mask: _masked_softmax(scores.swapaxes(-1, -2), mask.swapaxes(-1, -2)).swapaxes(-1, -2)
            ),
            "the softmax runs over the queries: columns sum to 1, not rows",
            "Each query shares out its attention among the keys: normalise along the last axis.",
        ),
    ),
)

EXERCISES = (_CAUSAL_MASK, _MASKED)
