"""Self-attention with several heads: the sound layer, and three in which one line is wrong.

Each takes texts x (B, T, d) and kernels (w_q, w_k, w_v, w_o) of shapes (d, H, k), (d, H, k), (d, H, k) and (H, k, d);
each returns (B, T, d). The first two letters of a shape are those of `utils.layers`: B texts of T tokens.
"""

import numpy as np

from utils.clinic.attentions import plain_attention, row_softmax


def plain_heads(x, kernels):
    """Split into heads, attend in each, merge: section 3.2.2 of Vaswani et al. (2017), arXiv:1706.03762."""
    w_q, w_k, w_v, w_o = kernels
    query, key, value = (np.einsum("btd,dhk->bhtk", x, w) for w in (w_q, w_k, w_v))
    heads = plain_attention(query, key, value)  # (B, H, T, k)
    merged = heads.swapaxes(1, 2).reshape(*x.shape[:2], -1)  # (B, T, H k)
    return merged @ w_o.reshape(-1, w_o.shape[-1])


def merged_without_transpose(x, kernels):
    """Merge the heads by a reshape alone."""
    w_q, w_k, w_v, w_o = kernels
    query, key, value = (np.einsum("btd,dhk->bhtk", x, w) for w in (w_q, w_k, w_v))
    heads = plain_attention(query, key, value)  # (B, H, T, k)
    merged = heads.reshape(*x.shape[:2], -1)  # (B, T, H k)
    return merged @ w_o.reshape(-1, w_o.shape[-1])


def scaled_by_width(x, kernels):
    """Divide the scores by the root of the width of x."""
    w_q, w_k, w_v, w_o = kernels
    query, key, value = (np.einsum("btd,dhk->bhtk", x, w) for w in (w_q, w_k, w_v))
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(x.shape[-1])
    heads = row_softmax(scores) @ value
    return np.einsum("bhtk,hkd->btd", heads, w_o)


def three_attentions(x, kernels):
    """Let queries, keys and values each attend to themselves, and add up the three results."""
    w_q, w_k, w_v, w_o = kernels
    query, key, value = (np.einsum("btd,dhk->bhtk", x, w) for w in (w_q, w_k, w_v))
    heads = sum(plain_attention(part, part, part) for part in (query, key, value))
    return np.einsum("bhtk,hkd->btd", heads, w_o)
