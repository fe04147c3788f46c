"""Exercise of chapter 5 on what padding costs."""

import numpy as np

from utils.exercises.engine.exercise import Exercise, Mistake


def useful_share(lengths: np.ndarray, batch_size: int) -> float:
    """Share of the places that hold a token, when texts are sorted by length and cut into batches in that order."""
    return _share(np.sort(lengths), batch_size)


def _share(lengths: np.ndarray, batch_size: int) -> float:
    batches = [lengths[at : at + batch_size] for at in range(0, len(lengths), batch_size)]
    return float(lengths.sum() / sum(len(batch) * batch.max() for batch in batches))


def _texts(rng: np.random.Generator, trial: int) -> tuple:
    batch_size = int(rng.choice((3, 5, 7)))
    count = batch_size * int(rng.integers(3, 6)) + (0 if trial % 3 == 2 else int(rng.integers(1, batch_size)))
    return rng.integers(2, 40, count), batch_size


def _mean_of_batches(lengths: np.ndarray, batch_size: int) -> float:
    ordered = np.sort(lengths)
    batches = [ordered[at : at + batch_size] for at in range(0, len(ordered), batch_size)]
    return float(np.mean([batch.mean() / batch.max() for batch in batches]))


def _full_batches(lengths: np.ndarray, batch_size: int) -> float:
    """Count the last batch as if it were full."""
    ordered = np.sort(lengths)
    batches = [ordered[at : at + batch_size] for at in range(0, len(ordered), batch_size)]
    return float(ordered.sum() / sum(batch_size * batch.max() for batch in batches))


def _last_left_out(lengths: np.ndarray, batch_size: int) -> float:
    return _share(np.sort(lengths)[: len(lengths) // batch_size * batch_size], batch_size)


_USEFUL = Exercise(
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
        Mistake(
            "mean of the batches",
            _mean_of_batches,
            "each batch has its share, and these are averaged: batches of short texts count for too much",
            "Count all tokens, count all places, then divide once.",
        ),
        Mistake(
            "last batch full",
            _full_batches,
            "the last batch counts as if it were full",
            "How many texts are in the last batch?",
        ),
        Mistake(
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
