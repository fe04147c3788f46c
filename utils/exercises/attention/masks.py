"""Exercises of chapter 1 on masks. True means "may attend". Letters in shapes: T queries, S keys."""

import numpy as np

from utils.exercises.attention.inputs import sizes
from utils.exercises.attention.masked import MASKED
from utils.exercises.engine.exercise import Exercise, Mistake


def past_only(num_queries: int, num_keys: int) -> np.ndarray:
    """Boolean (T, S), True where query t may attend to key s: s ≤ t."""
    return np.arange(num_keys)[None, :] <= np.arange(num_queries)[:, None]


def _mask_inputs(rng: np.random.Generator, trial: int) -> tuple:
    num_queries, num_keys = sizes(rng, 2)
    return num_queries, num_queries if trial % 5 == 4 else num_keys


_CAUSAL_MASK = Exercise(
    id="attention-causal-mask",
    title="the causal mask",
    reference=past_only,
    make_inputs=_mask_inputs,
    note="T ≠ S included",
    hint="Compare the position of each key, along a row, with the position of the query, down a column.",
    mistakes=(
        Mistake(
            "True forbids",
            lambda num_queries, num_keys: ~past_only(num_queries, num_keys),
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
            lambda num_queries, num_keys: past_only(num_queries, num_keys).T,
            "the mask is transposed: it has a row for each key",
            "Rows are queries, columns are keys.",
        ),
        Mistake(
            "T and S swapped",
            lambda num_queries, num_keys: past_only(num_keys, num_queries),
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
            lambda num_queries, num_keys: past_only(num_queries, num_keys).astype(int),
            "the mask holds integers",
            "Integers could be truth values or numbers to add to the scores. A comparison gives booleans.",
        ),
        Mistake(
            "floats",
            lambda num_queries, num_keys: past_only(num_queries, num_keys).astype(float),
            "the mask holds floats, which attention would add to the scores",
            "A comparison gives booleans; np.tri takes dtype=bool.",
        ),
        Mistake(
            "additive",
            lambda num_queries, num_keys: np.where(past_only(num_queries, num_keys), 0.0, -np.inf),
            "the mask is one to add to the scores, 0 and −∞",
            "It would serve, but a boolean one was asked for: leave the choice of −∞ to the attention.",
        ),
    ),
)


EXERCISES = (_CAUSAL_MASK, MASKED)
