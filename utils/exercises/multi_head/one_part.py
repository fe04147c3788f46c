"""Multi-head layers that are broken in one part alone: at one place, in one row, in one feature.

Parts are drawn, each of them at least once: a test that leaves one out lets a layer pass. In texts of 20 tokens, the
20 parts of a text are its places.
"""

from collections.abc import Callable

import numpy as np

from utils.exercises.engine.forms import Case
from utils.exercises.engine.witnesses import never_reached
from utils.exercises.multi_head.broken import SHUFFLE, WIDTH, Layer, before, make_layer, weighted

PARTS = 20
# For each token a row: between the two are all 19 distances, in a circle, and 17 of 20 sums.
_ROWS = np.array([10, 17, 9, 12, 16, 0, 19, 1, 6, 15, 11, 8, 14, 3, 13, 18, 7, 5, 2, 4])
_PLACE = "Shuffle the tokens until each has left its place. Compare all rows, and all numbers of a row."
_ORDERS = "Some orders leave a set of places as it was, or a distance. Take several orders that have nothing in common."
_LEAK = "Change each token of one text, all its features, and look at every number of every row of the other text."
_EACH = "To shuffle is not enough: after each order, compare all rows of all texts."
_KEPT = "Change one token after another, in each text, and look at every row of its text: no row may stay."


def one_part_cases() -> tuple[Case, ...]:
    """Make the layers, all of them broken."""
    return (*_of_one_place(), *_of_many_places(), *_of_one_order(), *_of_two_texts(), *_of_rows_kept())


def _at(part: int, length: int) -> int:
    """Return the place in a text of this length where one of its parts, 0 to 19, begins."""
    return round(part * (length - 1) / (PARTS - 1))


def _draws(seed: int) -> np.ndarray:
    """Draw the parts in another order, and features to go with them, each at least once: (3, 20)."""
    rng = np.random.default_rng([20, seed])
    return np.stack([rng.permutation(PARTS), *(rng.permutation(PARTS) % WIDTH for _ in range(2))])


def _of_one_place() -> list[Case]:
    def row(part: int, feature: int) -> Layer:
        def layer(x: np.ndarray) -> np.ndarray:
            rows = make_layer()(x)
            rows[:, _at(part, x.shape[1]), feature] += 0.1
            return rows

        return layer

    def key(part: int) -> Layer:
        return weighted(lambda q, k, n: 3.0 * (k == _at(part, n)))

    return [
        *(
            Case(f"one number differs in row {part} of 20", row(part, _draws(0)[1, part]), _PLACE)
            for part in range(PARTS)
        ),
        *(Case(f"key {part} of 20 counts more", key(part), _PLACE) for part in range(PARTS)),
    ]


def _of_many_places() -> list[Case]:
    def drawn(length: int, draw: int) -> np.ndarray:
        return np.random.default_rng([length, draw]).normal(size=(length, length))

    sets = {
        "the first half": lambda k, n: k < n // 2,
        "every second key": lambda k, n: k % 2,
        "every third key": lambda k, n: k % 3 == 0,
        "every second pair of keys": lambda k, n: k // 2 % 2,
        "every second five keys": lambda k, n: k // 5 % 2,
        **{
            f"half of the keys, drawn by place, draw {draw}": lambda k, n, draw=draw: drawn(n, draw)[0, k] > 0
            for draw in range(8)
        },
    }
    pairs = {
        "the next key counts more, and for the last the first": lambda q, k, n: 3.0 * ((k - q) % n == 1),
        "near keys count more, in a circle": lambda q, k, n: -0.5 * np.minimum((k - q) % n, (q - k) % n),
        "keys at an odd distance count more": lambda q, k, n: 2.0 * ((q - k) % 2),
        **{
            f"each pair of places has a score of its own, draw {draw}": lambda q, k, n, draw=draw: drawn(n, draw)[q, k]
            for draw in range(4)
        },
    }

    def scaled(feature: int) -> Layer:
        def change(x: np.ndarray) -> np.ndarray:
            x = x.copy()
            x[..., feature] *= 1 + 0.5 * np.sin(np.arange(x.shape[1]))
            return x

        return before(change)

    def turned(x: np.ndarray) -> np.ndarray:
        rows = make_layer()(x)
        rows[:, 1::2] = np.roll(rows[:, 1::2], WIDTH // 3, axis=-1)
        return rows

    return [
        Case("every second row has its numbers in another order", turned, _PLACE),
        *(
            Case(f"{name} counts more", weighted(lambda q, k, n, rule=rule: 3.0 * rule(k, n)), _ORDERS)
            for name, rule in sets.items()
        ),
        *(Case(name, weighted(rule), _ORDERS) for name, rule in pairs.items()),
        *(Case(f"the place of a token changes its feature {n}", scaled(n), SHUFFLE) for n in range(WIDTH)),
    ]


def _of_one_order() -> list[Case]:
    """Make layers that are wrong after one of the orders that a test takes, each in a row of its own."""

    def wrong_after(chosen: Callable[[set[tuple[int, ...]], int], bool], turn: int) -> Layer:
        first: dict[tuple, list[bytes]] = {}  # tokens in any order to the text that came first
        orders: dict[int, set[tuple[int, ...]]] = {}  # length to which place each token came from
        wrong: dict[int, tuple[int, ...]] = {}  # length to the order that goes wrong

        def layer(x: np.ndarray) -> np.ndarray:
            rows, length = make_layer()(x), x.shape[1]
            known = orders.setdefault(length, {tuple(range(length))})
            for text, row in zip(np.round(x.astype(float), 9) + 0.0, rows, strict=True):
                tokens = [token.tobytes() for token in text]
                before = first.setdefault(tuple(sorted(tokens)), tokens)
                order = tuple(map(before.index, tokens))
                if order not in known and len(set(order)) == length:  # no two tokens are alike
                    known.add(order)
                    if length not in wrong and chosen(known, length):
                        wrong[length] = order
                if order == wrong.get(length):
                    row[_at(_ROWS[turn], length), WIDTH // 3 + turn] += 0.1
            return rows

        return layer

    def enough(orders: set[tuple[int, ...]], length: int) -> bool:
        return not len(never_reached(orders, length))

    return [
        Case("it is wrong after one shuffle alone, the first", wrong_after(lambda orders, length: True, 1), _EACH),
        Case(
            "it is wrong after one shuffle alone, the one with which the orders lead any two places to any others",
            wrong_after(enough, 0),
            _EACH,
            late=True,
        ),
        # The first order of all is the one in which the tokens came.
        *(
            Case(
                f"it is wrong after one shuffle alone, the {nth} or the last that is needed",
                wrong_after(lambda orders, length, count=count: len(orders) > count or enough(orders, length), count),
                _EACH,
                late=True,
            )
            for count, nth in enumerate(("second", "third", "fourth", "fifth", "sixth"), start=2)
        ),
    ]


def _of_two_texts() -> list[Case]:
    """Make layers in which one token of a neighbour changes one number of one row.

    The own text says which token and which row, so that shuffling both texts in one order shows nothing.
    """

    def leaking(step: int, token: int, row: int, source: int, target: int) -> Layer:
        def layer(x: np.ndarray) -> np.ndarray:
            rows, length = make_layer()(x), x.shape[1]
            for text in range(len(x)):
                if 0 <= text + step < len(x):
                    ranked = x[text, :, 0].argsort()
                    place, into = ranked[_at(token, length)], ranked[_at(row, length)]
                    rows[text, into, target] += 0.3 * x[text + step, place, source]
            return rows

        return layer

    return [
        Case(f"feature {n} of one token reaches a row of the text {where} it, way {part}", layer, _LEAK)
        for step, where in ((1, "before"), (-1, "behind"))
        for part, (row, n, target) in enumerate(_draws(step + 2).T)
        for layer in [leaking(step, part, row, n, target)]
    ]


def _of_rows_kept() -> list[Case]:
    """Make layers that take one row from a text read before, where one token alone is another now."""

    def keeping(token: int, row: int, texts: slice) -> Layer:
        read: dict[bytes, np.ndarray] = {}  # all tokens but this one, to the first text that has them

        def layer(x: np.ndarray) -> np.ndarray:
            rows, place = make_layer()(x), _at(row, x.shape[1])
            rounded = np.round(x.astype(float), 9) + 0.0  # a change taken back may leave a last digit
            others = np.delete(rounded, _at(token, x.shape[1]), axis=1)
            sources = [read.setdefault(part.tobytes(), text) for part, text in zip(others, rounded, strict=True)]
            for text in np.arange(len(x))[texts]:
                if not np.array_equal(sources[text], rounded[text]):
                    rows[text, place] = make_layer()(sources[text][None])[0, place]
            return rows

        return layer

    return [
        *(
            Case(f"row {part} of 20 is kept when its own token changes", keeping(part, part, slice(None)), _KEPT)
            for part in range(PARTS)
        ),
        *(
            Case(f"row {row} of 20 is kept when token {part} changes, in {where}", keeping(part, row, texts), _KEPT)
            for where, texts, rows in (
                ("the first text", slice(1), _ROWS),
                ("the last text", slice(-1, None), PARTS - 1 - _ROWS[::-1]),
            )
            for part, row in enumerate(rows)
        ),
    ]
