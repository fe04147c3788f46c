"""Measure how the time of one attention call grows with the length and with key_dim, beside what can be counted.

One sequence, one head, value_dim equal to key_dim, on the backend that KERAS_BACKEND names. The configurations take
turns, so that a busy moment of the machine touches all of them; each figure is a median.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import keras
import numpy as np

from tools.bench.pairs import waiting_call
from tools.measure.results import command_line, write_result
from utils import runtime
from utils.attention import attention_cost, scaled_dot_product_attention

LENGTHS = (128, 256, 512, 1024, 2048, 4096)
KEY_DIMS = (16, 32, 64, 128, 256)
KEY_DIM, LENGTH = 64, 1024
FITTED = 3
SEED = 0
WARM_UP = 2


def configurations() -> list[dict[str, Any]]:
    """Return one row for each configuration, with what can be counted."""
    sizes = [("length", length, KEY_DIM) for length in LENGTHS] + [("key_dim", LENGTH, dim) for dim in KEY_DIMS]
    rows = []
    for sweep, length, key_dim in sizes:
        cost = attention_cost(length, length, key_dim, key_dim)
        rows.append(
            {
                "sweep": sweep,
                "num_queries": length,
                "num_keys": length,
                "key_dim": key_dim,
                "multiplications": cost.multiplications,
                "weight_bytes": cost.weight_elements * np.dtype("float32").itemsize,
            }
        )
    return rows


def measure(rows: list[dict[str, Any]], repeats: int) -> None:
    """Add the median time of a call to each row."""
    rng = runtime.prepare(SEED)
    inputs = [[_draw(rng, row) for _ in range(3)] for row in rows]
    calls = [waiting_call(scaled_dot_product_attention, arrays, compiled=False) for arrays in inputs]
    times: list[list[float]] = [[] for _ in rows]
    for turn in range(WARM_UP + repeats):
        for at, call in enumerate(calls):
            start = time.perf_counter()
            call()
            times[at].append(1e3 * (time.perf_counter() - start))
        print(f"\r{turn + 1} of {WARM_UP + repeats} rounds", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    for row, series in zip(rows, times, strict=True):
        row["milliseconds"] = round(float(np.median(series[WARM_UP:])), 4)


def _draw(rng: np.random.Generator, row: dict[str, Any]) -> Any:
    """Draw one input (1, length, key_dim)."""
    return keras.ops.convert_to_tensor(rng.normal(size=(1, row["num_keys"], row["key_dim"])).astype("float32"))


def fitted_slope(rows: list[dict[str, Any]], sweep: str, size: str, points: int = FITTED) -> float:
    """Return the slope of log time against log size over the largest sizes of one sweep.

    Args:
        rows: rows with "sweep", "milliseconds" and the size.
        sweep: "length" or "key_dim".
        size: the key of the size, for instance "num_keys".
        points: how many of the largest sizes to fit.
    """
    largest = sorted((row for row in rows if row["sweep"] == sweep), key=lambda row: row[size])[-points:]
    logs = [np.log([row[name] for row in largest]) for name in (size, "milliseconds")]
    return round(float(np.polyfit(*logs, 1)[0]), 3)


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15, help="timed calls of each configuration (default: 15)")
    chosen = parser.parse_args(arguments)
    if chosen.repeats < 1:
        parser.error(f"expected --repeats of at least 1; received {chosen.repeats}")
    rows = configurations()
    measure(rows, chosen.repeats)
    slopes = {
        sweep: fitted_slope(rows, sweep, size) for sweep, size in (("length", "num_keys"), ("key_dim", "key_dim"))
    }
    command = command_line("tools/measure/attention_cost.py", sys.argv[1:] if arguments is None else arguments)
    about = {"backend": keras.backend.backend(), "device": runtime.device().kind, "repeats": chosen.repeats}
    path = write_result("attention-cost", rows, command, SEED, slopes=slopes, fitted_points=FITTED, **about)
    for row in rows:
        print(f"T = S = {row['num_keys']:>5}, key_dim {row['key_dim']:>4}: {row['milliseconds']:>9.2f} ms")
    print(f"time grows as length^{slopes['length']:.2f} and as key_dim^{slopes['key_dim']:.2f}; wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
