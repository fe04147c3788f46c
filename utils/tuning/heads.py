"""Heads for other tasks on one encoder: classes, several labels at once, a number, a label for each token, pairs.

Each is a linear map on top of the encoder's vectors; what differs is which vectors, and the loss. Source of the heads:
Devlin et al. (2019), arXiv:1810.04805, section 4. Letters in shapes: B batch, T tokens, C outputs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from tokenizers import Encoding, Tokenizer

from utils.checks import positive_integer, sizes_agree
from utils.transformer import Encoder
from utils.transformer.inputs import not_padding
from utils.transformer.models import mean_of_tokens
from utils.tuning.labels import IGNORED
from utils.tuning.projections import check_encoder
from utils.tuning.vocabulary import check_vocabulary_fits

TASKS = ("classes", "labels", "number", "tokens")


@keras.saving.register_keras_serializable(package="executable-transformer")
class EncoderWithHead(keras.Model):
    """An encoder, and a linear map from its vectors to scores.

    Args:
        encoder: one of ours, with whatever weights it has.
        num_outputs: C: classes, labels, 1 for a number, or tags of a token.
        per_token: whether every token gets scores, rather than the text as a whole.
        pooling: the vector of a text: "mean" of its tokens, or that of the "first" token. Unused with per_token.
        **kwargs: name, dtype, trainable of `keras.Model`.

    Raises:
        TypeError, ValueError: it is no encoder of ours, num_outputs is not a positive integer, or pooling is unknown.

    Example:
        >>> from utils.transformer import TransformerConfig
        >>> sizes = {"vocabulary_size": 10, "d_model": 8, "num_layers": 1, "num_heads": 2, "intermediate_dim": 16}
        >>> encoder = Encoder(TransformerConfig(**sizes))
        >>> tuple(EncoderWithHead(encoder, num_outputs=3)(np.array([[1, 2, 3, 4]])).shape)
        (1, 3)
        >>> tuple(EncoderWithHead(encoder, num_outputs=3, per_token=True)(np.array([[1, 2, 3, 4]])).shape)
        (1, 4, 3)
    """

    def __init__(
        self, encoder: Encoder, num_outputs: int, per_token: bool = False, pooling: str = "mean", **kwargs: Any
    ):
        super().__init__(**kwargs)
        if pooling not in ("mean", "first"):
            raise ValueError(f'expected pooling to be "mean" or "first"; received {pooling!r}')
        self.encoder, self.per_token, self.pooling = check_encoder(encoder), per_token, pooling
        self.num_outputs = positive_integer("num_outputs", num_outputs)
        self.dropout_layer = keras.layers.Dropout(encoder.config.dropout, dtype=self.dtype_policy)
        self.head = keras.layers.Dense(num_outputs, name="head", dtype=self.dtype_policy)
        self.head.build((None, encoder.config.d_model))
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return scores (B, C), or (B, T, C) with per_token; before any softmax or sigmoid.

        Args:
            inputs: token_ids (B, T), or what `encode_texts` returns. Of a pair of texts, token_type_ids tell the
                encoder which token belongs to which; an encoder without token types does without them.
            training: whether to drop.
        """
        inputs = inputs if isinstance(inputs, Mapping) else {"token_ids": inputs}
        token_ids, types = inputs["token_ids"], inputs.get("token_type_ids")
        if not self.encoder.config.num_token_types:
            types = None
        mask = not_padding(token_ids, self.encoder.config.pad_id)  # (B, T)
        vectors = self.encoder(token_ids, attention_mask=mask, token_type_ids=types, training=training)
        if not self.per_token:
            vectors = vectors[:, 0] if self.pooling == "first" else mean_of_tokens(vectors, mask)
        return self.head(self.dropout_layer(vectors, training=training))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this model again."""
        own = {name: getattr(self, name) for name in ("num_outputs", "per_token", "pooling")}
        return super().get_config() | own | {"encoder": keras.saving.serialize_keras_object(self.encoder)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "EncoderWithHead":
        """Return the model that `get_config` describes, with new weights."""
        return cls(**config | {"encoder": keras.saving.deserialize_keras_object(config["encoder"])})


def loss_and_metric(task: str) -> tuple[Any, Any]:
    """Return the loss of a task, and a metric for its progress bar.

    Args:
        task: "classes": one of C, labels (B,). "labels": any of C, labels (B, C) of 0 and 1. "number": labels (B, 1),
            best with mean 0 and spread 1. "tokens": one of C for each token, labels (B, T), `IGNORED` where none.

    Raises:
        ValueError: the task is unknown.
    """
    match task:
        case "classes":
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            return loss, keras.metrics.SparseCategoricalAccuracy(name="accuracy")
        case "labels":
            loss = keras.losses.BinaryCrossentropy(from_logits=True)
            return loss, keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy")  # a score above 0 says yes
        case "number":
            return keras.losses.MeanSquaredError(), keras.metrics.MeanAbsoluteError(name="error")
        case "tokens":
            return token_loss, token_accuracy
    raise ValueError(f"expected task to be one of {', '.join(TASKS)}; received {task!r}")


@keras.saving.register_keras_serializable(package="executable-transformer")
def token_loss(labels: Any, scores: Any) -> Any:
    """Return the mean cross-entropy, in nats, over the tokens whose label (B, T) is not `IGNORED`; scores (B, T, C).

    Example:
        >>> round(float(token_loss([[1, IGNORED]], [[[0.0, 0.0], [9.0, 0.0]]])), 3)  # one of two: ln 2
        0.693
    """
    labels, scores, judged = _judged(labels, scores)
    each = keras.losses.sparse_categorical_crossentropy(ops.where(judged, labels, 0), scores, from_logits=True)
    return _mean_where(each, judged)


@keras.saving.register_keras_serializable(package="executable-transformer")
def token_accuracy(labels: Any, scores: Any) -> Any:
    """Return the share of tokens with the highest score at their label, of those whose label is not `IGNORED`.

    Most tokens are outside all spans, so this is high from the beginning: judge a model by `span_f1`.
    """
    labels, scores, judged = _judged(labels, scores)
    return _mean_where(ops.equal(ops.cast(ops.argmax(scores, axis=-1), labels.dtype), labels), judged)


def _judged(labels: Any, scores: Any) -> tuple[Any, Any, Any]:
    """Return labels (B, T), scores (B, T, C) of float32, and where a label is to be judged."""
    labels, scores = ops.convert_to_tensor(labels), ops.cast(ops.convert_to_tensor(scores), "float32")
    if not sizes_agree(tuple(labels.shape), tuple(scores.shape[:-1])):
        raise ValueError(
            f"expected labels of shape {tuple(scores.shape[:-1])}, one for each token; received {tuple(labels.shape)}"
        )
    return ops.cast(labels, "int32"), scores, ops.not_equal(labels, IGNORED)


def _mean_where(values: Any, judged: Any) -> Any:
    """Return the mean of the values that are judged; 0 where none is."""
    share = ops.cast(judged, "float32")
    return ops.sum(ops.cast(values, "float32") * share) / ops.maximum(ops.sum(share), 1)


def encode_texts(
    tokenizer: Tokenizer, texts: Sequence[str] | Sequence[tuple[str, str]], encoder: Encoder, max_length: int
) -> tuple[dict[str, np.ndarray], list[Encoding]]:
    """Return what `EncoderWithHead` reads, and the encodings, which know where in its text each token stands.

    Args:
        tokenizer: of the encoder.
        texts: B texts, or B pairs of texts.
        encoder: which must have a row for every token, and a position for each place.
        max_length: in tokens; of longer texts the end is cut off, of a pair that of the longer text.

    Returns:
        ({"token_ids", "token_type_ids"}, encodings): integers (B, T), filled up at the end with the encoder's pad_id.

    Raises:
        ValueError: there is no text, the tokenizer does not fit the encoder, the encoder hides no id as padding, or
            max_length is more than it has positions.
    """
    check_vocabulary_fits(tokenizer, check_encoder(encoder))
    config = encoder.config
    if config.positions == "learned" and max_length > config.max_length:
        raise ValueError(
            f"expected max_length of at most {config.max_length}, the encoder's positions; got {max_length}"
        )
    if isinstance(texts, str) or not len(texts):
        raise ValueError(f"expected a list of texts or of pairs of texts, at least one; received {texts!r:.80}")
    if config.pad_id is None:
        raise ValueError("expected an encoder with a pad_id, which fills up shorter texts; received one without")
    cutting = Tokenizer.from_str(tokenizer.to_str())  # a copy, so that the caller's does not begin to cut
    cutting.enable_truncation(max_length)
    cutting.enable_padding(pad_id=config.pad_id)
    encodings = cutting.encode_batch([tuple(text) if not isinstance(text, str) else text for text in texts])
    arrays = {"token_ids": [each.ids for each in encodings], "token_type_ids": [each.type_ids for each in encodings]}
    return {name: np.array(rows, "int32") for name, rows in arrays.items()}, encodings
