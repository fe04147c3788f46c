"""Measure what a linear probe reads from each layer of mini-bert.

Probes: word, position, the word before, and whether a *not* turns an opinion round, asked of its adjective and of the
noun that it is about, in sentences made by a program. The last two are measured on words that the probe has not seen;
beside them stand the same network with random weights, a probe of the words around the noun, and a control: a label
tossed for each noun once, which a probe can only learn by heart. Five seeds draw
sentences, splits, coins and fresh weights. Nothing is trained but probes, so KERAS_BACKEND=numpy will do.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import keras
import numpy as np
from tqdm import tqdm

from tools.files import Kept
from tools.measure.recipe import ENCODER, digest
from tools.measure.results import ROOT, command_line, write_result
from utils import probing, runtime
from utils.transformer import Encoder
from utils.weights.from_bert import load_bert

SEEDS = (0, 1, 2, 3, 4)
SENTENCES = 500
APART = {"noun": 8, "adjective": 4}  # words that the probes of *not* are tested on alone
PLACES = 14  # positions that the probe tells apart
AROUND = 10  # words to the left and to the right that the probe of words sees
TOGETHER = 128
KINDS = ("mini-bert", "random weights")
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
    taken = rng.permutation(len(rows))[:3_000]
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


def measure(seeds: Sequence[int], work: Path = WORK) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return one row of probes for each seed, and what holds for all."""
    about = {"sentences": SENTENCES, "words apart": APART, "places": PLACES, "words around": AROUND}
    about |= {"weights_sha256": digest(ENCODER / "model.safetensors"), "seeds": list(seeds)}
    found = Kept(work, about)
    for seed in tqdm(seeds, desc="probes"):
        if str(seed) not in found:
            found[str(seed)] = probes(seed)
    return [found[str(seed)] for seed in seeds], about


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
    path = write_result("probes", rows, command, SEEDS[0], **about, backend=keras.backend.backend())
    for kind in KINDS:
        for what in rows[0][kind]:
            means = np.mean([row[kind][what] for row in rows], axis=0)
            print(f"{kind:15} {what:16}", *(f"{mean:.3f}" for mean in means))
    print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
