"""Measure what a linear probe reads from each layer of mini-bert, and what frozen features are worth to a classifier.

Probes: word, position, the word before, and whether a *not* turns an opinion round, asked of its adjective and of the
noun that it is about, in sentences made by a program. The last two are measured on words that the probe has not seen;
beside them stand the same network with random weights, a probe of the words around the noun, and a control: a label
tossed for each noun once, which a probe can only learn by heart. Frozen features: logistic regression on the mean of
mini-bert's last hidden states, for several numbers of labelled reviews. Five seeds draw sentences, splits, coins, fresh
weights and reviews.
"""

import argparse
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from tools.files import Kept
from tools.measure.learning_curve import SIZES, tested_reviews
from tools.measure.recipe import ENCODER, REVIEWS, digest
from tools.measure.results import ROOT, command_line, write_result
from utils import corpora, probing, runtime
from utils.transformer import Encoder
from utils.weights.from_bert import load_bert

SEEDS = (0, 1, 2, 3, 4)
SENTENCES = 800
APART = {"noun": 8, "adjective": 4}  # words that the probes of *not* are tested on alone
PLACES = 14  # positions that the probe tells apart
AROUND = 10  # words to the left and to the right that the probe of words sees
TOGETHER = 128
KINDS = ("mini-bert", "random weights")
PACKAGES = ("numpy", "keras", "tensorflow", "jax", "torch", "scikit-learn")
WORK = ROOT / "_build" / "probes.json"


def states_of(encoder: Encoder, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return every hidden state (layers + 1, N, T, d) of rows of ids (N, T), filled up where mask is False."""
    found = np.zeros((encoder.config.num_layers + 1, *ids.shape, encoder.config.d_model), "float32")
    for start in range(0, len(ids), TOGETHER):
        part = slice(start, start + TOGETHER)
        states = encoder(ids[part], attention_mask=mask[part], return_hidden_states=True, training=False)
        for layer, state in enumerate(states):
            found[layer, part] = keras.ops.convert_to_numpy(state)
    return found


def encode(sentences: Sequence[probing.Sentence], tokenizer: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return ids (N, T) and where a piece stands; word number i of a sentence is piece i + 1.

    Raises:
        ValueError: a word is no single piece.
    """
    found = tokenizer.encode_batch_fast([" ".join(one.words) for one in sentences])
    if any(len(row.ids) != len(one.words) + 2 for row, one in zip(found, sentences, strict=True)):
        raise ValueError("expected every word of the made sentences to be one piece of the vocabulary")
    ids = np.zeros((len(found), max(len(row.ids) for row in found)), "int32")
    for row, one in zip(ids, found, strict=True):
        row[: len(one.ids)] = one.ids
    return ids, ids > 0


def score(vectors: np.ndarray, labels: np.ndarray, trained: np.ndarray, tested: np.ndarray, classes: int) -> float:
    """Return the accuracy, on the vectors that `tested` marks, of a probe fitted to those that `trained` marks."""
    probe = probing.fit_probe(vectors[trained], labels[trained], classes)
    return round(float((probe.predict(vectors[tested]) == labels[tested]).mean()), 4)


def numbered(values: Sequence[Any]) -> tuple[np.ndarray, int]:
    """Return each value as a number from 0, and how many there are."""
    known = sorted(set(values))
    return np.array([known.index(value) for value in values]), len(known)


def words_around(sentences: Sequence[probing.Sentence]) -> np.ndarray:
    """Return, for both nouns of each sentence, which words stand where around it: (2 N, words · places) of 0 and 1."""
    known = sorted({word for one in sentences for word in one.words} - set(probing.NOUNS))
    found = np.zeros((2 * len(sentences), 2 * AROUND + 1, len(known)), "float32")
    for row, one in enumerate(sentences):
        for which, noun in enumerate(one.nouns):
            for at, word in enumerate(one.words):
                if abs(at - noun) <= AROUND and word in known:
                    found[2 * row + which, at - noun + AROUND, known.index(word)] = 1
    return found.reshape(len(found), -1)


def nearest_not(sentences: Sequence[probing.Sentence]) -> np.ndarray:
    """Return, for both nouns of each sentence, whether a *not* comes after it before the next noun."""
    found = []
    for one in sentences:
        first, second = one.nouns
        found += ["not" in one.words[first:second], "not" in one.words[second:]]
    return np.array(found)


def probes(seed: int) -> dict[str, Any]:
    """Return the accuracies of all probes of one seed."""
    rng = runtime.prepare(seed)
    sentences = probing.two_opinions(SENTENCES, rng)
    encoder, tokenizer = load_bert(ENCODER)
    ids, mask = encode(sentences, tokenizer)
    rows, columns = np.nonzero(mask & (ids != 2) & (ids != 3))
    taken = rng.permutation(len(rows))[:4_000]
    rows, columns = rows[taken], columns[taken]
    fitted_rows = rng.random(len(sentences)) < 0.7
    trained = fitted_rows[rows]

    noun_rows = np.repeat(np.arange(len(sentences)), 2)
    noun_columns = np.array([at + 1 for one in sentences for at in one.nouns])
    nouns = np.array([one.words[at] for one in sentences for at in one.nouns])
    negated = np.array([turned for one in sentences for turned in one.negated]).astype(int)
    new = np.isin(nouns, rng.choice(probing.NOUNS, APART["noun"], replace=False))
    adjective_columns = np.array([at + 1 for one in sentences for at in one.adjectives])
    adjectives = np.array([one.words[at] for one in sentences for at in one.adjectives])
    unseen = np.isin(adjectives, rng.choice(probing.ADJECTIVES, APART["adjective"], replace=False))
    coins = dict(zip(probing.NOUNS, rng.permutation(np.arange(len(probing.NOUNS)) % 2), strict=True))
    tossed = np.array([coins[noun] for noun in nouns])
    fitted_nouns = fitted_rows[noun_rows]

    word, words = numbered(ids[rows, columns].tolist())
    before, kinds_before = numbered(ids[rows, columns - 1].tolist())
    place = np.minimum(columns - 1, PLACES - 1)
    found: dict[str, Any] = {"seed": seed}
    for kind in KINDS:
        if kind != KINDS[0]:
            encoder = Encoder(encoder.config)
        layers = states_of(encoder, ids, mask)
        found[kind] = {
            "word": [score(one[rows, columns], word, trained, ~trained, words) for one in layers],
            "position": [score(one[rows, columns], place, trained, ~trained, PLACES) for one in layers],
            "word before": [score(one[rows, columns], before, trained, ~trained, kinds_before) for one in layers],
            "not, adjective": [score(x[noun_rows, adjective_columns], negated, ~unseen, unseen, 2) for x in layers],
            "not, noun": [score(one[noun_rows, noun_columns], negated, ~new, new, 2) for one in layers],
            "coin": [score(one[noun_rows, noun_columns], tossed, fitted_nouns, ~fitted_nouns, 2) for one in layers],
            "coin, new nouns": [score(one[noun_rows, noun_columns], tossed, ~new, new, 2) for one in layers],
        }
    found["words around"] = score(words_around(sentences), negated, ~new, new, 2)
    found["nearest not"] = round(float((nearest_not(sentences) == negated)[new].mean()), 4)
    found["more frequent"] = {
        "word": round(float(np.bincount(word[~trained]).max() / (~trained).sum()), 4),
        "word before": round(float(np.bincount(before[~trained]).max() / (~trained).sum()), 4),
        "position": round(float(np.bincount(place[~trained]).max() / (~trained).sum()), 4),
    }
    keras.backend.clear_session()
    return found


def features(texts: Sequence[str], encoder: Encoder, tokenizer: Any) -> np.ndarray:
    """Return the mean (N, d) of the last hidden states of each text's pieces."""
    rows = [one.ids for one in tokenizer.encode_batch_fast(list(texts))]
    found = np.zeros((len(rows), encoder.config.d_model))
    order = np.argsort([len(row) for row in rows], kind="stable")
    for start in range(0, len(order), TOGETHER):
        at = order[start : start + TOGETHER]
        length = -(-max(len(rows[one]) for one in at) // 8) * 8
        ids = np.zeros((len(at), length), "int32")
        for row, one in zip(ids, at, strict=True):
            row[: len(rows[one])] = rows[one]
        states = keras.ops.convert_to_numpy(encoder(ids, attention_mask=ids > 0, training=False))
        found[at] = (states * (ids > 0)[..., None]).sum(1) / (ids > 0).sum(1)[:, None]
    return found


def frozen(seeds: Sequence[int], size_list: Sequence[int] = SIZES) -> dict[str, list[float]]:
    """Return {labels: accuracies, one a seed} of logistic regression on features that nobody trains further."""
    train, test = corpora.load("reviews", "train"), tested_reviews()
    encoder, tokenizer = load_bert(ENCODER)
    known, asked = (features(one.texts, encoder, tokenizer) for one in (train, test))
    centre, scale = known.mean(0), known.std(0)
    known, asked = (known - centre) / scale, (asked - centre) / scale
    where = {text: at for at, text in enumerate(train.texts)}
    found: dict[str, list[float]] = {}
    for size, seed in itertools.product(size_list, seeds):
        sample = corpora.stratified_sample(train, size, seed) if size < len(train) else train
        at = [where[text] for text in sample.texts]
        model = LogisticRegression(C=0.1, max_iter=2000).fit(known[at], sample.labels)
        found.setdefault(str(size), []).append(round(float(model.score(asked, test.labels)), 4))
    return found


def measure(seeds: Sequence[int], work: Path = WORK) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return one row of probes for each seed, and what holds for all, the frozen features among it."""
    about = {"sentences": SENTENCES, "words apart": APART, "places": PLACES, "words around": AROUND}
    about |= {"weights_sha256": digest(ENCODER / "model.safetensors"), "seeds": list(seeds)}
    about |= {f"{split}_sha256": digest(REVIEWS / f"{split}.csv") for split in ("train", "test")}
    found = Kept(work, about)
    for seed in tqdm(seeds, desc="probes"):
        if str(seed) not in found:
            found[str(seed)] = probes(seed)
    if "frozen" not in found:
        found["frozen"] = frozen(seeds)
    return [found[str(seed)] for seed in seeds], about | {"frozen features": found["frozen"]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when the file is written, 130 when interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args(arguments)
    try:
        rows, about = measure(SEEDS)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with the figures it has", file=sys.stderr)
        return 130
    command = command_line("tools/measure/probes.py", sys.argv[1:] if arguments is None else arguments)
    path = write_result("probes", rows, command, SEEDS[0], packages=PACKAGES, **about)
    for kind in KINDS:
        for what in rows[0][kind]:
            means = np.mean([row[kind][what] for row in rows], axis=0)
            print(f"{kind:15} {what:16}", *(f"{mean:.3f}" for mean in means))
    print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
