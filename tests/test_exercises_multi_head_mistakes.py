"""The exercises on multi-head attention: known mistakes are recognised, however they are written."""

import numpy as np
import pytest
from exercise_toys import OUTER, message, outer
from multi_head_count_slips import COUNT_SLIPS
from multi_head_slips import SLIPS
from multi_head_solutions import BY_ID

from utils.exercises import check, checker
from utils.exercises.checker import EXERCISES

IDS = tuple(BY_ID)
WRITTEN = SLIPS + COUNT_SLIPS
MISTAKES = [(one, mistake) for one in IDS for mistake in EXERCISES[one].mistakes]


@pytest.mark.parametrize(("exercise_id", "mistake"), MISTAKES, ids=[f"{one}: {it.name}" for one, it in MISTAKES])
def test_known_mistake_fails_and_is_recognised_as_itself(exercise_id, mistake):
    verdict = check(exercise_id, mistake.answer)
    assert not verdict
    assert verdict.message.startswith(f"{exercise_id}: {mistake.message} (seen on ")
    assert verdict.hint == mistake.hint


@pytest.mark.parametrize("exercise_id", IDS)
def test_mistakes_of_an_exercise_have_names_and_messages_of_their_own(exercise_id):
    mistakes = EXERCISES[exercise_id].mistakes
    assert len(mistakes) >= 9
    for attribute in ("name", "message"):
        assert len({getattr(mistake, attribute) for mistake in mistakes}) == len(mistakes)


def test_every_known_mistake_is_written_in_other_words():
    assert {(one, name) for one, name, _ in WRITTEN} == {(one, mistake.name) for one, mistake in MISTAKES}


@pytest.mark.parametrize(("exercise_id", "name", "answer"), WRITTEN, ids=[f"{one}: {name}" for one, name, _ in WRITTEN])
def test_mistake_is_recognised_in_other_words(exercise_id, name, answer):
    (mistake,) = (one for one in EXERCISES[exercise_id].mistakes if one.name == name)
    assert check(exercise_id, answer).message.startswith(f"{exercise_id}: {mistake.message} (seen on ")


@pytest.mark.parametrize(
    ("exercise_id", "hidden"),
    [
        ("heads-split", {"reshape alone", "not transposed", "interleaved", "features before tokens"}),
        ("heads-merge", {"reshape alone", "interleaved", "wrong axes"}),
        ("heads-grouped", {"key used as value", "cyclic", "divided by G", "keys averaged"}),
    ],
)
def test_first_trial_shows_what_shapes_do_not_give_away(exercise_id, hidden):
    """The mistake has the right shape there, and the wrong numbers."""
    exercise = EXERCISES[exercise_id]
    inputs = exercise.draw(0)
    expected = exercise.reference(*inputs)
    for mistake in (one for one in exercise.mistakes if one.name in hidden):
        received = mistake.answer(*inputs)
        assert received.shape == expected.shape
        assert not np.allclose(received, expected)
    assert hidden <= {one.name for one in exercise.mistakes}


# A mistake that goes wrong quietly before it raises


@pytest.fixture
def _toy(monkeypatch):
    monkeypatch.setitem(checker.EXERCISES, OUTER.id, OUTER)


def raises_where_the_width_is_seven(answer):
    def stops(left, right):
        if len(right) == 7:
            raise ValueError("shapes do not fit")
        return answer(left, right)

    return stops


@pytest.mark.usefixtures("_toy")
def test_known_mistake_is_named_although_a_later_trial_raises():
    assert message("toy-outer", raises_where_the_width_is_seven(np.add.outer)).startswith("adds (seen on left (3,)")


@pytest.mark.usefixtures("_toy")
@pytest.mark.parametrize("answer", [outer, lambda left, right: outer(left, right) + 1])
def test_exception_is_reported_where_no_known_mistake_comes_before(answer):
    text = message("toy-outer", raises_where_the_width_is_seven(answer))
    assert text.startswith("raised ValueError: shapes do not fit, in line ")


def test_mistake_that_fits_right_results_is_not_blamed_for_a_later_exception():
    """In the first trial there are biases: counting them always is right there."""

    def answer(*inputs):
        if not inputs[-1]:
            raise ValueError("no bias")
        return BY_ID["heads-parameters"](*inputs)

    assert check("heads-parameters", answer).message.startswith(
        "heads-parameters: raised ValueError: no bias, in line "
    )
