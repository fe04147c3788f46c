"""Batches of a ktrain dataset that are padded no further than they need."""

import functools
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from utils.classification.tokens import batches_by_length


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
