"""Keys and values kept from token to token, so that writing a text projects each of its tokens once.

A decoder writes one token at a time. The keys and values of earlier tokens never change, for none may look ahead; to
keep them saves projecting them again at each step. Letters in shapes: B batch, H heads, T new tokens, S slots.
"""

from typing import Any

from keras import ops

from utils.attention import causal_mask, scaled_dot_product_attention
from utils.checks import positive_integer
from utils.layers.multi_head_attention import MultiHeadAttention
from utils.masks import boolean_mask


class AttentionCache:
    """Keys and values of the tokens that one self-attention has read, in a fixed number of slots.

    All shapes stay the same from step to step, so that a compiling backend compiles one step alone. Slots that are
    still empty are masked. Nothing is dropped from the weights: a cache serves writing, not training.

    Args:
        slots: S, the longest sequence that it can hold.
    """

    def __init__(self, slots: int):
        self.slots, self.length = positive_integer("slots", slots), 0
        self.key = self.value = None  # (B, G, S, size) after the first tokens

    def attend(self, attention: MultiHeadAttention, tokens: Any) -> Any:
        """Let new tokens attend to all before them and to themselves, and remember them.

        Args:
            attention: the built layer whose projections are used, the same at each call.
            tokens: float tensor (B, T, d_model), those after the `length` tokens that the cache holds.

        Returns:
            Tensor (B, T, d_model): what a causal call on the whole sequence returns for these tokens.

        Raises:
            ValueError: there are more tokens than free slots.
        """
        start, count = self.length, tokens.shape[1]
        if start + count > self.slots:
            raise ValueError(
                f"expected at most {self.slots - start} more tokens, as the cache has {self.slots} slots and holds "
                f"{start}; received {count}. Make it with more slots."
            )
        self.key = _store_rows(self.key, attention.key_dense(tokens), start, self.slots)
        self.value = _store_rows(self.value, attention.value_dense(tokens), start, self.slots)
        self.length = start + count
        return _attend_to_rows(attention, tokens, self.key, self.value, causal_mask(count, self.slots, offset=start))

    def follow(self, rows: Any) -> None:
        """Let each row go on from what another has read: row i from what row `rows[i]` has, integers (B,)."""
        if self.key is not None:
            rows = ops.convert_to_tensor(rows, "int32")
            self.key, self.value = ops.take(self.key, rows, axis=0), ops.take(self.value, rows, axis=0)


class MemoryCache:
    """Keys and values of what the encoder made of a source, projected once for all steps of the decoder.

    Args:
        memory: float tensor (B, S, width).
        memory_mask: (B, S) or broadcastable to (B, T, S), True or 1 where a token of the source may be attended to.

    Raises:
        ValueError: memory_mask holds other numbers than 0 and 1.
    """

    def __init__(self, memory: Any, memory_mask: Any = None):
        self.memory, self.key = memory, None
        self.mask = None
        if memory_mask is not None:
            mask = boolean_mask("memory_mask", memory_mask)
            self.mask = ops.expand_dims(mask, 1 if len(mask.shape) == 3 else (1, 2))  # (B, 1, T or 1, S)

    def attend(self, attention: MultiHeadAttention, tokens: Any) -> Any:
        """Return what tokens (B, T, d_model) find in the memory, (B, T, d_model), with the built layer `attention`."""
        if self.key is None:
            self.key = ops.swapaxes(attention.key_dense(self.memory), 1, 2)  # (B, G, S, key_dim)
            self.value = ops.swapaxes(attention.value_dense(self.memory), 1, 2)  # (B, G, S, value_dim)
        return _attend_to_rows(attention, tokens, self.key, self.value, self.mask)


def _attend_to_rows(attention: MultiHeadAttention, tokens: Any, key: Any, value: Any, mask: Any) -> Any:
    """Attend with projected keys and values: the second half of `MultiHeadAttention.call`."""
    query = ops.swapaxes(attention.query_dense(tokens), 1, 2)  # (B, H, T, key_dim)
    heads, _ = scaled_dot_product_attention(query, key, value, mask)  # (B, H, T, value_dim)
    return attention.output_dense(heads)


def _store_rows(stored: Any, projected: Any, start: int, slots: int) -> Any:
    """Put projected tokens (B, T, G, size) into slots start to start + T - 1 of what is stored, (B, G, S, size)."""
    rows = ops.swapaxes(projected, 1, 2)  # (B, G, T, size)
    if stored is None:
        return ops.pad(rows, ((0, 0), (0, 0), (0, slots - rows.shape[2]), (0, 0)))
    return ops.slice_update(stored, (0, 0, start, 0), rows)
