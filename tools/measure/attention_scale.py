"""Measure what division by the root of d_k does to the first step of training: how far weights move with the query.

For random queries and keys of variance 1, take the size of the derivative of a query's weights by the query (the root
of the sum of its squared entries), once with the dot products divided by the root of d_k and once undivided, on the
same draws. Each row holds means and standard deviations over the seeds. NumPy alone; takes about a minute.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from tqdm import tqdm

from tools.measure.results import command_line, write_result

NUM_KEYS = (10, 64)
KEY_DIMS = (4, 16, 64, 256)
SEEDS = 20
QUERIES = 1000


def weights_and_reach(query: np.ndarray, key: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return each query's weights and the size of their derivative by the query.

    Args:
        query: (N, key_dim), one query for each set of keys.
        key: (N, S, key_dim).
        scale: factor on the dot products.

    Returns:
        (weights, reach): (N, S) and (N,).

    Example:
        >>> weights, reach = weights_and_reach(np.zeros((1, 1)), np.array([[[1.0], [-1.0]]]), 2.0)
        >>> weights.tolist(), reach.round(3).tolist()  # ∂w/∂q = ±2·(½)(½)·2
        ([[0.5, 0.5]], [1.414])
    """
    scores = np.einsum("qd,qsd->qs", query, key) * scale
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = exponentials / exponentials.sum(axis=1, keepdims=True)
    # The Jacobian of the softmax times the keys: w_i (k_i - mean key), since d s_j / d q = k_j * scale.
    mean_key = np.einsum("qs,qsd->qd", weights, key)
    from_mean = np.sqrt(np.square(key - mean_key[:, None]).sum(axis=2))
    return weights, np.sqrt(np.square(weights * from_mean).sum(axis=1)) * scale


def compare(rng: np.random.Generator, num_keys: int, key_dim: int, queries: int) -> dict[str, float]:
    """Return medians, means and shares of queries for one draw, divided and undivided on the same vectors."""
    query, key = rng.standard_normal((queries, key_dim)), rng.standard_normal((queries, num_keys, key_dim))
    divided_weights, divided = weights_and_reach(query, key, key_dim**-0.5)
    undivided_weights, undivided = weights_and_reach(query, key, 1.0)
    return {
        "median_divided": np.median(divided),
        "median_undivided": np.median(undivided),
        "mean_divided": divided.mean(),
        "mean_undivided": undivided.mean(),
        "share_larger_undivided": (undivided > divided).mean(),
        "share_below_a_tenth": (undivided < divided / 10).mean(),
        "largest_weight_divided": np.median(divided_weights.max(axis=1)),
        "largest_weight_undivided": np.median(undivided_weights.max(axis=1)),
        "share_above_0.99_undivided": (undivided_weights.max(axis=1) > 0.99).mean(),
    }


def measure(num_keys: Sequence[int], key_dims: Sequence[int], seeds: int, queries: int) -> list[dict[str, Any]]:
    """Return one row for each number of keys and each key_dim: the mean over seeds, and its standard deviation."""
    rows = []
    for keys, key_dim in tqdm([(keys, key_dim) for keys in num_keys for key_dim in key_dims], desc="settings"):
        draws = [compare(np.random.default_rng(seed), keys, key_dim, queries) for seed in range(seeds)]
        row: dict[str, Any] = {"num_keys": keys, "key_dim": key_dim}
        for name in draws[0]:
            found = [draw[name] for draw in draws]
            row[name] = {"mean": round(float(np.mean(found)), 4), "spread": round(float(np.std(found)), 4)}
        rows.append(row)
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="draws of each setting (default: %(default)s)")
    parser.add_argument("--queries", type=int, default=QUERIES, help="queries of each draw (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    if min(chosen.seeds, chosen.queries) < 1:
        parser.error(f"expected --seeds and --queries of at least 1; received {chosen.seeds} and {chosen.queries}")
    rows = measure(NUM_KEYS, KEY_DIMS, chosen.seeds, chosen.queries)
    command = command_line("tools/measure/attention_scale.py", sys.argv[1:] if arguments is None else arguments)
    about = {"seeds": list(range(chosen.seeds)), "queries": chosen.queries}
    path = write_result("attention-scale", rows, command, 0, packages=("numpy",), **about)
    for row in rows:
        shares = f"{row['share_larger_undivided']['mean']:.0%} larger, {row['share_below_a_tenth']['mean']:.0%} < 1/10"
        print(f"{row['num_keys']:>3} keys, d_k {row['key_dim']:>3}: undivided {shares}")
    print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
