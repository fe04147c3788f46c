"""Measure accuracy against the number of labels with mini-bert frozen: nothing is trained but a logistic regression.

It reads one vector for each review: the mean of the last hidden states, or the pooled output. Five folds of the
labelled reviews alone choose its penalty. The seeds choose the reviews as in tools/measure/learning_curve.py, so the
figures stand beside those of data/results/learning-curve.json: the same reviews to learn from, the same test reviews,
in which no sentence states the verdict beside the phenomenon. 0.96 is the best possible. With all 5,000 labels there
is nothing left to choose, and every seed gives the same. KERAS_BACKEND=numpy will do.
"""

import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from keras.ops import convert_to_numpy
from tqdm import tqdm

from tools.files import Kept
from tools.measure.learning_curve import SIZES, tested_reviews
from tools.measure.recipe import ENCODER, REVIEWS, command_parser, digest, parse_several
from tools.measure.results import PACKAGES, ROOT, command_line, write_result
from utils import corpora
from utils.transformer.models import mean_of_tokens
from utils.weights.from_bert import load_bert
from utils.weights.pooler import load_pooler, pooled_output

RESULT = "frozen-features"
WORK = ROOT / "_build" / "frozen-features.json"
KINDS = ("mean vector", "pooled output")
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)  # C of scikit-learn: large values penalise little
TOGETHER = 128  # reviews encoded at a time
DIGITS = 4


def features(texts: Sequence[str]) -> dict[str, np.ndarray]:
    """Return one vector of each kind for each text, (N, d), from the encoder as it is."""
    encoder, tokenizer = load_bert(ENCODER)
    rows = [one.ids for one in tokenizer.encode_batch_fast(list(texts))]
    found = {kind: np.zeros((len(rows), encoder.config.d_model), "float32") for kind in KINDS}
    order = np.argsort([len(row) for row in rows], kind="stable")
    for start in range(0, len(order), TOGETHER):
        at = order[start : start + TOGETHER]
        ids = np.zeros((len(at), max(len(rows[row]) for row in at)), "int32")
        for line, row in zip(ids, at, strict=True):
            line[: len(rows[row])] = rows[row]
        states = convert_to_numpy(encoder(ids, attention_mask=ids > 0, training=False))
        found[KINDS[0]][at] = convert_to_numpy(mean_of_tokens(states, ids > 0))
        found[KINDS[1]][at] = pooled_output(states, *load_pooler(ENCODER))
    return found


def logistic_accuracy(learn: tuple[np.ndarray, Any], test: tuple[np.ndarray, Any]) -> float:
    """Return the test accuracy of a logistic regression on vectors and labels; five folds choose its penalty."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    search = GridSearchCV(model, {"logisticregression__C": list(PENALTIES)}, cv=5)
    return float(search.fit(*learn).score(*test))


def measure(work: Path, settings: dict[str, Any], seeds: Sequence[int]) -> tuple[dict[str, float], int]:
    """Return {"kind/size/seed": accuracy}, going on from what `work` holds, and how many test reviews there are."""
    kept, train, test = Kept(work, settings), corpora.load("reviews", "train"), tested_reviews()
    names = [f"{kind}/{size}/{seed}" for kind, size, seed in itertools.product(KINDS, SIZES, seeds)]
    if set(names) <= set(kept):
        return kept, len(test)
    learn, asked = features(train.texts), features(test.texts)
    place = {text: at for at, text in enumerate(train.texts)}
    for name in tqdm(names, unit="regression"):
        kind, size, seed = name.split("/")
        same = f"{kind}/{size}/{seeds[0]}"
        if int(size) == len(train) and same in kept:
            kept[name] = kept[same]
        elif name not in kept:
            sample = corpora.stratified_sample(train, int(size), int(seed))
            rows = [place[text] for text in sample.texts]
            kept[name] = logistic_accuracy((learn[kind][rows], sample.labels), (asked[kind], test.labels))
    return kept, len(test)


def summary(found: dict[str, float], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Return a row for each kind and size: mean, sample deviation, and each seed's accuracy."""
    table = []
    for kind, size in itertools.product(KINDS, SIZES):
        values = np.array([found[f"{kind}/{size}/{seed}"] for seed in seeds])
        row = {"kind": kind, "labels": size, "accuracy": round(float(values.mean()), DIGITS)}
        row |= {"deviation": round(float(values.std(ddof=1)), DIGITS), "accuracies": values.round(DIGITS).tolist()}
        table.append(row)
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when the file is written, 2 when something is missing, 130 when interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = parse_several(command_parser(__doc__, WORK), arguments)
    files = {"weights": ENCODER / "model.safetensors"} | {name: REVIEWS / f"{name}.csv" for name in ("train", "test")}
    try:
        read = {f"{name}_sha256": digest(path) for name, path in files.items()}
    except OSError as error:
        print(f"frozen features: {error}", file=sys.stderr)
        return 2
    settings = {**read, "penalties": list(PENALTIES)}
    try:
        kept, test_reviews = measure(chosen.work, settings, chosen.seeds)
    except KeyboardInterrupt:
        print("frozen features: interrupted; what is finished is kept", file=sys.stderr)
        return 130
    rows = summary(kept, chosen.seeds)
    about = {"test_reviews": test_reviews, "seeds": chosen.seeds, **settings}
    command, packages = command_line("tools/measure/frozen_features.py", arguments), (*PACKAGES, "scikit-learn")
    write_result(RESULT, rows, command, chosen.seeds[0], packages=packages, folder=chosen.results, **about)
    for row in rows:
        print(f"{row['kind']:14} {row['labels']:>5}  {row['accuracy']:.3f} ± {row['deviation']:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
