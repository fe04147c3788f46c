"""What training on texts of unequal length needs: the target's shift, loss without padding, rate, batches, averages.

Source: Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762, section 5. Letters in shapes: B batch,
T tokens, V vocabulary.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from utils.checks import positive_integer, positive_number, sizes_agree


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
def masked_loss(labels: Any, logits: Any, pad_id: int = 0, label_smoothing: float = 0.0) -> Any:
    """Return the mean cross-entropy over the labels that are tokens, in nats; 0 where there is none.

    Equal to a mean over each text only where texts are equally long: here every token counts the same.

    With smoothing ε the model is asked for a little of everything: the target gives 1 - ε to the label and spreads ε
    evenly over all V tokens, the label among them (Szegedy et al., 2016, arXiv:1512.00567, section 7; the paper's
    section 5.4 has ε = 0.1). The least loss is then no longer 0.

    Args:
        labels: integers (B, T).
        logits: scores (B, T, V), before any softmax.
        pad_id: the label that marks padding.
        label_smoothing: ε, from 0 to below 1.

    Returns:
        Scalar tensor, float32 or wider. As `loss` of `compile`, it is averaged over batches, and a compiled model can
        be saved and loaded. (With `functools.partial` for another pad_id Keras refuses to save: give it a registered
        function.)

    Raises:
        ValueError: labels and logits disagree in shape, or label_smoothing is not a share below 1.

    Example:
        >>> logits = [[[0.0, 0.0], [5.0, 0.0]]]
        >>> round(float(masked_loss([[1, 0]], logits)), 3)  # one token of two equally likely: ln 2
        0.693
    """
    labels, logits, counted = _split_labels(labels, logits, pad_id)
    if isinstance(label_smoothing, bool) or not 0 <= label_smoothing < 1:
        raise ValueError(f"expected label_smoothing from 0 to below 1; received {label_smoothing!r}")
    each = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)  # (B, T)
    if label_smoothing:
        evenly = ops.logsumexp(logits, axis=-1) - ops.mean(logits, axis=-1)  # the mean of -log p over the vocabulary
        each = (1 - label_smoothing) * each + label_smoothing * evenly
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


def perplexity(loss: float) -> float:
    """Return e to the mean cross-entropy: among how many equally likely tokens the model would be as unsure.

    Args:
        loss: nats a token, without label smoothing.

    Example:
        >>> round(perplexity(math.log(20)), 6)
        20.0
    """
    return math.exp(loss)


@keras.saving.register_keras_serializable(package="executable-transformer")
class InverseSquareRoot(keras.optimizers.schedules.LearningRateSchedule):
    """The paper's learning rate: a straight rise over the first steps, then a fall with the root of the step.

    Equation 3 of Vaswani et al. (2017), arXiv:1706.03762, section 5.3, where the first step is number 1. The paper
    gives the rate through d_model; here its peak is named, which is `paper_peak(d_model, warmup_steps)` there.

    Args:
        peak: the highest rate, that of step number `warmup_steps`.
        warmup_steps: steps of the rise; 1 for none.

    Raises:
        ValueError: peak is not above 0, or warmup_steps is not a positive integer.

    Example:
        >>> rate = InverseSquareRoot(1.0, warmup_steps=4)
        >>> [round(float(rate(step)), 2) for step in (0, 1, 3, 8, 15)]  # Keras counts steps from 0
        [0.25, 0.5, 1.0, 0.67, 0.5]
    """

    def __init__(self, peak: float, warmup_steps: int):
        super().__init__()
        self.peak = positive_number("peak", peak)
        self.warmup_steps = positive_integer("warmup_steps", warmup_steps)

    def __call__(self, step: Any) -> Any:
        """Return the rate at which step `step`, counted from 0, changes the weights; a float32 scalar."""
        share = (ops.cast(step, "float32") + 1) / self.warmup_steps
        return self.peak * ops.minimum(share, ops.rsqrt(share))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this schedule again."""
        return {"peak": self.peak, "warmup_steps": self.warmup_steps}


def paper_peak(d_model: int, warmup_steps: int) -> float:
    """Return the highest rate of the paper's schedule, (d_model · warmup_steps)^-½.

    Example:
        >>> round(paper_peak(512, 4000), 6)  # the paper's base model
        0.000699
    """
    return (positive_integer("d_model", d_model) * positive_integer("warmup_steps", warmup_steps)) ** -0.5


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


def average_weights(checkpoints: Iterable[Sequence[Any]]) -> list[np.ndarray]:
    """Return the mean of each weight over several checkpoints of one model, as section 6.1 of the paper takes it.

    Args:
        checkpoints: for each the arrays that `get_weights` returns.

    Returns:
        Arrays for `set_weights`, each in the type it had; whole numbers (counters, seeds) are the last checkpoint's.

    Raises:
        ValueError: there is none, or they disagree in number or shape of their arrays.

    Example:
        >>> average_weights([[np.array([1.0, 2.0])], [np.array([3.0, 6.0])]])
        [array([2., 4.])]
    """
    checkpoints = [[np.asarray(weight) for weight in weights] for weights in checkpoints]
    shapes = [[weight.shape for weight in weights] for weights in checkpoints]
    if not shapes or any(other != shapes[0] for other in shapes):
        raise ValueError(f"expected checkpoints of one model, at least one; received {len(shapes)} unlike ones")
    averages = []
    for parts in zip(*checkpoints, strict=True):
        if np.issubdtype(parts[-1].dtype, np.integer):
            averages.append(parts[-1])
        else:
            averages.append(np.mean(parts, axis=0, dtype="float64").astype(parts[-1].dtype))
    return averages


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
