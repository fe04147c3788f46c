"""The exercises on multi-head attention: what a first trial shows, and mistakes beside exceptions."""

import numpy as np
import pytest

from tests.support.attention_solutions import BY_ID
from tests.support.exercise_toys import OUTER, message, outer
from utils.exercises import check
from utils.exercises.engine import checker
from utils.exercises.engine.checker import EXERCISES


@pytest.mark.parametrize(
    ("exercise_id", "hidden"),
    [
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
    """In the first ten trials the scores are small: to subtract no maximum is right there."""

    def answer(query, key, value, mask):
        if max(np.abs(query).max(), np.abs(key).max()) > 20:
            raise ValueError("too large")
        return BY_ID["attention-masked"](query, key, value, mask)

    assert check("attention-masked", answer).message.startswith("attention-masked: raised ValueError: too large, in ")
