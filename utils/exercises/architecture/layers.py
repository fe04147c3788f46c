"""Exercise of chapter 4 on the mask of a decoder."""

import numpy as np

from utils.exercises.engine.exercise import Exercise, Mistake


def decoder_mask(token_ids: np.ndarray, pad_id: int) -> np.ndarray:
    """Where a decoder's own attention may look, (B, T, T): at places up to its own that hold a token."""
    return (token_ids != pad_id)[:, None, :] & np.tri(token_ids.shape[1], dtype=bool)


def _mask_inputs(rng: np.random.Generator, trial: int) -> tuple:
    batch, length = (int(size) for size in rng.choice((3, 5, 7, 11), 2, replace=False))
    pad_id, *others = (int(one) for one in rng.permutation(1 + batch * length))  # tokens above it, below it, and 0
    token_ids = np.array(others).reshape(batch, length)
    padded = rng.random((batch, length)) < 0.3
    padded[0], padded[1, :2] = False, (True, False)  # one row without padding, one that begins with it
    return np.where(padded, pad_id, token_ids), pad_id


_MASK = Exercise(
    id="architecture-mask",
    title="the mask of a decoder's own attention",
    reference=decoder_mask,
    make_inputs=_mask_inputs,
    note="padding at the start, and of any id, included",
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
            "smallest id",
            lambda ids, pad: (ids > pad)[:, None, :] & np.tri(ids.shape[1], dtype=bool),
            "tokens with an id below pad_id are hidden, too",
            "Padding may have any id, not the smallest alone.",
        ),
        Mistake(
            "id 0",
            lambda ids, pad: (ids != 0)[:, None, :] & np.tri(ids.shape[1], dtype=bool),
            "padding is taken to have the id 0",
            "Which id stands for padding is said by pad_id.",
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

EXERCISES = (_MASK,)
