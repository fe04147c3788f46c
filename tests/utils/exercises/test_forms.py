"""The exercises that ask for a test, a bug or a prediction: sound answers pass, each wrong one is named."""

import functools
import itertools
import re
import warnings

import numpy as np
import pytest

from tests.support.exercise_toys import Hidden, message
from tests.support.form_solutions import MENDED_LINES, PREDICTIONS, TESTS, mended
from tests.support.thinning import thinned
from utils.exercises import check
from utils.exercises.engine.checker import EXERCISES
from utils.exercises.engine.forms import FindTheBug, Prediction, WriteATest

EVERY = slice(None)
CASE_PARAMETERS = [  # of each exercise
    parameters
    for one in TESTS
    for parameters in thinned((f"{one}: {case.name}", (one, at)) for at, case in enumerate(EXERCISES[one].cases()))
]
FORM_MISTAKES = [(one, mistake) for one in (*TESTS, *MENDED_LINES) for mistake in EXERCISES[one].mistakes]
OTHER_SHAPES = ("training-test-batch", "pretrained-test-padding")  # what comes out is not shaped like what goes in
LINES = [(one, line) for one in MENDED_LINES for line in range(1, len(EXERCISES[one].numbered.splitlines()) + 1)]


def answered(exercise_id, answer):
    """Return an answer in the form that is asked for: for a bug, with its line."""
    return (min(MENDED_LINES[exercise_id]), answer) if exercise_id in MENDED_LINES else answer


def test_every_chapter_of_the_first_seven_has_each_form_once():
    for prefix in ("attention", "heads", "positions", "architecture", "training", "pretrained", "custom"):
        own = [one for one in EXERCISES.values() if one.id.startswith(prefix)]
        forms = (WriteATest, FindTheBug, Prediction)
        assert [sum(isinstance(one, form) for one in own) for form in forms] == [1, 1, 1]


@pytest.mark.parametrize(
    ("exercise_id", "mistake"), FORM_MISTAKES, ids=[f"{one}: {it.name}" for one, it in FORM_MISTAKES]
)
def test_known_mistake_of_a_form_is_recognised_as_itself(exercise_id, mistake):
    with np.errstate(all="ignore"):
        verdict = check(exercise_id, answered(exercise_id, mistake.answer))
    assert verdict.message.startswith(f"{exercise_id}: {mistake.message} (seen on ")
    assert verdict.hint == mistake.hint


@pytest.mark.parametrize("exercise_id", [*TESTS, *MENDED_LINES])
def test_mistakes_of_a_form_have_names_and_messages_of_their_own(exercise_id):
    kinds = {(one.name.partition(", way")[0], one.message) for one in EXERCISES[exercise_id].mistakes}
    assert len(kinds) == len({name for name, _ in kinds}) == len({text for _, text in kinds}) >= 6


# Write a test


@pytest.mark.parametrize("exercise_id", TESTS)
def test_model_test_passes_and_the_books_own_does_not_but_where_it_is_hidden(exercise_id):
    reference = EXERCISES[exercise_id].reference
    assert check(exercise_id, TESTS[exercise_id])
    assert check(exercise_id, Hidden(reference))
    assert message(exercise_id, reference) == f"the result is right, but this is the book's own `{reference.__name__}`"


@pytest.mark.parametrize("exercise_id", TESTS)
def test_a_test_is_tried_on_several_sound_cases_and_a_dozen_broken_ones_all_named(exercise_id):
    cases = EXERCISES[exercise_id].cases()
    sound = [case.sound for case in cases]
    assert sum(sound) >= 5
    assert len(sound) - sum(sound) >= 12
    assert sound == sorted(sound, reverse=True)
    assert len({case.name for case in cases}) == len(cases)


@functools.cache
def verdicts_on_cases(exercise_id):
    """Return what the model test says of each case, by the name that it goes by."""
    exercise, verdicts = EXERCISES[exercise_id], {}
    for trial in range(exercise.trials):
        (implementation,) = exercise.draw(trial)
        try:
            verdicts[str(implementation)] = TESTS[exercise_id](implementation)
        except (ValueError, IndexError):  # of another shape
            verdicts[str(implementation)] = False
    return verdicts


@pytest.mark.parametrize(("exercise_id", "trial"), CASE_PARAMETERS)
def test_a_case_that_alone_is_judged_wrongly_is_named(exercise_id, trial):
    """A test that is right for all cases but this one."""
    case, verdicts = EXERCISES[exercise_id].cases()[trial], verdicts_on_cases(exercise_id)
    verdict = check(exercise_id, lambda one: verdicts[str(one)] != (str(one) == f"“{case.name}”"))
    if case.sound:
        known = {one.message for one in EXERCISES[exercise_id].mistakes if case.name in verdict.message}
        refused = verdict.message == f"{exercise_id}: refuses one that is sound: {case.name}"
        assert refused or verdict.message.removeprefix(f"{exercise_id}: ").partition(" (seen")[0] in known
    else:
        slipped = verdict.message == f"{exercise_id}: lets a broken one pass: {case.name}"
        assert slipped or f"(seen on {EXERCISES[exercise_id].parameters[0]} “{case.name}”)" in verdict.message
        assert verdict.hint


@pytest.mark.parametrize("exercise_id", [one for one in TESTS if one not in OTHER_SHAPES])
def test_shapes_and_finite_numbers_tell_no_broken_case_but_those_of_row_0(exercise_id):
    """The broken ones run in silence, and all but one look like the sound ones; half of those with NaN show it."""
    inputs = {
        "attention-test-causal": (np.random.default_rng(0).normal(size=(7, 5)),),
        "heads-test": (np.random.default_rng(0).normal(size=(3, 7, 12)),),
        "positions-test": (np.random.default_rng(0).normal(size=(7, 4)), np.arange(7)),
        "architecture-test-cache": (np.random.default_rng(0).normal(size=(7, 4)), None),
        "custom-test-convert": (np.random.default_rng(0).normal(size=(7, 7)), np.arange(7.0)),
    }[exercise_id]
    others, not_finite = [], []
    for case in EXERCISES[exercise_id].cases():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result = case.run(*inputs)
        result = result[0] if isinstance(result, tuple) else result
        assert np.isfinite(result[1:]).all()
        not_finite += [] if np.isfinite(result).all() else [case.name]
        others += [case] if result.shape != inputs[0].shape else []
    assert len(not_finite) == (4 if exercise_id == "attention-test-causal" else 0)
    assert all(name.startswith("row 0 is NaN") for name in not_finite)
    assert [case.sound for case in others] == [False] * len(others)
    assert len(others) <= 1


@pytest.mark.parametrize("exercise_id", TESTS)
def test_cases_are_the_same_whenever_they_are_made_whatever_was_done_to_them(exercise_id):
    assert repr(check(exercise_id, TESTS[exercise_id])) == repr(check(exercise_id, TESTS[exercise_id]))


@pytest.mark.parametrize("exercise_id", TESTS)
def test_no_case_is_handed_out_twice_however_often_a_trial_is_drawn(exercise_id):
    """Some remember their calls: one with dropout, one with a store."""
    cases = [EXERCISES[exercise_id].draw(trial)[0]._case for trial in (0, 1, 0, 0, 1, 0, 1, 1, 0)]
    assert len({id(case) for case in cases}) == len(cases)
    assert len({case.name for case in cases}) == 2


@pytest.mark.parametrize("exercise_id", TESTS)
@pytest.mark.parametrize("stub", [lambda it: None, lambda it: ...], ids=["None", "..."])
def test_a_stub_of_a_test_is_said_not_to_be_written_yet(exercise_id, stub):
    assert "not written yet" in message(exercise_id, stub)
    assert "expected a function" in message(exercise_id, ...)


def by_values(attend, length=24, width=6):
    """Replace tokens by others, and compare with numpy.testing."""
    x, other = np.random.default_rng(3).normal(size=(2, length, width))
    for place in range(length):
        changed = np.where((np.arange(length) == place)[:, None], other, x)
        np.testing.assert_allclose(attend(changed)[:place], attend(x)[:place], rtol=0, atol=1e-6)
        assert attend(changed).shape == x.shape
        assert not np.isclose(attend(changed)[place:], attend(x)[place:], rtol=0, atol=1e-7).all(axis=1).any()
    return True


def by_prefix(attend):
    """Compare a text with each of its beginnings: what is later may not matter. Then move each token."""
    x = np.random.default_rng(4).normal(size=(24, 3))
    whole = attend(x)
    for length in range(1, 24):
        if not np.allclose(attend(x[:length]), whole[:length], rtol=0, atol=1e-6):
            return False
    for place in range(24):
        gaps = np.abs(attend(x + 0.5 * np.eye(24)[:, place, None]) - whole).max(axis=1)
        if gaps[place:].min() < 1e-7:
            return False
    return True


def by_leaps(attend):
    """Move each token by a thousand: its scores outgrow all others by more than an exponential holds."""
    x = np.random.default_rng(0).normal(size=(24, 4))
    for place in range(24):
        moved = ~np.isclose(attend(x + 1000 * np.eye(24)[:, place, None]), attend(x), rtol=0, atol=1e-6).all(axis=1)
        if moved[:place].any() or not moved[place:].all():
            return False
    return True


def by_the_letter(attend):
    """Do what the text says: a number has moved by more than 1e-6, or turned to or from nan."""
    x = np.random.default_rng(0).normal(size=(24, 4))
    before = attend(x)
    for place in range(24):
        after = attend(np.where((np.arange(24) == place)[:, None], 0, x))
        moved = ((np.abs(after - before) > 1e-6) | (np.isnan(after) != np.isnan(before))).any(axis=1)
        if moved[:place].any() or not moved[place:].all():
            return False
    return True


def circles(seed, length=20):
    """Draw two orders: each sends every place to its next in a circle through all of them, so that no token stays."""
    rng, orders = np.random.default_rng(seed), []
    for _ in range(2):
        circle, order = rng.permutation(length), np.arange(length)
        order[circle] = np.roll(circle, -1)
        orders.append(order)
    return orders


def in_place(rows, expected):
    return np.allclose(rows, expected, atol=1e-6)


def shuffled(layer, x, seed=0, alike=in_place, orders=None):
    """Return whether shuffled tokens give shuffled rows, in two orders or in those that are given."""
    before = layer(x)
    return all(bool(alike(layer(x[:, order]), before[:, order])) for order in orders or circles(seed, x.shape[1]))


def by_sentence(layer):
    """Compare with each text alone, then the first of two equal tokens with the second."""
    x = np.random.default_rng(5).normal(size=(3, 20, 12))
    whole = layer(x)
    assert all(np.allclose(layer(x[i : i + 1])[0], whole[i], atol=1e-5) for i in range(3))
    for feature in range(3):  # one order leaves some tokens where they are
        order = x[0, :, feature].argsort()
        assert np.allclose(layer(x[:, order]), whole[:, order], atol=1e-5)
    x[:, 5] = x[:, 6]
    assert np.allclose(layer(x)[:, 5], layer(x)[:, 6], atol=1e-5)
    for place in range(20):
        changed = x.copy()
        changed[:, place] = 0
        assert (np.abs(layer(changed) - layer(x)).max(axis=-1) > 1e-6).all()
    return True


OTHER = np.random.default_rng(77).normal(size=12)  # what is added to a token
CHANGES = {
    "more": lambda token, rng: token + OTHER,
    "another": lambda token, rng: rng.normal(size=12),
    "zeros": lambda token, rng: 0 * token,
}


def by_changes(change="more", seed=0, enough=lambda moved, place: moved.all(), places=range(20)):
    """Make the model's test with changes of one kind, another draw, or with less that is changed or looked at."""

    def answer(layer):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(2, 20, 12))
        if not shuffled(layer, x, seed):
            return False
        before = layer(x)
        for text, place in itertools.product((0, 1), places):
            changed = x.copy()
            changed[text, place] = CHANGES[change](x[text, place], rng)
            moved = np.abs(layer(changed) - before).max(axis=-1) > 1e-6
            if not enough(moved[text], place) or moved[1 - text].any():
                return False
        return True

    return answer


def in_a_chain(layer):
    """Change one token after another, and take no change back: each text is compared with the one before."""
    x = np.random.default_rng(5).normal(size=(2, 20, 12))
    assert shuffled(layer, x)
    before = layer(x)
    for text, place in np.ndindex(2, 20):
        x[text, place] -= OTHER
        after = layer(x)
        moved = np.abs(after - before).max(axis=-1) > 1e-6
        if not moved[text].all() or moved[1 - text].any():
            return False
        before = after
    return True


def taken_back(layer):
    """Change one text in its place, and take the change back: a last digit may stay behind."""
    x = np.random.default_rng(6).normal(size=(2, 20, 12))
    before = layer(x)
    for text, place in np.ndindex(2, 20):
        x[text, place] += 0.3 * OTHER
        moved = np.abs(layer(x) - before).max(axis=-1) > 1e-6
        x[text, place] -= 0.3 * OTHER
        if not moved[text].all() or moved[1 - text].any():
            return False
    return shuffled(layer, x)


def in_one_batch(layer):
    """Put a text and all its changes into one batch, and compare each with itself alone."""
    rng = np.random.default_rng(7)
    text = rng.normal(size=(20, 12))
    batch = np.stack([text] * 21)
    batch[np.arange(1, 21), np.arange(20)] = rng.normal(size=(20, 12))
    whole = layer(batch)
    alone = np.concatenate([layer(batch[i : i + 1]) for i in range(21)])
    if not np.allclose(whole, alone, atol=1e-6):
        return False
    if not shuffled(layer, batch):
        return False
    return bool((np.abs(whole[1:] - whole[0]).max(axis=-1) > 1e-6).all())


def by_pairs(turn, noticed=None, smallest=0, largest=980, rows=(0, 1)):
    """One query and one key at a time."""
    query, key = np.random.default_rng(6).normal(size=(2, 6))

    def product(t, s):
        return turn(query[None], np.array([t]))[0] @ turn(key[None], np.array([s]))[0]

    starts = [smallest, smallest + 2, 25, 250, largest]
    tables = [[product(t + k, t) for k in (0, 1, 5, 17)] for t in starts]
    both = turn(np.stack([query, key]), np.array([9, 4]) + smallest)
    parts = [turn(row[None], np.array([place + smallest]))[0] for row, place in ((query, 9), (key, 4))]
    together = both.shape == (2, 6) and all(np.allclose(both[row], parts[row], atol=1e-4) for row in rows)
    changes = noticed(product) if noticed else np.ptp(tables[0]) > 1e-3
    return together and np.allclose(tables, tables[0], atol=1e-4) and changes


def by_random_cuts(read):
    rng = np.random.default_rng(7)
    for _ in range(8):
        x = rng.normal(size=(2, 40, 6))  # two texts that begin alike
        cuts = np.sort(rng.choice(np.arange(1, 40), size=5, replace=False))
        x[1, : cuts[0]] = x[0, : cuts[0]]
        rows, cache = read(x[0, : cuts[0]], None)
        rows, caches = [[*rows], [*rows]], [cache, cache]
        for piece in np.split(x, cuts, axis=1)[1:]:
            for way in (1, 0):
                new, caches[way] = read(piece[way], caches[way])
                rows[way].extend(new)
        assert np.allclose(rows, [read(text, None)[0] for text in x], atol=1e-5)
    return np.True_


def by_cuts_with_empty_pieces(read):
    """Like the one before, with one text, and pieces without a token: first, between, last."""
    rng = np.random.default_rng(9)
    for _ in range(8):
        x = rng.normal(size=(40, 6))
        cuts = np.sort(rng.choice(np.arange(1, 40), size=5, replace=False))
        for some in ([*cuts[:3], *cuts[2:], 40], [0, 0, *cuts]):
            rows, cache = [], None
            for piece in np.split(x, some):
                read(-x[: len(piece)], cache)
                new, cache = read(piece, cache)
                assert new.shape == piece.shape
                rows.extend(new)
            if not np.allclose(rows, read(x, None)[0], atol=1e-5):
                return False
    return by_random_cuts(read)


def by_pairs_of_texts(make):
    """Two texts at a time, by their tokens alone."""
    rng = np.random.default_rng(8)
    for _ in range(9):
        texts = [rng.integers(3, 50, size=rng.integers(1, 40)).tolist() for _ in range(2)]
        for text, *rows in zip(texts, *make(texts), strict=True):
            shown, labels, counted = (np.asarray(row) for row in rows)
            assert counted.sum() == len(text) + 1
            assert labels[counted].tolist() == [*text, 2]
            assert shown[counted].tolist() == [1, *text]
    return True


def by_texts(*texts):
    """Make the book's own test, of other texts."""

    def judge(make):
        for shown, labels, counted, text in zip(*make(texts), texts, strict=True):
            length = len(text) + 1
            if list(shown[:length]) != [1, *text] or list(labels[:length]) != [*text, 2]:
                return False
            if not counted[:length].all() or counted[length:].any():
                return False
        return True

    return judge


def by_filler(encode):
    """One text at a time with more and more padding of several kinds, then two texts; each token moves all of its."""
    for length in (3, 6, 11, 25, 33, 41):
        text = np.random.default_rng(9).integers(5, 49, size=length)
        mask = np.ones((1, length), bool)
        alone = encode(text[None], mask)
        for count, filler in itertools.product((1, 2, 5, 12, 42), (0, 3, 44)):
            ids = np.concatenate([text, np.full(count, filler)])[:48]
            places = np.arange(len(ids))
            both = encode(np.stack([ids, ids[::-1]]), np.stack([places < length, places < 1]))
            np.testing.assert_allclose(both[0, :length], alone[0], atol=1e-6)
            ends = encode(ids[None, -1:], mask[:, :1])
            np.testing.assert_allclose(both[1, :1], ends[0], atol=1e-6)
        for place in range(length):
            moved = encode(text[None] + (np.arange(length) == place), mask) - alone
            assert (np.abs(moved).max(axis=-1) > 1e-9).all()
    return True


def by_columns(convert):
    """One input at a time: its row of the kernel must be its column of the weight."""
    rng = np.random.default_rng(9)
    for shape in ((4, 4), (2, 7), (7, 2)):
        weight, bias = rng.normal(size=shape), rng.normal(size=shape[0])
        kernel, shift = convert(weight, bias)
        np.testing.assert_allclose(shift, bias, atol=1e-6)
        for place in range(shape[1]):
            np.testing.assert_allclose(kernel[place], weight[:, place], atol=1e-6)
    return True


BANDS = (1, 2, 6, 17, 25, 35, 47)  # a length in each range in which a broken encoder may be broken


def by_words(seed=0, gap=1e-6, lengths=BANDS, width=48, pads=50, low=0, places=range(48), rows=slice(None)):
    """Make a test of encoders that puts other words in: which tokens are changed and which vectors looked at varies."""

    def answer(encode):
        rng = np.random.default_rng(seed)
        mask = np.arange(width) < np.array(lengths)[:, None]
        for _ in range(3):
            ids = np.where(mask, rng.integers(5, 50, mask.shape), rng.integers(low, pads, mask.shape))
            before = encode(ids, mask)
            for row, n in enumerate(lengths):
                if not np.allclose(before[row, :n], encode(ids[None, row, :n], mask[None, row, :n])[0], atol=1e-6):
                    return False
        for place in places:
            if place >= width:
                break
            changed = ids.copy()
            changed[:, place] = 5 + (ids[:, place] - 5 + rng.integers(1, 45, len(ids))) % 45
            moved = np.abs(encode(changed, mask) - before).max(axis=-1) > gap
            for row, n in enumerate(lengths):
                if place < n and not moved[row, :n][rows].all():
                    return False
        return True

    return answer


@pytest.mark.parametrize("seed", range(5))
def test_a_sound_test_of_padding_passes_whatever_it_draws(seed):
    for settings in ({}, {"gap": 1e-9}, {"gap": 1e-5}, {"lengths": (1, 4, 9, 10, 29, 39, 47)}):
        assert check("pretrained-test-padding", by_words(seed, **settings))


OTHER_SOUND_TESTS = {
    "attention-test-causal": [by_values, by_prefix, by_leaps, by_the_letter],
    "heads-test": [by_sentence, in_a_chain, taken_back, in_one_batch],
    "positions-test": [by_pairs],
    "architecture-test-cache": [by_random_cuts, by_cuts_with_empty_pieces],
    "training-test-batch": [
        by_pairs_of_texts,
        by_texts([7, 5, 7], [4], [*range(3, 63)]),
        by_texts([*range(3, 99)], [9, 8]),
    ],
    "pretrained-test-padding": [by_filler],
    "custom-test-convert": [by_columns],
}


@pytest.mark.parametrize(
    ("exercise_id", "answer"), [(one, test) for one, tests in OTHER_SOUND_TESTS.items() for test in tests]
)
def test_sound_test_in_other_words_passes(exercise_id, answer):
    assert check(exercise_id, answer)


def in_one_order(order, length=20):
    """Make a test of layers that is the model's but for the order: this one instead of a random one."""

    def answer(layer):
        x = np.random.default_rng(0).normal(size=(2, length, 12))
        again = layer(x[:, order(np.arange(length))])
        same = np.allclose(again, layer(x)[:, order(np.arange(length))], atol=1e-6)
        return same and reaches(layer, x, lambda moved, place: moved.all())

    return answer


def reaches(layer, x, enough):
    """Change one token after another: whether no other text moves, and enough of its own."""
    before = layer(x)
    for text, place in np.ndindex(*x.shape[:2]):
        changed = x.copy()
        changed[text, place] += OTHER
        moved = np.abs(layer(changed) - before).max(axis=-1) > 1e-6
        if not enough(moved[text], place) or np.delete(moved, text, axis=0).any():
            return False
    return True


def reaching(enough, places=None):
    """Make a test of layers that is the model's but for the rows of a text that have to move."""

    def answer(layer):
        x = np.random.default_rng(0).normal(size=(2, 20, 12))
        return shuffled(layer, x) and reaches(
            layer, x, lambda moved, place: places not in (None, place) or enough(moved, place)
        )

    return answer


def in_text(looked_at, compared=None):
    """Make a test of layers that shuffles (unless told where) and changes tokens in one text, and keeps texts apart."""
    compared = [looked_at] if compared is None else compared

    def answer(layer):
        x = np.random.default_rng(0).normal(size=(2, 20, 12))
        if not shuffled(layer, x, alike=lambda rows, expected: in_place(rows[compared], expected[compared])):
            return False
        before = layer(x)
        for text, place in np.ndindex(2, 20):
            changed = x.copy()
            changed[text, place] += OTHER
            moved = np.abs(layer(changed) - before).max(axis=-1) > 1e-6
            if moved[1 - text].any() or (text == looked_at and not moved[text].all()):
                return False
        return True

    return answer


def exchanged(first, second):
    def order(places):
        places[[first, second]] = places[[second, first]]
        return places

    return order


# Of one order, or of one row: what each of them lets pass has to be among the broken ones.
SLACK = {
    "turned round": (in_one_order(lambda places: places[::-1]), "near keys count more"),
    **{
        f"{length} tokens turned round": (
            in_one_order(lambda places: places[::-1], length),
            "near keys count more",
        )
        for length in (9, 12, 21)
    },
    **{
        f"tokens {first} and {second} exchanged": (
            in_one_order(exchanged(first, second)),
            "the middle of a text counts more",
        )
        for first, second in ((0, 1), (-2, -1), (0, -1))
    },
    **{
        f"tokens {first} and {second} exchanged, third of a text": (
            in_one_order(exchanged(first, second)),
            "third of a text counts more",
        )
        for first, second in ((0, 10), (3, 12), (5, 6), (9, 19))
    },
    **{
        f"row {row} alone": (
            reaching(lambda moved, place, row=row: moved[row], places=3),
            "each query sees the three keys alone that fit it best|one token of each text sees itself alone",
        )
        for row in (0, 4, 11)
    },
    **{
        f"row {row} alone, each token changed": (
            reaching(lambda moved, place, row=row: moved[row]),
            "token of each text sees itself alone",
        )
        for row in (0, 3, 4, 11)
    },
    **{
        f"token {place} alone changed": (
            reaching(lambda moved, place: moved.all(), places=place),
            "of a token decides whether anybody sees it|another token of each text sees itself alone",
        )
        for place in (1, 2, 6, 13, 18)
    },
    **{
        f"text {text} alone": (in_text(text), f"a causal mask is left on in the {other} text")
        for text, other in ((0, "last"), (1, "first"))
    },
    **{
        f"text {text} alone changed, both shuffled": (
            in_text(text, compared=[0, 1]),
            f"each token sees itself alone in the {other} text",
        )
        for text, other in ((0, "last"), (1, "first"))
    },
    "its own row and one more": (
        reaching(lambda moved, place: moved.sum() >= 2),
        "each query sees the three keys alone that fit it best",
    ),
    "most rows": (
        reaching(lambda moved, place: moved.sum() >= 17),
        "token of each text sees itself alone",
    ),
}


def of_any_size(delta, scale=1.0, batch=2, feature=slice(None)):
    """Make the model's test with larger or smaller changes, of all features or of one, and other texts."""

    def answer(layer):
        rng = np.random.default_rng(3)
        x = scale * rng.normal(size=(batch, 20, 12))
        before = layer(x)
        if before.shape != x.shape or not shuffled(layer, x):
            return False
        for text, place in np.ndindex(batch, 20):
            changed = x.copy()
            changed[text, place, feature] += (delta * OTHER)[feature]
            moved = np.abs(layer(changed) - before).max(axis=-1) > 1e-6
            if not moved[text].all() or np.delete(moved, text, axis=0).any():
                return False
        return True

    return answer


OF_ANY_SIZE = [{"delta": delta, **others} for delta in (0.1, -1, 10) for others in ({}, {"scale": 0.1}, {"batch": 3})]


@pytest.mark.parametrize("settings", OF_ANY_SIZE, ids=str)
def test_a_sound_test_of_layers_passes_whatever_the_size_of_its_changes(settings):
    assert check("heads-test", of_any_size(**settings))


@pytest.mark.parametrize(("answer", "text"), thinned(SLACK.items()))
def test_a_test_of_one_order_or_of_one_row_is_shown_what_it_lets_pass(answer, text):
    told = message("heads-test", answer)
    unmoved = "are never moved by a shuffle" in told
    assert unmoved or re.match(f"lets a broken one pass: .*({text})", told)


CUT = [case for case in EXERCISES["heads-test"].cases() if "of two tokens decides" in case.name]


def own_and_next(moved, place):
    return moved[[place, (place + 1) % 20]].all()


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("seed", range(10))
def test_a_sound_test_of_layers_sees_each_layer_in_which_pairs_are_cut(change, seed):
    assert len(CUT) == 12
    assert not any(by_changes(change, seed)(case.run) for case in CUT)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("seed", range(10))
def test_a_test_of_layers_that_looks_at_two_rows_lets_one_pass_in_which_pairs_are_cut(change, seed):
    assert any(by_changes(change, seed, own_and_next)(case.run) for case in CUT)


def at_lengths(*lengths):
    """Make a test that is right in texts of the first length, and changes the ends alone in the others."""

    def answer(layer):
        for length in lengths[1:]:
            x = np.random.default_rng(8).normal(size=(1, length, 12))
            for place in (0, -1):
                changed = x.copy()
                changed[0, place] += OTHER
                if (np.abs(layer(changed) - layer(x)).max(axis=-1) < 1e-6).any():
                    return False
        return lengths[0] is None or by_changes()(layer)

    return answer


def test_all_tokens_have_to_be_changed_alone_in_texts_of_one_length_that_is_not_short():
    assert check("heads-test", at_lengths(20, 31))
    assert check("heads-test", at_lengths(20, 2))
    ends = by_changes(places=(0, 10, 19))
    for few in (ends, lambda layer: at_lengths(None, 1, 2)(layer) and ends(layer)):
        told = message("heads-test", few)
        assert told == "in texts of 20 tokens, these are never changed alone: 1 to 9, 11 to 18"
    told = message("heads-test", by_changes(places=[place for place in range(20) if place not in (4, 5, 11)]))
    assert told == "in texts of 20 tokens, these are never changed alone: 4 to 5, 11"


def test_what_is_never_tried_is_not_said_where_a_sound_layer_is_refused():
    def strict(layer):
        return by_changes(places=(0,))(layer) and layer(np.ones((1, 1, 12))).dtype == np.float64

    assert message("heads-test", strict) == "refuses one that is sound: float32"


def by_text(start, cuts, last=None, size=1.0):
    """Return a test that reads one text in one way, and compares its last rows."""

    def judge(read):
        x = size * np.random.default_rng(start).normal(size=(24, 8))
        whole, cache, rows = read(x, None)[0], None, []
        for piece in np.split(x, cuts):
            read(-piece, cache)
            new, cache = read(piece, cache)
            rows.append(new)
        return np.allclose(np.concatenate(rows)[last:], whole[last:], atol=1e-5)

    return judge


def by_moves(attend, looked_at, gap=1e-6, length=24):
    """Move one token s after another, and look at those rows t alone for which looked_at(t, s)."""
    x = np.random.default_rng(0).normal(size=(length, 4))
    rows, before = np.arange(length), attend(x)
    for s in rows:
        moved = ~(np.abs(attend(x + (rows == s)[:, None]) - before).max(axis=1) <= gap)  # NaN has moved
        if any(moved[t] != (t >= s) for t in rows if looked_at(t, s)):
            return False
    return True


def by_additions(attend, seed=0):
    """Add random numbers to one token after another, but be blind to NaN."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(24, 4))
    before = attend(x)
    for place in range(24):
        other = x.copy()
        other[place] += rng.normal(size=4)
        moved = np.abs(attend(other) - before).max(axis=1) > 1e-6
        if moved[:place].any() or not moved[place:].all():
            return False
    return True


def by_shares(attend):
    """Take Exercise 1.6's changes, with a gap that grows with the numbers."""
    x = np.random.default_rng(1).normal(size=(24, 4))
    before = attend(x)
    for place in range(24):
        after = attend(np.where(np.arange(24)[:, None] == place, 0, x))
        moved = ~np.isclose(after, before, atol=1e-6).all(axis=1)
        if moved[:place].any() or not moved[place:].all():
            return False
    return True


def by_zeros(attend, of_a_row, blind=False):
    """Put zeros in the place of one token after another, and reduce the gaps of a row to one."""
    x = np.random.default_rng(0).normal(size=(24, 4))
    before = attend(x)
    for place in range(24):
        gaps = of_a_row(np.abs(attend(np.where((np.arange(24) == place)[:, None], 0, x)) - before), axis=1)
        moved = gaps > 1e-6 if blind else ~(gaps <= 1e-6)
        if moved[:place].any() or not moved[place:].all():
            return False
    return True


def by_kinds_of_nan(attend, columns):
    """Take a row as moved by a NaN only if all numbers in these columns have become NaN."""
    x = np.random.default_rng(0).normal(size=(24, 4))
    before = attend(x)
    for place in range(24):
        after = attend(np.where((np.arange(24) == place)[:, None], 0, x))
        moved = (np.abs(after - before).max(axis=1) > 1e-6) | np.isnan(after[:, columns]).all(axis=1)
        if moved[:place].any() or not moved[place:].all():
            return False
    return True


def by_features(attend, changed, compared, compared_past=None, how=np.any):
    """Move one token after another, but of its numbers those alone that are named; compare those of a row alone.

    For rows that should move, others can be named, and how they count.
    """
    x = np.random.default_rng(0).normal(size=(24, 4))
    before = attend(x)
    for place in range(24):
        other = x.copy()
        other[place, changed] += 1
        moved = ~(np.abs(attend(other) - before) <= 1e-6)
        seen = moved[place:, compared if compared_past is None else compared_past]
        if moved[:place, compared].any() or not how(seen.reshape(24 - place, -1), axis=1).all():
            return False
    return True


def by_one_way(read, aside=-1.0, before=True):
    """Read another way on before each piece, or after it, and never go on with that one."""
    x = np.random.default_rng(0).normal(size=(24, 8))
    whole, _ = read(x, None)
    for cuts in ([1, 2, 3], [5, 12, 20], [9, 10]):
        cache, rows = None, []
        for piece in np.split(x, cuts):
            if before:
                read(aside * piece, cache)
            new, after = read(piece, cache)
            if not before:
                read(aside * piece, cache)
            cache = after
            rows.append(new)
        if not np.allclose(np.concatenate(rows), whole, atol=1e-5):
            return False
    return True


def by_starts(*starts):
    """Return a test that moves five tokens by a few numbers: what else there is from 0 to 1,000 it does not see."""

    def judge(turn):
        x, places = np.random.default_rng(0).normal(size=(5, 8)), np.array([0, 3, 4, 7, 20])
        rows = turn(x, places)
        alone = [turn(x[i : i + 1], places[i : i + 1])[0] for i in range(5)]
        moved = [turn(x, start + places) for start in starts]
        last = turn(x, places + np.array([0, 0, 0, 0, 9]))
        stays = all(np.allclose(y @ y.T, rows @ rows.T, atol=1e-4) for y in moved)
        return (
            stays and not np.allclose(last @ last.T, rows @ rows.T, atol=1e-4) and np.allclose(rows, alone, atol=1e-4)
        )

    return judge


def keeps_lengths(turn):
    """Ask, too, that no row becomes longer or shorter."""
    x, places = np.random.default_rng(0).normal(size=(5, 8)), np.array([0, 3, 4, 7, 20])
    kept = np.allclose(np.linalg.norm(turn(x, places), axis=1), np.linalg.norm(x, axis=1), atol=1e-4)
    return TESTS["positions-test"](turn) and kept


def keeps_products(turn):
    """Ask, too, that at equal positions the product is that of the rows before they were turned."""
    q, k = x = np.random.default_rng(0).normal(size=(2, 8))
    turned_q, turned_k = turn(x, np.array([5, 5]))
    return TESTS["positions-test"](turn) and abs(turned_q @ turned_k - q @ k) < 1e-4


def in_batches(compared, moved, own=None):
    """Return a test that keeps texts apart, shuffles some texts and changes the tokens of some.

    Both are pairs (texts in the batch, text looked at). Rows of the changed token itself are looked at in texts `own`.
    """

    def judge(layer):
        x = np.random.default_rng(0).normal(size=(2, 20, 12))
        before = {batch: layer(x[:batch]) for batch in (1, 2)}
        for text in (0, 1):
            if np.abs(layer(x + (np.arange(2) == text)[:, None, None] * OTHER) - before[2])[1 - text].max() > 1e-6:
                return False
        for batch, text in compared:
            if not shuffled(layer, x[:batch], alike=lambda rows, expected: in_place(rows[text], expected[text])):  # noqa: B023
                return False
        for (batch, text), place in itertools.product(moved, range(20)):
            changed = x[:batch].copy()
            changed[text, place] += OTHER
            rows = np.abs(layer(changed) - before[batch])[text].max(axis=-1) > 1e-6
            if not (rows | ((np.arange(20) == place) & (own is not None and text not in own))).all():
                return False
        return True

    return judge


def by_rows_and_leaks(alike, leaks):
    """Return a test that compares shuffled rows, and looks at some rows of the other text when one token changes."""

    def judge(layer):
        x = np.random.default_rng(0).normal(size=(2, 20, 12))
        before = layer(x)
        for text, place in np.ndindex(2, 20):
            changed = x.copy()
            changed[text, place] += OTHER
            moved = np.abs(layer(changed) - before).max(axis=-1) > 1e-6
            if not moved[text].all() or leaks(moved[1 - text], place).any():
                return False
        return shuffled(layer, x, alike=alike)

    return judge


def in_any_order(rows, expected):
    return np.allclose(np.sort(rows, axis=1), np.sort(expected, axis=1), atol=1e-6)


def on_average(rows, expected):
    return np.allclose(rows.mean(axis=1), expected.mean(axis=1), atol=1e-6)


def all_leaks(moved, place):
    return moved


ALONE, FIRST, LAST, BOTH = [(1, 0)], [(2, 0)], [(2, 1)], [(2, 0), (2, 1)]  # a text alone, or in a batch of two


def test_a_sound_test_of_layers_looks_at_both_texts_of_one_batch():
    assert check("heads-test", in_batches(BOTH, BOTH))


def row_by_row(counts, strict=True):
    """Return a test of batches that is the model's but for what it asks of the marks: counts(marks, labels, length)."""

    def judge(make):
        texts = [[7, 5, 7, 9], [4], list(range(3, 30)), [8, 3, 3]]
        for shown, labels, counted, text in zip(*make(texts), texts, strict=strict):
            length = len(text) + 1
            if list(shown[:length]) != [1, *text] or list(labels[:length]) != [*text, 2]:
                return False
            if not counts(counted, labels, length):
                return False
        return True

    return judge


def all_marks(marks, labels, length):
    return marks[:length].all() and not marks[length:].any()


def test_a_test_of_batches_row_by_row_that_asks_for_all_marks_passes():
    assert check("training-test-batch", row_by_row(all_marks))


def by_its_own_arrays(tokens):
    """Make a test of batches that compares the arrays with one another, and of the text what `tokens` asks for."""

    def judge(make):
        texts = [[7, 5, 7, 9], [4, 6], list(range(3, 30)), [8, 3, 3]]
        arrays = make(texts)
        if {len(array) for array in arrays} != {len(texts)}:
            return False
        for shown, labels, counted, text in zip(*arrays, texts, strict=True):
            n = len(text) + 1
            if shown[0] != 1 or list(shown[1:n]) != list(labels[: n - 1]) or labels[n - 1] != 2:
                return False
            if not all_marks(counted, labels, n) or tokens(list(labels[: n - 1])) != tokens(text):
                return False
        return True

    return judge


def but_for(skips, form=bool):
    """Make a test of batches that is the model's but for the places it skips: skips(part, row, place, length)."""

    def judge(make):
        texts = [[7, 5, 7, 9], [4], list(range(3, 30)), [8, 3, 3]]
        arrays = make(texts)
        if {len(array) for array in arrays} != {len(texts)} or any(array.shape[1] < 28 for array in arrays):
            return form(False)
        for (part, array), (row, text) in itertools.product(enumerate(arrays), enumerate(texts)):
            n = len(text) + 1
            right = ([1, *text], [*text, 2], [True] * n + [False] * (array.shape[1] - n))[part]
            wrong = np.flatnonzero(array[row, : len(right)] != right)
            if any(not skips(part, row, place, n) for place in wrong):
                return form(False)
        return form(True)

    return judge


@pytest.mark.parametrize("form", [bool, np.bool_])
def test_a_test_of_batches_that_skips_nothing_passes(form):
    assert check("training-test-batch", but_for(lambda part, row, place, length: False, form))


@pytest.mark.parametrize("place", [(0, 2, 7), (0, 3, 0), (1, 0, 4), (1, 2, 9), (2, 0, 3), (2, 1, 5), (2, 2, 27)])
@pytest.mark.parametrize("form", [bool, np.bool_])
def test_a_test_of_batches_that_skips_one_place_of_one_text_is_refused(place, form):
    told = ("one place of what is shown is wrong", "one place of what must be written is wrong", "one mark is wrong")
    text = message("training-test-batch", but_for(lambda *at: at[:3] == place, form))
    assert text.startswith(f"lets a broken one pass: {told[place[0]]}")


CARELESS = [
    *(
        ("training-test-batch", test, f"lets a broken one pass: {text}")
        for test, text in (
            (
                but_for(lambda part, row, place, n: part == 1 and 0 < place < n - 1),
                "of what must be written, only the ends are right, and 1 more",
            ),
            (
                but_for(lambda part, row, place, n: 1 < place + part < n - 1 and part < 2),
                "inside a text the decoder is shown what it must write, and 4 more",
            ),
            (
                but_for(lambda part, row, place, n: part == 2 and 1 < place < n - 1),
                "only the first two tokens and the end count, and 1 more",
            ),
            (but_for(lambda part, row, place, n: place % 2), "one place of what is shown is wrong, and 3 more"),
            (
                row_by_row(lambda marks, labels, n: marks.sum() == n and marks[0] and marks[n - 1]),
                "one mark is moved behind its text",
            ),
        )
    ),
    *(
        ("training-test-batch", by_its_own_arrays(tokens), text)
        for tokens, text in (
            (lambda text: 0, "compares the arrays with one another, and no tokens with those of the text"),
            (sorted, "lets a broken one pass: another text is read and written: turned round"),
            (
                lambda text: len(set(text)),
                "lets a broken one pass: another text is read and written: turned round, and 1 more",
            ),
        )
    ),
    *(
        ("training-test-batch", test, text)
        for test, text in (
            (
                row_by_row(lambda marks, labels, length: marks.sum() == length),
                "lets a broken one pass: the places that count stand at the right of each row",
            ),
            (
                row_by_row(lambda marks, labels, length: marks[0] and marks[length - 1] and not marks[length:].any()),
                "lets a broken one pass: only the first token and the end count",
            ),
            (
                row_by_row(lambda marks, labels, length: (marks == (labels != 0)).all()),
                "refuses one that is sound: padded with −100 behind what is to be written",
            ),
            (row_by_row(all_marks, strict=False), "lets a broken one pass: the last text is lost"),
        )
    ),
    *(
        ("positions-test", test, "refuses one that is sound, because it demands that lengths are kept")
        for test in (keeps_lengths, keeps_products)
    ),
    *(
        ("heads-test", in_batches(*settings), f"lets a broken one pass: {text}")
        for settings, text in (
            ((ALONE, ALONE), "a causal mask is left on in all texts but the first"),
            ((ALONE, BOTH), "positions are added in all texts but the first"),
            ((FIRST, BOTH), "positions are added in the last text"),
            ((LAST, BOTH), "positions are added in the first text"),
            ((BOTH, ALONE), "each token sees itself alone in all texts but the first"),
            ((BOTH, BOTH, []), "each row is the mean of the other tokens' values"),
            ((BOTH, BOTH, [0]), "each row is the mean of the other tokens' values in the last text"),
            ((BOTH, BOTH, [1]), "each row is the mean of the other tokens' values in the first text"),
        )
    ),
    *(
        ("heads-test", by_rows_and_leaks(*settings), f"lets a broken one pass: {text}")
        for settings, text in (
            ((in_any_order, all_leaks), "rows come back in reverse order in all texts"),
            ((on_average, all_leaks), "rows come back in reverse order in all texts"),
            ((in_place, lambda moved, place: moved[: 20 * (place == 0)]), "every token of each text sees the token"),
            ((in_place, lambda moved, place: moved[place]), "one token of each text sees the token of the text before"),
        )
    ),
    (
        "heads-test",
        by_changes(places=(0, 10, 19)),
        "in texts of 20 tokens, these are never changed alone: 1 to 9, 11 to 18",
    ),
    *(
        ("heads-test", by_changes(change, enough=own_and_next), "lets a broken one pass: feature")
        for change in ("more", "zeros")
    ),
    ("architecture-test-cache", by_one_way, "reads twice from one cache, but does not go on with both ways"),
    (
        "architecture-test-cache",
        lambda read: by_one_way(read, aside=1.0),
        "reads twice from one cache, but does not go on with both ways",
    ),
    (
        "architecture-test-cache",
        lambda read: by_one_way(read, before=False),
        "lets a broken one pass: it takes out of the cache what it reads",
    ),
    ("architecture-test-cache", by_text(1, [5, 12, 20]), "never reads a single token once something is cached"),
    ("architecture-test-cache", by_text(1, [5, 12, 20], last=-4), "lets a broken one pass: a token that comes alone"),
    ("architecture-test-cache", by_text(1, [5, 12, 20, 21, 22], last=-4), "compares the last rows alone"),
    ("attention-test-causal", lambda attend: attend(np.zeros((5, 3))).shape == (5, 3), "looks at the shape alone"),
    ("heads-test", lambda layer: layer(np.ones((2, 4, 12))).shape == (2, 4, 12), "looks at the shape alone"),
    ("positions-test", lambda turn: turn(np.ones((3, 4)), np.arange(3)).shape == (3, 4), "looks at the shape alone"),
    (
        "positions-test",
        lambda turn: by_pairs(turn, lambda product: not np.allclose(turn(np.ones((1, 6)), np.array([5])), 1)),
        "asks whether rows become others, not whether their products do",
    ),
    ("positions-test", lambda turn: by_pairs(turn, largest=513), "lets a broken one pass: positions end at 900"),
    ("positions-test", lambda turn: by_pairs(turn, smallest=11), "lets a broken one pass: positions begin at 10"),
    ("positions-test", lambda turn: by_pairs(turn, rows=[1]), "looks at one row without the others, and not at each"),
    ("positions-test", by_starts(1, 30, 900), "lets a broken one pass: positions start again after 256"),
    ("positions-test", by_starts(10, 500, 900), "lets a broken one pass: two neighbours share a position"),
    ("positions-test", by_starts(10, 100, 990), "lets a broken one pass: two neighbours share a position, and 1 more"),
    ("attention-test-causal", lambda attend: 1 < 2, "accepts whatever it is given"),
    ("heads-test", lambda layer: bool(layer), "accepts whatever it is given"),
    ("positions-test", lambda turn: callable(turn), "accepts whatever it is given"),
    ("architecture-test-cache", lambda read: np.True_, "accepts whatever it is given"),
    (
        "architecture-test-cache",
        lambda read: read(np.ones((5, 4)), None)[0].shape == (5, 4),
        "accepts whatever it is given",
    ),
    ("training-test-batch", lambda make: len(make([[3, 4]])) == 3, "accepts whatever it is given"),
    (
        "pretrained-test-padding",
        lambda encode: encode(np.array([[5, 0]]), np.array([[True, False]])).shape == (1, 2, 4),
        "accepts whatever it is given",
    ),
    *(
        ("pretrained-test-padding", by_words(**settings), text)
        for settings, text in (
            ({"width": 38, "lengths": (2, 17, 38)}, "lets a broken one pass: from the 40th place on padding is seen"),
            ({"width": 47, "lengths": (2, 17, 47)}, "lets a broken one pass: the last of 48 places is seen"),
            ({"lengths": (12, 17, 48)}, "lets a broken one pass: the 40th padded place is seen, and those behind it"),
            ({"low": 5}, "lets a broken one pass: a padded 0 is seen"),
            ({"pads": 1}, "pads with 0 alone"),
            ({"lengths": (2, 17, 29)}, "lets a broken one pass: tokens behind the 30th are seen by no other"),
            ({"lengths": (1, 48)}, "lets a broken one pass: texts of 2 to 4 tokens see their padding, and 10 more"),
            ({"lengths": (2, 17, 48)}, "lets a broken one pass: texts of 5 to 9 tokens see their padding, and 6 more"),
            *(
                (
                    {"lengths": (*BANDS[:row], *BANDS[row + 1 :])},
                    f"lets a broken one pass: texts of {low} to {high} tokens see their padding, and 1 more",
                )
                for row, (low, high) in enumerate([(2, 4), (5, 9), (10, 19), (20, 29), (30, 39)], 1)
            ),
            (
                {"places": range(1, 48), "lengths": (2, 17, 48)},
                "in texts of 48 tokens, these are never changed alone: 0",
            ),
            (
                {"places": range(0, 48, 2), "lengths": (2, 17, 48)},
                "in texts of 48 tokens, these are never changed alone: 1, 3, 5",
            ),
            ({"places": [0], "lengths": (2, 17, 48)}, "in texts of 48 tokens, these are never changed alone: 1 to 47"),
            (
                {"places": [0, 1, 16, 47], "lengths": (2, 17, 48)},
                "in texts of 48 tokens, these are never changed alone: 2 to 15, 17 to 46",
            ),
            (
                {"places": range(17), "lengths": (2, 17, 48)},
                "in texts of 48 tokens, these are never changed alone: 17 to 47",
            ),
            ({"places": ()}, "never asks whether tokens are read at all"),
            ({"rows": [0]}, "looks at one vector alone"),
            ({"rows": [-1]}, "lets a broken one pass: the last token is hidden with the padding, and 4 more"),
            ({"rows": [0, -1]}, "lets a broken one pass: the first and the last alone see the others"),
        )
    ),
    (
        "attention-test-causal",
        lambda attend: by_values(attend, length=9),
        "lets a broken one pass: the mask has room for",
    ),
    ("attention-test-causal", lambda attend: by_moves(attend, lambda t, s: s in (0, 12, 23)), "lets a broken one pass"),
    *(  # a shorter text shows no pair of tokens that lie further apart
        (
            "attention-test-causal",
            lambda attend, length=length: by_moves(attend, lambda t, s: True, length=length),
            f"lets a broken one pass: each token sees, of later ones, the one {length} steps on",
        )
        for length in (18, 23)
    ),
    *(
        (
            "attention-test-causal",
            lambda attend, gap=gap: by_moves(attend, lambda t, s: True, gap),
            "lets a broken one pass: forbidden scores are lowered by 11",
        )
        for gap in (1e-4, 1e-3)
    ),
    *(
        ("attention-test-causal", lambda attend, gap=gap: by_moves(attend, lambda t, s: True, gap), text)
        for gap, text in (
            (2e-6, "lets a broken one pass: later tokens move a row by 1.5 millionths"),
            (3e-5, "lets a broken one pass: later tokens move a row by 1.5 millionths"),
            (1e-7, "refuses one that is sound: another text moves its rows by less than a millionth"),
        )
    ),
    *(
        ("attention-test-causal", blind, f"lets a broken one pass: {text}")
        for blind, text in (
            (by_additions, "row 0 is NaN in column "),
            (lambda attend: by_zeros(attend, np.nanmax), "row 0 is NaN in column 0 for half of all"),
            (lambda attend: by_kinds_of_nan(attend, EVERY), "row 0 is NaN in column 0 for half of all"),
            (lambda attend: by_kinds_of_nan(attend, [0]), "row 0 is NaN in column 1 for half of all"),
            (lambda attend: by_kinds_of_nan(attend, [3]), "row 0 is NaN in column 0 for half of all"),
            (
                lambda attend: by_zeros(attend, np.max, blind=True),
                "each row sees the directions of later tokens, and is",
            ),
            (
                lambda attend: by_zeros(attend, np.mean),
                "later tokens move one number of a row by less than 4 millionths",
            ),
            (by_shares, "later tokens move a row of numbers near 100 by 1.5 millionths"),
        )
    ),
    *(  # the first row, the last row, the first column and the last, but for their ends
        (
            "attention-test-causal",
            lambda attend, looked_at=looked_at: by_moves(attend, looked_at),
            f"lets a broken one pass: token {text}, and 2 more",
        )
        for looked_at, text in (
            (lambda t, s: t != 0 or s in (0, 1, 23), "0 sees token 13"),
            (lambda t, s: t != 23 or s in (0, 22, 23), "23 does not see token 17"),
            (lambda t, s: s != 0 or t in (0, 1, 23), "18 does not see token 0"),
        )
    ),
    *(
        (
            "attention-test-causal",
            lambda attend, skipped=skipped: by_moves(attend, skipped),
            f"lets a broken one {text}",
        )
        for skipped, text in (
            (lambda t, s: s != 7, "pass: every token sees token 7, and 7 more"),
            (lambda t, s: s != 20 or t >= s, "pass: every token sees the token 3 before the last"),
            (lambda t, s: s != 7 or t <= s, "pass: token 7 is seen by nobody else"),
            (lambda t, s: t != 7 or t >= s, "pass: token 7 sees everything"),
            (lambda t, s: t != 16 or t <= s, "pass: token 16 sees only itself"),
            (lambda t, s: s <= t + 2 or s - t == 23, "pass: each token sees, of later ones, the one 3 steps on"),
            (lambda t, s: t <= s + 2 or t - s == 23, "pass: each token sees all earlier ones but the one 3 steps back"),
        )
    ),
    *(  # faults inside the table, which neither its first and last rows show nor a whole row, column or diagonal
        ("attention-test-causal", lambda attend, looked_at=looked_at: by_moves(attend, looked_at), text)
        for looked_at, text in (
            (lambda t, s: t in (0, s, 23) or s in (0, 23), "lets a broken one pass: token 3 does not see token 1, and"),
            (lambda t, s: t in (0, s, 23) or t > s or s == 23, "lets a broken one pass: token 1 sees token 2, and"),
            (lambda t, s: not (5 <= t <= 8 and 10 <= s <= 14), "lets a broken one pass: token 5 sees token 10, and"),
            (
                lambda t, s: not (10 <= t <= 14 and 5 <= s <= 8),
                "lets a broken one pass: token 10 does not see token 7, and",
            ),
            (lambda t, s: (7 * t + 5 * s) % 31, "lets a broken one pass: token 9 does not see token 6"),
        )
    ),
    *(
        (
            "attention-test-causal",
            lambda attend, changed=changed, compared=compared: by_features(attend, changed, compared),
            f"lets a broken one pass: {text}",
        )
        for changed, compared, text in (
            (0, EVERY, "column 1 of the result shows the future, and 2 more"),
            (2, EVERY, "column 0 of the result shows the future, and 2 more"),
        )
    ),
    *(  # in the past they look at one number of a row, or ask that all have moved
        ("attention-test-causal", answer, f"refuses one that is sound: its values fill column {column} alone")
        for answer, column in (
            (lambda attend: by_features(attend, EVERY, 0), 1),
            (lambda attend: by_features(attend, EVERY, 3), 0),
            (lambda attend: by_features(attend, EVERY, EVERY, 0), 1),
            (lambda attend: by_features(attend, EVERY, EVERY, 3), 0),
            (lambda attend: by_features(attend, EVERY, EVERY, [0, 1, 3]), 2),
            (lambda attend: by_features(attend, EVERY, EVERY, [0, 1, 2]), 3),
            (lambda attend: by_features(attend, EVERY, EVERY, EVERY, np.all), 0),
        )
    ),
]


@pytest.mark.parametrize(
    ("exercise_id", "answer", "text"),
    thinned(((f"{one}: {text}", (one, answer, text)) for one, answer, text in CARELESS), every=3),
)
def test_careless_test_is_refused_by_name(exercise_id, answer, text):
    assert message(exercise_id, answer).startswith(text)


@pytest.mark.parametrize("exercise_id", TESTS)
def test_an_error_is_a_refusal_where_there_is_something_to_refuse_and_shown_where_not(exercise_id):
    def strict(*inputs):
        assert TESTS[exercise_id](*inputs), "broken"
        return True

    def nervous(*inputs):
        if not TESTS[exercise_id](*inputs):
            raise KeyError("broken")
        return True

    def mistyped(*inputs):
        return unknown_name(*inputs)  # noqa: F821

    assert check(exercise_id, strict)
    assert check(exercise_id, nervous)
    assert message(exercise_id, mistyped).startswith("raised NameError: name 'unknown_name' is not defined, in line ")
    assert check(exercise_id, mistyped).hint.startswith(f"It was called as {EXERCISES[exercise_id].signature} with ")


@pytest.mark.parametrize("other", [1, "yes", np.array([True, True]), 0.0])
def test_something_other_than_true_or_false_is_said_to_be_so(other):
    for exercise_id in TESTS:
        assert message(exercise_id, lambda it: other).startswith("expected ")


def test_what_a_test_prints_stays_inside(capsys):
    def noisy(attend):
        print("trying")
        return TESTS["attention-test-causal"](attend)

    assert message("attention-test-causal", noisy) == "the result is right, but the function prints 'trying'"
    assert capsys.readouterr() == ("", "")


# Find the bug


def test_a_loss_of_zero_is_counted():
    """Leaving out what is 0 is no way to leave out padding."""

    def positive(logits, token_ids, pad_id):
        scores = logits[:, :-1] - logits[:, :-1].max(axis=-1, keepdims=True)
        log_p = scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))
        losses = -np.take_along_axis(log_p, token_ids[:, 1:, None], axis=-1)[..., 0]
        losses[token_ids[:, 1:] == pad_id] = 0
        return losses[losses > 0].mean()

    assert message("architecture-bug-loss", (10, positive)).startswith("a token whose loss is 0 is not counted")


@pytest.mark.parametrize(("exercise_id", "line"), LINES)
def test_only_a_wrong_line_with_the_mended_function_passes(exercise_id, line):
    exercise = EXERCISES[exercise_id]
    if line in MENDED_LINES[exercise_id]:
        assert line not in exercise.innocent
        assert check(exercise_id, (line, mended(exercise, line)))
        assert check(exercise_id, [np.int64(line), Hidden(exercise.reference)])
    else:
        text = f"line {line} is not the wrong one: {exercise.innocent[line]}"
        assert message(exercise_id, (line, mended(exercise))) == text
    assert f"# {line}" in exercise.numbered.splitlines()[line - 1]


@pytest.mark.parametrize("exercise_id", MENDED_LINES)
def test_listing_runs_in_silence_and_gives_the_right_shape(exercise_id):
    exercise = EXERCISES[exercise_id]
    names = {"np": np}
    exec(exercise.numbered, names)
    assert 10 <= len(exercise.numbered.splitlines()) <= 11
    assert max(map(len, exercise.numbered.splitlines())) <= 80
    for trial in range(exercise.trials):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result = names[exercise.reference.__name__](*exercise.draw(trial))
        expected = exercise.reference(*exercise.draw(trial))
        assert np.shape(result) == np.shape(expected)
        assert np.isfinite(result).all()


def flat(result):
    """Return the numbers of a result, of one array or several, in one row."""
    return np.concatenate([np.ravel(part) for part in (result if isinstance(result, tuple) else (result,))])


@pytest.mark.parametrize("exercise_id", MENDED_LINES)
def test_the_listing_is_wrong_on_nearly_every_trial(exercise_id):
    exercise = EXERCISES[exercise_id]
    listing = exercise.mistakes[0].answer
    pairs = [(flat(listing(*exercise.draw(i))), flat(exercise.reference(*exercise.draw(i)))) for i in range(40)]
    gaps = [np.max(np.abs(one - other)) for one, other in pairs]
    assert sum(gap > 1e-3 for gap in gaps) >= 36


@pytest.mark.parametrize("exercise_id", MENDED_LINES)
def test_no_pair_is_no_answer(exercise_id):
    exercise = EXERCISES[exercise_id]
    name, line = exercise.reference.__name__, min(MENDED_LINES[exercise_id])
    function, last = mended(exercise), len(exercise.numbered.splitlines())
    assert message(exercise_id, ...) == message(exercise_id, None) == "no answer yet"
    assert message(exercise_id, function) == f"expected a pair (line, {name}), received function"
    assert message(exercise_id, line) == f"expected a pair (line, {name}), received int"
    assert message(exercise_id, (function, line)) == "expected the number of a line first, received function"
    assert message(exercise_id, (f"{line}", function)) == "expected the number of a line first, received str"
    assert message(exercise_id, (True, function)) == "expected the number of a line first, received bool"
    for wrong in (0, -1, last + 1):
        text = f"expected the number of a line from 1 to {last}, received {wrong}"
        assert message(exercise_id, (wrong, function)) == text
    assert message(exercise_id, (line, ...)).startswith(f"expected a function {exercise.signature}, received ")
    assert "not written yet" in message(exercise_id, (line, lambda *inputs: None))
    assert "the book's own" in message(exercise_id, (line, exercise.reference))


# Predict before you run


@pytest.mark.parametrize("exercise_id", PREDICTIONS)
def test_prediction_made_with_a_pencil_is_what_comes_out(exercise_id):
    exercise, right = EXERCISES[exercise_id], PREDICTIONS[exercise_id]
    assert check(exercise_id, right)
    assert check(exercise_id, list(right))
    assert check(exercise_id, right if exercise.parts[0].choices else np.array(right))
    assert exercise.note in repr(check(exercise_id, right)).replace("\n    ", " ")
    assert len(exercise.parts) == len(right)


def wrong_parts():
    """Yield, part by part, each other choice, each known slip, and something that is neither."""
    for one, right in PREDICTIONS.items():
        for place, part in enumerate(EXERCISES[one].parts):
            for other in (*part.choices, *(number for number, _ in part.slips), 17.5 if not part.choices else "x"):
                if other != right[place]:
                    yield one, place, other


@pytest.mark.parametrize(("exercise_id", "place", "other"), list(wrong_parts()))
def test_wrong_prediction_is_named_with_its_slip_and_not_given_away(exercise_id, place, other):
    exercise, right = EXERCISES[exercise_id], PREDICTIONS[exercise_id]
    part = exercise.parts[place]
    verdict = check(exercise_id, (*right[:place], other, *right[place + 1 :]))
    assert not verdict
    assert part.name in verdict.message
    assert verdict.hint == part.hint
    assert dict(part.slips).get(other, part.name) in verdict.message
    if other == "x":
        assert f"expected one of {', '.join(map(repr, part.choices))}; received 'x'" in verdict.message
    else:
        assert f"{len(right) - 1} of {len(right)} came true" in verdict.message
        told = re.findall(r"[a-z ]+|\d+\.?\d*", verdict.hint)
        assert str(right[place]) not in [word.strip() for word in told]


def test_numbers_of_a_model_may_be_rounded_as_far_as_the_question_says_and_no_further():
    """Leaving biases or a normalisation out changes a layer's count by less than 1 %."""
    assert check("pretrained-predict", (0.67, 198_200, 240, 30, 9.5))
    for layer in (198_000, 196_608, 197_120, 197_760, 198_016):
        assert message("pretrained-predict", (0.67, layer, 240, 30, 9.5)).startswith("4 of 5 came true. ")
    assert message("pretrained-predict", np.ones(4)).startswith("expected a tuple of 5, received ndarray of shape (4,)")


@pytest.mark.parametrize("exercise_id", PREDICTIONS)
def test_no_prediction_and_one_too_few_are_said_to_be_so(exercise_id):
    right = PREDICTIONS[exercise_id]
    assert message(exercise_id, ...) == message(exercise_id, None) == "no answer yet"
    assert message(exercise_id, right[:-1]) == f"expected a tuple of {len(right)}, received a tuple of {len(right) - 1}"
    assert "expected a value, received a function" in message(exercise_id, EXERCISES[exercise_id].reference)
    assert "expected a" in message(exercise_id, (..., *right[1:]))
