"""Frozen features: a regression tested on other vectors, and the rows of its figures."""

import numpy as np

from tools.measure import frozen_features


def test_regression_is_tested_on_other_vectors():
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=300)
    vectors = rng.normal(size=(300, 4)) + 3 * labels[:, None]
    learn, test = (vectors[:200], labels[:200]), (vectors[200:], labels[200:])
    assert frozen_features.logistic_accuracy(learn, test) > 0.97
    assert frozen_features.logistic_accuracy(learn, (test[0], 1 - test[1])) < 0.03


def test_row_holds_mean_and_sample_deviation():
    kinds, sizes = frozen_features.KINDS, frozen_features.SIZES
    found = {f"{kind}/{size}/{seed}": 0.8 + 0.1 * seed for kind in kinds for size in sizes for seed in (0, 1)}
    row = frozen_features.summary(found, (0, 1))[0]
    assert (row["kind"], row["labels"], row["accuracy"], row["deviation"]) == ("mean vector", 100, 0.85, 0.0707)
