"""Small exercises on which the tests of the engine try answers."""

import dataclasses
import functools

import numpy as np

from utils.exercises import check
from utils.exercises.engine.exercise import Exercise, Mistake


def outer(left, right):
    return left[:, None] * right[None, :]


def both(left, right):
    return left.sum(), outer(left, right)


def draw(rng, trial):
    return rng.normal(size=3), rng.normal(size=(5, 7)[trial % 2])


OUTER = Exercise(
    id="toy-outer",
    title="a table of products",
    reference=outer,
    make_inputs=draw,
    hint="One row for each left number.",
    trials=6,
    note="two widths included",
    mistakes=(Mistake("sum", lambda left, right: left[:, None] + right[None, :], "adds", "Multiply."),),
)
BOTH = dataclasses.replace(OUTER, id="toy-both", reference=both, returns=("total", "table"), mistakes=())
PRECISE = dataclasses.replace(OUTER, id="toy-precise", rtol=None, mistakes=())


def value_exercise(exercise_id, answer, *wrong):
    mistakes = tuple(
        Mistake(f"{value}", functools.partial(lambda it: it, value), "a known slip", "Think.") for value in wrong
    )
    return Exercise(exercise_id, "a value", lambda: answer, None, mistakes, "Count again.")


TOYS = (
    OUTER,
    BOTH,
    PRECISE,
    value_exercise("toy-number", 2.5, 0.4),
    value_exercise("toy-count", 12),
    value_exercise("toy-word", "softmax", "sigmoid"),
    value_exercise("toy-shape", (3, 5), (5, 3)),
    value_exercise("toy-array", np.array([[2, 3], [5, 7]])),
    value_exercise("toy-truths", np.array([True, False])),
)


class Hidden:
    """A function in a form in which the checker cannot see whose it is: the book's own stand in for an answer."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *inputs):
        return self.function(*inputs)


def message(exercise_id, answer):
    """Return the message about an answer that must fail, without the id that it starts with."""
    verdict = check(exercise_id, answer)
    assert verdict.passed is False
    assert not verdict
    assert verdict.hint
    assert verdict.message.startswith(f"{exercise_id}: ")
    return verdict.message.removeprefix(f"{exercise_id}: ")
