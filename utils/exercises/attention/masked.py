"""Exercise of chapter 1: attention under any mask, with scores of any size.

True means "may attend". Letters in shapes: B leading axis, T queries, S keys.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from utils.exercises.attention.inputs import sizes, softmax
from utils.exercises.engine.comparison import same
from utils.exercises.engine.exercise import Exercise, Finding, Mistake

_WHOLE_ROWS = 5  # of six trials the one whose mask is (T, 1): a query may attend to every key or to none


def masked_attention(query: np.ndarray, key: np.ndarray, value: np.ndarray, mask: np.ndarray) -> tuple:
    """Masked attention: (output, weights); a row that may attend to nothing gives zeros."""
    weights = _masked_softmax(_scaled(query, key), mask)
    return weights @ value, weights


def _scaled(query: np.ndarray, key: np.ndarray) -> np.ndarray:
    return query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])


def _masked_softmax(scores: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.where(mask, softmax(np.where(mask, scores, np.finfo(scores.dtype).min)), 0)


def _draw_mask(rng: np.random.Generator, trial: int, shape: tuple) -> np.ndarray:
    """Draw a mask that broadcasts to (..., T, S); the first query may attend to key 0 and must not attend to key 1.

    A mask (T, 1) is another matter: the first query may attend to all keys, the second to none.
    """
    *leading, num_queries, num_keys = shape
    padding = (*leading[:1], *[1] * len(leading), num_keys)  # (B, 1, 1, S): one row for all heads and queries
    forms = [(num_queries, num_keys), (num_keys,), (1, num_keys), shape, padding, (num_queries, 1)]
    if len(leading) == 2 and trial >= 30:  # for each text, for each head: three axes under arrays of four
        texts, heads = leading
        forms[:3] = (texts, 1, num_queries, num_keys), (heads, num_queries, num_keys), (heads, 1, num_keys)
    mask = rng.random(forms[trial % 6]) < 0.6
    if trial % 6 == _WHOLE_ROWS:
        mask[:2] = ((True,), (False,))
        return mask
    np.atleast_2d(mask)[..., 0, :2] = (True, False)
    if trial % 4 and trial % 6 in (0, 3):
        mask[..., 1, :] = False  # a query with nothing to attend to
    elif trial % 4 and trial % 6 == 4 and leading:
        mask[1] = False  # a text that is all padding
    return mask


def _attention_inputs(rng: np.random.Generator, trial: int) -> tuple:
    num_queries, num_keys, key_dim, value_dim = sizes(rng, 4)
    leading = (17, 19)[: trial // 6 % 3]
    if trial >= 36:
        num_queries, num_keys, key_dim, value_dim = (int(size) for size in rng.permutation((7, 11, 13, 17)))
        leading = 2, 3, 5
    if trial == 0:
        value_dim = key_dim  # so that a key taken for a value is not given away by its width
    query, key = (2 * rng.normal(size=(*leading, rows, key_dim)) for rows in (num_queries, num_keys))
    if trial >= 20:  # adds a number of its own to all scores of a query
        query[..., 0] = rng.choice((-1000.0, 0.0, 1000.0), size=query.shape[:-1])
        query[..., 0, 0] = 1000.0 * (-1) ** trial
        key[..., 0] = np.sqrt(key_dim)
    if trial // 10 in (1, 3) and trial % 6 != _WHOLE_ROWS:
        # the first query's score for key 1, which it must not see, is 2,000
        first = query[..., 0, :]
        key[..., 1, :] = first * 2000 * np.sqrt(key_dim) / np.square(first).sum(axis=-1, keepdims=True)
    mask = _draw_mask(rng, trial, (*leading, num_queries, num_keys))
    query = query / _excess(_scaled(query, key), mask)
    return query, key, rng.normal(size=(*leading, num_keys, value_dim)), mask


def _excess(scores: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return by how much each query (..., T, 1) leaves the range of ±1,000, or ±2,000 where forbidden; at least 1."""
    return np.maximum((np.abs(scores) / np.where(mask, 1000, 2000)).max(axis=-1, keepdims=True), 1)


def _with(weights: Callable[..., np.ndarray]) -> Callable[..., tuple]:
    """Make attention from a function of (scores, mask), both (..., T, S), that gives the weights."""

    def attend(query: np.ndarray, key: np.ndarray, value: np.ndarray, mask: np.ndarray) -> tuple:
        scores = _scaled(query, key)
        result = weights(scores, np.broadcast_to(mask, scores.shape))
        return result @ value, result

    return attend


def _rescaled(factor: Callable[[int, int], float]) -> Callable[..., tuple]:
    """Make attention whose scale is wrong by a factor, a function of (key_dim, value_dim)."""
    return lambda query, key, value, mask: masked_attention(
        query * factor(key.shape[-1], value.shape[-1]), key, value, mask
    )


def _key_as_value(query: np.ndarray, key: np.ndarray, value: np.ndarray, mask: np.ndarray) -> tuple:
    return masked_attention(query, key, key, mask)


def _shares(exponentials: np.ndarray, empty: float | None = None) -> np.ndarray:
    """Divide by the sum of each row; `empty` stands where the sum is 0, and NaN without it."""
    total = exponentials.sum(axis=-1, keepdims=True)
    return exponentials / total if empty is None else np.where(total == 0, empty, exponentials / total)


def _below_all_keys(scores: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return mask * np.exp(scores - scores.max(axis=-1, keepdims=True))


def _ways(
    name: str, message: str, hint: str, weights: Iterable[Callable[[np.ndarray, np.ndarray], np.ndarray]]
) -> tuple[Mistake, ...]:
    """Make a mistake of each function (scores, mask) that gives the weights: ways to make what is one mistake."""
    return tuple(Mistake(f"{name}, way {way}", _with(one), message, hint) for way, one in enumerate(weights, start=1))


def _not_low_enough(number: float) -> Iterator[Callable[[np.ndarray, np.ndarray], np.ndarray]]:
    """Yield ways to forbid with a finite number, in place of the score or added to it, then a softmax."""

    def filled(scores: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.where(mask, scores, number)

    def lowered(scores: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return scores + np.where(mask, 0, number)

    for forbid in (filled, lowered):
        yield lambda scores, mask, forbid=forbid: softmax(forbid(scores, mask))
        yield lambda scores, mask, forbid=forbid: mask * softmax(forbid(scores, mask))
        yield lambda scores, mask, forbid=forbid: mask.any(axis=-1, keepdims=True) * softmax(forbid(scores, mask))
    if number > -1000:  # no permitted score is lower, so that this maximum is a permitted one
        yield lambda scores, mask: _shares(_below_all_keys(filled(scores, mask), mask))


def _weights_of_empty_rows(scores: np.ndarray, mask: np.ndarray) -> np.ndarray:
    weights = _masked_softmax(scores, mask)
    return np.where(mask.any(axis=-1, keepdims=True), weights, np.nan)


_NOT_LOW_ENOUGH = "Put −∞, or a number far below −1,000, in the place of a forbidden score, whatever that was."


class _UnderAMask(Exercise):
    """Weights are compared up to rounding, but those of forbidden keys exactly: no rounding makes them more than 0."""

    def review(self, outcomes: Sequence[Any]) -> Finding | None:
        """Say how much a forbidden key keeps, where all else is right; None: nothing."""
        if not all(same(one.expected, one.received, self.rtol) for one in outcomes):
            return None
        kept = max(
            float(np.abs(weights[~np.broadcast_to(mask, weights.shape)]).max())
            for weights, mask in ((one.received[1], one.inputs[3]) for one in outcomes)
        )
        message = f"nearly right, but a forbidden key keeps a weight: up to {kept:.0e}, where it has to be 0"
        return Finding(message, _NOT_LOW_ENOUGH) if kept else None


MASKED = _UnderAMask(
    id="attention-masked",
    title="attention under a mask",
    reference=masked_attention,
    make_inputs=_attention_inputs,
    returns=("output", "weights"),
    note="rows with nothing to attend to included",
    rtol=2e-3,  # float32 holds scores of ±1,000 to 1e-4, and so their exponentials
    hint="In order: scale, forbid with −∞ where the mask is False, softmax, mix; zeros for a row that may see nothing.",
    mistakes=(
        Mistake(
            "NaN in empty rows",
            _with(_weights_of_empty_rows),
            "a query that may attend to nothing gets NaN",
            "Such a row has nothing to share out: 0/0, or −∞ − (−∞) where its scores are −∞. Make it zeros.",
        ),
        *_ways(
            "no maximum",
            "scores of ±1,000 overflow or underflow: no maximum is subtracted before the exponential",
            "Subtract from each row its largest permitted score: the largest exponential is then exactly 1.",
            (
                lambda scores, mask: _shares(mask * np.exp(scores)),
                lambda scores, mask: _shares(mask * np.exp(scores), empty=0),
                lambda scores, mask: np.nan_to_num(_shares(mask * np.exp(scores))),
                lambda scores, mask: _shares(np.where(mask, np.exp(scores), 0)),
                lambda scores, mask: _shares(np.where(mask, np.exp(scores), 0), empty=0),
                lambda scores, mask: np.nan_to_num(_shares(np.where(mask, np.exp(scores), 0))),
            ),
        ),
        *_ways(
            "forbidden maximum",
            "beside a forbidden key with a much higher score, all permitted keys of the row underflow to 0",
            "Forbid before you take the maximum, so that it is one of the permitted scores.",
            (
                lambda scores, mask: _shares(_below_all_keys(scores, mask)),
                lambda scores, mask: _shares(_below_all_keys(scores, mask), empty=0),
            ),
        ),
        *_ways(
            "not low enough",
            "a forbidden key takes weight from permitted ones: the number that forbids it is not low enough",
            _NOT_LOW_ENOUGH,
            (way for number in (-30, -50, -100, -1000) for way in _not_low_enough(number)),
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
            lambda query, key, value, mask: masked_attention(query, key, value, ~mask),
            "the mask is inverted: each query attends to what it must not see",
            "True means: may attend.",
        ),
        Mistake(
            "mask ignored",
            lambda query, key, value, mask: masked_attention(query, key, value, np.ones_like(mask)),
            "the mask makes no difference",
            "Where it is False the score becomes −∞.",
        ),
        Mistake(
            "no scale",
            _rescaled(lambda key_dim, value_dim: key_dim**0.5),
            "the scores are not scaled",
            "Divide the dot products by √key_dim.",
        ),
        Mistake(
            "scale by √value_dim",
            _rescaled(lambda key_dim, value_dim: (key_dim / value_dim) ** 0.5),
            "the dot products are divided by √value_dim",
            "A score is a sum of key_dim products: the number that counts is the width of a key.",
        ),
        Mistake(
            "scale by key_dim",
            _rescaled(lambda key_dim, value_dim: key_dim**-0.5),
            "the dot products are divided by key_dim",
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
