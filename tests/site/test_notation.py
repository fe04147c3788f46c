"""The tables of pages/notation.md about masks hold for the libraries that are installed."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

from utils.attention import scaled_dot_product_attention
from utils.layers import MultiHeadAttention

PAGE = (Path(__file__).resolve().parents[2] / "pages" / "notation.md").read_text(encoding="utf-8")
MASKS = re.findall(r"^\| (\w[\w, ]+) \| `(\w+)` \| (.+?) \|$", PAGE.split("(masks-elsewhere)=")[1], re.M)
EMPTY_ROWS = dict(re.findall(r"^\| (\w[\w, ]+) \| ([^|]+?) \|$(?!\n\|-)", PAGE.split("(masks-elsewhere)=")[1], re.M))
SIZE = 4  # queries, keys and head size: values are the identity, so that outputs are weights

TOKENS = np.random.default_rng(11).normal(size=(SIZE, SIZE)).astype("float32")
VALUES = np.eye(SIZE, dtype="float32")
MASK = np.array([[1, 0, 0, 0], [1, 0, 1, 0], [0, 1, 1, 1], [0, 0, 1, 0]], dtype=bool)


def ours(mask, torch):
    return np.asarray(scaled_dot_product_attention(TOKENS, TOKENS, VALUES, mask)[0])


def keras_operation(mask, torch):
    query, value = TOKENS[None, :, None], VALUES[None, :, None]
    return np.asarray(keras.ops.dot_product_attention(query, query, value, mask=mask[None, None]))[0, :, 0]


def keras_layer(mask, torch):
    layer = keras.layers.MultiHeadAttention(num_heads=1, key_dim=SIZE)
    call = dict(query=TOKENS[None], value=TOKENS[None], attention_mask=mask[None], return_attention_scores=True)
    return np.asarray(layer(**call)[1])[0, 0]


def torch_operation(mask, torch):
    query, value, mask = (torch.as_tensor(array)[None] for array in (TOKENS, VALUES, mask))
    return torch.nn.functional.scaled_dot_product_attention(query, query, value, attn_mask=mask)[0].numpy()


def torch_layer(mask, torch, argument="attn_mask"):
    layer, tokens = torch.nn.MultiheadAttention(SIZE, 1, batch_first=True), torch.as_tensor(TOKENS)[None]
    return layer(tokens, tokens, tokens, **{argument: torch.as_tensor(mask)})[1][0].detach().numpy()


def torch_layer_padding(mask, torch):
    return torch_layer(mask[0][None], torch, "key_padding_mask")


RUNS = {
    ("this book", "attention_mask"): ours,
    ("Keras, operation", "mask"): keras_operation,
    ("Keras, layer", "attention_mask"): keras_layer,
    ("PyTorch, operation", "attn_mask"): torch_operation,
    ("PyTorch, layer", "attn_mask"): torch_layer,
    ("PyTorch, layer", "key_padding_mask"): torch_layer_padding,
}
MEANINGS = {"may attend": True, "**must not** attend": False, "**ignore** this key": False}

EXPECTED = {  # in a row of weights
    "zero, and its weights are zero": 0.0,
    "the mean of all values": 1 / SIZE,
    "zero": 0.0,
    "not a number (NaN)": np.nan,
}
PROJECTED = {  # in front of the output projection: a share of each value
    "the mean of all values, projected": 1 / SIZE,
    "zero, projected: the bias alone": 0.0,
    "zero, projected: the bias alone, and its weights are zero": 0.0,
}
KERAS_LAYERS = {  # arguments of the layer, and of its calls
    "Keras, layer without dropout": (0, [{}, {"training": True}]),
    "Keras, layer with dropout, in training or not": (0.1, [{}, {"training": True}]),
    "Keras, layer asked for its weights": (0, [{"return_attention_scores": True}]),
}


def test_tables_list_the_functions_that_are_run_here():
    assert {(function, argument) for function, argument, _ in MASKS} == RUNS.keys()
    assert EMPTY_ROWS.keys() - KERAS_LAYERS.keys() == {function for function, _ in RUNS} - {"Keras, layer"}
    assert EMPTY_ROWS.keys() >= KERAS_LAYERS.keys()


@pytest.mark.parametrize(("function", "argument", "meaning"), MASKS)
def test_true_in_a_mask_means_what_the_table_says(function, argument, meaning, require):
    torch = require("torch") if function.startswith("PyTorch") else None
    mask = MASK if argument != "key_padding_mask" else np.tile([True, False, True, False], (SIZE, 1))
    weights = RUNS[function, argument](mask, torch)
    np.testing.assert_array_equal(weights > 0, mask if MEANINGS[meaning] else ~mask)


def empty_third_row(mask):
    return np.where(np.arange(SIZE)[:, None] == 2, False, mask)


@pytest.mark.parametrize("function", [one for one in EMPTY_ROWS if one not in KERAS_LAYERS])
def test_a_query_that_may_attend_to_nothing_gets_what_the_table_says(function, require):
    torch = require("torch") if function.startswith("PyTorch") else None
    argument, allowed = next((argument, MEANINGS[meaning]) for name, argument, meaning in MASKS if name == function)
    mask = empty_third_row(MASK)
    row = RUNS[function, argument](mask if allowed else ~mask, torch)[2]
    np.testing.assert_allclose(row, EXPECTED[EMPTY_ROWS[function]], rtol=1e-6)


def padded(*is_token):
    return np.array([is_token], dtype=bool)


# What leaves the third query no key: one mask, or two of which each alone leaves it some.
CAUSES = {
    "a row of attention_mask": {"attention_mask": empty_third_row(MASK)[None]},
    "all values are padding": {"value_mask": padded(0, 0, 0, 0)},
    "all keys are padding": {"key_mask": padded(0, 0, 0, 0)},
    "padding at the left and a causal mask": {"value_mask": padded(0, 0, 0, 1), "use_causal_mask": True},
    "its one key in attention_mask is padding": {
        "attention_mask": MASK[[0, 1, 3, 2]][None],
        "value_mask": padded(1, 1, 0, 1),
    },
    "it is padding itself": {"ids": np.array([[3, 5, 0, 2]])},
}


def attend(make, dropout, ids=None, **call):
    """Return what a layer, and so its bias, gives the third query; the bias; and the projected mean of all values."""
    tokens = TOKENS[None] if ids is None else keras.layers.Embedding(7, SIZE, mask_zero=True)(ids)
    layer = make(num_heads=2, key_dim=3, dropout=dropout)
    layer.build((1, SIZE, SIZE), (1, SIZE, SIZE))
    rng = np.random.default_rng(3)
    layer.set_weights([rng.normal(size=array.shape) for array in layer.get_weights()])
    *_, value_kernel, value_bias, output_kernel, bias = layer.get_weights()
    values = np.einsum("sm,mhv->shv", np.asarray(tokens)[0], value_kernel) + value_bias
    mean = np.einsum("hv,hvm->m", values.mean(axis=0), output_kernel) + bias
    returned = layer(query=tokens, value=tokens, key=tokens, **call)
    if call.get("return_attention_scores"):
        returned, weights = returned
        np.testing.assert_array_equal(np.asarray(weights)[0, :, 2], np.zeros((2, SIZE)))
    return np.asarray(returned)[0, 2], bias, mean


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("function", KERAS_LAYERS)
def test_a_keras_layer_gives_a_query_without_a_key_what_the_table_says(function, cause):
    dropout, calls = KERAS_LAYERS[function]
    for call in calls:
        row, bias, mean = attend(keras.layers.MultiHeadAttention, dropout, **CAUSES[cause], **call)
        expected = bias + SIZE * PROJECTED[EMPTY_ROWS[function]] * (mean - bias)
        np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-5)
        assert np.abs(mean - bias).max() > 0.1


@pytest.mark.parametrize("cause", CAUSES)
def test_our_layer_gives_a_query_without_a_key_the_bias_alone(cause):
    assert "The layer of this book projects its zero too, so it returns the bias alone." in PAGE
    for dropout, call in ((0, {}), (0.1, {"training": True}), (0, {"return_attention_scores": True})):
        row, bias, _ = attend(MultiHeadAttention, dropout, **CAUSES[cause], **call)
        np.testing.assert_allclose(row, bias, rtol=1e-6)


def test_page_names_the_versions_that_are_installed(require):
    assert f"Keras {keras.__version__}" in PAGE
    assert f"PyTorch {require('torch').__version__.split('+')[0]}" in PAGE
