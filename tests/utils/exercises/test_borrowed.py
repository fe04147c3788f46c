"""The book's own function is no answer, however it is handed in; the reader's own work beside it is."""

import functools

import numpy as np
import pytest

from tests.support.project_solutions import BY_ID
from utils import comparison
from utils.comparison import measured_accuracy, paired_difference
from utils.comparison import paired_difference as my_own
from utils.exercises import check
from utils.exercises.engine.borrowed import books_functions
from utils.positions import alibi_slopes

BORROWED = "project-paired: the result is right, but this is the book's own `paired_difference`"


def wrapper(first_correct, second_correct):
    return paired_difference(first_correct, second_correct)


def through_module(first_correct, second_correct):
    return comparison.paired_difference(first_correct, second_correct)


def imported_within(first_correct, second_correct):
    from utils.comparison import paired_difference as other

    return other(first_correct, second_correct)


def through_helper(first_correct, second_correct):
    return wrapper(second_correct=second_correct, first_correct=first_correct)


def in_a_lambda(first_correct, second_correct):
    return (lambda: paired_difference(first_correct, second_correct))()


@functools.wraps(wrapper)
def decorated(*inputs):
    return wrapper(*inputs)


class Callable:
    def __call__(self, first_correct, second_correct):
        return paired_difference(first_correct, second_correct)

    def method(self, first_correct, second_correct):
        return self(first_correct, second_correct) and paired_difference(first_correct, second_correct)


def closed_over(function):
    return lambda first_correct, second_correct: function(first_correct, second_correct)


@pytest.mark.parametrize(
    "answer",
    [
        paired_difference,
        my_own,
        wrapper,
        through_module,
        imported_within,
        through_helper,
        in_a_lambda,
        decorated,
        Callable(),
        Callable().method,
        closed_over(paired_difference),
        functools.partial(paired_difference),
        functools.partial(functools.partial(wrapper)),
        lambda *inputs: tuple(paired_difference(*inputs)),
    ],
)
def test_the_books_own_function_does_not_pass_however_it_is_handed_in(answer):
    verdict = check("project-paired", answer)
    assert verdict.message == BORROWED
    assert verdict.hint == "Write paired_difference(first_correct, second_correct) yourself, without it."


def test_the_imports_of_the_chapters_set_up_do_not_pass_under_the_asked_names():
    assert "the book's own `paired_difference`" in check("project-paired", paired_difference).message
    assert "the book's own `alibi_slopes`" in check("positions-slopes", alibi_slopes).message


def test_own_work_that_compares_itself_with_the_book_or_uses_another_of_its_functions_passes():
    def own(first_correct, second_correct):
        result = BY_ID["project-paired"](first_correct, second_correct)
        measured_accuracy(0.5, 0.1)
        comparison.np.testing.assert_allclose(np.mean(first_correct), np.mean(first_correct))
        return result

    assert check("project-paired", own)
    assert {function.__name__ for function in books_functions(own)} == {"measured_accuracy"}


def test_a_wrong_answer_that_uses_the_book_is_told_what_is_wrong():
    message = check("project-paired", lambda *inputs: paired_difference(*reversed(inputs))).message
    assert "the book's own" not in message


def test_callables_without_code_of_their_own_are_no_functions_of_the_book():
    for answer in (np.add, len, print, dict, np.linalg.norm, functools.partial(np.add, 1), type("A", (), {})()):
        assert not [one for one in books_functions(answer) if "exercises" in one.__module__]
