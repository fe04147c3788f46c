"""What Keras asks of an attention layer besides attending: saving, shapes, placeholders, masks, refusals that say why.

`utils.layers.multi_head_attention` holds the attention itself. Letters in shapes are those of that module.
"""

import functools
from collections.abc import Iterable
from typing import Any

import keras
from keras import ops

from utils.checks import broadcasts, positive_integer, sizes_agree
from utils.masks import boolean_mask


class AttentionLayer(keras.Layer):
    """The base of `MultiHeadAttention`: the masks that are passed to it, and all that says nothing about attention."""

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
        check_shapes(query_shape, value_shape, value_shape if key_shape is None else key_shape)
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
        self.merge_masks(query, key, query_mask, value_mask, key_mask, attention_mask)  # refuses what cannot be meant
        shape = self.compute_output_shape(query.shape, value.shape, key.shape)
        output = keras.KerasTensor(shape, dtype=self.compute_dtype)
        weights = keras.KerasTensor(
            (query.shape[0], self.num_heads, query.shape[1], value.shape[1]), dtype=self.compute_dtype
        )
        return (output, weights) if return_attention_scores else output

    def project(self, name: str, equation: str, input_shape: Any, sizes: tuple) -> keras.layers.EinsumDense:
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

    def merge_masks(
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


def base_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that keras.Layer takes, refusing any other by name with what to use instead."""
    for name in arguments:
        if name not in _BASE_ARGUMENTS:
            remedy = _INSTEAD.get(name, "See help(MultiHeadAttention) for those it has.")
            raise ValueError(f"expected only arguments that this layer has; received `{name}`. {remedy}")
    return arguments


def divisor(name: str, value: Any, num_heads: int) -> int:
    """Return value as a plain int that divides the number of heads of query."""
    number = positive_integer(name, value)
    if num_heads % number:
        raise ValueError(
            f"expected argument `{name}` to divide num_heads={num_heads}, so that each head of key and value serves as "
            f"many heads of query; received {number}"
        )
    return number


def output_axes(value: Any) -> tuple[int, ...] | None:
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


def check_shapes(query: Any, value: Any, key: Any, widths: tuple = (None, None, None)) -> None:
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
