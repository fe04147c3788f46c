"""Fine-tune mini-bert on SST-2, sentences of real film reviews, with both engines and five seeds each.

The recipe is the one of the checkpoint's card. Each training has a process of its own, since the engines want different
versions of Keras. Needs BOOK_DATA_DIR with sst2/. Finished trainings are kept: Ctrl-C loses only the one under way. The
accuracies on the dev and on the test sentences go to data/results/engines-sst2.json. Some twenty minutes on two cores.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from tqdm import tqdm

from tools.files import Kept
from tools.measure.engines import ENGINES, run_elsewhere, tuning_of
from tools.measure.recipe import BATCH, ENCODER, LEARNING_RATE, command_parser, digest
from tools.measure.results import FINE_TUNING_PACKAGES, ROOT, command_line, write_result
from utils import corpora

RESULT = "engines-sst2"
WORK = ROOT / "_build" / "engines-sst2.json"
EPOCHS, MAX_LENGTH = 3, 64
RECIPE = {"learning_rate": LEARNING_RATE, "epochs": EPOCHS, "batch_size": BATCH, "max_length": MAX_LENGTH}
HELD_OUT = ("dev", "test")


def train(engine: str, seed: int) -> dict[str, float]:
    """Fine-tune once; return the accuracies on what was held out."""
    training = corpora.load("sst2", "train")
    options = {"max_length": MAX_LENGTH, "classes": training.classes, "batch_size": BATCH, "seed": seed}
    tuning = tuning_of(engine)(training.texts, training.labels, ENCODER, **options)
    classifier = tuning.fit(LEARNING_RATE, EPOCHS, progress=False)
    held_out = {split: corpora.load("sst2", split) for split in HELD_OUT}
    return {
        f"{split}_accuracy": round(classifier.evaluate(corpus.texts, corpus.labels).accuracy, 4)
        for split, corpus in held_out.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when the file is written, 2 when something is missing, 130 when interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = command_parser(__doc__, WORK)
    parser.add_argument("--one", choices=ENGINES, help="only train with this engine and the first seed, and print it")
    chosen = parser.parse_args(arguments)
    if chosen.one:
        print(json.dumps(train(chosen.one, chosen.seeds[0])))
        return 0
    try:
        sizes = {split: len(corpora.load("sst2", split)) for split in ("train", *HELD_OUT)}
        weights = digest(ENCODER / "model.safetensors")
    except (OSError, corpora.CorpusError) as error:
        print(f"engines_sst2: {error}", file=sys.stderr)
        return 2
    kept = Kept(chosen.work, {"weights_sha256": weights, "sentences": sizes, **RECIPE})
    rows = []
    try:
        for engine, seed in tqdm([(engine, seed) for seed in chosen.seeds for engine in ENGINES], unit="training"):
            name = f"{engine} {seed}"
            if name not in kept:
                program = str(Path(__file__).resolve())
                kept[name] = run_elsewhere(engine, program, "--one", engine, "--seeds", str(seed))
            rows.append({"engine": engine, "seed": seed, **kept[name]})
    except KeyboardInterrupt:
        print("engines_sst2: interrupted; finished trainings are kept", file=sys.stderr)
        return 130
    command = command_line("tools/measure/engines_sst2.py", arguments)
    more = {"seeds": chosen.seeds, "sentences": sizes, "weights_sha256": weights, **RECIPE}
    options = {"packages": FINE_TUNING_PACKAGES, "folder": chosen.results}
    write_result(RESULT, rows, command, chosen.seeds[0], **options, **more)
    for engine in ENGINES:
        found = [row["test_accuracy"] for row in rows if row["engine"] == engine]
        print(f"{engine}: {np.mean(found):.3f} of the test sentences, {min(found):.3f} to {max(found):.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
