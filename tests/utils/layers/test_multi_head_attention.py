"""What MultiHeadAttention computes: values, weights and gradients, head by head and beside Keras's own layers."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from tests.support.naive_heads import (
    KEY_DIM,
    QUERY_WIDTH,
    SIZES,
    VALUE_DIM,
    B,
    G,
    H,
    S,
    T,
    assert_same,
    assert_same_slopes,
    attend_head_by_head,
    build,
    draw,
    head_contributions,
    named_weights,
    numbers,
    randomise,
    run,
    slopes,
)
from utils.layers import MultiHeadAttention

CHANGES = {
    "plain": {},
    "value_dim as key_dim": {"value_dim": None},
    "no bias": {"use_bias": False},
    "wider output": {"output_shape": 23},
    "output of two axes": {"output_shape": (3, 4)},
    "one head": {"num_heads": 1},
    "dropout outside training": {"dropout": 0.5},
}


def test_two_heads_by_hand():
    # Head 0 looks at feature 0 of the keys, head 1 at feature 1. Odds 3 to 1 and 1 to 7; values 8, 16.
    layer = MultiHeadAttention(num_heads=2, key_dim=1, value_dim=1, use_bias=False, output_shape=2)
    layer.build((1, 1, 1), (1, 2, 1), (1, 2, 2))
    one = np.ones((1, 2, 1), "float32")
    layer.set_weights([one, np.eye(2, dtype="float32")[..., None], one, np.array([[[1, 0]], [[0, 100]]], "float32")])
    key = np.log(np.array([[[3, 1], [1, 7]]], "float32"))
    output, weights = run(layer, one[:, :1], np.array([[[8], [16]]], "float32"), key)
    np.testing.assert_allclose(weights, [[[[3 / 4, 1 / 4]], [[1 / 8, 7 / 8]]]], rtol=1e-6)
    np.testing.assert_allclose(output, [[[8 * 3 / 4 + 16 / 4, 100 * (8 / 8 + 16 * 7 / 8)]]], rtol=1e-6)


GROUPS = {"grouped": {"num_kv_heads": G}, "multi-query": {"num_kv_heads": 1}, "none grouped": {"num_kv_heads": H}}


@pytest.mark.parametrize("changes", (CHANGES | GROUPS).values(), ids=CHANGES | GROUPS)
def test_equals_head_by_head_in_float64(changes):
    inputs = draw()
    layer = build(inputs, **changes)
    expected = attend_head_by_head(layer, *inputs)
    assert_same(run(layer, *inputs), expected)
    np.testing.assert_array_equal(numbers(layer(*inputs)), run(layer, *inputs)[0])


def test_key_defaults_to_value_and_self_attention_uses_one_input():
    query, value, _ = draw()
    assert_same(run(build((query, value)), query, value), attend_head_by_head(build((query, value)), query, value))
    layer = build((query, query))
    assert_same(run(layer, query, query), attend_head_by_head(layer, query, query))
    np.testing.assert_array_equal(run(layer, query, query)[0], run(layer, query, query, query)[0])


ALLOWED = np.random.default_rng(2).random((B, T, S)) > 0.4
ALLOWED[:, :, 1] = True
MASKS = {"causal": {"use_causal_mask": True}, "mask": {"attention_mask": ALLOWED}}
PAIRS = {name: (changes, {}) for name, changes in CHANGES.items()} | {
    name: ({}, given) for name, given in MASKS.items()
}


@pytest.mark.parametrize(("changes", "options"), PAIRS.values(), ids=PAIRS)
def test_equals_keras_layer_with_gradients(changes, options):
    inputs = draw()
    theirs = build(inputs, keras.layers.MultiHeadAttention, **changes)
    ours = build(inputs, **changes)
    ours.set_weights(theirs.get_weights())
    expected = run(theirs, *inputs, **options)
    assert_same(run(ours, *inputs, **options), expected)
    cotangent = np.random.default_rng(3).normal(size=expected[0].shape).astype("float32")
    assert_same_slopes(slopes(ours, inputs, cotangent, **options), slopes(theirs, inputs, cotangent, **options))


@pytest.mark.parametrize("heads", [1, G, H])
def test_equals_keras_grouped_query_attention_with_gradients(heads):
    inputs = draw()
    theirs = keras.layers.GroupQueryAttention(KEY_DIM, num_query_heads=H, num_key_value_heads=heads)
    theirs.build(*(array.shape for array in inputs))
    randomise(theirs)
    ours = build(inputs, value_dim=None, num_kv_heads=heads)
    ours.set_weights(theirs.get_weights())
    for options in ({}, {"use_causal_mask": True}):
        assert_same(run(ours, *inputs, **options), run(theirs, *inputs, **options))
    cotangent = np.random.default_rng(3).normal(size=(B, T, QUERY_WIDTH)).astype("float32")
    assert_same_slopes(slopes(ours, inputs, cotangent), slopes(theirs, inputs, cotangent))


@pytest.mark.parametrize("heads", [1, G])
def test_grouped_heads_are_full_heads_with_repeated_kernels(heads):
    inputs = draw()
    grouped, full = build(inputs, num_kv_heads=heads), build(inputs)
    shared = [
        np.repeat(array, H // heads, axis=array.ndim - 2) if 2 <= at < 6 else array
        for at, array in enumerate(grouped.get_weights())
    ]
    full.set_weights(shared)
    assert_same(run(grouped, *inputs), run(full, *inputs))
    assert full.count_params() - grouped.count_params() == (H - heads) * (18 * KEY_DIM + 20 * VALUE_DIM)


def test_parameters_are_counted():
    per_head = (13 + 1) * KEY_DIM + (17 + 1) * KEY_DIM + (19 + 1) * VALUE_DIM + VALUE_DIM * 13
    assert build().count_params() == H * per_head + 13
    biases = H * (2 * KEY_DIM + VALUE_DIM) + 13
    assert build(use_bias=False).count_params() == H * per_head + 13 - biases


@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.integers(0, 999), st.integers(0, H - 1), st.sampled_from(["query", "attention_output"]))
def test_output_is_a_sum_over_heads_each_moved_by_its_own_weights_alone(seed, head, part):
    inputs = draw(seed)
    layer = randomise(build(inputs), seed)
    before = head_contributions(layer, *inputs)[0]
    bias = named_weights(layer)["attention_output/bias"]
    np.testing.assert_allclose(numbers(layer(*inputs)), before.sum(0) + bias, rtol=1e-4, atol=1e-4)
    weights = layer.get_weights()
    changed = weights[0][:, head] if part == "query" else weights[6][head]
    changed *= -0.5
    layer.set_weights(weights)
    after = head_contributions(layer, *inputs)[0]
    others = np.arange(H) != head
    np.testing.assert_array_equal(after[others], before[others])
    moved = after[head] - before[head]
    assert np.abs(moved).max() > 1e-3
    np.testing.assert_allclose(numbers(layer(*inputs)), before.sum(0) + bias + moved, rtol=1e-4, atol=1e-4)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.permutations(range(T)), st.permutations(range(S)), st.integers(0, 999))
def test_outputs_follow_their_queries_and_the_order_of_keys_does_not_matter(of_queries, of_keys, seed):
    query, value, key = draw(seed)
    layer = build()
    output, weights = run(layer, query, value, key)
    moved = run(layer, query[:, of_queries], value[:, of_keys], key[:, of_keys])
    assert_same(moved, (output[:, of_queries], weights[:, :, of_queries][..., of_keys]))


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.permutations(range(H)), st.sampled_from([None, 1]))
def test_the_order_of_heads_does_not_matter(order, heads):
    inputs = draw()
    layer = build(inputs, num_kv_heads=heads)
    output, weights = run(layer, *inputs)
    moved = layer.get_weights()
    for at in (0, 1) if heads else range(6):
        moved[at] = np.take(moved[at], order, axis=moved[at].ndim - 2)
    moved[6] = moved[6][order]
    layer.set_weights(moved)
    assert_same(run(layer, *inputs), (output, weights[:, order]))


def test_examples_of_a_batch_do_not_touch_each_other():
    inputs = draw()
    layer = build(inputs)
    output, weights = run(layer, *inputs)
    for at in range(B):
        alone = run(layer, *(array[at : at + 1] for array in inputs))
        assert_same(alone, (output[at : at + 1], weights[at : at + 1]))
    others = [array.copy() for array in inputs]
    for array in others:
        array[1] += 1
    np.testing.assert_allclose(run(layer, *others)[0][0], output[0], atol=1e-6)
    assert np.abs(run(layer, *others)[0][1] - output[1]).max() > 0.01


def test_key_decides_the_weights_and_value_what_they_mix():
    query, value, key = draw()
    layer = build()
    output, weights = run(layer, query, value, key)
    other_output, same_weights = run(layer, query, value * 2, key)
    np.testing.assert_array_equal(same_weights, weights)
    assert np.abs(other_output - output).max() > 0.1
    assert np.abs(run(layer, query, value, key * 2)[1] - weights).max() > 0.01


@pytest.mark.parametrize("sizes", [{"num_queries": 1}, {"num_keys": 1}, {"num_queries": 0}])
def test_lengths_of_one_and_none(sizes):
    inputs = draw(**sizes)
    layer = build(inputs)
    assert_same(run(layer, *inputs), attend_head_by_head(layer, *inputs))


def test_float16_stays_near_float32():
    inputs = draw()
    half = MultiHeadAttention(**SIZES, dtype="mixed_float16")
    half.build(*(array.shape for array in inputs))
    full = build(inputs)
    half.set_weights(full.get_weights())
    output, weights = half(*inputs, return_attention_scores=True)
    assert {keras.backend.standardize_dtype(part.dtype) for part in (output, weights)} == {"float16"}
    assert {keras.backend.standardize_dtype(weight.dtype) for weight in half.weights} == {"float32"}
    received = [numbers(ops.cast(part, "float32")) for part in (output, weights)]
    expected = run(full, *inputs)
    np.testing.assert_allclose(received[0], expected[0], atol=0.01 * np.abs(expected[0]).max())
    np.testing.assert_allclose(received[1], expected[1], atol=0.01)
