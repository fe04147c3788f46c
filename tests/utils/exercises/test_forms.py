"""The exercises that ask for a test, a bug or a prediction: sound answers pass, each wrong one is named."""

import re
import warnings

import numpy as np
import pytest

from tests.support.exercise_toys import Hidden, message
from tests.support.form_solutions import MENDED_LINES, PREDICTIONS, TESTS, mended
from utils.exercises import check
from utils.exercises.engine.checker import EXERCISES
from utils.exercises.engine.forms import FindTheBug, Prediction, WriteATest

CASES = [(one, trial) for one in TESTS for trial in range(EXERCISES[one].trials)]
CASE_NAMES = [f"{one}: {EXERCISES[one].cases()[trial].name}" for one, trial in CASES]
FORM_MISTAKES = [(one, mistake) for one in (*TESTS, *MENDED_LINES) for mistake in EXERCISES[one].mistakes]
LINES = [(one, line) for one in MENDED_LINES for line in range(1, len(EXERCISES[one].numbered.splitlines()) + 1)]


def answered(exercise_id, answer):
    """Return an answer in the form that is asked for: for a bug, with its line."""
    return (min(MENDED_LINES[exercise_id]), answer) if exercise_id in MENDED_LINES else answer


def test_every_chapter_of_the_first_five_has_each_form_once():
    for prefix in ("attention", "heads", "positions", "architecture", "training"):
        forms = [type(one) for one in EXERCISES.values() if one.id.startswith(prefix)]
        assert [forms.count(form) for form in (WriteATest, FindTheBug, Prediction)] == [1, 1, 1]


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


@pytest.mark.parametrize(("exercise_id", "trial"), CASES, ids=CASE_NAMES)
def test_a_case_that_alone_is_judged_wrongly_is_named(exercise_id, trial):
    """A test that is right for all cases but this one."""
    case, judge = EXERCISES[exercise_id].cases()[trial], TESTS[exercise_id]

    def answer(implementation):
        try:
            verdict = judge(implementation)
        except (ValueError, IndexError):  # of another shape
            verdict = False
        return verdict != (str(implementation) == f"“{case.name}”")

    verdict = check(exercise_id, answer)
    if case.sound:
        known = {one.message for one in EXERCISES[exercise_id].mistakes if case.name in verdict.message}
        refused = verdict.message == f"{exercise_id}: refuses one that is sound: {case.name}"
        assert refused or verdict.message.removeprefix(f"{exercise_id}: ").partition(" (seen")[0] in known
    else:
        slipped = verdict.message == f"{exercise_id}: lets a broken one pass: {case.name}"
        assert slipped or f"(seen on {EXERCISES[exercise_id].parameters[0]} “{case.name}”)" in verdict.message
        assert verdict.hint


@pytest.mark.parametrize("exercise_id", [one for one in TESTS if one != "training-test-batch"])  # rows of any length
def test_shapes_and_finite_numbers_tell_no_broken_case_but_one(exercise_id):
    """The broken ones run in silence, and all but one look like the sound ones."""
    inputs = {
        "attention-test-causal": (np.random.default_rng(0).normal(size=(7, 5)),),
        "heads-test": (np.random.default_rng(0).normal(size=(3, 7, 12)),),
        "positions-test": (np.random.default_rng(0).normal(size=(7, 4)), np.arange(7)),
        "architecture-test-cache": (np.random.default_rng(0).normal(size=(7, 4)), None),
    }[exercise_id]
    others = []
    for case in EXERCISES[exercise_id].cases():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result = case.run(*inputs)
        result = result[0] if isinstance(result, tuple) else result
        assert np.isfinite(result).all()
        others += [case] if result.shape != inputs[0].shape else []
    assert [case.sound for case in others] == [False] * len(others)
    assert len(others) <= 1


@pytest.mark.parametrize("exercise_id", TESTS)
def test_cases_are_the_same_whenever_they_are_made_whatever_was_done_to_them(exercise_id):
    assert repr(check(exercise_id, TESTS[exercise_id])) == repr(check(exercise_id, TESTS[exercise_id]))


@pytest.mark.parametrize("exercise_id", TESTS)
@pytest.mark.parametrize("stub", [lambda it: None, lambda it: ...], ids=["None", "..."])
def test_a_stub_of_a_test_is_said_not_to_be_written_yet(exercise_id, stub):
    assert "not written yet" in message(exercise_id, stub)
    assert "expected a function" in message(exercise_id, ...)


def by_values(attend, length=20, width=6):
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
    x = np.random.default_rng(4).normal(size=(18, 3))
    whole = attend(x)
    for length in range(1, 18):
        if not np.allclose(attend(x[:length]), whole[:length], atol=1e-6):
            return False
    for place in range(18):
        gaps = np.abs(attend(x + 0.5 * np.eye(18)[:, place, None]) - whole).max(axis=1)
        if gaps[place:].min() < 1e-7:
            return False
    return True


def by_sentence(layer):
    """Compare with each text alone, then the first of two equal tokens with the second."""
    x = np.random.default_rng(5).normal(size=(3, 13, 12))
    whole = layer(x)
    assert all(np.allclose(layer(x[i : i + 1])[0], whole[i], atol=1e-5) for i in range(3))
    assert np.allclose(layer(x[:, ::-1]), whole[:, ::-1], atol=1e-5)
    x[:, 5] = x[:, 6]
    assert np.allclose(layer(x)[:, 5], layer(x)[:, 6], atol=1e-5)
    for place in range(13):
        changed = x.copy()
        changed[:, place] = 0
        assert (np.abs(layer(changed) - layer(x)).max(axis=-1) > 1e-6).all()
    return True


def by_pairs(turn):
    """One query and one key at a time."""
    query, key = np.random.default_rng(6).normal(size=(2, 6))

    def product(t, s):
        return turn(query[None], np.array([t]))[0] @ turn(key[None], np.array([s]))[0]

    tables = [[product(t + k, t) for k in (0, 1, 5, 17)] for t in (0, 2, 25, 300, 513)]
    both = turn(np.stack([query, key]), np.array([9, 4]))
    together = np.isclose(both[0] @ both[1], product(9, 4), atol=1e-4) and both.shape == (2, 6)
    return together and np.allclose(tables, tables[0], atol=1e-4) and np.ptp(tables[0]) > 1e-3


def by_random_cuts(read):
    rng = np.random.default_rng(7)
    x = rng.normal(size=(40, 6))
    whole, _ = read(x, None)
    for _ in range(8):
        cache, rows = None, []
        for piece in np.split(x, np.sort(rng.choice(np.arange(1, 40), size=5, replace=False))):
            (first, _), (second, after) = read(piece, cache), read(piece, cache)
            assert np.allclose(first, second, atol=1e-5)
            cache = after
            rows.extend(second)
        assert np.allclose(rows, whole, atol=1e-5)
    return np.True_


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


OTHER_SOUND_TESTS = {
    "attention-test-causal": [by_values, by_prefix],
    "heads-test": [by_sentence],
    "positions-test": [by_pairs],
    "architecture-test-cache": [by_random_cuts],
    "training-test-batch": [by_pairs_of_texts],
}


@pytest.mark.parametrize(
    ("exercise_id", "answer"), [(one, test) for one, tests in OTHER_SOUND_TESTS.items() for test in tests]
)
def test_sound_test_in_other_words_passes(exercise_id, answer):
    assert check(exercise_id, answer)


CARELESS = [
    ("attention-test-causal", lambda attend: attend(np.zeros((5, 3))).shape == (5, 3), "looks at the shape alone"),
    ("heads-test", lambda layer: layer(np.ones((2, 4, 12))).shape == (2, 4, 12), "looks at the shape alone"),
    ("positions-test", lambda turn: turn(np.ones((3, 4)), np.arange(3)).shape == (3, 4), "looks at the shape alone"),
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
        "attention-test-causal",
        lambda attend: by_values(attend, length=9),
        "lets a broken one pass: the mask has room for",
    ),
]


@pytest.mark.parametrize(("exercise_id", "answer", "text"), CARELESS)
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


@pytest.mark.parametrize("exercise_id", PREDICTIONS)
def test_no_prediction_and_one_too_few_are_said_to_be_so(exercise_id):
    right = PREDICTIONS[exercise_id]
    assert message(exercise_id, ...) == message(exercise_id, None) == "no answer yet"
    assert message(exercise_id, right[:-1]) == f"expected a tuple of {len(right)}, received a tuple of {len(right) - 1}"
    assert "expected a value, received a function" in message(exercise_id, EXERCISES[exercise_id].reference)
    assert "expected a" in message(exercise_id, (..., *right[1:]))
