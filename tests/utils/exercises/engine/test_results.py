"""The engine of the exercises: what it says of wrong results, of values, of tensors."""

import dataclasses

import numpy as np
import pytest

from tests.support.exercise_toys import OUTER, TOYS, both, message, outer
from utils.exercises import Verdict, check
from utils.exercises.engine import checker
from utils.exercises.engine.comparison import difference


@pytest.fixture(autouse=True)
def _toys(monkeypatch):
    for toy in TOYS:
        monkeypatch.setitem(checker.EXERCISES, toy.id, toy)


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


def test_numbers_that_print_alike_are_told_apart_by_their_relative_error():
    text = message("toy-outer", lambda a, b: outer(a, b) * (1 - 3e-4))
    value = outer(*OUTER.draw(0))[0, 0]
    assert f"{value:.4g}" == f"{value * (1 - 3e-4):.4g}"
    expected = (
        f"expected {value:.4g} at [0, 0], received a number with a relative error of 3e-04, where 1e-04 is allowed"
    )
    assert text.startswith(f"{expected} (15 of 15 entries differ)")
    precise = message("toy-precise", lambda a, b: outer(a, b).astype(np.float32).astype(float))
    assert "a relative error of " in precise
    assert ", where 4e-12 is allowed" in precise


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


def test_result_in_a_buffer_that_is_used_again_is_read_before_it_changes():
    buffers = {5: np.empty((3, 5)), 7: np.empty((3, 7))}

    def answer(left, right):
        return np.multiply(left[:, None], right, out=buffers[len(right)])

    assert check("toy-outer", answer)


def test_difference_between_equal_results_is_refused():
    with pytest.raises(ValueError, match="expected two results that differ"):
        difference(np.ones(2), np.ones(2), 1e-4, ("total",))


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


# Whole numbers


def count_exercise(reference, make_inputs):
    return dataclasses.replace(OUTER, id="toy-steps", reference=reference, make_inputs=make_inputs, mistakes=())


@pytest.fixture
def steps(monkeypatch):
    """An exercise that asks for 2 size + more."""
    exercise = count_exercise(lambda size, more: 2 * size + more, lambda rng, trial: (3 + trial, 4))
    monkeypatch.setitem(checker.EXERCISES, exercise.id, exercise)


@pytest.mark.usefixtures("steps")
def test_a_small_number_that_equals_an_argument_by_chance_is_not_said_to_be_the_argument():
    text = message("toy-steps", lambda size, more: size if size == 3 else 2 * size + more)
    assert text == "expected 10, received 3; wrong on 1 of 6 trials, first on size 3, more 4"
    assert message("toy-steps", lambda size, more: 4 if size < 8 else 5).startswith(
        "expected 10, received 4; wrong on 6"
    )


@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize("convert", [int, float, np.int64, np.float32])
def test_a_number_that_is_handed_back_on_every_trial_is_said_to_be_the_argument(convert):
    assert message("toy-steps", lambda size, more: convert(size)) == "returned its input `size` as it came"
    assert message("toy-steps", lambda size, more: convert(more)) == "returned its input `more` as it came"


def test_a_right_result_that_equals_an_argument_passes(monkeypatch):
    larger = count_exercise(max, lambda rng, trial: (3, 2 + trial))
    larger = dataclasses.replace(larger, reference=lambda size, more: max(size, more))
    monkeypatch.setitem(checker.EXERCISES, larger.id, larger)
    assert check("toy-steps", lambda size, more: size if size > more else more)
    same = count_exercise(lambda table, power: table**power, lambda rng, trial: (rng.normal(size=3), 1 + trial))
    monkeypatch.setitem(checker.EXERCISES, same.id, same)
    assert check("toy-steps", lambda table, power: table.copy() if power == 1 else table**power)
    assert message("toy-steps", lambda table, power: table).startswith("returned its input `table`")


@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize(("change", "received"), [(1e-9, "10.000000001"), (0.5, "10.5"), (1, "11"), (1.0, "11.0")])
def test_a_count_is_compared_exactly_and_no_tolerance_is_spoken_of(change, received):
    text = message("toy-steps", lambda size, more: 2 * size + more + change)
    assert text.startswith(f"expected 10, received {received}; wrong on 6 of 6 trials")
    assert "relative error" not in text


def test_large_counts_are_compared_to_the_last_digit(monkeypatch):
    large = count_exercise(lambda size: 2**53 + size, lambda rng, trial: (2 * trial + 1,))
    monkeypatch.setitem(checker.EXERCISES, large.id, large)
    assert check("toy-steps", lambda size: 2**53 + size)
    text = message("toy-steps", lambda size: float(2**53 + size))
    assert text.startswith("expected 9007199254740993, received 9007199254740992.0; wrong on 6 of 6 trials")


def test_tables_of_counts_and_of_truths_are_compared_exactly(monkeypatch):
    table = count_exercise(lambda size: np.arange(size), lambda rng, trial: (3 + trial,))
    monkeypatch.setitem(checker.EXERCISES, table.id, table)
    assert check("toy-steps", lambda size: np.arange(size, dtype=np.int8))
    assert check("toy-steps", lambda size: list(range(size)))
    assert message("toy-steps", lambda size: np.arange(size) * (size > 3)).startswith("expected 1 at [1], received 0")
    truths = count_exercise(lambda size: np.arange(size) > 1, lambda rng, trial: (3 + trial,))
    monkeypatch.setitem(checker.EXERCISES, truths.id, truths)
    assert check("toy-steps", lambda size: [at > 1 for at in range(size)])
    assert message("toy-steps", lambda size: np.arange(size) > 0).startswith("expected False at [1], received True")
