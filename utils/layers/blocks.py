"""The layers that an encoder and a decoder stack: attention and feed-forward, each inside a residual connection.

Source: Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762, sections 3.1, 3.3 and 5.4. Where the layer
departs from the paper, its documentation says so. Letters in shapes: B batch, T tokens (queries), S tokens of the
source (keys). A mask says *may attend* where it is True.
"""

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from utils.checks import head_size, positive_integer, positive_number, rate
from utils.layers.cache import AttentionCache, MemoryCache
from utils.layers.multi_head_attention import MultiHeadAttention


@keras.saving.register_keras_serializable(package="executable-transformer")
class FeedForward(keras.Layer):
    """Widen each token's vector, apply an activation, and bring it back to its width.

    Equation 2 of Vaswani et al. (2017), arXiv:1706.03762: max(0, x W₁ + b₁) W₂ + b₂, the same for each position.

    Args:
        intermediate_dim: width between the two maps (the paper's d_ff).
        activation: name of a Keras activation, or "gelu_tanh" for the approximation of GPT-2; "gelu" is the exact one.
        **kwargs: name, dtype, trainable of `keras.Layer`.

    Raises:
        ValueError: intermediate_dim is not a positive integer, or the activation is unknown.

    Example:
        >>> FeedForward(8).compute_output_shape((2, 3, 4))
        (2, 3, 4)
    """

    def __init__(self, intermediate_dim: int, activation: str = "relu", **kwargs: Any):
        super().__init__(**kwargs)
        self.intermediate_dim = positive_integer("intermediate_dim", intermediate_dim)
        self.activation, self._activate = activation, _activation_called(activation)
        self.supports_masking = True  # each position is on its own, so the mask of the tokens goes on

    def build(self, inputs_shape: Any) -> None:
        """Create W₁ with b₁ and W₂ with b₂, for inputs of shape (..., d_model)."""
        wide, narrow = self.intermediate_dim, inputs_shape[-1]
        self.intermediate_dense = keras.layers.Dense(wide, name="intermediate", dtype=self.dtype_policy)
        self.output_dense = keras.layers.Dense(narrow, name="output", dtype=self.dtype_policy)
        self.intermediate_dense.build(inputs_shape)
        self.output_dense.build((*inputs_shape[:-1], wide))

    def call(self, inputs: Any) -> Any:
        """Return a tensor of the shape of inputs, a float tensor (..., d_model)."""
        return self.output_dense(self._activate(self.intermediate_dense(inputs)))

    def compute_output_shape(self, inputs_shape: Any) -> tuple:
        """Return the shape of the inputs."""
        return tuple(inputs_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        return super().get_config() | {"intermediate_dim": self.intermediate_dim, "activation": self.activation}


class ResidualLayer(keras.Layer):
    """What the layer of the encoder and that of the decoder share: their options, and the residual connection.

    Args:
        num_heads: H, a divisor of the width of the inputs; each head is d_model / H wide.
        intermediate_dim: width inside the feed-forward network.
        dropout: share of each sublayer's output that training drops before it is added (section 5.4).
        activation: of the feed-forward network; "relu", "gelu" (exact), "gelu_tanh" or another name that Keras knows.
        epsilon: added to the variance inside the root of the layer normalisations; the paper gives none, ours is that
            of PyTorch.
        norm_first: pre-norm, x + f(norm(x)), instead of the paper's post-norm, norm(x + f(x)).
        attention_dropout: share of the attention weights that training drops (BERT's; the paper has none).
        **kwargs: name, dtype, trainable of `keras.Layer`.

    Raises:
        ValueError: an argument is out of range, or d_model is not a multiple of num_heads.
    """

    def __init__(
        self,
        num_heads: int,
        intermediate_dim: int,
        dropout: float = 0.1,
        *,
        activation: str = "relu",
        epsilon: float = 1e-5,
        norm_first: bool = False,
        attention_dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.num_heads = positive_integer("num_heads", num_heads)
        self.intermediate_dim = positive_integer("intermediate_dim", intermediate_dim)
        self.dropout = rate("dropout", dropout)
        self.attention_dropout = rate("attention_dropout", attention_dropout)
        self.activation, self.norm_first = activation, bool(norm_first)
        self.epsilon = positive_number("epsilon", epsilon)
        _activation_called(activation)  # refused now rather than when the layer is built
        self.supports_masking = True

    def residual(self, inputs: Any, norm: keras.Layer, sublayer: Callable[[Any], Any], training: bool | None) -> Any:
        """Add to the inputs what a sublayer makes of them: normalised after the sum, or before the sublayer."""
        if self.norm_first:
            return inputs + self.dropout_layer(sublayer(norm(inputs)), training=training)
        return norm(inputs + self.dropout_layer(sublayer(inputs), training=training))

    def compute_output_shape(self, inputs_shape: Any, *others: Any) -> tuple:
        """Return the shape of the inputs; nothing else changes it."""
        return tuple(inputs_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        names = ("num_heads", "intermediate_dim", "dropout", "activation", "epsilon", "norm_first", "attention_dropout")
        return super().get_config() | {name: getattr(self, name) for name in names}

    def _make_attention(self, name: str, inputs_shape: Any, memory_shape: Any) -> MultiHeadAttention:
        attention = MultiHeadAttention(
            num_heads=self.num_heads,
            key_dim=head_size(inputs_shape[-1], self.num_heads),
            dropout=self.attention_dropout,
            name=name,
            dtype=self.dtype_policy,
        )
        attention.build(inputs_shape, memory_shape)
        return attention

    def _make_feed_forward(self, inputs_shape: Any) -> FeedForward:
        feed_forward = FeedForward(self.intermediate_dim, self.activation, name="feed_forward", dtype=self.dtype_policy)
        feed_forward.build(inputs_shape)
        self.dropout_layer = keras.layers.Dropout(self.dropout, dtype=self.dtype_policy)
        return feed_forward

    def _make_norm(self, name: str, inputs_shape: Any) -> keras.layers.LayerNormalization:
        norm = keras.layers.LayerNormalization(epsilon=self.epsilon, name=name, dtype=self.dtype_policy)
        norm.build(inputs_shape)
        return norm


@keras.saving.register_keras_serializable(package="executable-transformer")
class EncoderLayer(ResidualLayer):
    """Let tokens exchange what they hold, then let each work on what it received.

    The left half of figure 1 of Vaswani et al. (2017), arXiv:1706.03762. With `use_causal_mask` it is the layer of a
    decoder-only model such as GPT. Its options are those of `ResidualLayer`.

    Example:
        >>> EncoderLayer(num_heads=2, intermediate_dim=8).compute_output_shape((2, 3, 4))
        (2, 3, 4)
    """

    def build(self, inputs_shape: Any) -> None:
        """Create attention, the feed-forward network and a normalisation for each, for inputs (B, T, d_model)."""
        _check_inputs("inputs", inputs_shape)
        self.attention = self._make_attention("attention", inputs_shape, inputs_shape)
        self.attention_norm = self._make_norm("attention_norm", inputs_shape)
        self.feed_forward = self._make_feed_forward(inputs_shape)
        self.feed_forward_norm = self._make_norm("feed_forward_norm", inputs_shape)

    def call(
        self,
        inputs: Any,
        attention_mask: Any = None,
        use_causal_mask: bool = False,
        training: bool | None = None,
        attention_bias: Any = None,
    ) -> Any:
        """Return what each token becomes.

        Args:
            inputs: float tensor (B, T, d_model).
            attention_mask: broadcastable to (B, T, T), or with four axes to (B, H, T, T); True, or 1 of any type,
                where a token may attend to another, False or 0 where not; other numbers as in `MultiHeadAttention`.
            use_causal_mask: also hide from each token those after it.
            training: whether to drop.
            attention_bias: float tensor broadcastable to (B, H, T, T), added to the scores; -inf forbids.

        Returns:
            Tensor (B, T, d_model).

        Raises:
            ValueError: shapes disagree, or a mask or bias does not fit.
        """
        options = {"attention_mask": attention_mask, "attention_bias": attention_bias, "training": training}

        def attend(x: Any) -> Any:
            return self.attention(x, x, use_causal_mask=use_causal_mask, **options)

        x = self.residual(inputs, self.attention_norm, attend, training)
        return self.residual(x, self.feed_forward_norm, self.feed_forward, training)

    def step(self, inputs: Any, cache: AttentionCache) -> Any:
        """Return what a causal call returns for the newest tokens, (B, T, d_model), given the cache of earlier ones."""

        def attend(x: Any) -> Any:
            return cache.attend(self.attention, x)

        x = self.residual(inputs, self.attention_norm, attend, training=False)
        return self.residual(x, self.feed_forward_norm, self.feed_forward, training=False)


@keras.saving.register_keras_serializable(package="executable-transformer")
class DecoderLayer(ResidualLayer):
    """Let the tokens written so far exchange what they hold, attend to the source, then work on what they received.

    The right half of figure 1 of Vaswani et al. (2017), arXiv:1706.03762. Its options are those of `ResidualLayer`.

    Example:
        >>> DecoderLayer(num_heads=2, intermediate_dim=8).compute_output_shape((2, 3, 4), (2, 5, 4))
        (2, 3, 4)
    """

    def build(self, inputs_shape: Any, memory_shape: Any) -> None:
        """Create self-attention, attention to memory, the feed-forward network and a normalisation for each.

        Args:
            inputs_shape: (B, T, d_model); sizes of batch and length may be None.
            memory_shape: (B, S, width).
        """
        _check_inputs("inputs", inputs_shape)
        _check_inputs("memory", memory_shape)
        self.attention = self._make_attention("attention", inputs_shape, inputs_shape)
        self.attention_norm = self._make_norm("attention_norm", inputs_shape)
        self.memory_attention = self._make_attention("memory_attention", inputs_shape, memory_shape)
        self.memory_norm = self._make_norm("memory_norm", inputs_shape)
        self.feed_forward = self._make_feed_forward(inputs_shape)
        self.feed_forward_norm = self._make_norm("feed_forward_norm", inputs_shape)

    def call(
        self,
        inputs: Any,
        memory: Any,
        attention_mask: Any = None,
        memory_mask: Any = None,
        use_causal_mask: bool = True,
        training: bool | None = None,
        attention_bias: Any = None,
        memory_bias: Any = None,
    ) -> Any:
        """Return what each token becomes.

        In both masks True, or 1 of any type, says *may attend*, False or 0 not; other numbers as in
        `MultiHeadAttention`.

        Args:
            inputs: float tensor (B, T, d_model), the tokens written so far.
            memory: float tensor (B, S, width), what the encoder made of the source.
            attention_mask: broadcastable to (B, T, T), or with four axes to (B, H, T, T); where a token may attend to
                another.
            memory_mask: (B, S), broadcastable to (B, T, S), or with four axes to (B, H, T, S); where a token may attend
                to the source. When omitted, the mask (B, S) that Keras carries with `memory`, if any.
            use_causal_mask: also hide from each token those after it.
            training: whether to drop.
            attention_bias: float tensor broadcastable to (B, H, T, T), added to the scores; -inf forbids.
            memory_bias: likewise to (B, H, T, S), added to the scores of the source.

        Returns:
            Tensor (B, T, d_model).

        Raises:
            ValueError: shapes disagree, or a mask or bias does not fit.
        """
        if memory_mask is not None and len(memory_mask.shape) == 2:
            memory_mask = ops.expand_dims(memory_mask, 1)  # (B, S) -> (B, 1, S)
        options = {"attention_mask": attention_mask, "attention_bias": attention_bias, "training": training}
        of_memory = {"attention_mask": memory_mask, "attention_bias": memory_bias, "training": training}

        def attend(x: Any) -> Any:
            return self.attention(x, x, use_causal_mask=use_causal_mask, **options)

        def attend_to_memory(x: Any) -> Any:
            return self.memory_attention(x, memory, **of_memory)

        x = self.residual(inputs, self.attention_norm, attend, training)
        x = self.residual(x, self.memory_norm, attend_to_memory, training)
        return self.residual(x, self.feed_forward_norm, self.feed_forward, training)

    def step(self, inputs: Any, cache: AttentionCache, memory: MemoryCache) -> Any:
        """Return what a causal call returns for the newest tokens, (B, T, d_model).

        Args:
            inputs: float tensor (B, T, d_model), those after the tokens that the cache holds.
            cache: of the self-attention.
            memory: the source, with its mask.
        """

        def attend(x: Any) -> Any:
            return cache.attend(self.attention, x)

        def attend_to_memory(x: Any) -> Any:
            return memory.attend(self.memory_attention, x)

        x = self.residual(inputs, self.attention_norm, attend, training=False)
        x = self.residual(x, self.memory_norm, attend_to_memory, training=False)
        return self.residual(x, self.feed_forward_norm, self.feed_forward, training=False)


def _check_inputs(name: str, shape: Any) -> None:
    """Raise ValueError unless a layer gets tokens as vectors of a known width."""
    if len(shape) != 3 or shape[-1] is None:
        raise ValueError(
            f"expected {name} of shape (batch, length, d_model) with a known d_model; received shape {tuple(shape)}"
        )


def _activation_called(name: str) -> Callable[[Any], Any]:
    """Return the activation of that name; "gelu" is exact, as Keras, PyTorch and BERT have it."""
    if name == "gelu_tanh":
        return functools.partial(keras.activations.gelu, approximate=True)
    try:
        return keras.activations.get(name)
    except ValueError:
        raise ValueError(
            f'expected activation to be the name of a Keras activation, such as "relu" or "gelu", or "gelu_tanh"; '
            f"received {name!r}"
        ) from None
