"""Model solutions of the exercises on multi-head attention, as the chapter folds them under the exercises."""

import numpy as np


# heads-attention
def multi_head(x, query_kernel, key_kernel, value_kernel, output_kernel):
    query = np.einsum("btd,dhk->bhtk", x, query_kernel)
    key = np.einsum("btd,dhk->bhtk", x, key_kernel)
    value = np.einsum("btd,dhv->bhtv", x, value_kernel)
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = exponentials / exponentials.sum(axis=-1, keepdims=True)
    heads = weights @ value  # (B, H, T, value_dim)
    return np.einsum("bhtv,hve->bte", heads, output_kernel)  # adds the heads


# heads-grouped
def grouped_attention(query, key, value):
    group_size = len(query) // len(key)
    key = np.repeat(key, group_size, axis=0)  # (H, S, d)
    value = np.repeat(value, group_size, axis=0)  # (H, S, v)
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(query.shape[-1])
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return weights @ value


# heads-one-head-error
def one_head_error(coefficients):
    # With c > 0 the head matches every positive coefficient exactly and
    # does best to ignore the negative ones; with c < 0, the reverse.
    squares = coefficients**2
    positive, negative = coefficients > 0, coefficients < 0
    return min(squares[positive].sum(), squares[negative].sum())


BY_ID = {
    "heads-attention": multi_head,
    "heads-grouped": grouped_attention,
    "heads-one-head-error": one_head_error,
}
