"""The blocks as Keras layers: saving, symbolic models, implicit masks, training, and what they refuse."""

import json

import keras
import numpy as np
import pytest

from tests.support.naive_blocks import D_MODEL, WIDE, B, H, S, T, built, draw_tokens, numbers
from utils.layers.blocks import DecoderLayer, EncoderLayer, FeedForward

CHANGES = [
    {},
    {"norm_first": True, "activation": "gelu_tanh", "dropout": 0.0},
    {"epsilon": 1e-12, "attention_dropout": 0.2},
]


@pytest.mark.parametrize("kind", [EncoderLayer, DecoderLayer])
@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_configuration_makes_the_same_layer_again(kind, changes):
    layer = kind(H, WIDE, **changes)
    config = json.loads(json.dumps(layer.get_config()))
    assert {name: config[name] for name in changes} == changes
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is kind
    assert again.get_config() == layer.get_config()


def small_model(**changes):
    source, target = (keras.Input((None,), dtype="int32") for _ in range(2))
    table = keras.layers.Embedding(9, D_MODEL)
    memory = EncoderLayer(H, WIDE, **changes)(table(source), attention_mask=keras.ops.not_equal(source, 0)[:, None])
    return keras.Model([source, target], DecoderLayer(H, WIDE, **changes)(FeedForward(WIDE)(table(target)), memory))


@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_saved_model_computes_the_same(changes, tmp_path):
    model, rng = small_model(**changes), np.random.default_rng(0)
    ids = [rng.integers(0, 9, (B, length)) for length in (S, T)]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(numbers(loaded(ids)), numbers(model(ids)))
    assert model.output_shape == (None, None, D_MODEL)


def test_the_mask_of_an_embedding_hides_its_padding():
    ids = np.array([[3, 4, 5, 0], [1, 2, 0, 0]])
    table, layer = keras.layers.Embedding(9, D_MODEL, mask_zero=True), EncoderLayer(H, WIDE)
    found = numbers(layer(table(ids)))
    vectors = numbers(table(ids))
    real = ids > 0
    np.testing.assert_allclose(found[real], numbers(layer(vectors, attention_mask=real[:, None]))[real], atol=1e-5)
    assert np.abs(found[real] - numbers(layer(vectors))[real]).max() > 1e-3


@pytest.mark.slow
def test_layers_learn_to_copy_what_the_source_holds():
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    source, target = rng.normal(size=(96, S, 8)).astype("float32"), np.ones((96, T, 8), "float32")
    inputs = [keras.Input((S, 8)), keras.Input((T, 8))]
    model = keras.Model(inputs, DecoderLayer(2, 16, norm_first=True, dropout=0.0)(inputs[1], inputs[0]))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    wanted = np.repeat(source.mean(1, keepdims=True), T, axis=1)
    before = model.evaluate([source, target], wanted, verbose=0)
    model.fit([source, target], wanted, epochs=25, batch_size=32, verbose=0)
    assert model.evaluate([source, target], wanted, verbose=0) < 0.2 * before


REFUSED = {
    "num_heads": ({"num_heads": 0}, "argument `num_heads` must be a positive integer; got 0"),
    "intermediate_dim": ({"intermediate_dim": 2.5}, "argument `intermediate_dim` must be a positive integer; got 2.5"),
    "dropout": ({"dropout": 1.5}, "argument `dropout` must be a number from 0 to 1; got 1.5"),
    "attention_dropout": (
        {"attention_dropout": -1},
        "argument `attention_dropout` must be a number from 0 to 1; got -1",
    ),
    "epsilon": ({"epsilon": 0}, "argument `epsilon` must be positive and finite; got 0"),
    "activation": ({"activation": "gleu"}, 'such as "relu" or "gelu", or "gelu_tanh"; received \'gleu\''),
}


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("kind", [EncoderLayer, DecoderLayer])
def test_arguments_out_of_range_are_named(kind, changes, message):
    with pytest.raises(ValueError, match=message):
        kind(**({"num_heads": H, "intermediate_dim": WIDE} | changes))


def test_feed_forward_names_what_it_refuses():
    with pytest.raises(ValueError, match="argument `intermediate_dim` must be a positive integer; got -1"):
        FeedForward(-1)
    with pytest.raises(ValueError, match=r"name of a Keras activation, .* received 'gleu'"):
        FeedForward(3, "gleu")


@pytest.mark.parametrize("kind", [EncoderLayer, DecoderLayer])
def test_a_width_that_heads_cannot_share_is_named_with_the_nearest_that_fits(kind):
    x, memory = draw_tokens(T, S)
    given = (x,) if kind is EncoderLayer else (x, memory)
    with pytest.raises(
        ValueError,
        match=r"expected d_model to be a multiple of num_heads=4, .* d_model=14. The nearest that fits is 1[26]",
    ):
        kind(4, WIDE)(*given)


def test_inputs_that_are_no_vectors_of_tokens_are_named():
    with pytest.raises(ValueError, match=r"expected inputs of shape \(batch, length, d_model\) .* \(2, 14\)"):
        EncoderLayer(H, WIDE)(np.ones((2, 14), "float32"))
    with pytest.raises(ValueError, match=r"expected memory of shape \(batch, length, d_model\) .* \(2, 14\)"):
        DecoderLayer(H, WIDE)(np.ones((2, 3, 14), "float32"), np.ones((2, 14), "float32"))
    x, memory = draw_tokens(T, S)
    layer = built(DecoderLayer(H, WIDE), x, memory)
    with pytest.raises(ValueError, match="expected value to have a batch of 2, as query has"):
        layer(x, memory[:1])
    with pytest.raises(ValueError, match="expected attention_mask to broadcast to shape"):
        layer(x, memory, memory_mask=np.ones((B, T), bool))


def test_an_empty_batch_gives_an_empty_batch():
    x, memory = draw_tokens(T, S)
    layer = built(DecoderLayer(H, WIDE), x, memory)
    assert tuple(layer(x[:0], memory[:0]).shape) == (0, T, D_MODEL)
