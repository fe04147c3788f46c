"""The normalisation inside our layers beside PyTorch's stored values, and gradients of weights on any backend."""

import keras
import numpy as np
import pytest
from keras import ops

from tools.reference import write as reference
from utils.gradients import gradient_norms, weight_gradients
from utils.layers.blocks import EncoderLayer
from utils.reference import reference_cases

STORED = reference_cases(reference.FOLDER / "layer-norm.npz")


def norm_of(case):
    layer = EncoderLayer(num_heads=1, intermediate_dim=4)
    layer.build((None, None, case["x"].shape[1]))
    layer.attention_norm.set_weights([case["weight"], case["bias"]])
    return layer.attention_norm


@pytest.mark.parametrize("name", STORED)
def test_output_and_gradients_equal_those_of_torch(name):
    case = STORED[name]
    norm = norm_of(case)
    np.testing.assert_allclose(ops.convert_to_numpy(norm(case["x"])), case["output"], rtol=1e-4, atol=1e-4)
    found = weight_gradients(norm, lambda call, x: ops.sum(ops.multiply(call(x), case["cotangent"])), case["x"])
    for slope, key in zip(found, ("grad_x", "grad_weight", "grad_bias"), strict=True):
        limit = 1e-4 * max(1, np.abs(case[key]).max())
        np.testing.assert_allclose(slope, case[key], rtol=1e-4, atol=limit, err_msg=key)


def test_small_vectors_tell_where_epsilon_stands():
    case = STORED["small"]
    centred = case["x"] - case["x"].mean(-1, keepdims=True)
    outside = case["weight"] * centred / (case["x"].std(-1, keepdims=True) + 1e-5) + case["bias"]
    assert np.abs(outside - case["output"]).max() > 0.1


def test_weight_gradients_come_in_the_order_of_inputs_then_weights():
    """By hand: the loss is sum(x W + b), so its slopes are W summed, x summed, and the number of rows."""
    dense = keras.layers.Dense(3)
    dense.build((None, 2))
    x = np.array([[1.0, 2.0], [3.0, 5.0]], "float32")
    by_x, by_kernel, by_bias = weight_gradients(dense, lambda call, x: ops.sum(call(x)), x)
    kernel = dense.get_weights()[0]
    np.testing.assert_allclose(by_x, np.tile(kernel.sum(1), (2, 1)), rtol=1e-5)
    np.testing.assert_allclose(by_kernel, np.tile([[4.0], [7.0]], (1, 3)), rtol=1e-6)
    np.testing.assert_allclose(by_bias, [2, 2, 2])


def test_weights_keep_their_values():
    norm = norm_of(STORED["usual"])
    before = norm.get_weights()
    weight_gradients(norm, lambda call: ops.sum(call(STORED["usual"]["x"])))
    for one, other in zip(before, norm.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_gradient_norms_are_those_of_the_weights_whose_paths_end_so():
    model = keras.Sequential([keras.layers.Dense(3, name="wide"), keras.layers.Dense(2, name="narrow")])
    x = np.array([[1.0, 2.0], [3.0, 5.0]], "float32")
    model.build(x.shape)

    def loss(call):
        return ops.sum(ops.square(call(x)))

    of_wide, of_wide_bias, of_narrow, _ = (np.linalg.norm(slope) for slope in weight_gradients(model, loss))
    np.testing.assert_allclose(gradient_norms(model, loss, "kernel"), [of_wide, of_narrow], rtol=1e-6)
    np.testing.assert_allclose(gradient_norms(model, loss, "wide/bias"), [of_wide_bias], rtol=1e-6)
    with pytest.raises(ValueError, match=f"path ends with 'kernels'; found none in {model.name}"):
        gradient_norms(model, loss, "kernels")
