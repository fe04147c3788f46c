"""Parts of a corpus in which every class keeps its share, and texts that two corpora have in common."""

from collections import defaultdict
from dataclasses import replace

import numpy as np

from utils.corpora.corpus import Corpus, CorpusError


def stratified_order(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return an order of rows of which every beginning has the classes in nearly their shares.

    The rows of each class are shuffled; row j of the n of a class gets the key (j + 1/2) / n, j = 0 ... n - 1; rows are
    sorted by key, ties at random. This is the order in which Webster's method of apportionment hands out seats to
    parties. A larger house never costs a party a seat: smaller samples lie in larger ones.

    Args:
        labels: whole numbers (N,).
        seed: any integer from 0.

    Returns:
        A permutation of 0 ... N - 1, shape (N,), the same on every machine.

    Raises:
        CorpusError: seed is negative.

    Example:
        >>> labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
        >>> sorted(labels[stratified_order(labels, seed=3)[:4]].tolist())
        [0, 0, 1, 1]
    """
    if seed < 0:
        raise CorpusError(f"expected seed of at least 0; received {seed}")
    rng = np.random.default_rng(seed)
    keys = np.empty(len(labels))
    for number in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == number))
        keys[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    return np.lexsort((rng.random(len(labels)), keys))


def stratified_sample(corpus: Corpus, size: int, seed: int = 0) -> Corpus:
    """Return some texts of a corpus, every class in nearly its share, in random order.

    Args:
        corpus: N texts.
        size: how many to take, from 1 to N.
        seed: any integer from 0. For one seed the first n texts of a larger sample are the sample of size n.

    Raises:
        CorpusError: size or seed is out of range.

    Example:
        >>> corpus = Corpus(["a", "b", "c", "d"], [0, 0, 1, 1], ("no", "yes"))
        >>> stratified_sample(corpus, 2).counts()
        {'no': 1, 'yes': 1}
    """
    if not 1 <= size <= len(corpus):
        raise CorpusError(f"expected size from 1 to {len(corpus):,}, the texts that there are; received {size:,}")
    return corpus.take(stratified_order(corpus.labels, seed)[:size])


def split(corpus: Corpus, fraction: float = 0.2, seed: int = 0) -> tuple[Corpus, Corpus]:
    """Split a corpus into two, every class in nearly its share.

    Args:
        corpus: N texts.
        fraction: the share of the second part, between 0 and 1.
        seed: any integer from 0; the same seed gives the same parts.

    Returns:
        (training, validation): the second has round(fraction N) texts, the first all others. A class that one part
        lacks is named in its `warnings`.

    Raises:
        CorpusError: fraction or seed is out of range, or a part would be empty.

    Example:
        >>> corpus = Corpus(["a", "b", "c", "d"], [0, 0, 1, 1], ("no", "yes"))
        >>> split(corpus, 0.5)
        (Corpus(/train: 2 texts; no 1, yes 1), Corpus(/validation: 2 texts; no 1, yes 1))
    """
    if not 0 < fraction < 1:
        raise CorpusError(f"expected fraction between 0 and 1; received {fraction}")
    size = round(fraction * len(corpus))
    if not 0 < size < len(corpus):
        what = f"a fraction of {fraction} of {len(corpus)} texts leaves a part empty"
        raise CorpusError(f"expected at least one text in each part; {what}: add texts or change fraction")
    order = stratified_order(corpus.labels, seed)
    parts = corpus.take(order[size:], "train"), corpus.take(order[:size], "validation")
    return _warned(parts[0]), _warned(parts[1])


def stratified_folds(corpus: Corpus, folds: int, seed: int = 0) -> np.ndarray:
    """Deal the texts of a corpus into folds, every class in nearly its share.

    Equal texts, white space at the ends aside, go to one fold: what one fold holds is in no other.

    Args:
        corpus: N texts.
        folds: how many, at least 2.
        seed: any integer from 0; the same seed deals the same way.

    Returns:
        int array (N,), the fold of each text, from 0.

    Raises:
        CorpusError: folds or seed is out of range, or a class has fewer different texts than there are folds.

    Example:
        >>> corpus = Corpus(["a", "b", "c", "d"], [0, 0, 1, 1], ("no", "yes"))
        >>> found = stratified_folds(corpus, 2)
        >>> sorted(found[:2].tolist()), sorted(found[2:].tolist())
        ([0, 1], [0, 1])
    """
    if folds < 2 or seed < 0:
        raise CorpusError(f"expected at least 2 folds and a seed of at least 0; received {folds} and {seed}")
    first = {text.strip(): at for at, text in reversed(list(enumerate(corpus.texts)))}
    rows = np.array(sorted(first.values()), int)
    labels = corpus.labels[rows]
    counts = np.bincount(labels, minlength=len(corpus.classes))
    if counts.min() < folds:
        name, least = corpus.classes[counts.argmin()], int(counts.min())
        remedy = f"add texts of {name!r}" + (f", or make {least} folds" if least > 1 else "")
        raise CorpusError(
            f"expected at least {folds} different texts of each class for {folds} folds; {name!r} has {least}: {remedy}"
        )
    order = np.lexsort((np.random.default_rng(seed).random(len(rows)), labels))
    dealt = np.empty(len(corpus), int)
    dealt[rows[order]] = np.arange(len(rows)) % folds
    return dealt[[first[text.strip()] for text in corpus.texts]]


def _warned(part: Corpus) -> Corpus:
    """Return a part that says which classes it lacks."""
    lacking = [name for name, count in part.counts().items() if not count]
    if not lacking:
        return part
    warning = f"{part.name}: the {part.split} part has no text of {', '.join(map(repr, lacking))}; add some"
    return replace(part, warnings=(*part.warnings, warning))


def shared_texts(first: Corpus, second: Corpus) -> dict[str, tuple[list[int], list[int]]]:
    """Find the texts that two corpora have in common, white space at the ends aside.

    Args:
        first: for instance the training texts.
        second: for instance the test texts.

    Returns:
        {text: (its positions in first, its positions in second)}, in the order of first. Nothing is dropped.

    Example:
        >>> labels, classes = [0, 1], ("no", "yes")
        >>> shared_texts(Corpus(["a", "b"], labels, classes), Corpus(["c", "b"], labels, classes))
        {'b': ([1], [1])}
    """
    places: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, corpus in enumerate((first, second)):
        for at, text in enumerate(corpus.texts):
            places[text.strip()][side].append(at)
    return {text: found for text, found in places.items() if all(found)}
