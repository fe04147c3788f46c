"""The encoder–decoder of appendix A in Keras, made of Keras's own layers."""

from typing import Any

import keras
from keras import ops

from utils.three_frameworks.in_numpy import PAD, waves


class KerasEncoderLayer(keras.Layer):
    """A layer of the encoder.

    Args:
        width: d_model.
        heads: H, a divisor of the width.
        inner: width inside the feed-forward network.
        rate: share that training drops.
        epsilon: of the normalisations; Keras's own default is 1e-3.
        **kwargs: name, dtype, trainable of `keras.Layer`.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        inner: int,
        rate: float = 0.1,
        epsilon: float = 1e-5,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.attention = _attention(width, heads, rate, "attention")
        self.intermediate = keras.layers.Dense(
            inner, "relu", name="intermediate"
        )
        self.narrow = keras.layers.Dense(width, name="output")
        self.attention_norm = _norm(epsilon, "attention_norm")
        self.feed_forward_norm = _norm(epsilon, "feed_forward_norm")
        self.dropout = keras.layers.Dropout(rate)

    def call(self, x: Any, is_word: Any) -> Any:
        """Take x (B, S, width); is_word (B, S) is False at padding."""
        attended = self.attention(
            query=x, value=x, attention_mask=is_word[:, None]
        )
        x = self.attention_norm(x + self.dropout(attended))
        narrow = self.narrow(self.intermediate(x))
        return self.feed_forward_norm(x + self.dropout(narrow))


class KerasDecoderLayer(KerasEncoderLayer):
    """What a layer of the encoder has, and attention to the memory."""

    def __init__(
        self,
        width: int,
        heads: int,
        inner: int,
        rate: float = 0.1,
        epsilon: float = 1e-5,
        **kwargs: Any,
    ):
        super().__init__(width, heads, inner, rate, epsilon, **kwargs)
        self.memory_attention = _attention(
            width, heads, rate, "memory_attention"
        )
        self.memory_norm = _norm(epsilon, "memory_norm")

    def call(self, x: Any, memory: Any, is_word: Any, is_source: Any) -> Any:
        """Take x (B, T, width) and memory (B, S, width)."""
        attended = self.attention(
            query=x,
            value=x,
            attention_mask=is_word[:, None],
            use_causal_mask=True,
        )
        x = self.attention_norm(x + self.dropout(attended))
        found = self.memory_attention(
            query=x, value=memory, attention_mask=is_source[:, None]
        )
        x = self.memory_norm(x + self.dropout(found))
        narrow = self.narrow(self.intermediate(x))
        return self.feed_forward_norm(x + self.dropout(narrow))


class KerasTranslator(keras.Model):
    """One table for source, target and scores; two stacks, each with a norm.

    Args:
        vocabulary: V.
        width: d_model.
        heads: H.
        inner: width inside the feed-forward networks.
        layers: of each stack.
        **options: `rate` and `epsilon` of the layers.
    """

    def __init__(
        self,
        vocabulary: int,
        width: int,
        heads: int,
        inner: int,
        layers: int,
        **options: Any,
    ):
        super().__init__()
        sizes = (width, heads, inner)
        self.width, epsilon = width, options.get("epsilon", 1e-5)
        self.embedding = keras.layers.Embedding(
            vocabulary, width, name="embedding"
        )
        self.readers = [
            KerasEncoderLayer(*sizes, **options, name=f"encoder_{n}")
            for n in range(layers)
        ]
        self.writers = [
            KerasDecoderLayer(*sizes, **options, name=f"decoder_{n}")
            for n in range(layers)
        ]
        self.encoder_norm = _norm(epsilon, "encoder_norm")
        self.decoder_norm = _norm(epsilon, "decoder_norm")

    def embed(self, ids: Any) -> Any:
        """Return vectors (B, T, width) of token ids (B, T)."""
        vectors, length = self.embedding(ids), ids.shape[1]
        places = ops.cast(waves(length, self.width), vectors.dtype)
        return vectors * self.width**0.5 + places

    def call(self, source: Any, target: Any) -> Any:
        """Return scores (B, T, V) for source (B, S) and target (B, T)."""
        memory, x = self.embed(source), self.embed(target)
        for layer in self.readers:
            memory = layer(memory, source != PAD)
        memory = self.encoder_norm(memory)
        for layer in self.writers:
            x = layer(x, memory, target != PAD, source != PAD)
        x = self.decoder_norm(x)
        return ops.matmul(x, ops.transpose(self.embedding.embeddings))


def _attention(
    width: int, heads: int, rate: float, name: str
) -> keras.layers.MultiHeadAttention:
    return keras.layers.MultiHeadAttention(
        heads, key_dim=width // heads, dropout=rate, name=name
    )


def _norm(epsilon: float, name: str) -> keras.layers.LayerNormalization:
    return keras.layers.LayerNormalization(epsilon=epsilon, name=name)


def keras_loss(scores: Any, target: Any) -> Any:
    """Return the mean loss over the tokens to write, padding left out."""
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=PAD
    )
    return loss(target[:, 1:], scores)
