"""The exercises on multi-head attention: solutions pass, stubs and memorised answers fail, inputs show every case."""

import inspect
import time

import numpy as np
import pytest
from multi_head_solutions import BY_ID

from utils.exercises import check
from utils.exercises.attention import PRIMES
from utils.exercises.checker import EXERCISES

IDS = tuple(BY_ID)
NOTES = {
    "heads-split": "",
    "heads-merge": "",
    "heads-parameters": ", with and without biases",
    "heads-attention": ", key_dim ≠ value_dim included",
    "heads-cache": "",
    "heads-grouped": ", G = 1 and G = H included",
    "heads-one-head-error": ", signs all alike included",
}


def drawn(exercise_id):
    exercise = EXERCISES[exercise_id]
    return [exercise.draw(trial) for trial in range(exercise.trials)]


# Model solutions and references


@pytest.mark.parametrize("exercise_id", IDS)
def test_model_solution_passes_with_the_line_that_the_chapter_shows(exercise_id):
    line = f"✓ {exercise_id}: right on all 40 trials{NOTES[exercise_id]}"
    assert repr(check(exercise_id, BY_ID[exercise_id])) == line


@pytest.mark.parametrize("exercise_id", IDS)
def test_model_solution_has_at_most_twelve_lines_and_the_signature_asked_for(exercise_id):
    source = inspect.getsource(BY_ID[exercise_id]).splitlines()
    assert len(source) <= 12
    assert source[0].strip() == f"def {EXERCISES[exercise_id].signature}:"


def test_chapter_has_these_seven_exercises():
    assert {name for name in EXERCISES if name.startswith("heads-")} == set(IDS)
    assert all(EXERCISES[name].reference.__doc__ for name in IDS)


def test_all_checks_together_take_less_than_a_second():
    started = time.process_time()
    assert all(check(name, BY_ID[name]) for name in IDS)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("exercise_id", IDS)
def test_reference_passes_its_own_check(exercise_id):
    assert check(exercise_id, EXERCISES[exercise_id].reference)


def test_heads_are_cut_and_put_side_by_side_number_by_number():
    """By hand: one text of two tokens, two heads of size two."""
    rows = np.array([[[0, 1, 2, 3], [4, 5, 6, 7]]])
    heads = np.array([[[[0, 1], [4, 5]], [[2, 3], [6, 7]]]])
    np.testing.assert_array_equal(EXERCISES["heads-split"].reference(rows, 2), heads)
    np.testing.assert_array_equal(EXERCISES["heads-merge"].reference(heads), rows)


def test_merging_undoes_splitting():
    for x, num_heads in drawn("heads-split"):
        heads = EXERCISES["heads-split"].reference(x, num_heads)
        np.testing.assert_array_equal(EXERCISES["heads-merge"].reference(heads), x)


def test_keras_counts_the_same_parameters_and_returns_the_same_attention():
    from keras import layers

    def count(query_width, value_width, num_heads, key_dim, value_dim, output_width, use_bias):
        layer = layers.MultiHeadAttention(num_heads, key_dim, value_dim, use_bias=use_bias, output_shape=output_width)
        layer.build((None, 3, query_width), (None, 5, value_width))
        return layer.count_params()

    def attend(x, *kernels):
        sizes = kernels[0].shape[1], kernels[1].shape[2], kernels[2].shape[2]
        layer = layers.MultiHeadAttention(*sizes, use_bias=False, output_shape=kernels[3].shape[2])
        layer.build(x.shape, x.shape)
        layer.set_weights(kernels)
        return layer(x, x)

    assert check("heads-parameters", count)
    assert check("heads-attention", attend)


def test_library_attention_shares_heads_in_the_same_way():
    from utils.attention import scaled_dot_product_attention

    def attend(query, key, value):
        return scaled_dot_product_attention(query[None], key[None], value[None])[0][0]

    assert check("heads-grouped", attend)


def test_cache_takes_the_bytes_of_arrays_that_hold_it():
    def allocate(num_layers, batch, length, num_kv_heads, key_dim, value_dim, bytes_per_number):
        layer = [
            np.empty((batch, num_kv_heads, length, width), dtype=f"u{bytes_per_number}")
            for width in (key_dim, value_dim)
        ]
        return num_layers * sum(array.nbytes for array in layer)

    assert check("heads-cache", allocate)


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
        return BY_ID[exercise_id](*inputs) * (1 if next(calls) < exercise.trials - 1 else 1.001)

    assert f"wrong on 1 of {exercise.trials} trials" in check(exercise_id, answer).message


# Inputs


@pytest.mark.parametrize("exercise_id", IDS)
def test_inputs_differ_from_trial_to_trial_and_are_random(exercise_id):
    exercise = EXERCISES[exercise_id]
    arrays = [one for inputs in drawn(exercise_id) for one in inputs if isinstance(one, np.ndarray)]
    assert all(np.unique(one).size == one.size > 1 for one in arrays)
    assert len({str(inputs) for inputs in drawn(exercise_id)}) > 0.9 * exercise.trials


@pytest.mark.parametrize("exercise_id", ["heads-split", "heads-merge"])
def test_first_trial_has_as_many_tokens_as_heads_and_no_other(exercise_id):
    shapes = []
    for first, *others in drawn(exercise_id):
        heads = EXERCISES["heads-split"].reference(first, *others) if others else first
        shapes.append(heads.shape)
    assert all(set(shape) <= set(PRIMES) for shape in shapes)
    assert shapes[0][1] == shapes[0][2]
    assert [len(set(shape)) for shape in shapes] == [3] + 39 * [4]


def test_counts_are_asked_for_distinct_sizes_with_and_without_biases():
    for *sizes, _ in drawn("heads-parameters"):
        assert len(set(sizes)) == len(sizes) == 6
    assert {use_bias for *_, use_bias in drawn("heads-parameters")} == {False, True}
    for *sizes, _ in drawn("heads-cache"):
        assert len(set(sizes)) == len(sizes) == 6
    assert {size for *_, size in drawn("heads-cache")} == {1, 2, 4}


def test_value_dim_is_key_dim_in_the_first_four_trials_of_attention_alone():
    for trial, (x, query_kernel, key_kernel, value_kernel, output_kernel) in enumerate(drawn("heads-attention")):
        assert query_kernel.shape == key_kernel.shape
        assert (key_kernel.shape == value_kernel.shape) == (trial < 4)
        assert output_kernel.shape[:2] == value_kernel.shape[1:]
        axes = {*x.shape, *key_kernel.shape, *value_kernel.shape, *output_kernel.shape}
        assert len(axes) == (6 if trial < 4 else 7)


def test_scores_of_attention_neither_vanish_nor_saturate():
    for x, query_kernel, key_kernel, *_ in drawn("heads-attention"):
        query, key = (np.einsum("btd,dhk->bhtk", x, kernel) for kernel in (query_kernel, key_kernel))
        spread = (query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])).std()
        assert 0.5 < spread < 8


def test_groups_of_one_and_of_all_heads_are_tried_and_others():
    seen = set()
    for trial, (query, key, value) in enumerate(drawn("heads-grouped")):
        num_heads, num_groups = len(query), len(key)
        assert num_heads % num_groups == 0
        assert key.shape[:2] == value.shape[:2]
        assert len({query.shape[1], key.shape[1], key.shape[2], value.shape[2]}) == (3 if trial == 0 else 4)
        seen.add((num_groups == 1, num_groups == num_heads))
    assert seen == {(True, False), (False, True), (False, False)}
    query, key, _ = drawn("heads-grouped")[0]
    assert len(query) // len(key) < len(key)  # so that h // G stays in range


def test_coefficients_show_both_signs_each_sign_alone_and_zero():
    seen = {tuple(sorted(set(np.sign(a)))) for (a,) in drawn("heads-one-head-error")}
    assert seen == {(-1, 1), (-1, 0, 1), (1,), (-1,)}
