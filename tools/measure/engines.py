"""Fine-tune mini-bert on the reviews with the book's own engine, as chapter 8 does with ktrain, and compare the two.

Accuracy: five seeds of the recipe of chapter 8 (`tools/measure/recipe.py`) with `--engine keras`, answered on the test
reviews that chapter 8 counts on. The same for ktrain stands in answers.json already. Low-rank adapters: the same again,
with the encoder frozen and adapters of rank 8 beside query and value, at two peaks of the learning rate. Pace: both
engines train the same reviews in turns, each turn in a process of its own, on one machine and in one run; the first
epoch of a turn, which also compiles, is left out. Finished parts are kept: Ctrl-C loses only the one under way.
`--settings` and `--turns` choose some of the parts. The figures go to data/results/engines.json.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from tqdm import tqdm

from tools.files import Kept
from tools.measure.learning_curve import tested_reviews
from tools.measure.recipe import (
    BATCH,
    ENCODER,
    EPOCHS,
    HELD_OUT,
    LEARNING_RATE,
    REVIEWS,
    SPLIT_SEED,
    command_parser,
    digest,
)
from tools.measure.results import FINE_TUNING_PACKAGES, ROOT, command_line, write_result
from utils import corpora
from utils.corpora import Corpus

RESULT = "engines"
WORK = ROOT / "_build" / "engines.json"
ENGINES = ("keras", "ktrain")
TURNS = 3  # of each engine
RANK = 8
SETTINGS = {
    "all weights": (None, LEARNING_RATE),
    "adapters": (RANK, 4 * LEARNING_RATE),
    "adapters, same rate": (RANK, LEARNING_RATE),
}
PACED, PACED_EPOCHS = 1_536, 3  # reviews and epochs of a turn


def train(setting: str, seed: int, parts: tuple[Corpus, Corpus], test: Corpus) -> dict[str, Any]:
    """Fine-tune once with the Keras engine; return what is kept of it."""
    from utils.classification import KerasFineTuning, PlainTokenizer, choose_max_length
    from utils.tuning.lora import count_parameters, enable_lora, merge_lora

    training, dev = parts
    length = choose_max_length(PlainTokenizer(ENCODER), training.texts)
    options = {"max_length": length, "classes": training.classes, "batch_size": BATCH, "seed": seed}
    tuning = KerasFineTuning(training.texts, training.labels, ENCODER, validation=(dev.texts, dev.labels), **options)
    rank, rate = SETTINGS[setting]
    if rank:
        enable_lora(tuning.model.encoder, rank)
        tuning.fresh_optimizer()
    trained, everything = count_parameters(tuning.model)
    classifier = tuning.fit(rate, EPOCHS, progress=False)
    answers = classifier.evaluate(test.texts, test.labels)
    shift = 0.0
    if rank:
        merge_lora(tuning.model.encoder)
        merged = classifier.predict_probability(test.texts[:500])
        shift = float(np.abs(merged - answers.probability[:500]).max())
    truth = np.asarray(test.columns["true_label"])
    return {
        "max_length": length,
        "learning_rate": rate,
        "trained": trained,
        "parameters": everything,
        "shift_by_merging": float(f"{shift:.1e}"),
        "accuracy": round(answers.accuracy, 4),
        "accuracy_true_labels": round(float((answers.predicted == truth).mean()), 4),
        "history": {name: np.round(values, 4).tolist() for name, values in tuning.history.items()},
    }


def tuning_of(engine: str) -> type:
    """Return the class that trains with an engine."""
    if engine == "keras":
        from utils.classification import KerasFineTuning

        return KerasFineTuning
    from utils.finetuning import FineTuning

    return FineTuning


def pace(engine: str, training: Corpus) -> float:
    """Return how many reviews a second an engine trains on, after its first epoch."""
    from utils.classification import PlainTokenizer, choose_max_length

    length = choose_max_length(PlainTokenizer(ENCODER), training.texts)
    texts, labels = training.texts[:PACED], training.labels[:PACED]
    options = {"max_length": length, "classes": training.classes, "batch_size": BATCH}
    tuning = tuning_of(engine)(texts, labels, ENCODER, **options)
    tuning.fit(LEARNING_RATE, PACED_EPOCHS, progress=False)
    seconds = tuning.history["seconds"][1:]
    return len(texts) * len(seconds) / sum(seconds)


def run_elsewhere(engine: str, program: str, *options: str) -> Any:
    """Return what a program prints as its last line, JSON, in a process of its own: the engines want different Keras.

    Raises:
        RuntimeError: it failed; the message holds its words.
    """
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": str(int(engine == "ktrain"))}
    command = [sys.executable, program, *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        told = f"its process ended with {done.returncode}: {done.stderr}"
        raise RuntimeError(f"expected a measurement of {engine}; {told}")
    return json.loads(done.stdout.splitlines()[-1])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when the file is written, 2 when something is missing, 130 when interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = command_parser(__doc__, WORK)
    parser.add_argument("--pace", choices=ENGINES, help="only measure the pace of this engine, and print it")
    parser.add_argument("--settings", choices=SETTINGS, nargs="+", default=list(SETTINGS), help="default: all three")
    parser.add_argument("--turns", type=int, default=TURNS, help="of each engine's pace (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    try:
        read = {
            "reviews_sha256": digest(*(REVIEWS / f"{split}.csv" for split in ("train", "test"))),
            "weights_sha256": digest(ENCODER / "model.safetensors"),
        }
        parts = corpora.split(corpora.load("reviews", "train"), HELD_OUT, SPLIT_SEED)
        test = tested_reviews()
    except (OSError, corpora.CorpusError) as error:
        print(f"engines: {error}", file=sys.stderr)
        return 2
    if chosen.pace:
        print(json.dumps(round(pace(chosen.pace, parts[0]), 1)))
        return 0
    recipe = {"learning_rate": LEARNING_RATE, "epochs": EPOCHS, "batch_size": BATCH}
    kept = Kept(chosen.work, {**read, **recipe, "paced": [PACED, PACED_EPOCHS], "settings": SETTINGS})
    try:
        wanted = [(setting, seed) for setting in chosen.settings for seed in chosen.seeds]
        for setting, seed in tqdm(wanted, unit="training"):
            if f"{setting} {seed}" not in kept:
                kept[f"{setting} {seed}"] = train(setting, seed, parts, test)
        for name in tqdm([f"{turn} {engine}" for turn in range(chosen.turns) for engine in ENGINES], unit="turn"):
            if name not in kept:
                engine = name.split()[1]
                kept[name] = run_elsewhere(engine, str(Path(__file__).resolve()), "--pace", engine)
    except KeyboardInterrupt:
        print("engines: interrupted; finished parts are kept", file=sys.stderr)
        return 130
    rows = [{"setting": setting, "seed": seed, **kept[f"{setting} {seed}"]} for setting, seed in wanted]
    paces = {engine: [kept[f"{turn} {engine}"] for turn in range(chosen.turns)] for engine in ENGINES}
    sizes = {"training_reviews": len(parts[0]), "validation_reviews": len(parts[1]), "test_reviews": len(test)}
    more = {
        **sizes,
        **recipe,
        **read,
        "seeds": chosen.seeds,
        "paced_reviews": PACED,
        "paced_epochs": PACED_EPOCHS,
        "rank": RANK,
    }
    write_result(
        RESULT,
        rows,
        command_line("tools/measure/engines.py", arguments),
        chosen.seeds[0],
        packages=FINE_TUNING_PACKAGES,
        folder=chosen.results,
        **more,
        threads=os.environ.get("OMP_NUM_THREADS", "all"),
        reviews_per_second=paces,
    )
    for row in rows:
        print(f"{row['setting']}, seed {row['seed']}: accuracy {row['accuracy']:.3f}")
    if chosen.turns:
        print("reviews a second:", {engine: float(np.median(found)) for engine, found in paces.items()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
