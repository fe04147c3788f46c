"""Masks of MultiHeadAttention: what is given, what embeddings attach, and rows that may attend to nothing."""

import warnings

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.naive_heads import (
    KEY_WIDTH,
    QUERY_WIDTH,
    VALUE_WIDTH,
    B,
    G,
    H,
    S,
    T,
    assert_same,
    attend_head_by_head,
    build,
    draw,
    named_weights,
    numbers,
    run,
    slopes,
)
from utils.layers import DecoderLayer, EncoderLayer, MultiHeadAttention
from utils.positions import alibi_bias

SHAPES = [(B, T, S), (T, S), (B, 1, S), (B, T, 1), (1, T, S), (B, H, T, S), (1, H, 1, S), (B, 1, T, S), (S,)]


def as_full(mask):
    """Return the mask as Keras reads it, with four axes: three are (B, T, S)."""
    return mask[:, None] if mask.ndim == 3 else mask


@pytest.mark.parametrize("stored", [H, G])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_mask_says_which_pairs_may_attend(shape, stored):
    inputs, mask = draw(), np.random.default_rng(4).random(shape) > 0.4
    layer = build(inputs, num_kv_heads=stored)
    expected = attend_head_by_head(layer, *inputs, allowed=as_full(mask))
    assert_same(run(layer, *inputs, attention_mask=mask), expected)
    assert np.abs(run(layer, *inputs)[1] - expected[1]).max() > 0.1


@pytest.mark.parametrize("dtype", ["bool", "int32", "uint8", "float32", "float16"])
def test_zeros_and_ones_of_any_type_are_a_mask(dtype):
    inputs, mask = draw(), np.random.default_rng(4).random((B, T, S)) > 0.4
    layer = build(inputs)
    received = run(layer, *inputs, attention_mask=mask.astype(dtype))
    assert_same(received, attend_head_by_head(layer, *inputs, allowed=as_full(mask)))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(["query", "value", "key", "attention", "causal"]), unique=True), st.integers(0, 99))
def test_all_masks_together_allow_what_each_allows(kinds, seed):
    rng = np.random.default_rng(seed)
    inputs, allowed, options = draw(), np.ones((B, H, T, S), bool), {}
    shapes = {"query": (B, T), "value": (B, S), "key": (B, S), "attention": (B, H, T, S)}
    for kind in kinds:
        if kind == "causal":
            options["use_causal_mask"], mask = True, np.tri(T, S, dtype=bool)
        else:
            mask = rng.random(shapes[kind]) > 0.3
            options[f"{kind}_mask"] = mask.astype("int32")
            mask = {"query": mask[:, None, :, None], "attention": mask}.get(kind, mask[:, None, None, :])
        allowed &= mask
    layer = build(inputs)
    assert_same(run(layer, *inputs, **options), attend_head_by_head(layer, *inputs, allowed=allowed))


@pytest.mark.parametrize("options", [{"use_causal_mask": True}, {"attention_mask": np.tri(T, S)}])
def test_causal_queries_never_see_later_keys(options):
    query, value, key = draw()
    layer = build()
    output, weights = run(layer, query, value, key, **options)
    np.testing.assert_array_equal(weights * np.triu(np.ones((T, S)), 1), 0)
    value[:, 1:], key[:, 1:] = value[:, 1:] + 5, key[:, 1:] * -3
    changed = run(layer, query, value, key, **options)[0]
    np.testing.assert_allclose(changed[:, 0], output[:, 0], atol=1e-6)
    assert np.abs(changed[:, 1:] - output[:, 1:]).min(axis=(0, 2)).max() > 1e-3


def test_inverting_the_mask_is_seen():
    inputs, mask = draw(), np.random.default_rng(4).random((B, T, S)) > 0.4
    layer = build(inputs)
    inverted = run(layer, *inputs, attention_mask=~mask)
    assert np.abs(inverted[1] - attend_head_by_head(layer, *inputs, allowed=as_full(mask))[1]).max() > 0.1


@pytest.mark.parametrize("use_bias", [True, False])
def test_a_query_that_may_attend_to_nothing_gets_weights_of_zero_and_the_output_bias(use_bias):
    inputs, mask = draw(), np.ones((B, T, S), bool)
    mask[0, 1] = False
    layer = build(inputs, use_bias=use_bias)
    output, weights = run(layer, *inputs, attention_mask=mask)
    np.testing.assert_array_equal(weights[0, :, 1], 0)
    np.testing.assert_allclose(output[0, 1], named_weights(layer).get("attention_output/bias", 0), atol=1e-6)
    cotangent = np.zeros(output.shape, "float32")
    cotangent[0, 1] = 1
    for slope in slopes(layer, inputs, cotangent, attention_mask=mask)[: 3 + 6]:
        np.testing.assert_array_equal(slope, 0)


def test_where_keras_differs_for_such_a_query():
    inputs, mask = draw(), np.ones((B, T, S), bool)
    mask[0, 1] = False
    theirs = build(inputs, keras.layers.MultiHeadAttention, value_dim=None)  # as wide as keys, or JAX fails
    found = named_weights(theirs)
    asked, weights = run(theirs, *inputs, attention_mask=mask)
    np.testing.assert_array_equal(weights[0, :, 1], 0)
    np.testing.assert_allclose(asked[0, 1], found["attention_output/bias"], atol=1e-5)
    unasked = numbers(theirs(*inputs, attention_mask=mask))
    mean = np.einsum("sm,mhd->hd", inputs[1][0] / S, found["value/kernel"]) + found["value/bias"]
    mixed = np.einsum("hd,hdo->o", mean, found["attention_output/kernel"]) + found["attention_output/bias"]
    np.testing.assert_allclose(unasked[0, 1], mixed, rtol=1e-4, atol=1e-4)


def embedded(ids, width):
    return keras.layers.Embedding(9, width, mask_zero=True)(np.array(ids))


QUERY_IDS, VALUE_IDS, KEY_IDS = (
    [[3, 4, 0], [5, 0, 0]],
    [[1, 2, 3, 0, 0], [4, 5, 6, 7, 0]],
    [[1, 2, 3, 4, 5], [0, 5, 6, 7, 1]],
)


def test_masks_that_embeddings_attach_are_applied_and_that_of_query_goes_on():
    pairs = ((QUERY_IDS, QUERY_WIDTH), (VALUE_IDS, VALUE_WIDTH), (KEY_IDS, KEY_WIDTH))
    inputs = [embedded(*pair) for pair in pairs]
    layer = build(inputs)
    query_mask, value_mask, key_mask = (np.array(ids) > 0 for ids, _ in pairs)
    allowed = query_mask[:, None, :, None] & (value_mask & key_mask)[:, None, None, :]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        output, weights = layer(*inputs, return_attention_scores=True)
    expected = attend_head_by_head(layer, *(numbers(array) for array in inputs), allowed=allowed)
    assert_same([numbers(output), numbers(weights)], expected)
    np.testing.assert_array_equal(numbers(output._keras_mask), query_mask)
    assert not hasattr(weights, "_keras_mask")
    for array, mask in zip(inputs, (query_mask, value_mask, key_mask), strict=True):
        np.testing.assert_array_equal(numbers(array._keras_mask), mask)  # Keras's layer takes the masks off


def test_a_mask_travels_through_two_layers():
    query = embedded(QUERY_IDS, 8)
    first, second = MultiHeadAttention(2, 3), MultiHeadAttention(2, 3)
    output = second(query=first(query=query, value=query), value=embedded(VALUE_IDS, 8))
    np.testing.assert_array_equal(numbers(output._keras_mask), np.array(QUERY_IDS) > 0)
    pooled = keras.layers.GlobalAveragePooling1D()(output)
    np.testing.assert_allclose(numbers(pooled)[1], numbers(output)[1, 0], atol=1e-6)


def test_mask_given_by_name_takes_the_place_of_the_attached_one():
    query, (_, value, key) = embedded(QUERY_IDS, QUERY_WIDTH), draw()
    layer, mask = build(), np.array([[True, True, True], [False, True, True]])
    received = run(layer, query, value, key, query_mask=mask)
    expected = attend_head_by_head(layer, numbers(query), value, key, allowed=mask[:, None, :, None])
    assert_same(received, expected)


def test_functional_model_passes_masks_on():
    ids = keras.Input((None,), dtype="int32")
    vectors = keras.layers.Embedding(9, 8, mask_zero=True)(ids)
    layer = MultiHeadAttention(2, 3)
    model = keras.Model(ids, layer(vectors, vectors, return_attention_scores=True))
    weights = numbers(model(np.array(VALUE_IDS))[1])
    allowed = np.array(VALUE_IDS) > 0
    np.testing.assert_array_equal(
        weights > 0, np.broadcast_to((allowed[:, None, :, None] & allowed[:, None, None]), weights.shape)
    )


def test_masks_equal_keras_layer():
    inputs, mask = draw(), np.random.default_rng(7).random((B, T, S)) > 0.5
    ours, theirs = build(inputs), build(inputs, keras.layers.MultiHeadAttention)
    for options in (
        {"attention_mask": mask.astype("int32")},
        {"attention_mask": mask[0].astype("float32"), "use_causal_mask": True},
        {"attention_mask": mask, "value_mask": mask[:, 0], "key_mask": mask[:, 1]},
        {"attention_mask": np.repeat(mask[:, None], H, axis=1)},
    ):
        assert_same(run(ours, *inputs, **options), run(theirs, *inputs, **options))


@pytest.mark.parametrize("name", ["value_mask", "key_mask"])
def test_where_keras_takes_texts_for_heads(name):
    inputs, mask = draw(), np.random.default_rng(7).random((B, 1, T, S)) > 0.5
    padded = np.array([[True] * S, [True, True] + [False] * (S - 2)])
    layers = [build(inputs, kind, num_heads=B) for kind in (MultiHeadAttention, keras.layers.MultiHeadAttention)]
    ours, theirs = (run(layer, *inputs, attention_mask=mask, **{name: padded}) for layer in layers)
    assert_same(ours, run(layers[1], *inputs, attention_mask=mask[:, 0] & padded[:, None]))
    assert_same(theirs, run(layers[1], *inputs, attention_mask=mask & padded[None, :, None]))
    assert np.abs(ours[0] - theirs[0]).max() > 0.1


BIASES = [(B, H, T, S), (H, T, S), (T, S), (B, 1, T, S), (H, 1, S), ()]


@pytest.mark.parametrize("stored", [H, G])
@pytest.mark.parametrize("shape", BIASES, ids=str)
def test_a_bias_is_added_to_the_scores_of_each_head(shape, stored):
    rng, inputs = np.random.default_rng(4), draw()
    bias = np.asarray(3 * rng.normal(size=shape), "float32")
    if len(shape) > 2:
        bias[..., 1] = -np.inf
    layer, allowed = build(inputs, num_kv_heads=stored), rng.random((B, T, S)) > 0.3
    expected = attend_head_by_head(layer, *inputs, allowed=allowed[:, None], bias=bias)
    assert_same(run(layer, *inputs, attention_mask=allowed, attention_bias=bias), expected)
    if shape:
        assert np.abs(run(layer, *inputs, attention_mask=allowed)[1] - expected[1]).max() > 0.1


def test_a_bias_of_the_shape_of_a_mask_for_all_heads_is_refused_with_the_remedy():
    inputs, layer = draw(), build()
    with pytest.raises(ValueError, match=r"attention_bias to broadcast .*needs an axis for them: array\[:, None\]"):
        layer(*inputs, attention_bias=np.zeros((B, T, S), "float32"))


@pytest.mark.parametrize("kind", [EncoderLayer, DecoderLayer])
def test_layers_hand_their_biases_on(kind):
    x, bias = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32"), alibi_bias(2, 3)
    layer, memory = kind(2, 5), (x,) if kind is DecoderLayer else ()
    names = ("attention_bias", "memory_bias") if memory else ("attention_bias",)
    plain = numbers(layer(x, *memory))
    for name in names:
        hidden = np.where(np.eye(3, dtype=bool), 0, -np.inf).astype("float32")
        assert np.abs(numbers(layer(x, *memory, **{name: bias})) - plain).max() > 1e-4
        by_mask = {name.replace("bias", "mask"): np.eye(3, dtype=bool)[None]}
        np.testing.assert_allclose(
            numbers(layer(x, *memory, **{name: hidden})), numbers(layer(x, *memory, **by_mask)), atol=1e-6
        )


def test_dropout_drops_weights_of_biased_scores():
    inputs, bias = draw(), np.where(np.arange(S) == 1, 0, -np.inf).astype("float32")
    layer = build(inputs, dropout=0.5)
    output, weights = run(layer, *inputs, attention_bias=bias, training=True)
    np.testing.assert_allclose(weights[..., 1], 1, rtol=1e-6)
    assert np.abs(output - run(layer, *inputs, attention_bias=bias)[0]).max() > 0.01


@pytest.mark.parametrize("number", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["attention_mask", "key_mask", "value_mask", "query_mask"])
def test_what_is_hidden_moves_neither_output_nor_gradients_whatever_stands_in_it(name, number):
    inputs = draw()
    mask = np.arange(T if name == "query_mask" else S) != 2
    mask = mask[None] if name == "attention_mask" else np.tile(mask, (B, 1))
    layer, cotangent = build(inputs), np.random.default_rng(3).normal(size=(B, T, QUERY_WIDTH)).astype("float32")
    expected = [*run(layer, *inputs, **{name: mask}), *slopes(layer, inputs, cotangent, **{name: mask})]
    for array in inputs[:1] if name == "query_mask" else inputs[1:]:
        array[:, 2] = number
    found = [*run(layer, *inputs, **{name: mask}), *slopes(layer, inputs, cotangent, **{name: mask})]
    for got, want in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_value_that_a_bias_hides_contributes_nothing_whatever_stands_in_it(dropout):
    inputs, bias = draw(), np.where(np.arange(S) == 2, -np.inf, 0).astype("float32")
    layer = build(inputs, dropout=dropout)
    for array in inputs[1:]:
        array[:, 2] = np.nan
    assert all(np.isfinite(part).all() for part in run(layer, *inputs, training=True, attention_bias=bias))
