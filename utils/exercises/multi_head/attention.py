"""Exercise of chapter 2 on the whole of it: project into heads, attend in each, add up what they find.

Letters in shapes: B batch, T tokens, H heads, D width of x, E width of the output; their sizes are distinct primes, but
for one trial.
"""

from collections.abc import Callable

import numpy as np

from utils.exercises.attention.inputs import sizes, softmax
from utils.exercises.engine.exercise import Exercise, Mistake


def multi_head(
    x: np.ndarray, query_kernel: np.ndarray, key_kernel: np.ndarray, value_kernel: np.ndarray, output_kernel: np.ndarray
) -> np.ndarray:
    """Multi-head self-attention without mask and bias: (B, T, D) to (B, T, E).

    The kernels are (D, H, key_dim) for query and key, (D, H, value_dim) for value, (H, value_dim, E) for output.
    Source: Vaswani et al. (2017), arXiv:1706.03762, section 3.2.2.
    """
    return _layer()(x, query_kernel, key_kernel, value_kernel, output_kernel)


def _project(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return np.einsum("btd,dhk->bhtk", x, kernel)


def _add_heads(heads: np.ndarray, output_kernel: np.ndarray) -> np.ndarray:
    return np.einsum("bhtv,hve->bte", heads, output_kernel)


def _join(rows: np.ndarray, output_kernel: np.ndarray) -> np.ndarray:
    """Project rows (B, T, H·value_dim), however they were made."""
    return rows @ output_kernel.reshape(-1, output_kernel.shape[-1])


def _layer(
    project: Callable[..., np.ndarray] = _project,
    normalise: Callable[[np.ndarray], np.ndarray] = softmax,
    combine: Callable[..., np.ndarray] = _add_heads,
) -> Callable[..., np.ndarray]:
    """Make a layer in which one step may be wrong: into heads, from scores to weights, out of heads."""

    def attend(x: np.ndarray, *kernels: np.ndarray) -> np.ndarray:
        query, key, value = (project(x, kernel) for kernel in kernels[:3])
        scores = query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])
        return combine(normalise(scores) @ value, kernels[3])

    return attend


def _layer_rescaled(factor: Callable[[int, int, int, int], float]) -> Callable[..., np.ndarray]:
    """Make a layer whose scale is wrong by a factor, a function of (D, H, key_dim, value_dim)."""

    def attend(x: np.ndarray, query_kernel: np.ndarray, *others: np.ndarray) -> np.ndarray:
        return multi_head(x, query_kernel * factor(*query_kernel.shape, others[1].shape[-1]), *others)

    return attend


def _key_kernel_for_values(
    x: np.ndarray, query_kernel: np.ndarray, key_kernel: np.ndarray, value_kernel: np.ndarray, output_kernel: np.ndarray
) -> np.ndarray:
    # Where the widths differ, the output kernel does not fit the keys: the learner's code raises there.
    mixed = key_kernel if key_kernel.shape == value_kernel.shape else value_kernel
    return multi_head(x, query_kernel, key_kernel, mixed, output_kernel)


def _softmax_along(axis: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda scores: softmax(scores.swapaxes(axis, -1)).swapaxes(axis, -1)


def _project_by_token(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return _project(x, kernel).swapaxes(1, 2)  # (B, T, H, k)


def _project_and_cut(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Cut (B, T, H·k) by a reshape alone."""
    return _project_by_token(x, kernel).reshape(len(x), kernel.shape[1], x.shape[1], -1)


def _join_by_reshape(heads: np.ndarray, output_kernel: np.ndarray) -> np.ndarray:
    return _join(heads.reshape(len(heads), heads.shape[2], -1), output_kernel)


def _taken_apart_as_heads_first(heads: np.ndarray, output_kernel: np.ndarray) -> np.ndarray:
    other = heads.reshape(heads.shape[1], heads.shape[0], *heads.shape[2:])
    return _add_heads(other.swapaxes(0, 1), output_kernel)


def _taken_apart_as_batch_first(heads: np.ndarray, output_kernel: np.ndarray) -> np.ndarray:
    return _add_heads(heads.swapaxes(0, 1).reshape(heads.shape), output_kernel)


_SMALL = 39  # the trial with one text of one token and one head: no axis may be lost


def _layer_inputs(rng: np.random.Generator, trial: int) -> tuple:
    batch, length, num_heads, width, key_dim, value_dim = sizes(rng, 6)
    if trial < 4:
        value_dim = key_dim  # so that a key taken for a value is not stopped by its width
    if trial == _SMALL:
        batch = length = num_heads = 1
    x, *kernels = (
        rng.normal(size=shape)
        for shape in (
            (batch, length, width),
            (width, num_heads, key_dim),
            (width, num_heads, key_dim),
            (width, num_heads, value_dim),
            (num_heads, value_dim, 17 + 2 * (trial % 2)),
        )
    )
    return x, *(1.5 / np.sqrt(width) * kernel for kernel in kernels[:3]), kernels[3]


_MULTI_HEAD = Exercise(
    id="heads-attention",
    title="multi-head attention",
    reference=multi_head,
    make_inputs=_layer_inputs,
    note="key_dim ≠ value_dim included",
    hint="In order: project to (B, H, T, …), attend in each head, multiply each head by its own output kernel, add up.",
    mistakes=(
        Mistake(
            "key used as value",
            _key_kernel_for_values,
            "the weights mix the keys, not the values: the key kernel stands where the value kernel belongs",
            "Each of the four kernels is used once.",
        ),
        Mistake(
            "query used as key",
            lambda x, query_kernel, key_kernel, *others: multi_head(x, query_kernel, query_kernel, *others),
            "the queries are compared with themselves: the query kernel stands where the key kernel belongs",
            "Each of the four kernels is used once.",
        ),
        Mistake(
            "no scale",
            _layer_rescaled(lambda width, num_heads, key_dim, value_dim: key_dim**0.5),
            "the scores are not scaled",
            "Divide them by √key_dim.",
        ),
        Mistake(
            "scale by √D",
            _layer_rescaled(lambda width, num_heads, key_dim, value_dim: (key_dim / width) ** 0.5),
            "the scores are divided by √D, the width of x",
            "A score is a dot product inside one head: how many products does it add up?",
        ),
        Mistake(
            "scale by √(H·key_dim)",
            _layer_rescaled(lambda width, num_heads, key_dim, value_dim: num_heads**-0.5),
            "the scores are divided by √(H·key_dim), the width of all heads together",
            "A score is a dot product inside one head: how many products does it add up?",
        ),
        Mistake(
            "scale by √value_dim",
            _layer_rescaled(lambda width, num_heads, key_dim, value_dim: (key_dim / value_dim) ** 0.5),
            "the scores are divided by √value_dim",
            "A score compares a query with a key; the values come later.",
        ),
        Mistake(
            "scale by key_dim",
            _layer_rescaled(lambda width, num_heads, key_dim, value_dim: key_dim**-0.5),
            "the scores are divided by key_dim",
            "Variances add up to key_dim, so the standard deviation, which is what counts, is its square root.",
        ),
        Mistake(
            "mean over heads",
            lambda *inputs: multi_head(*inputs) / inputs[1].shape[1],
            "the result is too small by the number of heads: their mean is taken, not their sum",
            "Concat(head₁, …)·W is a sum: each head meets its own rows of W, and the products add up.",
        ),
        Mistake(
            "heads not added",
            _layer(combine=lambda heads, kernel: np.einsum("bhtv,hve->bhte", heads, kernel)),
            "the heads are projected but not added: (B, H, T, E)",
            "What the heads have found is added up: one row for each token, whatever the number of heads.",
        ),
        Mistake(
            "last head",
            _layer(combine=lambda heads, kernel: heads[:, -1] @ kernel[-1]),
            "only the last head is in the result",
            "In a loop over heads, add each to a running sum instead of replacing what was there.",
        ),
        Mistake(
            "softmax over the queries",
            _layer(normalise=_softmax_along(-2)),
            "the softmax runs over the queries: columns sum to 1, not rows",
            "Each query shares out its attention among the keys: normalise along the last axis.",
        ),
        Mistake(
            "softmax over the heads",
            _layer(normalise=_softmax_along(1)),
            "the softmax runs over the heads: for each pair of tokens the heads share out 1 among themselves",
            "Heads know nothing of each other: in each of them every query shares out its attention among the keys.",
        ),
        Mistake(
            "heads attend to heads",
            _layer(_project_by_token, combine=lambda heads, kernel: _add_heads(heads.swapaxes(1, 2), kernel)),
            "the heads of one token attend to each other; no token sees another",
            "A matrix product works on the last two axes: with (B, T, H, key_dim) those are heads and features.",
        ),
        Mistake(
            "cut by reshape alone",
            _layer(_project_and_cut),
            "heads are cut by a reshape alone: a head gets the whole rows of a few tokens",
            "After x @ kernel the heads of one token lie side by side: reshape to (B, T, H, …), then swap axes.",
        ),
        Mistake(
            "joined by reshape alone",
            _layer(combine=_join_by_reshape),
            "heads are joined by a reshape alone: a row holds several tokens of one head",
            "From (B, H, T, value_dim) first swap axes to (B, T, H, value_dim), then make one axis of the last two.",
        ),
        Mistake(
            "cut and joined by reshape alone",
            _layer(_project_and_cut, combine=_join_by_reshape),
            "heads are cut and joined by reshapes alone: the shapes fit, but tokens are torn apart on the way",
            "Swap the axes of tokens and heads after the first reshape, and back before the second.",
        ),
        Mistake(
            "(B·H) taken apart as (H, B)",
            _layer(combine=_taken_apart_as_heads_first),
            "heads get mixed across the batch: an axis made of (B, H) is taken apart as (H, B)",
            "A joined axis must be taken apart in the order in which it was made.",
        ),
        Mistake(
            "(H·B) taken apart as (B, H)",
            _layer(combine=_taken_apart_as_batch_first),
            "heads get mixed across the batch: an axis made of (H, B) is taken apart as (B, H)",
            "A joined axis must be taken apart in the order in which it was made.",
        ),
    ),
)

EXERCISES = (_MULTI_HEAD,)
