"""Exercise of chapter 2 on heads that share keys and values.

Letters in shapes: H query heads, G heads of key and value, T queries, S keys, d head size, v width of a value.
T, S, d and v are distinct primes, but for two trials; H is 1 to 5 times G.
"""

from collections.abc import Callable

import numpy as np

from utils.exercises.attention.inputs import sizes, softmax
from utils.exercises.engine.exercise import Exercise, Mistake


def grouped_attention(query: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Attention (H, T, v) in which each H/G consecutive heads of the query share one head of key and value.

    Source: Ainslie et al. (2023), arXiv:2305.13245; with G = 1, Shazeer (2019), arXiv:1911.02150.
    """
    return _assigned(_group)(query, key, value)


def _group(head: np.ndarray, num_heads: int, num_groups: int) -> np.ndarray:
    return head // (num_heads // num_groups)


def _assigned(group: Callable[[np.ndarray, int, int], np.ndarray]) -> Callable[..., np.ndarray]:
    """Make attention from a function (head, H, G) that gives the key/value head of each query head."""

    def attend(query: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
        chosen = group(np.arange(len(query)), len(query), len(key))
        return _attention(query, key[chosen], value[chosen])

    return attend


def _attention(query: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
    return softmax(query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])) @ value


def _groups_rescaled(factor: Callable[[int, int], float]) -> Callable[..., np.ndarray]:
    """Make attention whose scale is wrong by a factor, a function of (d, v)."""
    return lambda query, key, value: grouped_attention(query * factor(key.shape[-1], value.shape[-1]), key, value)


def _softmax_over_queries(query: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
    chosen = _group(np.arange(len(query)), len(query), len(key))
    scores = query @ key[chosen].swapaxes(-1, -2) / np.sqrt(key.shape[-1])
    return softmax(scores.swapaxes(-1, -2)).swapaxes(-1, -2) @ value[chosen]


def _by_group(x: np.ndarray, num_groups: int) -> np.ndarray:
    return x.reshape(num_groups, -1, *x.shape[1:])  # (G, H/G, T, …)


def _reordered(query: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
    output = grouped_attention(query, key, value)
    return _by_group(output, len(key)).swapaxes(0, 1).reshape(output.shape)


def _all_keys(query: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
    return _attention(query, key.reshape(-1, key.shape[-1]), value.reshape(-1, value.shape[-1]))


_SMALL = 39  # the trial with one head, one query and one key: no axis may be lost


def _grouped_inputs(rng: np.random.Generator, trial: int) -> tuple:
    length, num_keys, dim, value_dim = sizes(rng, 4)
    share, num_groups = (int(size) for size in rng.permutation((2, 3, 4, 5))[:2])
    if trial == 0:  # so that neither a width nor an index that runs out of range gives a mistake away
        value_dim, share, num_groups = dim, *sorted((share, num_groups))
    if trial % 5 == 1:
        num_groups = 1
    if trial % 5 == 3:
        share = 1
    if trial == _SMALL:
        length = num_keys = share = num_groups = 1
    query = 1.5 * rng.normal(size=(num_groups * share, length, dim))
    key = 1.5 * rng.normal(size=(num_groups, num_keys, dim))
    return query, key, rng.normal(size=(num_groups, num_keys, value_dim))


_GROUPED = Exercise(
    id="heads-grouped",
    title="heads that share keys and values",
    reference=grouped_attention,
    make_inputs=_grouped_inputs,
    note="G = 1 and G = H included",
    hint="Each key/value head serves H/G query heads in a row: repeat it as often, then attend head by head.",
    mistakes=(
        Mistake(
            "cyclic",
            _assigned(lambda head, num_heads, num_groups: head % num_groups),
            "key/value heads are dealt out in turn: query head h reads head h mod G, as np.tile lays them out",
            "Consecutive query heads share: first all that read head 0, then all that read head 1.",
        ),
        Mistake(
            "head 0 for all",
            _assigned(lambda head, num_heads, num_groups: 0 * head),
            "every query head reads key/value head 0",
            "That is multi-query attention, the case G = 1. Here each group of query heads has a head of its own.",
        ),
        Mistake(
            "divided by G",
            _assigned(lambda head, num_heads, num_groups: np.minimum(head // num_groups, num_groups - 1)),
            "query head h reads key/value head h // G",
            "G is the number of groups. What h has to be divided by is the number of query heads in one group.",
        ),
        Mistake(
            "first G query heads",
            lambda query, key, value: _attention(query[: len(key)], key, value),
            "only the first G query heads attend, each to a key/value head of its own",
            "zip stops at the shortest. All H query heads attend.",
        ),
        Mistake(
            "query heads averaged",
            lambda query, key, value: _attention(_by_group(query, len(key)).mean(axis=1), key, value),
            "the query heads of a group are averaged into one",
            "They share keys and values, not the question: each gets weights and a result of its own.",
        ),
        Mistake(
            "outputs averaged",
            lambda query, key, value: _by_group(grouped_attention(query, key, value), len(key)).mean(axis=1),
            "the results of a group are averaged into one",
            "What leaves are H heads, one for each head of the query.",
        ),
        Mistake(
            "keys and values averaged",
            lambda query, key, value: _attention(query, key.mean(axis=0), value.mean(axis=0)),
            "keys and values are averaged over the G heads, and all query heads share the mean",
            "Means over heads serve to convert a trained model; attention reads one of the G heads as it stands.",
        ),
        Mistake(
            "keys averaged",
            lambda query, key, value: grouped_attention(query, np.broadcast_to(key.mean(axis=0), key.shape), value),
            "the keys are averaged over the G heads",
            "Each query head reads one of the G key heads as it stands, and the value head that goes with it.",
        ),
        Mistake(
            "all keys",
            _all_keys,
            "each query head attends to the keys of all G heads at once: its softmax runs over G·S of them",
            "A query head sees S keys, those of the head that its group shares.",
        ),
        Mistake(
            "output in another order",
            _reordered,
            "the heads are right but leave in another order: first one of each group, then the next",
            "Row h of the result belongs to query head h: flatten (G, H/G, …), groups in front.",
        ),
        Mistake(
            "groups kept apart",
            lambda query, key, value: _by_group(grouped_attention(query, key, value), len(key)),
            "groups and the heads in them are two axes still: (G, H/G, T, v)",
            "Make one axis of the first two.",
        ),
        Mistake(
            "no scale",
            _groups_rescaled(lambda dim, value_dim: dim**0.5),
            "the scores are not scaled",
            "Divide them by √d.",
        ),
        Mistake(
            "scale by √v",
            _groups_rescaled(lambda dim, value_dim: (dim / value_dim) ** 0.5),
            "the scores are divided by √v, the width of a value",
            "A score is a sum of d products: the number that counts is the width of a key.",
        ),
        Mistake(
            "key used as value",
            lambda query, key, value: grouped_attention(query, key, key),
            "the weights mix the keys, not the values",
            "The keys decide how much of each value is taken; the values are what is taken.",
        ),
        Mistake(
            "softmax over the queries",
            _softmax_over_queries,
            "the softmax runs over the queries: columns sum to 1, not rows",
            "Each query shares out its attention among the keys: normalise along the last axis.",
        ),
    ),
)

EXERCISES = (_GROUPED,)
