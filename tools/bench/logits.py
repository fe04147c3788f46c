"""Measure the scores of a large vocabulary, and their gradients, against the bare matrix products that they need.

Scores are products of vectors with the table of embeddings (weight tying); with their two gradients they need three
products. A ratio above 1 says that ours is faster than the three alone; ours is meant to stay within twice their time,
a ratio of 0.5. Each backend runs in a process of its own.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.bench.pairs import SEED, Benchmark, figures, modes, waiting_call

BATCH, LENGTH, WIDTH, VOCABULARY = 8, 128, 64, 10_000


def measure(repeats: int) -> Iterator[dict[str, Any]]:
    """Measure the backend at hand, compiled and not, one row each."""
    import keras

    from utils.runtime import prepare

    rng, backend = prepare(SEED), keras.backend.backend()
    shapes = ((BATCH, LENGTH, WIDTH), (VOCABULARY, WIDTH), (BATCH, LENGTH, VOCABULARY))
    inputs = [keras.ops.convert_to_tensor(rng.normal(size=shape).astype("float32")) for shape in shapes]
    check_same(inputs)
    for compiled in modes(backend):
        calls = waiting_call(scores_and_gradients, inputs, compiled), waiting_call(bare_products, inputs, compiled)
        yield {
            "backend": backend,
            "mode": "compiled" if compiled else "eager",
            **figures(calls, repeats, "bare"),
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


SIZES = {"batch": BATCH, "length": LENGTH, "width": WIDTH, "vocabulary": VOCABULARY}
RIVAL = "the bare products (meant: at least 0.5)"
BENCHMARK = Benchmark(__file__, __doc__, measure, "logits-bench", RIVAL, SIZES, repeats=15)

if __name__ == "__main__":
    sys.exit(BENCHMARK.main())
