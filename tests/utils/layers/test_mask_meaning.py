"""One meaning of masks in functions, layers and models: True or 1 may attend; what is added is no mask."""

import keras
import numpy as np
import pytest
from keras import ops

from utils.attention import attention_weights, scaled_dot_product_attention
from utils.layers import DecoderLayer, EncoderLayer, MultiHeadAttention
from utils.layers.cache import MemoryCache
from utils.transformer import Decoder, Encoder, TextClassifier, TransformerConfig

BACKEND = keras.backend.backend()
B, T, WIDTH = 2, 3, 4
X = np.random.default_rng(0).normal(size=(B, T, WIDTH)).astype("float32")
IDS = np.array([[1, 2, 3], [4, 5, 6]], "int32")
PAIRS = np.tri(T, dtype=bool)  # (T, S)
TOKENS = np.array([[1, 1, 0], [1, 1, 1]], bool)  # (B, S)
CONFIG = TransformerConfig(vocabulary_size=9, d_model=4, num_layers=1, num_heads=2, intermediate_dim=5)

attention, encoder_layer, decoder_layer = MultiHeadAttention(2, 2), EncoderLayer(2, 5), DecoderLayer(2, 5)
encoder, decoder, classifier = Encoder(CONFIG), Decoder(CONFIG), TextClassifier(CONFIG, 2)

# Who takes a mask: a call with a mask, and the mask that it takes.
TAKERS = {
    "function": (lambda mask: scaled_dot_product_attention(X, X, X, mask)[0], PAIRS),
    "weights": (lambda mask: attention_weights(X, X, mask), PAIRS),
    "attention_mask of attention": (lambda mask: attention(X, X, attention_mask=mask), PAIRS),
    "query_mask of attention": (lambda mask: attention(X, X, query_mask=mask), TOKENS),
    "value_mask of attention": (lambda mask: attention(X, X, value_mask=mask), TOKENS),
    "key_mask of attention": (lambda mask: attention(X, X, key_mask=mask), TOKENS),
    "encoder layer": (lambda mask: encoder_layer(X, attention_mask=mask), PAIRS),
    "attention_mask of decoder layer": (lambda mask: decoder_layer(X, X, attention_mask=mask), np.eye(T, dtype=bool)),
    "memory_mask of decoder layer": (lambda mask: decoder_layer(X, X, memory_mask=mask), PAIRS[None]),
    "tokens of decoder layer": (lambda mask: decoder_layer(X, X, memory_mask=mask), TOKENS),
    "encoder": (lambda mask: encoder(IDS, mask), TOKENS),
    "attention_mask of decoder": (lambda mask: decoder(IDS, X, mask), TOKENS),
    "memory_mask of decoder": (lambda mask: decoder(IDS, X, None, mask), TOKENS),
    "classifier": (lambda mask: classifier(IDS, mask), TOKENS),
}
taker = pytest.mark.parametrize(("call", "allowed"), TAKERS.values(), ids=TAKERS)


@pytest.fixture(autouse=True, scope="module")
def _built():
    attention.build(X.shape, X.shape)
    encoder_layer.build(X.shape)
    decoder_layer.build(X.shape, X.shape)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32", "float16"])
@taker
def test_one_of_any_type_is_true(call, allowed, dtype):
    expected = ops.convert_to_numpy(call(allowed))
    for mask in (allowed.astype(dtype), ops.convert_to_tensor(allowed.astype(dtype))):
        np.testing.assert_array_equal(ops.convert_to_numpy(call(mask)), expected)
    assert np.abs(ops.convert_to_numpy(call(np.ones_like(allowed))) - expected).max() > 1e-4


OTHERS = {
    "0 and -inf": (lambda allowed: np.where(allowed, 0, -np.inf).astype("float32"), "-inf"),
    "0 and -1e9": (lambda allowed: np.where(allowed, 0, -1e9).astype("float32"), "-1000000000"),
    "a half": (lambda allowed: np.where(allowed, 1, 0.5).astype("float32"), "0.5"),
    "not a number": (lambda allowed: np.where(allowed, 1, np.nan).astype("float32"), "nan"),
    "two": (lambda allowed: 2 * allowed.astype("int32"), "2"),
    "minus one": (lambda allowed: allowed.astype("int32") - 1, "-1"),
    "the largest byte": (lambda allowed: 255 * allowed.astype("uint8"), "255"),
}


@pytest.mark.parametrize(("make", "shown"), OTHERS.values(), ids=OTHERS)
@taker
def test_other_numbers_are_refused_with_the_remedy(call, allowed, make, shown):
    message = f"mask to hold True or 1 where attention is allowed .* received {shown}.*passed as attention_bias"
    for mask in (make(allowed), ops.convert_to_tensor(make(allowed))):
        with pytest.raises(ValueError, match=message):
            call(mask)


def test_a_cache_of_memory_refuses_them_too():
    with pytest.raises(ValueError, match=r"memory_mask to hold True or 1 .* received 0\.5"):
        MemoryCache(ops.convert_to_tensor(X), np.full((B, 1, T), 0.5, "float32"))


@pytest.mark.parametrize("mask", [TOKENS, TOKENS[:, None], TOKENS.astype("float32")], ids=["tokens", "pairs", "floats"])
def test_a_cache_of_memory_reads_a_mask_as_the_layer_does(mask):
    found = MemoryCache(ops.convert_to_tensor(X), mask).attend(decoder_layer.memory_attention, ops.convert_to_tensor(X))
    expected = decoder_layer.memory_attention(X, X, key_mask=TOKENS)
    np.testing.assert_allclose(ops.convert_to_numpy(found), ops.convert_to_numpy(expected), atol=1e-6)


def traced(call, mask):
    """Compile a call for the backend at hand, which then sees the mask's type and not its numbers."""
    if BACKEND == "jax":
        import jax

        return jax.jit(call)(mask)
    if BACKEND == "torch":
        import torch

        return torch.compile(call, backend="eager")(mask)
    import tensorflow as tf

    return tf.function(call)(mask)


TRACED = {name: TAKERS[name] for name in ("function", "weights", "attention_mask of attention", "encoder layer")}


@pytest.mark.parametrize(("call", "allowed"), TRACED.values(), ids=TRACED)
def test_while_traced_a_mask_is_read_by_its_type(call, allowed):
    expected = ops.convert_to_numpy(call(allowed))
    for dtype in ("bool", "int32"):
        found = traced(call, ops.convert_to_tensor(allowed.astype(dtype)))
        np.testing.assert_allclose(ops.convert_to_numpy(found), expected, atol=1e-6)
    with pytest.raises(ValueError, match=r"to be boolean, as its numbers are not known .*keras.ops.cast\(mask, 'bool'"):
        traced(call, ops.convert_to_tensor(allowed.astype("float32")))


@pytest.mark.skipif(BACKEND == "torch", reason="torch.compile turns NumPy arrays into its own tensors")
def test_numbers_of_numpy_are_known_while_a_function_is_traced():
    ones = PAIRS.astype("float32")
    found = traced(lambda x: scaled_dot_product_attention(x, x, x, ones)[0], ops.convert_to_tensor(X))
    np.testing.assert_allclose(
        ops.convert_to_numpy(found), ops.convert_to_numpy(TAKERS["function"][0](PAIRS)), atol=1e-6
    )
    with pytest.raises(ValueError, match="received -1"):
        traced(lambda x: scaled_dot_product_attention(x, x, x, ones - 1)[0], ops.convert_to_tensor(X))


def test_a_functional_model_takes_boolean_and_integer_masks_and_refuses_floats():
    vectors = keras.Input((None, WIDTH))
    for dtype in ("bool", "int32"):
        mask = keras.Input((None, None), dtype=dtype)
        model = keras.Model([vectors, mask], attention(vectors, vectors, attention_mask=mask))
        found = model.predict([X, np.array([PAIRS, PAIRS]).astype(dtype)], verbose=0)
        np.testing.assert_allclose(
            found, ops.convert_to_numpy(TAKERS["attention_mask of attention"][0](PAIRS)), atol=1e-5
        )
    with pytest.raises(ValueError, match=r"expected attention_mask to be boolean, .* received float32"):
        attention(vectors, vectors, attention_mask=keras.Input((None, None)))
    with pytest.raises(ValueError, match=r"expected key_mask to be boolean, .* received float32"):
        attention(vectors, vectors, key_mask=keras.Input((None,)))
    with pytest.raises(ValueError, match=r"expected attention_mask to be boolean, .* received float32"):
        scaled_dot_product_attention(vectors, vectors, vectors, keras.Input((None, None)))


def test_the_mask_that_keras_carries_with_memory_hides_its_padding():
    # As many tokens written as rows in the batch: the mask (B, S) could pass for one of pairs (T, S).
    ids = np.array([[3, 4, 0], [5, 0, 0], [6, 7, 8]])
    memory = keras.layers.Embedding(9, WIDTH, mask_zero=True)(ids)
    written = np.random.default_rng(1).normal(size=(3, 3, WIDTH)).astype("float32")
    expected = decoder_layer(written, ops.convert_to_numpy(memory), memory_mask=(ids > 0)[:, None])
    np.testing.assert_allclose(
        ops.convert_to_numpy(decoder_layer(written, memory)), ops.convert_to_numpy(expected), atol=1e-6
    )
    inputs, tokens = keras.Input((None, WIDTH)), keras.Input((None,), dtype="int32")
    embed = keras.layers.Embedding(9, WIDTH, mask_zero=True)
    model = keras.Model([inputs, tokens], decoder_layer(inputs, embed(tokens)))
    expected = decoder_layer(written, ops.convert_to_numpy(embed(ids)), memory_mask=(ids > 0)[:, None])
    np.testing.assert_allclose(model.predict([written, ids], verbose=0), ops.convert_to_numpy(expected), atol=1e-5)
