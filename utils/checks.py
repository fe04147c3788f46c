"""What the layers refuse, and how they say so: the argument, what was expected, what came, what to do."""

import math
import operator
from collections.abc import Iterable
from typing import Any

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


def positive_integer(name: str, value: Any) -> int:
    """Return value as a plain int, refusing what is not an integer of at least 1."""
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise ValueError(f"expected argument `{name}` to be an integer of at least 1; received {value!r}")
    return number


def divisor(name: str, value: Any, whole: int) -> int:
    """Return value as a plain int that divides whole, the number of heads of query."""
    number = positive_integer(name, value)
    if whole % number:
        raise ValueError(
            f"expected argument `{name}` to divide num_heads={whole}, so that each head of key and value serves as "
            f"many heads of query; received {number}"
        )
    return number


def dropout_rate(value: Any, name: str = "dropout") -> float:
    """Return value, refusing what is not a share of the weights."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"expected argument `{name}` to be a number from 0 to 1; received {value!r}")
    return value


def positive_number(name: str, value: Any) -> float:
    """Return value as a plain float, refusing what is not positive and finite."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"expected argument `{name}` to be positive and finite; received {value!r}")
    return float(value)


def head_size(d_model: int, num_heads: int) -> int:
    """Return the width of one head, refusing a width that the heads cannot share evenly."""
    if d_model % num_heads:
        raise ValueError(
            f"expected d_model to be a multiple of num_heads={num_heads}, so that all heads are equally wide; "
            f"received d_model={d_model}. The nearest that fits is {max(1, round(d_model / num_heads)) * num_heads}."
        )
    return d_model // num_heads


def check_layer_inputs(name: str, shape: Any) -> None:
    """Raise ValueError unless a layer gets tokens as vectors of a known width."""
    if len(shape) != 3 or shape[-1] is None:
        raise ValueError(
            f"expected {name} of shape (batch, length, d_model) with a known d_model; received shape {tuple(shape)}"
        )


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
        raise ValueError(
            f"Invalid `output_shape`: expected an integer of at least 1, or a tuple of them; received {value!r}"
        )
    return axes


def check_shapes(query: Any, value: Any, key: Any, widths: tuple = (None, None, None)) -> None:
    """Raise ValueError unless the inputs fit each other and the widths that the layer was built for.

    Args:
        query: shape, expected to be (B, T, width); a size of None, not known yet, fits all.
        value: shape, expected to be (B, S, width).
        key: shape, expected to be (B, S, width).
        widths: last axes of query, value and key when the layer was built.
    """
    query, value, key = tuple(query), tuple(value), tuple(key)
    if not _fits(value[1:-1], key[1:-1]):
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
        if not _fits(shape[:1], query[:1]):
            raise ValueError(
                f"expected {name} to have a batch of {query[0]}, as query has; received shape {shape}. "
                "Repeat the smaller one with keras.ops.repeat."
            )
        if not _fits(shape[-1:], (width,)):
            raise ValueError(
                f"expected {name} to be {width} wide (last axis), as when the layer was built; received shape {shape}. "
                "Make another layer for another width."
            )


def check_mask_fits(name: str, mask: tuple, expected: tuple, least_axes: int = 0) -> None:
    """Raise ValueError unless a mask of that shape broadcasts to the expected one."""
    pairs = zip(reversed(mask), reversed(expected), strict=False)
    fits = all(have in (1, want, None) or want is None for have, want in pairs)
    if not least_axes <= len(mask) <= len(expected) or not fits:
        raise ValueError(
            f"expected {name} to broadcast to shape {expected}, True or 1 where attention is allowed; "
            f"received shape {mask}"
        )


def _fits(one: tuple, other: tuple) -> bool:
    """Return whether two shapes agree as far as they are known."""
    return len(one) == len(other) and all(None in pair or pair[0] == pair[1] for pair in zip(one, other, strict=True))
