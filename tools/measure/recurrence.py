"""Measure how well an LSTM and a Transformer of nearly equal size learn to remember over growing distances.

Each model trains from scratch for each distance and each seed, on as many fresh sequences, on the backend that
KERAS_BACKEND names. The task and the models are those of utils/transformer/recall.py. Takes some ten minutes.
"""

import argparse
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import keras
from tqdm import tqdm

from tools.measure.results import command_line, write_result
from utils import runtime
from utils.transformer.recall import KINDS, LETTERS, recall_accuracy, recall_model

DISTANCES = (8, 16, 32, 64, 128)
SEEDS = (1, 2, 3)
STEPS = 300


def measure(distances: Sequence[int], steps: int, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Train every model for every distance and seed, on so many batches; return one row for each."""
    rows = []
    for distance, kind, seed in tqdm(list(itertools.product(distances, KINDS, seeds)), desc="models"):
        rng = runtime.prepare(seed)
        model = recall_model(kind)
        accuracy = recall_accuracy(model, rng, distance, steps)
        row = {"distance": distance, "model": kind, "seed": seed, "parameters": model.count_params()}
        rows.append(row | {"accuracy": round(accuracy, 4)})
        keras.backend.clear_session()
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; return 0, or 130 when interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shown = " ".join(map(str, DISTANCES))
    parser.add_argument("--distances", type=int, nargs="+", default=DISTANCES, help=f"in places (default: {shown})")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"batches for each model (default: {STEPS})")
    chosen = parser.parse_args(arguments)
    if min(*chosen.distances, chosen.steps, 1) < 1:
        parser.error("expected --distances and --steps of at least 1")
    try:
        rows = measure(chosen.distances, chosen.steps, SEEDS)
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return 130
    command = command_line("tools/measure/recurrence.py", sys.argv[1:] if arguments is None else arguments)
    about = {"backend": keras.backend.backend(), "steps": chosen.steps, "chance": 1 / LETTERS}
    path = write_result("recurrence", rows, command, SEEDS[0], **about)
    for row in rows:
        print(f"{row['model']:<12}{row['distance']:>4} places, seed {row['seed']}: {row['accuracy']:.3f}")
    print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
