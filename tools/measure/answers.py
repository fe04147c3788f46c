"""Fine-tune mini-bert on the reviews as chapter 8 does, with five seeds, and keep what each network answers.

For each seed: the logit of "positive" for every test and validation review (what the classifier adds up before the
probability: p = 1 / (1 + exp(-logit))), the losses of each epoch, how far each part of the network moved, and, for some
reviews, what the probability of the answer loses when a word is hidden. A page that reads these answers need not train.
Finished trainings are kept: Ctrl-C loses only the one under way. The figures go to data/results/answers.json.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from tqdm import tqdm

from tools.files import Kept
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

RESULT = "answers"
WORK = ROOT / "_build" / "answers.json"
PROBED = 60  # test reviews of each phenomenon whose words are hidden one by one; those with support left out
# Read aloud in the chapter: none of them is in the reviews.
SENTENCES = (
    "The plot was not gripping, but the acting was superb.",
    "Nobody could call the room clean.",
    "Although the soup was delicious, the service was awful.",
)


def train(seed: int, parts: tuple[corpora.Corpus, corpora.Corpus], test: corpora.Corpus) -> dict[str, Any]:
    """Fine-tune once; return what is kept of it."""
    from utils.finetuning import FineTuning, choose_max_length, load_encoder_tokenizer, occlusion

    training, dev = parts
    length = choose_max_length(load_encoder_tokenizer(ENCODER), training.texts)
    options = {"max_length": length, "classes": training.classes, "batch_size": BATCH, "seed": seed}
    tuning = FineTuning(training.texts, training.labels, ENCODER, validation=(dev.texts, dev.labels), **options)
    model = tuning.learner.model
    before = {weight.name: weight.numpy() for weight in model.weights}
    classifier = tuning.fit(LEARNING_RATE, EPOCHS, progress=False)
    after = {weight.name: weight.numpy() for weight in model.weights}
    drops = {text: occlusion(classifier.predict_probability, text) for text in SENTENCES}
    picks = {}
    for row in probed(test):
        found = [drop for _, drop in occlusion(classifier.predict_probability, test.texts[row])]
        picks[str(row)] = int(np.argmax(found))
    return {
        "max_length": length,
        "history": {name: np.round(values, 4).tolist() for name, values in tuning.history.items()},
        "moved": moved(before, after),
        "test_logits": written(logits(classifier.predict_probability(test.texts))),
        "dev_logits": written(logits(classifier.predict_probability(dev.texts))),
        "sentences": {
            text: {
                "positive": round(float(classifier.predict_probability([text])[0, 1]), 4),
                "drops": [round(drop, 4) for _, drop in found],
            }
            for text, found in drops.items()
        },
        "picks": picks,
    }


def probed(test: corpora.Corpus) -> list[int]:
    """Return the places of the reviews whose words are hidden: the first of each phenomenon, without support."""
    phenomena, support = test.columns["phenomenon"], test.columns["support"]
    rows = []
    for name in sorted(set(phenomena)):
        rows += np.flatnonzero((phenomena == name) & (support == "no"))[:PROBED].tolist()
    return rows


def logits(probability: np.ndarray) -> np.ndarray:
    """Return log(p1 / p0) of each row of probabilities (N, 2)."""
    safe = np.clip(probability, 1e-12, 1)
    return np.log(safe[:, 1] / safe[:, 0])


def written(values: np.ndarray) -> str:
    """Return numbers in one line, with two digits after the point: 5,000 lines would hide what else a file holds.

    Example:
        >>> written(np.array([2.5, -0.004]))
        '2.50 0.00'
    """
    return " ".join(f"{value:.2f}" for value in np.round(values, 2) + 0.0)


def moved(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> dict[str, float]:
    """Return how far each part of a network moved: the length of the change over the length that it had.

    Args:
        before: arrays by name, as BERT's classifier of transformers names them.
        after: the same after training.

    Example:
        >>> name = "tf_bert_for_sequence_classification/bert/encoder/layer_._0/output/dense/kernel:0"
        >>> moved({name: np.array([3.0, 4.0])}, {name: np.array([3.0, 4.5])})
        {'layer 1': 0.1}
    """
    changes: dict[str, float] = {}
    lengths: dict[str, float] = {}
    for name, old in before.items():
        part = part_of(name)
        changes[part] = changes.get(part, 0.0) + float(((after[name] - old) ** 2).sum())
        lengths[part] = lengths.get(part, 0.0) + float((old**2).sum())
    return {part: round((changes[part] / lengths[part]) ** 0.5, 4) for part in changes}


def part_of(name: str) -> str:
    """Return to which part of a network an array belongs."""
    if found := re.search(r"layer_\._(\d+)/", name):
        return f"layer {int(found[1]) + 1}"
    if "/embeddings/" in name:
        return "embeddings"
    return "pooler" if "/pooler/" in name else "fresh layer"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when the file is written, 2 when something is missing, 130 when interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = command_parser(__doc__, WORK).parse_args(arguments)
    try:
        read = {
            "reviews_sha256": digest(*(REVIEWS / f"{split}.csv" for split in ("train", "test"))),
            "weights_sha256": digest(ENCODER / "model.safetensors"),
        }
        parts = corpora.split(corpora.load("reviews", "train"), HELD_OUT, SPLIT_SEED)
        test = corpora.load("reviews", "test")
    except (OSError, corpora.CorpusError) as error:
        print(f"answers: {error}", file=sys.stderr)
        return 2
    recipe = {"learning_rate": LEARNING_RATE, "epochs": EPOCHS, "batch_size": BATCH}
    kept = Kept(chosen.work, {**read, **recipe, "sentences": SENTENCES, "probed": PROBED})
    try:
        for seed in tqdm(chosen.seeds, unit="training"):
            if str(seed) not in kept:
                kept[str(seed)] = train(seed, parts, test)
    except KeyboardInterrupt:
        print("answers: interrupted; finished trainings are kept", file=sys.stderr)
        return 130
    rows = [{"seed": seed, **kept[str(seed)]} for seed in chosen.seeds]
    sizes = {"training_reviews": len(parts[0]), "validation_reviews": len(parts[1]), "test_reviews": len(test)}
    command = command_line("tools/measure/answers.py", arguments)
    write_result(
        RESULT,
        rows,
        command,
        chosen.seeds[0],
        packages=FINE_TUNING_PACKAGES,
        folder=chosen.results,
        **{**sizes, **recipe, **read, "seeds": chosen.seeds},
    )
    truth = test.columns["true_label"] == 1
    for row in rows:
        answers = np.array([float(word) > 0 for word in row["test_logits"].split()])
        print(f"seed {row['seed']}: {(answers == truth).mean():.3f} of the true labels")
    return 0


if __name__ == "__main__":
    sys.exit(main())
