"""Confidence against accuracy, and the temperature that brings them together."""

import numpy as np
import pytest

from utils.classification.calibration import (
    COLDEST,
    HOTTEST,
    at_temperature,
    cross_fitted,
    fit_temperature,
    reliability,
    rescaled,
)
from utils.classification.evaluation import Evaluation


def draw(texts, temperature, classes=3, seed=0):
    """Return an evaluation whose probabilities are honest once its logits are divided by a temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(texts, classes)) * 2
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(classes, p=row) for row in honest])
    return Evaluation(tuple("abcdefg"[:classes]), truth, at_temperature(honest, 1 / temperature))


def test_error_and_bins_are_those_counted_by_hand():
    probability = np.array([[0.95, 0.05], [0.15, 0.85], [0.35, 0.65], [0.61, 0.39]])
    found = reliability(Evaluation(("no", "yes"), np.array([0, 0, 1, 0]), probability), bins=5)
    assert found.texts.tolist() == [0, 0, 0, 2, 2]
    np.testing.assert_allclose(found.confidence[3:], [0.63, 0.9])
    np.testing.assert_allclose(found.accuracy[3:], [1, 0.5])
    assert found.error == pytest.approx((2 * 0.37 + 2 * 0.4) / 4)
    assert np.isnan(found.accuracy[:3]).all()


@pytest.mark.parametrize(("confidence", "place"), [(0.5, 4), (0.6, 5), (1.0, 9)])
def test_a_confidence_on_an_edge_belongs_to_the_bin_below(confidence, place):
    found = reliability(Evaluation(("no", "yes"), np.array([0]), np.array([[confidence, 1 - confidence]])))
    assert found.texts.argmax() == place


def test_nothing_to_count_is_refused():
    empty = Evaluation(("no", "yes"), np.zeros(0, int), np.zeros((0, 2)))
    with pytest.raises(ValueError, match="expected one bin and one text at least; received 10 and 0"):
        reliability(empty)
    with pytest.raises(ValueError, match="received 0 and 50"):
        reliability(draw(50, 1), bins=0)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_spoilt_the_probabilities_is_found_again(temperature):
    evaluation = draw(20_000, temperature)
    assert fit_temperature(evaluation) == pytest.approx(temperature, rel=0.05)
    mended = rescaled(evaluation, temperature)
    assert reliability(mended).error < 0.015
    if temperature != 1:
        assert reliability(evaluation).error > 0.04
    fitted = rescaled(evaluation, fit_temperature(evaluation)).loss
    assert all(fitted <= rescaled(evaluation, other).loss for other in (*np.linspace(0.3, 4, 40), temperature))
    assert (mended.predicted == evaluation.predicted).all()


def test_nothing_is_fitted_where_all_is_right_or_all_is_wrong():
    probability = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert fit_temperature(Evaluation(("no", "yes"), np.array([0, 1]), probability)) == 1
    assert fit_temperature(Evaluation(("no", "yes"), np.array([1, 0]), probability)) == 1


def test_certain_and_impossible_classes_stay_numbers():
    certain = Evaluation(("no", "yes"), np.array([0, 1, 0]), np.eye(2)[[0, 1, 1]])
    temperature = fit_temperature(certain)
    assert COLDEST <= temperature <= HOTTEST
    assert np.isfinite(rescaled(certain, temperature).losses).all()


def test_a_half_never_sees_its_own_labels():
    evaluation = draw(4_000, 2.0, classes=2)
    found = cross_fitted(evaluation)
    assert (found.predicted == evaluation.predicted).all()
    place = np.zeros(4_000, int)
    for number in range(2):
        rows = evaluation.truth == number
        place[rows] = np.arange(rows.sum())
    even = place % 2 == 0
    odd_half = Evaluation(evaluation.classes, evaluation.truth[~even], evaluation.probability[~even])
    expected = at_temperature(evaluation.probability[even], fit_temperature(odd_half))
    np.testing.assert_array_equal(found.probability[even], expected)


def test_a_fitted_temperature_is_worth_less_on_the_other_half_than_on_its_own():
    # The probabilities are honest as they are. Fitted and measured on the same few texts, a temperature seems to help.
    own = other = 0.0
    for seed in range(200):
        evaluation = draw(30, 1.0, seed=seed)
        own += evaluation.loss - rescaled(evaluation, fit_temperature(evaluation)).loss
        other += evaluation.loss - cross_fitted(evaluation).loss
    assert own > 0 > other
