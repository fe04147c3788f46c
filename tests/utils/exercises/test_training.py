"""The exercises on training: what is right in more than one way."""

import numpy as np
import pytest

from tests.support.exercise_draws import drawn
from tests.support.exercise_toys import message
from tests.support.training_slips import from_longest, logarithm_last, shares
from tests.support.training_solutions import BY_ID
from utils.exercises import check
from utils.exercises.training.losses import smoothed_loss


@pytest.mark.parametrize("order", [np.sort, from_longest])
@pytest.mark.parametrize("form", [float, np.float64, np.float32, np.array])
def test_useful_share_may_begin_with_the_shortest_text_or_with_the_longest(order, form):
    verdict = check("training-useful-share", lambda lengths, size: form(shares(order=order)(lengths, size)))
    assert verdict.message.startswith("training-useful-share: right on all 40 trials")


@pytest.mark.parametrize("change", [lambda share: 1.001 * share, lambda share: 1 - share, lambda share: [share]])
def test_what_is_near_the_share_from_the_longest_is_wrong(change):
    assert not check("training-useful-share", lambda *inputs: change(shares(order=from_longest)(*inputs)))


def test_sorting_the_argument_itself_is_told_from_the_longest_too():
    def in_place(lengths, size):
        lengths[:] = from_longest(lengths)
        return shares(order=np.array)(lengths, size)

    assert "writes to its argument `lengths`" in check("training-useful-share", in_place).message


FAR_APART = (np.array([[3000.0, 0, 0], [0, 2000, 1000]]), np.array([0, 1]), 0.1, -1)


@pytest.mark.parametrize("loss", [smoothed_loss, BY_ID["training-smoothed-loss"]])
def test_smoothed_loss_of_scores_thousands_apart_is_finite(loss):
    assert loss(*FAR_APART) == pytest.approx(150)  # by hand: a tenth of the mean of 2000 and 1000


def test_a_logarithm_of_a_probability_that_is_0_is_told_by_wide_rows():
    with np.errstate(divide="ignore"):
        assert logarithm_last(np.log)(*FAR_APART) == np.inf
    text = message("training-smoothed-loss", logarithm_last(np.log))
    assert text.startswith("takes the logarithm of a probability that is 0 (seen on ")


@pytest.mark.parametrize("small", [1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-300])
@pytest.mark.parametrize(
    "log",
    [lambda p, small: np.log(p + small), lambda p, small: np.log(np.clip(p, small, 1))],
    ids=["added", "least"],
)
def test_a_small_number_that_cuts_a_loss_off_is_told_by_wide_rows(log, small):
    loss = logarithm_last(lambda p: log(p, small))
    assert loss(*FAR_APART) < 50
    text = message("training-smoothed-loss", loss)
    assert text == "the loss is cut off where scores are thousands apart"


@pytest.mark.parametrize(
    "change", [lambda loss: loss + 1, lambda loss: -loss, lambda loss: [loss], lambda loss: np.nan]
)
def test_what_else_is_wrong_on_wide_rows_is_not_called_cut_off(change):
    def answer(logits, labels, smoothing, pad_id):
        loss = smoothed_loss(logits, labels, smoothing, pad_id)
        return change(loss) if np.ptp(logits, axis=1).max() > 1000 else loss

    assert "cut off" not in message("training-smoothed-loss", answer)


def test_a_loss_too_small_on_all_rows_is_not_called_cut_off():
    def answer(logits, labels, smoothing, pad_id):
        return smoothed_loss(logits, labels, smoothing, pad_id) * 0.7

    assert "wrong on 40 of 40 trials" in message("training-smoothed-loss", answer)


def test_some_rows_that_count_are_thousands_wide_and_no_right_result_overflows():
    inputs = drawn("training-smoothed-loss")
    wide = [np.ptp(logits[labels != pad_id], axis=1).max() > 2000 for logits, labels, _, pad_id in inputs]
    assert sum(wide) == 10
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        assert all(np.isfinite(smoothed_loss(*one)) for one in inputs)
