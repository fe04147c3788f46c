"""What attention refuses: each message names the argument, what was expected and what came."""

import keras
import numpy as np
import pytest

from tests.support.naive_attention import KEY_DIM, VALUE_DIM, B, H, S, T, draw
from utils.attention import padding_mask, scaled_dot_product_attention


def zeros(*shape, dtype="float32"):
    return np.zeros(shape, dtype)


QUERY, KEY, VALUE = zeros(B, T, KEY_DIM), zeros(B, S, KEY_DIM), zeros(B, S, VALUE_DIM)
HEADS = zeros(B, H, T, KEY_DIM)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            (QUERY.astype("int32"), KEY, VALUE),
            "expected query to hold floating-point numbers; received int32",
        ),
        ((QUERY, KEY.astype(bool), VALUE), "expected key to hold floating-point numbers; received bool"),
        ((QUERY, KEY, VALUE.astype("uint8")), "expected value to hold floating-point numbers; received uint8"),
        ((QUERY.astype("complex64"), KEY, VALUE), "expected query to hold floating-point numbers; received complex64"),
        ((zeros(3), KEY, VALUE), r"expected query to have at least two axes, \(T, key_dim\); received shape \(3,\)"),
        ((QUERY, zeros(S, KEY_DIM), VALUE), r"expected key to have 3 axes, as query has; received shape \(7, 11\)"),
        ((QUERY, KEY, HEADS), r"expected value to have 3 axes, as query has; received shape \(2, 6, 5, 11\)"),
        (
            (QUERY, zeros(B, S, 32), VALUE),
            r"key_dim of key \(its last axis\) to be 11, as in query; received 32",
        ),
        (
            (QUERY, KEY, zeros(B, 3, VALUE_DIM)),
            r"number of rows of value \(axis -2\) to be 7, one for each row of key",
        ),
        (
            (QUERY, zeros(B, 0, KEY_DIM), zeros(B, 0, 3)),
            r"expected key to have at least one row \(axis -2\); rec",
        ),
        ((QUERY, zeros(5, S, KEY_DIM), zeros(5, S, 3)), "size of axis 0 of key to be 2, as in query; received 5"),
        ((QUERY, KEY, zeros(5, S, 3)), "size of axis 0 of value to be 2, as in query; received 5"),
        (
            (zeros(B, T, 0), zeros(B, S, 0), VALUE),
            r"key_dim \(the last axis of query\) to be known and at least 1.* 0",
        ),
    ],
)
def test_inputs_that_do_not_fit_are_named(arrays, message):
    with pytest.raises(ValueError, match=message):
        scaled_dot_product_attention(*arrays)


@pytest.mark.parametrize(
    ("query", "key", "value", "message"),
    [
        (
            6,
            4,
            4,
            r"heads of key and value \(axis -3\) to divide 6, the number of heads of query; received 4",
        ),
        (2, 6, 6, "to divide 2, the number of heads of query; received 6"),
        (6, 0, 0, "to divide 6, the number of heads of query; received 0"),
        (6, 3, 2, r"number of heads of value \(axis -3\) to be 3, as in key; received 2"),
    ],
)
def test_head_counts_that_do_not_divide_are_named(query, key, value, message):
    arrays = zeros(B, query, T, KEY_DIM), zeros(B, key, S, KEY_DIM), zeros(B, value, S, VALUE_DIM)
    with pytest.raises(ValueError, match=message):
        scaled_dot_product_attention(*arrays)
    with pytest.raises(ValueError, match=message):
        scaled_dot_product_attention(*(array[None] for array in arrays))


def test_outer_axes_of_grouped_inputs_must_agree():
    with pytest.raises(ValueError, match="size of axis 1 of key to be 3, as in query; received 5"):
        scaled_dot_product_attention(zeros(2, 3, H, T, 4), zeros(2, 5, 1, S, 4), zeros(2, 5, 1, S, 4))


@pytest.mark.parametrize("shape", [(S, T), (3, 1, S), (B, H, T, S), (3, B, T, S), (0, S)])
@pytest.mark.parametrize(("name", "dtype"), [("attention_mask", bool), ("attention_bias", "float32")])
def test_a_mask_or_bias_that_does_not_broadcast_is_named(shape, name, dtype):
    message = name + r" to broadcast to \(..., T, S\) = \(2, 5, 7\); received shape \(" + str(shape)[1:-1]
    with pytest.raises(ValueError, match=message):
        scaled_dot_product_attention(QUERY, KEY, VALUE, **{name: np.ones(shape, dtype)})


@pytest.mark.parametrize("name", ["attention_mask", "attention_bias"])
def test_a_mask_for_all_heads_that_lacks_their_axis_is_refused_with_the_remedy(name):
    arrays = zeros(4, H, T, KEY_DIM), zeros(4, H, S, KEY_DIM), zeros(4, H, S, VALUE_DIM)
    given = np.ones((4, T, S), bool if name == "attention_mask" else "float32")
    with pytest.raises(ValueError, match=r"needs an axis for them: array\[:, None\]"):
        scaled_dot_product_attention(*arrays, **{name: given})
    scaled_dot_product_attention(*arrays, **{name: given[:, None]})


@pytest.mark.parametrize("dtype", [bool, "int32", "uint8"])
def test_a_bias_that_is_not_floating_point_is_refused_with_the_remedy(dtype):
    message = (
        f"expected attention_bias to hold floating-point numbers, .* received {np.dtype(dtype)}. What says who may"
    )
    with pytest.raises(ValueError, match=message):
        scaled_dot_product_attention(QUERY, KEY, VALUE, attention_bias=np.ones((T, S), dtype))


@pytest.mark.parametrize("softcap", [0, -1.5, np.inf, np.nan])
def test_softcap_must_bound(softcap):
    with pytest.raises(ValueError, match=f"softcap to be positive and finite, .* received {softcap}"):
        scaled_dot_product_attention(*draw(B), softcap=softcap)


def test_unknown_key_dim_needs_a_scale():
    symbols = [keras.Input((None, None)) for _ in range(3)]
    with pytest.raises(ValueError, match="to be known and at least 1 when scale is omitted; received None"):
        scaled_dot_product_attention(*symbols)
    assert scaled_dot_product_attention(*symbols, scale=0.5)[1].shape == (None, None, None)


@pytest.mark.parametrize("ids", [[7, 4, 0], [[[7, 4, 0]]]])
def test_padding_mask_needs_a_batch_of_rows(ids):
    with pytest.raises(
        ValueError, match=r"expected token_ids of shape \(B, S\); received shape \(" + str(np.shape(ids))[1:-1]
    ):
        padding_mask(ids)
