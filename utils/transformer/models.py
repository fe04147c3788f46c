"""The Transformer and its three families: encoder, encoder-decoder and decoder-only.

Source: Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762, section 3. Letters in shapes: B batch,
T tokens, S tokens of the source, V vocabulary. A mask says *may attend* where it is True.
"""

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

import utils.training  # noqa: F401  (a compiled model is saved with the registered name of its loss)
from utils.checks import positive_integer
from utils.layers.blocks import DecoderLayer, EncoderLayer
from utils.layers.cache import AttentionCache, MemoryCache
from utils.masks import boolean_mask
from utils.transformer.config import TransformerConfig
from utils.transformer.embedding import TokenEmbedding
from utils.transformer.inputs import check_start, key_mask, not_padding, token_mask

Config = TransformerConfig | Mapping[str, Any]


class ConfiguredModel(keras.Model):
    """A model whose weights all exist once it is made, since its configuration gives every size.

    Args:
        config: the configuration, or its fields as a mapping, as a saved model holds them.
        **kwargs: name, dtype, trainable of `keras.Model`.
    """

    def __init__(self, config: Config, **kwargs: Any):
        super().__init__(**kwargs)
        self.config = config if isinstance(config, TransformerConfig) else TransformerConfig(**config)

    def build(self, input_shape: Any = None) -> None:
        """Mark the model as built: lengths and batch sizes decide nothing about its weights."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this model again."""
        return super().get_config() | {"config": dataclasses.asdict(self.config)}

    def checked_arguments(self, *inputs: Any, **options: Any) -> dict[str, Any]:
        """Return the arguments of a call by name, after refusing masks that are no masks, also while it is traced."""
        arguments = inspect.signature(self.call).bind(*inputs, **options).arguments
        for name in ("attention_mask", "memory_mask"):
            if arguments.get(name) is not None:
                boolean_mask(name, arguments[name])
        return arguments

    def compute_output_spec(self, *inputs: Any, **options: Any) -> Any:
        """Return placeholders for what a call returns; Keras may try it with numbers of its own, which tell nothing."""
        self.checked_arguments(*inputs, **options)
        return super().compute_output_spec(*inputs, **options)


class TokenModel(ConfiguredModel):
    """A model that returns one vector for each token, in functional models too."""

    def compute_output_spec(self, *inputs: Any, return_hidden_states: bool = False, **options: Any) -> Any:
        """Return placeholders for what a call returns, of which the tokens' shape and the width decide.

        Keras would run the call on a length that it makes up, and learned positions refuse a long one.
        """
        token_ids = self.checked_arguments(*inputs, **options)["token_ids"]
        vectors = keras.KerasTensor((*token_ids.shape, self.config.d_model), dtype=self.compute_dtype)
        return [vectors] * (self.config.num_layers + 1) if return_hidden_states else vectors


@keras.saving.register_keras_serializable(package="executable-transformer")
class Encoder(TokenModel):
    """Read a text: one vector for each token, which knows of the others.

    Padding is hidden as a key alone, as in Hugging Face's models: vectors at padded places are computed and mean
    nothing. A row of nothing but padding attends to nothing, so that attention adds its bias alone (Hugging Face's BERT
    mixes all values evenly there); its vectors are finite.

    Args:
        config: sizes and choices.
        **kwargs: name, dtype, trainable of `keras.Model`.

    Raises:
        ValueError: in a call, for ids outside the vocabulary (see `checked_ids` for compiled calls), for a mask that
            does not fit, and for more tokens than learned positions.

    Example:
        >>> import numpy as np
        >>> sizes = {"d_model": 8, "num_layers": 1, "num_heads": 2, "intermediate_dim": 16}
        >>> encoder = Encoder(TransformerConfig(vocabulary_size=10, **sizes))
        >>> tuple(encoder(np.array([[1, 2, 3]])).shape)
        (1, 3, 8)
    """

    def __init__(self, config: Config, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.embedding = TokenEmbedding(self.config, name="embedding", dtype=self.dtype_policy)
        self.embedding.build()
        self.blocks, self.final_norm = _build_stack(self, EncoderLayer, num_inputs=1)
        self.build()

    def call(
        self,
        token_ids: Any,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        use_causal_mask: bool = False,
        return_hidden_states: bool = False,
        training: bool | None = None,
    ) -> Any:
        """Return vectors (B, T, d_model), or a list: the embeddings, then what each layer returns.

        Args:
            token_ids: integers (B, T).
            attention_mask: (B, T), True or 1 where a token stands; all do when omitted.
            token_type_ids: integers (B, T), the segment of each token; 0 when omitted.
            use_causal_mask: hide from each token those after it, as a decoder-only model does.
            return_hidden_states: return all num_layers + 1 of them; the last is after the final normalisation.
            training: whether to drop.
        """
        mask = key_mask(attention_mask, token_ids)  # (B, 1, T), built once for all layers
        states = [self.embedding(token_ids, token_type_ids, training=training)]
        for block in self.blocks:
            states.append(block(states[-1], attention_mask=mask, use_causal_mask=use_causal_mask, training=training))
        if self.final_norm:
            states[-1] = self.final_norm(states[-1])
        return states if return_hidden_states else states[-1]

    def step(self, token_ids: Any, caches: list[AttentionCache]) -> Any:
        """Return what a causal call returns for the newest tokens, with one cache of earlier tokens for each layer."""
        x = self.embedding(token_ids, offset=caches[0].length, training=False)
        for block, cache in zip(self.blocks, caches, strict=True):
            x = block.step(x, cache)
        return self.final_norm(x) if self.final_norm else x


@keras.saving.register_keras_serializable(package="executable-transformer")
class Decoder(TokenModel):
    """Write a text: one vector for each token, which knows of those before it and of a source.

    Args:
        config: sizes and choices.
        embedding: that of an encoder, to share it; one of its own when omitted.
        **kwargs: name, dtype, trainable of `keras.Model`.

    Raises:
        ValueError: as `Encoder`.
    """

    def __init__(self, config: Config, embedding: TokenEmbedding | None = None, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.embedding = embedding or TokenEmbedding(self.config, name="embedding", dtype=self.dtype_policy)
        if not self.embedding.built:
            self.embedding.build()
        self.blocks, self.final_norm = _build_stack(self, DecoderLayer, num_inputs=2)
        self.build()

    def call(
        self,
        token_ids: Any,
        memory: Any,
        attention_mask: Any = None,
        memory_mask: Any = None,
        training: bool | None = None,
    ) -> Any:
        """Return vectors (B, T, d_model).

        Args:
            token_ids: integers (B, T), the text so far.
            memory: float tensor (B, S, d_model), the encoder's output.
            attention_mask: (B, T), True or 1 where a token stands; the causal mask comes on top.
            memory_mask: (B, S), True or 1 where the source holds a token.
            training: whether to drop.
        """
        masks = {
            "attention_mask": key_mask(attention_mask, token_ids),
            "memory_mask": key_mask(memory_mask, memory[..., 0]),
        }
        x = self.embedding(token_ids, training=training)
        for block in self.blocks:
            x = block(x, memory, **masks, training=training)
        return self.final_norm(x) if self.final_norm else x

    def step(self, token_ids: Any, caches: list[tuple[AttentionCache, MemoryCache]]) -> Any:
        """Return what a call returns for the newest tokens, with the caches of text and memory for each layer."""
        x = self.embedding(token_ids, offset=caches[0][0].length, training=False)
        for block, (cache, memory) in zip(self.blocks, caches, strict=True):
            x = block.step(x, cache, memory)
        return self.final_norm(x) if self.final_norm else x


@keras.saving.register_keras_serializable(package="executable-transformer")
class Transformer(ConfiguredModel):
    """Read a source, write a target: the model of the paper, encoder and decoder.

    Masks in the three attentions: the encoder's hides the padding of the source; the decoder's own hides what comes
    later and the padding of the target; the decoder's to memory hides the padding of the source.

    Args:
        config: sizes and choices.
        target_vocabulary_size: gives the target a table of its own, of that size; when omitted, source, target and
            output share one table, as in the paper.
        **kwargs: name, dtype, trainable of `keras.Model`.

    Raises:
        ValueError: as `Encoder`, and for targets that do not begin with the configuration's `start_id`, if it has one;
            `fit` looks at arrays before the first step, since a compiled step cannot raise this.
    """

    def __init__(self, config: Config, target_vocabulary_size: int | None = None, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.target_vocabulary_size, dtype = target_vocabulary_size, self.dtype_policy
        self.encoder = Encoder(self.config, name="encoder", dtype=dtype)
        shared = self.encoder.embedding if target_vocabulary_size is None else None
        size = target_vocabulary_size or self.config.vocabulary_size
        target = dataclasses.replace(self.config, vocabulary_size=size)
        self.decoder = Decoder(target, shared, name="decoder", dtype=dtype)
        self.output_layer = _build_output_layer(target, dtype)
        self.build()

    def call(self, inputs: tuple[Any, Any], training: bool | None = None) -> Any:
        """Return scores of the next token, (B, T, V), for inputs (source_ids, target_ids), (B, S) and (B, T).

        The target is what the decoder may read: it begins with the start token, and the scores at place t are for the
        token that follows it.
        """
        source_ids, target_ids = inputs
        memory, memory_mask = self.encode(source_ids, training)
        return self.decode(target_ids, memory, memory_mask, training)

    def fit(self, x: Any = None, *arguments: Any, **options: Any) -> Any:
        """Train as `keras.Model.fit` does, once the targets of a pair of arrays are seen to begin with the start token.

        Those of a data set or a generator, and of `validation_data`, are not looked at.
        """
        if isinstance(x, tuple | list) and len(x) == 2 and len(getattr(x[1], "shape", ())) == 2:
            check_start(x[1], self.config.start_id)
        return super().fit(x, *arguments, **options)

    def encode(self, source_ids: Any, training: bool | None = None) -> tuple[Any, Any]:
        """Return what the encoder makes of the source, (B, S, d_model), and where it holds a token, (B, S) or None."""
        mask = not_padding(source_ids, self.config.pad_id)
        return self.encoder(source_ids, attention_mask=mask, training=training), mask

    def decode(self, target_ids: Any, memory: Any, memory_mask: Any, training: bool | None = None) -> Any:
        """Return scores of the next token, (B, T, V)."""
        check_start(target_ids, self.config.start_id)
        mask = not_padding(target_ids, self.config.pad_id)
        masks = {"attention_mask": mask, "memory_mask": memory_mask}  # by name: Keras fills in one left as None
        return self.logits(self.decoder(target_ids, memory, **masks, training=training))

    def logits(self, hidden: Any) -> Any:
        """Return scores of the next token, (..., V), from vectors of the decoder, (..., d_model)."""
        return self.output_layer(hidden) if self.output_layer else self.decoder.embedding.logits(hidden)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this model again."""
        return super().get_config() | {"target_vocabulary_size": self.target_vocabulary_size}


@keras.saving.register_keras_serializable(package="executable-transformer")
class CausalLanguageModel(ConfiguredModel):
    """Continue a text: an encoder's layers under the causal mask, and scores of the next token (decoder-only).

    Rows are filled up on the right, where the causal mask hides padding from every token before it.

    Args:
        config: sizes and choices.
        **kwargs: name, dtype, trainable of `keras.Model`.

    Raises:
        ValueError: as `Encoder`.
    """

    def __init__(self, config: Config, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.encoder = Encoder(self.config, name="encoder", dtype=self.dtype_policy)
        self.output_layer = _build_output_layer(self.config, self.dtype_policy)
        self.build()

    def call(self, token_ids: Any, training: bool | None = None) -> Any:
        """Return scores of the token after each one, (B, T, V), for token_ids (B, T)."""
        return self.logits(self.encoder(token_ids, use_causal_mask=True, training=training))

    def logits(self, hidden: Any) -> Any:
        """Return scores of the next token, (..., V), from vectors (..., d_model)."""
        return self.output_layer(hidden) if self.output_layer else self.encoder.embedding.logits(hidden)


@keras.saving.register_keras_serializable(package="executable-transformer")
class MaskedLanguageModel(ConfiguredModel):
    """Name hidden pieces: an encoder, and BERT's head on top, which scores every piece of the vocabulary at each place.

    Devlin et al. (2019), arXiv:1810.04805, section 3.1. The head is a dense layer with GELU, a normalisation, the
    encoder's own table of token vectors (tied), and a bias for each piece, as in their program.

    Args:
        config: sizes and choices; tokens equal to its `pad_id` are hidden unless a call brings a mask.
        **kwargs: name, dtype, trainable of `keras.Model`.

    Raises:
        ValueError: as `Encoder`.

    Example:
        >>> import numpy as np
        >>> sizes = {"d_model": 8, "num_layers": 1, "num_heads": 2, "intermediate_dim": 16}
        >>> model = MaskedLanguageModel(TransformerConfig(vocabulary_size=10, **sizes))
        >>> tuple(model(np.array([[2, 4, 3]])).shape)
        (1, 3, 10)
    """

    def __init__(self, config: Config, **kwargs: Any):
        super().__init__(config, **kwargs)
        width, dtype = self.config.d_model, self.dtype_policy
        self.encoder = Encoder(self.config, name="encoder", dtype=dtype)
        self.dense = keras.layers.Dense(width, name="head", dtype=dtype)
        self.norm = keras.layers.LayerNormalization(epsilon=self.config.epsilon, name="head_norm", dtype=dtype)
        for layer in (self.dense, self.norm):
            layer.build((None, None, width))
        self.bias = self.add_weight((self.config.vocabulary_size,), "zeros", name="bias")
        self.build()

    def call(self, token_ids: Any, attention_mask: Any = None, training: bool | None = None) -> Any:
        """Return scores (B, T, V) for token_ids (B, T) and a mask (B, T) of where a token stands."""
        if attention_mask is None:
            attention_mask = not_padding(token_ids, self.config.pad_id)
        return self.logits(self.encoder(token_ids, attention_mask=attention_mask, training=training))

    def logits(self, hidden: Any) -> Any:
        """Return a score of each piece, (..., V), from hidden states (..., d_model)."""
        guess = self.norm(ops.gelu(self.dense(hidden), approximate=False))
        return self.encoder.embedding.logits(guess) + self.bias


@keras.saving.register_keras_serializable(package="executable-transformer")
class TextClassifier(ConfiguredModel):
    """Read a text and name its class: an encoder, the mean of its vectors, and BERT's head on top.

    Devlin et al. (2019), arXiv:1810.04805, take the vector of the first token through a dense layer with tanh and a
    linear one. With `pooling="first"` so does this; the mean over tokens needs no special token in front.

    Args:
        config: sizes and choices; tokens equal to its `pad_id` are hidden unless a call brings a mask.
        num_classes: C.
        pooling: "mean" or "first".
        **kwargs: name, dtype, trainable of `keras.Model`.

    Raises:
        ValueError: as `Encoder`, and for another pooling.
    """

    def __init__(self, config: Config, num_classes: int, pooling: str = "mean", **kwargs: Any):
        super().__init__(config, **kwargs)
        if pooling not in ("mean", "first"):
            raise ValueError(f'expected pooling to be "mean" or "first"; received {pooling!r}')
        self.num_classes, self.pooling = positive_integer("num_classes", num_classes), pooling
        width, dtype = self.config.d_model, self.dtype_policy
        self.encoder = Encoder(self.config, name="encoder", dtype=dtype)
        self.pooler = keras.layers.Dense(width, activation="tanh", name="pooler", dtype=dtype)
        self.dropout_layer = keras.layers.Dropout(self.config.dropout, dtype=dtype)
        self.head = keras.layers.Dense(num_classes, name="head", dtype=dtype)
        for dense in (self.pooler, self.head):
            dense.build((None, width))
        self.build()

    def call(self, token_ids: Any, attention_mask: Any = None, training: bool | None = None) -> Any:
        """Return scores (B, C), before any softmax, for token_ids (B, T) and a mask (B, T) of where a token stands."""
        if attention_mask is None:
            mask = not_padding(token_ids, self.config.pad_id)
        else:
            mask = token_mask(attention_mask, token_ids)
        hidden = self.encoder(token_ids, attention_mask=mask, training=training)  # (B, T, d_model)
        pooled = hidden[:, 0] if self.pooling == "first" else mean_of_tokens(hidden, mask)
        return self.head(self.dropout_layer(self.pooler(pooled), training=training))

    def compute_output_spec(self, *inputs: Any, **options: Any) -> Any:
        """Return a placeholder for the logits: Keras would run the call on lengths that it makes up."""
        token_ids = self.checked_arguments(*inputs, **options)["token_ids"]
        return keras.KerasTensor((token_ids.shape[0], self.num_classes), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this model again."""
        return super().get_config() | {"num_classes": self.num_classes, "pooling": self.pooling}


def _build_stack(model: ConfiguredModel, kind: type, num_inputs: int) -> tuple[list, Any]:
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


def _build_output_layer(config: TransformerConfig, dtype: Any) -> keras.layers.Dense | None:
    """Build the matrix that scores the next token; None where the table of embeddings does (weight tying)."""
    if config.tie_output:
        return None
    dense = keras.layers.Dense(config.vocabulary_size, use_bias=False, name="output", dtype=dtype)
    dense.build((None, None, config.d_model))
    return dense


def mean_of_tokens(hidden: Any, mask: Any) -> Any:
    """Return the mean (B, d_model) of vectors (B, T, d_model) over tokens; zeros for a row of nothing but padding."""
    if mask is None:
        return ops.mean(hidden, axis=1)
    share = ops.cast(mask, hidden.dtype)  # (B, T)
    share = share / ops.maximum(ops.sum(share, axis=1, keepdims=True), 1)
    return ops.einsum("bt,btd->bd", share, hidden)
