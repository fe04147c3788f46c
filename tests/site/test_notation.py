"""The tables of pages/notation.md about masks hold for the libraries that are installed."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

from utils.attention import scaled_dot_product_attention

PAGE = (Path(__file__).resolve().parents[2] / "pages" / "notation.md").read_text(encoding="utf-8")
MASKS = re.findall(r"^\| (\w[\w, ]+) \| `(\w+)` \| (.+?) \|$", PAGE.split("(masks-elsewhere)=")[1], re.M)
EMPTY_ROWS = dict(re.findall(r"^\| (\w[\w, ]+) \| ([^|]+?) \|$", PAGE.split("(masks-elsewhere)=")[1], re.M))
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

EXPECTED = {
    "zero, and its weights are zero": 0.0,
    "the mean of all values": 1 / SIZE,
    "the mean of all values, projected; with `return_attention_scores=True`, weights of zero": 0.0,
    "zero": 0.0,
    "not a number (NaN)": np.nan,
}


def test_tables_list_the_functions_that_are_run_here():
    assert {(function, argument) for function, argument, _ in MASKS} == RUNS.keys()
    assert EMPTY_ROWS.keys() == {function for function, _ in RUNS}


@pytest.mark.parametrize(("function", "argument", "meaning"), MASKS)
def test_true_in_a_mask_means_what_the_table_says(function, argument, meaning, require):
    torch = require("torch") if function.startswith("PyTorch") else None
    mask = MASK if argument != "key_padding_mask" else np.tile([True, False, True, False], (SIZE, 1))
    weights = RUNS[function, argument](mask, torch)
    np.testing.assert_array_equal(weights > 0, mask if MEANINGS[meaning] else ~mask)


def empty_third_row(mask):
    return np.where(np.arange(SIZE)[:, None] == 2, False, mask)


@pytest.mark.parametrize("function", EMPTY_ROWS)
def test_a_query_that_may_attend_to_nothing_gets_what_the_table_says(function, require):
    torch = require("torch") if function.startswith("PyTorch") else None
    argument, allowed = next((argument, MEANINGS[meaning]) for name, argument, meaning in MASKS if name == function)
    mask = empty_third_row(MASK)
    row = RUNS[function, argument](mask if allowed else ~mask, torch)[2]
    np.testing.assert_allclose(row, EXPECTED[EMPTY_ROWS[function]], rtol=1e-6)


def test_a_keras_layer_without_scores_mixes_all_values_for_a_query_that_may_attend_to_nothing():
    layer = keras.layers.MultiHeadAttention(num_heads=1, key_dim=SIZE)
    output = layer(query=TOKENS[None], value=TOKENS[None], attention_mask=empty_third_row(MASK)[None])
    everywhere = layer(query=0 * TOKENS[None], value=TOKENS[None])  # equal scores, so the mean of all values
    np.testing.assert_allclose(np.asarray(output)[0, 2], np.asarray(everywhere)[0, 0], rtol=1e-5)
    assert not np.allclose(np.asarray(output)[0, 1], np.asarray(everywhere)[0, 0], rtol=1e-2)


def test_page_names_the_versions_that_are_installed(require):
    assert f"Keras {keras.__version__}" in PAGE
    assert f"PyTorch {require('torch').__version__.split('+')[0]}" in PAGE
