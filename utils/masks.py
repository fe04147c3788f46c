"""What a mask means, everywhere in the book: True, or 1, is where attention is allowed; False, or 0, where not."""

from typing import Any

import keras
import numpy as np
from keras import backend, ops

from utils.checks import known_values


def boolean_mask(name: str, mask: Any) -> Any:
    """Return a mask as a boolean tensor: True, or 1 of any type, where attention is allowed.

    Numbers are looked at where they are known. While a function is traced to be compiled, or a functional model is
    built, integers are trusted and floating-point types refused, since they may be meant to be added to the scores.

    Args:
        name: of the argument, for messages.
        mask: an array or tensor of any shape.

    Returns:
        Boolean tensor of the same shape.

    Raises:
        ValueError: a number is neither 0 nor 1, or the type is floating-point and the numbers are not known yet.
    """
    values = known_values(mask)
    mask = mask if isinstance(mask, keras.KerasTensor) else ops.convert_to_tensor(mask)
    dtype = backend.standardize_dtype(mask.dtype)
    if dtype == "bool":
        return mask
    remedy = "What is added to the scores is passed as attention_bias."
    if values is None and backend.is_float_dtype(dtype):
        raise ValueError(
            f"expected {name} to be boolean, as its numbers are not known while a function or model is traced; "
            f"received {dtype}. {remedy} For a mask of 0 and 1, pass keras.ops.cast(mask, 'bool')."
        )
    if values is not None and not np.isin(values, (0, 1)).all():
        wrong = values[~np.isin(values, (0, 1))][0]
        raise ValueError(
            f"expected {name} to hold True or 1 where attention is allowed and False or 0 where not; received {wrong}. "
            f"{remedy}"
        )
    return ops.cast(mask, "bool")
