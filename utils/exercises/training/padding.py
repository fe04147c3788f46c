"""Exercise of chapter 5 on what padding costs."""

from collections.abc import Callable
from typing import Any

import numpy as np

from utils.exercises.engine.comparison import UnreadableError, read, same
from utils.exercises.engine.exercise import Exercise, Mistake


def useful_share(lengths: np.ndarray, batch_size: int) -> float:
    """Share of the places that hold a token, when texts are sorted by length and cut into batches in that order."""
    return _share(np.sort(lengths), batch_size)


class _EitherOrder(Exercise):
    """An answer may begin with the shortest text or with the longest: the smaller batch then holds other texts."""

    def call(self, function: Callable[..., Any], inputs: tuple) -> Any:
        """Call the function; what is right from the longest text on counts as what is right from the shortest."""
        lengths, batch_size = np.array(inputs[0]), inputs[1]
        share, from_longest = function(*inputs), np.array(_share(_falling(lengths), batch_size))
        try:
            is_right = same(from_longest, read(share, from_longest), self.rtol)
        except UnreadableError:  # which the engine explains
            return share
        return useful_share(lengths, batch_size) if is_right else share


def _falling(lengths: np.ndarray) -> np.ndarray:
    return np.sort(lengths)[::-1]


def _share(lengths: np.ndarray, batch_size: int) -> float:
    batches = [lengths[at : at + batch_size] for at in range(0, len(lengths), batch_size)]
    return float(lengths.sum() / sum(len(batch) * batch.max() for batch in batches))


def _texts(rng: np.random.Generator, trial: int) -> tuple:
    batch_size = int(rng.choice((3, 5, 7)))
    count = batch_size * int(rng.integers(3, 6)) + (0 if trial % 3 == 2 else int(rng.integers(1, batch_size)))
    return rng.integers(2, 40, count), batch_size


def _mean_of_batches(ordered: np.ndarray, batch_size: int) -> float:
    batches = [ordered[at : at + batch_size] for at in range(0, len(ordered), batch_size)]
    return float(np.mean([batch.mean() / batch.max() for batch in batches]))


def _full_batches(ordered: np.ndarray, batch_size: int) -> float:
    """Count the last batch as if it were full."""
    batches = [ordered[at : at + batch_size] for at in range(0, len(ordered), batch_size)]
    return float(ordered.sum() / sum(batch_size * batch.max() for batch in batches))


def _last_left_out(ordered: np.ndarray, batch_size: int) -> float:
    return _share(ordered[: len(ordered) // batch_size * batch_size], batch_size)


def _in_both_orders(
    name: str, share: Callable[[np.ndarray, int], float], message: str, hint: str
) -> tuple[Mistake, ...]:
    """Return a mistake that begins with the shortest text, and with the longest."""
    return (
        Mistake(name, lambda lengths, size: share(np.sort(lengths), size), message, hint),
        Mistake(f"{name}, way 2", lambda lengths, size: share(_falling(lengths), size), message, hint),
    )


_USEFUL = _EitherOrder(
    id="training-useful-share",
    title="the share of places that hold a token",
    reference=useful_share,
    make_inputs=_texts,
    note="a last batch that is not full included",
    hint="Sort, cut, and pad each batch to its own longest text. Then count tokens and places of all batches together.",
    mistakes=(
        Mistake(
            "not sorted",
            _share,
            "the texts are cut into batches as they come",
            "Neighbours of like length need less padding: sort first.",
        ),
        Mistake(
            "longest of all",
            lambda lengths, batch_size: float(lengths.mean() / lengths.max()),
            "every batch is padded to the longest text of all",
            "Each batch is padded to its own longest text.",
        ),
        Mistake(
            "share of padding",
            lambda lengths, batch_size: 1 - useful_share(lengths, batch_size),
            "this is the share of padding",
            "Tokens are counted, not padding.",
        ),
        *_in_both_orders(
            "mean of the batches",
            _mean_of_batches,
            "each batch has its share, and these are averaged: batches of short texts count for too much",
            "Count all tokens, count all places, then divide once.",
        ),
        *_in_both_orders(
            "last batch full",
            _full_batches,
            "the last batch counts as if it were full",
            "How many texts are in the last batch?",
        ),
        *_in_both_orders(
            "last batch left out",
            _last_left_out,
            "a last batch that is not full is left out",
            "It is trained on like the others.",
        ),
        Mistake(
            "places a token",
            lambda lengths, batch_size: 1 / useful_share(lengths, batch_size),
            "places are divided by tokens",
            "A share is at most 1.",
        ),
    ),
)

EXERCISES = (_USEFUL,)
