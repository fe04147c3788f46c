"""Probes: how well a linear classifier reads something from the vectors inside a model, and what to compare it with.

Sources: Alain and Bengio (2017), arXiv:1610.01644, for probes of each layer; Hewitt and Liang (2019), arXiv:1909.03368,
for control tasks. The sentences here are made by a program, so it is known which noun each *not* belongs to.
"""

from typing import NamedTuple

import numpy as np

NOUNS = (
    *("plot", "story", "music", "sound", "screen", "soup", "tea", "bread", "coffee", "room", "bed", "view", "tour"),
    *("design", "price", "acting", "ending", "writing", "service", "pizza", "breakfast", "exhibition", "collection"),
    *("dialogue", "display"),
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
DEGREES = ("", "really", "so very", "in any way")
LINKS = ("but", "and", ", while")


class Sentence(NamedTuple):
    """A sentence about two things.

    Attributes:
        words: in order.
        nouns: where each of its two nouns stands.
        adjectives: where the adjective stands that is said of each.
        negated: for each noun, whether *not* turns what is said of it round.
    """

    words: tuple[str, ...]
    nouns: tuple[int, int]
    adjectives: tuple[int, int]
    negated: tuple[bool, bool]


def two_opinions(count: int, rng: np.random.Generator) -> list[Sentence]:
    """Make sentences of two opinions, each negated or not by the toss of a coin.

    After a noun may stand an aside, some with a *not* of its own that changes nothing about the noun: that there is a
    *not* does not tell. Before an adjective may stand words of degree, so that *not* is not always its neighbour.

    Args:
        count: how many.
        rng: draws nouns, adjectives, asides, degrees, link and coins.

    Example:
        >>> one = two_opinions(1, np.random.default_rng(0))[0]
        >>> [one.words[at] in NOUNS for at in one.nouns]
        [True, True]
    """
    made = []
    for _ in range(count):
        nouns, adjectives = rng.choice(NOUNS, 2, replace=False), rng.choice(ADJECTIVES, 2, replace=False)
        negated = tuple(bool(coin) for coin in rng.integers(2, size=2))
        words: list[str] = []
        places, ends = [], []
        for at, (noun, adjective, turned) in enumerate(zip(nouns, adjectives, negated, strict=True)):
            aside = ASIDES[rng.integers(len(ASIDES))].split()
            link = LINKS[rng.integers(len(LINKS))].split() if at else []
            places.append(len(words) + len(link) + 1)
            degree = DEGREES[rng.integers(len(DEGREES))].split()
            words += [*link, "the", str(noun), *aside, "was", *["not"] * turned, *degree, str(adjective)]
            ends.append(len(words) - 1)
        made.append(Sentence((*words, "."), (places[0], places[1]), (ends[0], ends[1]), (negated[0], negated[1])))
    return made


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
