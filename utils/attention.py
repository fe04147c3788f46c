"""Scaled dot-product attention, its masks and its cost.

Source: Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762, section 3.2.1.
Letters in shapes: B batch, H heads, T queries, S keys. A mask says *may attend* where it is True.
"""

import math
from typing import Any, NamedTuple

from keras import backend, ops

from utils.attention_checks import as_floats, as_type, check_mask, check_sizes


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
        value: float array (..., S, value_dim). A row of weight 0 is multiplied all the same, so keep padding finite.
        attention_mask: broadcastable to (..., T, S). Boolean: True means "may attend". Float: added to the
            scores, so -inf forbids and a large negative number only discourages. Integers are refused, as they could
            mean either.
        use_causal_mask: also forbid key s to query t wherever s > t.
        scale: factor on the scores; 1/√key_dim when omitted.
        softcap: bound c on the scores, c·tanh(score / c), applied before the mask (arXiv:2408.00118).

    Returns:
        (output, weights): (..., T, value_dim) and (..., T, S), in the type of the inputs (Keras narrows float64 to
        float32 on JAX and PyTorch); the softmax runs in at least float32. Weight rows sum to 1, but a query that may
        attend to nothing gets weights and output of zero.

    Raises:
        ValueError: sizes or head counts disagree, key has no rows, an input is not floating-point, softcap is not
            positive and finite, key_dim is 0 or unknown with no scale given, or the mask is of integers or does not
            broadcast.

    Example:
        >>> import numpy as np
        >>> value = np.array([[0.0], [6.0]])
        >>> output, weights = scaled_dot_product_attention(np.zeros((1, 2)), np.eye(2), value)
        >>> float(output[0, 0])
        3.0
    """
    query, key, value = as_floats(query=query, key=key, value=value)
    check_sizes(tuple(query.shape), tuple(key.shape), tuple(value.shape))
    dtype = backend.standardize_dtype(query.dtype)
    key, value = _repeat_heads(key, query), _repeat_heads(value, query)
    exact = backend.result_type(dtype, "float32")
    query, key = as_type(query, exact), as_type(key, exact)
    scale = _default_scale(query.shape[-1]) if scale is None else ops.cast(scale, exact)
    scores = ops.einsum("...td,...sd->...ts", query * scale, key)  # (..., T, S)
    if softcap is not None:
        bound = _positive(softcap)
        scores = bound * ops.tanh(scores / bound)
    scores, allowed = _apply_mask(scores, attention_mask, use_causal_mask)
    weights = _softmax(scores)
    if allowed is not None:
        weights = ops.where(allowed, weights, 0.0)  # matters if none is
    weights = as_type(weights, dtype)
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


def _repeat_heads(array: Any, query: Any) -> Any:
    """Give each query head its key or value head: (..., G, S, D) becomes (..., H, S, D)."""
    if len(query.shape) < 4 or None in (array.shape[-3], query.shape[-3]) or array.shape[-3] == query.shape[-3]:
        return array
    return ops.repeat(array, query.shape[-3] // array.shape[-3], axis=-3)


def _default_scale(key_dim: int | None) -> float:
    """Return 1/√key_dim, which brings scores of unit-variance entries back to unit variance."""
    if not key_dim:
        raise ValueError(
            f"expected key_dim (the last axis of query) to be known and at least 1 when scale is omitted; "
            f"received {key_dim}"
        )
    return 1 / math.sqrt(key_dim)


def _positive(softcap: float) -> float:
    """Return softcap as a plain number, refusing one that is no bound."""
    if not 0 < softcap < math.inf:
        raise ValueError(f"expected softcap to be positive and finite, a bound on the scores; received {softcap}")
    return float(softcap)


def _softmax(scores: Any) -> Any:
    """Normalise each row. One key alone gets weight 1 without Keras's softmax, which would warn about it."""
    return ops.exp(scores - scores) if scores.shape[-1] == 1 else ops.softmax(scores, axis=-1)


def _apply_mask(scores: Any, mask: Any, use_causal_mask: bool) -> tuple[Any, Any]:
    """Return the scores, -inf where forbidden, and where attention is allowed (None: everywhere)."""
    allowed = None
    if mask is not None:
        mask = ops.convert_to_tensor(mask)
        dtype = backend.standardize_dtype(mask.dtype)
        check_mask(tuple(mask.shape), dtype, tuple(scores.shape))
        if dtype == "bool":
            allowed = mask if len(mask.shape) else mask[None]  # an axis of keys, for `any` below
        else:
            scores = scores + ops.cast(mask, scores.dtype)
            allowed = ops.not_equal(scores, -math.inf)
    if use_causal_mask:
        causal = _causal_like(scores)
        allowed = causal if allowed is None else ops.logical_and(allowed, causal)
    if allowed is not None:
        # A row of nothing but -inf has no softmax; zeros there keep it, and its gradient, finite.
        some = ops.any(allowed, axis=-1, keepdims=True)
        scores = ops.where(allowed, scores, ops.where(some, -math.inf, 0.0))
    return scores, allowed


def _causal_like(scores: Any) -> Any:
    """Return the causal mask for the scores, also while a Keras model is built whose lengths are not known yet."""
    num_queries, num_keys = ops.shape(scores)[-2:]
    if num_queries is None or num_keys is None:
        return ops.tril(ops.ones_like(scores, dtype="bool"))
    return causal_mask(num_queries, num_keys)
