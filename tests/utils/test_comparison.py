"""Accuracies side by side: noise in labels, and the difference of two classifiers on the same texts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.comparison import measured_accuracy, paired_difference

SHARES = st.floats(0, 1)
ROWS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=60)


# Noise in labels


@pytest.mark.parametrize(
    ("true_accuracy", "noise", "measured"), [(0.9, 0.05, 0.86), (0.8, 0.25, 0.65), (1.0, 0.03, 0.97), (0.0, 0.1, 0.1)]
)
def test_measured_accuracy_by_hand(true_accuracy, noise, measured):
    assert measured_accuracy(true_accuracy, noise) == pytest.approx(measured, abs=1e-12)


def test_measured_accuracy_is_what_turned_labels_show():
    rng = np.random.default_rng(11)
    truth = rng.random(400_000) < 0.37  # the classes need not be of one size
    predicted = truth ^ (rng.random(truth.size) < 0.13)
    labels = truth ^ (rng.random(truth.size) < 0.07)
    assert np.mean(predicted == labels) == pytest.approx(measured_accuracy(0.87, 0.07), abs=3e-3)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(SHARES, SHARES)
def test_noise_brings_accuracy_nearer_to_chance_by_a_factor(true_accuracy, noise):
    measured = measured_accuracy(true_accuracy, noise)
    assert measured - 0.5 == pytest.approx((1 - 2 * noise) * (true_accuracy - 0.5), abs=1e-12)
    assert measured == pytest.approx(measured_accuracy(noise, true_accuracy), abs=1e-12)


def test_arrays_broadcast():
    accuracies, noises = np.array([[0.6], [0.7], [0.9]]), np.array([0.02, 0.11])
    table = measured_accuracy(accuracies, noises)
    assert table.shape == (3, 2)
    assert table[2, 1] == pytest.approx(measured_accuracy(0.9, 0.11))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((90, 0.05), "expected true_accuracy between 0 and 1, a share and no percentage; received 90"),
        ((0.9, -0.1), "expected noise between 0 and 1, .*; received -0.1"),
        ((np.array([0.5, 1.5]), 0.1), "true_accuracy.*; received 1.5"),
        ((0.9, float("nan")), "noise.*; received nan"),
    ],
)
def test_share_out_of_range_is_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        measured_accuracy(*arguments)


# Two classifiers on the same texts


def test_paired_difference_by_hand():
    """Differences 0, 1, 1, -1, 0: mean 0.2, squared deviations 2.8 in all, variance 0.7, over 5 texts 0.14."""
    difference, error = paired_difference([True, True, True, False, False], [True, False, False, True, False])
    assert difference == pytest.approx(0.2)
    assert error == pytest.approx(0.14**0.5)


def test_standard_error_is_the_spread_over_samples_of_texts():
    rng = np.random.default_rng(5)
    hard = rng.random((2_000, 300)) < 0.3  # texts on which both err more often
    first = rng.random(hard.shape) > np.where(hard, 0.4, 0.05)
    second = rng.random(hard.shape) > np.where(hard, 0.5, 0.06)
    found = np.array([paired_difference(*pair) for pair in zip(first, second, strict=True)])
    assert found[:, 1].mean() == pytest.approx(found[:, 0].std(), rel=0.05)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(ROWS)
def test_equals_the_formula_of_discordant_counts(rows):
    first, second = np.array(rows).T
    size, only_first, only_second = len(rows), np.sum(first & ~second), np.sum(second & ~first)
    difference, error = paired_difference(first, second)
    assert difference == pytest.approx((only_first - only_second) / size, abs=1e-12)
    total = only_first + only_second - (only_first - only_second) ** 2 / size
    assert error == pytest.approx(np.sqrt(total / (size - 1) / size), abs=1e-12)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([True] * 5, [True] * 7, "expected the same texts in both; received 5 and 7"),
        ([True], [False], "expected at least two texts to measure a spread on; received 1"),
        ([], [], "at least two texts.*; received 0"),
        ([0.9, 1.0], [True, False], "first_correct to be one row of true and false; received 0.9 among them"),
        ([True, False], [[True, False]], r"second_correct to be .*; received shape \(1, 2\)"),
        ([True, False], ["yes", "no"], "second_correct to be .*; received yes among them"),
    ],
)
def test_rows_that_do_not_fit_are_refused(first, second, message):
    with pytest.raises(ValueError, match=message):
        paired_difference(first, second)
