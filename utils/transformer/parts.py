"""What the models have in common: their configuration, their stack of layers, their output."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from utils.transformer.config import TransformerConfig


class ConfiguredModel(keras.Model):
    """A model whose weights all exist once it is made, since its configuration gives every size.

    Args:
        config: the configuration, or its fields as a mapping, as a saved model holds them.
        **kwargs: name, dtype, trainable of `keras.Model`.
    """

    def __init__(self, config: TransformerConfig | Mapping[str, Any], **kwargs: Any):
        super().__init__(**kwargs)
        self.config = config if isinstance(config, TransformerConfig) else TransformerConfig(**config)

    def build(self, input_shape: Any = None) -> None:
        """Mark the model as built: lengths and batch sizes decide nothing about its weights."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this model again."""
        return super().get_config() | {"config": dataclasses.asdict(self.config)}


class TokenModel(ConfiguredModel):
    """A model that returns one vector for each token, in functional models too."""

    def compute_output_spec(self, *inputs: Any, return_hidden_states: bool = False, **options: Any) -> Any:
        """Return placeholders for what a call returns, of which the tokens' shape and the width decide.

        Keras would run the call on a length that it makes up, and learned positions refuse a long one.
        """
        token_ids = inputs[0] if inputs else options["token_ids"]
        vectors = keras.KerasTensor((*token_ids.shape, self.config.d_model), dtype=self.compute_dtype)
        return [vectors] * (self.config.num_layers + 1) if return_hidden_states else vectors


def build_stack(model: ConfiguredModel, kind: type, num_inputs: int) -> tuple[list, Any]:
    """Build the layers of an encoder or decoder, and the normalisation after them or None."""
    config, dtype = model.config, model.dtype_policy
    shapes = [(None, None, config.d_model)] * num_inputs
    blocks = [kind(**config.layer_options(), name=f"layer_{at}", dtype=dtype) for at in range(config.num_layers)]
    for block in blocks:
        block.build(*shapes)
    if not config.ends_with_norm:
        return blocks, None
    norm = keras.layers.LayerNormalization(epsilon=config.epsilon, name="final_norm", dtype=dtype)
    norm.build(shapes[0])
    return blocks, norm


def build_output_layer(config: TransformerConfig, dtype: Any) -> keras.layers.Dense | None:
    """Build the matrix that scores the next token; None where the table of embeddings does (weight tying)."""
    if config.tie_output:
        return None
    dense = keras.layers.Dense(config.vocabulary_size, use_bias=False, name="output", dtype=dtype)
    dense.build((None, None, config.d_model))
    return dense


def mean_of_tokens(hidden: Any, attention_mask: Any) -> Any:
    """Return the mean (B, d_model) of vectors (B, T, d_model) over tokens; zeros for a row of nothing but padding."""
    if attention_mask is None:
        return ops.mean(hidden, axis=1)
    share = ops.cast(attention_mask, hidden.dtype)  # (B, T)
    share = share / ops.maximum(ops.sum(share, axis=1, keepdims=True), 1)
    return ops.einsum("bt,btd->bd", share, hidden)
