"""From token ids to vectors, and from vectors to scores of the next token.

Source: Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762, sections 3.4 and 3.5; for token types and
the normalisation Devlin et al. (2019), arXiv:1810.04805, section 3.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from utils.positions import LearnedPositions, sinusoidal_positions
from utils.transformer.config import TransformerConfig
from utils.transformer.inputs import checked_ids


@keras.saving.register_keras_serializable(package="executable-transformer")
class TokenEmbedding(keras.Layer):
    """Look up a vector for each token and add where it stands.

    Sections 3.4 and 3.5 of the paper: √d_model times the token's vector, plus its position, then dropout. For BERT, a
    vector for its segment is added too and the sum is normalised. The same table scores the next token (weight tying,
    Press and Wolf, 2017, arXiv:1608.05859).

    Initial vectors are normal with standard deviation d_model^-½ where they are scaled and 0.02 where not, so that
    scores of a tied output begin small.

    Args:
        config: sizes and choices.
        **kwargs: name, dtype, trainable of `keras.Layer`.
    """

    def __init__(self, config: TransformerConfig | Mapping[str, Any], **kwargs: Any):
        super().__init__(**kwargs)
        self.config = config if isinstance(config, TransformerConfig) else TransformerConfig(**config)
        self.scale = math.sqrt(self.config.d_model) if self.config.scale_embedding else 1.0

    def build(self, token_ids_shape: Any = None) -> None:
        """Create the table of tokens and, where asked for, those of types and positions and the normalisation."""
        config, shape = self.config, (None, None, self.config.d_model)
        normal = keras.initializers.RandomNormal
        spread = 1 / self.scale if config.scale_embedding else 0.02
        self.table = self.add_weight((config.vocabulary_size, shape[-1]), normal(stddev=spread), name="tokens")
        if config.num_token_types:
            self.types = self.add_weight((config.num_token_types, shape[-1]), normal(stddev=0.02), name="types")
        if config.positions == "learned":
            sizes = {"max_length": config.max_length, "d_model": shape[-1]}
            self.learned = LearnedPositions(**sizes, name="positions", dtype=self.dtype_policy)
            self.learned.build(shape)
        if config.embedding_norm:
            self.norm = keras.layers.LayerNormalization(epsilon=config.epsilon, name="norm", dtype=self.dtype_policy)
            self.norm.build(shape)
        self.dropout_layer = keras.layers.Dropout(config.dropout, dtype=self.dtype_policy)

    def call(self, token_ids: Any, token_type_ids: Any = None, offset: int = 0, training: bool | None = None) -> Any:
        """Return vectors (B, T, d_model) of tokens (B, T), the first of which stand at position `offset`."""
        config = self.config
        x = ops.take(self.table, checked_ids("token_ids", token_ids, config.vocabulary_size), axis=0)
        x = x * self.scale if config.scale_embedding else x
        if config.num_token_types:
            x = x + self._type_vectors(token_type_ids)
        if config.positions == "learned":
            x = self.learned(x, offset=offset)
        elif config.positions == "sinusoidal":
            x = x + ops.cast(sinusoidal_positions(ops.shape(x)[1], config.d_model, offset=offset), x.dtype)
        if config.embedding_norm:
            x = self.norm(x)
        return self.dropout_layer(x, training=training)

    def logits(self, hidden: Any) -> Any:
        """Return a score for each token of the vocabulary, (..., vocabulary_size), from vectors (..., d_model)."""
        # No einsum: on TensorFlow the gradient of "...d,vd->...v" takes about fifty times as long.
        return ops.matmul(hidden, ops.transpose(ops.cast(self.table, hidden.dtype)))

    def compute_output_shape(self, token_ids_shape: Any) -> tuple:
        """Return the shape of the vectors."""
        return (*token_ids_shape, self.config.d_model)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        return super().get_config() | {"config": dataclasses.asdict(self.config)}

    def _type_vectors(self, token_type_ids: Any) -> Any:
        """Return the vectors of the segments, that of segment 0 where none are given."""
        if token_type_ids is None:
            return ops.convert_to_tensor(self.types)[0]
        ids = checked_ids("token_type_ids", token_type_ids, self.config.num_token_types)
        return ops.take(self.types, ids, axis=0)
