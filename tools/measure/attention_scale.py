"""Measure what division by the root of d_k does to two gradients at the start of training.

For random queries and keys take the derivatives of a query's weights, by its scores (the gradient of the softmax) and
by the query itself. The size of each is the root of the sum of its squares, once with the dot products divided by the
root of d_k and once undivided, on the same draws. Each row holds means and standard deviations over the seeds. NumPy
alone; takes a few minutes.
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

# (number of keys, d_k, variance of the entries of queries and keys)
SETTINGS = (
    *((keys, width, 1.0) for keys in (10, 64) for width in (4, 16, 64, 256, 1024)),
    *((512, width, 1.0) for width in (64, 256, 1024)),
    (64, 64, 0.5),
)
SEEDS = 20
QUERIES = 250
PART = 2**20  # entries of keys that are held at a time


def gradient_sizes(query: np.ndarray, key: np.ndarray, scale: float) -> dict[str, np.ndarray]:
    """Return the sizes (N,) of the derivatives of each query's weights, by its scores and by the query.

    Args:
        query: (N, key_dim), one query for each set of keys.
        key: (N, S, key_dim).
        scale: factor on the dot products.

    Example:
        >>> sizes = gradient_sizes(np.zeros((1, 1)), np.array([[[1.0], [-1.0]]]), 2.0)
        >>> {name: size.round(3).tolist() for name, size in sizes.items()}  # ∂w/∂s = ±(½)(½), ∂w/∂q = ±2·(½)(½)·2
        {'by_scores': [0.5], 'by_query': [1.414]}
    """
    scores = np.einsum("qd,qsd->qs", query, key) * scale
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = exponentials / exponentials.sum(axis=1, keepdims=True)
    # Row i of the Jacobian of the softmax holds w_i (1 - w_i), and -w_i w_j for each other j.
    squares = weights**2
    others = np.maximum(squares.sum(axis=1, keepdims=True) - squares, 0)
    by_scores = np.sqrt((squares * ((1 - weights) ** 2 + others)).sum(axis=1))
    # Its product with the keys times the scale, row i: w_i (k_i - mean key) * scale.
    from_mean = np.linalg.norm(key - np.einsum("qs,qsd->qd", weights, key)[:, None], axis=2)
    by_query = np.linalg.norm(weights * from_mean, axis=1) * scale
    return {"by_scores": by_scores, "by_query": by_query}


def compare(rng: np.random.Generator, setting: tuple, queries: int) -> dict[tuple[str, str], float]:
    """Return medians, and shares of queries, for one draw: divided and undivided on the same vectors."""
    num_keys, key_dim, variance = setting
    query = rng.standard_normal((queries, key_dim)) * variance**0.5
    parts = []
    for part in np.array_split(query, -(-queries * num_keys * key_dim // PART)):
        key = rng.standard_normal((len(part), num_keys, key_dim)) * variance**0.5
        parts.append([gradient_sizes(part, key, scale) for scale in (key_dim**-0.5, 1.0)])
    divided, undivided = (
        {name: np.concatenate([size[name] for size in sizes]) for name in sizes[0]}
        for sizes in zip(*parts, strict=True)
    )
    found = {}
    for name, size in divided.items():
        found[name, "median_divided"] = np.median(size)
        found[name, "median_undivided"] = np.median(undivided[name])
        found[name, "share_larger_undivided"] = (undivided[name] > size).mean()
        found[name, "share_below_a_tenth"] = (undivided[name] < size / 10).mean()
    return found


def measure(settings: Sequence[tuple], seeds: int, queries: int) -> list[dict[str, Any]]:
    """Return one row for each (number of keys, d_k, variance): the mean over seeds, and its standard deviation."""
    rows = []
    for setting in tqdm(settings, desc="settings"):
        draws = [compare(np.random.default_rng(seed), setting, queries) for seed in range(seeds)]
        row: dict[str, Any] = dict(zip(("num_keys", "key_dim", "variance"), setting, strict=True))
        for name, statistic in draws[0]:
            found = [draw[name, statistic] for draw in draws]
            summary = {"mean": round(float(np.mean(found)), 4), "spread": round(float(np.std(found)), 4)}
            row.setdefault(name, {})[statistic] = summary
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
    rows = measure(SETTINGS, chosen.seeds, chosen.queries)
    command = command_line("tools/measure/attention_scale.py", sys.argv[1:] if arguments is None else arguments)
    about = {"seeds": list(range(chosen.seeds)), "queries": chosen.queries}
    path = write_result("attention-scale", rows, command, 0, packages=("numpy",), **about)
    for row in rows:
        print(f"{row['num_keys']} keys, d_k {row['key_dim']}, variance {row['variance']}:")
        for name in ("by_scores", "by_query"):
            print(f"  {name}: " + ", ".join(f"{key} {found['mean']}" for key, found in row[name].items()))
    print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
