"""Multi-head attention as a Keras layer, written to be read.

Source: Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762, section 3.2.2. Letters in shapes and
equations: B batch, T queries, S keys, H heads of query, G heads of key and value, M width of an input, K key_dim,
V value_dim. A mask says *may attend* where it is True.
"""

import functools
from collections.abc import Iterable
from typing import Any

import keras
from keras import ops

from utils.attention import allowed_pairs, attention_weights, repeat_heads, zero_hidden
from utils.checks import boolean_mask, broadcasts, positive_integer, rate, sizes_agree


@keras.saving.register_keras_serializable(package="executable-transformer")
class MultiHeadAttention(keras.Layer):
    """Let several heads attend, each through projections of its own, and add up what they find.

    Section 3.2.2 of Vaswani et al. (2017), arXiv:1706.03762: Concat(head_1, ..., head_H) W^O. Call, masks and weights
    are those of `keras.layers.MultiHeadAttention`. A query that may attend to nothing gets weights of zero and, as
    output, the bias alone (Keras mixes all values evenly there, unless it is asked for weights).

    Args:
        num_heads: H, the number of heads of query.
        key_dim: width of a query and of a key in one head.
        value_dim: width of a value in one head; key_dim when omitted.
        dropout: share of the weights that training drops.
        use_bias: whether the four projections add a bias.
        output_shape: width, or shape, of an output row; the width of query when omitted.
        num_kv_heads: G, a divisor of H, when consecutive heads of query share a head of key and value
            (grouped-query attention, arXiv:2305.13245); H when omitted.
        **kwargs: name, dtype, trainable and autocast of `keras.Layer`.

    Raises:
        ValueError: a size is not a positive integer, an argument is Keras's but not ours, or shapes disagree.

    Example:
        >>> import numpy as np
        >>> layer = MultiHeadAttention(num_heads=2, key_dim=3)
        >>> tuple(layer(np.ones((1, 5, 8)), np.ones((1, 7, 8))).shape)
        (1, 5, 8)
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | tuple[int, ...] | None = None,
        *,
        num_kv_heads: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**_base_arguments(kwargs))
        self.num_heads = positive_integer("num_heads", num_heads)
        self.key_dim = positive_integer("key_dim", key_dim)
        self.value_dim = positive_integer("value_dim", key_dim if value_dim is None else value_dim)
        self.num_kv_heads = _divisor("num_kv_heads", num_heads if num_kv_heads is None else num_kv_heads, num_heads)
        self.dropout, self.use_bias = rate("dropout", dropout), use_bias
        self._output_shape = _output_axes(output_shape)
        self.supports_masking = True  # the mask of query becomes the mask of the output

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:
        """Create three projections into heads and the one, W^O, that brings all heads together.

        Args:
            query_shape: (B, T, M); sizes of batch and length may be None here and below.
            value_shape: (B, S, M), of another width if need be.
            key_shape: likewise; that of value when omitted.
        """
        key_shape = value_shape if key_shape is None else key_shape
        _check_shapes(query_shape, value_shape, key_shape)
        self._widths = query_shape[-1], value_shape[-1], key_shape[-1]
        heads, groups = self.num_heads, self.num_kv_heads
        self.query_dense = self._project("query", "btm,mhk->bthk", query_shape, (heads, self.key_dim))
        self.key_dense = self._project("key", "bsm,mgk->bsgk", key_shape, (groups, self.key_dim))
        self.value_dense = self._project("value", "bsm,mgv->bsgv", value_shape, (groups, self.value_dim))
        row = self._output_shape or query_shape[-1:]
        axes = "mnopqruwxyz"[: len(row)]  # "m", unless an output row has a shape of its own
        mixed_shape = (None, heads, None, self.value_dim)
        self.output_dense = self._project("attention_output", f"bhtv,hv{axes}->bt{axes}", mixed_shape, row)
        self._dropout_layer = keras.layers.Dropout(self.dropout, dtype=self.dtype_policy)

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
        attention_bias: Any = None,
    ) -> Any:
        """Let each query attend to the keys, and return the mixture of values that it finds.

        In every mask True, or 1 of any type, says *may attend*; other numbers are refused, and so are floating-point
        types while a function is traced, as in `utils.attention.scaled_dot_product_attention`. A query attends to a
        key where all masks allow it.

        Args:
            query: float tensor (B, T, M).
            value: float tensor (B, S, M), of another width if need be.
            key: likewise; value when omitted.
            query_mask: (B, T), False where a query is to attend to nothing. Keras passes the mask of `query`, if any.
            value_mask: (B, S), False where nothing is to attend to a value. Keras passes that of `value`, if any.
            key_mask: (B, S), likewise for a key.
            attention_mask: broadcastable to (B, T, S), for all heads alike, or with four axes to (B, H, T, S).
            return_attention_scores: also return the weights.
            training: whether to drop weights.
            use_causal_mask: hide from the query at place t the keys at places after t.
            attention_bias: float tensor broadcastable to (B, H, T, S), added to the scores, for instance what
                `utils.positions.alibi_bias` returns; -inf forbids. Keras casts it to the layer's compute type.

        Returns:
            The output, (B, T, M) or (B, T, *output_shape), or (output, weights) with weights (B, H, T, S) as they were
            before dropout.

        Raises:
            ValueError: shapes disagree, widths are not those of `build`, or a mask or bias does not fit.
        """
        key = value if key is None else key
        _check_shapes(query.shape, value.shape, key.shape, self._widths)
        mask = self._merge_masks(query, key, query_mask, value_mask, key_mask, attention_mask)
        if mask is not None:  # what is hidden must not reach the projections: 0 · NaN in a gradient would be NaN
            pairs = ops.any(mask, axis=1) if len(mask.shape) == 4 else mask
            query, key = zero_hidden(query, pairs, axis=-1), zero_hidden(key, pairs, axis=-2)
            value = zero_hidden(value, pairs, axis=-2)
        # Each projection gives (B, T, heads, size); attention wants heads before tokens.
        query = ops.swapaxes(self.query_dense(query), 1, 2)  # (B, H, T, K)
        key = repeat_heads(ops.swapaxes(self.key_dense(key), 1, 2), query)  # (B, G, S, K) -> (B, H, S, K)
        value = repeat_heads(ops.swapaxes(self.value_dense(value), 1, 2), query)  # (B, H, S, V)
        allowed = allowed_pairs(query, key, mask, attention_bias, use_causal_mask)
        weights = attention_weights(query, key, allowed, attention_bias=attention_bias)  # (B, H, T, S)
        kept = self._dropout_layer(weights, training=training) if self.dropout else weights
        heads = kept @ zero_hidden(value, allowed, axis=-2)  # (B, H, T, V)
        output = self.output_dense(heads)  # (B, T, M)
        return (output, weights) if return_attention_scores else output

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        names = ("num_heads", "key_dim", "value_dim", "dropout", "use_bias", "num_kv_heads")
        own = {name: getattr(self, name) for name in names}
        return super().get_config() | own | {"output_shape": self._output_shape}

    def compute_output_shape(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> tuple:
        """Return the shape of the output, (B, T, ...), for the shapes of query, value and key.

        Raises:
            ValueError: the shapes disagree.
        """
        _check_shapes(query_shape, value_shape, value_shape if key_shape is None else key_shape)
        return (*query_shape[:-1], *(self._output_shape or query_shape[-1:]))

    def compute_output_spec(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        **options: Any,
    ) -> Any:
        """Return placeholders for what `call` returns, while a functional model is built."""
        key = value if key is None else key
        self._merge_masks(query, key, query_mask, value_mask, key_mask, attention_mask)  # refuses what cannot be meant
        shape = self.compute_output_shape(query.shape, value.shape, key.shape)
        output = keras.KerasTensor(shape, dtype=self.compute_dtype)
        weights = keras.KerasTensor(
            (query.shape[0], self.num_heads, query.shape[1], value.shape[1]), dtype=self.compute_dtype
        )
        return (output, weights) if return_attention_scores else output

    def _project(self, name: str, equation: str, input_shape: Any, sizes: tuple) -> keras.layers.EinsumDense:
        """Make a linear map to (B, T, *sizes), its weights named and laid out as in Keras's layer."""
        dense = keras.layers.EinsumDense(
            equation,
            output_shape=(None, *sizes),
            bias_axes=equation[-len(sizes) :] if self.use_bias else None,
            name=name,
            dtype=self.dtype_policy,
        )
        dense.supports_masking = True  # attention itself applies the masks of its inputs
        dense.build(input_shape)
        return dense

    def _merge_masks(
        self, query: Any, key: Any, query_mask: Any, value_mask: Any, key_mask: Any, attention_mask: Any
    ) -> Any:
        """Return where every mask allows attention, broadcastable to (B, H, T, S); None where none is given."""
        batch, num_queries, num_keys = query.shape[0], query.shape[1], key.shape[1]
        masks = []
        for name, mask, length, new_axes in (
            ("query_mask", query_mask, num_queries, (1, 3)),
            ("value_mask", value_mask, num_keys, (1, 2)),
            ("key_mask", key_mask, num_keys, (1, 2)),
        ):
            if mask is not None:
                mask = boolean_mask(name, mask)
                _check_mask_fits(name, tuple(mask.shape), (batch, length), least_axes=2)
                masks.append(ops.expand_dims(mask, new_axes))  # (B, 1, T, 1) or (B, 1, 1, S)
        if attention_mask is not None:
            mask, scores = boolean_mask("attention_mask", attention_mask), (batch, num_queries, num_keys)
            per_head = len(mask.shape) != 3
            scores = (batch, self.num_heads, num_queries, num_keys) if per_head else scores
            _check_mask_fits("attention_mask", tuple(mask.shape), scores)
            masks.append(mask if per_head else ops.expand_dims(mask, 1))  # (B, H, T, S) or (B, 1, T, S)
        merged = functools.reduce(ops.logical_and, masks) if masks else None
        return merged if merged is None or len(merged.shape) > 1 else ops.reshape(merged, (1, -1))


_BASE_ARGUMENTS = ("name", "dtype", "trainable", "autocast")  # of keras.Layer, passed on
_SET_WEIGHTS = "Build the layer, then give it values with set_weights."
_ADD_TO_LOSS = "Add the penalty to the loss in the training step instead."
_CONSTRAIN = "Project the weights after each training step instead."
_INSTEAD = {
    "attention_axes": "Attention runs over axis 1 alone: reshape the inputs to (B, T, d_model) first.",
    "sliding_window": "Pass a banded attention_mask of shape (T, S) in the call instead.",
    "flash_attention": "This layer shows every step: for a fused kernel use keras.layers.MultiHeadAttention.",
    "kernel_initializer": _SET_WEIGHTS,
    "bias_initializer": _SET_WEIGHTS,
    "kernel_regularizer": _ADD_TO_LOSS,
    "bias_regularizer": _ADD_TO_LOSS,
    "activity_regularizer": _ADD_TO_LOSS,
    "kernel_constraint": _CONSTRAIN,
    "bias_constraint": _CONSTRAIN,
    "use_gate": "Gates are not part of this layer: use keras.layers.MultiHeadAttention.",
    "seed": "Seed all random numbers with keras.utils.set_random_seed instead.",
}


def _base_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that keras.Layer takes, refusing any other by name with what to use instead."""
    for name in arguments:
        if name not in _BASE_ARGUMENTS:
            remedy = _INSTEAD.get(name, "See help(MultiHeadAttention) for those it has.")
            raise ValueError(f"expected only arguments that this layer has; received `{name}`. {remedy}")
    return arguments


def _divisor(name: str, value: Any, num_heads: int) -> int:
    """Return value as a plain int that divides the number of heads of query."""
    number = positive_integer(name, value)
    if num_heads % number:
        raise ValueError(
            f"expected argument `{name}` to divide num_heads={num_heads}, so that each head of key and value serves as "
            f"many heads of query; received {number}"
        )
    return number


def _output_axes(value: Any) -> tuple[int, ...] | None:
    """Return the shape of an output row as a tuple; None stands for the width of query."""
    if value is None:
        return None
    try:
        axes = tuple(value) if isinstance(value, Iterable) else (value,)
        axes = tuple(positive_integer("output_shape", axis) for axis in axes)
    except ValueError:
        axes = ()
    if not axes:
        raise ValueError(f"Invalid `output_shape`: it must be a positive integer, or a tuple of them; got {value!r}")
    return axes


def _check_shapes(query: Any, value: Any, key: Any, widths: tuple = (None, None, None)) -> None:
    """Raise ValueError unless (B, T, M), (B, S, M) and (B, S, M) fit each other and the widths the layer was built for.

    A size of None, not known yet, fits all.
    """
    query, value, key = tuple(query), tuple(value), tuple(key)
    if not sizes_agree(value[1:-1], key[1:-1]):
        raise ValueError(
            "expected one value for each key: the axes of value and key between batch and width must be equal; "
            f"received value of shape {value} and key of shape {key}"
        )
    for name, shape, width in zip(("query", "value", "key"), (query, value, key), widths, strict=True):
        if len(shape) != 3:
            raise ValueError(
                f"expected {name} to have three axes, (batch, length, width); received shape {shape}. "
                "Bring it to three with keras.ops.reshape first."
            )
        if not sizes_agree(shape[:1], query[:1]):
            raise ValueError(
                f"expected {name} to have a batch of {query[0]}, as query has; received shape {shape}. "
                "Repeat the smaller one with keras.ops.repeat."
            )
        if not sizes_agree(shape[-1:], (width,)):
            raise ValueError(
                f"expected {name} to be {width} wide (last axis), as when the layer was built; received shape {shape}. "
                "Make another layer for another width."
            )


def _check_mask_fits(name: str, mask: tuple, expected: tuple, least_axes: int = 0) -> None:
    """Raise ValueError unless a mask of that shape broadcasts to the expected one."""
    if len(mask) < least_axes or not broadcasts(mask, expected):
        raise ValueError(
            f"expected {name} to broadcast to shape {expected}, True or 1 where attention is allowed; "
            f"received shape {mask}"
        )
