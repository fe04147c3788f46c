"""What training on texts of unequal length needs: targets moved by one place, loss and accuracy without padding.

Source: Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762, section 5. Letters in shapes: B batch,
T tokens, V vocabulary.
"""

from typing import Any

import keras
from keras import ops

from utils.checks import sizes_agree


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
