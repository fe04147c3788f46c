"""Layers of the Transformer, written to be read.

Source: Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762, sections 3.1 to 3.3.
Letters in shapes: B batch, T queries, S keys, H heads of query, G heads of key and value. A mask says *may attend*
where it is True.
"""

import functools
import string
from typing import Any

import keras
from keras import ops

from utils.attention import scaled_dot_product_attention
from utils.checks import (
    base_arguments,
    check_mask_fits,
    check_shapes,
    divisor,
    dropout_rate,
    output_axes,
    positive_integer,
)
from utils.layers.spec import AttentionSpec


@keras.saving.register_keras_serializable(package="executable-transformer")
class MultiHeadAttention(AttentionSpec):
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
        ValueError: a size is no positive integer, an argument is Keras's but not ours, or shapes disagree.
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
        super().__init__(**base_arguments(kwargs))
        self.num_heads = positive_integer("num_heads", num_heads)
        self.key_dim = positive_integer("key_dim", key_dim)
        self.value_dim = positive_integer("value_dim", key_dim if value_dim is None else value_dim)
        self.num_kv_heads = divisor("num_kv_heads", num_heads if num_kv_heads is None else num_kv_heads, num_heads)
        self.dropout, self.use_bias, self._output_shape = dropout_rate(dropout), use_bias, output_axes(output_shape)
        self.supports_masking = True  # the mask of query becomes the mask of the output

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:
        """Create three projections into heads and the one, W^O, that brings all heads together."""
        key_shape = value_shape if key_shape is None else key_shape
        check_shapes(query_shape, value_shape, key_shape)
        self._widths = query_shape[-1], value_shape[-1], key_shape[-1]
        project = functools.partial(_projection, self)
        heads, groups = self.num_heads, self.num_kv_heads
        self.query_dense = project("query", "btm,m", query_shape, (heads, self.key_dim))
        self.key_dense = project("key", "btm,m", key_shape, (groups, self.key_dim))
        self.value_dense = project("value", "btm,m", value_shape, (groups, self.value_dim))
        mixed, row = (None, heads, None, self.value_dim), self._output_shape or query_shape[-1:]
        self.output_dense = project("attention_output", "bhtv,hv", mixed, row)
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
    ) -> Any:
        """Return the output (B, T, d_model), with the weights (B, H, T, S) if they are asked for."""
        key = value if key is None else key
        check_shapes(query.shape, value.shape, key.shape, self._widths)
        # Each projection gives (B, T, heads, size); attention wants heads before tokens.
        query = ops.swapaxes(self.query_dense(query), 1, 2)  # (B, H, T, key_dim)
        key = ops.swapaxes(self.key_dense(key), 1, 2)  # (B, G, S, key_dim)
        value = ops.swapaxes(self.value_dense(value), 1, 2)  # (B, G, S, value_dim)
        given = query_mask, value_mask, key_mask, attention_mask
        mask = _merge_masks((*query.shape[:3], key.shape[2]), *given)
        heads, weights = scaled_dot_product_attention(
            query, key, value, mask, use_causal_mask=use_causal_mask
        )  # (B, H, T, value_dim), (B, H, T, S)
        if self.dropout and training:
            heads = _mix_values(self._dropout_layer(weights, training=True), value)
        output = self.output_dense(heads)  # (B, T, d_model)
        return (output, weights) if return_attention_scores else output


def _projection(layer: keras.Layer, name: str, taken: str, input_shape: Any, row: tuple) -> keras.layers.EinsumDense:
    """Make a linear map to rows of shape `row`, (B, T, *row), with names and layout of weights as in Keras's layer."""
    made = string.ascii_uppercase[: len(row)]
    dense = keras.layers.EinsumDense(
        f"{taken}{made}->bt{made}",
        output_shape=(None, *row),
        bias_axes=made if layer.use_bias else None,
        name=name,
        dtype=layer.dtype_policy,
    )
    dense.supports_masking = True  # attention itself applies the masks of its inputs
    dense.build(input_shape)
    return dense


def _merge_masks(scores: tuple, query_mask: Any, value_mask: Any, key_mask: Any, attention_mask: Any) -> Any:
    """Return where every mask allows attention, broadcastable to the scores (B, H, T, S); None where none is given."""
    batch, _, num_queries, num_keys = scores
    allowed = []
    for name, mask, length, new_axes in (
        ("query_mask", query_mask, num_queries, (1, 3)),
        ("value_mask", value_mask, num_keys, (1, 2)),
        ("key_mask", key_mask, num_keys, (1, 2)),
    ):
        if mask is not None:
            check_mask_fits(name, tuple(mask.shape), (batch, length), least_axes=2)
            allowed.append(ops.expand_dims(ops.cast(mask, "bool"), new_axes))  # (B, 1, T, 1) or (B, 1, 1, S)
    if attention_mask is not None:
        mask = ops.cast(attention_mask, "bool")
        per_head = len(mask.shape) != 3
        check_mask_fits("attention_mask", tuple(mask.shape), scores if per_head else (batch, num_queries, num_keys))
        allowed.append(mask if per_head else mask[:, None])  # (B, H, T, S) or (B, 1, T, S)
    return functools.reduce(ops.logical_and, allowed) if allowed else None


def _mix_values(weights: Any, value: Any) -> Any:
    """Return weights (B, H, T, S) times value (B, G, S, value_dim), each of whose heads serves H/G of the weights'."""
    return ops.matmul(weights, ops.repeat(value, weights.shape[1] // value.shape[1], axis=1))  # (B, H, T, value_dim)
