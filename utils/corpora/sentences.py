"""Short sentences as rows of numbers: what a small language model can learn from in a minute."""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

SPECIAL = ("<pad>", "<start>", "<end>")
_SENTENCE = re.compile(r"[^.!?:]+\.")
_WORD = re.compile(r"[\w'-]+|[^\w\s]")


def sentence_rows(
    texts: Iterable[str], *, longest: int = 10, least_often: int = 5
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Cut texts into sentences that end with a full stop, and turn the short ones into rows of token ids.

    Args:
        texts: the texts; words become lower case.
        longest: most words and marks in a sentence; those of fewer than four are left out too.
        least_often: how many different short sentences must hold a word for it to count; a sentence with another word
            is left out.

    Returns:
        (rows, vocabulary): integers (sentences, longest + 2), each row start, tokens, end and padding, no two alike, in
        alphabetical order; and the token of each id, of which the first three are SPECIAL.

    Raises:
        ValueError: no sentence is left.

    Example:
        >>> rows, vocabulary = sentence_rows(["It was good. Was it good, then?"], longest=4, least_often=1)
        >>> rows.tolist(), vocabulary[3:]
        ([[1, 5, 6, 4, 3, 2]], ('.', 'good', 'it', 'was'))
    """
    words = [tuple(_WORD.findall(each.lower())) for text in texts for each in _SENTENCE.findall(text)]
    short = sorted({each for each in words if 4 <= len(each) <= longest})
    often = Counter(word for each in short for word in set(each))
    kept = [each for each in short if min(often[word] for word in each) >= least_often]
    if not kept:
        raise ValueError(f"expected a sentence of 4 to {longest} tokens, each in {least_often} sentences; found none")
    vocabulary = (*SPECIAL, *sorted({word for each in kept for word in each}))
    number = {word: at for at, word in enumerate(vocabulary)}
    rows = np.zeros((len(kept), longest + 2), "int32")
    for row, each in zip(rows, kept, strict=True):
        row[: len(each) + 2] = [1, *(number[word] for word in each), 2]
    return rows, vocabulary


def unseen_pairs(rows: Iterable[Iterable[int]], known: Iterable[Iterable[int]]) -> float:
    """Return the share of neighbouring words that stand side by side in none of the known rows, from 0 to 1.

    Args:
        rows: token ids, as `sentence_rows` numbers them; those of SPECIAL are left out first.
        known: rows likewise.

    Raises:
        ValueError: the rows hold no pair of words.

    Example:
        >>> unseen_pairs([[1, 5, 6, 7, 2]], known=[[1, 4, 5, 6, 2, 0]])  # 6, 7 is new
        0.5
    """
    seen = set(_pairs_of_words(known))
    unseen = [pair not in seen for pair in _pairs_of_words(rows)]
    if not unseen:
        raise ValueError("expected rows with at least two words side by side; received none")
    return float(np.mean(unseen))


def _pairs_of_words(rows: Iterable[Iterable[int]]) -> Iterator[tuple[int, int]]:
    for row in rows:
        yield from itertools.pairwise(int(at) for at in row if at >= len(SPECIAL))
