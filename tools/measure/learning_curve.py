"""Measure test accuracy against the number of labels: mini-bert, the same network from random weights, and TF-IDF.

One recipe for every size: the chapter's, 8 epochs of one-cycle training, or more until there are 150 batches. Three
seeds choose the reviews, the fresh weights and the order. Accuracy is that on the given labels of all test reviews in
which no sentence states the verdict beside the phenomenon; 0.96 is the best possible. A run that was interrupted goes
on with the figures it has, and a network that tools/measure/levers.py has trained on all labels is not trained again.
"""

import argparse
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from tqdm import tqdm

from tools.files import Kept
from tools.measure import levers
from tools.measure.real import baseline_model, length_for
from tools.measure.recipe import BATCH, ENCODER, EPOCHS, LEARNING_RATE, REVIEWS, digest
from tools.measure.results import FINE_TUNING_PACKAGES, ROOT, command_line, write_result
from utils import corpora
from utils.finetuning import fine_tune

KINDS = ("pre-trained (mini-bert)", "random weights", "TF-IDF + logistic regression")
SIZES = (100, 300, 1000, 5000)
SPLITS = ("train", "test")
SEEDS = (0, 1, 2)
LEAST_BATCHES = 150
WORK = ROOT / "_build" / "learning-curve.json"


def epochs_for(size: int) -> int:
    """Return the epochs that a training on so many reviews takes.

    Example:
        >>> epochs_for(100), epochs_for(5000)
        (38, 8)
    """
    return max(EPOCHS, -(-LEAST_BATCHES // -(-size // BATCH)))


def accuracy(kind: str, size: int, seed: int, train: corpora.Corpus, test: corpora.Corpus, max_length: int) -> float:
    """Return the test accuracy of one training."""
    if size == len(train) and kind != KINDS[2]:
        return accuracy_on_all(kind, seed, test)
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


def accuracy_on_all(kind: str, seed: int, test: corpora.Corpus) -> float:
    """Return the test accuracy of one training on all reviews, as the lever of the same settings has it or gets it."""
    known, held_out = (levers.read_reviews(REVIEWS, split) for split in ("train", "test"))
    pretrained = kind == KINDS[0]
    lever = levers.Lever(LEARNING_RATE, epochs_for(len(known)), BATCH, pretrained)
    read = (
        digest(ENCODER / "model.safetensors"),
        digest(*(REVIEWS / f"{split}.csv" for split in SPLITS)),
    )
    texts = [row["text"] for row in held_out]
    predicted = levers.train_once(levers.WORK, read, lever, ENCODER, seed, known, texts)["predicted"]
    tested = [row["label"] == label for row, label in zip(held_out, predicted, strict=True) if row["support"] == "no"]
    if len(tested) != len(test):
        raise ValueError(f"expected {len(test):,} reviews without support in test.csv; found {len(tested):,}")
    return float(np.mean(tested))


def tested_reviews() -> corpora.Corpus:
    """Return the test reviews without those whose column `support` says that a sentence states the verdict."""
    test = corpora.load("reviews", "test")
    return test.take(np.flatnonzero(test.columns["support"] == "no"))


def measure(work: Path, settings: dict[str, Any]) -> dict[str, float]:
    """Return {"kind/size/seed": accuracy}, going on from what `work` holds if it was measured with these settings."""
    found = Kept(work, settings)
    train, test = corpora.load("reviews", "train"), tested_reviews()
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
    read = {f"{name}_sha256": digest(path) for name, path in files.items()}
    settings = {
        **read,
        "learning_rate": LEARNING_RATE,
        "epochs": EPOCHS,
        "batches": LEAST_BATCHES,
        "batch": BATCH,
    }
    try:
        found = measure(options.work, settings)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with the figures it has")
        return 130
    command = command_line("tools/measure/learning_curve.py", arguments or sys.argv[1:])
    about = {"test_reviews": len(tested_reviews()), "batch_size": BATCH, **read, "learning_rate": LEARNING_RATE}
    about |= {"epochs": {str(size): epochs_for(size) for size in SIZES}}
    table = rows(found)
    write_result("learning-curve", table, command, SEEDS[0], packages=FINE_TUNING_PACKAGES, seeds=list(SEEDS), **about)
    for row in table:
        print(f"{row['kind']:30} {row['labels']:>5}  {row['accuracy_mean']:.3f} ± {row['accuracy_std']:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
