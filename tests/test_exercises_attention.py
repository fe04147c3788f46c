"""The exercises on attention: model solutions pass, stubs and memorised answers fail."""

import inspect
import time

import numpy as np
import pytest
from attention_slips import exponentials_masked, forbidden_with, maximum_of_all_keys, softmax_then_renormalised
from attention_solutions import BY_ID
from scipy.special import logsumexp

from utils.exercises import check
from utils.exercises.attention import softmax
from utils.exercises.checker import EXERCISES

IDS = tuple(BY_ID)


# Model solutions and references


@pytest.mark.parametrize(
    ("exercise_id", "line"),
    list(
        zip(
            IDS,
            [
                "right on all 40 trials, 0 to 3 leading axes",
                "right on all 40 trials, temperatures from 0.1 to 10, scores within ±50",
                "right on all 40 trials, float16 and scores of ±10,000 included",
                "right on all 40 trials, T ≠ S included",
                "right on all 40 trials, rows with nothing to attend to included",
                "right on all 40 trials",
                "right on all 8 trials, in one pass, no NumPy or Python copies kept",
            ],
            strict=True,
        )
    ),
)
def test_model_solution_passes_with_the_line_that_the_chapter_shows(exercise_id, line):
    assert repr(check(exercise_id, BY_ID[exercise_id])) == f"✓ {exercise_id}: {line}"


@pytest.mark.parametrize("exercise_id", IDS)
def test_model_solution_has_at_most_twelve_lines_and_the_signature_asked_for(exercise_id):
    source = inspect.getsource(BY_ID[exercise_id]).splitlines()
    assert len(source) <= 12
    signature = EXERCISES[exercise_id].signature
    assert source[0].strip() == f"def {signature}:"


def test_chapter_has_these_seven_exercises():
    assert tuple(name for name in EXERCISES if name.startswith("attention-")) == IDS
    assert all(EXERCISES[name].reference.__doc__ for name in IDS)


def test_all_checks_together_take_less_than_a_second():
    started = time.process_time()
    assert all(check(name, BY_ID[name]) for name in IDS)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("exercise_id", IDS)
def test_reference_passes_its_own_check(exercise_id):
    assert check(exercise_id, EXERCISES[exercise_id].reference)


def test_library_passes_where_it_answers_the_same_question():
    from keras import ops

    from utils.attention import causal_mask, scaled_dot_product_attention

    assert check("attention-causal-mask", causal_mask)
    assert check("attention-masked", scaled_dot_product_attention)
    assert check(
        "attention-temperature",
        lambda query, keys, values, temperature: ops.dot(ops.softmax(keys @ query / temperature), values),
    )


def test_softmax_of_another_library_passes_in_every_type(require):
    require("scipy")
    from scipy.special import softmax as independent

    assert check("attention-stable-softmax", lambda scores: independent(scores, axis=-1))


@pytest.mark.parametrize("least", [np.float32, np.float64])
@pytest.mark.parametrize("reduced", [logsumexp, np.logaddexp.reduce], ids=["logsumexp", "logaddexp"])
def test_softmax_by_log_sum_exp_passes_where_its_logarithm_is_not_in_float16(least, reduced):
    def answer(scores):
        wide = scores.astype(np.promote_types(scores.dtype, least))
        return np.exp(wide - reduced(wide, axis=-1, keepdims=True)).astype(scores.dtype)

    assert check("attention-stable-softmax", answer)


def test_softmax_in_a_narrower_type_than_its_input_fails():
    def answer(scores):
        exponentials = np.exp((scores - scores.max(axis=-1, keepdims=True)).astype(np.float16))
        return (exponentials / exponentials.sum(axis=-1, keepdims=True)).astype(scores.dtype)

    assert "attention-stable-softmax: expected " in check("attention-stable-softmax", answer).message


def test_masked_attention_in_float32_passes():
    def answer(query, key, value, mask):
        return BY_ID["attention-masked"](*(array.astype(np.float32) for array in (query, key, value)), mask)

    assert check("attention-masked", answer)


@pytest.mark.parametrize("number", [-30, -1000])
@pytest.mark.parametrize("added", [False, True], ids=["replaced", "added"])
def test_finite_number_in_place_of_minus_infinity_fails(number, added):
    assert not check("attention-masked", forbidden_with(number, added=added))


@pytest.mark.parametrize("answer", [exponentials_masked, maximum_of_all_keys, softmax_then_renormalised])
def test_masked_attention_that_is_right_for_small_scores_alone_fails(answer):
    exercise = EXERCISES["attention-masked"]
    *arrays, mask = exercise.draw(0)
    np.testing.assert_allclose(answer(*arrays, mask)[0], exercise.reference(*arrays, mask)[0])
    assert not check("attention-masked", answer)


def test_query_gradient_agrees_with_finite_differences():
    def numeric(query, key, value, output_gradient):
        def loss(at):
            return float((softmax(at @ key.T / np.sqrt(key.shape[-1])) @ value * output_gradient).sum())

        gradient = np.empty_like(query)
        for place in np.ndindex(query.shape):
            step = np.zeros_like(query)
            step[place] = 1e-6
            gradient[place] = (loss(query + step) - loss(query - step)) / 2e-6
        return gradient

    assert check("attention-query-gradient", numeric)


def test_soft_lookup_by_hand():
    """Scores 2 and 0 at temperature 2/ln 3 weigh 3 : 1."""
    reference = EXERCISES["attention-temperature"].reference
    keys, values = np.array([[2.0], [0.0]]), np.array([[8.0], [4.0]])
    np.testing.assert_allclose(reference(np.array([1.0]), keys, values, 2 / np.log(3)), [7.0])


def test_streaming_reference_agrees_with_all_keys_at_once():
    exercise = EXERCISES["attention-streaming"]
    for trial in range(exercise.trials):
        query, blocks = exercise.draw(trial)
        keys, values = (np.concatenate(arrays) for arrays in zip(*blocks._blocks, strict=True))
        expected = softmax(query @ keys.T / np.sqrt(query.shape[-1])) @ values
        np.testing.assert_allclose(exercise.reference(query, blocks), expected, rtol=1e-9)


# Answers that must not pass


def not_written(*inputs):
    raise NotImplementedError


@pytest.mark.parametrize("exercise_id", IDS)
def test_stubs_inputs_and_constants_fail(exercise_id):
    exercise = EXERCISES[exercise_id]
    memorised = exercise.reference(*exercise.draw(0))
    assert "not written yet" in check(exercise_id, not_written).message
    assert "not written yet" in check(exercise_id, lambda *inputs: None).message
    assert "not written yet" in check(exercise_id, lambda *inputs: ...).message
    for position, name in enumerate(exercise.parameters):
        text = check(exercise_id, lambda *inputs, position=position: inputs[position]).message
        assert text == f"{exercise_id}: returned its input `{name}` as it came"
    assert "the same result on every trial" in check(exercise_id, lambda *inputs: memorised).message
    for constant in (0, 1.0, True, "text", (), [], np.zeros((3, 3)), ((2, 3), (2, 3)), (np.ones(2), np.ones(2))):
        assert not check(exercise_id, lambda *inputs, constant=constant: constant)
    assert "expected a function" in check(exercise_id, memorised).message


@pytest.mark.parametrize("exercise_id", IDS)
def test_solution_that_is_right_on_all_trials_but_one_fails(exercise_id):
    exercise = EXERCISES[exercise_id]
    calls = iter(range(exercise.trials))

    def answer(*inputs):
        result = BY_ID[exercise_id](*inputs)
        if next(calls) < exercise.trials - 1:
            return result
        if exercise_id == "attention-shapes":
            return result[::-1]
        if exercise_id == "attention-causal-mask":
            return ~result
        return (result[0] * 1.05, result[1]) if isinstance(result, tuple) else result * result.dtype.type(1.05)

    assert f"wrong on 1 of {exercise.trials} trials" in check(exercise_id, answer).message
