"""Measure our MultiHeadAttention against Keras's, both in one run, in turns.

Both have the same weights, attend from a batch to itself and return the output alone. A training step is the forward
pass and the gradients of all weights. A ratio above 1 says that ours is faster. Each backend runs in a process of its
own.
"""

import argparse
import functools
import importlib.util
import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.bench import attention as bench
from tools.measure.results import command_line, write_result

BATCH, WIDTH, NUM_HEADS, KEY_DIM = 32, 128, 4, 32
LENGTHS = (64, 256)
SEED = 0
COLUMNS = ("backend", "length", "pass", "mode")


def measure(repeats: int) -> Iterator[dict[str, Any]]:
    """Measure every combination on the backend at hand, one row each."""
    import keras

    from utils.runtime import prepare

    rng, backend = prepare(SEED), keras.backend.backend()
    for length in LENGTHS:
        array = rng.normal(size=(BATCH, length, WIDTH)).astype("float32")
        layers, inputs = make_pair(array.shape), keras.ops.convert_to_tensor(array)
        check_same(layers, inputs)
        for training, compiled in itertools.product((False, True), bench.modes(backend)):
            calls = tuple(prepare_call(layer, inputs, training, compiled) for layer in layers)
            ours_ms, keras_ms, ratio = bench.compare(calls, repeats)
            yield {
                "backend": backend,
                "length": length,
                "pass": "training step" if training else "forward",
                "mode": "compiled" if compiled else "eager",
                "ours_ms": round(ours_ms, 3),
                "keras_ms": round(keras_ms, 3),
                "ratio": round(ratio, 3),
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


run_backend = functools.partial(bench.run_backend, program=__file__)


def show(row: dict[str, Any]) -> dict[str, Any]:
    """Print one row of the table as soon as it is measured, and return it."""
    cells = "".join(f"{row[column]!s:<16}" for column in COLUMNS)
    print(f"{cells}{row['ours_ms']:>9.2f} ms{row['keras_ms']:>9.2f} ms{row['ratio']:>7.2f}", flush=True)
    return row


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    installed = [name for name in bench.BACKENDS if importlib.util.find_spec(name)]
    parser.add_argument("--repeats", type=int, default=30, help="timed calls of each side (default: 30)")
    parser.add_argument("--backends", nargs="+", choices=bench.BACKENDS, default=installed, help="default: installed")
    parser.add_argument("--rows-to", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.repeats < 1:
        parser.error(f"expected --repeats of at least 1; received {chosen.repeats}")
    return chosen


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; return 0, 1 when a backend could not be measured, or 130 when interrupted."""
    chosen = parse(arguments)
    if chosen.rows_to:
        chosen.rows_to.write_text(json.dumps([show(row) for row in measure(chosen.repeats)]), encoding="utf-8")
        return 0
    print("".join(f"{column:<16}" for column in COLUMNS) + f"{'ours':>12}{'Keras':>12}{'ratio':>7}", flush=True)
    try:
        rows = [row for backend in chosen.backends for row in run_backend(backend, chosen.repeats)]
    except subprocess.CalledProcessError as error:
        print(f"{error.cmd[1]} failed with exit code {error.returncode}; nothing was written", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return 130
    command = command_line("tools/bench/layers.py", sys.argv[1:] if arguments is None else arguments)
    sizes = {"batch": BATCH, "width": WIDTH, "num_heads": NUM_HEADS, "key_dim": KEY_DIM}
    write_result("layers-bench", rows, command, SEED, repeats=chosen.repeats, warm_up=bench.WARM_UP, **sizes)
    for backend in chosen.backends:
        ratios = [row["ratio"] for row in rows if row["backend"] == backend]
        print(f"{backend}: ours is {min(ratios):.2f} to {max(ratios):.2f} times as fast as Keras's layer")
    return 0


if __name__ == "__main__":
    sys.exit(main())
