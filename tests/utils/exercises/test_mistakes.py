"""The exercises on attention: hints that fit."""

import numpy as np

from utils.exercises import check
from utils.exercises.engine.checker import EXERCISES


def test_each_fault_in_the_shapes_has_a_hint_of_its_own():
    hints = [mistake.hint for mistake in EXERCISES["attention-shapes"].mistakes]
    assert len(set(hints)) == len(hints)


def test_hint_about_not_a_number_fits_each_way_to_get_it():
    """0/0 after masked exponentials, −∞ − (−∞) after masked scores: the results are the same."""

    def weights_of(exponentials):
        return exponentials / exponentials.sum(axis=-1, keepdims=True)

    def zero_over_zero(query, key, value, mask):
        scores = query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])
        largest = np.where(mask, scores, -1e300).max(axis=-1, keepdims=True)
        weights = weights_of(mask * np.exp(np.minimum(scores - largest, 0)))
        return weights @ value, weights

    def infinite(query, key, value, mask):
        scores = np.where(mask, query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1]), -np.inf)
        weights = weights_of(np.exp(scores - scores.max(axis=-1, keepdims=True)))
        return weights @ value, weights

    verdicts = [check("attention-masked", answer) for answer in (zero_over_zero, infinite)]
    for verdict in verdicts:
        assert "a query that may attend to nothing gets NaN" in verdict.message
        assert "0/0, or −∞ − (−∞)" in verdict.hint
