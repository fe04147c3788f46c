"""The exercises on multi-head attention: what other libraries answer, and inputs that show every case."""

import numpy as np
import pytest

from tests.support.exercise_draws import drawn
from utils.exercises import check
from utils.exercises.attention.inputs import PRIMES
from utils.exercises.engine.checker import EXERCISES


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


# Inputs


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
