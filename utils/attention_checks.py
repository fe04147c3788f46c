"""How attention reads its inputs, and what it refuses: the argument, what was expected, what came."""

from typing import Any

from keras import backend, ops


def as_floats(**arrays: Any) -> list[Any]:
    """Convert to tensors of one floating-point type, refusing anything else by name."""
    tensors = {name: ops.convert_to_tensor(array) for name, array in arrays.items()}
    for name, tensor in tensors.items():
        if not backend.is_float_dtype(backend.standardize_dtype(tensor.dtype)):
            raise ValueError(
                f"expected {name} to hold floating-point numbers; received {backend.standardize_dtype(tensor.dtype)}. "
                "Convert it first, for instance with astype('float32')."
            )
    dtype = backend.result_type(*(tensor.dtype for tensor in tensors.values()))
    return [as_type(tensor, dtype) for tensor in tensors.values()]


def as_type(tensor: Any, dtype: str) -> Any:
    """Cast a tensor unless its type fits: a cast that changes nothing takes time all the same."""
    return tensor if backend.standardize_dtype(tensor.dtype) == dtype else ops.cast(tensor, dtype)


def check_sizes(query: tuple, key: tuple, value: tuple) -> None:
    """Raise ValueError unless the three shapes fit; a size of None (not known yet) fits all."""
    if len(query) < 2:
        raise ValueError(f"expected query to have at least two axes, (T, key_dim); received shape {query}")
    for name, shape in {"key": key, "value": value}.items():
        if len(shape) != len(query):
            raise ValueError(f"expected {name} to have {len(query)} axes, as query has; received shape {shape}")
    _check_same("key_dim of key (its last axis)", query[-1], key[-1], "as in query")
    _check_same("number of rows of value (axis -2)", key[-2], value[-2], "one for each row of key")
    if key[-2] == 0:
        raise ValueError(f"expected key to have at least one row (axis -2); received shape {key}")
    for axis in range(len(query) - 2):
        if len(query) >= 4 and axis == len(query) - 3:
            _check_heads(query[axis], key[axis], value[axis])
            continue
        _check_same(f"size of axis {axis} of key", query[axis], key[axis], "as in query")
        _check_same(f"size of axis {axis} of value", query[axis], value[axis], "as in query")


def check_mask(mask: tuple, dtype: str, scores: tuple) -> None:
    """Raise ValueError unless the mask is boolean or float and broadcasts to the shape of the scores."""
    if dtype != "bool" and not backend.is_float_dtype(dtype):
        raise ValueError(
            f"expected attention_mask to be boolean (True = may attend) or float (added to the scores); "
            f"received {dtype}. For 1 = may attend, convert it with astype(bool)."
        )
    pairs = zip(reversed(mask), reversed(scores), strict=False)
    fits = all(have in (1, want, None) or want is None for have, want in pairs)
    if len(mask) > len(scores) or not fits:
        raise ValueError(f"expected attention_mask to broadcast to (..., T, S) = {scores}; received shape {mask}")


def _check_same(what: str, expected: int | None, received: int | None, why: str) -> None:
    """Raise ValueError unless two sizes agree, as far as they are known."""
    if None not in (expected, received) and expected != received:
        raise ValueError(f"expected {what} to be {expected}, {why}; received {received}")


def _check_heads(query: int | None, key: int | None, value: int | None) -> None:
    """Raise ValueError unless key and value have one number of heads and it divides that of query."""
    _check_same("number of heads of value (axis -3)", key, value, "as in key")
    if None not in (query, key) and (key == 0 or query % key):
        raise ValueError(
            f"expected the number of heads of key and value (axis -3) to divide {query}, the number of heads of query; "
            f"received {key}"
        )
