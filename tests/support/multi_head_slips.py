"""Wrong answers to the exercises on multi-head attention, in the words that learners might choose."""

import numpy as np

from tests.support.attention_solutions import softmax


def layer(scale=lambda x, kernels: kernels[0].shape[-1] ** 0.5, picked=(0, 1, 2), join="rows", axis=-1):
    """Write multi-head attention as a loop over heads; one choice is a learner's own."""

    def answer(x, *kernels):
        outputs = []
        for head in range(kernels[0].shape[1]):
            query, key, value = (x @ kernels[number][:, head] for number in picked)
            scores = query @ key.transpose(0, 2, 1) / scale(x, kernels)
            outputs.append(softmax(scores.swapaxes(axis, -1)).swapaxes(axis, -1) @ value)
        if join == "rows":
            return np.concatenate(outputs, axis=-1) @ kernels[3].reshape(-1, kernels[3].shape[-1])
        projected = np.stack([output @ kernel for output, kernel in zip(outputs, kernels[3], strict=True)], axis=1)
        return {"mean": projected.mean(axis=1), "last": projected[:, -1], "apart": projected}[join]

    return answer


def stacked(order, taken_apart):
    """Make one axis of batch and heads for a single batched product, and take it apart in some order."""

    def answer(x, *kernels):
        counts = {"b": len(x), "h": kernels[0].shape[1]}
        query, key, value = (np.einsum(f"btd,dhk->{order}tk", x, kernel) for kernel in kernels[:3])
        query, key, value = (array.reshape(-1, *array.shape[2:]) for array in (query, key, value))
        mixed = softmax(query @ key.transpose(0, 2, 1) / query.shape[-1] ** 0.5) @ value
        mixed = mixed.reshape(*(counts[letter] for letter in taken_apart), *mixed.shape[1:])
        return np.einsum(f"{taken_apart}tv,hve->bte", mixed, kernels[3])

    return answer


def views(cut_alone, joined_alone):
    """Reshape without a transpose on the way in, on the way out, or both, as `view` is misused in PyTorch."""

    def answer(x, *kernels):
        batch, length, _ = x.shape
        num_heads, output_kernel = kernels[0].shape[1], kernels[3].reshape(-1, kernels[3].shape[-1])
        shape = (batch, num_heads, length, -1) if cut_alone else (batch, length, num_heads, -1)
        query, key, value = ((x @ kernel.reshape(len(kernel), -1)).reshape(shape) for kernel in kernels[:3])
        if not cut_alone:
            query, key, value = (array.swapaxes(1, 2) for array in (query, key, value))
        mixed = softmax(query @ key.swapaxes(2, 3) / query.shape[-1] ** 0.5) @ value
        return (mixed if joined_alone else mixed.swapaxes(1, 2)).reshape(batch, length, -1) @ output_kernel

    return answer


def heads_left_behind_the_tokens(x, *kernels):
    query, key, value = (np.einsum("btd,dhk->bthk", x, kernel) for kernel in kernels[:3])
    mixed = softmax(query @ key.swapaxes(-1, -2) / query.shape[-1] ** 0.5) @ value
    return np.tensordot(mixed, kernels[3], axes=2)


def softmax_over_heads(x, *kernels):
    query, key, value = (np.einsum("btd,dhk->bthk", x, kernel) for kernel in kernels[:3])
    exponentials = np.exp(np.einsum("bthk,bshk->bhts", query, key) / query.shape[-1] ** 0.5)
    weights = exponentials / np.sum(exponentials, axis=1)[:, None]
    return np.einsum("bhts,bshv,hve->bte", weights, value, kernels[3])


def one_head(query, key, value):
    return softmax(query @ key.T / key.shape[-1] ** 0.5) @ value


def tiled(query, key, value):
    times = (len(query) // len(key), 1, 1)
    return np.stack([one_head(*heads) for heads in zip(query, np.tile(key, times), np.tile(value, times), strict=True)])


def indexed(group, attend=one_head):
    """Attend head by head, with the number of the key/value head from (head, H, G)."""

    def answer(query, key, value):
        groups = [group(head, len(query), len(key)) for head in range(len(query))]
        return np.array([attend(row, key[g], value[g]) for row, g in zip(query, groups, strict=True)])

    return answer


def as_asked(head, num_heads, num_groups):
    return head * num_groups // num_heads


def grouped(result="grtv->grtv", scale=lambda key, value: key.shape[-1] ** 0.5, flat=True, query_mean=False):
    """Give the query an axis for groups and one for the heads in them; one choice is a learner's own."""

    def answer(query, key, value):
        query = query.reshape(len(key), -1, *query.shape[1:])
        if query_mean:
            query = query.mean(axis=1, keepdims=True)
        weights = softmax(np.einsum("grtd,gsd->grts", query, key) / scale(key, value))
        output = np.einsum(result, np.einsum("grts,gsv->grtv", weights, value))
        return output.reshape(-1, *output.shape[-2:]) if flat else output

    return answer


def every_key(query, key, value):
    key, value = np.concatenate(list(key)), np.concatenate(list(value))
    return [one_head(row, key, value) for row in query]


SLIPS = [  # id, name of the mistake, answer
    ("heads-attention", "key used as value", layer(picked=(0, 1, 1))),
    ("heads-attention", "query used as key", layer(picked=(0, 0, 2))),
    ("heads-attention", "no scale", layer(scale=lambda x, kernels: 1)),
    ("heads-attention", "scale by √D", layer(scale=lambda x, kernels: np.sqrt(x.shape[-1]))),
    ("heads-attention", "scale by √(H·key_dim)", layer(scale=lambda x, kernels: np.sqrt(kernels[1][0].size))),
    ("heads-attention", "scale by √value_dim", layer(scale=lambda x, kernels: np.sqrt(kernels[3].shape[1]))),
    ("heads-attention", "scale by key_dim", layer(scale=lambda x, kernels: kernels[1].shape[2])),
    ("heads-attention", "mean over heads", layer(join="mean")),
    ("heads-attention", "heads not added", layer(join="apart")),
    ("heads-attention", "last head", layer(join="last")),
    ("heads-attention", "softmax over the queries", layer(axis=-2)),
    ("heads-attention", "softmax over the heads", softmax_over_heads),
    ("heads-attention", "heads attend to heads", heads_left_behind_the_tokens),
    ("heads-attention", "cut by reshape alone", views(cut_alone=True, joined_alone=False)),
    ("heads-attention", "joined by reshape alone", views(cut_alone=False, joined_alone=True)),
    ("heads-attention", "cut and joined by reshape alone", views(cut_alone=True, joined_alone=True)),
    ("heads-attention", "(B·H) taken apart as (H, B)", stacked("bh", "hb")),
    ("heads-attention", "(H·B) taken apart as (B, H)", stacked("hb", "bh")),
    ("heads-grouped", "cyclic", tiled),
    ("heads-grouped", "cyclic", indexed(lambda head, num_heads, num_groups: head % num_groups)),
    ("heads-grouped", "head 0 for all", indexed(lambda head, num_heads, num_groups: 0)),
    ("heads-grouped", "divided by G", indexed(lambda head, num_heads, num_groups: head // num_groups)),
    (
        "heads-grouped",
        "first G query heads",
        lambda q, k, v: np.stack([one_head(*heads) for heads in zip(q, k, v, strict=False)]),
    ),
    ("heads-grouped", "query heads averaged", grouped(query_mean=True)),
    ("heads-grouped", "outputs averaged", lambda *inputs: grouped(flat=False)(*inputs).mean(axis=1)),
    (
        "heads-grouped",
        "keys and values averaged",
        lambda q, k, v: [one_head(row, sum(k) / len(k), sum(v) / len(v)) for row in q],
    ),
    (
        "heads-grouped",
        "keys averaged",
        lambda q, k, v: [one_head(row, np.mean(k, axis=0), v[h * len(k) // len(q)]) for h, row in enumerate(q)],
    ),
    ("heads-grouped", "all keys", every_key),
    ("heads-grouped", "output in another order", grouped("grtv->rgtv")),
    ("heads-grouped", "groups kept apart", grouped(flat=False)),
    ("heads-grouped", "no scale", grouped(scale=lambda key, value: 1)),
    ("heads-grouped", "scale by √v", grouped(scale=lambda key, value: np.sqrt(value.shape[-1]))),
    ("heads-grouped", "key used as value", indexed(as_asked, lambda query, key, value: one_head(query, key, key))),
    (
        "heads-grouped",
        "softmax over the queries",
        indexed(as_asked, lambda query, key, value: softmax(key @ query.T / key.shape[-1] ** 0.5).T @ value),
    ),
]
