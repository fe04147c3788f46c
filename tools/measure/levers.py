"""Measure what lets mini-bert learn the reviews' phenomena: epochs, learning rate, the weights it starts from.

Each lever is one way of fine-tuning on data/reviews/train.csv, run with five seeds and held against the true labels of
test.csv, phenomenon by phenomenon. Reviews whose last sentence states the verdict as well (column `support`) are kept
apart. `--checkpoint NAME=FOLDER` measures another encoder with the same levers. Finished trainings are kept: Ctrl-C
loses only the one under way. The figures go to data/results/mini-bert-levers.json; what stands there of other levers,
measured on the same files with the same seeds, stays.
"""

import argparse
import csv
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from tqdm import tqdm

from tools.measure.recipe import BATCH, ENCODER, LEARNING_RATE, REVIEWS, command_parser, digest, parse_several
from tools.measure.results import FINE_TUNING_PACKAGES, ROOT, command_line, write_result
from utils.files import write_whole

RESULT = "mini-bert-levers"
WORK = ROOT / "_build" / "measure-levers"
DIGITS = 4
AIMS = {"negation": 0.85, "contrast": 0.85, "concession": 0.85, "double-negation": 0.85, "irony": 0.75}
COLUMNS = ("text", "label", "true_label", "phenomenon", "unseen", "support")


@dataclass(frozen=True)
class Lever:
    """One way of fine-tuning.

    Attributes:
        learning_rate: the peak of the cycle.
        epochs: passes over the training reviews.
        batch_size: reviews in a step.
        pretrained: whether to start from the checkpoint's weights, or from random ones.
    """

    learning_rate: float = LEARNING_RATE
    epochs: int = 4
    batch_size: int = BATCH
    pretrained: bool = True


LEVERS = {
    "4 epochs": Lever(),
    "4 epochs, twice the rate": Lever(learning_rate=1e-3),
    "8 epochs": Lever(epochs=8),
    "8 epochs, twice the rate": Lever(learning_rate=1e-3, epochs=8),
    "12 epochs": Lever(epochs=12),
    "16 epochs": Lever(epochs=16),
    "8 epochs, half the batch": Lever(epochs=8, batch_size=16),
    "8 epochs, random weights": Lever(epochs=8, pretrained=False),
}


def read_reviews(folder: Path, split: str) -> list[dict[str, str]]:
    """Return the rows of one split as {column: text}.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: a column is missing.
    """
    with (folder / f"{split}.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    if missing := [name for name in COLUMNS if not rows or name not in rows[0]]:
        raise ValueError(f"expected rows with {', '.join(COLUMNS)} in {split}.csv; missing: {', '.join(missing)}")
    return rows


def parts(rows: Sequence[dict[str, str]]) -> dict[str, np.ndarray]:
    """Return boolean masks (N,): each phenomenon decided by its construction alone, and what is told apart beside it.

    Only "with support" holds reviews whose last sentence states the verdict; all other parts leave them out. Each
    phenomenon stands there a second time with neither words nor structures that training never shows.
    """
    columns = {name: np.array([row[name] for row in rows]) for name in ("phenomenon", "unseen", "support")}
    support = columns["support"] == "yes"
    masks = {"all": ~support}
    masks |= {name: ~support & (columns["phenomenon"] == name) for name in sorted(set(columns["phenomenon"]))}
    seen = ~support & (columns["unseen"] == "no")
    masks |= {f"{name}, nothing unseen": seen & (columns["phenomenon"] == name) for name in AIMS}
    masks |= {f"unseen: {kind}": ~support & (columns["unseen"] == kind) for kind in sorted(set(columns["unseen"]))}
    masks["with support"] = support
    return {name: mask for name, mask in masks.items() if mask.any()}


def train(lever: Lever, checkpoint: Path, seed: int, rows: list[dict[str, str]], texts: list[str]) -> dict[str, Any]:
    """Fine-tune once; return the labels predicted for some texts, and seconds of training by clock and processor."""
    from utils.finetuning import FineTuning, choose_max_length, load_transformers

    known = [row["text"] for row in rows]
    tokenizer = load_transformers().AutoTokenizer.from_pretrained(checkpoint, local_files_only=True)
    tuning = FineTuning(
        known,
        [row["label"] for row in rows],
        checkpoint,
        max_length=choose_max_length(tokenizer, known, 1.0),
        batch_size=lever.batch_size,
        seed=seed,
        pretrained=lever.pretrained,
    )
    clock, processor = time.perf_counter(), time.process_time()
    classifier = tuning.fit(lever.learning_rate, lever.epochs, progress=False)
    seconds = {"seconds": time.perf_counter() - clock, "processor_seconds": time.process_time() - processor}
    return {"predicted": classifier.predict(texts)} | {name: round(value, 1) for name, value in seconds.items()}


def train_once(work: Path, read: Sequence[str], lever: Lever, checkpoint: Path, seed: int, *texts: Any) -> dict:
    """Return what `train` finds, or found in an earlier run with the same files, lever and seed.

    Args:
        work: folder that keeps finished trainings.
        read: the digests of what is read.
        lever: how to fine-tune.
        checkpoint: what to start from.
        seed: of the training.
        *texts: further arguments of `train`.
    """
    path = work / f"{hashlib.sha256(json.dumps([*read, asdict(lever), seed]).encode()).hexdigest()[:16]}.json"
    if not path.is_file():
        write_whole(path, json.dumps(train(lever, checkpoint, seed, *texts)))
    return json.loads(path.read_text(encoding="utf-8"))


def summary(runs: Sequence[dict[str, Any]], rows: Sequence[dict[str, str]]) -> dict[str, Any]:
    """Return mean seconds of the runs and, for each part, the mean and the sample deviation of its accuracies.

    Args:
        runs: what `train` returned, one a seed, at least two.
        rows: the test's reviews, in the order of the predictions.
    """
    truth = np.array([row["true_label"] for row in rows])
    right = np.array([run["predicted"] for run in runs]) == truth  # (seeds, N)
    found: dict[str, Any] = {
        name: round(float(np.mean([run[name] for run in runs])), 1) for name in ("seconds", "processor_seconds")
    }
    for part, mask in parts(rows).items():
        accuracies = right[:, mask].mean(axis=1)
        mean, deviation = accuracies.mean(), accuracies.std(ddof=1)
        found[part] = {
            "count": int(mask.sum()),
            "mean": round(float(mean), DIGITS),
            "deviation": round(float(deviation), DIGITS),
            "accuracies": accuracies.round(DIGITS).tolist(),
        }
    return found


def shortfalls(row: dict[str, Any]) -> list[str]:
    """Return a line for each phenomenon whose mean is below what is aimed at."""
    return [
        f"{row['checkpoint']}, {row['lever']}: expected {aim} on {part}; it is {row[part]['mean']}"
        for part, aim in AIMS.items()
        if row[part]["mean"] < aim
    ]


def beside(path: Path, rows: Sequence[dict[str, Any]], about: dict[str, Any]) -> list[dict[str, Any]]:
    """Return rows and what an earlier run has left of other levers, in the order of LEVERS.

    Args:
        path: the file that the earlier run wrote; it may be missing.
        rows: of this run.
        about: what both runs must have read and aimed at; rows of another run are left out.
    """
    stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"rows": []}
    same = all(stored.get(name) == value for name, value in about.items())
    new = {(row["checkpoint"], row["lever"]) for row in rows}
    old = [row for row in stored["rows"] if (row["checkpoint"], row["lever"]) not in new] if same else []
    order = {name: place for place, name in enumerate(LEVERS)}
    return sorted([*rows, *old], key=lambda row: (row["checkpoint"], order[row["lever"]]))


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = command_parser(__doc__, WORK)
    parser.add_argument("--only", nargs="+", choices=LEVERS, default=list(LEVERS), help="which levers (default: all)")
    parser.add_argument(
        "--checkpoint",
        nargs="+",
        default=[f"mini-bert={ENCODER}"],
        metavar="NAME=FOLDER",
        help="encoders to start from (default: data/checkpoints/mini-bert)",
    )
    parser.add_argument("--data", type=Path, default=REVIEWS, help="train.csv and test.csv (default: data/reviews)")
    chosen = parse_several(parser, arguments)
    if wrong := [named for named in chosen.checkpoint if not all(named.partition("="))]:
        parser.error(f"expected --checkpoint NAME=FOLDER; received {wrong[0]!r}")
    return chosen


def measure(chosen: argparse.Namespace) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Run every lever on every checkpoint with every seed; return the rows and what is told beside them.

    Raises:
        OSError: a file is missing.
        ValueError: a column or a phenomenon is missing.
    """
    known, held_out = (read_reviews(chosen.data, split) for split in ("train", "test"))
    if missing := sorted(AIMS.keys() - parts(held_out).keys()):
        told = ", ".join(missing)
        raise ValueError(f"expected each phenomenon aimed at in test.csv, without support; missing: {told}")
    data = digest(*(chosen.data / f"{split}.csv" for split in ("train", "test")))
    texts, rows = [row["text"] for row in held_out], []
    checkpoints = {name: Path(folder) for name, _, folder in (named.partition("=") for named in chosen.checkpoint)}
    weights = {name: digest(folder / "model.safetensors") for name, folder in checkpoints.items()}
    with tqdm(total=len(checkpoints) * len(chosen.only) * len(chosen.seeds), unit="training") as bar:
        for name, folder in checkpoints.items():
            for lever in chosen.only:
                runs = []
                for seed in chosen.seeds:
                    read = (weights[name], data)
                    runs.append(train_once(chosen.work, read, LEVERS[lever], folder, seed, known, texts))
                    bar.update()
                found = summary(runs, held_out)
                rows.append({"checkpoint": name, "lever": lever, **asdict(LEVERS[lever]), **found})
    return rows, {"data_sha256": data, "weights_sha256": weights, "seeds": chosen.seeds, "aims": AIMS}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when the file is written, 2 when something is missing, 130 when interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = parse(arguments)
    try:
        rows, about = measure(chosen)
    except (OSError, ValueError) as error:
        print(f"levers: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("levers: interrupted; finished trainings are kept", file=sys.stderr)
        return 130
    rows = beside(chosen.results / f"{RESULT}.json", rows, about)
    others = [row["lever"] for row in rows if row["lever"] not in chosen.only]
    command = command_line("tools/measure/levers.py", arguments)
    if others:
        about["measured_before"] = list(dict.fromkeys(others))
    write_result(RESULT, rows, command, chosen.seeds[0], packages=FINE_TUNING_PACKAGES, folder=chosen.results, **about)
    for row in rows:
        figures = "  ".join(f"{part} {row[part]['mean']:.3f} ± {row[part]['deviation']:.3f}" for part in AIMS)
        print(f"{row['checkpoint']}, {row['lever']}: {figures}  ({row['seconds']:.0f} s)")
        for told in shortfalls(row):
            print(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
