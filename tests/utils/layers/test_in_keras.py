"""MultiHeadAttention as a Keras layer: names, saving, symbolic models, precision policies, dropout, training."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from tests.support.naive_heads import KEY_DIM, SIZES, VALUE_DIM, B, G, H, S, T, assert_same, build, draw, numbers, run
from utils.layers import MultiHeadAttention

ARGUMENTS = [{}, {"use_bias": False, "value_dim": None}, {"output_shape": (3, 4), "dropout": 0.3}, {"output_shape": 9}]


@pytest.mark.parametrize("changes", ARGUMENTS, ids=str)
def test_weights_have_the_names_and_shapes_of_keras_layer_and_move_both_ways(changes):
    inputs = draw()
    ours = build(inputs, name="attention", **changes)
    theirs = build(inputs, keras.layers.MultiHeadAttention, name="attention", **changes)
    assert [weight.path for weight in ours.weights] == [weight.path for weight in theirs.weights]
    assert [tuple(weight.shape) for weight in ours.weights] == [tuple(weight.shape) for weight in theirs.weights]
    theirs.set_weights(ours.get_weights())
    assert_same(run(theirs, *inputs), run(ours, *inputs))
    build_again = build(inputs, name="attention", **changes)
    build_again.set_weights(theirs.get_weights())
    assert_same(run(build_again, *inputs), run(theirs, *inputs))


def test_layers_are_named_as_keras_names_them():
    keras.backend.clear_session()
    theirs, ours = keras.layers.MultiHeadAttention(2, 3), MultiHeadAttention(2, 3)
    assert (theirs.name, ours.name) == ("multi_head_attention", "multi_head_attention_1")


def test_initial_weights_are_spread_as_in_keras_layer():
    keras.utils.set_random_seed(3)
    shape = (1, 2, 96)
    layers = [kind(12, 64) for kind in (MultiHeadAttention, keras.layers.MultiHeadAttention)]
    for layer in layers:
        layer.build(shape, shape)
    for ours, theirs in zip(*(layer.get_weights() for layer in layers), strict=True):
        np.testing.assert_allclose(ours.std(), theirs.std(), rtol=0.02)
        np.testing.assert_allclose(np.abs(ours).max(), np.abs(theirs).max(), rtol=0.01)
    assert len({array.tobytes() for array in layers[0].get_weights() if array.std()}) == 4


@pytest.mark.parametrize(
    ("changes", "stored"),
    [
        ({}, {"num_heads": H, "key_dim": KEY_DIM, "value_dim": VALUE_DIM, "dropout": 0.0, "use_bias": True}),
        ({"value_dim": None, "use_bias": False}, {"value_dim": KEY_DIM, "use_bias": False, "output_shape": None}),
        ({"output_shape": (3, 4), "dropout": 0.3}, {"output_shape": [3, 4], "dropout": 0.3, "num_kv_heads": H}),
        ({"output_shape": 9, "num_kv_heads": G}, {"output_shape": [9], "num_kv_heads": G}),
        ({"name": "mine", "trainable": False}, {"name": "mine", "trainable": False}),
    ],
)
def test_configuration_makes_the_same_layer_again(changes, stored):
    layer = MultiHeadAttention(**(SIZES | changes))
    config = json.loads(json.dumps(layer.get_config()))
    assert {name: config[name] for name in stored} == stored
    assert MultiHeadAttention.from_config(config).get_config() == layer.get_config()
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is MultiHeadAttention
    assert again.get_config() == layer.get_config()


def small_model(layer_class=MultiHeadAttention, **changes):
    ids = keras.Input((None,), dtype="int32")
    vectors = keras.layers.Embedding(9, 8, mask_zero=True)(ids)
    layer = layer_class(4, 3, name="attention", **changes)
    output, weights = layer(vectors, vectors, return_attention_scores=True, use_causal_mask=True)
    return keras.Model(ids, [output, weights])


IDS = np.array([[3, 4, 5, 0], [1, 2, 0, 0]])


@pytest.mark.parametrize("changes", [{}, {"num_kv_heads": 2, "output_shape": (2, 5)}, {"dropout": 0.5}], ids=str)
def test_saved_model_computes_the_same(changes, tmp_path):
    model = small_model(**changes)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.get_layer("attention")) is MultiHeadAttention
    assert_same([numbers(part) for part in loaded(IDS)], [numbers(part) for part in model(IDS)], tolerance=1e-6)


@pytest.mark.parametrize("changes", [{}, {"dropout": 0.5}], ids=str)
def test_weight_files_move_between_our_layer_and_keras_layer(changes, tmp_path):
    ours, theirs = small_model(**changes), small_model(keras.layers.MultiHeadAttention, **changes)
    for source, target in ((ours, theirs), (theirs, small_model(**changes))):
        source.save_weights(tmp_path / "model.weights.h5")
        target.load_weights(tmp_path / "model.weights.h5")
        real = IDS > 0
        for got, want in zip(target(IDS), source(IDS), strict=True):
            got, want = numbers(got), numbers(want)
            got, want = (a[real] if a.ndim == 3 else a.swapaxes(1, 2)[real] for a in (got, want))
            np.testing.assert_allclose(got, want, atol=1e-6)


@pytest.mark.parametrize("shapes", [((None, None), (None, None)), ((B, T), (B, S)), ((None, T), (None, None))], ids=str)
@pytest.mark.parametrize("changes", [*ARGUMENTS, {"num_kv_heads": G}], ids=str)
def test_symbolic_shapes_are_those_of_the_results(shapes, changes):
    inputs = draw()
    sizes = [*shapes, shapes[1]]
    symbols = [keras.Input(batch_shape=(*size, array.shape[-1])) for size, array in zip(sizes, inputs, strict=True)]
    layer = MultiHeadAttention(**(SIZES | changes))
    output, weights = layer(*symbols, return_attention_scores=True)
    row = {None: (13,), 9: (9,)}.get(changes.get("output_shape"), (3, 4))
    assert output.shape == (*shapes[0], *row)
    assert weights.shape == (shapes[0][0], H, shapes[0][1], shapes[1][1])
    assert layer(*symbols).shape == output.shape == layer.compute_output_shape(*(s.shape for s in symbols))
    received = keras.Model(symbols, [output, weights])(inputs)
    assert_same([numbers(part) for part in received], run(layer, *inputs))
    assert received[0].shape == (B, T, *row)


def test_symbolic_masks_may_stand_at_their_places():
    query, value, key = (keras.Input((None, array.shape[-1])) for array in draw())
    masks = [keras.Input((None,), dtype="bool") for _ in range(3)]
    pairs = keras.Input((None, None), dtype="bool")
    layer = MultiHeadAttention(**SIZES)
    outputs = layer(query, value, key, *masks, pairs, return_attention_scores=True)
    rng, inputs = np.random.default_rng(5), draw()
    given = [rng.random(shape) > 0.3 for shape in ((B, T), (B, S), (B, S), (B, T, S))]
    received = keras.Model([query, value, key, *masks, pairs], outputs)([*inputs, *given])
    assert_same([numbers(part) for part in received], run(layer, *inputs, *given))
    assert np.abs(numbers(received[1]) - run(layer, *inputs)[1]).max() > 0.1


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "bfloat16", "float16", "float64"])
def test_precision_policies_are_those_of_keras_layer(policy):
    inputs = draw()
    layers = [build(inputs, kind, dtype=policy) for kind in (MultiHeadAttention, keras.layers.MultiHeadAttention)]
    layers[0].set_weights(layers[1].get_weights())
    kinds, results = [], []
    for layer in layers:
        parts = layer(*inputs, return_attention_scores=True, use_causal_mask=True)
        kinds.append([keras.backend.standardize_dtype(x.dtype) for x in (*parts, *layer.weights)])
        results.append([numbers(ops.cast(part, "float32")) for part in parts])
        spec = layer.compute_output_spec(*map(ops.convert_to_tensor, inputs), return_attention_scores=True)
        assert [part.dtype for part in spec] == [layer.compute_dtype] * 2
    assert kinds[0] == kinds[1]
    unit = {"float16": 2**-11, "bfloat16": 2**-8}.get(layers[0].compute_dtype, 1e-6)
    assert_same(results[0], results[1], tolerance=16 * unit * np.abs(results[1][0]).max())


def test_policy_map_reaches_each_projection():
    policies = keras.dtype_policies.DTypePolicyMap(default_policy="float32")
    policies["attention/query"] = keras.dtype_policies.DTypePolicy("bfloat16")
    layer = MultiHeadAttention(2, 3, dtype=policies, name="attention")
    layer.build((1, 2, 4), (1, 2, 4))
    assert [layer.query_dense.kernel.dtype, layer.key_dense.kernel.dtype] == ["bfloat16", "float32"]


def run_dropping(layer, *inputs, **options):
    """Run in training, with random numbers that are the same at each call, wherever the backend takes them from."""
    layer._dropout_layer.seed_generator.state.assign(np.array([7, 0], "uint32"))
    keras.utils.set_random_seed(7)
    return run(layer, *inputs, training=True, **options)


@pytest.mark.parametrize("options", [{}, {"use_causal_mask": True}], ids=str)
def test_dropout_drops_the_same_weights_as_keras_layer(options):
    inputs, kinds = draw(), (MultiHeadAttention, keras.layers.MultiHeadAttention)
    ours, theirs = (build(inputs, kind, dropout=0.4) for kind in kinds)
    quiet = run(ours, *inputs, **options)
    received = run_dropping(ours, *inputs, **options)
    assert_same(received, run_dropping(theirs, *inputs, **options))
    np.testing.assert_allclose(received[1], quiet[1], atol=1e-6)  # returned as they were before dropout
    assert np.abs(received[0] - quiet[0]).max() > 0.1
    assert_same(run(ours, *inputs, training=False, **options), quiet)


def test_dropout_of_grouped_heads_serves_each_query_head_its_own_values():
    # Values are unit vectors and W^O gives each head a row of its own: the output shows the weights that were kept.
    layer = MultiHeadAttention(H, KEY_DIM, S, dropout=0.4, use_bias=False, output_shape=(H, S), num_kv_heads=G)
    query, value = draw()[0], np.broadcast_to(np.eye(S, dtype="float32"), (B, S, S))
    layer.build(query.shape, value.shape)
    weights = build([query, value, value], use_bias=False, num_kv_heads=G, value_dim=S).get_weights()
    factors = np.arange(1, G + 1, dtype="float32")
    weights[2] = np.einsum("sd,g->sgd", np.eye(S, dtype="float32"), factors)  # head g of value holds g + 1 times each
    weights[3] = np.einsum("hk,dj->hdkj", np.eye(H), np.eye(S)).astype("float32")  # each head to a row of its own
    layer.set_weights(weights)
    output, quiet = run_dropping(layer, query, value)
    mixed = output.swapaxes(1, 2)  # (B, H, T, S): the weights after dropout, times the factor of the shared head
    kept = mixed != 0
    scale = np.repeat(factors, H // G)[:, None, None] / (1 - 0.4)
    np.testing.assert_allclose(mixed[kept], (quiet * scale)[kept], rtol=1e-4)
    assert 0.4 < kept.mean() < 0.8


def test_dropout_keeps_the_mean():
    x = np.random.default_rng(0).normal(size=(1, 4, 6)).astype("float32")
    layer = MultiHeadAttention(2, 3, dropout=0.25)
    quiet = numbers(layer(x, x))
    many = numbers(layer(np.repeat(x, 4000, 0), np.repeat(x, 4000, 0), training=True))
    np.testing.assert_allclose(many.mean(0, keepdims=True), quiet, atol=0.05)


def test_a_model_with_the_layer_learns():
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(64, 5, 4)).astype("float32")
    y = np.repeat(x[:, :1], 5, axis=1)  # every position is to report what the first one holds
    inputs = keras.Input((None, 4))
    marked = keras.layers.Concatenate()([inputs, ops.cumsum(ops.ones_like(inputs), axis=1)])
    model = keras.Model(inputs, MultiHeadAttention(2, 4, dropout=0.01, output_shape=4)(marked, marked))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    before = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=25, batch_size=32, verbose=0)
    assert model.evaluate(x, y, verbose=0) < 0.3 * before


def test_frozen_layer_trains_nothing():
    layer = build(trainable=False)
    assert (len(layer.trainable_weights), len(layer.non_trainable_weights)) == (0, 8)


def test_projections_are_layers_that_lora_can_extend():
    inputs = draw()
    layer = build(inputs, use_bias=False)
    expected = numbers(layer(*inputs))
    for dense in (layer.query_dense, layer.key_dense, layer.value_dense):
        dense.enable_lora(2)
    np.testing.assert_allclose(numbers(layer(*inputs)), expected, atol=1e-5)
    assert (len(layer.trainable_variables), len(layer.non_trainable_variables)) == (7, 3)
