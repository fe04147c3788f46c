"""Time two ways to fine-tune one encoder to the same accuracy on SST-2: as tutorials do it, and as the data ask for.

The tutorials' recipe pads every sentence to 500 tokens and takes 6 at a time; the other pads a batch to its own longest
sentence and takes 32. Both see the same sentences in the same order, in turns of 192, so that a busy moment of the
machine touches both, and are measured on the dev sentences after each turn, which is not timed. A state is kept after
every turn: the same command goes on where it was interrupted. Needs BOOK_DATA_DIR and BOOK_MODEL_DIR.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from tools.measure.real import FINE_TUNING_PACKAGES, length_for, read_places
from tools.measure.results import ROOT, command_line, write_result
from utils import corpora
from utils.finetuning import FineTuning
from utils.finetuning.progress import read_progress, restore_progress, save_progress

ENCODER = "all-MiniLM-L6-v2"
TURN = 192  # sentences between two measurements; a multiple of both batch sizes
WARM_UP = 0.1  # share of an epoch over which the learning rate rises to its peak, where it stays
IN_A_ROW = 2  # measurements at the target that count as reaching it
SEED = 0
WORK = ROOT / "_build" / "time-to-accuracy"


@dataclass(frozen=True)
class Recipe:
    """How sentences are put into batches, and the peak learning rate."""

    name: str
    max_length: int
    batch_size: int
    pad_to_max_length: bool
    learning_rate: float


class Contestant:
    """A recipe at work: an encoder that it trains, and the figures so far; its state is kept below `work`."""

    def __init__(self, recipe: Recipe, train: corpora.Corpus, dev: corpora.Corpus, encoder: Path, work: Path) -> None:
        self.recipe, self.train, self.dev = recipe, train, dev
        options = {"max_length": recipe.max_length, "batch_size": recipe.batch_size, "classes": train.classes}
        padding = {"pad_to_max_length": recipe.pad_to_max_length}
        self.tuning = FineTuning(train.texts, train.labels, encoder, seed=SEED, **options, **padding)
        self.model, self.data = self.tuning.learner.model, self.tuning.learner.train_data
        self.classifier = self.tuning.classifier()
        self.order = np.random.default_rng(SEED).permutation(len(train))
        self.folder, self.turns = work / recipe.name.replace(" ", "-"), 0
        self.history: dict[str, list[float]] = {"seconds": [], "dev_accuracy": []}
        self._trace()
        if record := read_progress(self.folder, self.settings):
            restore_progress(self.folder, self.model, record)
            self.turns, self.history = record["finished"], record["history"]

    @property
    def settings(self) -> dict[str, Any]:
        """What must be the same when a state is taken up again."""
        return {**asdict(self.recipe), "turn": TURN, "sentences": len(self.train)}

    def _trace(self) -> None:
        """Let TensorFlow compile the step before anything is timed, and put everything back as it was."""
        weights = self.model.get_weights()
        self.model.optimizer._create_all_weights(self.model.trainable_variables)
        state = self.model.optimizer.get_weights()
        for start in range(3):
            self._step(
                np.sort(self.order)[start :: len(self.order) // self.recipe.batch_size][: self.recipe.batch_size]
            )
        self.model.set_weights(weights)
        self.model.optimizer.set_weights(state)

    def batches(self) -> list[np.ndarray]:
        """Return the rows of each batch of the next turn; like lengths go together unless all are padded alike."""
        start = self.turns * TURN % (len(self.order) // TURN * TURN)
        rows = self.order[start : start + TURN]
        if not self.recipe.pad_to_max_length:
            rows = rows[np.argsort(self.data.x[rows, 1].sum(axis=1), kind="stable")]
        found = np.split(rows, TURN // self.recipe.batch_size)
        return [found[place] for place in np.random.default_rng([SEED, self.turns]).permutation(len(found))]

    def _step(self, rows: np.ndarray) -> None:
        x = self.data.x[rows]
        if not self.recipe.pad_to_max_length:
            x = x[:, :, x[:, 1].any(axis=0)]
        names = ("input_ids", "attention_mask", "token_type_ids")[: x.shape[1]]
        self.model.train_on_batch({name: x[:, place] for place, name in enumerate(names)}, self.data.y[rows])

    def take_turn(self) -> None:
        """Train on the next sentences, measure, and keep the state."""
        begun = time.perf_counter()
        for number, rows in enumerate(self.batches()):
            seen = self.turns * TURN + number * self.recipe.batch_size
            share = min(1.0, (seen + self.recipe.batch_size) / (WARM_UP * len(self.train)))
            self.model.optimizer.lr = self.recipe.learning_rate * share
            self._step(rows)
        self.history["seconds"].append(time.perf_counter() - begun)
        accuracy = self.classifier.evaluate(self.dev.texts, self.dev.labels).accuracy
        self.history["dev_accuracy"].append(accuracy)
        self.turns += 1
        save_progress(self.folder, self.model, self.turns, self.history, self.settings)
        print(
            f"{self.recipe.name}: {self.turns * TURN} sentences, {sum(self.history['seconds']):.0f} s, {accuracy:.4f}"
        )

    def row(self, target: float) -> dict[str, Any]:
        """Return the figures: how long a turn takes, and when the target was reached."""
        reached = turns_to(self.history["dev_accuracy"], target)
        seconds = np.array(self.history["seconds"])
        padded = self.recipe.max_length if self.recipe.pad_to_max_length else self._mean_width()
        return {
            **asdict(self.recipe),
            "tokens_per_sentence": round(float(padded), 1),
            "examples_per_second": round(float(TURN / np.median(seconds)), 2),
            "examples_to_target": reached and reached * TURN,
            "seconds_to_target": reached and round(float(seconds[:reached].sum()), 1),
            "curve": [
                {
                    "examples": (turn + 1) * TURN,
                    "seconds": round(float(seconds[: turn + 1].sum()), 1),
                    "dev_accuracy": value,
                }
                for turn, value in enumerate(np.round(self.history["dev_accuracy"], 4).tolist())
            ],
        }

    def _mean_width(self) -> float:
        """Return the mean number of tokens, padding included, that a sentence of the first turn takes."""
        turns, self.turns = self.turns, 0
        widths = [self.data.x[rows, 1].any(axis=0).sum() for rows in self.batches()]
        self.turns = turns
        return float(np.mean(widths))


def turns_to(accuracies: Sequence[float], target: float) -> int | None:
    """Return the number of turns after which the target had been met several times in a row, or None.

    Example:
        >>> turns_to([0.8, 0.86, 0.84, 0.85, 0.87], 0.85)
        5
    """
    met = [accuracy >= target for accuracy in accuracies]
    return next((turn for turn in range(IN_A_ROW, len(met) + 1) if all(met[turn - IN_A_ROW : turn])), None)


def recipes(train: corpora.Corpus, encoder: Path) -> list[Recipe]:
    """Return the two recipes; the second reads its length from the data."""
    longest = length_for(encoder, train.texts, 1.0)
    return [Recipe("as tutorials do it", 500, 6, True, 5e-5), Recipe("as the data ask for", longest, 32, False, 1e-4)]


def run(contestants: Sequence[Contestant], target: float, most: int) -> None:
    """Let contestants take turns until each has reached the target, or has had the most turns."""
    waiting = list(contestants)
    while waiting:
        waiting = [each for each in waiting if each.turns < most and not turns_to(each.history["dev_accuracy"], target)]
        for each in waiting:
            each.take_turn()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 if both recipes reached the target, 1 if one did not, 2 without data or encoder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", type=float, default=0.85, help="accuracy on the dev sentences (default: 0.85)")
    parser.add_argument("--turns", type=int, default=36, help=f"most turns of {TURN} sentences (default: 36, an epoch)")
    parser.add_argument("--work", type=Path, default=WORK, help="where states are kept (default: in _build)")
    options = parser.parse_args(arguments)
    try:
        encoder = read_places() / ENCODER
        train, dev = (corpora.load("sst2", split) for split in ("train", "dev"))
    except (LookupError, corpora.CorpusError) as error:
        print(f"time to accuracy: {error}", file=sys.stderr)
        return 2
    contestants = [Contestant(each, train, dev, encoder, options.work) for each in recipes(train, encoder)]
    try:
        run(contestants, options.target, options.turns)
    except KeyboardInterrupt:
        print(f"interrupted; the same command goes on from {os.path.relpath(options.work)}")
        return 130
    rows = [each.row(options.target) for each in contestants]
    speed = [row["examples_per_second"] for row in rows]
    times = [row["seconds_to_target"] for row in rows]
    ratios = {"times_as_many_examples_per_second": round(speed[1] / speed[0], 1)}
    if all(times):
        ratios["times_sooner_at_target"] = round(times[0] / times[1], 1)
    command = command_line("tools/measure/time_to_accuracy.py", arguments or sys.argv[1:])
    about = {"encoder": ENCODER, "target": options.target, "sentences_in_a_turn": TURN, "cores": os.cpu_count()}
    write_result("time-to-accuracy", rows, command, SEED, packages=FINE_TUNING_PACKAGES, **about, **ratios)
    print(*(f"{name}: {value}" for name, value in ratios.items()), sep="\n")
    return 0 if all(times) else 1


if __name__ == "__main__":
    sys.exit(main())
