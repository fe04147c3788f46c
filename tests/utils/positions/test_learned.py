"""LearnedPositions as a Keras layer: what it adds, saving, models of unknown length, masks, training."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from tests.support.naive_positions import numbers
from utils.layers import MultiHeadAttention
from utils.positions import LearnedPositions

B, T, LONGEST, WIDTH = 2, 3, 7, 5


def build(**changes):
    layer = LearnedPositions(**({"max_length": LONGEST, "d_model": WIDTH} | changes))
    layer.build((None, None, WIDTH))
    layer.set_weights([np.random.default_rng(1).normal(size=(LONGEST, WIDTH))])
    return layer


TOKENS = np.random.default_rng(0).normal(size=(B, T, WIDTH)).astype("float32")


@pytest.mark.parametrize("offset", [0, 2, 4])
def test_each_token_gets_the_row_of_its_position(offset):
    layer = build()
    (table,) = layer.get_weights()
    expected = TOKENS + table[offset : offset + T]
    np.testing.assert_allclose(numbers(layer(TOKENS, offset=offset)), expected, rtol=1e-6)
    np.testing.assert_allclose(numbers(layer(TOKENS, offset=ops.convert_to_tensor(offset))), expected, rtol=1e-6)


def test_table_has_a_row_for_each_position_and_starts_small():
    layer = LearnedPositions(max_length=500, d_model=64)
    layer.build((None, None, 64))
    (table,) = layer.get_weights()
    assert table.shape == (500, 64)
    assert layer.weights[0].path.endswith("/embeddings")
    assert 0.015 < table.std() < 0.02  # two standard deviations of 0.02 are where it is cut
    assert np.abs(np.corrcoef(table) - np.eye(500)).max() < 0.8  # no two rows alike


def test_shuffled_tokens_are_told_apart_once_positions_are_learned():
    layer, attention = build(), MultiHeadAttention(1, 3)
    order = np.array([2, 0, 1])
    plain, shuffled = (numbers(attention(rows, rows)) for rows in (TOKENS, TOKENS[:, order]))
    np.testing.assert_allclose(shuffled, plain[:, order], atol=1e-6)
    plain, shuffled = (numbers(attention(layer(rows), layer(rows))) for rows in (TOKENS, TOKENS[:, order]))
    assert np.abs(shuffled - plain[:, order]).max() > 0.01


def test_configuration_makes_the_same_layer_again():
    layer = build(name="places")
    config = json.loads(json.dumps(layer.get_config()))
    assert {name: config[name] for name in ("max_length", "d_model", "name")} == {
        "max_length": LONGEST,
        "d_model": WIDTH,
        "name": "places",
    }
    assert LearnedPositions.from_config(config).get_config() == layer.get_config()


def model_of_unknown_length():
    ids = keras.Input((None,), dtype="int32")
    tokens = keras.layers.Embedding(9, WIDTH, mask_zero=True)(ids)
    return keras.Model(ids, build()(tokens))


def test_saved_model_of_unknown_length_computes_the_same(tmp_path):
    model, ids = model_of_unknown_length(), np.array([[1, 2, 3, 4], [5, 6, 0, 0]])
    expected = numbers(model(ids))
    assert model.output_shape == (None, None, WIDTH)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(numbers(again(ids)), expected)
    np.testing.assert_allclose(again.predict(ids, verbose=0), expected, atol=1e-6)


def test_mask_of_the_tokens_goes_on():
    model = model_of_unknown_length()
    np.testing.assert_array_equal(numbers(model(np.array([[1, 2, 0]]))._keras_mask), [[True, True, False]])


@pytest.mark.parametrize("length", [LONGEST + 1, LONGEST + 3])
def test_compiled_model_refuses_a_longer_sequence_too(length):
    model = model_of_unknown_length()
    assert model.predict(np.ones((2, LONGEST), "int32"), verbose=0).shape == (2, LONGEST, WIDTH)
    with pytest.raises(Exception, match=r"max_length=7|[Ss]lice|size\[0\]"):
        model.predict(np.ones((2, length), "int32"), verbose=0)


def test_a_model_cannot_be_built_for_longer_sequences():
    tokens = keras.Input((LONGEST + 1, WIDTH))
    with pytest.raises(ValueError, match="expected at most max_length=7 positions"):
        build()(tokens)


def test_mixed_precision_computes_in_half_and_keeps_the_table_whole():
    layer = build(dtype="mixed_float16")
    found = layer(TOKENS)
    assert keras.backend.standardize_dtype(found.dtype) == "float16"
    assert keras.backend.standardize_dtype(layer.embeddings.dtype) == "float32"
    np.testing.assert_allclose(numbers(found), TOKENS + layer.get_weights()[0][:T], atol=0.01)


def test_only_rows_of_positions_that_occur_are_trained():
    layer = build()
    before = layer.get_weights()[0]
    model = keras.Sequential([keras.Input((T, WIDTH)), layer])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(TOKENS, np.zeros_like(TOKENS), epochs=2, verbose=0)
    moved = np.abs(layer.get_weights()[0] - before).max(axis=1) > 0
    np.testing.assert_array_equal(moved, [True] * T + [False] * (LONGEST - T))


def test_offset_may_be_known_to_a_compiled_program_alone():
    layer = build()

    class Later(keras.layers.Layer):
        def call(self, tokens, places):
            return layer(tokens, offset=ops.cast(ops.max(places), "int32"))

    tokens, places = keras.Input((T, WIDTH)), keras.Input((1,), dtype="int32")
    model = keras.Model([tokens, places], Later()(tokens, places))
    found = model.predict([TOKENS, np.array([[4], [1]])], verbose=0)
    np.testing.assert_allclose(found, TOKENS + layer.get_weights()[0][4:], rtol=1e-6)
