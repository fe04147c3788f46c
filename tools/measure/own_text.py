"""Classify the reviews by another column than the label, as a reader's own file would be: mini-bert beside counting.

Two tasks: which of the ten phenomena a review shows, and whether `support` marks it: it is not plain, and its last
sentence states the verdict outright, as one in fourteen does. On 500 labels mini-bert is fine-tuned as in chapter 8,
with the same passes, and for the first task with four times as many as well, so that no rival wins for want of
training; on all labels counting runs alone. Finished trainings are kept: Ctrl-C loses only the one under way. The
figures go to data/results/own-text.json.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from tqdm import tqdm

from tools.files import Kept
from tools.measure.recipe import BATCH, ENCODER, EPOCHS, LEARNING_RATE, REVIEWS, command_parser, digest, parse_several
from tools.measure.results import FINE_TUNING_PACKAGES, ROOT, command_line, write_result
from utils import corpora

RESULT = "own-text"
FILE = REVIEWS / "train.csv"
WORK = ROOT / "_build" / "own-text.json"
HELD_OUT = 0.2
COUNTING, MAJORITY = "counting words", "most frequent class"
DIGITS = 4


@dataclass(frozen=True)
class Task:
    """What is to be learnt, and from how much.

    Attributes:
        column: of the file, which holds the classes.
        labels: labelled texts to learn from; 0 for all that are not held out.
        epochs: passes of mini-bert over them, one training for each number.
    """

    column: str
    labels: int
    epochs: tuple[int, ...]


TASKS = (
    Task("phenomenon", 500, (EPOCHS, 4 * EPOCHS)),
    Task("phenomenon", 0, ()),
    Task("support", 500, (EPOCHS,)),
    Task("support", 0, ()),
)


def parts(task: Task, seed: int) -> tuple[corpora.Corpus, corpora.Corpus]:
    """Return texts to learn from and texts held out; another seed draws others."""
    learn, held_out = corpora.split(corpora.load(FILE, label=task.column), HELD_OUT, seed)
    return (corpora.stratified_sample(learn, task.labels, seed) if task.labels else learn), held_out


def rivals(task: Task) -> list[str]:
    """Return the names of what is compared."""
    return [MAJORITY, COUNTING, *(f"mini-bert, {epochs} passes" for epochs in task.epochs)]


def answer(task: Task, rival: str, seed: int) -> dict[str, float]:
    """Let one rival learn, and return accuracy and mean F1 of the classes on the held-out texts."""
    from sklearn.metrics import f1_score

    learn, held_out = parts(task, seed)
    if rival == MAJORITY:
        predicted = np.full(len(held_out), np.bincount(learn.labels).argmax())
    elif rival == COUNTING:
        from tools.measure.real import baseline_model

        predicted = baseline_model().fit(learn.texts, learn.labels).predict(held_out.texts)
    else:
        predicted = fine_tuned(learn, held_out, int(rival.split()[1]), seed)
    shares = f1_score(held_out.labels, predicted, average="macro", zero_division=0)
    return {"accuracy": float((predicted == held_out.labels).mean()), "macro_f1": float(shares)}


def fine_tuned(learn: corpora.Corpus, held_out: corpora.Corpus, epochs: int, seed: int) -> np.ndarray:
    """Fine-tune mini-bert and return the classes that it predicts, as numbers."""
    from utils.finetuning import choose_max_length, fine_tune, load_encoder_tokenizer

    classifier = fine_tune(
        learn.texts,
        learn.labels,
        ENCODER,
        classes=learn.classes,
        max_length=choose_max_length(load_encoder_tokenizer(ENCODER), learn.texts),
        batch_size=BATCH,
        learning_rate=LEARNING_RATE,
        epochs=epochs,
        seed=seed,
        progress=False,
    )
    return classifier.predict_probability(held_out.texts).argmax(axis=-1)


def summary(task: Task, rival: str, found: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Return a row: mean and sample deviation over the seeds."""
    row: dict[str, Any] = {"column": task.column, "labels": task.labels or "all", "rival": rival}
    for name, plural in (("accuracy", "accuracies"), ("macro_f1", "macro_f1s")):
        values = np.array([one[name] for one in found])
        row[name] = round(float(values.mean()), DIGITS)
        row[f"{name}_deviation"] = round(float(values.std(ddof=1)), DIGITS)
        row[plural] = values.round(DIGITS).tolist()
    return row


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when the file is written, 2 when something is missing, 130 when interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = parse_several(command_parser(__doc__, WORK), arguments)
    try:
        digests = [digest(path) for path in (FILE, ENCODER / "model.safetensors")]
    except OSError as error:
        print(f"own text: {error}", file=sys.stderr)
        return 2
    read = dict(zip(("file_sha256", "weights_sha256"), digests, strict=True))
    recipe = {"learning_rate": LEARNING_RATE, "batch_size": BATCH, "held_out": HELD_OUT}
    kept, rows = Kept(chosen.work, {**read, **recipe}), []
    trials = [(task, rival) for task in TASKS for rival in rivals(task)]
    try:
        with tqdm(total=len(trials) * len(chosen.seeds), unit="training") as bar:
            for task, rival in trials:
                for seed in chosen.seeds:
                    name = f"{task.column}/{task.labels}/{rival}/{seed}"
                    if name not in kept:
                        kept[name] = answer(task, rival, seed)
                    bar.update()
                found = [kept[f"{task.column}/{task.labels}/{rival}/{seed}"] for seed in chosen.seeds]
                rows.append(summary(task, rival, found))
    except KeyboardInterrupt:
        print("own text: interrupted; finished trainings are kept", file=sys.stderr)
        return 130
    command = command_line("tools/measure/own_text.py", arguments)
    about = {"seeds": chosen.seeds, **recipe, **read}
    write_result(RESULT, rows, command, chosen.seeds[0], packages=FINE_TUNING_PACKAGES, folder=chosen.results, **about)
    for row in rows:
        figures = f"accuracy {row['accuracy']:.3f} ± {row['accuracy_deviation']:.3f}, F1 {row['macro_f1']:.3f}"
        print(f"{row['column']}, {row['labels']} labels, {row['rival']}: {figures}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
