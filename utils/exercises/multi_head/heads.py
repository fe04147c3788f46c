"""Exercises of chapter 2 on the axes of heads: from one row for each token to heads, and back.

Letters in shapes: B batch, T tokens, H heads, d head size. Sizes are distinct primes, except that the first trial has
as many tokens as heads: there a missing transpose is not given away by its shape.
"""

import numpy as np

from utils.exercises.attention.inputs import sizes
from utils.exercises.engine.exercise import Exercise, Mistake


def _four_sizes(rng: np.random.Generator, trial: int) -> tuple[int, int, int, int]:
    """Draw B, T, H and d."""
    batch, length, num_heads, head_size = sizes(rng, 4)
    return batch, num_heads if trial == 0 else length, num_heads, head_size


def split_heads(x: np.ndarray, num_heads: int) -> np.ndarray:
    """Rows of all heads side by side (B, T, H·d) to heads (B, H, T, d)."""
    return _by_token(x, num_heads).swapaxes(1, 2)


def _by_token(x: np.ndarray, num_heads: int) -> np.ndarray:
    return x.reshape(*x.shape[:2], num_heads, -1)  # (B, T, H, d)


def _split_inputs(rng: np.random.Generator, trial: int) -> tuple:
    batch, length, num_heads, head_size = _four_sizes(rng, trial)
    return rng.normal(size=(batch, length, num_heads * head_size)), num_heads


def _cut_tokens(x: np.ndarray, num_heads: int) -> np.ndarray:
    return x.reshape(len(x), num_heads, x.shape[1], -1)


def _split_interleaved(x: np.ndarray, num_heads: int) -> np.ndarray:
    return np.moveaxis(x.reshape(*x.shape[:2], -1, num_heads), -1, 1)


_SPLIT = Exercise(
    id="heads-split",
    title="rows cut into heads",
    reference=split_heads,
    make_inputs=_split_inputs,
    hint="Each row holds the heads of one token, side by side: cut the last axis in two, then move the heads forward.",
    mistakes=(
        Mistake(
            "reshape alone",
            _cut_tokens,
            "reshaped without a transpose: a head gets the whole rows of a few tokens, not its part of every row",
            "A reshape keeps the order of the numbers in memory, and there the heads of one token lie side by side. "
            "Name the four axes of a reshape that cuts each row, and compare them with those asked for.",
        ),
        Mistake(
            "not transposed",
            _by_token,
            "the axes are (B, T, H, d): the rows are cut, but the heads still stand behind the tokens",
            "Attention works on the last two axes. They must be tokens and features, with the heads before them.",
        ),
        Mistake(
            "interleaved",
            _split_interleaved,
            "the heads are interleaved: feature f goes to head f mod H",
            "A head owns d neighbouring features: the first d are those of head 0.",
        ),
        Mistake(
            "num_heads taken for the head size",
            lambda x, num_heads: x.reshape(*x.shape[:2], -1, num_heads).swapaxes(1, 2),
            "num_heads is taken for the head size: there are d heads of width H",
            "In the reshape, num_heads comes first and what is left of the row second.",
        ),
        Mistake(
            "features before tokens",
            lambda x, num_heads: x.swapaxes(1, 2).reshape(len(x), num_heads, x.shape[1], -1),
            "each head has its own features, but in it tokens and features are mixed up: transposed, then reshaped",
            "Reshape first, while each row is still in one piece; move the axes afterwards.",
        ),
        Mistake(
            "tokens and features swapped",
            lambda x, num_heads: split_heads(x, num_heads).swapaxes(2, 3),
            "the last two axes are swapped: (B, H, d, T)",
            "Keys are transposed later, for the scores alone. Here a row is a token.",
        ),
        Mistake(
            "heads and features swapped",
            lambda x, num_heads: _by_token(x, num_heads).swapaxes(1, 3),
            "the wrong axes change places: (B, d, H, T)",
            "After the reshape the axes are (B, T, H, d). Two of them have to change places.",
        ),
        Mistake(
            "features moved forward",
            lambda x, num_heads: np.moveaxis(_by_token(x, num_heads), -1, 1),
            "the features are moved forward, not the heads: (B, d, T, H)",
            "After the reshape the axes are (B, T, H, d). The heads belong behind the batch.",
        ),
        Mistake(
            "heads before the batch",
            lambda x, num_heads: split_heads(x, num_heads).swapaxes(0, 1),
            "the heads stand before the batch: (H, B, T, d)",
            "The batch stays in front. np.stack puts the pieces of np.split where its `axis` says.",
        ),
    ),
)


def merge_heads(x: np.ndarray) -> np.ndarray:
    """Heads (B, H, T, d) to rows of all heads side by side (B, T, H·d)."""
    return _rows(x.swapaxes(1, 2))


def _rows(x: np.ndarray) -> np.ndarray:
    """Flatten the last two axes into one."""
    return x.reshape(*x.shape[:2], -1)


def _merge_inputs(rng: np.random.Generator, trial: int) -> tuple:
    batch, length, num_heads, head_size = _four_sizes(rng, trial)
    return (rng.normal(size=(batch, num_heads, length, head_size)),)


_MERGE = Exercise(
    id="heads-merge",
    title="heads put side by side",
    reference=merge_heads,
    make_inputs=_merge_inputs,
    hint="Bring the two axes that become one next to each other, in the order in which they lie in a row.",
    mistakes=(
        Mistake(
            "reshape alone",
            lambda x: x.reshape(len(x), x.shape[2], -1),
            "reshaped without a transpose: a row holds several tokens of one head, not all heads of one token",
            "A reshape keeps the order of the numbers in memory, and there the tokens of one head lie side by side. "
            "The axes that become one have to be neighbours first.",
        ),
        Mistake(
            "interleaved",
            lambda x: _rows(x.transpose(0, 2, 3, 1)),
            "the heads are interleaved: each feature of all heads, then the next feature",
            "Concatenation puts the d features of head 0 first, then those of head 1.",
        ),
        Mistake(
            "wrong axes",
            lambda x: x.swapaxes(1, 3).reshape(len(x), x.shape[2], -1),
            "the wrong axes change places before the reshape: heads and features",
            "Heads and features become one axis, tokens stay an axis of their own.",
        ),
        Mistake(
            "not merged",
            lambda x: x.swapaxes(1, 2),
            "the axes are (B, T, H, d): heads and features are neighbours, but not yet one axis",
            "Reshape to three axes: the heads of a token form one row.",
        ),
        Mistake(
            "mean over heads",
            lambda x: x.mean(axis=1),
            "the heads are averaged: each token keeps d numbers of its H·d",
            "Concatenation keeps every number. What the heads have found is weighed by the output projection.",
        ),
        Mistake(
            "sum over heads",
            lambda x: x.sum(axis=1),
            "the heads are added: each token keeps d numbers of its H·d",
            "Concatenation keeps every number. The output projection adds, once it has a kernel for each head.",
        ),
        Mistake(
            "joined along the tokens",
            lambda x: x.reshape(len(x), -1, x.shape[-1]),
            "the heads are joined along the tokens: (B, H·T, d)",
            "There are as many rows as tokens; it is the row that grows longer.",
        ),
        Mistake(
            "transposed",
            lambda x: merge_heads(x).swapaxes(1, 2),
            "the result is transposed: (B, H·d, T)",
            "Rows are tokens, columns are features.",
        ),
        Mistake(
            "first head",
            lambda x: x[:, 0],
            "only head 0 is returned",
            "A row holds the features of all heads, one head after the other.",
        ),
    ),
)

EXERCISES = (_SPLIT, _MERGE)
