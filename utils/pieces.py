"""A vocabulary of pieces in plain Python: join the most frequent pair, again and again; then cut words greedily.

The tokenizers library does the same in a fraction of the time (`utils.wordpiece`). Sources: Sennrich et al. (2016),
arXiv:1508.07909, for the joining; the program of Devlin et al. (2019), arXiv:1810.04805, for the cutting and its mark.
How Google chose the pieces of BERT is not published as a program; the library joins by frequency, and so does this
file.
"""

import itertools
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

CONTINUATION = "##"  # what a piece that does not begin a word begins with
UNKNOWN = "[UNK]"
Pieces = tuple[str, ...]


class Merge(NamedTuple):
    """One step of the training.

    Attributes:
        pair: the two pieces that are joined.
        piece: what they become.
        count: how often they stood side by side.
        words: how each word is cut after the step.
    """

    pair: tuple[str, str]
    piece: str
    count: int
    words: dict[str, Pieces]


def letters_of(word: str) -> Pieces:
    """Cut a word into its letters, all but the first marked as a continuation.

    Example:
        >>> letters_of("low")
        ('l', '##o', '##w')
    """
    return tuple(CONTINUATION * (at > 0) + letter for at, letter in enumerate(word))


def count_pairs(words: Mapping[str, Pieces], counts: Mapping[str, int]) -> Counter:
    """Count each pair of neighbouring pieces, once for every time that its word stands in the text.

    Args:
        words: how each word is cut.
        counts: how often each word stands in the text.

    Example:
        >>> count_pairs({"low": ("l", "##o", "##w")}, {"low": 5})[("l", "##o")]
        5
    """
    found: Counter = Counter()
    for word, pieces in words.items():
        for pair in itertools.pairwise(pieces):
            found[pair] += counts[word]
    return found


def join_pair(pieces: Pieces, pair: tuple[str, str]) -> Pieces:
    """Join a pair wherever it stands in a word, from left to right.

    Example:
        >>> join_pair(("l", "##o", "##w"), ("l", "##o"))
        ('lo', '##w')
    """
    joined: list[str] = []
    rest = list(pieces)
    while rest:
        if tuple(rest[:2]) == pair:
            joined.append(pair[0] + pair[1].removeprefix(CONTINUATION))
            del rest[:2]
        else:
            joined.append(rest.pop(0))
    return tuple(joined)


def learn_merges(counts: Mapping[str, int], num_merges: int) -> list[Merge]:
    """Learn pieces from the words of a text.

    Where two pairs are equally frequent, the one first in alphabetical order is joined; libraries may take the other.

    Args:
        counts: how often each word stands in the text.
        num_merges: steps at most; fewer where every word is one piece before.

    Returns:
        The steps, in order.

    Example:
        >>> [merge.piece for merge in learn_merges({"low": 5, "lower": 2}, 2)]
        ['##ow', 'low']
    """
    words = {word: letters_of(word) for word in counts}
    steps = []
    for _ in range(num_merges):
        pairs = count_pairs(words, counts)
        if not pairs:
            break
        pair = min(pairs, key=lambda one: (-pairs[one], one))  # most frequent; of equals, first in the alphabet
        words = {word: join_pair(pieces, pair) for word, pieces in words.items()}
        piece = pair[0] + pair[1].removeprefix(CONTINUATION)
        steps.append(Merge(pair, piece, pairs[pair], words))
    return steps


def vocabulary_of(counts: Mapping[str, int], merges: Sequence[Merge]) -> set[str]:
    """Return every piece: the letters of the words as they stand in them, and what the steps have made."""
    return {piece for word in counts for piece in letters_of(word)} | {merge.piece for merge in merges}


def longest_match(word: str, pieces: Collection[str]) -> Pieces:
    """Cut a word into pieces of a vocabulary: the longest that fits, then the longest that fits the rest, to the end.

    Args:
        word: without spaces.
        pieces: the vocabulary.

    Returns:
        The pieces, or ("[UNK]",) where at some place none fits.

    Example:
        >>> longest_match("lowest", {"low", "l", "##e", "##est", "##s", "##t"})
        ('low', '##est')
    """
    found: list[str] = []
    start = 0
    while start < len(word):
        mark = CONTINUATION if start else ""
        ends = [end for end in range(start + 1, len(word) + 1) if mark + word[start:end] in pieces]
        if not ends:
            return (UNKNOWN,)
        found.append(mark + word[start : ends[-1]])
        start = ends[-1]
    return tuple(found)
