"""Exercise of chapter 3 that asks for a test: do dot products know the distance of two positions, and nothing else?

Whatever turns rows is a function of rows x (T, d), d even, and their positions (T,), to rows (T, d).
"""

from collections.abc import Callable

import numpy as np

from utils.exercises.engine.exercise import Mistake
from utils.exercises.engine.forms import Case, WriteATest

Turn = Callable[[np.ndarray, np.ndarray], np.ndarray]
_PLACES = np.array([0, 3, 4, 7, 20])
_EVERY = np.arange(1001)


def is_relative(turn: Turn) -> bool:
    """Whether products of turned rows depend on their distance, on nothing else, and on no other row."""
    return _alone(turn) and _stays(turn) and _noticed(turn)


def _rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(len(_PLACES), 8))


def _products(turn: Turn, positions: np.ndarray) -> np.ndarray:
    rows = turn(_rows(), positions)
    return rows @ rows.T


def _stays(turn: Turn, atol: float = 1e-4) -> bool:
    """Ask whether the product of a query and a key stays wherever the two stand, from position 0 to 1,000."""
    queries, keys = (turn(np.tile(row, (len(_EVERY), 1)), _EVERY) for row in _rows()[:2])
    return all(np.ptp(np.sum(queries[n:] * keys[:-n], axis=1)) < atol for n in (1, 2, 5))


def _moved(turn: Turn, starts: tuple[int, ...]) -> bool:
    """Ask whether all products stay when all positions move by one of a few numbers."""
    products = [_products(turn, start + _PLACES) for start in starts]
    return all(np.allclose(one, products[0], rtol=0, atol=1e-4) for one in products)


def _noticed(turn: Turn) -> bool:
    """Ask whether the products are others when the last row moves alone."""
    moved = _PLACES + np.array([0, 0, 0, 0, 9])
    return not np.allclose(_products(turn, moved), _products(turn, _PLACES), atol=1e-4)


def _other_rows(turn: Turn) -> bool:
    """Ask whether rows become something else at all."""
    return not np.allclose(turn(_rows(), _PLACES), _rows(), atol=1e-4)


def _alone(turn: Turn, first: int = 0) -> bool:
    """Ask whether each row, from the first asked on, becomes the same with the other rows and without them."""
    rows = _rows()
    alone = [turn(rows[i : i + 1], _PLACES[i : i + 1])[0] for i in range(first, len(rows))]
    return np.allclose(alone, turn(rows, _PLACES)[first:], atol=1e-5)


def _lengths(turn: Turn) -> bool:
    rows = _rows()
    return np.allclose(np.linalg.norm(turn(rows, _PLACES + 30), axis=1), np.linalg.norm(rows, axis=1), atol=1e-4)


def _speeds(width: int, base: float = 10_000.0) -> np.ndarray:
    return base ** (-np.arange(0, width, 2) / width)


def _angles(x: np.ndarray, positions: np.ndarray, base: float = 10_000.0) -> np.ndarray:
    return np.outer(positions, _speeds(x.shape[1], base))


def _turned(x: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Turn each pair of neighbours by its angle, (T, d / 2)."""
    return _joined(*_rotated(x[:, ::2], x[:, 1::2], angles))


def _rotated(first: np.ndarray, second: np.ndarray, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    cos, sin = np.cos(angles), np.sin(angles)
    return first * cos - second * sin, first * sin + second * cos


def _joined(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.stack([first, second], axis=-1).reshape(len(first), -1)


def _halves(x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    return np.hstack(_rotated(*np.split(x, 2, axis=1), _angles(x, positions)))


def _first_pair(x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    return np.hstack([_turned(x[:, :2], np.outer(positions, [0.3])), x[:, 2:]])


def _at(change: Callable[[np.ndarray], np.ndarray]) -> Turn:
    """Make a rotation whose positions are changed first."""
    return lambda x, positions: _turned(x, _angles(x, change(np.asarray(positions))))


def _no_minus(x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    cos, sin = np.cos(_angles(x, positions)), np.sin(_angles(x, positions))
    return _joined(x[:, ::2] * cos + x[:, 1::2] * sin, x[:, ::2] * sin + x[:, 1::2] * cos)


def _overwritten(x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    cos, sin = np.cos(_angles(x, positions)), np.sin(_angles(x, positions))
    first = x[:, ::2] * cos - x[:, 1::2] * sin
    return _joined(first, first * sin + x[:, 1::2] * cos)


def _with_next(x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Add to each row a share of the row after it; the last has none."""
    return _turned(x + np.vstack([x[1:], 0 * x[:1]]) / 10, _angles(x, positions))


def _two_pairings(x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Turn neighbours, with angles laid out for halves."""
    angles = np.tile(_angles(x, positions), 2)
    partner = _joined(-x[:, 1::2], x[:, ::2])
    return x * np.cos(angles) + partner * np.sin(angles)


def _as_bfloat16(positions: np.ndarray) -> np.ndarray:
    """Keep eight binary digits."""
    unit = 2.0 ** np.maximum(np.floor(np.log2(np.maximum(positions, 1))) - 7, 0)
    return np.round(positions / unit) * unit


_MOVE = "Move both positions by the same number: the product must stay. From 0 to 1,000 no start need be left out."
_NOTICE = "That rows become others, or keep their lengths, is not asked: the product must change with the distance."
_ALONE = "Call `turn` with several rows, and with each of them alone: it must come out the same."


def _cases() -> tuple[Case, ...]:
    return (
        Case("neighbours are turned", lambda x, p: _turned(x, _angles(x, p))),
        Case("first and second half are turned", _halves),
        Case("another base", lambda x, p: _turned(x, _angles(x, p, 500.0))),
        Case("the other way round", lambda x, p: _turned(x, -_angles(x, p))),
        Case("position 0 is turned as well", _at(lambda p: p + 1)),
        Case("one pair is turned, the others are left alone", _first_pair),
        Case("the result is in float32", lambda x, p: _turned(x, _angles(x, p)).astype(np.float32)),
        Case("turned rows are made 1.2 times as long", lambda x, p: 1.2 * _turned(x, _angles(x, p))),
        Case("nothing is turned", lambda x, p: 1.0 * x, _NOTICE),
        Case("every row is turned by the same angle", _at(np.ones_like), _NOTICE),
        Case(
            "the number of the row is taken for its position",
            lambda x, p: _at(lambda p: np.arange(len(p)))(x, p),
            _ALONE,
        ),
        Case("the text's length sets the speed", lambda x, p: _turned(x, _angles(x, p) / len(x)), _ALONE),
        Case("positions count from the first row", _at(lambda p: p - p[0]), _ALONE),
        Case("the mean of all rows is taken off", lambda x, p: _turned(x - x.mean(axis=0), _angles(x, p)), _ALONE),
        Case("a share of the next row is added", _with_next, _ALONE),
        Case("sinusoids are added", lambda x, p: x + _joined(np.sin(_angles(x, p)), np.cos(_angles(x, p))), _MOVE),
        Case("rows grow with the position", lambda x, p: x * (1 + np.asarray(p)[:, None] / 100), _MOVE),
        Case("a minus is missing", _no_minus, _MOVE),
        Case("the second of a pair is made from the new first", _overwritten, _MOVE),
        Case("cosines alone", lambda x, p: x * np.repeat(np.cos(_angles(x, p)), 2, axis=1), _MOVE),
        Case("pairs of one kind, angles of the other", _two_pairings, _MOVE),
        Case("the angle grows with the square of the position", _at(lambda p: p**2 / 100), _MOVE),
        Case("the angle grows with the root of the position", _at(np.sqrt), _MOVE),
        Case("two neighbours share a position", _at(lambda p: p // 2), _MOVE),
        Case("positions start again after 32", _at(lambda p: p % 32), _MOVE),
        Case("positions start again after 256", _at(lambda p: p % 256), _MOVE),
        Case("positions begin at 10", _at(lambda p: np.maximum(p, 10)), _MOVE),
        Case("positions end at 64", _at(lambda p: np.minimum(p, 64)), _MOVE),
        Case("positions end at 900", _at(lambda p: np.minimum(p, 900)), _MOVE),
        Case(
            "the second half does not come back",
            lambda x, p: np.split(_halves(x, p), 2, axis=1)[0],
            "Look at the shape as well.",
        ),
        Case("positions are kept in bfloat16, which has no 257", _at(_as_bfloat16), _MOVE),
    )


SHIFTS = WriteATest(
    id="positions-test",
    title="a test of relative positions",
    reference=is_relative,
    cases=_cases,
    hint="Do not ask how it turns, or what becomes of position 0: ask what the dot products of turned rows do.",
    mistakes=(
        Mistake(
            "accepts everything",
            lambda turn: True,
            "accepts whatever it is given",
            "Compare dot products of turned rows at two pairs of positions.",
        ),
        Mistake(
            "refuses everything",
            lambda turn: False,
            "refuses whatever it is given, also what is sound",
            "Return True at the end, when nothing wrong was found.",
        ),
        Mistake(
            "shape alone",
            lambda turn: turn(_rows(), _PLACES).shape == _rows().shape,
            "looks at the shape alone",
            "Compare dot products of turned rows at two pairs of positions.",
        ),
        Mistake(
            "lengths alone",
            _lengths,
            "asks only whether rows keep their lengths",
            _NOTICE,
        ),
        Mistake(
            "small positions",
            lambda turn: _alone(turn) and _moved(turn, (0, 1, 2)) and _noticed(turn),
            "tries small positions alone",
            "Texts are long. Move both positions by 30, and by 900.",
        ),
        Mistake(
            "distance never changed",
            lambda turn: _alone(turn) and _stays(turn),
            "never asks whether the distance makes a difference",
            _NOTICE,
        ),
        Mistake(
            "rows for products",
            lambda turn: _alone(turn) and _stays(turn) and _other_rows(turn),
            "asks whether rows become others, not whether their products do",
            "Move one row alone, and compare its dot products with the other rows.",
        ),
        Mistake(
            "positions never moved",
            lambda turn: _alone(turn) and _noticed(turn),
            "never moves both positions by the same number",
            _MOVE,
        ),
        Mistake(
            "rows together",
            lambda turn: _stays(turn) and _noticed(turn),
            "never looks at one row without the others",
            _ALONE,
        ),
        Mistake(
            "one row alone",
            lambda turn: _alone(turn, 4) and _moved(turn, (0, 1, 30, 250, 900)) and _noticed(turn),
            "looks at one row without the others, and not at each",
            _ALONE,
        ),
        Mistake(
            "position 0 left alone",
            lambda turn: np.allclose(turn(_rows(), 0 * _PLACES), _rows(), atol=1e-4) and is_relative(turn),
            "refuses one that is sound, because it turns position 0 too",
            "If both rows are turned by one more angle, their product does not change.",
        ),
        Mistake(
            "lengths kept",
            lambda turn: is_relative(turn) and _lengths(turn),
            "refuses one that is sound, because it demands that lengths are kept",
            "YaRN makes turned rows longer, all by one factor. Their product still stays when both positions move.",
        ),
        Mistake(
            "too strict",
            lambda turn: is_relative(turn) and _stays(turn, atol=1e-9),
            "refuses one that is sound, because it allows too little for rounding",
            "In float32 a number has about seven digits. Allow a gap of 1e-4.",
        ),
    ),
)
