"""Wrong answers to the exercises on attention, in the words that learners might choose."""

import numpy as np
from scipy.special import logsumexp

from tests.support import attention_solutions


def naive_softmax(scores):
    return np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)


def masked_with(forbid):
    def answer(query, key, value, mask):
        weights = naive_softmax(stable(forbid(query @ np.swapaxes(key, -1, -2) / key.shape[-1] ** 0.5, mask)))
        return weights @ value, weights

    return answer


def masked_late(query, key, value, mask):
    weights = naive_softmax(stable(query @ np.swapaxes(key, -1, -2) / key.shape[-1] ** 0.5))
    weights[~np.broadcast_to(mask, weights.shape)] = 0
    return weights @ value, weights


def unscaled(query, key, value, mask):
    scores = np.einsum("...td,...sd->...ts", query, key)
    weights = np.nan_to_num(naive_softmax(stable(np.where(mask, scores, -np.inf))))
    return weights @ value, weights


def exponentials_masked(query, key, value, mask):
    """No maximum at all."""
    exponentials = mask * np.exp(np.einsum("...td,...sd->...ts", query, key) / np.sqrt(key.shape[-1]))
    weights = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return weights @ value, weights


def maximum_of_all_keys(query, key, value, mask):
    scores = stable(np.einsum("...td,...sd->...ts", query, key) / np.sqrt(key.shape[-1]))
    weights = np.nan_to_num(np.exp(scores) * mask / (np.exp(scores) * mask).sum(axis=-1, keepdims=True))
    return weights @ value, weights


def softmax_then_renormalised(query, key, value, mask):
    weights = naive_softmax(stable(query @ np.swapaxes(key, -1, -2) / key.shape[-1] ** 0.5)) * mask
    weights = weights / weights.sum(axis=-1, keepdims=True)
    return weights @ value, weights


def forbidden_with(number, *, added):
    def weights_of(scores, mask):
        return np.where(mask, scores, number + scores if added else number)

    def answer(query, key, value, mask):
        weights = masked_with(weights_of)(query, key, value, mask)[1] * mask
        return weights @ value, weights

    return answer


def uniform_without_maximum(query, key, value, mask):
    """A softmax of −∞, with its 0/0 turned into zeros, and no maximum."""
    scores = np.where(mask, query @ np.swapaxes(key, -1, -2) / key.shape[-1] ** 0.5, -np.inf)
    weights = np.nan_to_num(naive_softmax(scores))
    return weights @ value, weights


def gradient_by_diagonal(query, key, value, output_gradient):
    weights = naive_softmax(query @ key.T / key.shape[-1] ** 0.5)
    derivative = np.array([np.diag(row * (1 - row)) for row in weights])
    return np.einsum("tsr,tr,sd->td", derivative, output_gradient @ value.T, key) / key.shape[-1] ** 0.5


def stream_with_list(query, blocks):
    blocks = list(blocks)
    scores = np.concatenate([query @ key.T for key, _ in blocks], axis=-1) / query.shape[-1] ** 0.5
    return attention_solutions.softmax(scores) @ np.concatenate([value for _, value in blocks])


def stream_averaged(query, blocks):
    total, count = 0, 0
    for key, value in blocks:
        total, count = total + attention_solutions.softmax(query @ key.T / query.shape[-1] ** 0.5) @ value, count + 1
    return total / count


def stream_naive(query, blocks):
    total = mixed = 0
    for key, value in blocks:
        exponentials = np.exp(query @ key.T / query.shape[-1] ** 0.5)
        total, mixed = total + exponentials.sum(axis=1)[:, None], mixed + exponentials @ value
    return mixed / total


def stream_not_rescaled(query, blocks):
    largest, total, mixed = np.full((len(query), 1), -np.inf), 0, 0
    for key, value in blocks:
        scores = query @ key.T / query.shape[-1] ** 0.5
        largest = np.maximum(largest, scores.max(axis=1, keepdims=True))
        total = total + np.exp(scores - largest).sum(axis=1, keepdims=True)
        mixed = mixed + np.exp(scores - largest) @ value
    return mixed / total


def stream_forgetful(query, blocks):
    largest, total, mixed = np.full((len(query), 1), -np.inf), 0, 0
    for key, value in blocks:
        scores = query @ key.T / query.shape[-1] ** 0.5
        old, largest = largest, scores.max(axis=1, keepdims=True)
        share = np.exp(old - largest)
        total = total * share + np.exp(scores - largest).sum(axis=1, keepdims=True)
        mixed = mixed * share + np.exp(scores - largest) @ value
    return mixed / total


def stream_from(number):
    """Begin with a number as the maximum, not with -inf: queries whose scores all lie far below underflow to 0/0."""

    def answer(query, blocks):
        largest, total, mixed = np.full((len(query), 1), number), 0, 0
        for key, value in blocks:
            scores = query @ key.T / query.shape[-1] ** 0.5
            old, largest = largest, np.maximum(largest, scores.max(axis=1, keepdims=True))
            total = total * np.exp(old - largest) + np.exp(scores - largest).sum(axis=1, keepdims=True)
            mixed = mixed * np.exp(old - largest) + np.exp(scores - largest) @ value
        return mixed / total

    return answer


def stream_of_long_blocks(query, blocks):
    """Leaves blocks of less than 60 rows out."""
    return attention_solutions.streaming_attention(query, (block for block in blocks if len(block[0]) >= 60))


def stream_squeezed(query, blocks):
    """Takes out the axis of the keys where a block has one."""
    largest, total, mixed = -np.inf, 0, 0
    for key, value in blocks:
        scores = np.squeeze(query @ key.T) / query.shape[-1] ** 0.5
        old, largest = largest, np.maximum(largest, scores.max(axis=-1, keepdims=True))
        total = total * np.exp(old - largest) + np.exp(scores - largest).sum(axis=-1, keepdims=True)
        mixed = mixed * np.exp(old - largest) + np.exp(scores - largest) @ value
    return mixed / total


def stream_without(*, exponentials_below=0.0, factors_below=0.0):
    """Leaves small numbers out, each of which counts for little; of a long tail they count together."""

    def answer(query, blocks):
        largest, total, mixed = -np.inf, 0, 0
        for key, value in blocks:
            scores = query @ key.T / query.shape[-1] ** 0.5
            old, largest = largest, np.maximum(largest, scores.max(axis=1, keepdims=True))
            factor, exponentials = np.exp(old - largest), np.exp(scores - largest)
            factor = np.where(factor < factors_below, 0, factor)
            exponentials = np.where(exponentials < exponentials_below, 0, exponentials)
            total = total * factor + exponentials.sum(axis=1, keepdims=True)
            mixed = mixed * factor + exponentials @ value
        return mixed / total

    return answer


def stream_of_width_31(query, blocks):
    """Takes the width of the first stream for that of all."""
    wider = query * query.shape[-1] ** 0.5 / 31**0.5
    return attention_solutions.streaming_attention(wider, blocks)


def stable(scores):
    return scores - scores.max(axis=-1, keepdims=True)


def masked_softmax(query, keys, value, mask):
    scores = np.where(mask, query @ keys / np.sqrt(query.shape[-1]), -np.inf)
    largest = np.maximum(scores.max(axis=-1, keepdims=True), -1e30)
    exponentials = np.exp(scores - largest)
    weights = exponentials / np.maximum(exponentials.sum(axis=-1, keepdims=True), 1e-30)
    return weights @ value, weights


def with_one_leading_axis(query, key, value, mask):
    return masked_softmax(query, key.T if key.ndim == 2 else key.transpose(0, 2, 1), value, mask)


def with_a_mask_of_keys(query, key, value, mask):
    """Takes a mask (T, 1) for one of keys."""
    keys_alone = mask.shape[-1] == 1 and mask.shape[0] == len(query)
    return masked_softmax(query, key.swapaxes(-1, -2), value, np.ones_like(mask) if keys_alone else mask)


def with_padding_of_one_axis(query, key, value, mask):
    """Takes a mask (B, 1, 1, S) for one (B, 1, S)."""
    return masked_softmax(query, key.swapaxes(-1, -2), value, mask[:, 0] if mask.ndim == 4 else mask)


def with_a_mask_of_texts(query, key, value, mask):
    """Takes a mask (H, T, S) under arrays of four axes for one (B, T, S)."""
    three = query.ndim == 4 and mask.ndim == 3
    return masked_softmax(query, key.swapaxes(-1, -2), value, mask[:, None] if three else mask)


def with_two_leading_axes(query, key, value, mask):
    """Where there is a third, gives each index of the second the keys of its index 0."""
    if query.ndim == 5:
        key = key[:, :1].repeat(key.shape[1], axis=1)
    return masked_softmax(query, key.swapaxes(-1, -2), value, mask)


def softmax_up_to_three_axes(scores):
    axis = min(scores.ndim, 3) - 1
    return np.moveaxis(attention_solutions.softmax(np.moveaxis(scores, axis, -1)), -1, axis)


def uniform_in_long_rows(scores):
    if scores.shape[-1] > 65_000:
        return np.full_like(scores, 1 / scores.shape[-1])
    return attention_solutions.softmax(scores)


def with_a_total(total_of):
    """Adds up in the type of the scores; where the sum is infinite, takes another number for it."""

    def answer(scores):
        exponentials = np.exp(stable(scores))
        total = exponentials.sum(axis=-1, keepdims=True)
        total = np.where(np.isinf(total), total_of(scores), total.astype(float))
        return (exponentials / total).astype(scores.dtype)

    return answer


SLIPS = [  # id, name of the mistake, answer
    ("attention-shapes", "key_dim for value_dim", lambda q, k, v: (q, (*q[:-1], k[-2]))),
    ("attention-shapes", "leading axes dropped", lambda q, k, v: ((q[-2], v[-1]), [q[-2], k[-2]])),
    (
        "attention-shapes",
        "one leading axis",
        lambda q, k, v: ((*q[: len(q) > 2], q[-2], v[-1]), (*q[: len(q) > 2], q[-2], k[-2])),
    ),
    ("attention-shapes", "leading axes of the weights dropped", lambda q, k, v: ([*q[:-1], v[-1]], [q[-2], k[-2]])),
    ("attention-shapes", "output by keys", lambda q, k, v: ([*q[:-2], k[-2], v[-1]], [*k[:-2], q[-2], k[-2]])),
    ("attention-shapes", "weights of queries", lambda q, k, v: ([*q[:-1], v[-1]], [*k[:-2], q[-2], q[-2]])),
    ("attention-stable-softmax", "no maximum", naive_softmax),
    ("attention-stable-softmax", "maximum of the array", lambda scores: naive_softmax(scores - np.max(scores))),
    ("attention-stable-softmax", "log-sum-exp in float16", lambda s: np.exp(s - logsumexp(s, axis=-1, keepdims=True))),
    (
        "attention-stable-softmax",
        "first axis",
        lambda scores: attention_solutions.softmax(scores.swapaxes(0, -1)).swapaxes(0, -1),
    ),
    ("attention-masked", "NaN in empty rows", masked_with(lambda scores, mask: np.where(mask, scores, -np.inf))),
    ("attention-masked", "mask ignored in empty rows", masked_with(lambda scores, mask: scores - 1e9 * ~mask)),
    ("attention-masked", "uniform empty rows", masked_with(lambda scores, mask: np.where(mask, scores, -1e9))),
    ("attention-masked", "scores multiplied by the mask", masked_with(lambda scores, mask: scores * mask)),
    ("attention-masked", "not renormalised", masked_late),
    ("attention-masked", "no scale", unscaled),
    ("attention-masked", "no maximum, way 1", exponentials_masked),
    ("attention-masked", "no maximum, way 6", uniform_without_maximum),
    ("attention-masked", "forbidden maximum, way 1", softmax_then_renormalised),
    ("attention-masked", "forbidden maximum, way 2", maximum_of_all_keys),
    *(
        ("attention-masked", "not low enough, way 1", forbidden_with(number, added=added))
        for number in (-30, -100, -1e3)
        for added in (False, True)
    ),
    (
        "attention-masked",
        "mask inverted",
        lambda q, k, v, mask: attention_solutions.masked_attention(q, k, v, np.logical_not(mask)),
    ),
    ("attention-query-gradient", "softmax elementwise", gradient_by_diagonal),
    ("attention-streaming", "blocks kept", stream_with_list),
    ("attention-streaming", "outputs averaged", stream_averaged),
    ("attention-streaming", "no maximum", stream_naive),
    ("attention-streaming", "nothing rescaled", stream_not_rescaled),
    ("attention-streaming", "maximum of the block alone", stream_forgetful),
]

NEARLY_RIGHT = [  # exercise, answer that is right for some inputs and wrong for others that the exercise names
    ("attention-masked", with_one_leading_axis),
    ("attention-masked", with_a_mask_of_keys),
    ("attention-masked", with_padding_of_one_axis),
    ("attention-masked", with_a_mask_of_texts),
    ("attention-masked", with_two_leading_axes),
    ("attention-stable-softmax", softmax_up_to_three_axes),
    ("attention-stable-softmax", uniform_in_long_rows),
    ("attention-stable-softmax", with_a_total(lambda scores: scores.shape[-1])),
    ("attention-stable-softmax", with_a_total(lambda scores: 65_504)),
]
