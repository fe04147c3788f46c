"""The exercises on attention: model solutions pass, stubs and memorised answers fail, inputs show every case."""

import inspect
import time

import numpy as np
import pytest
from attention_solutions import BY_ID

from utils.exercises import check
from utils.exercises.attention import PRIMES, softmax
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
                "right on all 40 trials, temperatures from 0.1 to 10",
                "right on all 40 trials, float16 and scores of ±10,000 included",
                "right on all 40 trials, T ≠ S included",
                "right on all 40 trials, rows with nothing to attend to included",
                "right on all 40 trials",
                "right on all 8 trials, in one pass, one block at a time",
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


@pytest.mark.parametrize("exercise_id", IDS)
def test_inputs_are_random_and_their_sizes_distinct_primes(exercise_id):
    exercise = EXERCISES[exercise_id]
    seen = []
    for trial in range(exercise.trials):
        arrays = [one for one in exercise.draw(trial) if isinstance(one, np.ndarray) and one.dtype != bool]
        assert all(set(one.shape) <= {*PRIMES, 17, 31} for one in arrays)
        assert all(np.unique(one).size > 1 for one in arrays if one.size > 1)
        # Sizes agree where two axes are the same; in trial 0 two more may, to tell apart what widths would give away.
        sizes = {size for one in arrays for size in one.shape}
        axes = {"attention-temperature": 3, "attention-masked": 4, "attention-query-gradient": 4}.get(exercise_id, 0)
        assert len(sizes) >= axes - (trial == 0)
        seen.append(exercise.describe(exercise.draw(trial)))
    assert len(set(seen)) > exercise.trials / 3


def test_scores_of_the_softmax_exercise_show_every_case():
    exercise = EXERCISES["attention-stable-softmax"]
    drawn = [exercise.draw(trial)[0] for trial in range(exercise.trials)]
    assert {(one.dtype.name, one.ndim) for one in drawn} == {
        (f"float{width}", rank) for width in (16, 32, 64) for rank in (1, 2, 3)
    }
    for width in (16, 32, 64):
        of_type = [one.astype(float) for one in drawn if one.dtype == f"float{width}"]
        assert max(np.abs(one).max() for one in of_type) >= 9000
        assert all(np.abs(one).max() <= 1e4 for one in of_type)
        within = [np.ptp(one, axis=-1).max() for one in of_type]
        between = [np.ptp(one.max(axis=-1)) for one in of_type]
        assert any(gap > 1000 and spread < 100 for gap, spread in zip(between, within, strict=True))  # rows far apart
        assert any(spread > 1000 for spread in within)
        assert any(0 < spread < 20 and np.abs(one).max() < 20 for spread, one in zip(within, of_type, strict=True))


def test_masks_of_the_masked_exercise_show_every_case():
    exercise = EXERCISES["attention-masked"]
    masks = [exercise.draw(trial)[-1] for trial in range(exercise.trials)]
    assert sum(not mask.any(axis=-1).all() for mask in masks) >= 15  # with a row that may attend to nothing
    assert sum(bool(mask.any(axis=-1).all()) for mask in masks) >= 5  # without
    assert all(mask.any() and not mask.all() for mask in masks)
    assert {mask.ndim for mask in masks} == {2, 3}
