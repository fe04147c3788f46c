"""Multi-head attention written a second time, head by head in float64, for tests to compare with."""

import keras
import numpy as np
from keras import ops

from tests.support.naive_attention import assert_same as assert_same  # handed on
from tests.support.naive_attention import attend_by_loops
from utils import runtime
from utils.layers import MultiHeadAttention

# Distinct sizes, so that no axis can stand in for another.
B, T, S, H, G, KEY_DIM, VALUE_DIM = 2, 3, 5, 6, 2, 7, 11
QUERY_WIDTH, KEY_WIDTH, VALUE_WIDTH = 13, 17, 19

SIZES = {"num_heads": H, "key_dim": KEY_DIM, "value_dim": VALUE_DIM}

numbers = ops.convert_to_numpy


def draw(seed=0, num_queries=T, num_keys=S):
    """Draw query, value and key, in the order of the layer's arguments."""
    rng = np.random.default_rng(seed)
    shapes = ((B, num_queries, QUERY_WIDTH), (B, num_keys, VALUE_WIDTH), (B, num_keys, KEY_WIDTH))
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def randomise(layer, seed=1):
    """Give a built layer weights that are all different, biases too."""
    rng = np.random.default_rng(seed)
    layer.set_weights([0.4 * rng.normal(size=weight.shape).astype("float32") for weight in layer.weights])
    return layer


def build(inputs=None, layer_class=MultiHeadAttention, **changes):
    """Return a layer of that class for such inputs, with random weights."""
    layer = layer_class(**(SIZES | changes))
    layer.build(*(np.shape(array) for array in (inputs or draw())))
    return randomise(layer)


def named_weights(layer):
    """Return {"query/kernel": array, ...} as float64."""
    pairs = zip(layer.weights, layer.get_weights(), strict=True)
    return {"/".join(weight.path.split("/")[-2:]): array.astype("float64") for weight, array in pairs}


def head_contributions(layer, query, value, key=None, allowed=True, bias=0.0):
    """Return what each head adds to the output, bias aside, (H, B, T, *row), and the weights (B, H, T, S)."""
    found = named_weights(layer)
    key = value if key is None else key
    kernel = found["attention_output/kernel"]
    num_heads, stored = kernel.shape[0], found["key/kernel"].shape[1]
    scores_shape = (query.shape[0], num_heads, query.shape[1], value.shape[1])
    allowed, bias = np.broadcast_to(allowed, scores_shape), np.broadcast_to(bias, scores_shape)
    contributions, weights = [], np.zeros(scores_shape)
    for head in range(num_heads):
        shared = head * stored // num_heads
        rows = []
        for name, array, at in (("query", query, head), ("key", key, shared), ("value", value, shared)):
            shift = found[f"{name}/bias"][at] if f"{name}/bias" in found else 0
            rows.append(np.asarray(array, "float64") @ found[f"{name}/kernel"][:, at] + shift)
        mixed, weights[:, head] = attend_by_loops(*rows, allowed[:, head], bias[:, head])
        contributions.append(np.tensordot(mixed, kernel[head], axes=1))
    return np.array(contributions), weights


def attend_head_by_head(layer, query, value, key=None, allowed=True, bias=0.0):
    """Return output (B, T, *row) and weights (B, H, T, S)."""
    contributions, weights = head_contributions(layer, query, value, key, allowed, bias)
    return contributions.sum(0) + named_weights(layer).get("attention_output/bias", 0), weights


def run(layer, *inputs, **options):
    """Return the layer's output and weights as NumPy arrays."""
    return [numbers(part) for part in layer(*inputs, return_attention_scores=True, **options)]


def assert_same_slopes(received, expected):
    """Compare gradients; that for the bias of key is but rounding, as a shift of all scores changes nothing."""
    for at, (got, want) in enumerate(zip(received, expected, strict=True)):
        np.testing.assert_allclose(
            got, want, rtol=1e-5, atol=1e-5 * max(1, np.abs(want).max()), err_msg=f"gradient {at}"
        )


def slopes(layer, inputs, cotangent, **options):
    """Return the gradients of sum(output * cotangent) for the inputs and then for each weight of a built layer.

    The weights of attention are asked for as well: without them Keras's layer on JAX wants values as wide as keys.
    """
    given, options = ops.convert_to_tensor(cotangent), options | {"return_attention_scores": True}
    if keras.backend.backend() == "tensorflow":
        return _slopes_tensorflow(layer, inputs, given, options)
    others = [variable.value for variable in layer.non_trainable_variables]

    def loss(*tensors):
        split = len(inputs)
        results, _ = layer.stateless_call(list(tensors[split:]), others, *tensors[:split], **options)
        return ops.sum(results[0] * given)

    return runtime.gradients(loss, *inputs, *layer.get_weights())


def _slopes_tensorflow(layer, inputs, given, options):
    import tensorflow as tf

    tensors, weights = [tf.constant(array) for array in inputs], [weight.value for weight in layer.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        total = tf.reduce_sum(layer(*tensors, **options)[0] * given)
    return [numbers(slope) for slope in tape.gradient(total, tensors + weights)]
