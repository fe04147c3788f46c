"""Measure baselines on the generated reviews and write them to data/results/reviews-baselines.json.

Each classifier is measured on five corpora, generated with seeds of their own, the first of them the shipped one: it
learns from all of a training split and answers the test split beside it. So the spread holds all luck, that of the
reviews, and for the networks that of their training too. Accuracy is that on the given labels: 0.96 is the best
possible. Finished runs are kept in _build: interrupted, the program goes on where it was. Afterwards
tools/reviews/write.py puts the figures into the data card.
"""

import argparse
import functools
import hashlib
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from tqdm import tqdm

from tools.measure.results import RESULTS, command_line, write_result
from tools.reviews.write import as_csv
from utils import reviews
from utils.files import write_whole
from utils.finetuning import choose_max_length, fine_tune, load_transformers
from utils.reviews import words as reviews_words

CHECKPOINT = Path(__file__).resolve().parents[2] / "data" / "checkpoints" / "mini-bert"
LEARNING_RATE, EPOCHS, BATCH = 5e-4, 8, 32
PENALTY = 4.0  # inverse strength of the logistic regression's penalty
CORPUS_SEEDS = tuple(reviews.SEED + 100 * run for run in range(5))  # apart, since a split adds its place to the seed
PACKAGES = ("numpy", "scikit-learn", "tensorflow", "tf-keras", "transformers", "ktrain")
TRAINED = f"{EPOCHS} epochs, one-cycle, peak learning rate {LEARNING_RATE:g}, batches of {BATCH}"
CLASSIFIERS = {
    "majority": "always the most frequent label of training",
    "words": "logistic regression on TF-IDF of single words",
    "words and pairs": "the same on single words and pairs of neighbours",
    "pairs, NOT_ marked": "the same, each word from a negator to the next punctuation mark preceded by NOT_",
    "list of opinion words": "more positive or more negative words, by the grammar's own list; negative if as many",
    "random weights": f"mini-bert's network from random weights, {TRAINED}",
    "mini-bert": f"the same from the weights that the book ships, {TRAINED}",
}
NETWORKS = ("random weights", "mini-bert")
NEGATOR = re.compile(r"(not|no|never|nobody|nothing|none|neither|nor|cannot|hardly|.*n't)$")
UNFINISHED = Path(__file__).resolve().parents[2] / "_build" / "measure-reviews"
Predict = Callable[[Sequence[str]], Sequence[str]]


def mark_negation(text: str) -> list[str]:
    """Return the words of a text in lower case, those from a negator to the next punctuation mark marked.

    Example:
        >>> mark_negation("It wasn't very good, but cheap.")
        ['it', "wasn't", 'NOT_very', 'NOT_good', 'but', 'cheap']
    """
    found, negated = [], False
    for token in re.findall(r"[\w'-]+|[.,;:!?()]", text.lower()):
        if re.match(r"[.,;:!?()]", token):
            negated = False
            continue
        found.append(f"NOT_{token}" if negated else token)
        negated = negated or bool(NEGATOR.match(token))
    return found


@functools.cache
def listed_words() -> dict[str, re.Pattern[str]]:
    """Return for each label what finds its opinion words, phrases included."""
    return {
        label: re.compile(rf"(?<![\w-])(?:{'|'.join(sorted(map(re.escape, words), key=len, reverse=True))})(?![\w-])")
        for label, words in reviews_words.opinion_words().items()
    }


def count_listed_words(texts: Sequence[str]) -> list[str]:
    """Return for each text the label of which it holds more opinion words, "negative" if as many.

    Example:
        >>> count_listed_words(["A good plot.", "Good plot, dull cast."])
        ['positive', 'negative']
    """
    counts = [{label: len(words.findall(text.lower())) for label, words in listed_words().items()} for text in texts]
    return ["positive" if count["positive"] > count["negative"] else "negative" for count in counts]


def train(name: str, texts: list[str], labels: list[str], seed: int) -> Predict:
    """Return a trained classifier of CLASSIFIERS, as a function from texts to labels."""
    if name == "majority":
        return DummyClassifier(strategy="most_frequent").fit(texts, labels).predict
    if name == "list of opinion words":
        return count_listed_words
    if name not in NETWORKS:
        words: dict[str, Any] = {"token_pattern": r"[\w'-]+"}
        if name == "pairs, NOT_ marked":
            words = {"tokenizer": mark_negation, "token_pattern": None, "lowercase": False}
        vectorizer = TfidfVectorizer(ngram_range=(1, 1 if name == "words" else 2), **words)
        return make_pipeline(vectorizer, LogisticRegression(C=PENALTY, max_iter=2000)).fit(texts, labels).predict
    tokenizer = load_transformers().AutoTokenizer.from_pretrained(str(CHECKPOINT))
    return fine_tune(
        texts,
        labels,
        CHECKPOINT,
        learning_rate=LEARNING_RATE,
        epochs=EPOCHS,
        batch_size=BATCH,
        max_length=choose_max_length(tokenizer, texts, quantile=1.0),
        pretrained=name == "mini-bert",
        seed=seed,
    ).predict


def parts(rows: Sequence[reviews.Review]) -> dict[str, np.ndarray]:
    """Return boolean masks (N,) of the parts of N reviews.

    All; each phenomenon, each kind of what is unseen, and negation by what the negator bears on and how far it is from
    the opinion, all without support; and the reviews with support.
    """

    def where(holds: Callable[[reviews.Review], bool], support: str = "no") -> np.ndarray:
        return np.array([row.support == support and holds(row) for row in rows])

    masks = {"all": np.ones(len(rows), bool)}
    masks |= {each.name: where(lambda row, name=each.name: row.phenomenon == name) for each in reviews.PHENOMENA}
    named = {"no": "nothing unseen", "word": "unseen words", "structure": "unseen structure"}
    masks |= {named[kind]: where(lambda row, kind=kind: row.unseen == kind) for kind in reviews.UNSEEN}
    masks["plain, nothing unseen"] = masks["plain"] & masks["nothing unseen"]
    masks["negation, of something else"] = masks["negation"] & where(lambda row: not is_turned(row))
    for least, most in ((0, 0), (1, 2), (3, 4), (5, 7)):
        words = f"{least} to {most} words between" if least < most else f"{least} words between"
        near = where(lambda row, least=least, most=most: is_turned(row) and least <= row.distance <= most)
        masks[f"negation, of the opinion, {words}"] = masks["negation"] & near
    return masks | {"with support": where(lambda row: True, support="yes")}


def is_turned(row: reviews.Review) -> bool:
    """Return whether a word other than the opinion is among those that decide, as a negator that bears on it."""
    return len(row.deciding) > 1


def corpus_digest(seed: int = reviews.SEED) -> str:
    """Return the SHA-256 of the reviews, both splits, so that a result says which reviews it was measured on."""
    return hashlib.sha256(
        "".join(as_csv(reviews.generate(split, seed)) for split in reviews.SPLITS).encode()
    ).hexdigest()


def measure(
    names: Sequence[str], seeds: Sequence[int] = CORPUS_SEEDS, progress: bool = True, keep: Path | None = None
) -> list[dict[str, Any]]:
    """Train each classifier on each corpus and return a row of accuracies for each part of the test.

    Args:
        names: of CLASSIFIERS.
        seeds: of the corpora; the count of a part is that of the first.
        progress: whether to show a progress bar.
        keep: folder for what each finished run predicted, so that an interrupted program goes on where it was.

    Returns:
        Rows with part, count, the mean accuracy of each classifier under its name, and spread: its standard deviations
        over the corpora, by name (0 for a single corpus).
    """
    masks = {seed: parts(reviews.generate("test", seed)) for seed in seeds}
    right: dict[str, dict[int, np.ndarray]] = {name: {} for name in names}
    for name, seed in tqdm([(name, seed) for name in names for seed in seeds], unit="run", disable=not progress):
        given = np.array([row.label for row in reviews.generate("test", seed)])
        right[name][seed] = np.array(_predicted(name, seed, keep)) == given
    rows = []
    for part, mask in masks[seeds[0]].items():
        found = {name: [float(right[name][seed][masks[seed][part]].mean()) for seed in seeds] for name in names}
        means = {name: round(float(np.mean(values)), 4) for name, values in found.items()}
        spread = {name: round(float(np.std(values, ddof=int(len(seeds) > 1))), 4) for name, values in found.items()}
        rows.append({"part": part, "count": int(mask.sum())} | means | {"spread": spread})
    return rows


def _predicted(name: str, seed: int, keep: Path | None) -> list[str]:
    """Return what one classifier says of the test's reviews: as an earlier run left it, or trained now."""
    path = keep / f"{_run_digest(name, seed)}.json" if keep else None
    if path and path.is_file():
        return json.loads(path.read_text(encoding="utf-8"))
    known, held_out = (reviews.generate(split, seed) for split in reviews.SPLITS)
    predict = train(name, [row.text for row in known], [row.label for row in known], seed)
    predicted = [str(label) for label in predict([row.text for row in held_out])]
    if path:
        write_whole(path, json.dumps(predicted))
    return predicted


def _run_digest(name: str, seed: int) -> str:
    """Return a digest of all that decides a run: the reviews, the classifier, the seed, the weights it starts from."""
    files = {"mini-bert": ("model.safetensors", "config.json"), "random weights": ("config.json",)}.get(name, ())
    start = [hashlib.sha256((CHECKPOINT / file).read_bytes()).hexdigest() for file in files]
    about = [corpus_digest(seed), name, CLASSIFIERS[name], str(seed), *start]
    return hashlib.sha256("\n".join(about).encode()).hexdigest()[:16]


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; return 0, 2 when the checkpoint is missing, or 130 when interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=CLASSIFIERS, default=list(CLASSIFIERS), help="which classifiers")
    parser.add_argument("--folder", type=Path, default=RESULTS, help="where to write (default: data/results)")
    chosen = parser.parse_args(arguments)
    if set(chosen.only) & set(NETWORKS) and not CHECKPOINT.is_dir():
        print("data/checkpoints/mini-bert is missing, which the book ships; fetch the repository", file=sys.stderr)
        return 2
    try:
        rows = measure(chosen.only, keep=UNFINISHED)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with the runs it has", file=sys.stderr)
        return 130
    command = command_line("tools/measure/reviews.py", sys.argv[1:] if arguments is None else arguments)
    about = {"classifiers": {name: CLASSIFIERS[name] for name in chosen.only}, "corpus_seeds": list(CORPUS_SEEDS)}
    about |= {"ceiling": reviews.ceiling(), "corpus_sha256": corpus_digest()}
    path = write_result(
        "reviews-baselines", rows, command, reviews.SEED, packages=PACKAGES, folder=chosen.folder, **about
    )
    for row in rows:
        print(f"{row['part']:>45} {row['count']:>5}", *(f"{row[n]:.3f}±{row['spread'][n]:.3f}" for n in chosen.only))
    print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
