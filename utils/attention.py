"""Scaled dot-product attention, its masks and its cost.

Source: Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762, section 3.2.1.
Letters in shapes: B batch, H heads, T queries, S keys. A mask says *may attend* where it is True.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from keras import backend, ops

from utils.checks import broadcasts
from utils.masks import boolean_mask


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
    attention_bias: Any = None,
    use_causal_mask: bool = False,
    scale: float | None = None,
    softcap: float | None = None,
) -> tuple[Any, Any]:
    """Mix `value` rows by softmax-normalised query-key similarity.

    Eq. 1 of Vaswani et al. (2017), arXiv:1706.03762: softmax(query keyᵀ / √key_dim) value.
    Heads are axis -3 of inputs with at least four axes. There key and value may have fewer
    heads than query, if the number divides: consecutive query heads share one (grouped-query
    attention, arXiv:2305.13245).

    Args:
        query: float array (..., T, key_dim).
        key: float array (..., S, key_dim).
        value: float array (..., S, value_dim).
        attention_mask: broadcastable to (..., T, S); True, or 1 of any type, where a query may
            attend to a key, False or 0 where not. Other numbers are refused where they are
            known; floating-point types are refused while a function is traced. A key that no
            query may attend to contributes nothing, whatever stands in it.
        attention_bias: float array broadcastable to (..., T, S), added to the scores (ALiBi,
            relative positions). -inf forbids; a large negative number only discourages.
        use_causal_mask: also forbid key s to query t wherever s > t.
        scale: factor on the scores; 1/√key_dim when omitted.
        softcap: bound c on the scores, c·tanh(score / c), applied before bias and mask
            (arXiv:2408.00118).

    Returns:
        (output, weights): (..., T, value_dim) and (..., T, S), in the type of the inputs
        (float32 for float64 on JAX, unless it is told to keep it); the softmax runs in at least
        float32. Weight rows sum to 1, but a query that may attend to nothing gets weights of
        zero, and an output of zero unless a value that another query may see is not finite.

    Raises:
        ValueError: sizes or head counts disagree, key has no rows, an input is not
            floating-point, softcap is not positive and finite, key_dim is 0 or unknown with no
            scale given, mask or bias does not broadcast, or a mask holds other numbers than 0
            and 1.

    Example:
        >>> import numpy as np
        >>> value = np.array([[0.0], [6.0]])
        >>> output, weights = scaled_dot_product_attention(np.zeros((1, 2)), np.eye(2), value)
        >>> float(output[0, 0])
        3.0
    """
    query, key, value = _as_floats(query=query, key=key, value=value)
    _check_sizes(tuple(query.shape), tuple(key.shape), tuple(value.shape))
    key, value = repeat_heads(key, query), repeat_heads(value, query)
    # None where nothing is forbidden
    allowed = allowed_pairs(query, key, attention_mask, attention_bias, use_causal_mask)
    options = {"attention_bias": attention_bias, "scale": scale, "softcap": softcap}
    weights = attention_weights(query, key, allowed, **options)
    output = weights @ zero_hidden(value, allowed, axis=-2)
    return output, weights


def attention_weights(
    query: Any,
    key: Any,
    attention_mask: Any = None,
    *,
    attention_bias: Any = None,
    use_causal_mask: bool = False,
    scale: float | None = None,
    softcap: float | None = None,
) -> Any:
    """Return how much each query takes of each key's value: softmax(query keyᵀ / √key_dim).

    Takes what `scaled_dot_product_attention` takes, except the value, and refuses what it
    refuses.

    Returns:
        Tensor (..., T, S) in the type of the inputs. Rows sum to 1, or are 0 where nothing may
        be attended to.

    Example:
        >>> import numpy as np
        >>> attention_weights(np.zeros((1, 2)), np.eye(2)).shape[-1]
        2
    """
    query, key = _as_floats(query=query, key=key)
    _check_sizes(tuple(query.shape), tuple(key.shape))
    key = repeat_heads(key, query)
    # None where nothing is forbidden
    allowed = allowed_pairs(query, key, attention_mask, attention_bias, use_causal_mask)
    query, key = zero_hidden(query, allowed, axis=-1), zero_hidden(key, allowed, axis=-2)
    dtype = backend.standardize_dtype(query.dtype)
    exact = _score_type(query)
    query, key = _as_type(query, exact), _as_type(key, exact)
    scale = _default_scale(query.shape[-1]) if scale is None else ops.cast(scale, exact)
    scores = ops.einsum("...td,...sd->...ts", query * scale, key)  # (..., T, S)
    if softcap is not None:
        bound = _bound(softcap)
        scores = bound * ops.tanh(scores / bound)
    if attention_bias is not None:
        # What is allowed stays above -inf, also where score and bias together
        # leave the range of the type.
        lowest = float(np.finfo(exact).min)
        scores = ops.maximum(scores + ops.cast(attention_bias, exact), lowest)
    if allowed is not None:
        scores = _mask_scores(scores, allowed)
    weights = _softmax(scores)
    if allowed is not None:
        weights = ops.where(allowed, weights, 0.0)  # matters if none is
    return _as_type(weights, dtype)


def allowed_pairs(
    query: Any, key: Any, attention_mask: Any = None, attention_bias: Any = None, use_causal_mask: bool = False
) -> Any:
    """Return where mask, bias and causal mask all allow attention, as booleans; None where nothing is forbidden.

    Args:
        query: tensor (..., T, key_dim).
        key: tensor (..., S, key_dim), with as many heads as query.
        attention_mask: as in `scaled_dot_product_attention`.
        attention_bias: likewise; -inf forbids.
        use_causal_mask: likewise.

    Returns:
        Boolean tensor of at least two axes, broadcastable to (..., T, S), or None.

    Raises:
        ValueError: a mask or bias does not broadcast, or is of a type or holds numbers that have no meaning there.
    """
    scores_shape = (*query.shape[:-1], key.shape[-2])
    allowed = None
    if attention_mask is not None:
        allowed = boolean_mask("attention_mask", attention_mask)
        _check_broadcast("attention_mask", allowed, scores_shape)
    if attention_bias is not None:
        attention_bias = _check_bias(attention_bias, scores_shape)
        # A type that is narrower than that of the scores may hold numbers that are -inf there.
        finite = ops.not_equal(ops.cast(attention_bias, _score_type(query)), -math.inf)
        allowed = finite if allowed is None else ops.logical_and(allowed, finite)
    if use_causal_mask:
        causal = _causal_pairs(query, key)
        allowed = causal if allowed is None else ops.logical_and(allowed, causal)
    return allowed if allowed is None or len(allowed.shape) > 1 else ops.reshape(allowed, (1, -1))


def zero_hidden(rows: Any, allowed: Any, axis: int) -> Any:
    """Put zeros where a row pairs with none: a weight of 0 would not silence a NaN or an infinity there.

    Args:
        rows: tensor (..., T, width) of queries, or (..., S, width) of keys or values.
        allowed: boolean tensor broadcastable to (..., T, S), or None where all pairs are allowed.
        axis: -1 for queries, which may attend to no key; -2 for keys and values, which no query may attend to.

    Returns:
        Tensor of the shape of rows.
    """
    if allowed is None:
        return rows
    return ops.where(ops.expand_dims(ops.any(allowed, axis=axis), -1), rows, 0.0)


def repeat_heads(rows: Any, query: Any) -> Any:
    """Give each head of query (..., H, T, key_dim) its head of key or value: (..., G, S, D) becomes (..., H, S, D)."""
    if len(query.shape) < 4 or None in (rows.shape[-3], query.shape[-3]) or rows.shape[-3] == query.shape[-3]:
        return rows
    return ops.repeat(rows, query.shape[-3] // rows.shape[-3], axis=-3)


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


def _default_scale(key_dim: int | None) -> float:
    """Return 1/√key_dim, which brings scores of unit-variance entries back to unit variance."""
    if not key_dim:
        raise ValueError(
            f"expected key_dim (the last axis of query) to be known and at least 1 when scale is omitted; "
            f"received {key_dim}"
        )
    return 1 / math.sqrt(key_dim)


def _bound(softcap: float) -> float:
    """Return softcap as a plain number, refusing one that is no bound."""
    if not 0 < softcap < math.inf:
        raise ValueError(f"expected softcap to be positive and finite, a bound on the scores; received {softcap}")
    return float(softcap)


def _mask_scores(scores: Any, allowed: Any) -> Any:
    """Return the scores, -inf where attention is forbidden: the exponential of -inf is 0."""
    # A row of nothing but -inf has no softmax; zeros there keep it, and its gradient, finite.
    some = ops.any(allowed, axis=-1, keepdims=True)
    return ops.where(allowed, scores, ops.where(some, -math.inf, 0.0))


def _softmax(scores: Any) -> Any:
    """Normalise each row. One key alone gets weight 1 without Keras's softmax, which would warn about it."""
    return ops.exp(scores - scores) if scores.shape[-1] == 1 else ops.softmax(scores, axis=-1)


def _causal_pairs(query: Any, key: Any) -> Any:
    """Return the causal mask for these rows, also while a functional model is built whose lengths are not known."""
    num_queries, num_keys = ops.shape(query)[-2], ops.shape(key)[-2]
    if num_queries is None or num_keys is None:
        pairs = ops.einsum("...td,...sd->...ts", query[..., :1], key[..., :1])
        return ops.tril(ops.ones_like(pairs, dtype="bool"))
    return causal_mask(num_queries, num_keys)


def _score_type(query: Any) -> str:
    """Return the type in which scores are computed: at least float32, since they overflow half precision."""
    return _joint_type(query.dtype, "float32")


def _joint_type(*dtypes: Any) -> str:
    """Return the type that holds all of these; Keras would make float32 of float64 on PyTorch."""
    names = [backend.standardize_dtype(dtype) for dtype in dtypes]
    return "float64" if "float64" in names else backend.result_type(*names)


def _as_floats(**arrays: Any) -> list[Any]:
    """Convert to tensors of one floating-point type, refusing anything else by name."""
    tensors = {name: ops.convert_to_tensor(array) for name, array in arrays.items()}
    for name, tensor in tensors.items():
        if not backend.is_float_dtype(backend.standardize_dtype(tensor.dtype)):
            raise ValueError(
                f"expected {name} to hold floating-point numbers; received {backend.standardize_dtype(tensor.dtype)}. "
                "Convert it first, for instance with astype('float32')."
            )
    dtype = _joint_type(*(tensor.dtype for tensor in tensors.values()))
    return [_as_type(tensor, dtype) for tensor in tensors.values()]


def _as_type(tensor: Any, dtype: str) -> Any:
    """Cast a tensor unless its type fits: a cast that changes nothing takes time all the same."""
    return tensor if backend.standardize_dtype(tensor.dtype) == dtype else ops.cast(tensor, dtype)


def _check_bias(bias: Any, scores_shape: tuple) -> Any:
    """Return attention_bias as a tensor, refusing one that is not floating-point or does not fit the scores."""
    bias = ops.convert_to_tensor(bias)
    dtype = backend.standardize_dtype(bias.dtype)
    if not backend.is_float_dtype(dtype):
        raise ValueError(
            f"expected attention_bias to hold floating-point numbers, which are added to the scores; received {dtype}. "
            "What says who may attend is passed as attention_mask."
        )
    _check_broadcast("attention_bias", bias, scores_shape)
    return bias


def _check_broadcast(name: str, array: Any, scores_shape: tuple) -> None:
    """Raise ValueError unless a mask or bias can be broadcast to the scores."""
    shape = tuple(array.shape)
    if not broadcasts(shape, scores_shape):
        hint = " An array (B, T, S) for all heads needs an axis for them: array[:, None]." if len(shape) == 3 else ""
        raise ValueError(
            f"expected {name} to broadcast to (..., T, S) = {scores_shape}; received shape {shape}."
            f"{hint if len(scores_shape) == 4 else ''}"
        )


def _check_sizes(query: tuple, key: tuple, value: tuple | None = None) -> None:
    """Raise ValueError unless the shapes fit; a size of None (not known yet) fits all."""
    if len(query) < 2:
        raise ValueError(f"expected query to have at least two axes, (T, key_dim); received shape {query}")
    others = {"key": key} if value is None else {"key": key, "value": value}
    for name, shape in others.items():
        if len(shape) != len(query):
            raise ValueError(f"expected {name} to have {len(query)} axes, as query has; received shape {shape}")
    _check_same("key_dim of key (its last axis)", query[-1], key[-1], "as in query")
    if value is not None:
        _check_same("number of rows of value (axis -2)", key[-2], value[-2], "one for each row of key")
    if key[-2] == 0:
        raise ValueError(f"expected key to have at least one row (axis -2); received shape {key}")
    for axis in range(len(query) - 2):
        if len(query) >= 4 and axis == len(query) - 3:
            _check_heads(query[axis], key[axis], key[axis] if value is None else value[axis])
            continue
        for name, shape in others.items():
            _check_same(f"size of axis {axis} of {name}", query[axis], shape[axis], "as in query")


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
