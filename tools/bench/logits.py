"""Measure the scores of a large vocabulary, and their gradients, against the bare matrix products that they need.

Scores are products of vectors with the table of embeddings (weight tying); with their two gradients they need three
products. A ratio above 1 says that ours is faster than the three alone; ours is meant to stay within twice their time,
a ratio of 0.5. Each backend runs in a process of its own.
"""

import argparse
import functools
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.bench import attention as bench
from tools.measure.results import command_line, write_result

BATCH, LENGTH, WIDTH, VOCABULARY = 8, 128, 64, 10_000
SEED = 0


def measure(repeats: int) -> Iterator[dict[str, Any]]:
    """Measure the backend at hand, compiled and not, one row each."""
    import keras

    from utils.runtime import prepare

    rng, backend = prepare(SEED), keras.backend.backend()
    shapes = ((BATCH, LENGTH, WIDTH), (VOCABULARY, WIDTH), (BATCH, LENGTH, VOCABULARY))
    inputs = [keras.ops.convert_to_tensor(rng.normal(size=shape).astype("float32")) for shape in shapes]
    check_same(inputs)
    for compiled in bench.modes(backend):
        calls = prepare_call(scores_and_gradients, inputs, compiled), prepare_call(bare_products, inputs, compiled)
        ours_ms, bare_ms, ratio = bench.compare(calls, repeats)
        yield {
            **{"backend": backend, "mode": "compiled" if compiled else "eager"},
            **{"ours_ms": round(ours_ms, 2), "bare_ms": round(bare_ms, 2), "ratio": round(ratio, 3)},
        }


def scores_and_gradients(hidden: Any, table: Any, cotangent: Any) -> list[Any]:
    """Return our scores (B, T, V), and the gradients of their sum weighted by the cotangent for vectors and table."""
    import keras

    from utils.transformer.embedding import TokenEmbedding

    def scores(hidden: Any, table: Any) -> Any:
        return TokenEmbedding.logits(SimpleNamespace(table=table), hidden)

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch([hidden, table])
            found = scores(hidden, table)
        return [found, *tape.gradient(found, [hidden, table], output_gradients=cotangent)]
    if backend == "jax":
        import jax

        found, pull_back = jax.vjp(scores, hidden, table)
        return [found, *pull_back(cotangent)]
    import torch

    leaves = [tensor.detach().requires_grad_() for tensor in (hidden, table)]
    found = scores(*leaves)
    return [found.detach(), *torch.autograd.grad(found, leaves, cotangent)]


def bare_products(hidden: Any, table: Any, cotangent: Any) -> list[Any]:
    """Return the same by three products of matrices, each with all vectors at once."""
    from keras import ops

    rows, slopes = ops.reshape(hidden, (-1, table.shape[1])), ops.reshape(cotangent, (-1, table.shape[0]))
    return [
        ops.matmul(rows, ops.transpose(table)),
        ops.matmul(slopes, table),
        ops.matmul(ops.transpose(slopes), rows),
    ]


def check_same(inputs: list[Any]) -> None:
    """Raise RuntimeError unless both return the same numbers: else the race would mean nothing."""
    from keras import ops

    for ours, bare in zip(scores_and_gradients(*inputs), bare_products(*inputs), strict=True):
        bare = ops.convert_to_numpy(bare)
        off = abs(ops.convert_to_numpy(ours).reshape(bare.shape) - bare).max() / abs(bare).max()
        if not off < 1e-5:
            raise RuntimeError(f"expected our scores and gradients to equal the bare products; they are off by {off}")


def prepare_call(function: Callable[..., Any], inputs: list[Any], compiled: bool) -> Callable[[], Any]:
    """Return a call without arguments that does all the work before it returns."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        run = jax.jit(function) if compiled else function
        return lambda: jax.block_until_ready(run(*inputs))
    if compiled:
        import tensorflow as tf

        function = tf.function(function)
    return lambda: function(*inputs)


run_backend = functools.partial(bench.run_backend, program=__file__)


def show(row: dict[str, Any]) -> dict[str, Any]:
    """Print one row of the table as soon as it is measured, and return it."""
    print(
        f"{row['backend']:<12}{row['mode']:<10}{row['ours_ms']:>9.1f} ms{row['bare_ms']:>9.1f} ms{row['ratio']:>7.2f}",
        flush=True,
    )
    return row


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; return 0, 1 when a backend could not be measured, or 130 when interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    installed = [name for name in bench.BACKENDS if importlib.util.find_spec(name)]
    parser.add_argument("--repeats", type=int, default=15, help="timed calls of each side (default: 15)")
    parser.add_argument("--backends", nargs="+", choices=bench.BACKENDS, default=installed, help="default: installed")
    parser.add_argument("--rows-to", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.repeats < 1:
        parser.error(f"expected --repeats of at least 1; received {chosen.repeats}")
    if chosen.rows_to:
        chosen.rows_to.write_text(json.dumps([show(row) for row in measure(chosen.repeats)]), encoding="utf-8")
        return 0
    print(f"{'backend':<12}{'mode':<10}{'ours':>12}{'bare':>12}{'ratio':>7}", flush=True)
    try:
        rows = [row for backend in chosen.backends for row in run_backend(backend, chosen.repeats)]
    except subprocess.CalledProcessError as error:
        print(f"{error.cmd[1]} failed with exit code {error.returncode}; nothing was written", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return 130
    command = command_line("tools/bench/logits.py", sys.argv[1:] if arguments is None else arguments)
    sizes = {"batch": BATCH, "length": LENGTH, "width": WIDTH, "vocabulary": VOCABULARY}
    write_result("logits-bench", rows, command, SEED, repeats=chosen.repeats, warm_up=bench.WARM_UP, **sizes)
    slowest = min(row["ratio"] for row in rows)
    print(f"ours takes at most {1 / slowest:.2f} times as long as the bare products (meant: at most 2)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
