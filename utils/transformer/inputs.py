"""How models read token ids, masks and targets, and what they refuse because it cannot be meant."""

from typing import Any

from keras import backend, ops

from utils.checks import known_values
from utils.masks import boolean_mask


def checked_ids(name: str, ids: Any, size: int) -> Any:
    """Return ids as a tensor, refusing what is not an integer array (B, T) of numbers from 0 to size - 1.

    A compiled computation cannot raise this. What then happens to an id that is out of range: below 0 it counts as 0.
    One that is too large counts as size - 1 where XLA compiles (TensorFlow's `jit_compile`, and JAX); in a graph
    without XLA, TensorFlow raises an error of its own on a CPU.
    """
    ids = ops.convert_to_tensor(ids)
    dtype = backend.standardize_dtype(ids.dtype)
    if not backend.is_int_dtype(dtype):
        raise ValueError(f"expected {name} to be integers; received {dtype}. Convert them with astype('int32').")
    if len(ids.shape) != 2:
        raise ValueError(f"expected {name} of shape (batch, length); received shape {tuple(ids.shape)}")
    values = known_values(ids)
    if values is None:
        # Keras would count an id below 0 from the end, and JAX answer with NaN for one that is too large.
        ids = ops.maximum(ids, 0)
        return ops.minimum(ids, size - 1) if backend.backend() == "jax" else ids
    outside = values[(values < 0) | (values >= size)]
    if outside.size:
        raise ValueError(
            f"expected {name} from 0 to {size - 1}, as there are {size}; received {outside[0]}. "
            "Use the tokenizer that the model was made for."
        )
    return ids


def token_mask(attention_mask: Any, token_ids: Any) -> Any:
    """Return a mask of tokens (B, T) as booleans, True where a token stands; None stays None.

    A mask says *may attend*: it holds booleans, or 0 and 1. Other numbers are refused where they are known; while a
    computation is traced, a mask of floats is refused by its type.

    Raises:
        ValueError: the mask has another shape than the tokens, or holds other numbers than 0 and 1.
    """
    if attention_mask is None:
        return None
    attention_mask, expected = ops.convert_to_tensor(attention_mask), tuple(token_ids.shape)
    received = tuple(attention_mask.shape)
    pairs = zip(received, expected, strict=False)
    if len(received) != 2 or not all(None in pair or pair[0] == pair[1] for pair in pairs):
        raise ValueError(
            f"expected attention_mask of the shape of token_ids, {expected}, True or 1 where a token stands; "
            f"received shape {received}"
        )
    return boolean_mask("attention_mask", attention_mask)


def key_mask(attention_mask: Any, token_ids: Any) -> Any:
    """Return a mask of tokens as one of keys, (B, 1, T), which all queries share; see `token_mask`."""
    mask = token_mask(attention_mask, token_ids)
    return None if mask is None else mask[:, None]


def not_padding(token_ids: Any, pad_id: int | None) -> Any:
    """Return where a token stands, (B, T); None where no id means padding."""
    return None if pad_id is None else ops.not_equal(token_ids, pad_id)


def check_start(target_ids: Any, start_id: int | None) -> None:
    """Raise ValueError unless each target begins with the start token, as far as its numbers are known."""
    if target_ids.shape[1] == 0:
        raise ValueError("expected target_ids to hold at least the start token; received rows of length 0")
    values = None if start_id is None else known_values(target_ids)
    if values is not None and (values[:, 0] != start_id).any():
        row = int((values[:, 0] != start_id).argmax())
        raise ValueError(
            f"expected each row of target_ids to begin with the start token {start_id}; row {row} begins with "
            f"{values[row, 0]}. The decoder reads the target moved one place to the right, behind a start token."
        )
