"""Texts as tokens: how long they are, what is cut, and batches that are padded no further than they need."""

import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from utils.finetuning.labels import check_texts

WINDOW = 20  # batches that are sorted by length together


def token_counts(tokenizer: Any, texts: Iterable[str]) -> np.ndarray:
    """Count the tokens of each text, the special ones included, before anything is cut.

    Args:
        tokenizer: one of transformers.
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
        tokenizer: one of transformers.
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
        tokenizer: one of transformers.
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


def pad_each_batch(dataset: Any, seed: int, first_epoch: int = 0, first_batch: int = 0) -> None:
    """Make a ktrain dataset yield batches that are padded only to their own longest text, in an order the seed fixes.

    ktrain pads all texts to one length and shuffles with TensorFlow. What its learner trains on is whatever the
    dataset's `to_tfdataset` returns; this replaces that method for one dataset.

    Args:
        dataset: a ktrain TransformerDataset: x of shape (N, 2 or 3, T) holds token ids, mask, and segments if used.
        seed: of the order of rows.
        first_epoch: number of the epoch that comes first, when training is resumed.
        first_batch: how many batches of that epoch are left out, since they have been trained on.
    """
    dataset.to_tfdataset = functools.partial(_padded_batches, dataset, seed, (first_epoch, first_batch))


def epoch_batches(dataset: Any, seed: int, epoch: int) -> list[np.ndarray]:
    """Return the rows of each batch of an epoch, in the order in which they are trained on."""
    return batches_by_length(dataset.x[:, 1].sum(axis=1), dataset.batch_size, [seed, epoch])


def _padded_batches(dataset: Any, seed: int, first: tuple[int, int], train: bool = True) -> Any:
    """Return a tf.data.Dataset: endless and shuffled for training, else one pass in order."""
    import tensorflow as tf

    names = ("input_ids", "attention_mask", "token_type_ids")[: 3 if dataset.use_token_type_ids else 2]

    def batches() -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        for rows in _training_order(dataset, seed, *first) if train else _in_order(dataset):
            x = dataset.x[rows]
            used = x[:, 1].any(axis=0)  # columns in which some row has a token
            yield {name: x[:, place][:, used] for place, name in enumerate(names)}, dataset.y[rows]

    signature = (
        {name: tf.TensorSpec((None, None), tf.int32) for name in names},
        tf.TensorSpec((None, dataset.y.shape[1]), tf.int64),
    )
    return tf.data.Dataset.from_generator(batches, output_signature=signature).prefetch(2)


def _training_order(dataset: Any, seed: int, first_epoch: int, first_batch: int) -> Iterator[np.ndarray]:
    yield from epoch_batches(dataset, seed, first_epoch)[first_batch:]
    for epoch in itertools.count(first_epoch + 1):
        yield from epoch_batches(dataset, seed, epoch)


def _in_order(dataset: Any) -> Iterator[np.ndarray]:
    for start in range(0, len(dataset.x), dataset.batch_size):
        yield np.arange(start, min(start + dataset.batch_size, len(dataset.x)))
