"""The exercises on the project: known mistakes are recognised, however they are written."""

import pytest
from project_slips import SLIPS
from project_solutions import BY_ID

from utils.exercises import check
from utils.exercises.checker import EXERCISES

IDS = tuple(BY_ID)
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
    assert {(one, name) for one, name, _ in SLIPS} == {(one, mistake.name) for one, mistake in MISTAKES}


@pytest.mark.parametrize(
    ("exercise_id", "name", "answer"), SLIPS, ids=[f"{one}: {name} {at}" for at, (one, name, _) in enumerate(SLIPS)]
)
def test_mistake_is_recognised_in_other_words(exercise_id, name, answer):
    (mistake,) = (one for one in EXERCISES[exercise_id].mistakes if one.name == name)
    assert check(exercise_id, answer).message.startswith(f"{exercise_id}: {mistake.message} (seen on ")
