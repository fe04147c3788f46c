"""The exercise that asks for a test of multi-head layers: a test that leaves a part out is refused, whichever part."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.exercise_toys import message
from tests.support.thinning import thinned
from utils.exercises import check
from utils.exercises.engine.checker import EXERCISES
from utils.exercises.engine.witnesses import never_reached

ROOT = Path(__file__).resolve().parents[3]
LAYERS = EXERCISES["heads-test"]
EVERY = slice(None)
CASES = {case.name: case.run for case in LAYERS.cases()}


def circle(rng, length=20):
    """Draw an order that sends every place to its next in a circle through all of them."""
    places, order = rng.permutation(length), np.arange(length)
    order[places] = np.roll(places, 1)
    return order


def cycle(*places):
    """Return an order that moves a few places in a circle and no other."""
    order = np.arange(20)
    order[list(places)] = np.roll(places, 1)
    return order


def blocks(size, seed=0):
    """Draw an order that moves every place, and none out of its block."""
    rng = np.random.default_rng(seed)
    return np.concatenate([start + circle(rng, size) for start in range(0, 20, size)])


OTHER = np.random.default_rng(5).normal(size=12)
TWO = [circle(np.random.default_rng(3)), circle(np.random.default_rng(4))]


def a_test(
    orders=TWO,
    compared=lambda rows: rows,
    more=EVERY,
    moves=lambda moved, text, place: moved.all(),
    leaks=lambda gaps, text, place: gaps,
    skipped=(),
    length=20,
    start=None,
    delta=OTHER,
    seed=0,
    idle=([], []),
    unlooked=(),
):
    """Make a test that is sound but for what is named.

    Args:
        orders: the shuffles.
        compared: takes rows (2, T, 12); returns what is compared of them after a shuffle.
        more: features that are changed, or a function of the place that returns them.
        moves: takes which rows of the changed text moved (T,); returns whether they are enough.
        leaks: takes gaps of the other text (T, 12); returns those that are looked at.
        skipped: pairs (text, place) that are changed, and what comes of it is not looked at.
        length: of the texts.
        start: makes the texts from a generator.
        delta: by how much features are changed (12,).
        seed: of the texts.
        idle: shuffles before the others and after them, of which nothing is compared.
        unlooked: numbers of shuffles that are tried in their turn, and nothing is compared.
    """

    def answer(layer):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(2, length, 12)) if start is None else start(rng)
        before = layer(x)
        for order in idle[0]:
            layer(x[:, order])
        for n, order in enumerate(orders):
            after = layer(x[:, order])
            if n not in unlooked and not np.allclose(compared(after), compared(before[:, order]), atol=1e-6):
                return False
        for order in idle[1]:
            layer(x[:, order])
        for text, place in np.ndindex(2, length):
            changed = x.copy()
            features = more(place) if callable(more) else more
            changed[text, place, features] += delta[features]
            gaps = np.abs(layer(changed) - before)
            if (text, place) in skipped:
                continue
            if not moves(gaps[text].max(axis=-1) > 1e-6, text, place):
                return False
            if (leaks(gaps[1 - text], text, place) > 1e-6).any():
                return False
        return True

    return answer


@pytest.mark.parametrize(("seed", "delta"), [(0, 1.0), (1, -0.5), (2, 5.0), (3, 0.01)])
def test_a_test_that_leaves_nothing_out_passes_whatever_it_draws(seed, delta):
    rng = np.random.default_rng(100 + seed)
    assert check("heads-test", a_test([circle(rng), circle(rng)], seed=seed, delta=delta * OTHER))


def test_many_orders_with_fixed_places_serve_as_well():
    rng = np.random.default_rng(7)
    assert check("heads-test", a_test([rng.permutation(20) for _ in range(6)]))


def test_texts_of_other_lengths_serve_as_well():
    for length in (9, 13, 32):
        rng = np.random.default_rng(length)
        assert check("heads-test", a_test([circle(rng, length), circle(rng, length)], length=length))


def narrow(rng):
    """Draw texts whose tokens have one feature that is not 0."""
    return rng.normal(size=(2, 20, 12)) * (np.arange(12) == 0)


def but(place):
    return np.delete(np.arange(20), place)


NEVER_MOVED = {
    "three tokens in a circle": ({"orders": [cycle(0, 10, 19)]}, "1 to 9, 11 to 18"),
    "other three": ({"orders": [cycle(5, 10, 15)]}, "0 to 4, 6 to 9, 11 to 14, 16 to 19"),
    "the first two exchanged": ({"orders": [cycle(0, 1)]}, "2 to 19"),
    "a random order that leaves the last": ({"orders": [np.append(circle(np.random.default_rng(1), 19), 19)]}, "19"),
    "two orders that leave the first": (
        {"orders": [np.append(0, 1 + circle(np.random.default_rng(n), 19)) for n in (1, 2)]},
        "0",
    ),
    "two that leave one in the middle": (
        {
            "orders": [
                np.insert(order + (order >= 9), 9, 9)
                for order in (circle(np.random.default_rng(n), 19) for n in (5, 6))
            ]
        },
        "9",
    ),
}
WEAK = {
    "tokens roll by one": {"orders": [np.roll(np.arange(20), 1)]},
    "tokens roll by any number": {"orders": [np.roll(np.arange(20), n) for n in range(1, 20)]},
    "even places stay even": {"orders": [np.roll(np.arange(20), 2)]},
    "turned round": {"orders": [np.arange(20)[::-1]]},
    "turned round and rolled": {"orders": [np.arange(20)[::-1], np.roll(np.arange(20), 7)]},
    "neighbours exchanged": {"orders": [np.arange(20) ^ 1]},
    "shuffled in halves": {"orders": [blocks(10), blocks(10, 1)]},
    "shuffled in fives": {"orders": [blocks(5), blocks(5, 1)]},
    "shuffled in twos and halves": {"orders": [blocks(2), blocks(10)]},
    "feature 0 compared": {"compared": lambda rows: rows[..., 0]},
    "all features compared but 7": {"compared": lambda rows: np.delete(rows, 7, axis=-1)},
    "sums of rows compared": {"compared": lambda rows: rows.mean(axis=1)},
    "features of rows sorted": {"compared": lambda rows: np.sort(rows, axis=-1)},
    "feature 0 changed": {"more": 0},
    "all features changed but 5": {"more": np.arange(12) != 5},
    "one feature of each token changed": {"more": lambda place: place % 12},
    "text 0 compared": {"compared": lambda rows: rows[0]},
    "feature 0 of leaks": {"leaks": lambda gaps, text, place: gaps[:, 0]},
    "all features of leaks but 4": {"leaks": lambda gaps, text, place: np.delete(gaps, 4, axis=-1)},
    "leaks added up over features": {"leaks": lambda gaps, text, place: gaps * (np.arange(12) % 2)},
    "leaks into the first text": {"leaks": lambda gaps, text, place: gaps * (text == 1)},
    "leaks from the first token": {"leaks": lambda gaps, text, place: gaps * (place == 0)},
    **{f"leaks not from token {n}": {"leaks": lambda gaps, text, place, n=n: gaps * (place != n)} for n in (0, 11, 19)},
    **{f"leaks not into row {n}": {"leaks": lambda gaps, text, place, n=n: gaps[but(n)]} for n in (0, 7, 19)},
    "leaks into the row of the same place": {"leaks": lambda gaps, text, place: gaps[place]},
    **{f"all rows but {n}": {"moves": lambda moved, text, place, n=n: moved[but(n)].all()} for n in (0, 8, 19)},
    "all rows but its own": {"moves": lambda moved, text, place: moved[but(place)].all()},
    "its own row": {"moves": lambda moved, text, place: moved[place]},
    "all rows but one": {"moves": lambda moved, text, place: moved.sum() >= 19},
    "every second row": {"moves": lambda moved, text, place: moved[::2].all()},
    **{
        f"all rows but the one {n} places on": {
            "moves": lambda moved, text, place, n=n: moved[but((place + n) % 20)].all()
        }
        for n in range(20)
    },
    **{
        f"the same in text {n} alone": {
            "moves": lambda moved, text, place, n=n: np.delete(moved, [(place + 6) % 20] * (text == n)).all()
        }
        for n in (0, 1)
    },
    "all rows but the mirrored one": {"moves": lambda moved, text, place: moved[but(19 - place)].all()},
    "row 12 in the first text alone": {"moves": lambda moved, text, place: np.delete(moved, [12] * text).all()},
    **{f"token {n} of text 0 changed and not looked at": {"skipped": [(0, n)]} for n in (0, 6, 19)},
    "token 3 changed and not looked at": {"skipped": [(0, 3), (1, 3)]},
    "tokens of one feature": {"start": narrow},
    "texts of eight": {"length": 8, "orders": [circle(np.random.default_rng(n), 8) for n in (0, 1)]},
}  # fmt: skip


@pytest.mark.parametrize(("settings", "places"), thinned(NEVER_MOVED.items()))
def test_orders_that_leave_tokens_where_they_are_are_refused_with_their_places(settings, places):
    assert (
        message("heads-test", a_test(**settings))
        == f"in texts of 20 tokens, these are never moved by a shuffle: {places}"
    )


@pytest.mark.parametrize("settings", thinned(WEAK.items()))
def test_a_test_that_leaves_a_part_out_is_refused(settings):
    told = message("heads-test", a_test(**settings))
    assert told.startswith(
        ("lets a broken one pass: ", "in texts of 20 tokens, these are never ", "tries one text alone")
    )


ORBITS = {
    "one circle": TWO[:1],
    "one circle, once and twice round": [TWO[0], TWO[0][TWO[0]]],
    "a circle and the way back": [TWO[0], np.argsort(TWO[0])],
}


@pytest.mark.parametrize("orders", ORBITS.values(), ids=ORBITS)
def test_orders_that_keep_a_distance_along_a_circle_are_refused_with_two_places(orders):
    told = message("heads-test", a_test(orders))
    assert told.startswith("in texts of 20 tokens, the orders never lead places 0 and 1 to places ")


MORE = [circle(np.random.default_rng(n)) for n in (8, 9)]
IDLE = {
    "one compared, two more behind": ([], TWO[:1], MORE),
    "one compared, two more before": (MORE, TWO[:1], []),
    "one compared, one more before": (MORE[:1], TWO[:1], []),
    "one compared, one before and one behind": (MORE[:1], TWO[:1], MORE[1:]),
    "a circle, once and twice round, and one more behind": ([], ORBITS["one circle, once and twice round"], MORE[:1]),
}


@pytest.mark.parametrize(("before", "orders", "behind"), IDLE.values(), ids=IDLE)
def test_an_order_that_is_tried_and_not_compared_does_not_count(before, orders, behind):
    told = message("heads-test", a_test(orders, idle=(before, behind)))
    assert told.startswith("lets a broken one pass: it is wrong after one shuffle alone")


def of_parity_and_pairs(seed=0):
    """Draw two orders: even places stay even, and places ten apart stay so.

    With a circle through all places, one of them is not enough, and both are.
    """
    rng = np.random.default_rng(seed)
    parity, pairs, halves = np.empty(20, int), np.empty(20, int), rng.permutation(10)
    parity[::2], parity[1::2] = rng.permutation(np.arange(0, 20, 2)), rng.permutation(np.arange(1, 20, 2))
    first = halves + 10 * rng.integers(2, size=10)
    pairs[:10], pairs[10:] = first, (first + 10) % 20
    return parity, pairs


@pytest.mark.parametrize("left_out", [1, 2])
def test_three_orders_count_only_if_each_is_compared(left_out):
    """The witness sees orders that are tried; layers that are wrong after one of them see which are compared."""
    orders = [np.roll(np.arange(20), 1), *of_parity_and_pairs()]
    assert not len(never_reached({tuple(map(int, order)) for order in orders}, 20))
    assert check("heads-test", a_test(orders))
    for some in ([0, 1], [0, 2]):
        assert len(never_reached({tuple(map(int, orders[n])) for n in some}, 20))
    told = message("heads-test", a_test(orders, unlooked=[left_out]))
    assert told.startswith("lets a broken one pass: ")


@pytest.mark.parametrize("left_out", [0, 1, 5])
def test_each_of_the_first_six_orders_has_to_be_compared(left_out):
    """A circle, gone round by 1 to 6 places, and one order more that completes the pairs."""
    orders = [*(np.roll(np.arange(20), n) for n in range(1, 7)), MORE[0]]
    told = message("heads-test", a_test(orders, unlooked=[left_out]))
    assert told.startswith("lets a broken one pass: it is wrong after one shuffle alone")


def test_orders_too_many_that_are_not_compared_do_no_harm():
    assert check("heads-test", a_test(idle=([], MORE)))


def test_one_number_more_in_all_features_is_no_other_token():
    """A layer may take it off first: one that is sound and one that mixes texts do."""
    one_more = a_test(delta=np.ones(12))
    sound, mixing = (next(case for case in CASES if text in case) for text in ("variance 1 first", "the mean row of"))
    assert not one_more(CASES[sound])
    assert one_more(CASES[mixing])
    assert a_test()(CASES[sound])
    assert not a_test()(CASES[mixing])
    assert message("heads-test", one_more).startswith("adds one number to all features of a token")


def test_the_chapter_says_how_many_layers_are_handed_over():
    sound = sum(case.sound for case in LAYERS.cases())
    text = (ROOT / "chapters" / "02-multi-head-attention.ipynb").read_text(encoding="utf-8")
    assert f"hands your test {sound} layers that are sound." in text
    assert f"It also hands over {len(CASES) - sound} that are broken:" in text


def test_the_chapter_says_how_often_the_checker_calls_a_test():
    calls, test = [], a_test()

    def counted(layer):
        calls.append(layer)
        return test(layer)

    assert check("heads-test", counted)
    text = (ROOT / "chapters" / "02-multi-head-attention.ipynb").read_text(encoding="utf-8")
    assert f"Seed your generator inside the function: the checker calls it {len(calls)} times." in text


def shuffled_otherwise(poor, orders):
    """Make a test that shuffles one text of its batch in orders of its own, and the other in two circles."""

    def answer(layer):
        x = np.random.default_rng(0).normal(size=(2, 20, 12))
        before = layer(x)
        for good, other in zip(TWO, orders, strict=True):
            order = np.stack([other, good] if poor == 0 else [good, other])[..., None]
            turned, rows = (np.take_along_axis(array, order, axis=1) for array in (x, before))
            if not np.allclose(layer(turned), rows, atol=1e-6):
                return False
        return a_test([])(layer)

    return answer


SWAP = cycle(0, 1)


@pytest.mark.parametrize(("poor", "where"), [(0, "first"), (1, "last")])
def test_each_text_has_to_be_shuffled(poor, where):
    told = message("heads-test", shuffled_otherwise(poor, [SWAP, SWAP]))
    assert told == f"in the {where} text of a batch, of 20 tokens, these are never moved by a shuffle: 2 to 19"
    told = message("heads-test", shuffled_otherwise(poor, [TWO[0], TWO[0]]))
    assert told.startswith(f"in the {where} text of a batch, of 20 tokens, the orders never lead places 0 and 1 to ")
    assert check("heads-test", shuffled_otherwise(poor, MORE))


@pytest.mark.parametrize("rows", [slice(10), slice(10, 20), slice(None, None, 2), slice(1, None, 2)])
def test_all_rows_have_to_be_compared_after_the_second_shuffle_too(rows):
    def answer(layer):
        x = np.random.default_rng(0).normal(size=(2, 20, 12))
        before = layer(x)
        for order, some in zip(TWO, (EVERY, rows), strict=True):
            if not np.allclose(layer(x[:, order])[:, some], before[:, order][:, some], atol=1e-6):
                return False
        return a_test([])(layer)

    assert message("heads-test", answer).startswith("lets a broken one pass: it is wrong after one shuffle alone")


@pytest.mark.parametrize("place", range(20))
def test_each_place_has_layers_that_single_it_out(place):
    """An order that leaves this place alone where it is, and a look at all other rows, places, numbers."""
    order = np.insert(but(place)[np.roll(np.arange(19), 7)], place, place)
    left = a_test([order])
    assert left(CASES[f"key {place} of 20 counts more"])
    assert left(CASES[f"one number differs in row {place} of 20"])
    assert left(CASES["three heads"])


def test_two_orders_of_the_solution_lead_any_two_places_to_any_other_two():
    """So no rule on the places of query and key is left as it was, but one on whether they are equal."""
    rng = np.random.default_rng(0)
    rng.normal(size=(2, 20, 12))
    orders = []
    for places in (rng.permutation(20), rng.permutation(20)):
        order = np.arange(20)
        order[places] = np.roll(places, 1)
        orders.append(order)
        assert (order != np.arange(20)).all()
    reached, before = {(0, 1)}, set()
    while reached != before:
        before, reached = reached, reached | {(int(o[a]), int(o[b])) for o in orders for a, b in reached}
    assert len(reached) == 20 * 19
