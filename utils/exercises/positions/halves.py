"""Exercise of chapter 3: find the bug in rotary positions."""

import numpy as np

from utils.exercises.engine.exercise import Mistake
from utils.exercises.engine.forms import FindTheBug
from utils.exercises.engine.primes import sizes

_LISTING = """
def turn_halves(x, positions):
    width = x.shape[1]
    pairs = np.arange(width // 2)
    speeds = 10_000.0 ** (-2 * pairs / width)
    angles = np.outer(positions, speeds)
    cos, sin = np.cos(angles), np.sin(angles)
    first, second = x[:, : width // 2], x[:, width // 2 :]
    first = first * cos - second * sin
    second = first * sin + second * cos
    return np.hstack([first, second])
"""


def turn_halves(x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Rows (T, d), features i and i + d / 2 of each turned by the angle position / 10000^(2i / d)."""
    return _turn(x, np.outer(positions, 10_000.0 ** (-np.arange(0, x.shape[1], 2) / x.shape[1])))


def _turn(x: np.ndarray, angles: np.ndarray, sign: float = 1.0) -> np.ndarray:
    first, second = np.split(x, 2, axis=1)
    cos, sin = np.cos(angles), np.sin(angles)
    return np.hstack([first * cos - sign * second * sin, first * sin + second * cos])


def _second_first(x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Overwrite the second half, and make the first from it."""
    first, second = np.split(x, 2, axis=1)
    angles = np.outer(positions, 10_000.0 ** (-np.arange(0, x.shape[1], 2) / x.shape[1]))
    second = first * np.sin(angles) + second * np.cos(angles)
    return np.hstack([first * np.cos(angles) - second * np.sin(angles), second])


def _neighbours(x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    pairs = np.hstack([x[:, ::2], x[:, 1::2]])
    return np.stack(np.split(turn_halves(pairs, positions), 2, axis=1), axis=-1).reshape(x.shape)


def _rows(rng: np.random.Generator, trial: int) -> tuple:
    length, half = sizes(rng, 2)
    return rng.normal(size=(length, 2 * half)), rng.permutation(40)[:length]


HALVES = FindTheBug(
    id="positions-bug-rotary",
    title="a bug in rotary positions",
    reference=turn_halves,
    make_inputs=_rows,
    listing=_LISTING,
    hint="A rotation keeps the length of a row. Take the row (1, 0) at position 1 through the listing, line by line.",
    innocent={
        1: "it only names what comes in",
        2: "rows are tokens, columns are features",
        3: "there are half as many pairs as features",
        4: "pair i turns by 10000^(−2i/d) radians a token",
        5: "each position times each speed, (T, d/2)",
        6: "one cosine and one sine for each token and pair",
        7: "pair i is feature i of the first half and feature i of the second, as in Llama",
        10: "the halves come back in the places that they were taken from",
    },
    mistakes=(
        Mistake(
            "neighbours",
            _neighbours,
            "neighbouring features are turned, and not the two halves",
            "Line 7 was right as it stood: feature i belongs to feature i + d/2.",
        ),
        Mistake(
            "second half first",
            _second_first,
            "now the first half is made from the new second half",
            "Both new halves need both old ones.",
        ),
        Mistake(
            "no minus",
            lambda x, positions: _turn(
                x, np.outer(positions, 10_000.0 ** (-np.arange(0, x.shape[1], 2) / x.shape[1])), sign=-1.0
            ),
            "both sines are positive",
            "The signs were right as they stood: (0, 1) at a quarter turn becomes (−1, 0).",
        ),
        Mistake(
            "other way round",
            lambda x, positions: turn_halves(x, -positions),
            "the rows are turned the other way round",
            "The signs were right as they stood: (1, 0) at a quarter turn becomes (0, 1).",
        ),
        Mistake(
            "second half left",
            lambda x, positions: np.hstack(
                [np.split(turn_halves(x, positions), 2, axis=1)[0], np.split(x, 2, axis=1)[1]]
            ),
            "the second half is not turned at all",
            "Both halves of a pair change.",
        ),
        Mistake(
            "halves exchanged",
            lambda x, positions: np.roll(turn_halves(x, positions), x.shape[1] // 2, axis=1),
            "the two halves of the result have changed places",
            "The first half of the result is first · cos − second · sin.",
        ),
    ),
)
