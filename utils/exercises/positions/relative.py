"""Exercises of chapter 3 on what depends on distances alone: rotated rows, and the slopes of linear biases.

Letters in shapes: T tokens, d width, twice a prime; H heads.
"""

import math

import numpy as np

from utils.exercises.engine.exercise import Exercise, Mistake
from utils.exercises.engine.primes import sizes


def rotate_pairs(x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Rows (T, d), features 2i and 2i + 1 of each turned by the angle position / 10000^(2i / d)."""
    cosines, sines = _cosine_sine(x, positions)
    even, odd = x[:, ::2], x[:, 1::2]
    return _interleaved(even * cosines - odd * sines, even * sines + odd * cosines)


def _cosine_sine(x: np.ndarray, positions: np.ndarray, power: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    width = x.shape[1]
    angles = positions[:, None] / 10_000.0 ** (power * np.arange(0, width, 2) / width)  # (T, d / 2)
    return np.cos(angles), np.sin(angles)


def _interleaved(even: np.ndarray, odd: np.ndarray) -> np.ndarray:
    return np.stack([even, odd], axis=-1).reshape(len(even), -1)


def _with_power(power: float, x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    cosines, sines = _cosine_sine(x, positions, power)
    even, odd = x[:, ::2], x[:, 1::2]
    return _interleaved(even * cosines - odd * sines, even * sines + odd * cosines)


def _halves_together(x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    half = x.shape[1] // 2
    turned = rotate_pairs(_interleaved(x[:, :half], x[:, half:]), positions)
    return np.hstack([turned[:, ::2], turned[:, 1::2]])


def _left_apart(x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    turned = rotate_pairs(x, positions)
    return np.hstack([turned[:, ::2], turned[:, 1::2]])


def _no_minus(x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    cosines, sines = _cosine_sine(x, positions)
    even, odd = x[:, ::2], x[:, 1::2]
    return _interleaved(even * cosines + odd * sines, even * sines + odd * cosines)


def _cosines_alone(x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    return x * np.repeat(_cosine_sine(x, positions)[0], 2, axis=1)


def _one_after_the_other(x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    cosines, sines = _cosine_sine(x, positions)
    even = x[:, ::2] * cosines - x[:, 1::2] * sines
    return _interleaved(even, even * sines + x[:, 1::2] * cosines)


def _added(x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    cosines, sines = _cosine_sine(x, positions)
    return x + _interleaved(sines, cosines)


def _rotary_inputs(rng: np.random.Generator, trial: int) -> tuple:
    length, half = sizes(rng, 2)
    return rng.normal(size=(length, 2 * half)), rng.permutation(40)[:length]


_ROTATE = Exercise(
    id="positions-rotate",
    title="rotary positions",
    reference=rotate_pairs,
    make_inputs=_rotary_inputs,
    hint="Try a row of two features at position 1: (1, 0) becomes (cos 1, sin 1), and (0, 1) becomes (−sin 1, cos 1).",
    mistakes=(
        Mistake(
            "halves together",
            _halves_together,
            "feature i turns with feature i + d/2, as in Llama, and not with its neighbour",
            "Both are in use, and weights trained with one are useless with the other. Here 2i and 2i + 1 are a pair.",
        ),
        Mistake(
            "backwards",
            lambda x, positions: rotate_pairs(x, -positions),
            "the pairs turn the other way",
            "At a positive angle (1, 0) turns towards (0, 1). (If queries and keys turn alike, scores do not notice.)",
        ),
        Mistake(
            "features left apart",
            _left_apart,
            "even features are put before odd ones: the pairs are right, their places are not",
            "np.concatenate lays the two parts one after the other; the result needs them in turn, as in x.",
        ),
        Mistake(
            "changed in between",
            _one_after_the_other,
            "the second of each pair is computed from the first as it is after the turn",
            "Keep the old value: both come from the pair as it was.",
        ),
        Mistake(
            "no minus",
            _no_minus,
            "both sines are added, which is no rotation: lengths change",
            "A rotation subtracts in one of its two lines.",
        ),
        Mistake(
            "positions ignored",
            lambda x, positions: rotate_pairs(x, np.arange(len(x))),
            "rows are counted 0, 1, 2, …, whatever `positions` says",
            "Row t stands at positions[t]: with stored keys, or padding on the left, that is not t.",
        ),
        Mistake(
            "one frequency",
            lambda x, positions: _with_power(0.0, x, positions),
            "all pairs turn by the same angle",
            "Pair i turns by position / 10000^(2i/d): the first fast, the last slowly.",
        ),
        Mistake(
            "i for 2i",
            lambda x, positions: _with_power(0.5, x, positions),
            "the exponent is i/d and not 2i/d",
            "The exponents run from 0 nearly to 1.",
        ),
        Mistake(
            "cosines alone",
            _cosines_alone,
            "features are only multiplied by cosines",
            "A turn mixes the two features of a pair: each new one has a share of both.",
        ),
        Mistake(
            "added",
            _added,
            "sinusoids are added to the rows: that is the way of the paper of 2017",
            "Here nothing is added: each pair of features turns.",
        ),
    ),
)


def slopes_of_heads(num_heads: int) -> np.ndarray:
    """Slopes of ALiBi (H,): those of the power of two below, filled up with every other slope of the power above."""
    return _filled(num_heads)


def _power_below(num_heads: int) -> int:
    return 2 ** math.floor(math.log2(num_heads))


def _row(num_heads: int, first: int = 1) -> np.ndarray:
    """Return 2^(−8h / H) for h = first, first + 1, ..., in all H numbers."""
    return 2.0 ** (-8 * np.arange(first, first + num_heads) / num_heads)


def _filled(num_heads: int, start: int = 0, step: int = 2, first: int = 1) -> np.ndarray:
    below = _power_below(num_heads)
    return np.append(_row(below, first), _row(2 * below, first)[start::step][: num_heads - below])


def _extra_first(num_heads: int) -> np.ndarray:
    return np.roll(slopes_of_heads(num_heads), num_heads - _power_below(num_heads))


def _head_inputs(rng: np.random.Generator, trial: int) -> tuple:
    first = (12, 8, 6)  # the usual ones, then all others up to 40
    rest = [number for number in range(1, 41) if number not in first]
    return ((*first, *rest)[trial],)


_SLOPES = Exercise(
    id="positions-slopes",
    title="the slopes of ALiBi",
    reference=slopes_of_heads,
    make_inputs=_head_inputs,
    note="powers of two and others",
    hint="Six heads: ¼, 1/16, 1/64, 1/256 for four heads, then the first and third of the eight that eight heads have.",
    mistakes=(
        Mistake(
            "formula for every number",
            _row,
            "2^(−8h/H) is used for every H: right for powers of two alone",
            "For other numbers the authors' program takes the slopes of the power of two below, and fills up.",
        ),
        Mistake(
            "other half",
            lambda num_heads: _filled(num_heads, start=1),
            "the heads that fill up get slopes 2, 4, … of the power above: those that are there already",
            "Which slopes of the larger row are not in the smaller one?",
        ),
        Mistake(
            "next in line",
            lambda num_heads: _filled(num_heads, step=1),
            "the heads that fill up get the first slopes of the power above, one after another",
            "Every second of those is there already: leave it out.",
        ),
        Mistake(
            "filled in front",
            _extra_first,
            "the heads that fill up come first",
            "The order is that of the authors' program: the power of two below, then the rest.",
        ),
        Mistake(
            "sorted",
            lambda num_heads: np.sort(slopes_of_heads(num_heads))[::-1],
            "the slopes are right, and sorted",
            "They belong to heads: with trained weights their order matters.",
        ),
        Mistake(
            "power above, cut",
            lambda num_heads: _row(2 * _power_below(num_heads) if num_heads & (num_heads - 1) else num_heads)[
                :num_heads
            ],
            "these are the first slopes of the power of two above",
            "That leaves out the smallest slopes, the heads that look furthest.",
        ),
        Mistake(
            "from zero",
            lambda num_heads: _filled(num_heads, first=0),
            "the exponents start at 0: the first slope is 1",
            "h counts from 1: the first slope is 2^(−8/H) and the last of a power of two is 1/256.",
        ),
        Mistake(
            "halved each time",
            lambda num_heads: 0.5 ** np.arange(1, num_heads + 1),
            "each slope is half of the one before: right for eight heads alone",
            "With H heads, a power of two, the ratio is 2^(−8/H), so that the last is always 1/256.",
        ),
        Mistake(
            "negative",
            lambda num_heads: -slopes_of_heads(num_heads),
            "the slopes are negative",
            "Slopes are positive; the minus belongs to the bias, −slope · distance.",
        ),
    ),
)

EXERCISES = (_ROTATE, _SLOPES)
