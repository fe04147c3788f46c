"""What sizes and rates must be, and how a refusal says so: the argument, what it must be, what came, the remedy.

Used by all packages above. What one module alone refuses is checked in that module.
"""

import math
import operator
import warnings
from typing import Any

import keras
import numpy as np
from keras import backend, ops


def positive_integer(name: str, value: Any) -> int:
    """Return value as a plain int, refusing what is not an integer of at least 1."""
    number = _integer(value)
    if number is None or number < 1:
        raise ValueError(f"argument `{name}` must be a positive integer; got {value!r}")
    return number


def non_negative_integer(name: str, value: Any) -> int:
    """Return value as a plain int, refusing what is not an integer of at least 0."""
    number = _integer(value)
    if number is None or number < 0:
        raise ValueError(f"argument `{name}` must be an integer of at least 0; got {value!r}")
    return number


def positive_number(name: str, value: Any, example: str = "") -> float:
    """Return value as a plain float, refusing what is not positive and finite; the example is added to the message."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating) or not 0 < value < math.inf:
        raise ValueError(f"argument `{name}` must be positive and finite{example}; got {value!r}")
    return float(value)


def rate(name: str, value: Any) -> float:
    """Return value, refusing what is not a share of what is dropped."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"argument `{name}` must be a number from 0 to 1; got {value!r}")
    return value


def head_size(d_model: int, num_heads: int) -> int:
    """Return the width of one head, refusing a width that the heads cannot share evenly."""
    if d_model % num_heads:
        raise ValueError(
            f"expected d_model to be a multiple of num_heads={num_heads}, so that all heads are equally wide; "
            f"received d_model={d_model}. The nearest that fits is {max(1, round(d_model / num_heads)) * num_heads}."
        )
    return d_model // num_heads


def sizes_agree(one: tuple, other: tuple) -> bool:
    """Return whether two shapes are the same, as far as they are known: None fits any size."""
    return len(one) == len(other) and all(None in pair or pair[0] == pair[1] for pair in zip(one, other, strict=True))


def broadcasts(shape: tuple, target: tuple) -> bool:
    """Return whether an array of a shape can be broadcast to the target's, as far as both are known."""
    pairs = zip(reversed(shape), reversed(target), strict=False)
    fits = all(size in (1, wanted, None) or wanted is None for size, wanted in pairs)
    return fits and len(shape) <= len(target)


def known_values(array: Any) -> np.ndarray | None:
    """Return the numbers of an array or tensor, or None while a backend only traces a computation to compile it."""
    if isinstance(array, keras.KerasTensor) or _torch_compiles():
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # NumPy's, of how Keras reads tensors of PyTorch
            return ops.convert_to_numpy(array) if ops.is_tensor(array) else np.asarray(array)
    except (NotImplementedError, TypeError, RuntimeError):  # TensorFlow and PyTorch; JAX; transforms of PyTorch
        return None


def _torch_compiles() -> bool:
    """Return whether PyTorch is tracing for `torch.compile`, which would rather guess numbers than say so."""
    if backend.backend() != "torch":
        return False
    import torch

    return torch.compiler.is_compiling()


def _integer(value: Any) -> int | None:
    """Return value as a plain int, or None where it is not an integer."""
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except (TypeError, AttributeError):  # the latter from TensorFlow's tensors
        return None
