"""Scaled dot-product attention, its masks and its cost.

Source: Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762, section 3.2.1.
Letters in shapes: B batch, H heads, T queries, S keys. A mask says *may attend* where it is True.
"""

import math
from typing import Any, NamedTuple

from keras import backend, ops

# Lower than any score that can occur, yet finite: the gradient of a masked score is 0, not NaN.
_NEVER = -1e30


def causal_mask(num_queries: int, num_keys: int | None = None, *, offset: int = 0) -> Any:
    """Let the query at position t attend to the keys at positions up to t + offset.

    Args:
        num_queries: T, the number of queries.
        num_keys: S, the number of keys; T when omitted.
        offset: position of the first query among the keys, in tokens. 0 aligns query 0 with key 0, as
            Keras and PyTorch do; S - T aligns the last query with the last key, as decoding with stored keys needs.

    Returns:
        Boolean tensor (T, S); True means "may attend".

    Example:
        >>> import numpy as np
        >>> from keras import ops
        >>> print(ops.convert_to_numpy(causal_mask(3)).astype(int))
        [[1 0 0]
         [1 1 0]
         [1 1 1]]
    """
    num_keys = num_queries if num_keys is None else num_keys
    return ops.arange(num_keys)[None, :] <= ops.arange(num_queries)[:, None] + offset


def padding_mask(token_ids: Any, pad_id: int = 0) -> Any:
    """Let every query attend to the keys that hold a token, and to none that only fill up the row.

    Args:
        token_ids: integer array (B, S).
        pad_id: the id that marks padding.

    Returns:
        Boolean tensor (B, 1, S), True where a token stands. It broadcasts against weights (B, T, S); for
        weights with heads, (B, H, T, S), insert the head axis: `padding_mask(token_ids)[:, None]`.

    Raises:
        ValueError: token_ids has another number of axes than two.

    Example:
        >>> padding_mask([[7, 4, 0]]).shape[-1]
        3
    """
    token_ids = ops.convert_to_tensor(token_ids)
    if len(token_ids.shape) != 2:
        raise ValueError(f"expected token_ids of shape (B, S); received shape {tuple(token_ids.shape)}")
    return ops.not_equal(token_ids, pad_id)[:, None, :]


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any = None,
    *,
    use_causal_mask: bool = False,
    scale: float | None = None,
    softcap: float | None = None,
) -> tuple[Any, Any]:
    """Mix `value` rows by softmax-normalised query-key similarity.

    Eq. 1 of Vaswani et al. (2017), arXiv:1706.03762: softmax(query keyᵀ / √key_dim) value.
    Heads are axis -3 of inputs with at least four axes. There key and value may have fewer heads than query,
    if the number divides: consecutive query heads share one (grouped-query attention, arXiv:2305.13245).

    Args:
        query: float array (..., T, key_dim).
        key: float array (..., S, key_dim).
        value: float array (..., S, value_dim).
        attention_mask: broadcastable to (..., T, S). Boolean: True means "may attend". Float: added to the
            scores, so -inf forbids. Integers are refused, because they could mean either.
        use_causal_mask: also forbid key s to query t wherever s > t.
        scale: factor on the scores; 1/√key_dim when omitted.
        softcap: bound c on the scores, c·tanh(score / c), applied before the mask (arXiv:2408.00118).

    Returns:
        (output, weights): (..., T, value_dim) and (..., T, S), in the type of the inputs; the softmax runs in at
        least float32. Weight rows sum to 1, but a query that may attend to nothing gets weights and output of zero.

    Raises:
        ValueError: sizes or head counts disagree, key has no rows, an input is not floating-point, softcap is not
            positive, or the mask is of integers or does not broadcast.

    Example:
        >>> import numpy as np
        >>> value = np.array([[0.0], [6.0]])
        >>> output, weights = scaled_dot_product_attention(np.zeros((1, 2)), np.eye(2), value)
        >>> float(output[0, 0])
        3.0
    """
    if softcap is not None and softcap <= 0:
        raise ValueError(f"expected softcap to be positive, a bound on the scores; received {softcap}")
    query, key, value = _as_floats(query=query, key=key, value=value)
    _check_sizes(tuple(query.shape), tuple(key.shape), tuple(value.shape))
    dtype = query.dtype
    key, value = (_repeat_heads(array, query) for array in (key, value))
    query, key = (ops.cast(array, backend.result_type(dtype, "float32")) for array in (query, key))
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = ops.matmul(query * scale, ops.swapaxes(key, -1, -2))  # (..., T, S)
    if softcap is not None:
        scores = softcap * ops.tanh(scores / softcap)
    scores, allowed = _apply_mask(scores, attention_mask, use_causal_mask)
    weights = ops.softmax(scores, axis=-1)
    if allowed is not None:
        weights = ops.where(allowed, weights, 0.0)  # only a row with nothing to attend to changes here
    weights = ops.cast(weights, dtype)
    return ops.matmul(weights, value), weights


class AttentionCost(NamedTuple):
    """What one call of attention costs, for one head of one sequence, counted exactly."""

    multiplications: int
    exponentials: int
    weight_elements: int


def attention_cost(num_queries: int, num_keys: int, key_dim: int, value_dim: int) -> AttentionCost:
    """Count the multiplications, exponentials and stored weights of softmax(query keyᵀ / √key_dim) value.

    Each of the T·S scores takes key_dim products; each query row is scaled once, key_dim products more. Each
    of the T·S weights takes one exponential and multiplies value_dim numbers. Divisions are not counted.

    Args:
        num_queries: T.
        num_keys: S.
        key_dim: width of a query and of a key.
        value_dim: width of a value.

    Returns:
        AttentionCost with `multiplications`, `exponentials` and `weight_elements` (multiply by the bytes of one
        number to get memory).

    Example:
        >>> attention_cost(2, 3, 4, 5)
        AttentionCost(multiplications=62, exponentials=6, weight_elements=6)
    """
    pairs = num_queries * num_keys
    return AttentionCost(pairs * (key_dim + value_dim) + num_queries * key_dim, pairs, pairs)


def _as_floats(**arrays: Any) -> list[Any]:
    """Convert to tensors of one floating-point type, refusing anything else by name."""
    tensors = {name: ops.convert_to_tensor(array) for name, array in arrays.items()}
    for name, tensor in tensors.items():
        if not backend.is_float_dtype(backend.standardize_dtype(tensor.dtype)):
            raise ValueError(
                f"expected {name} to hold floating-point numbers; received {backend.standardize_dtype(tensor.dtype)}. "
                "Convert it first, for instance with astype('float32')."
            )
    dtype = backend.result_type(*(tensor.dtype for tensor in tensors.values()))
    return [ops.cast(tensor, dtype) for tensor in tensors.values()]


def _check_sizes(query: tuple, key: tuple, value: tuple) -> None:
    """Raise ValueError unless the three shapes fit; a size of None (not known yet) fits all."""
    for name, shape in {"query": query, "key": key, "value": value}.items():
        if len(shape) < 2 or len(shape) != len(query):
            raise ValueError(
                f"expected {name} to have at least two axes and as many as query, whose shape is {query}; "
                f"received shape {shape}"
            )
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


def _repeat_heads(array: Any, query: Any) -> Any:
    """Give each query head its key or value head: (..., G, S, D) becomes (..., H, S, D)."""
    if len(query.shape) < 4 or array.shape[-3] in (query.shape[-3], None):
        return array
    return ops.repeat(array, query.shape[-3] // array.shape[-3], axis=-3)


def _apply_mask(scores: Any, mask: Any, use_causal_mask: bool) -> tuple[Any, Any]:
    """Return the scores with forbidden ones pushed down, and where attention is allowed (None: everywhere)."""
    allowed = None
    if mask is not None:
        mask = ops.convert_to_tensor(mask)
        dtype = backend.standardize_dtype(mask.dtype)
        _check_mask(tuple(mask.shape), dtype, tuple(scores.shape))
        if dtype == "bool":
            allowed = mask
        else:
            scores = scores + ops.cast(mask, scores.dtype)
            allowed = ops.not_equal(scores, -math.inf)
    if use_causal_mask:
        causal = causal_mask(*ops.shape(scores)[-2:])
        allowed = causal if allowed is None else ops.logical_and(allowed, causal)
    if allowed is not None:
        scores = ops.where(allowed, scores, _NEVER)
    return scores, allowed


def _check_mask(mask: tuple, dtype: str, scores: tuple) -> None:
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
