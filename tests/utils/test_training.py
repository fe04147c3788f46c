"""Targets moved by one place; loss and accuracy that padding does not touch."""

import functools

import keras
import numpy as np
import pytest
from keras import ops

from utils.training import masked_accuracy, masked_loss, shift_right

B, T, V = 3, 5, 7


def draw(seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(1, V, (B, T)) * (np.arange(T) < np.array([[5], [3], [1]]))
    return labels, 2 * rng.normal(size=(B, T, V)).astype("float32")


def test_loss_and_accuracy_by_hand():
    labels = [[1, 2, 0]]
    logits = np.log(np.array([[[1, 3, 4], [5, 2, 1], [1, 1, 98]]], "float32"))
    assert float(masked_loss(labels, logits)) == pytest.approx(-(np.log(3 / 8) + np.log(1 / 8)) / 2, rel=1e-6)
    assert float(masked_accuracy(labels, logits)) == 0
    assert float(masked_accuracy([[2, 0, 1]], logits)) == pytest.approx(1 / 2)
    assert float(masked_accuracy([[2, 0, 1]], logits, pad_id=1)) == pytest.approx(1)


@pytest.mark.parametrize("pad_id", [0, 3])
def test_loss_equals_that_of_keras_which_ignores_a_class(pad_id):
    labels, logits = draw()
    expected = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=pad_id)(labels, logits)
    np.testing.assert_allclose(float(masked_loss(labels, logits, pad_id)), float(expected), rtol=1e-6)


def test_scores_at_padding_change_nothing_and_those_elsewhere_do():
    labels, logits = draw()
    other = np.where((labels == 0)[..., None], -9 * logits, logits)
    for measure in (masked_loss, masked_accuracy):
        assert float(measure(labels, other)) == float(measure(labels, logits))
    assert abs(float(masked_loss(labels, -logits)) - float(masked_loss(labels, logits))) > 0.1
    assert float(masked_accuracy(labels, 20 * np.eye(V, dtype="float32")[labels])) == 1


def test_nothing_but_padding_gives_0_and_not_nan():
    _, logits = draw()
    nothing = np.zeros((B, T), "int64")
    assert float(masked_loss(nothing, logits)) == 0 == float(masked_accuracy(nothing, logits))


def test_half_precision_is_summed_in_float32():
    labels, logits = np.ones((40, 300), "int64"), np.zeros((40, 300, 2), "float16")
    loss = masked_loss(labels, logits)
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    assert float(loss) == pytest.approx(np.log(2), rel=1e-5)


def test_a_target_is_moved_behind_its_start():
    labels, _ = draw()
    moved = ops.convert_to_numpy(shift_right(labels, start_id=6))
    np.testing.assert_array_equal(moved[:, 0], 6)
    np.testing.assert_array_equal(moved[:, 1:], labels[:, :-1])


def test_shapes_that_disagree_are_named():
    labels, logits = draw()
    for measure in (masked_loss, masked_accuracy):
        with pytest.raises(ValueError, match=r"labels of shape \(3, 5\), one for each row of logits; .* \(3, 4\)"):
            measure(labels[:, :4], logits)
    with pytest.raises(ValueError, match=r"expected labels of shape \(batch, length\); received shape \(5,\)"):
        shift_right(labels[0], 1)


def test_both_serve_in_compile():
    rng = np.random.default_rng(1)
    labels, features = rng.integers(1, 4, (64, T)), rng.normal(size=(64, T, 1)).astype("float32")
    features = features * 0.1 + labels[..., None]
    labels = labels * (np.arange(T) < 3)  # the rest is padding
    inputs = keras.Input((T, 1))
    model = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Dense(16, "relu")(inputs)))
    model.compile(keras.optimizers.Adam(0.03), loss=masked_loss, metrics=[functools.partial(masked_accuracy, pad_id=0)])
    before = model.evaluate(features, labels, batch_size=64, verbose=0)[0]
    model.fit(features, labels, epochs=10, batch_size=64, verbose=0)
    loss, accuracy = model.evaluate(features, labels, batch_size=64, verbose=0)
    np.testing.assert_allclose(loss, float(masked_loss(labels, model(features))), rtol=1e-4)
    np.testing.assert_allclose(accuracy, float(masked_accuracy(labels, model(features))), rtol=1e-5)
    assert loss < 0.8 * before
