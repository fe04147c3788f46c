"""The engine of the exercises: verdicts, answers that are no answer, exceptions, side effects."""

import dataclasses
import functools
import subprocess
import sys
import warnings

import numpy as np
import pytest

from tests.support.exercise_toys import OUTER, TOYS, message, outer
from utils.exercises import Verdict, check
from utils.exercises.engine import checker


@pytest.fixture(autouse=True)
def _toys(monkeypatch):
    for toy in TOYS:
        monkeypatch.setitem(checker.EXERCISES, toy.id, toy)


# What a verdict is


def test_right_answer_gives_one_calm_line():
    verdict = check("toy-outer", lambda a, b: np.outer(a, b))
    assert verdict
    assert verdict == Verdict(True, "toy-outer: right on all 6 trials, two widths included", "")
    assert repr(verdict) == "✓ toy-outer: right on all 6 trials, two widths included"


def test_verdict_shows_its_hint_on_a_second_line_and_wraps_what_is_long():
    assert repr(Verdict(False, "an-id: wrong", "Think.")) == "✗ an-id: wrong\n  hint: Think."
    lines = repr(Verdict(False, "an-id: " + "word " * 60, "hint-word " * 40)).splitlines()
    assert max(map(len, lines)) <= 100
    assert [line[:4] for line in lines if line.startswith("  h")] == ["  hi"]
    assert all(line.startswith("    ") for line in lines[1:] if not line.startswith("  hint: "))


def test_verdict_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        check("toy-outer", outer).passed = False


def test_verdict_reads_the_same_each_time():
    def noisy(left, right):
        return outer(left, right) + 0.37

    assert repr(check("toy-outer", noisy)) == repr(check("toy-outer", noisy))


def test_the_books_own_functions_are_run_once_for_each_trial_however_many_answers_come(monkeypatch):
    calls = {"reference": 0, "mistake": 0}

    def counted(name, function):
        def run(left, right):
            calls[name] += 1
            return function(left, right)

        return run

    counting = dataclasses.replace(
        OUTER,
        reference=counted("reference", outer),
        mistakes=(dataclasses.replace(OUTER.mistakes[0], answer=counted("mistake", np.add.outer)),),
    )
    monkeypatch.setitem(checker.EXERCISES, counting.id, counting)
    for _ in range(3):
        assert check("toy-outer", lambda left, right: np.outer(left, right))
        assert "adds" in message("toy-outer", lambda left, right: left[:, None] + right)
        assert "expected" in message("toy-outer", lambda left, right: outer(left, right) + 1)
    assert calls == {"reference": 6, "mistake": 6}


def test_unknown_id_is_answered_with_the_ids_near_it():
    with pytest.raises(ValueError, match=r"such as 'toy-outer' \(a table of products\).*received 'toy-outr'"):
        check("toy-outr", outer)


def test_id_near_nothing_is_answered_with_all_ids():
    with pytest.raises(ValueError, match="expected the id of an exercise") as raised:
        check("@", outer)
    assert all(f"'{name}'" in str(raised.value) for name in checker.EXERCISES)


def test_every_chapter_registers_exercises_under_names_used_once():
    listed = [one.id for chapter in checker._CHAPTERS for one in chapter.EXERCISES]
    assert len(listed) == len(set(listed)) == len(checker.EXERCISES) - len(TOYS)


def test_package_needs_numpy_alone():
    code = (
        "import sys, utils.exercises; print([n for n in ('keras', 'tensorflow', 'jax', 'torch') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


# Answers that are no answer


def test_something_other_than_a_function_is_refused():
    expected = "expected a function outer(left, right), received ndarray"
    assert message("toy-outer", np.arange(3)) == expected
    assert message("toy-outer", None) == expected.replace("ndarray", "NoneType")


@pytest.mark.parametrize("nothing", [None, ...])
def test_function_that_returns_nothing_is_a_stub(nothing):
    assert message("toy-outer", lambda a, b: nothing) == f"returned {nothing}: not written yet, or without return"


def test_printing_in_place_of_returning_is_named():
    assert message("toy-outer", lambda a, b: print(outer(a, b))) == "returned nothing, but printed something"


def test_stub_that_raises_is_called_not_written():
    def stub(left, right):
        raise NotImplementedError("TODO")

    assert message("toy-outer", stub) == "not written yet: it raises NotImplementedError"


@pytest.mark.parametrize(("position", "name"), [(0, "left"), (1, "right")])
def test_returning_an_input_is_named(position, name):
    assert message("toy-outer", lambda *inputs: inputs[position]) == f"returned its input `{name}` as it came"
    assert message("toy-outer", lambda *inputs: inputs[position].copy()) == f"returned its input `{name}` as it came"


def test_constant_is_named_even_with_the_right_result_of_one_trial():
    memorised = outer(*OUTER.draw(0))
    assert message("toy-outer", lambda a, b: memorised) == "returned the same result on every trial"
    assert message("toy-outer", lambda a, b: 1.5) == "returned the same result on every trial"


# Exceptions


def test_exception_is_named_with_the_learners_own_line_and_the_shapes():
    def answer(left, right):
        table = np.matmul(left[:, None], right)
        return table

    verdict = check("toy-outer", answer)
    assert verdict.message.startswith("toy-outer: raised ValueError: matmul: ")
    line = answer.__code__.co_firstlineno + 1
    assert verdict.message.endswith(f", in line {line}: table = np.matmul(left[:, None], right)")
    assert verdict.hint == "It was called as outer(left, right) with left (3,), right (5,)."


def test_line_shown_is_the_innermost_of_the_learners_file_not_of_a_library():
    def helper(left):
        return np.linalg.inv(left)

    def answer(left, right):
        return helper(left)

    line = helper.__code__.co_firstlineno + 1
    assert message("toy-outer", answer).endswith(f", in line {line}: return np.linalg.inv(left)")


def test_wrong_number_of_parameters_is_answered_with_the_call():
    verdict = check("toy-outer", functools.partial(lambda a: a))
    assert "raised TypeError" in verdict.message
    assert "in line" not in verdict.message
    assert verdict.hint.startswith("It was called as outer(left, right) with ")


def test_exception_text_is_one_line_without_addresses():
    def answer(left, right):
        raise KeyError("<object at 0x7f00beef>") from None

    assert message("toy-outer", answer).startswith("raised KeyError: '<object at 0x…>', in line ")

    def wordy(left, right):
        raise ValueError("first\nsecond")

    assert "second" not in message("toy-outer", wordy).partition(", in line")[0]


def test_exception_without_text_or_source_is_still_a_verdict():
    names = {}
    exec(compile("def answer(left, right):\n    raise SystemExit", "<no file>", "exec"), names)
    assert message("toy-outer", names["answer"]) == "raised SystemExit, in line 2"


def test_interrupt_by_the_reader_is_not_swallowed():
    def answer(left, right):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("toy-outer", answer)


# Right results with side effects, and quiet


def test_writing_to_an_argument_fails_although_the_result_is_right():
    def answer(left, right):
        result = outer(left, right)
        right *= 2
        return result

    assert message("toy-outer", answer) == "the result is right, but the function writes to its argument `right`"


def test_result_written_into_the_argument_is_not_taken_for_the_input(monkeypatch):
    double = dataclasses.replace(
        OUTER, id="toy-double", reference=lambda left: 2 * left, make_inputs=lambda rng, trial: (rng.normal(size=3),)
    )
    monkeypatch.setitem(checker.EXERCISES, double.id, double)

    def answer(left):
        left *= 2
        return left

    assert message("toy-double", answer) == "the result is right, but the function writes to its argument `left`"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_printing_fails_although_the_result_is_right(stream, capsys):
    def answer(left, right):
        print("shapes:", left.shape, right.shape, "\nmore", file=getattr(sys, stream))
        return outer(left, right)

    assert message("toy-outer", answer) == "the result is right, but the function prints 'shapes: (3,) (5,)'"
    assert capsys.readouterr() == ("", "")


def test_warnings_of_the_learners_code_stay_inside(capsys, recwarn):
    def answer(left, right):
        warnings.warn("look out", stacklevel=1)
        np.log(-np.abs(left)), np.exp(np.float16(100))
        return outer(left, right)

    with np.errstate(all="raise"):
        assert check("toy-outer", answer)
    assert capsys.readouterr() == ("", "")
    assert len(recwarn) == 0
