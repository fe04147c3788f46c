"""Measure our scaled dot-product attention against Keras's operation, both in one run, in turns.

Both return the output alone. Keras takes (batch, length, heads, key_dim). Ours takes (batch, heads, length, key_dim):
"native" gives each its own layout, "Keras's" gives both Keras's, so that ours pays for moving the axes there and back.
A ratio above 1 says that ours is faster. Each backend runs in a process of its own.
"""

import argparse
import importlib.util
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.measure.results import ROOT, command_line, write_result

BACKENDS = ("tensorflow", "jax", "torch")
SHAPES = ((32, 4, 64, 32), (32, 4, 256, 32))
SEED = 0
WARM_UP = 3


def measure(repeats: int) -> Iterator[dict[str, Any]]:
    """Measure every combination on the backend at hand, one row each."""
    import keras
    import numpy as np

    from utils.runtime import prepare

    rng = prepare(SEED)
    for shape in SHAPES:
        drawn = [rng.normal(size=shape).astype("float32") for _ in range(3)]
        ours_inputs = [keras.ops.convert_to_tensor(array) for array in drawn]
        keras_inputs = [keras.ops.convert_to_tensor(np.swapaxes(array, 1, 2).copy()) for array in drawn]
        _check_same(ours_inputs, keras_inputs)
        sides = {"native": (_ours, ours_inputs), "Keras's": (_ours_in_keras_layout, keras_inputs)}
        runs = itertools.product(sides.items(), (False, True), modes(keras.backend.backend()))
        for (layout, (ours, given)), gradient, compiled in runs:
            calls = (_call(ours, given, gradient, compiled), _call(_keras, keras_inputs, gradient, compiled))
            ours_ms, keras_ms, ratio = compare(calls, repeats)
            yield {
                "backend": keras.backend.backend(),
                "shape": list(shape),
                "layout": layout,
                "pass": "forward + gradient" if gradient else "forward",
                "mode": "compiled" if compiled else "eager",
                "ours_ms": round(ours_ms, 4),
                "keras_ms": round(keras_ms, 4),
                "ratio": round(ratio, 3),
            }


def _ours(query: Any, key: Any, value: Any) -> Any:
    from utils.attention import scaled_dot_product_attention

    return scaled_dot_product_attention(query, key, value)[0]


def _ours_in_keras_layout(query: Any, key: Any, value: Any) -> Any:
    from keras import ops

    return ops.swapaxes(_ours(*(ops.swapaxes(array, 1, 2) for array in (query, key, value))), 1, 2)


def _keras(query: Any, key: Any, value: Any) -> Any:
    from keras import ops

    return ops.dot_product_attention(query, key, value)


def _check_same(ours_inputs: list[Any], keras_inputs: list[Any]) -> None:
    """Raise RuntimeError unless all that is compared returns the same numbers: else the race would mean nothing."""
    import numpy as np
    from keras import ops

    expected = ops.convert_to_numpy(_keras(*keras_inputs))
    found = {"native": ops.swapaxes(_ours(*ours_inputs), 1, 2), "Keras's": _ours_in_keras_layout(*keras_inputs)}
    for layout, output in found.items():
        off = np.abs(ops.convert_to_numpy(output) - expected).max()
        if not off < 1e-5:
            raise RuntimeError(
                f"expected ours in the {layout} layout to equal Keras's output to 1e-5; it is off by {off}"
            )


def modes(backend: str) -> tuple[bool, ...]:
    """Return whether to compile: PyTorch runs eagerly, the others both ways."""
    return (False,) if backend == "torch" else (False, True)


def _call(function: Callable[..., Any], inputs: list[Any], gradient: bool, compiled: bool) -> Callable[[], Any]:
    """Return a call without arguments that does all the work before it returns."""
    import keras

    prepare_call = {"tensorflow": _tensorflow_call, "jax": _jax_call, "torch": _torch_call}[keras.backend.backend()]
    return prepare_call(function, inputs, gradient, compiled)


def _tensorflow_call(function: Callable[..., Any], inputs: list[Any], gradient: bool, compiled: bool) -> Callable:
    import tensorflow as tf

    def with_gradient(*tensors: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            total = tf.reduce_sum(function(*tensors))
        return tape.gradient(total, tensors)

    run = with_gradient if gradient else function
    run = tf.function(run) if compiled else run
    return lambda: run(*inputs)


def _jax_call(function: Callable[..., Any], inputs: list[Any], gradient: bool, compiled: bool) -> Callable:
    import jax

    run = jax.grad(lambda *tensors: function(*tensors).sum(), argnums=(0, 1, 2)) if gradient else function
    run = jax.jit(run) if compiled else run
    return lambda: jax.block_until_ready(run(*inputs))


def _torch_call(function: Callable[..., Any], inputs: list[Any], gradient: bool, compiled: bool) -> Callable:
    import torch

    if not gradient:
        return lambda: function(*inputs)
    leaves = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    return lambda: torch.autograd.grad(function(*leaves).sum(), leaves)


def compare(calls: tuple[Callable[[], Any], Callable[[], Any]], repeats: int) -> tuple[float, float, float]:
    """Call both in turns, each as often first as last.

    Returns:
        Median milliseconds of the first and of the second, and the median over the turns of second / first: within a
        turn both meet the same machine, however busy it is.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(WARM_UP + repeats):
        order = list(enumerate(calls))
        for at, call in order if turn % 2 else reversed(order):
            start = time.perf_counter()
            call()
            times[at].append(1e3 * (time.perf_counter() - start))
    first, second = (series[WARM_UP:] for series in times)
    ratios = [after / before for before, after in zip(first, second, strict=True)]
    return statistics.median(first), statistics.median(second), statistics.median(ratios)


def run_backend(backend: str, repeats: int, program: str = __file__) -> list[dict[str, Any]]:
    """Measure one backend by a program in a process of its own and return its rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, program, "--repeats", str(repeats), "--rows-to", str(path)]
        subprocess.run(command, env=environment, check=True)
        return json.loads(path.read_text(encoding="utf-8"))


def show(row: dict[str, Any]) -> dict[str, Any]:
    """Print one row of the table as soon as it is measured, and return it."""
    shape = str(tuple(row["shape"]))
    print(
        f"{row['backend']:<11}{shape:<18}{row['layout']:<9}{row['pass']:<19}{row['mode']:<9}"
        f"{row['ours_ms']:>9.2f} ms{row['keras_ms']:>9.2f} ms{row['ratio']:>7.2f}",
        flush=True,
    )
    return row


def summarise(path: Path) -> None:
    """Print on what the stored figures were measured, and the range of ratios of each backend."""
    record = json.loads(path.read_text(encoding="utf-8"))
    print(*record["machine"].values(), *(f"{name} {version}" for name, version in record["versions"].items()), sep=", ")
    for backend in dict.fromkeys(row["backend"] for row in record["rows"]):
        ratios = [row["ratio"] for row in record["rows"] if row["backend"] == backend]
        print(f"{backend}: ours is {min(ratios):.2f} to {max(ratios):.2f} times as fast as Keras's operation")


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; return 0, or 1 when a backend could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    installed = [name for name in BACKENDS if importlib.util.find_spec(name)]
    parser.add_argument("--repeats", type=int, default=30, help="timed calls of each side (default: 30)")
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=installed, help="default: those installed")
    parser.add_argument("--rows-to", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.repeats < 1:
        parser.error(f"expected --repeats of at least 1; received {chosen.repeats}")
    if chosen.rows_to:
        rows = [show(row) for row in measure(chosen.repeats)]
        chosen.rows_to.write_text(json.dumps(rows), encoding="utf-8")
        return 0
    print(f"{'backend':<11}{'shape':<18}{'layout':<9}{'pass':<19}{'mode':<9}{'ours':>12}{'Keras':>12}{'ratio':>7}")
    try:
        rows = [row for backend in chosen.backends for row in run_backend(backend, chosen.repeats)]
    except subprocess.CalledProcessError as error:
        print(f"{error.cmd[1]} failed with exit code {error.returncode}; nothing was written", file=sys.stderr)
        return 1
    command = command_line("tools/bench/attention.py", sys.argv[1:] if arguments is None else arguments)
    summarise(write_result("attention-bench", rows, command, SEED, repeats=chosen.repeats, warm_up=WARM_UP))
    return 0


if __name__ == "__main__":
    sys.exit(main())
