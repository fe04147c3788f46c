"""Measure what cutting half of the heads costs a trained layer: at once, and after a little more training.

The task needs two heads (utils/layers/pruning.py). For each seed a layer of one head, one of two and one of four train
from random kernels. Then the two heads of the four whose loss costs most are kept, and then the other two. Takes some
three minutes; a run that was interrupted goes on with the seeds it has.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import keras
import numpy as np
from tqdm import tqdm

from tools.files import Kept
from tools.measure.results import ROOT, command_line, write_result
from utils import runtime
from utils.layers import pruning

SEEDS = tuple(range(1, 21))
STEPS, MORE_STEPS = 300, 100
TRAINED_ON, TESTED_ON = 256, 2000  # sequences
SOLVED = 0.01  # a squared error below this counts as solved; one head alone stays above 4/6
WORK = ROOT / "_build" / "head-cutting.json"


def measure(seed: int, steps: int = STEPS, more_steps: int = MORE_STEPS) -> dict[str, Any]:
    """Train and cut with one seed; return the errors on sequences that training never sees."""
    rng = runtime.prepare(seed)
    train, test = (pruning.difference_examples(rng, count) for count in (TRAINED_ON, TESTED_ON))
    row: dict[str, Any] = {"seed": seed}
    for num_heads in (1, 2, 4):
        model, layer = pruning.train_heads(pruning.head_kernels(rng, num_heads), train, steps)
        row[f"error_{num_heads}_heads"] = _rounded(pruning.squared_error(model, test))
    kernels = layer.get_weights()
    without = pruning.errors_without_each(kernels, test)
    ranked = np.argsort(without)
    for name, kept in (("useful", np.sort(ranked[2:])), ("other", np.sort(ranked[:2]))):
        half = pruning.keep_heads(kernels, kept)
        for when, count in (("at_once", 0), ("after", more_steps)):
            model, _ = pruning.train_heads(half, train, count)
            row[f"error_{name}_half_{when}"] = _rounded(pruning.squared_error(model, test))
    keras.backend.clear_session()
    return row | {"errors_without_each": [_rounded(error) for error in without]}


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return mean, standard deviation, least and greatest of each error, and how many seeds solved the task.

    Example:
        >>> summary([{"error": 0.0, "seed": 1}, {"error": 0.5, "seed": 2}])["error"]["solved"]
        1
    """
    found = {}
    for name in rows[0]:
        if name.startswith("error_") or name == "error":
            errors = np.array([row[name] for row in rows])
            figures = {"mean": errors.mean(), "std": errors.std(ddof=1), "least": errors.min(), "most": errors.max()}
            found[name] = {key: _rounded(value) for key, value in figures.items()}
            found[name]["solved"] = int((errors < SOLVED).sum())
    return found


def _rounded(error: float) -> float:
    return round(float(error), 4)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when the file is written, 130 when interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=WORK, help="keeps figures on the way (default: in _build)")
    options = parser.parse_args(arguments)
    settings = {"backend": keras.backend.backend(), "steps": STEPS, "more_steps": MORE_STEPS}
    settings |= {"trained_on": TRAINED_ON, "tested_on": TESTED_ON, "solved_below": SOLVED}
    found = Kept(options.work, settings)
    try:
        for seed in tqdm(SEEDS, unit="seed"):
            if str(seed) not in found:
                found[str(seed)] = measure(seed)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with the seeds it has", file=sys.stderr)
        return 130
    rows = [found[str(seed)] for seed in SEEDS]
    command = command_line("tools/measure/head_cutting.py", sys.argv[1:] if arguments is None else arguments)
    path = write_result("head-cutting", rows, command, SEEDS[0], seeds=list(SEEDS), **settings, summary=summary(rows))
    for name, figures in summary(rows).items():
        print(f"{name:30} {figures['mean']:.3f} ± {figures['std']:.3f}, solved by {figures['solved']} of {len(rows)}")
    print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
