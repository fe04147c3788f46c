"""Number types, extreme numbers, empty axes, compiled functions and models whose lengths are not known yet."""

import warnings

import keras
import numpy as np
import pytest
from keras import ops

from tests.support.naive_attention import (
    KEY_DIM,
    VALUE_DIM,
    B,
    H,
    S,
    T,
    assert_same,
    attend,
    attend_by_loops,
    draw,
    numbers,
)
from utils.attention import causal_mask, scaled_dot_product_attention

BACKEND = keras.backend.backend()


@pytest.mark.parametrize("score", [1e4, 1e30])
def test_very_large_scores_neither_overflow_nor_disturb_ties(score):
    query, key = np.array([[1.0]], "float32"), np.array([[score], [score], [-score]], "float32")
    output, weights = attend(query, key, np.array([[2.0], [4.0], [9.0]], "float32"))
    np.testing.assert_allclose(weights, [[0.5, 0.5, 0.0]])
    np.testing.assert_allclose(output, [[3.0]])


@pytest.mark.parametrize(("dtype", "unit"), [("float16", 2**-11), ("bfloat16", 2**-8)])
@pytest.mark.parametrize("softcap", [None, 5e4])
def test_half_precision_survives_scores_that_overflow_it(dtype, unit, softcap):
    rng = np.random.default_rng(4)
    inputs = [40 + rng.normal(size=shape) for shape in ((T, 64), (S, 64), (S, VALUE_DIM))]
    inputs = [ops.cast(array.astype("float32"), dtype) for array in inputs]
    rounded = [numbers(ops.cast(array, "float32")) for array in inputs]
    if dtype == "float16":
        assert (rounded[0] @ rounded[1].T).max() > np.finfo("float16").max
    output, weights = scaled_dot_product_attention(*inputs, softcap=softcap)
    assert {keras.backend.standardize_dtype(part.dtype) for part in (output, weights)} == {dtype}
    received = attend(*inputs, softcap=softcap)
    expected = attend_by_loops(*rounded, softcap=softcap)
    np.testing.assert_allclose(received[1], expected[1], rtol=4 * unit, atol=unit)
    np.testing.assert_allclose(received[0], expected[0], rtol=8 * unit)
    np.testing.assert_allclose(received[1].astype("float64").sum(-1), 1, atol=2 * unit)


def test_float64_is_kept_but_on_jax_which_has_none_by_default():
    inputs = draw(B, dtype="float64")
    output, weights = scaled_dot_product_attention(*inputs, use_causal_mask=True)
    kept = BACKEND != "jax"
    assert keras.backend.standardize_dtype(output.dtype) == ("float64" if kept else "float32")
    expected = attend_by_loops(*inputs, numbers(causal_mask(T, S)))
    assert_same((numbers(output), numbers(weights)), expected, tolerance=1e-13 if kept else 1e-5)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_scale_of_another_type_is_converted(dtype):
    inputs = draw(B, dtype=dtype)
    scale = ops.convert_to_tensor(0.5, "float32")
    assert_same(attend(*inputs, scale=scale), attend_by_loops(*inputs, scale=0.5), tolerance=5e-3)


@pytest.mark.parametrize("types", [("float16", "float32", "float16"), ("float16", "bfloat16", "bfloat16")])
def test_mixed_types_meet_in_float32(types):
    inputs = [ops.cast(array, dtype) for array, dtype in zip(draw(B), types, strict=True)]
    output, weights = scaled_dot_product_attention(*inputs)
    assert {keras.backend.standardize_dtype(part.dtype) for part in (output, weights)} == {"float32"}
    assert_same(
        (numbers(output), numbers(weights)), attend_by_loops(*(numbers(ops.cast(i, "float32")) for i in inputs))
    )


def test_lists_of_floats_are_arrays_too():
    inputs = [array.tolist() for array in draw(B)]
    assert_same(attend(*inputs), attend_by_loops(*inputs))


def test_a_single_key_gets_weight_one_without_a_warning():
    query, key, value = draw(B)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        output, weights = scaled_dot_product_attention(query, key[:, :1], value[:, :1])
    np.testing.assert_array_equal(numbers(weights), np.ones((B, T, 1)))
    np.testing.assert_allclose(numbers(output), np.repeat(value[:, :1], T, axis=1))


@pytest.mark.parametrize("causal", [False, True])
def test_no_queries_and_no_batch_give_empty_results(causal):
    query, key, value = draw(B)
    assert attend(query[:, :0], key, value, use_causal_mask=causal)[0].shape == (B, 0, VALUE_DIM)
    assert attend(query[:0], key[:0], value[:0], use_causal_mask=causal)[1].shape == (0, T, S)


def compiled(function, *examples):
    """Compile for the backend at hand; TensorFlow and PyTorch are not told the sizes of leading axes."""
    if BACKEND == "jax":
        import jax

        return jax.jit(function)
    if BACKEND == "torch":
        import torch

        return torch.compile(function, backend="eager", dynamic=True)
    import tensorflow as tf

    signature = [tf.TensorSpec([None] * (array.ndim - 1) + [array.shape[-1]], array.dtype) for array in examples]
    return tf.function(function, input_signature=signature)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("leading", [(B,), (B, H)])
def test_compiled_with_unknown_sizes_equals_eager(leading, causal):
    inputs, mask = draw(*leading), np.random.default_rng(1).random((B, *(1,) * (len(leading) - 1), T, S)) > 0.6

    def run(query, key, value, mask):
        return scaled_dot_product_attention(query, key, value, mask, use_causal_mask=causal)

    tensors = [ops.convert_to_tensor(array) for array in (*inputs, mask)]
    allowed = mask & numbers(causal_mask(T, S)) if causal else mask
    received = compiled(run, *inputs, mask)(*tensors)
    assert_same([numbers(part) for part in received], attend_by_loops(*inputs, allowed))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_functional_model_takes_lengths_that_were_unknown_when_it_was_built(causal, masked):
    sizes = ((None, KEY_DIM), (None, KEY_DIM), (None, VALUE_DIM))
    symbols = [*(keras.Input(size) for size in sizes), keras.Input((None, None), dtype="bool")]
    mask = symbols[3] if masked else None
    outputs = scaled_dot_product_attention(*symbols[:3], mask, use_causal_mask=causal, scale=0.3)
    assert [part.shape for part in outputs] == [(None, None, VALUE_DIM), (None, None, None)]
    inputs, allowed = draw(B), np.random.default_rng(1).random((B, T, S)) > 0.4
    received = [numbers(part) for part in keras.Model(symbols, outputs)([*inputs, allowed])]
    expected = np.ones((T, S), bool) if not masked else allowed
    expected = np.tril(expected) if causal else expected
    assert_same(received, attend_by_loops(*inputs, expected, scale=0.3))
