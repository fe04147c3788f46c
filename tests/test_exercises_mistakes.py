"""The exercises on attention: known mistakes are recognised, however they are written."""

import numpy as np
import pytest
from attention_slips import SLIPS
from attention_solutions import BY_ID

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
    """Ways to make one mistake ("no maximum, way 2") share its message and its hint."""
    mistakes = EXERCISES[exercise_id].mistakes
    assert len({mistake.name for mistake in mistakes}) == len(mistakes)
    kinds = {(mistake.name.partition(", way")[0], mistake.message, mistake.hint) for mistake in mistakes}
    assert len(kinds) >= 5
    assert len({message for _, message, _ in kinds}) == len({name for name, _, _ in kinds}) == len(kinds)


def test_each_fault_in_the_shapes_has_a_hint_of_its_own():
    hints = [mistake.hint for mistake in EXERCISES["attention-shapes"].mistakes]
    assert len(set(hints)) == len(hints)


def test_hint_about_not_a_number_fits_each_way_to_get_it():
    """0/0 after masked exponentials, −∞ − (−∞) after masked scores: the results are the same."""

    def weights_of(exponentials):
        return exponentials / exponentials.sum(axis=-1, keepdims=True)

    def zero_over_zero(query, key, value, mask):
        scores = query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])
        largest = np.where(mask, scores, -1e300).max(axis=-1, keepdims=True)
        weights = weights_of(mask * np.exp(np.minimum(scores - largest, 0)))
        return weights @ value, weights

    def infinite(query, key, value, mask):
        scores = np.where(mask, query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1]), -np.inf)
        weights = weights_of(np.exp(scores - scores.max(axis=-1, keepdims=True)))
        return weights @ value, weights

    verdicts = [check("attention-masked", answer) for answer in (zero_over_zero, infinite)]
    for verdict in verdicts:
        assert "a query that may attend to nothing gets NaN" in verdict.message
        assert "0/0, or −∞ − (−∞)" in verdict.hint


@pytest.mark.parametrize(
    ("exercise_id", "name", "answer"),
    SLIPS,
    ids=[f"{one}: {name}" for one, name, _ in SLIPS],
)
def test_mistake_is_recognised_in_other_words(exercise_id, name, answer):
    (mistake,) = (one for one in EXERCISES[exercise_id].mistakes if one.name == name)
    assert check(exercise_id, answer).message.startswith(f"{exercise_id}: {mistake.message} (seen on ")
