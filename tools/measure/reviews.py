"""Measure baselines on the generated reviews and write them to data/results/reviews-baselines.json.

Two classifiers count words, or words and pairs; one is a small Transformer that starts from data/checkpoints/mini-bert.
Each learns from all of train.csv. Accuracy is that on the given labels of test.csv, so 0.96 is the best possible.
Finished runs are kept in _build: interrupted, the program goes on where it was. Afterwards tools/reviews/write.py puts
the figures into the data card. What pre-training is worth, tools/measure/learning_curve.py measures.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from tqdm import tqdm

from tools.measure.results import RESULTS, command_line, write_result
from tools.reviews.write import as_csv
from utils import reviews
from utils.finetuning import choose_max_length, fine_tune, load_transformers

CHECKPOINT = Path(__file__).resolve().parents[2] / "data" / "checkpoints" / "mini-bert"
LEARNING_RATE, EPOCHS, BATCH = 5e-4, 4, 32
PENALTY = 4.0  # inverse strength of the logistic regression's penalty
PACKAGES = ("numpy", "scikit-learn", "tensorflow", "tf-keras", "transformers", "ktrain")
TRAINED = f"{EPOCHS} epochs, one-cycle, peak learning rate {LEARNING_RATE:g}, batches of {BATCH}"
CLASSIFIERS = {
    "words": "logistic regression on TF-IDF of single words",
    "words and pairs": "the same on single words and pairs of neighbours",
    "mini-bert": f"Transformer that starts from the weights the book ships, {TRAINED}",
}

COUNTING = ("words", "words and pairs")
UNFINISHED = Path(__file__).resolve().parents[2] / "_build" / "measure-reviews"
Predict = Callable[[Sequence[str]], Sequence[str]]


def train(name: str, texts: list[str], labels: list[str], seed: int) -> Predict:
    """Return a trained classifier of CLASSIFIERS, as a function from texts to labels."""
    if name in COUNTING:
        ngrams = (1, 1 + (name == "words and pairs"))
        words = TfidfVectorizer(ngram_range=ngrams, token_pattern=r"[\w'-]+")
        return make_pipeline(words, LogisticRegression(C=PENALTY, max_iter=2000)).fit(texts, labels).predict
    tokenizer = load_transformers().AutoTokenizer.from_pretrained(str(CHECKPOINT))
    return fine_tune(
        texts,
        labels,
        CHECKPOINT,
        learning_rate=LEARNING_RATE,
        epochs=EPOCHS,
        batch_size=BATCH,
        max_length=choose_max_length(tokenizer, texts, quantile=1.0),
        seed=seed,
    ).predict


def parts(rows: Sequence[reviews.Review]) -> dict[str, np.ndarray]:
    """Return boolean masks (N,) of the parts of N reviews: all, each phenomenon, each kind of what is unseen."""
    masks = {"all": np.ones(len(rows), bool)}
    masks |= {each.name: np.array([row.phenomenon == each.name for row in rows]) for each in reviews.PHENOMENA}
    named = {"no": "nothing unseen", "word": "unseen words", "structure": "unseen structure"}
    return masks | {named[kind]: np.array([row.unseen == kind for row in rows]) for kind in reviews.UNSEEN}


def corpus_digest() -> str:
    """Return the SHA-256 of the reviews, both splits, so that a result says which reviews it was measured on."""
    return hashlib.sha256("".join(as_csv(reviews.generate(split)) for split in reviews.SPLITS).encode()).hexdigest()


def measure(names: Sequence[str], seeds: int, progress: bool = True, keep: Path | None = None) -> list[dict[str, Any]]:
    """Train each classifier, the Transformer with several seeds, and return a row of accuracies for each part.

    Args:
        names: of CLASSIFIERS.
        seeds: runs of the Transformer, to be averaged.
        progress: whether to show a progress bar.
        keep: folder for what each finished run predicted, so that an interrupted program goes on where it was.
    """
    held_out = reviews.generate("test")
    masks, given = parts(held_out), np.array([row.label for row in held_out])
    rows = [{"part": part, "count": int(mask.sum())} for part, mask in masks.items()]
    runs = [(name, seed) for name in names for seed in range(1 if name in COUNTING else seeds)]
    right: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for name, seed in tqdm(runs, unit="classifier", disable=not progress):
        right[name].append(np.array(_predicted(name, seed, keep)) == given)
    for row, mask in zip(rows, masks.values(), strict=True):
        row |= {name: round(float(np.mean([each[mask] for each in found])), 4) for name, found in right.items()}
    return rows


def _predicted(name: str, seed: int, keep: Path | None) -> list[str]:
    """Return what one classifier says of the test's reviews: as an earlier run left it, or trained now."""
    path = keep / f"{_run_digest(name, seed)}.json" if keep else None
    if path and path.is_file():
        return json.loads(path.read_text(encoding="utf-8"))
    known, held_out = (reviews.generate(split) for split in reviews.SPLITS)
    predict = train(name, [row.text for row in known], [row.label for row in known], seed)
    predicted = [str(label) for label in predict([row.text for row in held_out])]
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(predicted), encoding="utf-8")
        draft.replace(path)
    return predicted


def _run_digest(name: str, seed: int) -> str:
    """Return a digest of all that decides a run: the reviews, the classifier, the seed, the weights it starts from."""
    weights = CHECKPOINT / "model.safetensors"
    start = "" if name in COUNTING else hashlib.sha256(weights.read_bytes()).hexdigest()
    about = [corpus_digest(), name, CLASSIFIERS[name], str(seed), start]
    return hashlib.sha256("\n".join(about).encode()).hexdigest()[:16]


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; return 0, or 2 when the checkpoint is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1, help="runs of the Transformer, to be averaged (default: 1)")
    parser.add_argument("--only", nargs="+", choices=CLASSIFIERS, default=list(CLASSIFIERS), help="which classifiers")
    parser.add_argument("--folder", type=Path, default=RESULTS, help="where to write (default: data/results)")
    chosen = parser.parse_args(arguments)
    if chosen.seeds < 1:
        parser.error(f"expected --seeds of at least 1; received {chosen.seeds}")
    if set(chosen.only) - set(COUNTING) and not CHECKPOINT.is_dir():
        print("data/checkpoints/mini-bert is missing, which the book ships; fetch the repository", file=sys.stderr)
        return 2
    rows = measure(chosen.only, chosen.seeds, keep=UNFINISHED)
    command = command_line("tools/measure/reviews.py", sys.argv[1:] if arguments is None else arguments)
    about = {"classifiers": {name: CLASSIFIERS[name] for name in chosen.only}, "seeds": chosen.seeds}
    about |= {"ceiling": reviews.ceiling(), "corpus_sha256": corpus_digest()}
    path = write_result("reviews-baselines", rows, command, 0, packages=PACKAGES, folder=chosen.folder, **about)
    for row in rows:
        print(f"{row['part']:>26} {row['count']:>5}", *(f"{row[name]:.3f}" for name in chosen.only))
    print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
