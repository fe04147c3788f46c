"""Measure our MultiHeadAttention against Keras's, both in one run, in turns.

Both have the same weights, attend from a batch to itself and return the output alone. A training step is the forward
pass and the gradients of all weights. A ratio above 1 says that ours is faster. Each backend runs in a process of its
own.
"""

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.bench.pairs import SEED, Benchmark, figures, modes

BATCH, WIDTH, NUM_HEADS, KEY_DIM = 32, 128, 4, 32
LENGTHS = (64, 256)


def measure(repeats: int) -> Iterator[dict[str, Any]]:
    """Measure every combination on the backend at hand, one row each."""
    import keras

    from utils.runtime import prepare

    rng, backend = prepare(SEED), keras.backend.backend()
    for length in LENGTHS:
        array = rng.normal(size=(BATCH, length, WIDTH)).astype("float32")
        layers, inputs = make_pair(array.shape), keras.ops.convert_to_tensor(array)
        check_same(layers, inputs)
        for training, compiled in itertools.product((False, True), modes(backend)):
            calls = tuple(prepare_call(layer, inputs, training, compiled) for layer in layers)
            yield {
                "backend": backend,
                "length": length,
                "pass": "training step" if training else "forward",
                "mode": "compiled" if compiled else "eager",
                **figures(calls, repeats, "keras"),
            }


def make_pair(shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Return our layer and Keras's, built for self-attention on inputs of that shape, with the same weights."""
    import keras

    from utils.layers import MultiHeadAttention

    layers = MultiHeadAttention(NUM_HEADS, KEY_DIM), keras.layers.MultiHeadAttention(NUM_HEADS, KEY_DIM)
    for layer in layers:
        layer.build(shape, shape)
    layers[0].set_weights(layers[1].get_weights())
    return layers


def check_same(layers: tuple[Any, Any], inputs: Any) -> None:
    """Raise RuntimeError unless both layers return the same numbers: else the race would mean nothing."""
    from keras import ops

    ours, theirs = (ops.convert_to_numpy(layer(inputs, inputs)) for layer in layers)
    off = abs(ours - theirs).max()
    if not off < 1e-5:
        raise RuntimeError(f"expected our layer's output to equal Keras's to 1e-5; it is off by {off}")


def prepare_call(layer: Any, inputs: Any, training: bool, compiled: bool) -> Callable[[], Any]:
    """Return a call without arguments that does all the work before it returns."""
    import keras

    calls = {"tensorflow": _tensorflow_call, "jax": _jax_call, "torch": _torch_call}
    return calls[keras.backend.backend()](layer, inputs, training, compiled)


def _tensorflow_call(layer: Any, inputs: Any, training: bool, compiled: bool) -> Callable[[], Any]:
    import tensorflow as tf

    weights = [weight.value for weight in layer.trainable_weights]

    def step() -> Any:
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(tf.square(layer(inputs, inputs, training=True)))
        return tape.gradient(total, weights)

    run = step if training else lambda: layer(inputs, inputs)
    return tf.function(run) if compiled else run


def _jax_call(layer: Any, inputs: Any, training: bool, compiled: bool) -> Callable[[], Any]:
    import jax

    weights = [weight.value for weight in layer.trainable_weights]

    def forward(weights: list[Any], inputs: Any) -> Any:
        return layer.stateless_call(weights, [], inputs, inputs, training=training)[0]

    run = jax.grad(lambda weights, inputs: (forward(weights, inputs) ** 2).sum()) if training else forward
    run = jax.jit(run) if compiled else run
    return lambda: jax.block_until_ready(run(weights, inputs))


def _torch_call(layer: Any, inputs: Any, training: bool, compiled: bool) -> Callable[[], Any]:
    import torch

    weights = [weight.value for weight in layer.trainable_weights]

    def step() -> Any:
        return torch.autograd.grad((layer(inputs, inputs, training=True) ** 2).sum(), weights)

    return step if training else lambda: layer(inputs, inputs)


SIZES = {"batch": BATCH, "width": WIDTH, "num_heads": NUM_HEADS, "key_dim": KEY_DIM}
BENCHMARK = Benchmark(__file__, __doc__, measure, "layers-bench", "Keras's layer", SIZES)

if __name__ == "__main__":
    sys.exit(BENCHMARK.main())
