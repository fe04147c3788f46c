"""Wrong answers to the exercises on positions, in the words that learners might choose."""

import math

import numpy as np


def added(index, change=lambda rows, tokens: tokens + rows):
    """Add rows token by token; which row, or what is done with it, is a learner's own."""

    def answer(tokens, table, offset):
        result = np.empty_like(tokens)
        for b, t in np.ndindex(tokens.shape[:2]):
            result[b, t] = change(table[index(b, t, offset, len(table) - tokens.shape[1])], tokens[b, t])
        return result

    return answer


def at(b, t, offset, last):
    return offset + t


def waves(angle=lambda p, j, d: p * math.exp(-math.log(10_000) * (j - j % 2) / d), functions=(math.sin, math.cos)):
    """Fill the table of sinusoids number by number."""

    def answer(length, width):
        table = [[functions[j % 2](angle(p, j, width)) for j in range(width)] for p in range(length)]
        return np.array(table)

    return answer


def halves(length, width):
    angles = np.outer(np.arange(length), 10_000 ** (-np.arange(width // 2) * 2 / width))
    return np.concatenate([np.sin(angles), np.cos(angles)], -1)


def shifted(block, power=1.0):
    """Build the shift block by block from its angle."""

    def answer(distance, width):
        angles = [distance * 10_000 ** (-power * 2 * i / width) for i in range(width // 2)]
        result = np.zeros((width, width))
        for i, angle in enumerate(angles):
            result[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = block(math.cos(angle), math.sin(angle))
        return result

    return answer


def shifted_halves(distance, width):
    angles = distance * 10_000 ** (-np.arange(width // 2) * 2 / width)
    cos, sin = np.diag(np.cos(angles)), np.diag(np.sin(angles))
    return np.block([[cos, sin], [-sin, cos]])


def turned(turn=lambda z: z, power=1.0, place=lambda row, position: position, join=None):
    """Rotate with complex numbers, one for each pair; one choice is a learner's own."""

    def answer(x, positions):
        width = x.shape[1]
        places = np.array([place(row, position) for row, position in enumerate(positions)])
        angles = np.outer(places, 10_000 ** (-power * np.arange(width // 2) * 2 / width))
        z = turn(np.exp(1j * angles)) * (x[:, ::2] + 1j * x[:, 1::2])
        if join is not None:
            return join(z)
        return np.ascontiguousarray(z.astype("complex128")).view("float64")

    return answer


def turned_halves(x, positions):
    half = x.shape[1] // 2
    angles = np.tile(np.outer(positions, 10_000 ** (-np.arange(half) / half)), 2)
    return x * np.cos(angles) + np.concatenate([-x[:, half:], x[:, :half]], axis=1) * np.sin(angles)


def pair_by_pair(change):
    """Go through rows and pairs."""

    def answer(x, positions):
        result = x.copy()
        for t, i in np.ndindex(len(x), x.shape[1] // 2):
            angle = positions[t] / 10_000 ** (2 * i / x.shape[1])
            result[t, 2 * i : 2 * i + 2] = change(*x[t, 2 * i : 2 * i + 2], math.cos(angle), math.sin(angle))
        return result

    return answer


def overwritten(a, b, cos, sin):
    a = a * cos - b * sin
    return a, a * sin + b * cos


def recursive(choose=lambda above: above[0::2], start=lambda n: 2 ** (-8 / n), order=lambda low, rest: low + rest):
    """Write the slopes as the authors' program does; one choice is a learner's own."""

    def power_of_two(n):
        return [start(n) * 2 ** (-8 * h / n) for h in range(n)]

    def answer(num_heads):
        below = 1 << (num_heads.bit_length() - 1)
        return order(power_of_two(below), choose(power_of_two(2 * below))[: num_heads - below])

    return answer


def first_of_the_power_above(num_heads):
    power = 1 << (num_heads - 1).bit_length()
    return [2 ** (-8 * (h + 1) / power) for h in range(num_heads)]


SLIPS = [  # id, name of the mistake, answer
    ("positions-shift", "backwards", shifted(lambda cos, sin: [[cos, -sin], [sin, cos]])),
    ("positions-shift", "no minus", shifted(lambda cos, sin: [[cos, sin], [sin, cos]])),
    ("positions-shift", "one frequency", shifted(lambda cos, sin: [[cos, sin], [-sin, cos]], power=0)),
    ("positions-shift", "cosines alone", shifted(lambda cos, sin: cos * np.eye(2))),
    ("positions-shift", "sines first", shifted_halves),
    ("positions-shift", "i for 2i", shifted(lambda cos, sin: [[cos, sin], [-sin, cos]], power=0.5)),
    ("positions-shift", "sine and cosine exchanged", shifted(lambda cos, sin: [[sin, cos], [-cos, sin]])),
    ("positions-rotate", "halves together", turned_halves),
    ("positions-rotate", "backwards", turned(np.conj)),
    ("positions-rotate", "features left apart", turned(join=lambda z: np.hstack([z.real, z.imag]))),
    ("positions-rotate", "changed in between", pair_by_pair(overwritten)),
    (
        "positions-rotate",
        "no minus",
        pair_by_pair(lambda a, b, cos, sin: (a * cos + b * sin, a * sin + b * cos)),
    ),
    ("positions-rotate", "positions ignored", turned(place=lambda row, position: row)),
    ("positions-rotate", "one frequency", turned(power=0)),
    ("positions-rotate", "i for 2i", turned(power=0.5)),
    ("positions-rotate", "cosines alone", pair_by_pair(lambda a, b, cos, sin: (a * cos, b * cos))),
    ("positions-rotate", "added", pair_by_pair(lambda a, b, cos, sin: (a + sin, b + cos))),
    (
        "positions-slopes",
        "formula for every number",
        lambda num_heads: 1 / 2 ** (8 / num_heads * np.arange(1, num_heads + 1)),
    ),
    ("positions-slopes", "other half", recursive(lambda above: above[1::2])),
    ("positions-slopes", "next in line", recursive(lambda above: above)),
    ("positions-slopes", "filled in front", recursive(order=lambda low, rest: rest + low)),
    ("positions-slopes", "sorted", recursive(order=lambda low, rest: sorted(low + rest, reverse=True))),
    ("positions-slopes", "power above, cut", first_of_the_power_above),
    ("positions-slopes", "from zero", recursive(start=lambda n: 1)),
    ("positions-slopes", "halved each time", lambda num_heads: [1 / 2**h for h in range(1, num_heads + 1)]),
    ("positions-slopes", "negative", recursive(order=lambda low, rest: np.negative(low + rest))),
]
