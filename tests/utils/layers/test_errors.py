"""What MultiHeadAttention refuses: each message names the argument, what was expected, what came, what to do."""

import inspect
import re

import keras
import numpy as np
import pytest

from tests.support.naive_heads import KEY_WIDTH, QUERY_WIDTH, VALUE_WIDTH, B, H, S, T, build, draw
from utils.layers import MultiHeadAttention

SIZES = {"num_heads": 4, "key_dim": 8}
HAS = {*inspect.signature(MultiHeadAttention).parameters, "name", "dtype", "trainable", "autocast"}
LACKS = sorted({*inspect.signature(keras.layers.MultiHeadAttention).parameters} - HAS)


@pytest.mark.parametrize("name", ["num_heads", "key_dim", "value_dim", "num_kv_heads"])
@pytest.mark.parametrize("value", [0, -2, True, False, 4.0, 1.5, "4", np.float32(4), np.array([4])], ids=repr)
def test_sizes_must_be_positive_integers(name, value):
    with pytest.raises(ValueError, match=f"argument `{name}` must be a positive integer; got ") as caught:
        MultiHeadAttention(**(SIZES | {name: value}))
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("name", ["num_heads", "key_dim"])
def test_sizes_that_keras_needs_are_needed_here(name):
    with pytest.raises(ValueError, match=f"argument `{name}` must be a positive integer; got None"):
        MultiHeadAttention(**(SIZES | {name: None}))


def test_numpy_integers_are_integers():
    layer = MultiHeadAttention(np.int64(4), np.int32(8), num_kv_heads=np.uint8(2), output_shape=np.int64(5))
    config = layer.get_config()
    assert {type(config[name]) for name in ("num_heads", "key_dim", "value_dim", "num_kv_heads")} == {int}
    assert config["output_shape"] == (5,)


@pytest.mark.parametrize("value", [3, 8, 5])
def test_number_of_stored_heads_must_divide(value):
    with pytest.raises(
        ValueError, match=f"expected argument `num_kv_heads` to divide num_heads=4, .* received {value}"
    ):
        MultiHeadAttention(**SIZES, num_kv_heads=value)


@pytest.mark.parametrize("value", [-0.1, 1.5, True, "0.1", None, np.nan])
def test_dropout_must_be_a_share(value):
    with pytest.raises(ValueError, match=f"argument `dropout` must be a number from 0 to 1; got {value!r}"):
        MultiHeadAttention(**SIZES, dropout=value)


@pytest.mark.parametrize("value", [0, -1, 8.0, True, (), (3, 0), (3, 2.5), "8", [[3]]])
def test_output_shape_must_be_positive_integers(value):
    with pytest.raises(
        ValueError, match="Invalid `output_shape`: it must be a positive integer, or a tuple of them; got "
    ) as caught:
        MultiHeadAttention(**SIZES, output_shape=value)
    assert f"got {value!r}" in str(caught.value)


def test_every_other_argument_of_keras_is_refused_by_name_with_a_remedy():
    assert {"attention_axes", "sliding_window", "flash_attention", "kernel_initializer", "use_gate", "seed"} <= {*LACKS}
    for name in LACKS:
        if name == "kwargs":
            continue
        with pytest.raises(ValueError, match=f"has; received `{name}`. ") as caught:
            MultiHeadAttention(**SIZES, **{name: None})
        assert "See help" not in str(caught.value), f"{name} needs a remedy of its own"


def test_an_unknown_argument_is_named():
    with pytest.raises(ValueError, match=r"received `num_head`. See help\(MultiHeadAttention\)"):
        MultiHeadAttention(**SIZES, num_head=3)


def test_remedies_do_what_they_say():
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 8)).astype("float32")
    theirs = keras.layers.MultiHeadAttention(2, 3, attention_axes=2)
    expected = keras.ops.convert_to_numpy(theirs(x, x))
    ours = MultiHeadAttention(2, 3)
    flat = x.reshape(6, 5, 8)
    ours.build(flat.shape, flat.shape)
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(keras.ops.convert_to_numpy(ours(flat, flat)).reshape(x.shape), expected, atol=1e-5)
    theirs = keras.layers.MultiHeadAttention(2, 3, sliding_window=2)
    expected = keras.ops.convert_to_numpy(theirs(flat, flat))
    ours.set_weights(theirs.get_weights())
    band = np.abs(np.subtract.outer(np.arange(5), np.arange(5))) < 2
    received = keras.ops.convert_to_numpy(ours(flat, flat, attention_mask=band))
    np.testing.assert_allclose(received, expected, atol=1e-5)


THREE = r"to have three axes, \(batch, length, width\); received shape "
SHAPES = {
    "query of two axes": (((T, 4), (B, S, 4)), f"expected query {THREE}\\(3, 4\\). Bring it to three"),
    "query of four axes": (((B, T, 2, 4), (B, S, 4)), f"expected query {THREE}\\(2, 3, 2, 4\\)"),
    "value of four axes": (((B, T, 4), (B, S, 2, 4)), f"expected value {THREE}\\(2, 5, 2, 4\\)"),
    "value and key of other lengths": (
        ((B, T, 4), (B, S, 4), (B, 7, 4)),
        r"one value for each key: .* must be equal; received value of shape \(2, 5, 4\) and key of shape \(2, 7, 4\)",
    ),
    "key of two axes": (((B, T, 4), (B, S, 4), (S, 4)), r"must be equal; .* key of shape \(5, 4\)"),
    "batch of value": (((B, T, 4), (7, S, 4)), r"expected value to have a batch of 2, as query has; .* \(7, 5, 4\)"),
    "batch of key": (
        ((B, T, 4), (B, S, 4), (7, S, 4)),
        r"expected key to have a batch of 2, as query has; .*\(7, 5, 4\)",
    ),
}


@pytest.mark.parametrize(("shapes", "message"), SHAPES.values(), ids=SHAPES)
def test_shapes_that_disagree_are_named_whenever_they_are_known(shapes, message):
    layer = MultiHeadAttention(2, 3)
    for attempt in (layer.compute_output_shape, layer.build):
        with pytest.raises(ValueError, match=message):
            attempt(*shapes)
        with pytest.raises(ValueError, match=message):
            attempt(*(list(shape) for shape in shapes))
    with pytest.raises(ValueError, match=message):
        layer(*(np.zeros(shape, "float32") for shape in shapes))
    if all(len(shape) > 1 for shape in shapes):
        with pytest.raises(ValueError, match=message):
            MultiHeadAttention(2, 3)(*(keras.Input(batch_shape=shape) for shape in shapes))


@pytest.mark.parametrize(("shapes", "message"), SHAPES.values(), ids=SHAPES)
def test_shapes_that_disagree_are_named_in_later_calls_too(shapes, message):
    layer = MultiHeadAttention(2, 3)
    layer.build((B, T, 4), (B, S, 4), (B, S, 4))
    with pytest.raises(ValueError, match=message):
        layer(*(np.zeros(shape, "float32") for shape in shapes))


@pytest.mark.parametrize(
    ("at", "name", "width"), [(0, "query", QUERY_WIDTH), (1, "value", VALUE_WIDTH), (2, "key", KEY_WIDTH)]
)
def test_another_width_than_at_build_is_named(at, name, width):
    inputs = draw()
    layer = build(inputs)
    inputs[at] = inputs[at][..., :2]
    with pytest.raises(
        ValueError, match=rf"expected {name} to be {width} wide \(last axis\), .* received shape .* 2\)"
    ):
        layer(*inputs)


def test_no_keys_at_all_are_refused():
    layer, (query, value, key) = build(), draw()
    with pytest.raises(ValueError, match="at least one row"):
        layer(query, value[:, :0], key[:, :0])


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("query_mask", (B, S), (B, T)),
        ("query_mask", (T,), (B, T)),
        ("query_mask", (B, T, 1), (B, T)),
        ("value_mask", (B, T), (B, S)),
        ("key_mask", (7, S), (B, S)),
        ("attention_mask", (B, S, T), (B, T, S)),
        ("attention_mask", (H, T, S), (B, T, S)),
        ("attention_mask", (S, T), (B, H, T, S)),
        ("attention_mask", (B, 5, T, S), (B, H, T, S)),
        ("attention_mask", (1, B, H, T, S), (B, H, T, S)),
    ],
)
def test_a_mask_that_does_not_fit_is_named(name, shape, expected):
    message = f"expected {name} to broadcast to shape {expected}, True or 1 where attention is allowed; received shape "
    with pytest.raises(ValueError, match=re.escape(message + str(shape))):
        build()(*draw(), **{name: np.ones(shape, bool)})
