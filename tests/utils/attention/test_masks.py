"""What masks and biases do: who may attend, what is added, causal, padding, rows with nothing to attend to."""

import contextlib

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from tests.support.naive_attention import (
    VALUE_DIM,
    B,
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
from utils.attention import attention_weights, causal_mask, padding_mask, scaled_dot_product_attention

rng = np.random.default_rng(5)
ALLOWED = rng.random((B, T, S)) > 0.5
ALLOWED[:, 1] = False
BIAS = rng.normal(size=(B, T, S)).astype("float32")


def test_causal_mask_by_hand():
    np.testing.assert_array_equal(numbers(causal_mask(2, 4)), [[True, False, False, False], [True, True, False, False]])
    np.testing.assert_array_equal(numbers(causal_mask(2, 4, offset=2)), [[True, True, True, False], [True] * 4])
    np.testing.assert_array_equal(numbers(causal_mask(3)), np.tril(np.ones((3, 3), bool)))


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.integers(0, 5), st.integers(0, 5), st.integers(-3, 3))
def test_causal_mask_is_a_lower_triangle(num_queries, num_keys, offset):
    received = numbers(causal_mask(num_queries, num_keys, offset=offset))
    assert received.dtype == bool
    np.testing.assert_array_equal(received, np.tri(num_queries, num_keys, offset, bool))


def test_padding_mask_lets_all_queries_see_the_tokens_and_only_them():
    received = numbers(padding_mask([[7, 4, 0], [0, 2, 2]]))
    np.testing.assert_array_equal(received, [[[True, True, False]], [[False, True, True]]])
    np.testing.assert_array_equal(numbers(padding_mask(np.array([[7, 4, 1]]), pad_id=1)), [[[True, True, False]]])


@pytest.mark.parametrize("leading", [(B,), (B, H)])
def test_padding_gets_no_weight_and_leaves_the_rest_as_if_it_were_not_there(leading):
    query, key, value = draw(*leading)
    mask = padding_mask(np.array([[3, 8, 5, 2, 9, 0, 0]] * B))
    mask = mask if len(leading) == 1 else mask[:, None]
    output, weights = attend(query, key, value, mask)
    np.testing.assert_array_equal(weights[..., 5:], 0)
    assert_same((output, weights[..., :5]), attend(query, key[..., :5, :], value[..., :5, :]))


@pytest.mark.parametrize("causal", [False, True])
def test_boolean_mask_equals_loops(causal):
    inputs = draw(B)
    allowed = ALLOWED & np.tri(T, S, dtype=bool) if causal else ALLOWED
    assert_same(attend(*inputs, ALLOWED, use_causal_mask=causal), attend_by_loops(*inputs, allowed))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
def test_a_bias_is_added_to_the_scores_and_forbids_where_it_is_minus_infinity(causal, dtype):
    inputs, bias = draw(B), np.where(ALLOWED, BIAS, -np.inf).astype(dtype)
    expected = attend_by_loops(*inputs, np.tri(T, S, dtype=bool) if causal else True, bias)
    assert_same(attend(*inputs, attention_bias=bias, use_causal_mask=causal), expected)


def test_a_bias_is_added_after_softcap():
    inputs = draw(B)
    assert_same(attend(*inputs, attention_bias=BIAS, softcap=0.7), attend_by_loops(*inputs, bias=BIAS, softcap=0.7))


def test_inverting_a_mask_is_not_the_same():
    inputs = draw(B)
    assert np.abs(attend(*inputs, ALLOWED)[1] - attend(*inputs, ~ALLOWED)[1]).max() > 0.1


@pytest.mark.parametrize(
    "shape", [(), (S,), (1, S), (T, 1), (T, S), (1, 1, S), (B, 1, 1, S), (1, H, T, 1), (B, H, T, S)]
)
def test_mask_broadcasts_as_numpy_does(shape):
    inputs, allowed = draw(B, H), np.asarray(rng.random(shape) > 0.3)
    assert_same(attend(*inputs, allowed), attend_by_loops(*inputs, allowed))
    bias = np.asarray(rng.normal(size=shape), "float32")
    assert_same(attend(*inputs, attention_bias=bias), attend_by_loops(*inputs, bias=bias))
    assert_same(attend(*inputs, allowed, attention_bias=bias), attend_by_loops(*inputs, allowed, bias))


def test_mask_of_a_grouped_call_counts_the_heads_of_query():
    inputs, allowed = draw(B, H, heads=3), rng.random((B, H, T, S)) > 0.3
    assert_same(attend(*inputs, allowed), attend_by_loops(*inputs, allowed))


def test_causal_queries_never_see_later_keys():
    query, key, value = draw(B)
    output, weights = attend(query, key, value, use_causal_mask=True)
    np.testing.assert_array_equal(weights * np.triu(np.ones((T, S)), 1), 0)
    key[:, 3:], value[:, 3:] = key[:, 3:] * -7, value[:, 3:] + 5
    changed = attend(query, key, value, use_causal_mask=True)[0]
    np.testing.assert_array_equal(changed[:, :3], output[:, :3])
    assert np.abs(changed[:, 3:] - output[:, 3:]).max(axis=(0, 2)).min() > 1e-3


FORBIDDING = {
    "mask": {"attention_mask": ALLOWED},
    "bias": {"attention_bias": np.where(ALLOWED, BIAS, -np.inf).astype("float32")},
    "both": {"attention_mask": ALLOWED | (BIAS > 0), "attention_bias": np.where(ALLOWED, BIAS, -np.inf)},
    "everything": {"attention_mask": np.zeros((), bool)},
    "every key": {"attention_mask": np.zeros((T, 1), bool)},
    "everything, by the bias": {"attention_bias": np.full((), -np.inf)},
}


@pytest.mark.parametrize("options", FORBIDDING.values(), ids=FORBIDDING)
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_query_that_may_attend_to_nothing_gets_zeros(options, dtype):
    inputs = [ops.cast(array, dtype) for array in draw(B)]
    output, weights = attend(*inputs, **options)
    assert np.isfinite(weights).all()
    np.testing.assert_array_equal(weights[:, 1], 0)
    np.testing.assert_array_equal(output[:, 1], 0)


@pytest.mark.parametrize("kind", ["mask", "bias"])
def test_gradients_through_masks_are_finite_and_zero_where_nothing_was_attended_to(kind):
    inputs, cotangent = draw(B), rng.normal(size=(B, T, VALUE_DIM)).astype("float32")
    allowed = ALLOWED.copy()
    allowed[:, :, 4] = False
    bias = np.where(allowed, 0, -np.inf).astype("float32")
    options = {"attention_mask": allowed} if kind == "mask" else {"attention_bias": bias}
    fixed = ops.convert_to_tensor(cotangent)
    received = runtime.gradients(
        lambda q, k, v: ops.sum(scaled_dot_product_attention(q, k, v, **options)[0] * fixed), *inputs
    )
    for got, want in zip(received, gradients_by_hand(*inputs, cotangent, allowed), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(received[0][:, 1], 0)
    np.testing.assert_array_equal(received[1][:, 4], 0)
    np.testing.assert_array_equal(received[2][:, 4], 0)


@contextlib.contextmanager
def stop_at_the_first_nan():
    """Ask the backend to raise where a NaN arises, also one that no result shows."""
    if keras.backend.backend() == "jax":
        import jax

        with jax.debug_nans(True):
            yield
    elif keras.backend.backend() == "torch":
        import torch

        with torch.autograd.detect_anomaly(check_nan=True):
            yield
    else:  # TensorFlow's own check stops at infinity too, which forbidden scores are
        yield


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
def test_rows_with_nothing_to_attend_to_make_no_nan_on_the_way():
    inputs = draw(B)
    with stop_at_the_first_nan():
        found = runtime.gradients(
            lambda q, k, v: ops.sum(ops.square(scaled_dot_product_attention(q, k, v, ALLOWED)[0])), *inputs
        )
    assert all(np.isfinite(part).all() for part in found)


def test_gradient_of_a_bias_is_zero_where_it_forbids():
    inputs, bias = draw(B), np.where(ALLOWED, BIAS, -np.inf).astype("float32")
    (slope,) = runtime.gradients(
        lambda b: ops.sum(ops.square(scaled_dot_product_attention(*inputs, attention_bias=b)[0])), bias
    )
    np.testing.assert_array_equal(slope[~ALLOWED], 0)
    assert np.abs(slope[ALLOWED]).min() > 0


def test_the_lowest_bias_discourages_but_does_not_forbid():
    query, key, value = draw(B)
    bias = np.zeros((S, S), "float32")
    bias[:, 0] = np.finfo("float32").min
    query = np.repeat(query, 2, axis=1)[:, :S]
    weights = attend(query, key, value, attention_bias=bias, use_causal_mask=True)[1]
    np.testing.assert_allclose(weights[:, 0, 0], 1, rtol=1e-6)  # the only key that query 0 may attend to
    np.testing.assert_array_equal(weights[:, 1:, 0], 0)
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-6)
    bias[2] = np.finfo("float32").min
    weights = attend(query, key, value, attention_bias=bias)[1]
    np.testing.assert_allclose(weights[:, 2], 1 / S, rtol=1e-6)


def test_scores_below_any_mask_value_still_count():
    query, key = np.array([[1.0]], "float32"), np.array([[-2e38], [-2e38], [3e38]], "float32")
    weights = attend(query, key, key, np.array([True, True, False]))[1]
    np.testing.assert_array_equal(weights, [[0.5, 0.5, 0.0]])


HIDDEN = 4  # the key that no query may attend to
HIDES = {
    "mask": {"attention_mask": np.arange(S) != HIDDEN},
    "mask of pairs": {"attention_mask": np.tile(np.arange(S) != HIDDEN, (T, 1))},
    "mask of integers": {"attention_mask": (np.arange(S) != HIDDEN).astype("int32")},
    "bias": {"attention_bias": np.where(np.arange(S) == HIDDEN, -np.inf, 0).astype("float32")},
    "bias of double precision": {"attention_bias": np.where(np.arange(S) == HIDDEN, -1e300, 0)},
    "bias and mask": {
        "attention_bias": np.where((np.arange(S) == HIDDEN) & (np.arange(T)[:, None] > 1), -np.inf, 0),
        "attention_mask": (np.arange(S) != HIDDEN) | (np.arange(T)[:, None] > 1),
    },
    "causal": {"use_causal_mask": True},
}
hides = pytest.mark.parametrize("options", HIDES.values(), ids=HIDES)


def hide(options):
    """Return inputs, and the place of the key that the options hide from every query."""
    query, key, value = draw(B)
    return (query[:, :4] if "use_causal_mask" in options else query, key, value), HIDDEN


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 3e38])
@hides
def test_a_key_that_no_query_may_attend_to_contributes_nothing_whatever_stands_in_it(options, number):
    (query, key, value), at = hide(options)
    expected = attend(query, key, value, **options)
    key[:, at], value[:, at] = number, number
    for got, want in zip(attend(query, key, value, **options), expected, strict=True):
        np.testing.assert_array_equal(got, want)
    softcapped = attend(query, key, value, softcap=5.0, **options)
    assert all(np.isfinite(part).all() for part in softcapped)


def test_what_stands_in_the_padding_of_one_text_stays_out_where_another_text_has_a_token_there():
    query, key, value = draw(B, H)
    allowed = np.ones((B, 1, 1, S), bool)
    for text in range(B):
        allowed[text, ..., S - 1 - text] = False
    expected = attend(query, key, value, allowed)
    key[~np.broadcast_to(allowed[:, :, 0], (B, H, S))] = np.nan
    value[~np.broadcast_to(allowed[:, :, 0], (B, H, S))] = np.nan
    for got, want in zip(attend(query, key, value, allowed), expected, strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("number", [np.nan, np.inf])
@hides
def test_gradients_are_finite_and_unmoved_by_what_stands_in_a_hidden_key(options, number):
    (query, key, value), at = hide(options)

    def slopes(*arrays):
        return runtime.gradients(
            lambda q, k, v: ops.sum(ops.square(scaled_dot_product_attention(q, k, v, **options)[0])), *arrays
        )

    expected = slopes(query, key, value)
    key[:, at], value[:, at] = number, number
    for got, want in zip(slopes(query, key, value), expected, strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("options", [{"attention_mask": ALLOWED}, {"attention_bias": np.where(ALLOWED, 0, -np.inf)}])
def test_a_query_that_may_attend_to_nothing_moves_no_gradient_whatever_stands_in_it(options):
    query, key, value = draw(B)  # ALLOWED forbids everything to query 1

    def slopes(*arrays):
        return runtime.gradients(
            lambda q, k, v: ops.sum(ops.square(scaled_dot_product_attention(q, k, v, **options)[0])), *arrays
        )

    expected = slopes(query, key, value)
    query[:, 1] = np.nan
    for got, want in zip(slopes(query, key, value), expected, strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_minus_infinity_forbids_a_key_that_others_may_attend_to_whatever_its_score(number):
    query, key, value = draw(B)
    allowed = np.ones((T, S), bool)
    allowed[1:, 4] = False
    key[:, 4] = number
    by_mask = attend(query, key, value, allowed)[1]
    by_bias = attend(query, key, value, attention_bias=np.where(allowed, 0, -np.inf).astype("float32"))[1]
    for weights in (by_mask, by_bias):
        assert np.isfinite(weights[:, 1:]).all()
        np.testing.assert_array_equal(weights[:, 1:, 4], 0)
    np.testing.assert_allclose(by_bias[:, 1:], by_mask[:, 1:], atol=1e-6)


@pytest.mark.parametrize(
    "options", [{}, {"attention_mask": np.ones(S, bool)}, {"attention_bias": np.zeros(S)}], ids=str
)
def test_what_is_not_a_number_shows_where_it_may_be_attended_to(options):
    query, key, value = draw(B)
    key[0, 2, 0] = np.nan
    weights = attend(query, key, value, **options)[1]
    assert np.isnan(weights[0, :, 2]).all()
    assert np.isfinite(weights[1]).all()


def test_score_and_bias_that_leave_the_range_together_still_do_not_forbid():
    query, key = np.ones((1, 1), "float32"), np.full((2, 1), -1e38, "float32")
    bias = np.full(2, np.finfo("float32").min)
    np.testing.assert_array_equal(attend(query, key, key, attention_bias=bias)[1], [[0.5, 0.5]])


@pytest.mark.parametrize("stored", [H, 3])
def test_weights_alone_are_those_of_attention(stored):
    query, key, value = draw(B, H, heads=stored)
    options = {"attention_bias": BIAS[:, None], "use_causal_mask": True, "scale": 0.7, "softcap": 2.0}
    weights = attention_weights(query, key, ALLOWED[:, None], **options)
    np.testing.assert_array_equal(numbers(weights), attend(query, key, value, ALLOWED[:, None], **options)[1])


@pytest.mark.parametrize("causal", [False, True])
def test_a_single_masked_key_gives_zeros(causal):
    query, key, value = draw(B)
    mask = np.array([[[True]], [[False]]])
    weights = attend(query, key[:, :1], value[:, :1], mask, use_causal_mask=causal)[1]
    np.testing.assert_array_equal(weights, np.repeat(mask, T, axis=1))
