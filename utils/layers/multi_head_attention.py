"""Multi-head attention as a Keras layer, written to be read.

Source: Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762, section 3.2.2. Letters in shapes and
equations: B batch, T queries, S keys, H heads of query, G heads of key and value, d_model width of an input, d_k
key_dim, d_v value_dim. A mask says *may attend* where it is True.
"""

from typing import Any

import keras
from keras import ops

from utils.attention import allowed_pairs, attention_weights, repeat_heads, zero_hidden
from utils.checks import positive_integer, rate
from utils.layers.attention_layer import AttentionLayer, base_arguments, check_shapes, divisor, output_axes


@keras.saving.register_keras_serializable(package="executable-transformer")
class MultiHeadAttention(AttentionLayer):
    """Let several heads attend, each through projections of its own; add up what they find.

    Section 3.2.2 of Vaswani et al. (2017), arXiv:1706.03762: Concat(head_1, ..., head_H) W^O.
    Call, masks and weights are those of `keras.layers.MultiHeadAttention`, but for `query_mask`,
    which Keras takes from the query alone, and for other masks beside one of four axes, whose
    texts Keras takes for heads. Where the masks together leave a query no key, in all heads or in
    one, such a head gets weights of zero and adds nothing to the output; if no head has a key, the
    bias alone is left. (In Keras, in float32, such a head mixes all values evenly, unless the layer
    has dropout or is asked for weights.)

    Args:
        num_heads: H, the number of heads of query.
        key_dim: d_k, width of a query and of a key in one head.
        value_dim: d_v, width of a value in one head; key_dim when omitted.
        dropout: share of the weights that training drops.
        use_bias: whether the four projections add a bias.
        output_shape: width, or shape, of an output row; the width of query when omitted.
        num_kv_heads: G, a divisor of H, when consecutive heads of query share a head of key
            and value (grouped-query attention, arXiv:2305.13245); H when omitted.
        **kwargs: name, dtype, trainable and autocast of `keras.Layer`.

    Raises:
        ValueError: a size is not a positive integer, shapes disagree, or an argument is
            Keras's but not ours.

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
        super().__init__(**base_arguments(kwargs))
        self.num_heads = positive_integer("num_heads", num_heads)
        self.key_dim = positive_integer("key_dim", key_dim)
        value_dim = key_dim if value_dim is None else value_dim
        self.value_dim = positive_integer("value_dim", value_dim)
        num_kv_heads = num_heads if num_kv_heads is None else num_kv_heads
        self.num_kv_heads = divisor("num_kv_heads", num_kv_heads, num_heads)
        self.dropout, self.use_bias = rate("dropout", dropout), use_bias
        self._output_shape = output_axes(output_shape)
        self.supports_masking = True  # the mask of query becomes that of the output

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:
        """Create three projections into heads and the one, W^O, that brings all heads together.

        Args:
            query_shape: (B, T, d_model); sizes of batch and length may be None here and below.
            value_shape: (B, S, d_model), of another width if need be.
            key_shape: likewise; that of value when omitted.
        """
        key_shape = value_shape if key_shape is None else key_shape
        check_shapes(query_shape, value_shape, key_shape)
        self._widths = query_shape[-1], value_shape[-1], key_shape[-1]
        query_sizes = self.num_heads, self.key_dim
        key_sizes = self.num_kv_heads, self.key_dim
        value_sizes = self.num_kv_heads, self.value_dim
        self.query_dense = self.project("query", "btm,mhk->bthk", query_shape, query_sizes)
        self.key_dense = self.project("key", "bsm,mgk->bsgk", key_shape, key_sizes)
        self.value_dense = self.project("value", "bsm,mgv->bsgv", value_shape, value_sizes)
        row = self._output_shape or query_shape[-1:]
        axes = "mnopqruwxyz"[: len(row)]  # "m", unless an output row has a shape of its own
        equation = f"bhtv,hv{axes}->bt{axes}"
        heads_shape = (None, self.num_heads, None, self.value_dim)
        self.output_dense = self.project("attention_output", equation, heads_shape, row)
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

        In every mask True, or 1, says *may attend*, False or 0 not; for other numbers see
        `utils.attention.scaled_dot_product_attention`. A query attends to a key where all
        masks allow it.

        Args:
            query: float tensor (B, T, d_model).
            value: float tensor (B, S, d_model), of another width if need be.
            key: likewise; value when omitted.
            query_mask: (B, T), False where a query is to attend to nothing. Keras passes the
                mask of `query`, if any; and of `value` and `key` in the next two.
            value_mask: (B, S), False where nothing is to attend to a value.
            key_mask: (B, S), likewise for a key.
            attention_mask: broadcastable to (B, T, S), for all heads alike, or with four axes
                to (B, H, T, S).
            return_attention_scores: also return the weights.
            training: whether to drop weights.
            use_causal_mask: hide from the query at place t the keys at places after t.
            attention_bias: float tensor broadcastable to (B, H, T, S), added to the scores,
                for instance what `utils.positions.alibi_bias` returns; -inf forbids. Keras
                casts it to the layer's compute type.

        Returns:
            The output, (B, T, d_model) or (B, T, *output_shape), or (output, weights) with weights
            (B, H, T, S) as they were before dropout.

        Raises:
            ValueError: shapes disagree, widths are not those of `build`, or a mask or bias
                does not fit.
        """
        key = value if key is None else key
        check_shapes(query.shape, value.shape, key.shape, self._widths)
        mask = self.merge_masks(query, key, query_mask, value_mask, key_mask, attention_mask)
        if mask is not None:  # set what is hidden to 0: a weight of 0 times NaN would be NaN
            pairs = ops.any(mask, axis=1) if len(mask.shape) == 4 else mask
            query, key = zero_hidden(query, pairs, axis=-1), zero_hidden(key, pairs, axis=-2)
            value = zero_hidden(value, pairs, axis=-2)
        # Each projection gives (B, T, H, d_k); attention wants heads before tokens.
        query = ops.swapaxes(self.query_dense(query), 1, 2)  # (B, H, T, d_k)
        key = ops.swapaxes(self.key_dense(key), 1, 2)  # (B, G, S, d_k)
        value = ops.swapaxes(self.value_dense(value), 1, 2)  # (B, G, S, d_v)
        key, value = repeat_heads(key, query), repeat_heads(value, query)  # (B, H, S, ...)
        allowed = allowed_pairs(query, key, mask, attention_bias, use_causal_mask)
        weights = attention_weights(query, key, allowed, attention_bias=attention_bias)
        kept = self._dropout_layer(weights, training=training) if self.dropout else weights
        heads = kept @ zero_hidden(value, allowed, axis=-2)  # (B, H, T, d_v)
        output = self.output_dense(heads)  # (B, T, d_model)
        return (output, weights) if return_attention_scores else output
