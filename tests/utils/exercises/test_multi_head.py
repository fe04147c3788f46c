"""The exercises on multi-head attention: what other libraries answer, and inputs that show every case."""

import inspect

import numpy as np
import pytest

from tests.support.exercise_draws import drawn
from tests.support.exercise_toys import message
from utils.exercises import check
from utils.exercises.multi_head.attention import multi_head
from utils.exercises.multi_head.grouped import grouped_attention


def test_keras_returns_the_same_attention():
    from keras import layers

    def attend(x, *kernels):
        sizes = kernels[0].shape[1], kernels[1].shape[2], kernels[2].shape[2]
        layer = layers.MultiHeadAttention(*sizes, use_bias=False, output_shape=kernels[3].shape[2])
        layer.build(x.shape, x.shape)
        layer.set_weights(kernels)
        return layer(x, x)

    assert check("heads-attention", attend)


def test_library_attention_shares_heads_in_the_same_way():
    from utils.attention import scaled_dot_product_attention

    def attend(query, key, value):
        return scaled_dot_product_attention(query[None], key[None], value[None])[0][0]

    assert check("heads-grouped", attend)


# Answers that must not pass


def test_four_query_heads_that_read_two_heads_of_keys_do_not_pass():
    """Of 8 query heads and 2 of keys, say, four in a row share one."""

    def attend(query, key, value):
        share = len(query) // len(key)
        head = np.minimum(np.arange(len(query)) // (2 if share == 4 else share), len(key) - 1)
        return grouped_attention(query, key[head], value[head])

    assert message("heads-grouped", attend).startswith("expected ")


@pytest.mark.parametrize(
    ("exercise_id", "right"), [("heads-attention", multi_head), ("heads-grouped", grouped_attention)]
)
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_an_answer_that_loses_axes_of_size_one_does_not_pass(exercise_id, right, axis):
    def squeezed(*inputs):
        result = right(*inputs)
        return result.squeeze(axis) if axis is None or result.shape[axis] == 1 else result

    squeezed.__signature__ = inspect.signature(right)
    assert message(exercise_id, squeezed).startswith("expected ")


# Verdicts of the predictions


@pytest.mark.parametrize(
    ("places", "told"),
    [
        (30, "as if every row held three places"),
        (sum(min(row, 3) for row in range(10)), "the tokens themselves are missing"),
        (sum(4 for row in range(10) if row >= 3), "the first three rows count for nothing"),
    ],
)
def test_a_wrong_count_of_a_mask_is_told_what_it_counts(places, told):
    result = check("heads-predict-window", (4, 2, places, 10, 6, 5))
    assert not result
    assert told in f"{result.message}"


# Inputs


def test_value_dim_is_key_dim_in_the_first_four_trials_of_attention_alone():
    for trial, (x, query_kernel, key_kernel, value_kernel, output_kernel) in enumerate(drawn("heads-attention")):
        assert query_kernel.shape == key_kernel.shape
        assert (key_kernel.shape == value_kernel.shape) == (trial < 4)
        assert output_kernel.shape[:2] == value_kernel.shape[1:]
        axes = {*x.shape, *key_kernel.shape, *value_kernel.shape, *output_kernel.shape}
        if trial == 39:
            assert (*x.shape[:2], key_kernel.shape[1]) == (1, 1, 1)
            continue
        assert len(axes) == (6 if trial < 4 else 7)


def test_scores_of_attention_neither_vanish_nor_saturate():
    for x, query_kernel, key_kernel, *_ in drawn("heads-attention")[:39]:  # the last has one score
        query, key = (np.einsum("btd,dhk->bhtk", x, kernel) for kernel in (query_kernel, key_kernel))
        spread = (query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])).std()
        assert 0.5 < spread < 8


def test_groups_of_one_and_of_all_heads_are_tried_and_others():
    seen, shares = set(), set()
    for trial, (query, key, value) in enumerate(drawn("heads-grouped")):
        num_heads, num_groups = len(query), len(key)
        assert num_heads % num_groups == 0
        assert key.shape[:2] == value.shape[:2]
        sizes = {query.shape[1], key.shape[1], key.shape[2], value.shape[2]}
        assert len(sizes) == (3 if trial in (0, 39) else 4)
        seen.add((num_groups == 1, num_groups == num_heads))
        shares.add(num_heads // num_groups)
    assert shares == {1, 2, 3, 4, 5}
    assert seen == {(True, False), (False, True), (False, False), (True, True)}
    query, key, _ = drawn("heads-grouped")[0]
    assert len(query) // len(key) < len(key)  # so that h // G stays in range


def test_coefficients_show_both_signs_each_sign_alone_and_zero():
    seen = {tuple(sorted(set(np.sign(a)))) for (a,) in drawn("heads-one-head-error")}
    assert seen == {(-1, 1), (-1, 0, 1), (1,), (-1,)}
