"""Probes: how well a linear classifier reads something from the vectors inside a model, and what to compare it with.

Sources: Alain and Bengio (2017), arXiv:1610.01644, for probes of each layer; Hewitt and Liang (2019), arXiv:1909.03368,
for control tasks. The sentences here are made by a program, so it is known which noun each *not* belongs to.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

NOUNS = (
    *("plot", "room", "bed", "view", "price", "song", "book", "film", "scene", "chair", "table", "phone", "garden"),
    *("screen", "ticket", "teacher", "lesson", "house", "street", "picture", "river", "bridge", "game", "road"),
)
ADJECTIVES = (
    *("good", "clear", "clever", "lively", "sweet", "fresh", "pleasant", "strong", "original", "natural", "useful"),
    "quiet",
)
ASIDES = (
    "",
    "at the end",
    "that we had all heard about",
    "that I had not expected",
    "my friends did not know of",
)
DEGREES = ("", "really", "so very", "in every way")
LINKS = ("but", "and", ", while")
VERB = "seemed"  # says nothing of how many there are


class Sentence(NamedTuple):
    """A sentence about two things.

    Attributes:
        words: in order.
        nouns: where each of its two nouns stands.
        adjectives: where the adjective stands that is said of each.
        plural: for each noun, whether it is one of many.
        negated: for each noun, whether *not* turns what is said of it round.
    """

    words: tuple[str, ...]
    nouns: tuple[int, int]
    adjectives: tuple[int, int]
    plural: tuple[bool, bool]
    negated: tuple[bool, bool]


def two_opinions(count: int, rng: np.random.Generator) -> list[Sentence]:
    """Make sentences of two opinions; a coin decides whether each noun is in the plural, another whether it is negated.

    After a noun may stand an aside, some with a *not* of its own that changes nothing about the noun: that there is a
    *not* does not tell. Before an adjective may stand words of degree, so that *not* is not always its neighbour. No
    word but the noun itself says whether it is in the plural.

    Args:
        count: how many.
        rng: draws nouns, adjectives, asides, degrees, link and coins.

    Example:
        >>> one = two_opinions(1, np.random.default_rng(0))[0]
        >>> [one.words[at].rstrip("s") in NOUNS for at in one.nouns]
        [True, True]
    """
    made = []
    for _ in range(count):
        nouns, adjectives = rng.choice(NOUNS, 2, replace=False), rng.choice(ADJECTIVES, 2, replace=False)
        plural, negated = (tuple(bool(coin) for coin in rng.integers(2, size=2)) for _ in range(2))
        words: list[str] = []
        places, ends = [], []
        for at in range(2):
            link = LINKS[rng.integers(len(LINKS))].split() if at else []
            aside, degree = (part[rng.integers(len(part))].split() for part in (ASIDES, DEGREES))
            places.append(len(words) + len(link) + 1)
            words += [*link, "the", f"{nouns[at]}{'s' * plural[at]}", *aside, VERB, *["not"] * negated[at], *degree]
            words.append(str(adjectives[at]))
            ends.append(len(words) - 1)
        made.append(Sentence((*words, "."), (places[0], places[1]), (ends[0], ends[1]), plural, negated))
    return made


class Asked(NamedTuple):
    """Both opinions of each sentence, one after the other: arrays (2 N,).

    Attributes:
        rows: the sentence.
        nouns, adjectives: the words.
        noun_columns, adjective_columns: their places in the ids of `encode_sentences`.
        plural, negated: what is true of the noun.
    """

    rows: np.ndarray
    nouns: np.ndarray
    adjectives: np.ndarray
    noun_columns: np.ndarray
    adjective_columns: np.ndarray
    plural: np.ndarray
    negated: np.ndarray


def both_nouns(sentences: Sequence[Sentence]) -> Asked:
    """Return both opinions of each sentence as arrays.

    Example:
        >>> both_nouns(two_opinions(3, np.random.default_rng(0))).rows.tolist()
        [0, 0, 1, 1, 2, 2]
    """
    pairs = [
        (row, one.words[noun], one.words[adjective], noun + 1, adjective + 1, plural, negated)
        for row, one in enumerate(sentences)
        for noun, adjective, plural, negated in zip(one.nouns, one.adjectives, one.plural, one.negated, strict=True)
    ]
    return Asked(*(np.array(column) for column in zip(*pairs, strict=True)))


def encode_sentences(sentences: Sequence[Sentence], tokenizer: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return ids (N, T) and where a piece stands; word number i of a sentence is piece i + 1.

    Raises:
        ValueError: a word is no single piece.
    """
    found = [tokenizer.encode(" ".join(one.words)).ids for one in sentences]
    if any(len(row) != len(one.words) + 2 for row, one in zip(found, sentences, strict=True)):
        raise ValueError("expected every word of the made sentences to be one piece of the vocabulary")
    ids = np.zeros((len(found), max(map(len, found))), "int32")
    for row, one in zip(ids, found, strict=True):
        row[: len(one)] = one
    return ids, ids > 0


class Probe(NamedTuple):
    """A linear classifier.

    Attributes:
        centre, scale: (d,), of the vectors that it was fitted to.
        kernel: (d, classes).
        shares: (classes,), of the classes among them.
    """

    centre: np.ndarray
    scale: np.ndarray
    kernel: np.ndarray
    shares: np.ndarray

    def predict(self, vectors: np.ndarray) -> np.ndarray:
        """Return the class (N,) of each vector (N, d)."""
        return np.argmax((vectors - self.centre) / self.scale @ self.kernel + self.shares, axis=-1)


def ridge(inputs: np.ndarray, targets: np.ndarray, strength: float) -> np.ndarray:
    """Return the kernel W (d, K) that makes |X W - Y|² + strength |W|² least.

    Args:
        inputs: X (N, d).
        targets: Y (N, K).
        strength: more than 0; large values keep the kernel small.

    Raises:
        ValueError: the strength is not more than 0, or there are not as many targets as inputs.
    """
    if not strength > 0:
        raise ValueError(f"expected strength above 0, so that one kernel is best; received {strength}")
    if len(inputs) != len(targets):
        raise ValueError(f"expected one row of targets for each of {len(inputs)} inputs; received {len(targets)}")
    return np.linalg.solve(inputs.T @ inputs + strength * np.eye(inputs.shape[1]), inputs.T @ targets)


def fit_probe(vectors: np.ndarray, labels: np.ndarray, num_classes: int, strength: float = 10.0) -> Probe:
    """Fit a probe by ridge regression: each class is to get 1 where it is right, and 0 elsewhere.

    Args:
        vectors: (N, d).
        labels: integers (N,) from 0.
        num_classes: how many classes there are.
        strength: of `ridge`, on vectors whose entries have variance 1.

    Example:
        >>> x = np.array([[0.0, 1.0], [0.2, -1.0], [-0.1, 1.1], [0.1, -0.9]])
        >>> fit_probe(x, np.array([0, 1, 0, 1]), 2, 0.1).predict(x).tolist()
        [0, 1, 0, 1]
    """
    vectors = np.asarray(vectors, "float64")
    centre, scale = vectors.mean(0), vectors.std(0) + 1e-6
    targets = np.eye(num_classes)[labels]
    shares = targets.mean(0)
    return Probe(centre, scale, ridge((vectors - centre) / scale, targets - shares, strength), shares)
