"""Random kernels: their variance, what they leave alone, the same numbers from the same generator."""

import keras
import numpy as np
import pytest

from utils.layers.blocks import EncoderLayer
from utils.layers.random_kernels import draw_kernels


def test_kernels_have_glorots_variance_and_nothing_else_changes():
    layer = EncoderLayer(4, 256)
    layer.build((None, None, 64))
    before = {weight.path: keras.ops.convert_to_numpy(weight) for weight in layer.weights}
    assert draw_kernels(layer, np.random.default_rng(0)) is layer
    for weight in layer.weights:
        found = keras.ops.convert_to_numpy(weight)
        if weight.name != "kernel":
            np.testing.assert_array_equal(found, before[weight.path])
            continue
        expected = 2 / (64 + 256) if "feed_forward" in weight.path else 2 / (64 + 64)
        assert found.var() == pytest.approx(expected, rel=0.1)


def test_one_generator_gives_the_same_numbers_again():
    made = []
    for seed in (3, 3, 4):
        dense = keras.layers.Dense(5)
        dense.build((None, 7))
        made.append(draw_kernels(dense, np.random.default_rng(seed)).get_weights()[0])
    np.testing.assert_array_equal(made[0], made[1])
    assert np.abs(made[0] - made[2]).max() > 0.1


def test_a_layer_that_is_not_built_is_named():
    with pytest.raises(ValueError, match="expected a built layer with kernels; unbuilt has none: build it"):
        draw_kernels(keras.layers.Dense(5, name="unbuilt"), np.random.default_rng(0))
