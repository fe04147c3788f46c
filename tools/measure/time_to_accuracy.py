"""Time four ways to fine-tune one encoder to the same accuracy on SST-2; each differs in one thing from the one before.

The first is the tutorials': every sentence padded to 500 tokens, 6 at a time. Then a batch is padded to its own longest
sentence only; then it holds 32 sentences; then the learning rate is twice as high. All see the same sentences in the
same order, in turns of 192, and are measured on held-out sentences after each turn, which is not timed. Three seeds
choose the head's weights, the order, and dropout.

Padding changes no number that is learnt, only the time that it takes; on the first batch this is checked. So the first
two ways train on the same batches, and the first one's sentences to the target are the second one's: it is run just
long enough to know its pace. Seconds are those of one processor core. Runs that are finished are kept: the same command
goes on after them. Needs BOOK_DATA_DIR and BOOK_MODEL_DIR.
"""

import argparse
import hashlib
import itertools
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from tqdm import tqdm

from tools.files import Kept
from tools.measure.real import length_for, read_places
from tools.measure.results import FINE_TUNING_PACKAGES, ROOT, command_line, write_result
from utils import corpora
from utils.finetuning import FineTuning
from utils.finetuning.encoders import folder_digest

ENCODER = "all-MiniLM-L6-v2"
TURN = 192  # sentences between two measurements; a multiple of both batch sizes
MEASURED = 436  # held-out sentences, half of the dev split
WARM_UP = 0.1  # share of an epoch over which the learning rate rises to its peak, where it stays
IN_A_ROW = 2  # measurements at the target that count as reaching it
SEEDS = (0, 1, 2)
TARGET, TURNS = 0.83, 36
PACE_BATCHES = 8  # that tell the pace where batches are padded to the full length
LARGEST_GAP = 1e-4  # between gradients with and without padding, as a share of the largest
WORK = ROOT / "_build" / "time-to-accuracy.json"


@dataclass(frozen=True)
class Recipe:
    """How sentences are put into batches, and the learning rate.

    Attributes:
        name: in the table.
        padded_to: tokens of every sentence; None pads a batch to its own longest sentence.
        batch_size: sentences of a batch.
        learning_rate: the peak, at which it stays.
    """

    name: str
    padded_to: int | None
    batch_size: int
    learning_rate: float


RECIPES = (
    Recipe("as tutorials do it", 500, 6, 5e-5),
    Recipe("padded to a batch's longest", None, 6, 5e-5),
    Recipe("batches of 32", None, 32, 5e-5),
    Recipe("twice the learning rate", None, 32, 1e-4),
)


class Contestant:
    """A recipe at work: an encoder that it trains, and how fast.

    Args:
        recipe: how to train.
        seed: of the head's weights, the order of sentences, and dropout.
        train: the sentences.
        encoder: folder of what is trained.
        max_length: tokens that hold every sentence whole.
    """

    def __init__(self, recipe: Recipe, seed: int, train: corpora.Corpus, encoder: Path, max_length: int) -> None:
        self.recipe, self.seed = recipe, seed
        options = {"max_length": recipe.padded_to or max_length, "batch_size": recipe.batch_size, "seed": seed}
        self.tuning = FineTuning(train.texts, train.labels, encoder, classes=train.classes, **options)
        self.model, self.data = self.tuning.learner.model, self.tuning.learner.train_data
        self.order = np.random.default_rng(seed).permutation(len(train))
        self.seconds: list[float] = []  # of each batch
        self.tokens: list[int] = []  # of a sentence in each batch
        self._trace()

    def _trace(self) -> None:
        """Let TensorFlow compile the step before anything is timed, and put everything back as it was."""
        weights, optimizer = self.model.get_weights(), self.model.optimizer
        optimizer._create_all_weights(self.model.trainable_variables)
        state = optimizer.get_weights()
        for rows in self.batches(0)[:3]:
            self.model.train_on_batch(self.inputs(rows), self.data.y[rows])
        self.model.set_weights(weights)
        optimizer.set_weights(state)

    def batches(self, turn: int) -> list[np.ndarray]:
        """Return the rows of each batch of a turn; sentences of like lengths go together."""
        start = turn * TURN % (len(self.order) // TURN * TURN)
        rows = self.order[start : start + TURN]
        rows = rows[np.argsort(self.data.x[rows, 1].sum(axis=1), kind="stable")]
        found = np.split(rows, TURN // self.recipe.batch_size)
        return [found[place] for place in np.random.default_rng([self.seed, turn]).permutation(len(found))]

    def inputs(self, rows: np.ndarray, cut: bool | None = None) -> dict[str, np.ndarray]:
        """Return what the network takes, without the columns that only hold padding unless the recipe keeps them."""
        x = self.data.x[rows]
        if self.recipe.padded_to is None if cut is None else cut:
            x = x[:, :, x[:, 1].any(axis=0)]
        names = ("input_ids", "attention_mask", "token_type_ids")[: x.shape[1]]
        return {name: x[:, place] for place, name in enumerate(names)}

    def step(self, rows: np.ndarray, seen: int) -> None:
        """Train on a batch, the learning rate being that after so many sentences."""
        share = min(1.0, (seen + len(rows)) / (WARM_UP * len(self.order)))
        self.model.optimizer.lr = self.recipe.learning_rate * share
        inputs, begun = self.inputs(rows), time.process_time()
        self.model.train_on_batch(inputs, self.data.y[rows])
        self.seconds.append(time.process_time() - begun)
        self.tokens.append(inputs["input_ids"].shape[1])

    def figures(self) -> dict[str, float]:
        """Return the pace so far."""
        sentences = len(self.seconds) * self.recipe.batch_size
        pace = {"tokens_per_sentence": float(np.mean(self.tokens))}
        return pace | {"examples_per_second": sentences / sum(self.seconds)}


def gradient_gap(contestant: Contestant) -> float:
    """Return by how much the gradients of a batch differ with and without padding, as a share of the largest.

    Dropout is off: it draws by position, so that padded batches get other draws of the same kind.
    """
    import tensorflow as tf

    rows, model, found = contestant.batches(0)[0], contestant.model, []
    for cut in (False, True):
        inputs = {name: tf.constant(array, tf.int32) for name, array in contestant.inputs(rows, cut).items()}
        with tf.GradientTape() as tape:
            loss = model.loss(contestant.data.y[rows], model(inputs, training=False).logits)
        slopes = tape.gradient(loss, model.trainable_variables)
        found.append([tf.convert_to_tensor(slope).numpy() for slope in slopes if slope is not None])
    largest = max(float(abs(slope).max()) for slope in found[0])
    return max(float(abs(one - other).max()) for one, other in zip(*found, strict=True)) / largest


def turns_to(accuracies: Sequence[float], target: float) -> int | None:
    """Return the number of turns after which the target had been met several times in a row, or None.

    Example:
        >>> turns_to([0.8, 0.86, 0.84, 0.85, 0.87], 0.85)
        5
    """
    met = [accuracy >= target for accuracy in accuracies]
    return next((turn for turn in range(IN_A_ROW, len(met) + 1) if all(met[turn - IN_A_ROW : turn])), None)


def measure_pace(contestant: Contestant) -> dict[str, Any]:
    """Train on a few batches of several lengths; return the pace.

    Raises:
        RuntimeError: padding changes what is learnt, so that the pace alone would not tell the time to the target.
    """
    gap = gradient_gap(contestant)
    if not gap < LARGEST_GAP:
        raise RuntimeError(f"expected padding to leave gradients the same to {LARGEST_GAP}; they differ by {gap:.1e}")
    for number, rows in enumerate(contestant.batches(0)[:PACE_BATCHES]):
        contestant.step(rows, number * contestant.recipe.batch_size)
    return {**contestant.figures(), "gradient_gap": gap}


def run(contestant: Contestant, dev: corpora.Corpus, target: float, turns: int) -> dict[str, Any]:
    """Train until the target is reached, or for the most turns; return pace and curve."""
    classifier, curve = contestant.tuning.classifier(), []
    for turn in range(turns):
        for number, rows in enumerate(contestant.batches(turn)):
            contestant.step(rows, turn * TURN + number * contestant.recipe.batch_size)
        accuracy = classifier.evaluate(dev.texts, dev.labels).accuracy
        seconds = round(sum(contestant.seconds), 2)
        curve.append({"examples": (turn + 1) * TURN, "seconds": seconds, "dev_accuracy": round(accuracy, 4)})
        tqdm.write(f"{contestant.recipe.name}, seed {contestant.seed}: {curve[-1]}", file=sys.stderr)
        if turns_to([point["dev_accuracy"] for point in curve], target):
            break
    return {**contestant.figures(), "curve": curve}


def one_core() -> None:
    """Let an operation compute on one core, so that the processor's seconds are those of a clock."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(2)  # with a single one, a run came to a standstill


def measure(found: Kept, train: corpora.Corpus, dev: corpora.Corpus, encoder: Path, target: float, turns: int) -> None:
    """Run what is not in `found` yet: each recipe with each seed, under "name/seed"."""
    import tf_keras

    longest = length_for(encoder, train.texts, 1.0)
    todo = [(recipe, seed) for seed in SEEDS for recipe in RECIPES]
    for recipe, seed in tqdm(todo, unit="run"):
        if (name := f"{recipe.name}/{seed}") in found:
            continue
        contestant = Contestant(recipe, seed, train, encoder, longest)
        found[name] = measure_pace(contestant) if recipe.padded_to else run(contestant, dev, target, turns)
        tf_keras.backend.clear_session()


def mean_and_spread(values: Sequence[float | None], digits: int = 1) -> dict[str, Any]:
    """Return mean and sample deviation of the figures of all seeds; None where a seed has none.

    Example:
        >>> mean_and_spread([1.0, 2.0, 3.0]), mean_and_spread([1.0, None])
        ({'mean': 2.0, 'spread': 1.0, 'seeds': [1.0, 2.0, 3.0]}, {'mean': None, 'spread': None, 'seeds': [1.0, None]})
    """
    seeds = [value if value is None else round(float(value), digits) for value in values]
    whole = None not in values
    mean = round(float(np.mean(values)), digits) if whole else None
    return {"mean": mean, "spread": round(float(np.std(values, ddof=1)), digits) if whole else None, "seeds": seeds}


def rows(found: dict[str, Any], target: float) -> list[dict[str, Any]]:
    """Return a row for each recipe: pace, and sentences and seconds to the target, over seeds.

    A recipe of which only the pace was measured gets the sentences of the one after it, which trains on its batches.
    """
    table = []
    for recipe, trained in zip(RECIPES, (RECIPES[1], *RECIPES[1:]), strict=True):
        runs = [found[f"{recipe.name}/{seed}"] for seed in SEEDS]
        curves = [found[f"{trained.name}/{seed}"]["curve"] for seed in SEEDS]
        reached = [turns_to([point["dev_accuracy"] for point in curve], target) for curve in curves]
        examples = [turn and turn * TURN for turn in reached]
        paces = [each["examples_per_second"] for each in runs]
        row = {**asdict(recipe), "measured": "pace" if recipe is not trained else "whole"}
        for name, digits in (("tokens_per_sentence", 1), ("examples_per_second", 2)):
            row[name] = mean_and_spread([each[name] for each in runs], digits)
        row["examples_to_target"] = mean_and_spread(examples, 0)
        row["seconds_to_target"] = mean_and_spread(
            [count and count / pace for count, pace in zip(examples, paces, strict=True)]
        )
        row["most_accurate"] = [max(point["dev_accuracy"] for point in curve) for curve in curves]
        table.append(row if recipe is not trained else row | {"curves": curves})
    return table


def ratios(table: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return by what each row is faster than the row before: in sentences a second, and in the time to the target."""

    def ratio(one: float | None, other: float | None) -> float | None:
        return round(one / other, 2) if one and other else None

    means = {name: [row[name]["mean"] for row in table] for name in ("examples_per_second", "seconds_to_target")}
    pace, seconds = means.values()
    return [
        {
            "from": table[before]["name"],
            "to": table[after]["name"],
            "times_as_many_examples_per_second": ratio(pace[after], pace[before]),
            "times_sooner_at_target": ratio(seconds[before], seconds[after]),
        }
        for before, after in itertools.pairwise(range(len(table)))
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 if each run reached the target, 1 if one did not, 2 without data, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", type=float, default=TARGET, help=f"accuracy to reach (default: {TARGET})")
    parser.add_argument("--turns", type=int, default=TURNS, help=f"most turns of {TURN} sentences (default: {TURNS})")
    parser.add_argument("--work", type=Path, default=WORK, help="keeps finished runs (default: in _build)")
    options = parser.parse_args(arguments)
    try:
        encoder = read_places() / ENCODER
        train, dev = (corpora.load("sst2", split) for split in ("train", "dev"))
    except (LookupError, corpora.CorpusError) as error:
        print(f"time to accuracy: {error}", file=sys.stderr)
        return 2
    dev = corpora.stratified_sample(dev, MEASURED)
    data = hashlib.sha256("\n".join((*train.texts, *dev.texts)).encode()).hexdigest()[:16]
    about = {"encoder": ENCODER, "encoder_digest": folder_digest(encoder), "data_digest": data}
    about |= {"target": options.target, "in_a_row": IN_A_ROW, "most_turns": options.turns, "seeds": list(SEEDS)}
    about |= {"sentences_in_a_turn": TURN, "measured_on": len(dev), "clock": "seconds of one processor core"}
    one_core()
    found = Kept(options.work, about | {"recipes": [asdict(recipe) for recipe in RECIPES]})
    try:
        measure(found, train, dev, encoder, options.target, options.turns)
    except KeyboardInterrupt:
        print(f"interrupted; the same command goes on after {len(found)} finished runs", file=sys.stderr)
        return 130
    table = rows(found, options.target)
    about |= {"largest_gradient_gap": max(found[f"{RECIPES[0].name}/{seed}"]["gradient_gap"] for seed in SEEDS)}
    about |= {"ratios": ratios(table)}
    command = command_line("tools/measure/time_to_accuracy.py", arguments)
    write_result("time-to-accuracy", table, command, SEEDS[0], packages=FINE_TUNING_PACKAGES, **about)
    for row in table:
        figures = {name: row[name] for name in ("examples_per_second", "examples_to_target", "seconds_to_target")}
        print(f"{row['name']:28}", *(f"{name} {each['mean']} ± {each['spread']}" for name, each in figures.items()))
    return 0 if all(row["seconds_to_target"]["mean"] for row in table) else 1


if __name__ == "__main__":
    sys.exit(main())
