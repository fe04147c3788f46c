"""Rows of ids of unequal length in batches: like lengths together, so that little is filled up.

The paper batches by tokens too: about 25,000 of each language (Vaswani et al., 2017, arXiv:1706.03762, section 5.1).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from utils.checks import positive_integer
from utils.training import shift_right
from utils.translation.pairs import Pairs
from utils.translation.vocabulary import Vocabulary


def token_batches(lengths: Any, tokens: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the rows of each batch of an epoch: rows of like lengths together, in an order that chance decides.

    Rows are shuffled and then sorted by length, so that rows of one length meet others each time; a batch takes rows
    while its padded size, rows times the longest, stays within `tokens`. A row that is longer is a batch of its own.

    Args:
        lengths: integers (N,) or (N, K), tokens of each row; the longest of its K parts counts.
        tokens: padded size of a batch, in tokens.
        rng: decides which rows of one length meet, and the order of the batches.

    Returns:
        Integer arrays, each row 0 to N - 1 in one of them.

    Raises:
        ValueError: there are no rows, or tokens is not a positive integer.

    Example:
        >>> batches = token_batches([3, 9, 3, 9], tokens=18, rng=np.random.default_rng(0))
        >>> sorted(sorted(batch.tolist()) for batch in batches)
        [[0, 2], [1, 3]]
    """
    lengths, tokens = np.asarray(lengths), positive_integer("tokens", tokens)
    if lengths.size == 0 or lengths.ndim not in (1, 2):
        raise ValueError(f"expected the lengths of some rows, (N,) or (N, K); received shape {lengths.shape}")
    longest = lengths if lengths.ndim == 1 else lengths.max(axis=1)
    shuffled = rng.permutation(len(longest))
    rows = shuffled[np.argsort(longest[shuffled], kind="stable")]
    batches, first = [], 0
    for end in range(1, len(rows) + 1):
        if end == len(rows) or (end + 1 - first) * longest[rows[end]] > tokens:
            batches.append(rows[first:end])
            first = end
    return [batches[number] for number in rng.permutation(len(batches))]


def pad_rows(rows: Sequence[Sequence[int]], pad_id: int = 0, multiple: int = 1) -> np.ndarray:
    """Return rows of unequal length as one array (B, T), filled up with pad_id to a multiple of `multiple` places."""
    longest = max(map(len, rows))
    table = np.full((len(rows), -(-longest // multiple) * multiple), pad_id, "int32")
    for place, row in enumerate(rows):
        table[place, : len(row)] = row
    return table


class PairRows:
    """Pairs of sentences as rows of token ids, and the batches that a model trains on.

    Args:
        pairs: N sentences and their translations.
        vocabulary: of both.

    Attributes:
        lengths: integers (N, 2), tokens of each source and of each target, the end included.
    """

    def __init__(self, pairs: Pairs, vocabulary: Vocabulary):
        self.vocabulary = vocabulary
        self.sides = [[vocabulary.row(text) for text in side] for side in (pairs.source, pairs.target)]
        self.lengths = np.array([[len(row) for row in side] for side in self.sides]).T

    def __len__(self) -> int:
        return len(self.lengths)

    def count(self, places: Any) -> int:
        """Return how many tokens are to be written in the rows of these places, an index of NumPy."""
        return int(self.lengths[places, 1].sum())

    def batch(self, places: Sequence[int]) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        """Return what a step reads, (source, what the decoder may read), and what it is to write; (B, S), (B, T)."""
        source, labels = (
            pad_rows([side[place] for place in places], self.vocabulary.pad_id, multiple=4) for side in self.sides
        )
        return (source, np.asarray(ops.convert_to_numpy(shift_right(labels, self.vocabulary.start_id)))), labels
