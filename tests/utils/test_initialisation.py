"""The size of initial weights: against the closed form and a layer by layer loop."""

import numpy as np
import pytest

from utils.initialisation import relu_spread, sizes_by_depth


@pytest.mark.parametrize(("inputs", "spread"), [(2, 1.0), (8, 0.5), (200, 0.1)])
def test_spread_is_the_root_of_two_over_the_inputs(inputs, spread):
    assert relu_spread(inputs) == pytest.approx(spread)


@pytest.mark.parametrize("wrong", [0, -1, 2.5, True])
def test_number_of_inputs_must_be_a_positive_integer(wrong):
    with pytest.raises(ValueError, match="argument `num_inputs` must be a positive integer"):
        relu_spread(wrong)


def test_size_is_kept_on_average_and_grows_or_shrinks_by_the_factor_of_the_spread():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(31, 509))
    x /= np.sqrt((x**2).mean())
    for factor in (0.5, 1, 3):
        sizes = sizes_by_depth(x, factor * relu_spread(509), 5, np.random.default_rng(1))
        np.testing.assert_allclose(sizes / factor ** np.arange(1, 6), 1, atol=0.25)


def test_each_layer_draws_weights_of_its_own_and_throws_away_what_is_negative():
    x = np.random.default_rng(2).normal(size=(3, 7))
    rng = np.random.default_rng(3)
    expected, y = [], x
    for _ in range(4):
        y = y @ (0.4 * rng.normal(size=(7, 7)))
        y = np.where(y > 0, y, 0)
        expected.append(np.sqrt(np.square(y).mean()))
    np.testing.assert_allclose(sizes_by_depth(x, 0.4, 4, np.random.default_rng(3)), expected)
