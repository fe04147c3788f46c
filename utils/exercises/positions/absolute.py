"""Exercise of chapter 3 on the matrix that shifts sinusoidal positions. Widths, d, are twice a prime."""

from collections.abc import Callable

import numpy as np

from utils.exercises.engine.exercise import Exercise, Mistake
from utils.exercises.engine.primes import sizes


def _exponents(width: int) -> np.ndarray:
    return np.arange(0, width, 2) / width


def _sine_cosine(positions: np.ndarray, exponents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    angles = positions[:, None] / 10_000.0**exponents  # (T, d / 2)
    return np.sin(angles), np.cos(angles)


_TURN = ((0, 1), (-1, 0))  # what the sines of a block multiply: sin a becomes sin(a + b), cos a becomes cos(a + b)


def shift_matrix(distance: int, width: int) -> np.ndarray:
    """Matrix M (width, width) with M · PE(p) = PE(p + distance) at every position p, for the paper's sinusoids."""
    return _blocks(*_sine_cosine(np.array([distance]), _exponents(width)))


def _blocks(sines: np.ndarray, cosines: np.ndarray, turn: tuple = _TURN) -> np.ndarray:
    """Put blocks cos · I + sin · turn, for sines and cosines (1, d / 2), along the diagonal of a matrix (d, d)."""
    pairs = np.arange(sines.size)
    matrix = np.zeros((sines.size, 2, sines.size, 2))
    matrix[pairs, :, pairs] = cosines[0, :, None, None] * np.eye(2) + sines[0, :, None, None] * np.array(turn)
    return matrix.reshape(2 * sines.size, -1)


def _halves(distance: int, width: int) -> np.ndarray:
    order = np.concatenate([np.arange(0, width, 2), np.arange(1, width, 2)])
    return shift_matrix(distance, width)[np.ix_(order, order)]


def _shift_with(power: float, turn: tuple = _TURN, exchanged: bool = False) -> Callable[[int, int], np.ndarray]:
    """Make a shift whose exponents, or blocks, are a learner's own."""

    def shift(distance: int, width: int) -> np.ndarray:
        parts = _sine_cosine(np.array([distance]), power * _exponents(width))
        return _blocks(*(parts[::-1] if exchanged else parts), turn)

    return shift


def _shift_inputs(rng: np.random.Generator, trial: int) -> tuple:
    return int(rng.integers(1, 60)) * (-1 if trial % 4 == 3 else 1), 2 * sizes(rng, 1)[0]


_SHIFT = Exercise(
    id="positions-shift",
    title="the matrix that shifts positions",
    reference=shift_matrix,
    make_inputs=_shift_inputs,
    note="negative distances included",
    hint="Write sin(a + b) and cos(a + b) in terms of sin a and cos a. Each pair of features gets a block of 2 by 2.",
    mistakes=(
        Mistake(
            "backwards",
            lambda distance, width: shift_matrix(-distance, width),
            "the matrix shifts by minus the distance; or it is made for rows, PE(p) · M, and not for columns",
            "Both signs of the sines are the other way round: check that M · PE(0) is PE(distance).",
        ),
        Mistake(
            "no minus",
            _shift_with(1.0, ((0, 1), (1, 0))),
            "both sines of a block are positive",
            "cos(a + b) is cos a cos b minus something.",
        ),
        Mistake(
            "one frequency",
            _shift_with(0.0),
            "all pairs turn by the same angle, the distance itself",
            "Pair i turns by distance / 10000^(2i/width).",
        ),
        Mistake(
            "cosines alone",
            _shift_with(1.0, ((0, 0), (0, 0))),
            "the matrix is diagonal: only cosines",
            "sin(a + b) needs sin a and cos a.",
        ),
        Mistake(
            "sines first",
            _halves,
            "the matrix fits vectors with all sines first and all cosines last",
            "In the paper's vectors sine and cosine of a pair are neighbours, so that blocks lie along the diagonal.",
        ),
        Mistake(
            "i for 2i",
            _shift_with(0.5),
            "the exponent is i/width and not 2i/width",
            "The exponents run from 0 nearly to 1.",
        ),
        Mistake(
            "sine and cosine exchanged",
            _shift_with(1.0, exchanged=True),
            "sines stand where cosines belong: at distance 0 the matrix is not the identity",
            "A shift by 0 changes nothing, so the diagonal holds cos 0 = 1.",
        ),
    ),
)


EXERCISES = (_SHIFT,)
