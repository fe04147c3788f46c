"""Hidden words: what is never hidden, the shares of the recipe, counts of neighbours by hand."""

import numpy as np
import pytest

from utils.masked_words import CLS, MASK, SEP, NeighbourCounts, hide


def test_ends_and_padding_are_never_hidden_and_what_is_not_hidden_stays():
    rng = np.random.default_rng(0)
    ids = rng.integers(5, 90, (200, 11))
    ids[:, 0], ids[:, 7], ids[:, 8:] = CLS, SEP, 0
    read, hidden = hide(ids, ids > 0, 90, rng)
    assert not hidden[:, [0, 7, 8, 9, 10]].any()
    assert hidden[:, 1:7].any(axis=0).all()
    assert (read == ids)[~hidden].all()


def test_shares_are_fifteen_and_eighty_ten_ten():
    rng = np.random.default_rng(1)
    ids = rng.integers(5, 9_000, (500, 400))
    read, hidden = hide(ids, ids > 0, 9_000, rng)
    assert hidden.mean() == pytest.approx(0.15, abs=0.005)
    assert (read[hidden] == MASK).mean() == pytest.approx(0.8, abs=0.01)
    assert (read[hidden] == ids[hidden]).mean() == pytest.approx(0.1, abs=0.01)
    others = read[hidden & (read != ids) & (read != MASK)]
    assert others.min() > MASK
    assert np.abs(np.mean(others) - 4_500) < 150


def test_counts_of_neighbours_by_hand():
    counts = NeighbourCounts(np.array([[2, 5, 6, 3, 0], [2, 5, 7, 3, 0], [2, 5, 6, 8, 3]]), 10)
    frequency = np.array([0, 0, 0, 0, 0, 3, 2, 1, 1, 0]) / 7
    read, hidden = np.array([[2, 5, 4, 3], [2, 9, 4, 3]]), np.array([[False, False, True, False]] * 2)
    ways = {
        0: (frequency, frequency),
        1: ([0] * 6 + [2 / 3, 1 / 3, 0, 0], frequency),  # after 5; after 9, which stands nowhere
        2: ([0] * 6 + [1 / 3, 1 / 3, 1 / 3, 0],) * 2,
        3: ([0] * 6 + [1 / 2, 1 / 2, 0, 0], frequency),
        4: ([0.1] * 10,) * 2,
    }
    for way, expected in ways.items():
        counts.weights = np.eye(5)[way]
        np.testing.assert_allclose(counts.probabilities(read, hidden), expected, atol=1e-6)


def test_weights_go_to_the_way_of_counting_that_foretells():
    rng = np.random.default_rng(0)
    left, right = rng.integers(5, 9, (2, 2000))
    ends = np.full_like(left, CLS), np.full_like(left, SEP)
    ids = np.stack([ends[0], left, 10 + left, right, ends[1]], axis=1)  # the left neighbour tells all
    hidden = np.zeros((500, 5), bool)
    hidden[:, 2] = True
    counts = NeighbourCounts(ids[:1500], 30)
    counts.choose_weights(np.where(hidden, MASK, ids[1500:]), hidden, ids[1500:])
    assert counts.weights[1] + counts.weights[3] > 0.95
    p = counts.probabilities(ids[1500:], hidden)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    assert (p.argmax(axis=1) == ids[1500:, 2]).all()
