"""Measure our scaled dot-product attention against Keras's operation, both in one run, in turns.

Both return the output alone. Keras takes (batch, length, heads, key_dim). Ours takes (batch, heads, length, key_dim):
"native" gives each its own layout, "Keras's" gives both Keras's, so that ours pays for moving the axes there and back.
A ratio above 1 says that ours is faster. Each backend runs in a process of its own.
"""

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.bench.pairs import SEED, Benchmark, figures, modes, waiting_call

SHAPES = ((32, 4, 64, 32), (32, 4, 256, 32))


def measure(repeats: int) -> Iterator[dict[str, Any]]:
    """Measure every combination on the backend at hand, one row each."""
    import keras
    import numpy as np

    from utils.runtime import prepare

    rng, backend = prepare(SEED), keras.backend.backend()
    for shape in SHAPES:
        drawn = [rng.normal(size=shape).astype("float32") for _ in range(3)]
        ours_inputs = [keras.ops.convert_to_tensor(array) for array in drawn]
        keras_inputs = [keras.ops.convert_to_tensor(np.swapaxes(array, 1, 2).copy()) for array in drawn]
        check_same(ours_inputs, keras_inputs)
        sides = {"native": (ours, ours_inputs), "Keras's": (ours_in_keras_layout, keras_inputs)}
        runs = itertools.product(sides.items(), (False, True), modes(backend))
        for (layout, (side, inputs)), gradient, compiled in runs:
            calls = (
                prepare_call(side, inputs, gradient, compiled),
                prepare_call(keras_operation, keras_inputs, gradient, compiled),
            )
            yield {
                "backend": backend,
                "shape": list(shape),
                "layout": layout,
                "pass": "forward + gradient" if gradient else "forward",
                "mode": "compiled" if compiled else "eager",
                **figures(calls, repeats, "keras"),
            }


def ours(query: Any, key: Any, value: Any) -> Any:
    """Return our output, (batch, heads, length, key_dim)."""
    from utils.attention import scaled_dot_product_attention

    return scaled_dot_product_attention(query, key, value)[0]


def ours_in_keras_layout(query: Any, key: Any, value: Any) -> Any:
    """Return our output from Keras's layout and in it."""
    from keras import ops

    return ops.swapaxes(ours(*(ops.swapaxes(array, 1, 2) for array in (query, key, value))), 1, 2)


def keras_operation(query: Any, key: Any, value: Any) -> Any:
    """Return Keras's output, (batch, length, heads, key_dim)."""
    from keras import ops

    return ops.dot_product_attention(query, key, value)


def check_same(ours_inputs: list[Any], keras_inputs: list[Any]) -> None:
    """Raise RuntimeError unless all that is compared returns the same numbers: else the race would mean nothing."""
    import numpy as np
    from keras import ops

    expected = ops.convert_to_numpy(keras_operation(*keras_inputs))
    found = {"native": ops.swapaxes(ours(*ours_inputs), 1, 2), "Keras's": ours_in_keras_layout(*keras_inputs)}
    for layout, output in found.items():
        off = np.abs(ops.convert_to_numpy(output) - expected).max()
        if not off < 1e-5:
            raise RuntimeError(
                f"expected ours in the {layout} layout to equal Keras's output to 1e-5; it is off by {off}"
            )


def prepare_call(function: Callable[..., Any], inputs: list[Any], gradient: bool, compiled: bool) -> Callable[[], Any]:
    """Return a call without arguments that computes the output, or its sum's gradients for all inputs."""
    import keras

    if not gradient:
        return waiting_call(function, inputs, compiled)
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        inputs = [tensor.detach().clone().requires_grad_() for tensor in inputs]
        return lambda: torch.autograd.grad(function(*inputs).sum(), inputs)
    if backend == "jax":
        import jax

        slopes = jax.grad(lambda *tensors: function(*tensors).sum(), argnums=(0, 1, 2))
        return waiting_call(slopes, inputs, compiled)
    import tensorflow as tf

    def slopes(*tensors: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            total = tf.reduce_sum(function(*tensors))
        return tape.gradient(total, tensors)

    return waiting_call(slopes, inputs, compiled)


BENCHMARK = Benchmark(__file__, __doc__, measure, "attention-bench", "Keras's operation", {})

if __name__ == "__main__":
    sys.exit(BENCHMARK.main())
