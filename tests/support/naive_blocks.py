"""Encoder and decoder layers written a second time, in NumPy and float64, for tests to compare with."""

import math

import keras
import numpy as np
from keras import ops

from tests.support.naive_heads import attend_head_by_head
from utils import runtime

# Distinct sizes, so that no axis can stand in for another.
B, T, S, H, D_MODEL, WIDE = 2, 3, 5, 2, 14, 11

numbers = ops.convert_to_numpy
ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2,
    "gelu_tanh": lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
}


def draw_tokens(*lengths, seed=0):
    """Draw one float32 array (B, length, D_MODEL) for each length."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(B, length, D_MODEL)).astype("float32") for length in lengths]


def built(layer, *inputs, seed=1):
    """Build a layer for such inputs and give it weights that are all different, normalisations and biases too."""
    layer.build(*(np.shape(array) for array in inputs))
    rng = np.random.default_rng(seed)
    layer.set_weights([0.5 * rng.normal(size=weight.shape).astype("float32") for weight in layer.weights])
    return layer


def normalise(norm, x):
    """Return what a layer normalisation makes of x: biased variance, epsilon inside the root."""
    gamma, beta = (array.astype("float64") for array in norm.get_weights())
    centred = x - x.mean(-1, keepdims=True)
    return gamma * centred / np.sqrt((centred**2).mean(-1, keepdims=True) + norm.epsilon) + beta


def feed_forward(layer, x, activation):
    """Return equation 2 of the paper for each position."""
    w1, b1, w2, b2 = (array.astype("float64") for array in layer.get_weights())
    return ACTIVATIONS[activation](x @ w1 + b1) @ w2 + b2


def connect(layer, norm, sublayer, x):
    """Return x plus what the sublayer makes of it, normalised before or after."""
    return x + sublayer(normalise(norm, x)) if layer.norm_first else normalise(norm, x + sublayer(x))


def encode(layer, x, allowed=True):
    """Return what an EncoderLayer is to return for x (B, T, D_MODEL)."""
    x = connect(layer, layer.attention_norm, lambda y: attend_head_by_head(layer.attention, y, y, None, allowed)[0], x)
    return connect(layer, layer.feed_forward_norm, lambda y: feed_forward(layer.feed_forward, y, layer.activation), x)


def decode(layer, x, memory, allowed=True, memory_allowed=True):
    """Return what a DecoderLayer is to return for x (B, T, D_MODEL) and memory (B, S, width)."""
    ask = layer.memory_attention
    x = connect(layer, layer.attention_norm, lambda y: attend_head_by_head(layer.attention, y, y, None, allowed)[0], x)
    x = connect(layer, layer.memory_norm, lambda y: attend_head_by_head(ask, y, memory, None, memory_allowed)[0], x)
    return connect(layer, layer.feed_forward_norm, lambda y: feed_forward(layer.feed_forward, y, layer.activation), x)


def slopes_of(layer, inputs, cotangent, **options):
    """Return the gradients of sum(layer(*inputs) * cotangent) for the inputs, then for each weight of a built layer."""
    given = ops.convert_to_tensor(cotangent)
    if keras.backend.backend() == "tensorflow":
        return _slopes_on_tensorflow(layer, inputs, given, options)
    others = [variable.value for variable in layer.non_trainable_variables]

    def loss(*tensors):
        split = len(inputs)
        output, _ = layer.stateless_call(list(tensors[split:]), others, *tensors[:split], **options)
        return ops.sum(output * given)

    return runtime.gradients(loss, *inputs, *layer.get_weights())


def _slopes_on_tensorflow(layer, inputs, given, options):
    import tensorflow as tf

    tensors, weights = [tf.constant(array) for array in inputs], [weight.value for weight in layer.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        total = tf.reduce_sum(layer(*tensors, **options) * given)
    return [numbers(tf.convert_to_tensor(slope)) for slope in tape.gradient(total, tensors + weights)]
