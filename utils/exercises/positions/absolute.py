"""Exercises of chapter 3 on vectors for positions: rows of a table, sinusoids, and the matrix that shifts them.

Letters in shapes: B batch, T tokens, L rows of a table, d width. Sizes are distinct primes, widths twice a prime; in
an early trial two sizes agree, so that an axis mixed up with another is not given away by its shape.
"""

from collections.abc import Callable

import numpy as np

from utils.exercises.engine.exercise import Exercise, Mistake
from utils.exercises.engine.primes import sizes


def add_positions(tokens: np.ndarray, table: np.ndarray, offset: int) -> np.ndarray:
    """Tokens (B, T, d) plus rows offset to offset + T - 1 of a table (L, d)."""
    return tokens + _rows(tokens, table, offset)


def _rows(tokens: np.ndarray, table: np.ndarray, first: int) -> np.ndarray:
    return table[first : first + tokens.shape[1]]


def _table_inputs(rng: np.random.Generator, trial: int) -> tuple:
    batch, length, width = sizes(rng, 3)
    batch, offset = length if trial == 0 else batch, int(rng.integers(1, 9))
    rows = 2 + offset + max(batch, length)
    return rng.normal(size=(batch, length, width)), rng.normal(size=(rows, width)), offset


_ADD = Exercise(
    id="positions-add",
    title="a row of the table for each token",
    reference=add_positions,
    make_inputs=_table_inputs,
    hint="Token t of every text stands at position offset + t. Which rows of the table are these?",
    mistakes=(
        Mistake(
            "offset ignored",
            lambda tokens, table, offset: add_positions(tokens, table, 0),
            "positions are counted from 0, whatever the offset",
            "The first of these tokens stands at position `offset`: others came before it.",
        ),
        Mistake(
            "one row for all",
            lambda tokens, table, offset: tokens + table[offset],
            "every token gets the same row: attention learns nothing about order from it",
            "A row belongs to one position. T tokens need T rows.",
        ),
        Mistake(
            "row of the text",
            lambda tokens, table, offset: tokens + table[offset : offset + len(tokens), None],
            "the row depends on the text and not on the token: axis 0 is taken for axis 1",
            "Axis 0 of the tokens counts texts. All texts have the same positions.",
        ),
        Mistake(
            "counted from one",
            lambda tokens, table, offset: add_positions(tokens, table, offset + 1),
            "each token gets the row of the position after its own",
            "Positions count from 0, and so do the rows of the table.",
        ),
        Mistake(
            "last rows",
            lambda tokens, table, offset: tokens + table[-tokens.shape[1] :],
            "the last rows of the table are added, whatever the offset",
            "Which row belongs to the first token? Start there.",
        ),
        Mistake(
            "tokens lost",
            lambda tokens, table, offset: np.zeros_like(tokens) + _rows(tokens, table, offset),
            "these are the rows alone: what the tokens say is lost",
            "Positions are added to the tokens.",
        ),
        Mistake(
            "multiplied",
            lambda tokens, table, offset: tokens * _rows(tokens, table, offset),
            "tokens and rows are multiplied",
            "Positions are added to the tokens.",
        ),
        Mistake(
            "tokens scaled",
            lambda tokens, table, offset: tokens * tokens.shape[-1] ** 0.5 + _rows(tokens, table, offset),
            "the tokens are multiplied by √d first",
            "The paper does so with its embeddings (§3.4), before positions come into play; here it is not asked for.",
        ),
    ),
)


def sinusoids(length: int, width: int) -> np.ndarray:
    """Position vectors of the paper (length, width): sine at 2i, cosine at 2i + 1, angle p / 10000^(2i / width)."""
    return _interleaved(*_sine_cosine(np.arange(length), _exponents(width)))


def _exponents(width: int) -> np.ndarray:
    return np.arange(0, width, 2) / width


def _sine_cosine(positions: np.ndarray, exponents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    angles = positions[:, None] / 10_000.0**exponents  # (T, d / 2)
    return np.sin(angles), np.cos(angles)


def _interleaved(even: np.ndarray, odd: np.ndarray) -> np.ndarray:
    return np.stack([even, odd], axis=-1).reshape(len(even), -1)


def _feature_by_feature(length: int, width: int) -> np.ndarray:
    sines, cosines = _sine_cosine(np.arange(length), np.arange(width) / width)
    return np.where(np.arange(width) % 2, cosines, sines)


def _sinusoid_inputs(rng: np.random.Generator, trial: int) -> tuple:
    length, half = int(rng.integers(3, 60)), sizes(rng, 1)[0]
    return (2 * half, 2 * half) if trial == 1 else (length, 2 * half)


_SINUSOIDS = Exercise(
    id="positions-sinusoids",
    title="the sinusoids of the paper",
    reference=sinusoids,
    make_inputs=_sinusoid_inputs,
    hint="Write position 1 at width 4 with a pencil: sin 1, cos 1, sin 0.01, cos 0.01. Compare.",
    mistakes=(
        Mistake(
            "sines first",
            lambda length, width: np.hstack(_sine_cosine(np.arange(length), _exponents(width))),
            "all sines stand in the first half and all cosines in the second",
            "In the paper they take turns: feature 0 is a sine, feature 1 the cosine of the same angle. "
            "(Other programs do it your way, and for what a model can learn it makes no difference.)",
        ),
        Mistake(
            "swapped",
            lambda length, width: _interleaved(*_sine_cosine(np.arange(length), _exponents(width))[::-1]),
            "cosines stand at even features and sines at odd ones",
            "Position 0 is 0, 1, 0, 1, …",
        ),
        Mistake(
            "a frequency for each feature",
            _feature_by_feature,
            "sine and cosine of a pair have different frequencies: the exponent follows the feature, not the pair",
            "Features 2i and 2i + 1 share the angle p / 10000^(2i/width). Only so does a shift become a rotation.",
        ),
        Mistake(
            "i for 2i",
            lambda length, width: _interleaved(*_sine_cosine(np.arange(length), _exponents(width) / 2)),
            "the exponent is i/width and not 2i/width: the slowest pair turns a hundred times too fast",
            "The exponents run from 0 nearly to 1.",
        ),
        Mistake(
            "last exponent one",
            lambda length, width: _interleaved(*_sine_cosine(np.arange(length), np.linspace(0, 1, width // 2))),
            "the exponents run from 0 to exactly 1: i/(width/2 − 1)",
            "So does the authors' program, tensor2tensor; the paper's formula is 2i/width.",
        ),
        Mistake(
            "counted from one",
            lambda length, width: sinusoids(length + 1, width)[1:],
            "the first row is that of position 1",
            "Position 0 is 0, 1, 0, 1, …",
        ),
        Mistake(
            "multiplied",
            lambda length, width: _interleaved(*_sine_cosine(np.arange(length), -_exponents(width))),
            "positions are multiplied by 10000^(2i/width): each pair turns faster than the one before",
            "Wavelengths grow with i, so the angle must shrink.",
        ),
        Mistake(
            "sines alone",
            lambda length, width: np.repeat(_sine_cosine(np.arange(length), _exponents(width))[0], 2, axis=1),
            "odd features are sines too",
            "A sine alone does not say whether the wave is rising or falling: the cosine does.",
        ),
        Mistake(
            "transposed",
            lambda length, width: sinusoids(length, width).T,
            "rows are features and columns positions",
            "Row p is the vector that is added to token p.",
        ),
    ),
)


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


EXERCISES = (_ADD, _SINUSOIDS, _SHIFT)
