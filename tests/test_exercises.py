"""The engine of the exercises: what each kind of answer gets to read, on exercises made up here."""

import dataclasses
import functools
import subprocess
import sys
import warnings

import numpy as np
import pytest

from utils.exercises import Verdict, check, checker
from utils.exercises.comparison import difference
from utils.exercises.exercise import Exercise, Mistake


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


@pytest.fixture(autouse=True)
def _toys(monkeypatch):
    for toy in TOYS:
        monkeypatch.setitem(checker.EXERCISES, toy.id, toy)


def message(exercise_id, answer):
    verdict = check(exercise_id, answer)
    assert verdict.passed is False
    assert not verdict
    assert verdict.hint
    assert verdict.message.startswith(f"{exercise_id}: ")
    return verdict.message.removeprefix(f"{exercise_id}: ")


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


def test_unknown_id_is_answered_with_the_ids_near_it():
    with pytest.raises(ValueError, match=r"such as 'toy-outer' \(a table of products\).*received 'toy-outr'"):
        check("toy-outr", outer)


def test_id_near_nothing_is_answered_with_all_ids():
    with pytest.raises(ValueError, match="expected the id of an exercise") as raised:
        check("@", outer)
    assert all(f"'{name}'" in str(raised.value) for name in checker.EXERCISES)


def test_every_module_registers_exercises_under_names_used_once():
    listed = [one.id for module in checker._MODULES for one in module.EXERCISES]
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


# Wrong results


def test_known_mistake_is_recognised_with_its_hint():
    verdict = check("toy-outer", lambda a, b: np.add.outer(a, b))
    assert verdict.message == "toy-outer: adds (seen on left (3,), right (5,))"
    assert verdict.hint == "Multiply."


def test_mistake_made_on_some_trials_only_is_not_taken_for_a_known_one():
    def answer(left, right):
        return np.add.outer(left, right) if len(right) == 5 else outer(left, right) + 1

    assert "adds" not in message("toy-outer", answer)


def test_wrong_shape_says_what_was_expected_and_received():
    text = message("toy-outer", lambda a, b: outer(a, b).T)
    assert text.startswith("expected shape (3, 5), received (5, 3); wrong on 6 of 6 trials, first on left (3,)")


def test_wrong_kind_of_number_is_named():
    text = message("toy-outer", lambda a, b: (100 * outer(a, b)).astype(np.int32))
    assert text.startswith("expected dtype float64, received int32;")
    assert message("toy-outer", lambda a, b: outer(a, b) > 0).startswith("expected dtype float64, received bool;")


def test_float32_will_do_unless_the_type_is_part_of_the_question():
    def single(left, right):
        return outer(left, right).astype(np.float32)

    assert check("toy-outer", single)
    assert message("toy-precise", single).startswith("expected dtype float64, received float32;")
    assert check("toy-precise", lambda a, b: np.outer(a, b))
    assert "entries differ" in message("toy-precise", lambda a, b: single(a, b).astype(float))


def test_not_a_number_is_named_with_its_place_and_where_it_comes_from():
    def answer(left, right):
        result = outer(left, right) + 1
        result[1, 2] = np.nan
        return result

    verdict = check("toy-outer", answer)
    assert ", received NaN (1 of 15 entries differ)" in verdict.message
    assert " at [1, 2], " in verdict.message
    assert verdict.hint == "NaN comes from 0/0, ∞/∞ or ∞ − ∞. One row for each left number."


def test_wrong_value_is_shown_to_four_digits():
    text = message("toy-outer", lambda a, b: outer(a, b) * np.where(np.arange(len(b)) == 4, 3.0, 1.0))
    value = outer(*OUTER.draw(0))[0, 4]
    assert text.startswith(f"expected {value:.4g} at [0, 4], received {3 * value:.4g} (3 of 15 entries differ); ")
    assert "; wrong on 6 of 6 trials, first on left (3,), right (5,)" in text


def test_part_of_a_pair_that_is_wrong_is_named():
    assert check("toy-both", both)
    assert check("toy-both", lambda a, b: [float(a.sum()), outer(a, b).tolist()])
    assert message("toy-both", lambda a, b: (a.sum(), outer(a, b) + 1)).startswith("table: expected ")
    assert message("toy-both", lambda a, b: (a.sum() + 1, outer(a, b))).startswith("total: expected ")


@pytest.mark.parametrize(
    ("answer", "received"),
    [
        (lambda a, b: outer(a, b), "ndarray of shape (3, 5)"),
        (lambda a, b: (a.sum(),), "a tuple of 1"),
        (lambda a, b: 3, "int"),
    ],
)
def test_result_with_another_structure_is_named(answer, received):
    verdict = check("toy-both", answer)
    assert verdict.message == f"toy-both: expected a tuple of 2, received {received}"
    assert verdict.hint == "Return total and table, in this order."


@pytest.mark.parametrize(
    ("result", "received"),
    [
        (object(), "object"),
        ({"a": 1}, "dict"),
        ("text", "str"),
        ([[1.0], [1.0, 2.0]], "a list of 2"),
        ((part for part in ()), "generator"),
    ],
)
def test_result_that_is_no_array_is_named_by_its_type(result, received):
    verdict = check("toy-outer", lambda a, b: result)
    assert verdict.message == f"toy-outer: expected an array of numbers, received {received}"
    assert verdict.hint == "Return the result."


def test_difference_between_equal_results_is_refused():
    with pytest.raises(ValueError, match="expected two results that differ"):
        difference(np.ones(2), np.ones(2), 1e-4, ("total",))


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


# Values


@pytest.mark.parametrize(
    ("exercise_id", "answers"),
    [
        ("toy-number", [2.5, np.float32(2.5), np.array(2.5), 2.50001]),
        ("toy-count", [12, 12.0, np.int64(12)]),
        ("toy-word", ["softmax", " softmax\n"]),
        ("toy-shape", [(3, 5), [3, 5], np.array([3, 5])]),
        ("toy-array", [[[2, 3], [5, 7]], np.array([[2, 3], [5, 7]], dtype=np.uint8)]),
        ("toy-truths", [[True, False]]),
    ],
)
def test_value_passes_in_any_form_that_says_the_same(exercise_id, answers):
    for answer in answers:
        assert repr(check(exercise_id, answer)) == f"✓ {exercise_id}: right"


@pytest.mark.parametrize(
    ("exercise_id", "answer"),
    [
        ("toy-number", 2.6),
        ("toy-number", float("nan")),
        ("toy-number", [2.5, 2.5]),
        ("toy-number", True),
        ("toy-count", 13),
        ("toy-word", "sofmax"),
        ("toy-shape", (3, 5, 2)),
        ("toy-array", [[2, 3], [5, 8]]),
        ("toy-array", [[2.0, 3.0], [5.0, 7.0]]),
        ("toy-truths", [1, 0]),
    ],
)
def test_wrong_value_fails_and_does_not_give_the_answer_away(exercise_id, answer):
    assert check(exercise_id, answer) == Verdict(False, f"{exercise_id}: this is not it", "Count again.")


@pytest.mark.parametrize(
    ("exercise_id", "wrong"), [("toy-number", 0.4), ("toy-word", "sigmoid"), ("toy-shape", (5, 3))]
)
def test_known_wrong_value_is_recognised(exercise_id, wrong):
    assert check(exercise_id, wrong) == Verdict(False, f"{exercise_id}: a known slip", "Think.")


@pytest.mark.parametrize(
    ("exercise_id", "answer", "text"),
    [
        ("toy-number", None, "no answer yet"),
        ("toy-number", ..., "no answer yet"),
        ("toy-number", len, "expected a value, received a function"),
        ("toy-number", "2.5", "expected an array of numbers, received str"),
        ("toy-word", 3, "expected a string, received int"),
        ("toy-shape", 3, "expected a tuple of integers, received int"),
        ("toy-shape", ("a", "b"), "expected a tuple of integers, received a tuple of 2"),
    ],
)
def test_value_of_another_kind_is_named(exercise_id, answer, text):
    assert message(exercise_id, answer).startswith(text)


# Tensors of the backends


def test_tensors_of_the_keras_backend_are_read():
    from keras import ops

    def answer(left, right):
        left, right = ops.convert_to_tensor(left), ops.convert_to_tensor(right)
        return ops.sum(left), left[:, None] * right[None, :]

    assert check("toy-both", answer)
    assert message("toy-both", lambda a, b: ops.convert_to_tensor(a)).startswith("expected a tuple of 2, received ")


def test_torch_tensors_are_read_off_the_graph(require):
    torch = require("torch")

    def answer(left, right):
        left = torch.tensor(left, requires_grad=True)
        return left[:, None] * torch.tensor(right)[None, :]

    assert check("toy-outer", answer)
    assert message("toy-outer", lambda a, b: answer(a, b) + 1).startswith("expected ")


def test_jax_arrays_are_read(require):
    numpy = require("jax").numpy
    assert check("toy-outer", lambda a, b: numpy.outer(a, b))
