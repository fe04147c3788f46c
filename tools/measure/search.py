"""Measure how well a question finds the paragraphs that answer it: words counted, against the vectors of mini-bert.

40 questions, in data/search/questions.csv, are asked of a frozen copy of the book's own paragraphs. Each way to search
gives every paragraph a score. Recall is the share of questions with a right paragraph among the first five; the
reciprocal rank is 1 / the place of the first right paragraph, on average over the questions.

Words are counted by TF-IDF, as scikit-learn does it unless told otherwise, by BM25, and without a weight for rare
words: all of them, and all but scikit-learn's English stop words. (These last counts were added when the other figures
were known.) Vectors are compared by cosine: the mean of the word vectors, of the states of each layer, and the pooled
output; two of them also as a mean in which a piece has the weight that TF-IDF would give it. These two means leave out
[CLS] and [SEP]; so does one of the last layer in which all pieces weigh the same, their control. (It was added when the
other figures were known.) Each is tried as it is, and after the mean vector of all paragraphs is subtracted. The last
layer is also tried with each sentence of a paragraph by itself, of which the best one counts. Nothing is trained, and
nothing chosen by the questions: all that was tried is in the file. Where two score the same, the wrong paragraph counts
as first. Of a ranking at random stands the expectation.

With BOOK_MODEL_DIR mini-bert's teacher is asked, too, a larger encoder that was trained to compare sentences. Without
it, the teacher's rows and cosines stay as they stand in the file, as long as questions, paragraphs and pairs do.

Differences to TF-IDF, and to mini-bert's last layer, come with an interval: the questions are drawn anew, with
replacement, 10,000 times, and 95 of 100 of the differences lie within. It speaks of other questions like these, not of
other paragraphs.

Beside it twelve pairs of sentences, in data/search/pairs.csv: the same meaning in other words, and another meaning in
the same words. KERAS_BACKEND=numpy will do.
"""

import argparse
import csv
import json
import os
import re
import sys
from collections.abc import Sequence
from functools import cache
from math import comb
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from tools.measure.recipe import ENCODER, digest
from tools.measure.results import PACKAGES, RESULTS, ROOT, command_line, write_result

RESULT = "search"
FOLDER = ROOT / "data" / "search"
FILES = ("paragraphs", "questions", "pairs")
FIRST = 5
BASELINE = "TF-IDF"
WITHOUT_STOP_WORDS = "counts without English stop words"
TEACHER = "all-MiniLM-L6-v2"
TEACHER_KINDS = ("teacher", "teacher, mean subtracted")
SEED, DRAWS, INTERVAL = 0, 10_000, (0.025, 0.975)
LAST = "layer 4"
CONTROL = f"{LAST}, pieces only"  # no [CLS], no [SEP], and no weights
SAME = 0.5  # share of a question's content words in an answer from which its wording counts as the same
AUXILIARIES = ("does", "did")  # missing in scikit-learn's list of stop words, which has "do"
K1, B = 1.5, 0.75  # of BM25: how soon repetition stops counting, and how much length does
DIGITS = 4


def read(name: str) -> list[dict[str, str]]:
    """Return the rows of data/search/name.csv."""
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def content_words(text: str) -> set[str]:
    """Return the different words of a text that are no stop words, as TF-IDF reads them.

    Example:
        >>> sorted(content_words("Why does the learning rate rise during warm-up?"))
        ['learning', 'rate', 'rise', 'warm']
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return set(re.findall(r"\b\w\w+\b", text.lower())) - ENGLISH_STOP_WORDS.union(AUXILIARIES)


def wording(question: str, answers: Sequence[str]) -> str:
    """Return "same" if one of the answers holds at least half of the question's content words, else "other"."""
    words = content_words(question)
    share = max(len(words & content_words(answer)) / len(words) for answer in answers)
    return "same" if share >= SAME else "other"


def counted(paragraphs: Sequence[str], questions: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the scores (questions, paragraphs) of four ways to count words."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    weigh = TfidfVectorizer().fit(paragraphs)
    found = {BASELINE: (weigh.transform(questions) @ weigh.transform(paragraphs).T).toarray()}
    count = CountVectorizer().fit(paragraphs)
    rows, asked = (count.transform(texts).toarray() for texts in (paragraphs, questions))
    found["BM25"] = asked @ bm25(rows).T
    found["words counted"] = cosines(asked, rows)
    count = CountVectorizer(stop_words="english").fit(paragraphs)
    rows, asked = (count.transform(texts).toarray() for texts in (paragraphs, questions))
    found[WITHOUT_STOP_WORDS] = cosines(asked, rows)
    return found


def bm25(counts: np.ndarray) -> np.ndarray:
    """Return the weight of each word in each text, both as in counts (texts, words).

    Robertson and Zaragoza (2009), doi:10.1561/1500000019, with the 1 inside the logarithm that keeps the weight of a
    word above 0 which more than half of the texts hold.
    """
    held_by, length = (counts > 0).sum(axis=0), counts.sum(axis=1, keepdims=True)
    rare = np.log(1 + (len(counts) - held_by + 0.5) / (held_by + 0.5))
    return rare * counts * (K1 + 1) / (counts + K1 * (1 - B + B * length / length.mean()))


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the cosine of each row of the first (N, d) with each of the second (M, d); 0 where a row is all zeros."""
    first, second = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12) for rows in (first, second))
    return first @ second.T


def embedded(*groups: Sequence[str]) -> list[dict[str, np.ndarray]]:
    """Return for each group of texts its vectors (N, 128) by their kind; the first group says which pieces are rare."""
    from keras.ops import convert_to_numpy

    from utils.weights.from_bert import load_bert
    from utils.weights.pooler import load_pooler, pooled_output

    encoder, tokenizer = load_bert(ENCODER)
    table = convert_to_numpy(encoder.embedding.table)
    weights, found = None, []
    for texts in groups:
        ids, mask, states = states_of(encoder, tokenizer, texts)
        if weights is None:
            weights = rareness(ids, len(table))
        pieces = mask * (ids > 4)  # no [CLS], no [SEP]
        vectors = {"word vectors": weighted_mean(table[ids], pieces)}
        vectors |= {f"layer {at}": weighted_mean(state, mask) for at, state in enumerate(states)}
        vectors["pooled output"] = pooled_output(states[-1], *load_pooler(ENCODER))
        vectors["word vectors, rare ones count more"] = weighted_mean(table[ids], pieces * weights[ids])
        vectors[CONTROL] = weighted_mean(states[-1], pieces)
        vectors[f"{LAST}, rare ones count more"] = weighted_mean(states[-1], pieces * weights[ids])
        found.append(vectors)
    return found


def embedded_by_teacher(folder: Path, *groups: Sequence[str]) -> list[dict[str, np.ndarray]]:
    """Return for each group of texts the mean of the teacher's last hidden states, as it was trained to be used."""
    from utils.weights.from_bert import load_bert

    encoder, tokenizer = load_bert(folder)
    found = []
    for texts in groups:
        _, mask, states = states_of(encoder, tokenizer, texts)
        found.append({TEACHER_KINDS[0]: weighted_mean(states[-1], mask)})
    return found


def states_of(encoder: Any, tokenizer: Any, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Return ids and mask (N, T) of some texts, and all hidden states (N, T, d) of an encoder."""
    from keras.ops import convert_to_numpy

    tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")
    batch = tokenizer.encode_batch(list(texts))
    ids, mask = (np.array([getattr(one, part) for one in batch]) for part in ("ids", "attention_mask"))
    states = encoder(ids, attention_mask=mask > 0, return_hidden_states=True, training=False)
    return ids, mask, [convert_to_numpy(state) for state in states]


def rareness(ids: np.ndarray, size: int) -> np.ndarray:
    """Return scikit-learn's inverse document frequency of each of `size` pieces, from texts (N, T) of ids."""
    held_by = np.zeros(size)
    for row in ids:
        held_by[np.unique(row)] += 1
    return np.log((1 + len(ids)) / (1 + held_by)) + 1


def weighted_mean(vectors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the means (N, d) of vectors (N, T, d) with weights (N, T)."""
    shares = weights / weights.sum(axis=1, keepdims=True)
    return (shares[:, None] @ vectors)[:, 0]


def scored(paragraphs: dict[str, np.ndarray], questions: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the cosines (questions, paragraphs) of each kind of vector, as it is and with the mean subtracted."""
    found = {}
    for kind, rows in paragraphs.items():
        middle = rows.mean(axis=0)
        found[kind] = cosines(questions[kind], rows)
        found[f"{kind}, mean subtracted"] = cosines(questions[kind] - middle, rows - middle)
    return found


def split(texts: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Return the sentences of all texts, and of each the number of its text.

    Example:
        >>> sentences, owners = split(["Why two steps? One is too few. (See 3.5.) Then cut.", "Done."])
        >>> sentences, owners.tolist()
        (['Why two steps?', 'One is too few.', '(See 3.5.)', 'Then cut.', 'Done.'], [0, 0, 0, 0, 1])
    """
    parts = [re.split(r"(?<=[.?!]) +|(?<=[.?!]\)) +", text) for text in texts]
    owners = np.repeat(np.arange(len(texts)), [len(part) for part in parts])
    return [sentence for part in parts for sentence in part], owners


def best(scores: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """Return the best score (questions, texts) of the sentences of each text, from scores (questions, sentences)."""
    return np.stack([scores[:, owners == owner].max(axis=1) for owner in np.unique(owners)], axis=1)


def first_right(scores: np.ndarray, right: Sequence[Sequence[int]]) -> list[int]:
    """Return for each question the place of its first right paragraph, from 1 on; wrong ones win where scores tie.

    Example:
        >>> first_right(np.array([[0.3, 0.9, 0.5], [0.1, 0.0, 0.0]]), [[0, 2], [1]])
        [2, 3]
    """
    places = []
    for row, answers in zip(scores, right, strict=True):
        wrong = np.delete(row, answers)
        places.append(1 + int((wrong >= row[list(answers)].max()).sum()))
    return places


def values(places: Sequence[int]) -> dict[str, np.ndarray]:
    """Return both measures for each question, from the place of its first right paragraph."""
    at = np.array(places)
    return {"recall": (at <= FIRST).astype(float), "reciprocal rank": 1 / at}


def by_chance(paragraphs: int, right: Sequence[Sequence[int]]) -> dict[str, np.ndarray]:
    """Return what both measures are on average over all orders of the paragraphs, for each question.

    Example:
        >>> found = by_chance(6, [[0]])  # 5 of 6 places; (1 + 1/2 + ... + 1/6) / 6
        >>> round(float(found["recall"][0]), 4), round(float(found["reciprocal rank"][0]), 4)
        (0.8333, 0.4083)
    """
    found: dict[str, list[float]] = {"recall": [], "reciprocal rank": []}
    for answers in right:
        many = len(answers)
        ways = [comb(paragraphs - at, many - 1) for at in range(1, paragraphs + 1)]  # the first right one stands there
        found["recall"].append(sum(ways[:FIRST]) / sum(ways))
        found["reciprocal rank"].append(sum(way / at for at, way in enumerate(ways, 1)) / sum(ways))
    return {name: np.array(numbers) for name, numbers in found.items()}


def interval(differences: np.ndarray) -> list[float]:
    """Return the mean of some differences, and the limits within which the mean of 95 in 100 draws of them lies."""
    drawn = shares_of_draws(len(differences)) @ differences
    return [round(float(one), DIGITS) for one in (differences.mean(), *np.quantile(drawn, INTERVAL))]


@cache
def shares_of_draws(size: int) -> np.ndarray:
    """Return which share each of `size` questions has in each draw with replacement: (draws, size), rows sum to 1."""
    drawn = np.random.default_rng(SEED).integers(size, size=(DRAWS, size))
    return np.stack([(drawn == question).mean(axis=1) for question in range(size)], axis=1)


def table(found: dict[str, dict[str, np.ndarray]], wordings: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for each way to search: both measures, and what they are more than two others', by wording.

    Args:
        found: each way's values by measure, one for each question.
        wordings: of the questions, "same" or "other".
    """
    groups = {"all": np.ones(len(wordings), bool)}
    groups |= {name: np.array(wordings) == name for name in ("same", "other")}
    rows = []
    for kind, measures in found.items():
        row: dict[str, Any] = {"kind": kind}
        for name, numbers in measures.items():
            row[name] = {group: round(float(numbers[at].mean()), DIGITS) for group, at in groups.items()}
            for other in (BASELINE, LAST):
                more = numbers - found[other][name]
                row[f"{name}, more than {other}"] = {group: interval(more[at]) for group, at in groups.items()}
        rows.append(row)
    return rows


def counted_alike(first: Sequence[str], second: Sequence[str]) -> np.ndarray:
    """Return TF-IDF's cosine of each first sentence with each second; all together say which words are rare."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    weigh = TfidfVectorizer().fit([*first, *second])
    return (weigh.transform(first) @ weigh.transform(second).T).toarray()


def told(pairs: Sequence[dict[str, str]], alike: np.ndarray) -> tuple[list[float], int]:
    """Return the cosine of each pair, and in how many of the same meaning the first sentence is nearest to its partner.

    The partner is sought among the second sentences of all pairs of the same meaning.

    Args:
        pairs: rows of data/search/pairs.csv.
        alike: cosines (pairs, pairs) of each first sentence with each second.
    """
    same = [at for at, pair in enumerate(pairs) if pair["meaning"] == "same"]
    places = first_right(alike[np.ix_(same, same)], [[at] for at in range(len(same))])
    return [round(float(one), DIGITS) for one in np.diagonal(alike)], places.count(1)


def stored_of_teacher(path: Path, digests: dict[str, str]) -> tuple[dict[str, list[int]], dict[str, Any]]:
    """Return what an earlier file of the same questions, paragraphs and pairs holds of the teacher.

    Returns:
        (places, similar): places by kind, and what `told` returned, by the teacher's name; both empty if nothing.
    """
    stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if not digests.items() <= stored.items() or TEACHER_KINDS[0] not in stored["paraphrases_found"]:
        return {}, {}
    places = {row["kind"]: row["places"] for row in stored["rows"] if row["kind"] in TEACHER_KINDS}
    name = TEACHER_KINDS[0]
    return places, {name: ([pair[name] for pair in stored["pairs"]], stored["paraphrases_found"][name])}


def measure(earlier: Path, digests: dict[str, str]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the rows of the table, and what else the file tells; `earlier` is the file of an earlier run, if any."""
    paragraphs, questions, pairs = (read(name) for name in FILES)
    row_of = {row["id"]: at for at, row in enumerate(paragraphs)}
    right = [[row_of[answer] for answer in row["answers"].split()] for row in questions]
    texts, asked = [row["text"] for row in paragraphs], [row["question"] for row in questions]
    first, second = ([pair[side] for pair in pairs] for side in ("first", "second"))
    sentences, owners = split(texts)

    of_texts, of_sentences, of_asked, of_first, of_second = embedded(texts, sentences, asked, first, second)
    similar = {"mini-bert": told(pairs, cosines(of_first[LAST], of_second[LAST]))}
    similar[BASELINE] = told(pairs, counted_alike(first, second))
    scores = counted(texts, asked) | scored(of_texts, of_asked)
    scores[f"{LAST}, best sentence"] = best(cosines(of_asked[LAST], of_sentences[LAST]), owners)
    places = {kind: first_right(one, right) for kind, one in scores.items()}
    teacher = Path(os.environ.get("BOOK_MODEL_DIR", "")) / TEACHER
    if teacher.is_dir():
        of_texts, of_asked, of_first, of_second = embedded_by_teacher(teacher, texts, asked, first, second)
        similar["teacher"] = told(pairs, cosines(of_first["teacher"], of_second["teacher"]))
        places |= {kind: first_right(one, right) for kind, one in scored(of_texts, of_asked).items()}
    else:
        earlier_places, earlier_similar = stored_of_teacher(earlier, digests)
        places |= earlier_places
        similar |= earlier_similar

    found = {kind: values(one) for kind, one in places.items()} | {"at random": by_chance(len(texts), right)}
    rows = [row | {"places": places.get(row["kind"])} for row in table(found, [row["wording"] for row in questions])]
    about = {"paragraphs": len(texts), "questions": len(asked), "first": FIRST, "draws": DRAWS}
    with_cosines = [pair | {kind: one[at] for kind, (one, _) in similar.items()} for at, pair in enumerate(pairs)]
    return rows, about | {
        "pairs": with_cosines,
        "paraphrases_found": {kind: many for kind, (_, many) in similar.items()},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when the file is written."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write (default: data/results)")
    chosen = parser.parse_args(arguments)
    digests = {f"{name}_sha256": digest(FOLDER / f"{name}.csv") for name in FILES}
    digests["weights_sha256"] = digest(ENCODER / "model.safetensors")
    rows, about = measure(chosen.results / f"{RESULT}.json", digests)
    command, packages = command_line("tools/measure/search.py", arguments), (*PACKAGES, "scikit-learn", "tokenizers")
    write_result(RESULT, rows, command, SEED, packages=packages, folder=chosen.results, **digests, **about)
    for row in rows:
        numbers = [f"{share:.3f}" for name in ("recall", "reciprocal rank") for share in row[name].values()]
        print(f"{row['kind']:52}", *numbers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
