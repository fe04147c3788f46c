"""Measure whether mini-bert earns its place: fine-tuned on SST-2, against the same network from random weights.

Both are trained by utils.finetuning with one recipe and three seeds; beside them stands TF-IDF with logistic
regression. Accuracies on dev and test go to data/results with the SHA-256 of the weights, and into the checkpoint's
card. Needs BOOK_DATA_DIR with sst2/. Finished trainings are kept: Ctrl-C loses only the one under way.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from tools.measure.real import baseline_model, length_for, timed_training
from tools.measure.results import FINE_TUNING_PACKAGES, RESULTS, ROOT, command_line, kept, write_result
from tools.pretraining import card
from utils import corpora
from utils.finetuning import FineTuning

CHECKPOINT = ROOT / "data" / "checkpoints" / "mini-bert"
WORK = ROOT / "_build" / "measure-checkpoint"
SEEDS = (0, 1, 2)
NAMES = {True: "mini-bert, fine-tuned", False: "the same network from random weights"}
BASELINE = "TF-IDF + logistic regression"
QUANTILE = 0.995
DIGITS = 4
FLOOR, MARGIN = 0.819, 0.02


def measure(
    pretrained: bool, seed: int, recipe: dict[str, Any], train: corpora.Corpus, held_out: dict[str, corpora.Corpus]
) -> dict[str, float]:
    """Fine-tune once; return accuracies by split, and seconds of training."""
    choices = {name: recipe[name] for name in ("max_length", "batch_size")} | {"seed": seed, "pretrained": pretrained}
    tuning = FineTuning(train.texts, train.labels, recipe["folder"], classes=train.classes, **choices)
    _, seconds, accuracy = timed_training(tuning, recipe["learning_rate"], recipe["epochs"], held_out)
    return {"seconds": round(seconds, 1)} | {split: round(value, DIGITS) for split, value in accuracy.items()}


def measure_once(work: Path, weights: str, pretrained: bool, seed: int, recipe: dict, *texts: Any) -> dict[str, float]:
    """Return what `measure` finds, or found in an earlier run with the same weights, recipe and seed."""
    chosen = {name: value for name, value in recipe.items() if name != "folder"}
    key = json.dumps([weights, pretrained, seed, chosen, sorted(texts[1])])
    path = work / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
    return kept(path, lambda: measure(pretrained, seed, recipe, *texts))


def measure_baseline(train: corpora.Corpus, held_out: dict[str, corpora.Corpus]) -> dict[str, float]:
    """Return accuracies by split, and seconds, of logistic regression on TF-IDF of one and two words."""
    begun = time.perf_counter()
    baseline = baseline_model().fit(train.texts, train.labels)
    found = {"seconds": round(time.perf_counter() - begun, 1)}
    for split, corpus in held_out.items():
        found[split] = round(float(baseline.score(corpus.texts, corpus.labels)), DIGITS)
    return found


def summary(name: str, runs: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Return one row: mean accuracies over the runs, each run's, and the mean seconds of a training.

    Example:
        >>> summary("a", [{"dev": 0.5, "seconds": 2.0}, {"dev": 0.6, "seconds": 4.0}])
        {'name': 'a', 'seconds': 3.0, 'dev_accuracy': 0.55, 'dev_accuracies': [0.5, 0.6]}
    """
    row: dict[str, Any] = {"name": name, "seconds": round(float(np.mean([run["seconds"] for run in runs])), 1)}
    for split in (key for key in runs[0] if key != "seconds"):
        accuracies = [run[split] for run in runs]
        row[f"{split}_accuracy"] = round(float(np.mean(accuracies)), DIGITS)
        row[f"{split}_accuracies"] = accuracies
    return row


def shortfalls(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return what is missing from the bar: nothing, if the checkpoint earns its place.

    Its mean accuracy on the test sentences must reach the floor, and its worst seed must beat the best seed of the
    random network by the margin.
    """
    found = {row["name"]: row for row in rows}
    tuned, random = (found[NAMES[pretrained]] for pretrained in (True, False))
    told = []
    if tuned["test_accuracy"] < FLOOR:
        told.append(f"expected a mean test accuracy of at least {FLOOR}; it is {tuned['test_accuracy']}")
    lead = round(min(tuned["test_accuracies"]) - max(random["test_accuracies"]), DIGITS)
    if lead < MARGIN:
        told.append(f"expected its worst seed {MARGIN} above the best one from random weights; it is {lead:+.4f}")
    return told


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT, help="default: data/checkpoints/mini-bert")
    parser.add_argument("--learning-rate", type=float, default=5e-4, help="the cycle's peak (default: 0.0005)")
    parser.add_argument("--epochs", type=int, default=3, help="passes over the training sentences (default: 3)")
    parser.add_argument("--batch-size", type=int, default=32, help="sentences in a step (default: 32)")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), help="default: 0 1 2")
    parser.add_argument("--dev-only", action="store_true", help="to choose a recipe: no test sentences, no file")
    parser.add_argument(
        "--work", type=Path, default=WORK, help="finished trainings (default: _build/measure-checkpoint)"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 if the bar is met, 1 if not, 2 if something is missing, 130 when interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = parse(arguments)
    try:
        if not (chosen.checkpoint / "model.safetensors").is_file():
            raise FileNotFoundError(f"expected model.safetensors in {chosen.checkpoint}; run `make pretrain` first")
        splits = {split: corpora.load("sst2", split) for split in ("train", "dev", "test")}
    except (OSError, LookupError, corpora.CorpusError) as error:
        print(f"measure_checkpoint: {error}", file=sys.stderr)
        return 2
    try:
        return compare(chosen, splits, command_line("tools/measure/checkpoint.py", arguments))
    except KeyboardInterrupt:
        print("measure_checkpoint: interrupted; finished trainings are kept", file=sys.stderr)
        return 130


def compare(chosen: argparse.Namespace, splits: dict[str, corpora.Corpus], command: str) -> int:
    """Fine-tune with each seed, write what was found, and say whether the bar is met."""
    train, held_out = splits["train"], {split: splits[split] for split in ("dev", "test")[: 2 - chosen.dev_only]}
    weights = hashlib.sha256((chosen.checkpoint / "model.safetensors").read_bytes()).hexdigest()
    recipe = {name: getattr(chosen, name) for name in ("learning_rate", "epochs", "batch_size")}
    recipe["max_length"] = length_for(chosen.checkpoint, train.texts, QUANTILE)
    at = recipe | {"folder": chosen.checkpoint}
    rows = []
    for pretrained, name in NAMES.items():
        runs = [measure_once(chosen.work, weights, pretrained, seed, at, train, held_out) for seed in chosen.seeds]
        rows.append(summary(name, runs))
    rows.append(summary(BASELINE, [measure_baseline(train, held_out)]))
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    if chosen.dev_only:
        return 0
    sizes = {split: len(corpus) for split, corpus in splits.items()}
    about = {"data": "SST-2", "sentences": sizes, "sha256": weights, "seeds": chosen.seeds, "recipe": recipe}
    write_result(card.MEASURED, rows, command, chosen.seeds[0], packages=FINE_TUNING_PACKAGES, **about)
    card.write_card(chosen.checkpoint, RESULTS)
    told = shortfalls(rows)
    print(*told or ["mini-bert earns its place"], sep="\n")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
