"""What training on texts of unequal length needs: targets moved by one place, losses without padding, like batches.

Source: Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762, section 5. Letters in shapes: B batch,
T tokens, V vocabulary.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from utils.checks import positive_integer, rate, sizes_agree


def shift_right(labels: Any, start_id: int) -> Any:
    """Return what a decoder may read while it learns to write `labels`: the start token, then all but the last.

    At each place it then knows every label before that place, and not the one it is asked for (teacher forcing).

    Args:
        labels: integers (B, T), the tokens to write.
        start_id: the token that every target begins with.

    Returns:
        Integer tensor (B, T).

    Raises:
        ValueError: labels have another number of axes than two.

    Example:
        >>> ops.convert_to_numpy(shift_right([[7, 8, 9]], start_id=1)).tolist()
        [[1, 7, 8]]
    """
    labels = ops.convert_to_tensor(labels)
    if len(labels.shape) != 2:
        raise ValueError(f"expected labels of shape (batch, length); received shape {tuple(labels.shape)}")
    return ops.concatenate([ops.full_like(labels[:, :1], start_id), labels[:, :-1]], axis=1)


@keras.saving.register_keras_serializable(package="executable-transformer")
def masked_loss(labels: Any, logits: Any, pad_id: int = 0) -> Any:
    """Return the mean cross-entropy over the labels that are tokens, in nats; 0 where there is none.

    Equal to a mean over each text only where texts are equally long: here every token counts the same.

    Args:
        labels: integers (B, T).
        logits: scores (B, T, V), before any softmax.
        pad_id: the label that marks padding.

    Returns:
        Scalar tensor, float32 or wider. As `loss` of `compile`, it is averaged over batches, and a compiled model can
        be saved and loaded. (With `functools.partial` for another pad_id Keras refuses to save: give it a registered
        function.)

    Raises:
        ValueError: labels and logits disagree in shape.

    Example:
        >>> logits = [[[0.0, 0.0], [5.0, 0.0]]]
        >>> round(float(masked_loss([[1, 0]], logits)), 3)  # one token of two equally likely: ln 2
        0.693
    """
    labels, logits, counted = _split_labels(labels, logits, pad_id)
    each = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)  # (B, T)
    return _mean_over(each, counted)


@keras.saving.register_keras_serializable(package="executable-transformer")
def masked_accuracy(labels: Any, logits: Any, pad_id: int = 0) -> Any:
    """Return the share of tokens whose label has the highest score, from 0 to 1; 0 where there is none.

    Args:
        labels: integers (B, T).
        logits: scores (B, T, V).
        pad_id: the label that marks padding.

    Returns:
        Scalar tensor. As a metric of `compile`, it is averaged over batches.

    Raises:
        ValueError: labels and logits disagree in shape.

    Example:
        >>> float(masked_accuracy([[1, 1, 0]], [[[0.0, 2.0], [3.0, 0.0], [1.0, 0.0]]]))
        0.5
    """
    labels, logits, counted = _split_labels(labels, logits, pad_id)
    return _mean_over(ops.equal(ops.argmax(logits, axis=-1), ops.cast(labels, "int32")), counted)


def _split_labels(labels: Any, logits: Any, pad_id: int) -> tuple[Any, Any, Any]:
    """Return labels, scores in at least float32, and where a label is a token."""
    labels, logits = ops.convert_to_tensor(labels), ops.convert_to_tensor(logits)
    received, expected = tuple(labels.shape), tuple(logits.shape[:-1])
    if not sizes_agree(received, expected):
        raise ValueError(f"expected labels of shape {expected}, one for each row of logits; received shape {received}")
    dtype = keras.backend.result_type(logits.dtype, "float32")
    return labels, ops.cast(logits, dtype), ops.not_equal(labels, pad_id)


def _mean_over(values: Any, counted: Any) -> Any:
    """Return the mean of the values that count, 0 where none does."""
    share = ops.cast(counted, keras.backend.result_type(values.dtype, "float32"))
    return ops.sum(ops.cast(values, share.dtype) * share) / ops.maximum(ops.sum(share), 1)


@keras.saving.register_keras_serializable(package="executable-transformer")
def smoothed_loss(labels: Any, logits: Any, smoothing: float = 0.1, pad_id: int = 0) -> Any:
    """Return the mean cross-entropy, in nats, against labels that give a share of their weight to all tokens alike.

    Label smoothing of Szegedy et al. (2016), arXiv:1512.00567, section 7, as Vaswani et al. (2017), section 5.4, use
    it: the target is 1 - smoothing for the right token, and smoothing / V more for each of the V tokens.

    Args:
        labels: integers (B, T).
        logits: scores (B, T, V), before any softmax.
        smoothing: the share, from 0 (then it is `masked_loss`) to 1.
        pad_id: the label that marks padding, which does not count.

    Returns:
        Scalar tensor, float32 or wider; 0 where no label counts.

    Raises:
        ValueError: labels and logits disagree in shape, or smoothing is no share.

    Example:
        >>> logits = [[[2.0, 0.0, 0.0], [5.0, 0.0, 0.0]]]
        >>> round(float(smoothed_loss([[1, 0]], logits, smoothing=0.3)), 3)  # masked_loss: 2.24
        2.04
    """
    smoothing = rate("smoothing", smoothing)
    labels, logits, counted = _split_labels(labels, logits, pad_id)
    log_p = ops.log_softmax(logits, axis=-1)
    right = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)  # (B, T)
    return _mean_over((1 - smoothing) * right - smoothing * ops.mean(log_p, axis=-1), counted)


def perplexity(labels: Any, logits: Any, pad_id: int = 0) -> Any:
    """Return exp of `masked_loss`: among how many equally likely tokens a model that costs as much would have to guess.

    Args:
        labels: integers (B, T).
        logits: scores (B, T, V).
        pad_id: the label that marks padding.

    Returns:
        Scalar tensor, at least 1. (For several batches, take exp of the mean loss of all tokens; the mean of
        perplexities is another number.)

    Raises:
        ValueError: labels and logits disagree in shape.

    Example:
        >>> round(float(perplexity([[1, 0]], [[[0.0, 0.0], [5.0, 0.0]]])), 3)
        2.0
    """
    return ops.exp(masked_loss(labels, logits, pad_id))


def mean_weights(checkpoints: Iterable[Sequence[np.ndarray]]) -> list[np.ndarray]:
    """Return the mean of each weight over several checkpoints of one model, as `model.get_weights()` returns them.

    Args:
        checkpoints: one list of arrays for each.

    Returns:
        One list of arrays, for `model.set_weights`.

    Raises:
        ValueError: there are none, or they disagree in number or shape of their weights.

    Example:
        >>> [weight.tolist() for weight in mean_weights([[np.array([1.0, 2.0])], [np.array([3.0, 6.0])]])]
        [[2.0, 4.0]]
    """
    kept = [list(weights) for weights in checkpoints]
    shapes = {tuple(np.shape(weight) for weight in weights) for weights in kept}
    if len(shapes) != 1:
        raise ValueError(
            f"expected checkpoints of one model, with weights of the same shapes; received {len(kept)} checkpoints of "
            f"{len(shapes)} kinds"
        )
    return [np.mean(each, axis=0, dtype="float64").astype(each[0].dtype) for each in zip(*kept, strict=True)]


def like_lengths(lengths: Any, batch_size: int, rng: np.random.Generator | None = None) -> list[np.ndarray]:
    """Put texts of like lengths into one batch, so that little is filled up.

    Args:
        lengths: tokens of each text, (N,); or several numbers for each, (N, K), where the first differ most.
        batch_size: texts in a batch.
        rng: NumPy generator: draws the order of texts of one length, and of the batches. In order of length without.

    Returns:
        Indices of the texts of each batch; each text is in one. The last batch in order of length may be smaller.

    Raises:
        ValueError: batch_size is no positive integer.

    Example:
        >>> [batch.tolist() for batch in like_lengths([5, 2, 9, 2, 5], batch_size=2)]
        [[1, 3], [0, 4], [2]]
    """
    positive_integer("batch_size", batch_size)
    keys = np.asarray(lengths).reshape(len(lengths), -1)
    chance = np.arange(len(keys)) if rng is None else rng.permutation(len(keys))
    order = np.lexsort([chance, *keys.T[::-1]])
    batches = [order[at : at + batch_size] for at in range(0, len(order), batch_size)]
    return batches if rng is None else [batches[at] for at in rng.permutation(len(batches))]
