"""Fine-tune on SST-2, sentences of real film reviews: the book's mini-bert, and a real pre-trained encoder beside it.

Needs BOOK_DATA_DIR with sst2/ and BOOK_MODEL_DIR with the encoder's folder. Writes accuracy, seconds and examples per
second to data/results, and fails where an accuracy on the test sentences is below its floor.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.measure.results import FINE_TUNING_PACKAGES, ROOT, command_line, write_result
from utils import corpora
from utils.finetuning import FineTuning, choose_max_length, load_encoder_tokenizer

SEED = 0
SECONDS = 1  # digits after the point


@dataclass(frozen=True)
class Entry:
    """An encoder and how it is fine-tuned.

    Attributes:
        name: in the table.
        folder: of the encoder.
        learning_rate: the peak of the cycle.
        epochs: passes over the training sentences.
        floor: least accuracy on the test sentences.
    """

    name: str
    folder: Path
    learning_rate: float
    epochs: int
    floor: float


def entries(models: Path) -> list[Entry]:
    """Return what is fine-tuned, the smaller network first."""
    mini = ROOT / "data" / "checkpoints" / "mini-bert"
    return [
        Entry("mini-bert", mini, 5e-4, 3, 0.82),
        Entry("all-MiniLM-L6-v2", models / "all-MiniLM-L6-v2", 1.5e-4, 3, 0.87),
    ]


def baseline_model() -> Any:
    """Return an unfitted logistic regression on TF-IDF weights of one and two words."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    counts = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    return make_pipeline(counts, LogisticRegression(C=10, max_iter=1000))


def measure_baseline(train: corpora.Corpus, held_out: dict[str, corpora.Corpus]) -> dict[str, Any]:
    """Return the row of the baseline."""
    begun = time.perf_counter()
    baseline = baseline_model().fit(train.texts, train.labels)
    seconds = time.perf_counter() - begun
    accuracy = {name: float(baseline.score(corpus.texts, corpus.labels)) for name, corpus in held_out.items()}
    return row("TF-IDF + logistic regression", seconds, len(train), accuracy)


def length_for(encoder: Path, texts: Sequence[str], quantile: float = 0.99) -> int:
    """Return the length in tokens of an encoder that holds this share of the texts whole."""
    return choose_max_length(load_encoder_tokenizer(encoder), texts, quantile)


def timed_training(
    tuning: FineTuning, learning_rate: float, epochs: int, held_out: dict[str, corpora.Corpus]
) -> tuple[Any, float, dict[str, float]]:
    """Train; return the classifier, the seconds of training, and accuracies by split."""
    begun = time.perf_counter()
    classifier = tuning.fit(learning_rate, epochs)
    seconds = time.perf_counter() - begun
    accuracy = {name: classifier.evaluate(corpus.texts, corpus.labels).accuracy for name, corpus in held_out.items()}
    return classifier, seconds, accuracy


def measure(entry: Entry, train: corpora.Corpus, held_out: dict[str, corpora.Corpus]) -> dict[str, Any]:
    """Fine-tune one encoder; return its row."""
    max_length = length_for(entry.folder, train.texts, 0.995)
    tuning = FineTuning(
        train.texts, train.labels, entry.folder, max_length=max_length, classes=train.classes, seed=SEED
    )
    classifier, seconds, accuracy = timed_training(tuning, entry.learning_rate, entry.epochs, held_out)
    choices = {"epochs": entry.epochs, "learning_rate": entry.learning_rate, "max_length": max_length, "batch_size": 32}
    parameters = int(classifier.model.count_params())
    return row(entry.name, seconds, len(train) * entry.epochs, accuracy) | choices | {"parameters": parameters}


def row(name: str, seconds: float, examples: int, accuracy: dict[str, float]) -> dict[str, Any]:
    """Return a row of the table: seconds of training, examples seen in each, accuracies."""
    figures = {"seconds": round(seconds, SECONDS), "examples_per_second": round(examples / seconds, SECONDS)}
    return {"name": name, **figures, **{f"{split}_accuracy": round(value, 4) for split, value in accuracy.items()}}


def read_places() -> Path:
    """Return the folder of encoders.

    Raises:
        LookupError: a variable is missing, or its folder lacks what is needed; the message says what to put where.
    """
    for name, needed in {"BOOK_DATA_DIR": "sst2", "BOOK_MODEL_DIR": "all-MiniLM-L6-v2"}.items():
        place = os.environ.get(name)
        if not place:
            raise LookupError(f"expected {name} to name a folder with {needed}/; it is not set")
        if not (Path(place) / needed).is_dir():
            raise LookupError(f"expected a folder {needed} in {place}, which {name} names; there is none")
    return Path(os.environ["BOOK_MODEL_DIR"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 if each accuracy reaches its floor, 1 if one does not, 2 without data or encoder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="fine-tune only this encoder, and write no file")
    options = parser.parse_args(arguments)
    try:
        chosen = [entry for entry in entries(read_places()) if options.only in ("", entry.name)]
        train, dev, test = (corpora.load("sst2", split) for split in ("train", "dev", "test"))
    except (LookupError, corpora.CorpusError) as error:
        print(f"real: {error}", file=sys.stderr)
        return 2
    held_out = {"dev": dev, "test": test}
    rows = [measure_baseline(train, held_out), *(measure(entry, train, held_out) for entry in chosen)]
    for each in rows:
        print("  ".join(f"{name} {value}" for name, value in each.items()))
    if not options.only:
        command = command_line("tools/measure/real.py", arguments or sys.argv[1:])
        sizes = {"train": len(train), "dev": len(dev), "test": len(test)}
        write_result("real-sst2", rows, command, SEED, packages=FINE_TUNING_PACKAGES, data="SST-2", sentences=sizes)
    return report({entry.name: entry.floor for entry in chosen}, rows)


def report(floors: dict[str, float], rows: Sequence[dict[str, Any]]) -> int:
    """Say which accuracies on the test sentences are below their floors; 1 if any is."""
    found = {each["name"]: each["test_accuracy"] for each in rows}
    below = {name: floor for name, floor in floors.items() if found[name] < floor}
    for name, floor in below.items():
        print(f"real: expected a test accuracy of at least {floor} from {name}; it is {found[name]}")
    print(f"{len(floors) - len(below)} passed, {len(below)} failed")
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
