"""Measure test accuracy against the number of labels: mini-bert, the same network from random weights, and TF-IDF.

One recipe for every size: the book's one-cycle training, for at least 3 epochs and at least 150 batches. Three seeds
choose the reviews, the fresh weights and the order. A run that was interrupted goes on with the figures it has.
"""

import argparse
import hashlib
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from tqdm import tqdm

from tools.files import Kept
from tools.measure.real import FINE_TUNING_PACKAGES, baseline_model, length_for
from tools.measure.results import ROOT, command_line, write_result
from utils import corpora
from utils.finetuning import fine_tune

ENCODER = ROOT / "data" / "checkpoints" / "mini-bert"
REVIEWS = ROOT / "data" / "reviews"
KINDS = ("pre-trained (mini-bert)", "random weights", "TF-IDF + logistic regression")
SIZES = (100, 300, 1000, 5000)
SEEDS = (0, 1, 2)
BATCH, LEAST_BATCHES, LEAST_EPOCHS = 32, 150, 3
LEARNING_RATE = 5e-4  # peak of the cycle, the same for both networks; at 1e-3 the one from random weights collapsed
TESTED = 2000
WORK = ROOT / "_build" / "learning-curve.json"


def epochs_for(size: int) -> int:
    """Return the epochs that a training on so many reviews takes.

    Example:
        >>> epochs_for(100), epochs_for(5000)
        (38, 3)
    """
    return max(LEAST_EPOCHS, -(-LEAST_BATCHES // -(-size // BATCH)))


def accuracy(kind: str, size: int, seed: int, train: corpora.Corpus, test: corpora.Corpus, max_length: int) -> float:
    """Return the test accuracy of one training."""
    sample = corpora.stratified_sample(train, size, seed)
    if kind == KINDS[2]:
        return float(baseline_model().fit(sample.texts, sample.labels).score(test.texts, test.labels))
    classifier = fine_tune(
        sample.texts,
        sample.labels,
        ENCODER,
        classes=train.classes,
        max_length=max_length,
        batch_size=BATCH,
        learning_rate=LEARNING_RATE,
        epochs=epochs_for(size),
        pretrained=kind == KINDS[0],
        seed=seed,
        progress=False,
    )
    return classifier.evaluate(test.texts, test.labels).accuracy


def measure(work: Path, read: dict[str, str]) -> dict[str, float]:
    """Return {"kind/size/seed": accuracy}, going on from what `work` holds if it was measured on the same files."""
    found = Kept(work, read)
    train, test = corpora.load("reviews", "train"), corpora.stratified_sample(corpora.load("reviews", "test"), TESTED)
    max_length = length_for(ENCODER, train.texts)
    for size, kind, seed in tqdm(list(itertools.product(SIZES, KINDS, SEEDS)), unit="training"):
        if (name := f"{kind}/{size}/{seed}") not in found:
            found[name] = accuracy(kind, size, seed, train, test, max_length)
    return found


def rows(found: dict[str, float]) -> list[dict[str, Any]]:
    """Return a row for each kind and size: mean and spread over seeds."""
    table = []
    for kind, size in itertools.product(KINDS, SIZES):
        values = np.array([found[f"{kind}/{size}/{seed}"] for seed in SEEDS])
        figures = {"accuracy_mean": round(float(values.mean()), 4), "accuracy_std": round(float(values.std(ddof=1)), 4)}
        table.append({"kind": kind, "labels": size, **figures, "accuracies": values.round(4).tolist()})
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when the file is written, 130 when interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=WORK, help="keeps figures on the way (default: in _build)")
    options = parser.parse_args(arguments)
    files = {"weights": ENCODER / "model.safetensors"} | {name: REVIEWS / f"{name}.csv" for name in ("train", "test")}
    read = {f"{name}_sha256": hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    try:
        found = measure(options.work, read)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with the figures it has")
        return 130
    command = command_line("tools/measure/learning_curve.py", arguments or sys.argv[1:])
    about = {"test_reviews": TESTED, "batch_size": BATCH, **read, "learning_rate": LEARNING_RATE}
    table = rows(found)
    write_result("learning-curve", table, command, SEEDS[0], packages=FINE_TUNING_PACKAGES, seeds=list(SEEDS), **about)
    for row in table:
        print(f"{row['kind']:30} {row['labels']:>5}  {row['accuracy_mean']:.3f} ± {row['accuracy_std']:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
