"""Exercises of chapter 4 on normalisation and on the mask of a decoder.

The sizes drawn are distinct primes, so that no two axes can be taken for each other.
"""

import numpy as np

from utils.exercises.engine.exercise import Exercise, Mistake
from utils.exercises.engine.primes import sizes


def layer_norm(x: np.ndarray, scale: np.ndarray, shift: np.ndarray, epsilon: float) -> np.ndarray:
    """Layer normalisation of each token (B, T, d) with scale and shift (d,): biased variance, epsilon in the root."""
    centred = x - x.mean(axis=-1, keepdims=True)
    return scale * centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + epsilon) + shift


def _norm_inputs(rng: np.random.Generator, trial: int) -> tuple:
    batch, length, width = sizes(rng, 3)
    spread = 10.0 ** -(trial % 4)  # down to numbers so alike that epsilon counts
    x = spread * (rng.normal(size=(batch, length, width)) + 2)
    return x, 1 + rng.random(width), rng.normal(size=width), float(rng.choice((1e-3, 1e-4, 1e-5)))


def _norm_over(axes: tuple[int, ...]):
    """Make a normalisation over other axes than the last."""

    def normalise(x: np.ndarray, scale: np.ndarray, shift: np.ndarray, epsilon: float) -> np.ndarray:
        centred = x - x.mean(axis=axes, keepdims=True)
        return scale * centred / np.sqrt((centred**2).mean(axis=axes, keepdims=True) + epsilon) + shift

    return normalise


def _centred(x: np.ndarray) -> np.ndarray:
    return x - x.mean(axis=-1, keepdims=True)


_LAYER_NORM = Exercise(
    id="architecture-layer-norm",
    title="layer normalisation",
    reference=layer_norm,
    make_inputs=_norm_inputs,
    note="vectors whose entries hardly differ included",
    hint="For each token apart: subtract the mean of its entries, divide by a root, multiply by scale, add shift.",
    mistakes=(
        Mistake(
            "unbiased variance",
            lambda x, scale, shift, epsilon: (
                scale * _centred(x) / np.sqrt(x.var(axis=-1, keepdims=True, ddof=1) + epsilon) + shift
            ),
            "the variance is divided by d − 1",
            "Layer normalisation divides by the number of entries: it describes this vector and estimates nothing.",
        ),
        Mistake(
            "epsilon outside",
            lambda x, scale, shift, epsilon: scale * _centred(x) / (x.std(axis=-1, keepdims=True) + epsilon) + shift,
            "epsilon is added to the root",
            "It is added to the variance, before the root is taken.",
        ),
        Mistake(
            "epsilon forgotten",
            lambda x, scale, shift, epsilon: scale * _centred(x) / x.std(axis=-1, keepdims=True) + shift,
            "epsilon makes no difference",
            "Where the entries hardly differ, something must keep the root away from zero.",
        ),
        Mistake(
            "not rooted",
            lambda x, scale, shift, epsilon: scale * _centred(x) / (x.var(axis=-1, keepdims=True) + epsilon) + shift,
            "the variance itself divides, not its root",
            "What has variance 1 is a vector divided by its standard deviation.",
        ),
        Mistake(
            "mean kept",
            lambda x, scale, shift, epsilon: scale * x / np.sqrt(x.var(axis=-1, keepdims=True) + epsilon) + shift,
            "the mean is not subtracted",
            "The result is to have mean 0 before scale and shift.",
        ),
        Mistake(
            "root of the mean square",
            lambda x, scale, shift, epsilon: scale * x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + epsilon) + shift,
            "this is RMS normalisation: no mean is subtracted, neither above nor below the line",
            "The variance is the mean square of what is left once the mean is gone.",
        ),
        Mistake("over tokens", _norm_over((1,)), "the mean is taken over the tokens", "Each token is on its own."),
        Mistake(
            "over the batch",
            _norm_over((0,)),
            "the mean is taken over the batch",
            "That is batch normalisation. Here no token knows of another.",
        ),
        Mistake(
            "over tokens and entries",
            _norm_over((1, 2)),
            "one mean is taken for all tokens of a text",
            "Each token is on its own: keep the axis of the tokens.",
        ),
        Mistake(
            "scale forgotten",
            lambda x, scale, shift, epsilon: layer_norm(x, np.ones_like(scale), shift, epsilon),
            "scale makes no difference",
            "Each entry is multiplied by a learnt number of its own.",
        ),
        Mistake(
            "shift forgotten",
            lambda x, scale, shift, epsilon: layer_norm(x, scale, np.zeros_like(shift), epsilon),
            "shift makes no difference",
            "A learnt number is added to each entry in the end.",
        ),
        Mistake(
            "shift before scale",
            lambda x, scale, shift, epsilon: layer_norm(x, scale, scale * shift, epsilon),
            "shift is added before scale multiplies",
            "First multiply by scale, then add shift.",
        ),
    ),
)


def decoder_mask(token_ids: np.ndarray, pad_id: int) -> np.ndarray:
    """Where a decoder's own attention may look, (B, T, T): at places up to its own that hold a token."""
    return (token_ids != pad_id)[:, None, :] & np.tri(token_ids.shape[1], dtype=bool)


def _mask_inputs(rng: np.random.Generator, trial: int) -> tuple:
    batch, length = (int(size) for size in rng.choice((3, 5, 7, 11), 2, replace=False))
    pad_id = int(rng.integers(5))
    token_ids = rng.permutation(np.arange(5, 5 + batch * length)).reshape(batch, length)
    padded = rng.random((batch, length)) < 0.3
    padded[0], padded[1, :2] = False, (True, False)  # one row without padding, one that begins with it
    return np.where(padded, pad_id, token_ids), pad_id


_MASK = Exercise(
    id="architecture-mask",
    title="the mask of a decoder's own attention",
    reference=decoder_mask,
    make_inputs=_mask_inputs,
    note="padding at the start included",
    hint="Two conditions on the key: it stands no later than the query, and it is no padding. Rows are queries.",
    mistakes=(
        Mistake(
            "not causal",
            lambda ids, pad: np.repeat((ids != pad)[:, None], ids.shape[1], axis=1),
            "a query may look at later keys",
            "A decoder writes from left to right.",
        ),
        Mistake(
            "padding forgotten",
            lambda ids, pad: np.repeat(np.tri(ids.shape[1], dtype=bool)[None], len(ids), axis=0),
            "padding may be attended to",
            "Compare the ids with pad_id, and hide those keys.",
        ),
        Mistake(
            "padded queries",
            lambda ids, pad: (ids != pad)[:, :, None] & np.tri(ids.shape[1], dtype=bool),
            "padding is hidden as a query, not as a key",
            "Columns are keys. A row of nothing but False leaves its query with nothing to look at.",
        ),
        Mistake(
            "padded keys and queries",
            lambda ids, pad: decoder_mask(ids, pad) & (ids != pad)[:, :, None],
            "padding is hidden as a key, and as a query too",
            "What padded queries compute is not used; this book, like others, leaves them their keys.",
        ),
        Mistake(
            "own place hidden",
            lambda ids, pad: (ids != pad)[:, None] & np.tri(ids.shape[1], k=-1, dtype=bool),
            "a token may not look at itself",
            "The target is already moved one place to the right: a token's own place is what it has just read.",
        ),
        Mistake(
            "future instead of past",
            lambda ids, pad: (ids != pad)[:, None] & np.tri(ids.shape[1], dtype=bool).T,
            "a query may look at its own place and later ones",
            "Rows are queries, columns are keys. Which triangle holds keys that come before the query?",
        ),
        Mistake(
            "inverted",
            lambda ids, pad: ~decoder_mask(ids, pad),
            "True says where attention may not go",
            "In this book True means that a query may attend.",
        ),
        Mistake(
            "either condition",
            lambda ids, pad: (ids != pad)[:, None] | np.tri(ids.shape[1], dtype=bool),
            "one of the two conditions is enough",
            "A key must be both: not later, and a token.",
        ),
        Mistake(
            "transposed",
            lambda ids, pad: decoder_mask(ids, pad).swapaxes(1, 2),
            "rows are keys and columns are queries",
            "The axes are (B, T queries, T keys).",
        ),
    ),
)

EXERCISES = (_LAYER_NORM, _MASK)
