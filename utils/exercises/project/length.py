"""Exercise of chapter 8 on the length, in tokens, that holds a share of the texts whole."""

import math
from collections.abc import Callable

import numpy as np

from utils.exercises.engine.exercise import Exercise, Mistake


def choose_length(token_counts: np.ndarray, share: float, multiple: int) -> int:
    """Return the smallest multiple of `multiple` that holds at least `share` of the texts whole."""
    return multiple * math.ceil(_needed(token_counts, share) / multiple)


def _needed(counts: np.ndarray, share: float) -> int:
    """Return the number of tokens of the longest text that must fit."""
    return int(np.sort(counts)[_texts(len(counts), share) - 1])


def _texts(number: int, share: float) -> int:
    """Return how many of a number of texts must fit: share times the number may lie a hair above what is meant."""
    most = math.ceil(share * number)
    return max(most - 1 if (most - 1) / number >= share else most, 1)


# Numbers of texts and shares in hundredths that are a whole number of texts, where a product of floats is a hair above.
_TRAPS = tuple(
    (size, percent / 100)
    for size in range(20, 101)
    for percent in range(50, 100)
    if percent * size % 100 == 0 and math.ceil(percent / 100 * size) > percent * size // 100
)


def _rounded_up(length: Callable[[np.ndarray, float], float]) -> Callable[..., int]:
    """Make an answer that rounds another length up, as asked."""
    return lambda counts, share, multiple: multiple * math.ceil(length(counts, share) / multiple)


def _of_tokens(counts: np.ndarray, share: float) -> int:
    """Return the length up to which texts hold the share of all tokens."""
    ordered = np.sort(counts)
    return int(ordered[np.searchsorted(np.cumsum(ordered), share * ordered.sum())])


def _kept(counts: np.ndarray, share: float) -> int:
    """Return the length at which cut texts keep the share of all tokens."""
    lengths = np.arange(1, counts.max() + 1)
    return int(lengths[np.minimum(counts, lengths[:, None]).sum(axis=1) >= share * counts.sum()][0])


def _length_inputs(rng: np.random.Generator, trial: int) -> tuple:
    """Draw N texts and a share of them; on even trials it is a whole number of texts.

    On every fourth trial N is no power of two and the share a number of hundredths: N times the share, in floats, is
    more than the whole number that it should be. On the others N is a power of two, so that nothing is rounded.
    """
    if trial % 4 == 2:
        size, share = _TRAPS[rng.integers(len(_TRAPS))]
    else:
        size = 2 ** int(rng.integers(3, 6))
        share = float((rng.integers(size // 2, size) + (trial % 2) / 2) / size)
    counts = np.round(np.exp(rng.normal(3.2, 0.7, size))).astype(int) + 2
    multiple = int(rng.choice((3, 4, 8, 16)))
    if trial % 4 < 2:  # the longest text that must fit fills the length to the last token
        decisive = np.argsort(counts, kind="stable")[_texts(size, share) - 1]
        counts[decisive] = multiple * math.ceil(counts[decisive] / multiple)
    return counts, share, multiple


_LENGTH = Exercise(
    id="project-max-length",
    title="a length that holds enough texts",
    reference=choose_length,
    make_inputs=_length_inputs,
    note="texts that just fit and rounded shares included",
    hint="Sort the counts. How many of the N texts must fit, and how long is the longest of those? Then round up.",
    mistakes=(
        Mistake(
            "interpolated quantile",
            _rounded_up(np.quantile),
            "the quantile is interpolated: a length between those of two texts",
            "It may hold one text too few. Count the texts that fit, and divide by their number.",
        ),
        Mistake(
            "rounding in binary",
            _rounded_up(lambda counts, share: int(np.sort(counts)[math.ceil(share * len(counts)) - 1])),
            "share times the number of texts is rounded up, and rounding in binary makes that one text too many",
            "0.55 * 100 is a hair above 55. Divide the texts that fit by their number, and compare with the share.",
        ),
        Mistake(
            "more than the share",
            _rounded_up(lambda counts, share: int(np.sort(counts)[math.floor(share * len(counts))])),
            "more than the share of the texts fits, where at least the share is asked for",
            "With 8 texts and a share of 0.75, six must fit, not seven.",
        ),
        Mistake(
            "a text that just fits is thought too long",
            lambda counts, share, multiple: multiple * (_needed(counts, share) // multiple + 1),
            "a text that fills the length to the last token counts as cut",
            "A text of 32 tokens is whole at length 32: ≤, not <.",
        ),
        Mistake(
            "rounded down",
            lambda counts, share, multiple: multiple * (_needed(counts, share) // multiple),
            "the length is rounded down",
            "Then the text that decides is cut.",
        ),
        Mistake(
            "rounded to the nearest",
            lambda counts, share, multiple: multiple * math.floor(_needed(counts, share) / multiple + 0.5),
            "the length is rounded to the nearest multiple",
            "Rounding down cuts the text that decides.",
        ),
        Mistake(
            "not rounded",
            lambda counts, share, multiple: _needed(counts, share),
            "the length is not rounded up to a multiple",
            "Divide by `multiple`, round up, and multiply again.",
        ),
        Mistake(
            "mean",
            _rounded_up(lambda counts, share: counts.mean()),
            "the mean length is returned, whatever the share",
            "Long texts lie far above the mean, and the share has to decide.",
        ),
        Mistake(
            "longest",
            _rounded_up(lambda counts, share: counts.max()),
            "the longest text decides, whatever the share",
            "One long text would set the cost of all: leave out as many as the share allows.",
        ),
        Mistake(
            "share of the longest",
            _rounded_up(lambda counts, share: share * counts.max()),
            "the share is taken of the longest text's tokens",
            "It is a share of the texts: how many of them are whole.",
        ),
        Mistake(
            "share of the tokens",
            _rounded_up(_of_tokens),
            "the whole texts hold the share of all tokens",
            "Each text counts once, however long it is.",
        ),
        Mistake(
            "tokens kept",
            _rounded_up(_kept),
            "the share of the tokens that are kept is looked at",
            "A text that loses one token counts as cut. Count the texts that are whole.",
        ),
        Mistake(
            "not sorted",
            _rounded_up(lambda counts, share: int(counts[_texts(len(counts), share) - 1])),
            "the counts are taken in the order of the texts",
            "Sort them first.",
        ),
        Mistake(
            "share that is cut",
            _rounded_up(lambda counts, share: _needed(counts, 1 - share)),
            "the share is that of the texts that may be cut",
            "At least `share` of the texts must be whole.",
        ),
    ),
)

EXERCISES = (_LENGTH,)
