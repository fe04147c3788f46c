"""FeedForward, EncoderLayer and DecoderLayer: values by hand and in float64, properties, caches."""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from tests.support.naive_blocks import (
    ACTIVATIONS,
    D_MODEL,
    WIDE,
    B,
    H,
    S,
    T,
    built,
    decode,
    draw_tokens,
    encode,
    feed_forward,
    numbers,
)
from utils.layers.blocks import DecoderLayer, EncoderLayer, FeedForward
from utils.layers.cache import AttentionCache, MemoryCache

AHEAD = np.tril(np.ones((T, T), bool))
SOURCE = np.arange(S) < np.array([[3], [5]])  # (B, S): the first row of the batch is padded


def close(received, expected, tolerance=1e-5):
    np.testing.assert_allclose(numbers(received), expected, rtol=tolerance, atol=tolerance)


def test_feed_forward_by_hand():
    layer = FeedForward(3)
    layer.build((1, 1, 2))
    w1, w2 = [[1, 0, -1], [0, 2, 1]], [[1, 0], [0, 1], [5, 5]]
    layer.set_weights([np.array(array, "float32") for array in (w1, [0, -1, 0], w2, [10, 20])])
    # (3, 2) widens to (3, 4 - 1, -3 + 2); the last is cut to 0, the others are brought back and the bias added.
    close(layer(np.array([[[3, 2]]], "float32")), [[[10 + 3, 20 + 3]]])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_feed_forward_equals_float64_and_treats_each_position_alone(activation):
    (x,) = draw_tokens(T)
    layer = built(FeedForward(WIDE, activation), x)
    close(layer(x), feed_forward(layer, x.astype("float64"), activation))
    close(layer(x[:, ::-1]), numbers(layer(x))[:, ::-1])
    assert layer.count_params() == D_MODEL * WIDE + WIDE + WIDE * D_MODEL + D_MODEL


def test_the_two_forms_of_gelu_differ_by_less_than_a_thousandth_but_do_differ():
    (x,) = draw_tokens(T)
    exact, rough = (built(FeedForward(WIDE, name), x) for name in ("gelu", "gelu_tanh"))
    off = np.abs(numbers(exact(x)) - numbers(rough(x))).max()
    assert 1e-5 < off < 2e-2


OPTIONS = [
    dict(zip(("norm_first", "activation"), pair, strict=True)) for pair in itertools.product((False, True), ACTIVATIONS)
]
MASKS = {
    "none": ({}, True),
    "causal": ({"use_causal_mask": True}, AHEAD),
    "mask": ({"attention_mask": AHEAD[::-1, ::-1]}, AHEAD[::-1, ::-1]),
}


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_encoder_layer_equals_float64(options):
    (x,) = draw_tokens(T)
    layer = built(EncoderLayer(H, WIDE, **options), x)
    close(layer(x), encode(layer, x.astype("float64")))


@pytest.mark.parametrize(("given", "allowed"), MASKS.values(), ids=MASKS)
def test_encoder_layer_equals_float64_under_masks(given, allowed):
    (x,) = draw_tokens(T)
    layer = built(EncoderLayer(H, WIDE), x)
    close(layer(x, **given), encode(layer, x.astype("float64"), np.broadcast_to(allowed, (B, 1, T, T))))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_decoder_layer_equals_float64_and_is_causal_unless_told_otherwise(options):
    x, memory = draw_tokens(T, S)
    layer = built(DecoderLayer(H, WIDE, **options), x, memory)
    close(layer(x, memory), decode(layer, x.astype("float64"), memory, AHEAD))
    close(layer(x, memory, use_causal_mask=False), decode(layer, x.astype("float64"), memory))
    allowed = AHEAD[::-1, ::-1], SOURCE[:, None]
    found = layer(x, memory, attention_mask=allowed[0], memory_mask=allowed[1], use_causal_mask=False)
    close(found, decode(layer, x.astype("float64"), memory, allowed[0], allowed[1][:, None]))


def test_memory_may_have_a_width_of_its_own():
    (x,), memory = draw_tokens(T), np.random.default_rng(3).normal(size=(B, S, 17)).astype("float32")
    layer = built(DecoderLayer(H, WIDE), x, memory)
    close(layer(x, memory), decode(layer, x.astype("float64"), memory, AHEAD))


def test_parameters_are_counted():
    attention, norm = 4 * (D_MODEL * D_MODEL + D_MODEL), 2 * D_MODEL
    feed = D_MODEL * WIDE + WIDE + WIDE * D_MODEL + D_MODEL
    x, memory = draw_tokens(T, S)
    assert built(EncoderLayer(H, WIDE), x).count_params() == attention + feed + 2 * norm
    assert built(DecoderLayer(H, WIDE), x, memory).count_params() == 2 * attention + feed + 3 * norm


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.permutations(range(T)), st.booleans(), st.integers(0, 99))
def test_encoder_layer_is_equivariant_to_the_order_of_tokens(order, norm_first, seed):
    (x,) = draw_tokens(T, seed=seed)
    layer = built(EncoderLayer(H, WIDE, norm_first=norm_first), x)
    close(layer(x[:, order]), numbers(layer(x))[:, order])


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.permutations(range(S)), st.integers(0, 99))
def test_decoder_layer_does_not_mind_the_order_of_memory(order, seed):
    x, memory = draw_tokens(T, S, seed=seed)
    layer = built(DecoderLayer(H, WIDE), x, memory)
    close(
        layer(x, memory[:, order], memory_mask=SOURCE[:, None, order]),
        numbers(layer(x, memory, memory_mask=SOURCE[:, None])),
    )


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("at", range(T))
def test_under_the_causal_mask_a_token_changes_nothing_before_it(norm_first, at):
    x, memory = draw_tokens(T, S)
    changed = x.copy()
    changed[:, at] *= -2  # not a shift, which a normalisation would take away
    encoder = built(EncoderLayer(H, WIDE, norm_first=norm_first), x)
    decoder = built(DecoderLayer(H, WIDE, norm_first=norm_first), x, memory)
    for run in (lambda y: numbers(encoder(y, use_causal_mask=True)), lambda y: numbers(decoder(y, memory))):
        before, after = run(x), run(changed)
        np.testing.assert_array_equal(after[:, :at], before[:, :at])
        assert (np.abs(after[:, at:] - before[:, at:]).max(-1) > 1e-3).all()


def test_hidden_tokens_of_memory_change_nothing():
    x, memory = draw_tokens(T, S)
    layer = built(DecoderLayer(H, WIDE), x, memory)
    changed = np.where(SOURCE[..., None], memory, 7 * memory + 1)
    mask = SOURCE[:, None]
    np.testing.assert_array_equal(
        numbers(layer(x, changed, memory_mask=mask)), numbers(layer(x, memory, memory_mask=mask))
    )
    assert np.abs(numbers(layer(x, changed)) - numbers(layer(x, memory))).max() > 0.01


def test_post_norm_leaves_each_token_normalised_and_pre_norm_leaves_the_sum():
    (x,) = draw_tokens(T)
    post, pre = (EncoderLayer(H, WIDE, norm_first=norm_first) for norm_first in (False, True))
    for layer in (post, pre):
        layer.build(x.shape)
    found = numbers(post(5 * x))
    np.testing.assert_allclose(found.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(found.var(-1), 1, rtol=1e-3)
    for dense in (pre.attention.output_dense, pre.feed_forward.output_dense):
        dense.set_weights([0 * array for array in dense.get_weights()])
    np.testing.assert_array_equal(numbers(pre(x)), x)  # sublayers that add nothing leave the residual stream as it is


def test_a_row_that_may_attend_to_nothing_stays_finite_in_values_and_gradients():
    x, memory = draw_tokens(T, S)
    nothing = np.zeros((B, 1, S), bool)
    layer = built(DecoderLayer(H, WIDE), x, memory)
    bias = layer.memory_attention.get_weights()[-1]
    found = numbers(layer(x, memory, memory_mask=nothing))
    attended = decode(layer, x.astype("float64"), memory, AHEAD, nothing[:, None])
    np.testing.assert_allclose(found, attended, rtol=1e-5, atol=1e-5)
    assert np.isfinite(found).all()
    assert np.abs(bias).max() > 0.1


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("pieces", [(1, 1, 1), (2, 1), (3,), (1, 2)], ids=str)
def test_steps_with_a_cache_equal_one_causal_call(norm_first, pieces):
    x, memory = draw_tokens(T, S)
    encoder = built(EncoderLayer(H, WIDE, norm_first=norm_first), x)
    decoder = built(DecoderLayer(H, WIDE, norm_first=norm_first), x, memory)
    mask = SOURCE[:, None]
    caches, asked = [AttentionCache(T + 2), AttentionCache(T)], MemoryCache(ops.convert_to_tensor(memory), mask)
    ends = np.cumsum(pieces)
    chunks = [ops.convert_to_tensor(x[:, end - piece : end]) for piece, end in zip(pieces, ends, strict=True)]
    of_encoder = [numbers(encoder.step(chunk, caches[0])) for chunk in chunks]
    of_decoder = [numbers(decoder.step(chunk, caches[1], asked)) for chunk in chunks]
    close(np.concatenate(of_encoder, 1), numbers(encoder(x, use_causal_mask=True)))
    close(np.concatenate(of_decoder, 1), numbers(decoder(x, memory, memory_mask=mask)))
    assert [cache.length for cache in caches] == [T, T]


def test_a_full_cache_is_refused():
    (x,) = draw_tokens(T)
    layer, cache = built(EncoderLayer(H, WIDE), x), AttentionCache(T + 1)
    layer.step(ops.convert_to_tensor(x), cache)
    with pytest.raises(ValueError, match=f"at most 1 more tokens, as the cache has 4 slots and holds 3; received {T}"):
        layer.step(ops.convert_to_tensor(x), cache)
    assert cache.length == T
    with pytest.raises(ValueError, match="argument `slots` must be a positive integer; got 0"):
        AttentionCache(0)


def test_dropout_is_applied_to_what_each_sublayer_adds():
    # Sublayers that return ones: in training each entry of the sum gains 0 or 1 / (1 - rate) from each of the two.
    (x,) = draw_tokens(50)
    layer = EncoderLayer(H, WIDE, dropout=0.2, norm_first=True)
    layer.build(x.shape)
    for dense in (layer.attention.output_dense, layer.feed_forward.output_dense):
        kernel, bias = dense.get_weights()
        dense.set_weights([0 * kernel, np.ones_like(bias)])
    np.testing.assert_allclose(numbers(layer(x)) - x, 2, rtol=1e-5)
    added = (numbers(layer(x, training=True)) - x) / 1.25
    shares = [np.isclose(added, times, atol=1e-4).mean() for times in (0, 1, 2)]
    np.testing.assert_allclose(shares, [0.04, 0.32, 0.64], atol=0.06)
    assert sum(shares) == pytest.approx(1)


def test_layers_keep_the_type_of_their_policy():
    x, memory = draw_tokens(T, S)
    for policy, kind in (("mixed_bfloat16", "bfloat16"), ("mixed_float16", "float16")):
        layer = built(DecoderLayer(H, WIDE, dtype=policy), x, memory)
        full = built(DecoderLayer(H, WIDE), x, memory)
        found = layer(x, memory)
        assert keras.backend.standardize_dtype(found.dtype) == kind
        assert {keras.backend.standardize_dtype(weight.dtype) for weight in layer.weights} == {"float32"}
        expected = numbers(full(x, memory))
        unit = {"float16": 2**-11, "bfloat16": 2**-8}[kind]
        np.testing.assert_allclose(
            numbers(ops.cast(found, "float32")), expected, atol=32 * unit * np.abs(expected).max()
        )
