"""The exercises on attention: what other libraries answer, and answers that are almost right."""

import numpy as np
import pytest
from scipy.special import logsumexp

from tests.support.attention_slips import (
    NEARLY_RIGHT,
    exponentials_masked,
    forbidden_with,
    maximum_of_all_keys,
    softmax_then_renormalised,
    stream_from,
    stream_of_long_blocks,
    stream_of_width_31,
    stream_squeezed,
    stream_without,
)
from tests.support.attention_solutions import BY_ID
from tests.support.exercise_toys import Hidden
from utils.exercises import check
from utils.exercises.attention.inputs import softmax
from utils.exercises.engine.checker import EXERCISES


def test_library_passes_where_it_answers_the_same_question():
    from utils.attention import scaled_dot_product_attention

    assert check("attention-masked", Hidden(scaled_dot_product_attention))


def test_softmax_of_another_library_passes_in_every_type(require):
    require("scipy")
    from scipy.special import softmax as independent

    def answer(scores):  # SciPy adds up in the type that it is given, which overflows for a long row in float16
        wide = scores.astype(np.promote_types(scores.dtype, np.float32))
        return independent(wide, axis=-1).astype(scores.dtype)

    assert check("attention-stable-softmax", answer)


@pytest.mark.parametrize("least", [np.float32, np.float64])
@pytest.mark.parametrize("reduced", [logsumexp, np.logaddexp.reduce], ids=["logsumexp", "logaddexp"])
def test_softmax_by_log_sum_exp_passes_where_its_logarithm_is_not_in_float16(least, reduced):
    def answer(scores):
        wide = scores.astype(np.promote_types(scores.dtype, least))
        return np.exp(wide - reduced(wide, axis=-1, keepdims=True)).astype(scores.dtype)

    assert check("attention-stable-softmax", answer)


def test_softmax_in_a_narrower_type_than_its_input_fails():
    def answer(scores):
        exponentials = np.exp((scores - scores.max(axis=-1, keepdims=True)).astype(np.float16))
        return (exponentials / exponentials.sum(axis=-1, keepdims=True)).astype(scores.dtype)

    assert "attention-stable-softmax: expected " in check("attention-stable-softmax", answer).message


@pytest.mark.parametrize(("dtype", "factor"), [("float16", 1.012), ("float32", 1.0015), ("float64", 1 + 2e-12)])
def test_softmax_whose_rows_sum_to_a_little_more_than_one_fails(dtype, factor):
    def answer(scores):
        weights = softmax(scores.astype(np.float64)) * (factor if scores.dtype == dtype else 1)
        return weights.astype(scores.dtype)

    assert (
        f"nearly right, but in {dtype} a row sums to 1 with an error"
        in check("attention-stable-softmax", answer).message
    )


def test_softmax_that_adds_up_in_float16_fails_for_a_long_row():
    def answer(scores):
        exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return exponentials / exponentials.sum(axis=-1, keepdims=True)

    told = check("attention-stable-softmax", answer)
    assert not told
    assert "a long row add up to infinity" in told.message


def test_softmax_that_is_exact_for_one_axis_alone_fails_for_long_rows():
    def answer(scores):
        exact = scores.astype(np.float64) if scores.ndim == 1 else scores
        exponentials = np.exp(exact - exact.max(axis=-1, keepdims=True))
        return (exponentials / exponentials.sum(axis=-1, keepdims=True)).astype(scores.dtype)

    assert not check("attention-stable-softmax", answer)


@pytest.mark.parametrize("scalar", [False, True])
def test_softmax_in_longdouble_is_told_its_type(scalar):
    def answer(scores):
        wide = scores.astype(np.longdouble)
        exponentials = np.exp(wide - wide.max(axis=-1, keepdims=True))
        return np.longdouble(1) if scalar else exponentials / exponentials.sum(axis=-1, keepdims=True)

    told = check("attention-stable-softmax", answer)
    assert not told
    assert "expected " in told.message or "same result" in told.message


def test_masked_attention_in_float32_passes():
    def answer(query, key, value, mask):
        return BY_ID["attention-masked"](*(array.astype(np.float32) for array in (query, key, value)), mask)

    assert check("attention-masked", answer)


@pytest.mark.parametrize("number", [-30, -1000])
@pytest.mark.parametrize("added", [False, True], ids=["replaced", "added"])
def test_finite_number_in_place_of_minus_infinity_fails(number, added):
    assert not check("attention-masked", forbidden_with(number, added=added))


@pytest.mark.parametrize("added", [False, True], ids=["replaced", "added"])
def test_finite_number_that_is_low_enough_for_the_stated_range_passes(added):
    def forbidden(query, key, value, mask):
        scores = query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])
        weights = softmax(np.where(mask, scores, -5000 + scores if added else -5000)) * mask
        return weights @ value, weights

    assert check("attention-masked", forbidden)


@pytest.mark.parametrize("gap", [12, 40])
def test_forbidden_key_that_keeps_a_weight_below_the_tolerance_fails(gap):
    def forbidden(query, key, value, mask):
        scores = query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])
        largest = np.where(mask, scores, -1e300).max(axis=-1, keepdims=True)
        weights = softmax(np.where(mask, scores, largest - gap)) * mask.any(axis=-1, keepdims=True)
        return weights @ value, weights

    told = check("attention-masked", forbidden)
    assert f"a forbidden key keeps a weight: up to {np.exp(-gap):.0e}" in told.message
    assert "−∞" in told.hint


def test_number_below_the_lowest_stated_score_by_little_fails():
    def forbidden(query, key, value, mask):
        scores = query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])
        weights = softmax(np.where(mask, scores, -1010)) * mask.any(axis=-1, keepdims=True)
        return weights @ value, weights

    assert "a forbidden key keeps a weight" in check("attention-masked", forbidden).message


@pytest.mark.parametrize("answer", [exponentials_masked, maximum_of_all_keys, softmax_then_renormalised])
def test_masked_attention_that_is_right_for_small_scores_alone_fails(answer):
    exercise = EXERCISES["attention-masked"]
    *arrays, mask = exercise.draw(0)
    np.testing.assert_allclose(answer(*arrays, mask)[0], exercise.reference(*arrays, mask)[0])
    assert not check("attention-masked", answer)


def test_query_gradient_agrees_with_finite_differences():
    def numeric(query, key, value, output_gradient):
        def loss(at):
            return float((softmax(at @ key.T / np.sqrt(key.shape[-1])) @ value * output_gradient).sum())

        gradient = np.empty_like(query)
        for place in np.ndindex(query.shape):
            step = np.zeros_like(query)
            step[place] = 1e-6
            gradient[place] = (loss(query + step) - loss(query - step)) / 2e-6
        return gradient

    assert check("attention-query-gradient", numeric)


def test_streaming_reference_agrees_with_all_keys_at_once():
    exercise = EXERCISES["attention-streaming"]
    for trial in range(exercise.trials):
        query, blocks = exercise.draw(trial)
        keys, values = (np.concatenate(arrays) for arrays in zip(*blocks._blocks, strict=True))
        expected = softmax(query @ keys.T / np.sqrt(query.shape[-1])) @ values
        np.testing.assert_allclose(exercise.reference(query, blocks), expected, rtol=1e-9)


# Answers that must not pass


@pytest.mark.parametrize(("exercise_id", "answer"), NEARLY_RIGHT)
def test_answer_for_some_axes_and_masks_alone_fails(exercise_id, answer):
    assert not check(exercise_id, answer)
    exercise = EXERCISES[exercise_id]
    inputs = next(exercise.draw(trial) for trial in range(exercise.trials) if exercise.draw(trial)[0].ndim == 2)
    np.testing.assert_allclose(answer(*inputs)[0], exercise.reference(*inputs)[0], rtol=1e-3)


@pytest.mark.parametrize("answer", [stream_of_long_blocks, stream_squeezed, stream_of_width_31])
def test_stream_that_is_right_for_long_blocks_or_one_width_alone_fails(answer):
    exercise = EXERCISES["attention-streaming"]
    np.testing.assert_allclose(answer(*exercise.draw(0)), exercise.reference(*exercise.draw(0)))
    assert not check("attention-streaming", answer)


@pytest.mark.parametrize("part", ["exponentials_below", "factors_below"])
@pytest.mark.parametrize("number", [1e-3, 1e-4, 1e-5, 3e-7])
def test_stream_that_leaves_out_what_is_small_fails_for_a_long_tail(part, number):
    answer, exercise = stream_without(**{part: number}), EXERCISES["attention-streaming"]
    np.testing.assert_allclose(answer(*exercise.draw(6)), exercise.reference(*exercise.draw(6)), rtol=5e-3, atol=5e-4)
    assert not check("attention-streaming", answer)
    assert check("attention-streaming", stream_without())


def test_stream_in_float32_passes():
    def answer(query, blocks):
        narrow = (tuple(one.astype(np.float32) for one in block) for block in blocks)
        return BY_ID["attention-streaming"](query.astype(np.float32), narrow)

    assert check("attention-streaming", answer)


def test_streams_have_blocks_of_one_row_and_one_has_one_block_and_one_query():
    drawn = [EXERCISES["attention-streaming"].draw(trial) for trial in range(8)]
    assert sum(min(len(key) for key, _ in blocks._blocks) == 1 for _, blocks in drawn) == 2
    assert [len(query) for query, blocks in drawn if len(blocks._blocks) == 1] == [1]


def test_axes_told_by_their_sizes_are_not_told_where_sizes_are_equal():
    def by_size(query, key, value):
        leading = [size for size in query if size in value]
        return (*leading, query[-2], value[-1]), (*leading, query[-2], key[-2])

    def by_others(query, key, value):
        leading = [size for size in query if size not in query[-2:]]
        return (*leading, query[-2], value[-1]), (*leading, query[-2], key[-2])

    assert not check("attention-shapes", by_size)
    assert not check("attention-shapes", by_others)


def test_stream_in_which_infinity_meets_zero_is_not_only_told_that_blocks_are_kept():
    def answer(query, blocks):
        largest, total, mixed = -np.inf, 0.0, 0.0
        for key, value in blocks:
            scores = query @ key.T / np.sqrt(query.shape[-1])
            new = np.maximum(largest, scores.max(axis=-1, keepdims=True))
            rescale, exponentials = np.exp(new - largest), np.exp(scores - new)
            total = rescale * total + exponentials.sum(axis=-1, keepdims=True)
            mixed, largest = rescale * mixed + exponentials @ value, new
        return mixed / total

    assert "or does ∞ meet 0?" in check("attention-streaming", answer).message


def test_scores_of_the_gradient_exercise_lie_where_the_chapter_says():
    exercise = EXERCISES["attention-query-gradient"]
    for trial in range(exercise.trials):
        query, key, *_ = exercise.draw(trial)
        assert np.abs(query @ key.T / np.sqrt(key.shape[1])).max() <= 10


@pytest.mark.parametrize("number", [-1e3, -1e4, -1e5, -1e6, -1e9, -1e18, -1e30, -9.9e30])
def test_stream_that_begins_with_a_number_in_place_of_minus_infinity_fails(number):
    answer, exercise = stream_from(number), EXERCISES["attention-streaming"]
    np.testing.assert_allclose(answer(*exercise.draw(0)), exercise.reference(*exercise.draw(0)))
    assert not check("attention-streaming", answer)
