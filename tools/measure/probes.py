"""Measure what a linear probe reads from each layer of mini-bert, and what it learns by heart.

Five things are asked: the word itself, its position, whether a noun is in the plural, and whether a *not* turns an
opinion round, asked of its adjective and of the noun that it is about. The sentences are made by a program, so that
the answers are known. The last three are measured on words that the probe has not seen; word and position on other
sentences. The *not* of a noun is measured on other sentences, too, with nouns that the probe has met: it changes from
sentence to sentence, so that no noun tells it. Controls (Hewitt and Liang, 2019): a label is drawn for each noun,
equally often 0 and 1, which a probe can only learn by heart, and which it cannot know of new nouns. Beside mini-bert
stands the same network with random weights; layer 0 is the embedding alone.

Rivals do without a network. Of *not*: a probe of the words around the noun; the nearest *not*; whether the sentence
holds any; a probe that knows how many it holds. Of the plural: a probe that knows nothing but the word's line in the
vocabulary, where frequent words tend to come first. Five seeds draw sentences, splits, labels and fresh weights.
Nothing is trained but probes: KERAS_BACKEND=numpy will do.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import keras
import numpy as np
from tqdm import tqdm

from tools.files import Kept
from tools.measure.recipe import ENCODER, command_parser, digest
from tools.measure.results import ROOT, command_line, write_result
from utils import probing, runtime
from utils.transformer import Encoder
from utils.weights.from_bert import load_bert

RESULT = "probes"
WORK = ROOT / "_build" / "probes.json"
SENTENCES = 500
APART = {"noun": 8, "adjective": 4}  # words that probes are tested on, and not fitted to
TOKENS = 3_000  # that the probes of word and position are fitted to and tested on
PLACES = 14  # positions that a probe tells apart; the last stands for all later ones
AROUND = 10  # words to the left and to the right that the probe of words sees
TOGETHER = 128
KINDS = ("mini-bert", "random weights")
NEW_WORDS = ("plural", "not, adjective", "not, noun", "coin, new nouns")  # tested on words that are new to the probe


def states_of(encoder: Encoder, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return every hidden state (layers + 1, N, T, d) of rows of ids (N, T), filled up where mask is False."""
    found = np.zeros((encoder.config.num_layers + 1, *ids.shape, encoder.config.d_model), "float32")
    for start in range(0, len(ids), TOGETHER):
        part = slice(start, start + TOGETHER)
        states = encoder(ids[part], attention_mask=mask[part], return_hidden_states=True, training=False)
        for layer, state in enumerate(states):
            found[layer, part] = keras.ops.convert_to_numpy(state)
    return found


def score(vectors: np.ndarray, labels: np.ndarray, tested: np.ndarray) -> float:
    """Return the accuracy of a probe on the vectors that `tested` marks, when it was fitted to all others.

    Args:
        vectors: (N, d).
        labels: (N,), of any kind.
        tested: (N,), booleans.
    """
    classes, numbers = np.unique(labels, return_inverse=True)
    probe = probing.fit_probe(vectors[~tested], numbers[~tested], len(classes))
    return round(float((probe.predict(vectors[tested]) == numbers[tested]).mean()), 4)


def frequent(labels: np.ndarray, tested: np.ndarray) -> float:
    """Return how often the most frequent label of the others is right where `tested` marks."""
    classes, counts = np.unique(labels[~tested], return_counts=True)
    return round(float((labels[tested] == classes[counts.argmax()]).mean()), 4)


def words_around(sentences: Sequence[probing.Sentence]) -> np.ndarray:
    """Return, for both nouns of each sentence, which words stand where around it: (2 N, words · places) of 0 and 1."""
    nouns = {one.words[at] for one in sentences for at in one.nouns}
    known = sorted({word for one in sentences for word in one.words} - nouns)
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


def number_of_nots(sentences: Sequence[probing.Sentence]) -> np.ndarray:
    """Return, for both nouns of each sentence, how often *not* stands in the whole sentence."""
    return np.repeat([one.words.count("not") for one in sentences], 2)


def probes(seed: int) -> dict[str, Any]:
    """Return the accuracies of all probes of one seed."""
    rng = runtime.prepare(seed)
    sentences = probing.two_opinions(SENTENCES, rng)
    encoder, tokenizer = load_bert(ENCODER)
    ids, mask = probing.encode_sentences(sentences, tokenizer)
    other_sentence = rng.random(len(sentences)) < 0.3
    rows, columns = np.nonzero(mask & (ids != 2) & (ids != 3))
    taken = rng.permutation(len(rows))[:TOKENS]
    rows, columns = rows[taken], columns[taken]
    word, place = ids[rows, columns], np.minimum(columns - 1, PLACES - 1)

    asked = probing.both_nouns(sentences)
    noun = np.array([word.removesuffix("s") for word in asked.nouns])
    new_noun = np.isin(noun, rng.choice(probing.NOUNS, APART["noun"], replace=False))
    new_adjective = np.isin(asked.adjectives, rng.choice(probing.ADJECTIVES, APART["adjective"], replace=False))
    coin = np.zeros(len(noun), int)
    for group in (new_noun, ~new_noun):  # in each, one half of the nouns
        coin |= group & np.isin(noun, rng.permutation(np.unique(noun[group]))[::2])
    labels = {
        "word": (word, other_sentence[rows]),
        "position": (place, other_sentence[rows]),
        "plural": (asked.plural, new_noun),
        "not, adjective": (asked.negated, new_adjective),
        "not, noun": (asked.negated, new_noun),
        "not, noun met": (asked.negated, other_sentence[asked.rows]),
        "coin": (coin, other_sentence[asked.rows]),
        "coin, new nouns": (coin, new_noun),
    }
    places = {name: (asked.rows, asked.noun_columns) for name in labels}
    places |= {name: (rows, columns) for name in ("word", "position")}
    places["not, adjective"] = (asked.rows, asked.adjective_columns)
    found: dict[str, Any] = {"seed": seed}
    for kind in KINDS:
        if kind != KINDS[0]:
            encoder = Encoder(encoder.config)
        layers = states_of(encoder, ids, mask)
        found[kind] = {name: [score(one[places[name]], *labels[name]) for one in layers] for name in labels}
    found["most frequent"] = {name: frequent(*labels[name]) for name in labels}
    found["words around"] = score(words_around(sentences), asked.negated, new_noun)
    nots = number_of_nots(sentences)
    for name, rule in (("nearest not", nearest_not(sentences)), ("any not", nots > 0)):
        found[name] = round(float((rule == asked.negated)[new_noun].mean()), 4)
    found["number of nots"] = score(np.eye(nots.max() + 1)[nots], asked.negated, new_noun)
    lines = ids[asked.rows, asked.noun_columns][:, None]
    found["plural by line"] = score(lines, asked.plural, new_noun)
    keras.backend.clear_session()
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when the file is written, 130 when interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = command_parser(__doc__, WORK).parse_args(arguments)
    about = {"sentences": SENTENCES, "words_apart": APART, "tokens": TOKENS, "places": PLACES, "words_around": AROUND}
    about |= {"weights_sha256": digest(ENCODER / "model.safetensors")}
    kept = Kept(chosen.work, about)
    try:
        for seed in tqdm(chosen.seeds, unit="seed"):
            if str(seed) not in kept:
                kept[str(seed)] = probes(seed)
    except KeyboardInterrupt:
        print("probes: interrupted; the same command goes on with the seeds it has", file=sys.stderr)
        return 130
    rows = [kept[str(seed)] for seed in chosen.seeds]
    about |= {"seeds": chosen.seeds, "backend": keras.backend.backend()}
    command = command_line("tools/measure/probes.py", arguments)
    write_result(RESULT, rows, command, chosen.seeds[0], folder=chosen.results, **about)
    for kind in KINDS:
        for name in rows[0][kind]:
            means = np.mean([row[kind][name] for row in rows], axis=0)
            print(f"{kind:15} {name:16}", *(f"{mean:.3f}" for mean in means))
    for name in ("words around", "nearest not", "any not", "number of nots", "plural by line"):
        print(f"{name:16} {np.mean([row[name] for row in rows]):.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
