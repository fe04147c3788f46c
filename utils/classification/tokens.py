"""Texts as tokens: how long they are, what is cut, what is unknown, and batches of like lengths."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from utils.classification.labels import check_texts

WINDOW = 20  # batches that are sorted by length together


def token_counts(tokenizer: Any, texts: Iterable[str]) -> np.ndarray:
    """Count the tokens of each text, the special ones included, before anything is cut.

    Args:
        tokenizer: one of transformers, or a `PlainTokenizer`.
        texts: N strings.

    Returns:
        int array (N,).
    """
    return np.array([len(row) for row in _token_ids(tokenizer, check_texts(texts))], int)


def _token_ids(tokenizer: Any, texts: list[str], special: bool = True) -> list[list[int]]:
    """Return the ids of each text's tokens, before anything is cut."""
    if not texts:
        return []  # some tokenizers fail on an empty list
    return tokenizer(texts, add_special_tokens=special, truncation=False, verbose=False)["input_ids"]


def unknown_shares(tokenizer: Any, texts: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Measure how much of each text the vocabulary has no entry for.

    Args:
        tokenizer: one of transformers, or a `PlainTokenizer`.
        texts: N strings.

    Returns:
        (shares, counts): float array (N,), the share of unknown tokens in each text, 1 for a text without any token;
        int array (N,), its tokens. Special tokens do not count.
    """
    rows = _token_ids(tokenizer, check_texts(texts), special=False)
    counts = np.array([len(row) for row in rows], int)
    unknown = np.array([row.count(tokenizer.unk_token_id) for row in rows], int)
    return np.where(counts > 0, unknown / np.maximum(counts, 1), 1.0), counts


def choose_max_length(tokenizer: Any, texts: Iterable[str], quantile: float = 0.99, multiple: int = 8) -> int:
    """Choose the length, in tokens, that holds this share of the texts whole.

    Args:
        tokenizer: one of transformers, or a `PlainTokenizer`.
        texts: the training texts.
        quantile: share of the texts that must not be cut, above 0 and at most 1.
        multiple: the result is rounded up to a multiple of this.

    Returns:
        The length; never more than the tokenizer allows.

    Raises:
        ValueError: there are no texts, or quantile is out of range.
    """
    texts = check_texts(texts)
    if not texts:
        raise ValueError("expected at least one text to choose a length from; received none")
    if not 0 < quantile <= 1:
        raise ValueError(f"expected quantile above 0 and at most 1; received {quantile}")
    needed = int(np.quantile(token_counts(tokenizer, texts), quantile, method="inverted_cdf"))
    return min(multiple * math.ceil(needed / multiple), tokenizer.model_max_length)


def count_truncated(tokenizer: Any, texts: Iterable[str], max_length: int) -> int:
    """Count the texts of which max_length tokens do not hold all."""
    return int((token_counts(tokenizer, texts) > max_length).sum())


def batches_by_length(lengths: Sequence[int], batch_size: int, seed: Any) -> list[np.ndarray]:
    """Shuffle rows into batches of like lengths.

    Rows are shuffled, sorted by length within windows of 20 batches, cut into batches, and the batches shuffled: little
    padding, and yet another order in every epoch.

    Args:
        lengths: N lengths in tokens.
        batch_size: rows of each batch; the last of an epoch may have fewer.
        seed: of NumPy's generator, a number or a list of them.

    Returns:
        Index arrays; each row occurs once.

    Example:
        >>> sorted(int(row) for batch in batches_by_length([5, 3, 9], 2, seed=0) for row in batch)
        [0, 1, 2]
    """
    rng = np.random.default_rng(seed)
    lengths, order = np.asarray(lengths), rng.permutation(len(lengths))
    window = WINDOW * batch_size
    batches = []
    for start in range(0, len(order), window):
        rows = order[start : start + window]
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        batches += [rows[first : first + batch_size] for first in range(0, len(rows), batch_size)]
    return [batches[place] for place in rng.permutation(len(batches))]
