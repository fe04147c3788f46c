"""What positions refuse, and how they say so: the argument, what was expected, what came, what to do."""

import math
import operator
from typing import Any

import numpy as np
from keras import backend, ops

PAIRINGS = ("interleaved", "half")


def is_known(value: Any) -> bool:
    """Return whether a value is a plain number or array, which can be looked at, and not a tensor of the backend."""
    return not ops.is_tensor(value)


def count_of(name: str, value: Any, least: int = 1) -> int:
    """Return value as a plain int, refusing what is not an integer of at least `least`."""
    try:
        number = least - 1 if isinstance(value, bool) else operator.index(value)
    except (TypeError, AttributeError):  # the latter from TensorFlow's tensors
        number = least - 1
    if number < least:
        raise ValueError(f"expected argument `{name}` to be an integer of at least {least}; received {value!r}")
    return number


def even_width(name: str, value: Any) -> int:
    """Return value as a plain int, refusing an odd one: features turn in pairs."""
    number = count_of(name, value)
    if number % 2:
        raise ValueError(
            f"expected {name} to be even, since features turn in pairs; received {number}. "
            f"Use {number + 1}, or drop one feature from these positions."
        )
    return number


def known_or_tensor(name: str, value: Any) -> Any:
    """Return a number of tokens: a plain int of at least 0, or a tensor whose number only a compiled program knows."""
    if ops.is_tensor(value) and not len(value.shape) and backend.is_int_dtype(backend.standardize_dtype(value.dtype)):
        try:
            value = operator.index(value)
        except TypeError:
            return value
    return count_of(name, value, least=0)


def check_base(base: Any) -> float:
    """Return base, refusing what makes no frequencies."""
    if isinstance(base, bool) or not isinstance(base, int | float | np.floating) or not 0 < base < math.inf:
        raise ValueError(f"expected argument `base` to be positive and finite, such as 10000.0; received {base!r}")
    return float(base)


def check_pairing(pairing: Any) -> str:
    """Return the name of a pairing, refusing an unknown one."""
    if pairing not in PAIRINGS:
        raise ValueError(
            f'expected pairing to be "interleaved" (features 2i and 2i + 1) or "half" (i and i + width / 2); '
            f"received {pairing!r}"
        )
    return pairing


def check_tokens(shape: tuple, d_model: int) -> None:
    """Raise ValueError unless a shape is (B, T, d_model); a size of None, not known yet, fits."""
    if len(shape) != 3 or shape[-1] not in (d_model, None):
        raise ValueError(
            f"expected inputs of shape (batch, length, d_model={d_model}), to which positions are added; "
            f"received shape {shape}"
        )


def check_room(length: Any, offset: Any, max_length: int) -> None:
    """Raise ValueError unless positions offset to offset + length - 1 are in the table, as far as they are known."""
    if length is None or not (is_known(length) and is_known(offset)):
        return
    if offset + length > max_length:
        start = f", the first at position {offset}" if offset else ""
        raise ValueError(
            f"expected at most max_length={max_length} positions, for which a vector was learned; "
            f"received {length} tokens{start}. Cut the sequence, or make the layer with max_length={offset + length} "
            "and train it."
        )


def check_rows(shape: tuple, dtype: str) -> None:
    """Raise ValueError unless rows can be rotated: floats with tokens and an even number of features as last axes."""
    if not backend.is_float_dtype(dtype):
        raise ValueError(f"expected rows to hold floating-point numbers; received {dtype}")
    if len(shape) < 2 or shape[-1] is None:
        raise ValueError(f"expected rows of shape (..., T, width), with a known width; received shape {shape}")
    even_width("the width of rows (last axis)", shape[-1])


def check_positions(positions: Any, rows: tuple, offset: Any) -> Any:
    """Return positions as numbers or as a tensor, or None where they are to be counted from offset."""
    if positions is None:
        return None
    if not is_known(offset) or offset:
        raise ValueError("expected either positions or an offset; received both. Add the offset to the positions.")
    positions = np.asarray(positions) if is_known(positions) else positions
    shape = tuple(positions.shape)
    pairs = zip(reversed(shape), reversed(rows[:-1]), strict=False)
    if len(shape) >= len(rows) or not all(have in (1, want, None) or want is None for have, want in pairs):
        raise ValueError(
            f"expected positions to broadcast to (..., T) = {rows[:-1]}, one for each row; received shape {shape}. "
            "Positions (B, T) of rows (B, H, T, width) need an axis for the heads: positions[:, None]."
        )
    return positions
