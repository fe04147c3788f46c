"""What scaled_dot_product_attention computes: values, heads, gradients, cost, on any Keras backend."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import ops

from tests.support.naive_attention import (
    KEY_DIM,
    VALUE_DIM,
    B,
    G,
    H,
    S,
    T,
    assert_same,
    attend,
    attend_by_loops,
    draw,
    gradients_by_hand,
    numbers,
)
from utils import runtime
from utils.attention import attention_cost, scaled_dot_product_attention


def test_three_tokens_by_hand():
    # Scores of the only query: 0, ln 2 and ln 5; so weights 1/8, 2/8 and 5/8.
    key = np.array([[0.0, 3.0], [np.log(2), -1.0], [np.log(5), 2.0]], "float32")
    output, weights = attend(
        np.array([[1.0, 0.0]], "float32"), key, np.array([[8.0], [16.0], [-8.0]], "float32"), scale=1
    )
    np.testing.assert_allclose(weights, [[1 / 8, 2 / 8, 5 / 8]], rtol=1e-6)
    np.testing.assert_allclose(output, [[0.0]], atol=1e-6)


def test_scores_are_divided_by_the_root_of_key_dim():
    # key_dim 4: the scores 4·ln 3 and 0 become 2·ln 3 and 0, so the odds are 9 to 1.
    key = np.array([[np.log(3)] * 4, [0.0] * 4], "float32")
    np.testing.assert_allclose(attend(np.ones((1, 4), "float32"), key, key)[1], [[0.9, 0.1]], rtol=1e-6)


@pytest.mark.parametrize("leading", [(), (B,), (B, H), (B, G, H)])
def test_equals_loops_in_float64(leading):
    inputs = draw(*leading)
    assert_same(attend(*inputs), attend_by_loops(*inputs))


@pytest.mark.parametrize("scale", [0.37, 2, -0.5, 0, np.float64(0.37), np.array(0.37), np.float16(0.5)])
def test_scale_may_be_any_number(scale):
    inputs = draw(B)
    assert_same(attend(*inputs, scale=scale), attend_by_loops(*inputs, scale=float(scale)))


def test_scale_may_be_a_tensor_that_learns():
    inputs = draw(B)

    def loss(scale):
        return ops.sum(scaled_dot_product_attention(*inputs, scale=scale)[0])

    def exact(scale):
        return attend_by_loops(*inputs, scale=scale)[0].sum()

    (slope,) = runtime.gradients(loss, np.array(0.4, "float32"))
    np.testing.assert_allclose(slope, (exact(0.4 + 1e-5) - exact(0.4 - 1e-5)) / 2e-5, rtol=1e-3)


@pytest.mark.parametrize("softcap", [1.5, 30, np.float32(1.5), np.array(1.5)])
def test_softcap_bounds_the_scores_smoothly(softcap):
    inputs = draw(B)
    inputs[0] = inputs[0] * 10
    received = attend(*inputs, softcap=softcap)
    assert_same(received, attend_by_loops(*inputs, softcap=float(softcap)))
    assert np.abs(received[1] - attend(*inputs)[1]).max() > 0.01
    odds = received[1].max(-1) / received[1].min(-1)
    assert odds.max() <= np.exp(2 * float(softcap)) * 1.0001


@pytest.mark.parametrize("heads", [1, G, H])
@pytest.mark.parametrize("leading", [(B,), (2, 3)])
def test_consecutive_query_heads_share_a_stored_head(leading, heads):
    inputs = draw(*leading, H, heads=heads)
    allowed = np.tril(np.ones((T, S), bool))
    received = attend(*inputs, use_causal_mask=True)
    assert received[0].shape == (*leading, H, T, VALUE_DIM)
    assert_same(received, attend_by_loops(*inputs, allowed))


def test_three_axes_never_group():
    query, key, value = draw(6)
    with pytest.raises(ValueError, match="size of axis 0 of key to be 6, as in query; received 3"):
        scaled_dot_product_attention(query, key[:3], value[:3])


@pytest.mark.parametrize("stored", [H, G])
@pytest.mark.parametrize("case", ["plain", "mask", "causal", "scale"])
def test_equals_keras_dot_product_attention(case, stored):
    inputs = draw(B, H, heads=stored)
    mask = np.random.default_rng(1).random((B, 1, T, S)) > 0.4
    mask[..., 2] = True
    ours = {"mask": {"attention_mask": mask}, "causal": {"use_causal_mask": True}, "scale": {"scale": 0.6}}
    theirs = {"mask": {"mask": np.repeat(mask, H, 1)}, "causal": {"is_causal": True}, "scale": {"scale": 0.6}}
    inputs[2] = inputs[2][..., :KEY_DIM]  # Keras on JAX wants values as wide as keys
    swapped = [ops.convert_to_tensor(array.swapaxes(1, 2)) for array in inputs]
    expected = numbers(ops.dot_product_attention(*swapped, **theirs.get(case, {}))).swapaxes(1, 2)
    np.testing.assert_allclose(attend(*inputs, **ours.get(case, {}))[0], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("stored", [H, G])
@pytest.mark.parametrize("case", ["plain", "boolean", "float", "causal", "scale"])
def test_equals_torch(require, case, stored):
    torch = require("torch")
    inputs = draw(B, H, heads=stored)
    allowed = np.random.default_rng(1).random((B, 1, T, S)) > 0.4
    allowed[..., 2] = True
    bias = np.where(allowed, np.random.default_rng(2).normal(size=allowed.shape), -np.inf).astype("float32")
    masks = {"boolean": {"attention_mask": allowed}, "float": {"attention_bias": bias}}
    ours = masks | {"causal": {"use_causal_mask": True}, "scale": {"scale": 0.6}}
    theirs = {"causal": {"is_causal": True}, "scale": {"scale": 0.6}}.get(case, {})
    if case in masks:
        theirs["attn_mask"] = torch.from_numpy(*masks[case].values())
    expected = torch.nn.functional.scaled_dot_product_attention(
        *map(torch.from_numpy, inputs), enable_gqa=True, **theirs
    )
    np.testing.assert_allclose(attend(*inputs, **ours.get(case, {}))[0], expected.numpy(), rtol=1e-5, atol=1e-5)


entries = st.floats(-100, 100, width=32)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(arrays("float32", (T, KEY_DIM), elements=entries), arrays("float32", (S, KEY_DIM), elements=entries))
def test_weight_rows_sum_to_one_and_output_stays_among_the_values(query, key):
    value = draw()[2]
    output, weights = attend(query, key, value)
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)
    assert (output <= value.max(0) + 1e-5).all()
    assert (output >= value.min(0) - 1e-5).all()


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.permutations(range(S)), st.permutations(range(T)), st.integers(0, 999))
def test_order_of_keys_does_not_matter_and_outputs_follow_their_queries(of_keys, of_queries, seed):
    query, key, value = draw(B, seed=seed)
    output, weights = attend(query, key, value)
    moved, moved_weights = attend(query[:, of_queries], key[:, of_keys], value[:, of_keys])
    np.testing.assert_allclose(moved, output[:, of_queries], atol=1e-5)
    np.testing.assert_allclose(moved_weights, weights[:, of_queries][:, :, of_keys], atol=1e-5)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(arrays("float32", (B, T, 1), elements=st.floats(-50, 50, width=32)))
def test_shifting_a_row_of_scores_changes_nothing(shift):
    inputs = draw(B)
    shifted = attend(*inputs, attention_bias=shift * np.ones(S, "float32"))
    assert_same(shifted, attend(*inputs), tolerance=1e-4)


def test_gradients_equal_the_chain_rule_by_hand():
    inputs, cotangent = draw(B), np.random.default_rng(3).normal(size=(B, T, VALUE_DIM)).astype("float32")
    fixed = ops.convert_to_tensor(cotangent)
    for causal, by_hand in ((False, True), (True, np.tri(T, S, dtype=bool))):

        def loss(query, key, value, causal=causal):
            return ops.sum(scaled_dot_product_attention(query, key, value, use_causal_mask=causal)[0] * fixed)

        received = runtime.gradients(loss, *inputs)
        for got, want in zip(received, gradients_by_hand(*inputs, cotangent, by_hand), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


class Counted(float):
    """A number that counts the products it takes part in."""

    products = 0

    def __mul__(self, other):
        Counted.products += 1
        return Counted(float(self) * float(other))


def test_attention_cost_is_what_an_instrumented_run_counts():
    query, key, value = ([[Counted(x) for x in row] for row in array] for array in draw())
    Counted.products, exponentials, stored = 0, 0, 0
    for row in query:
        row = [x * 0.3 for x in row]
        weights = [np.exp(sum(a * b for a, b in zip(row, other, strict=True))) for other in key]
        exponentials, stored = exponentials + len(weights), stored + len(weights)
        for column in range(VALUE_DIM):
            sum(rows[column] * weight for rows, weight in zip(value, weights, strict=True))
    assert attention_cost(T, S, KEY_DIM, VALUE_DIM) == (Counted.products, exponentials, stored)
    assert attention_cost(2, 3, 4, 5).multiplications == 2 * 4 + 2 * 3 * 4 + 2 * 3 * 5
