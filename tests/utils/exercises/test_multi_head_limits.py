"""What one head cannot do: the formula of the exercise against searches that know nothing of it."""

import numpy as np
import pytest

from tests.support.attention_solutions import softmax
from utils.exercises.engine.checker import EXERCISES

EXERCISE = EXERCISES["heads-one-head-error"]
TRIALS = range(0, EXERCISE.trials, 7)  # every kind of coefficients among them


def by_name(name):
    (mistake,) = (one for one in EXERCISE.mistakes if one.name == name)
    return mistake.answer


def searched(minimize, coefficients, scale=None):
    """Smallest error found by L-BFGS over scores and, where no scale is given, over c: a real head's parameters."""

    def error(parameters):
        weights = softmax(parameters[:-1])
        return np.sum((coefficients - (parameters[-1] if scale is None else scale) * weights) ** 2)

    rng, total = np.random.default_rng(3), np.abs(coefficients).sum()
    starts = [np.append(rng.normal(size=coefficients.size), sign * total / 2) for sign in (-1, 1) for _ in range(3)]
    return min(minimize(error, start, method="L-BFGS-B").fun for start in starts)


@pytest.mark.slow
@pytest.mark.parametrize("trial", TRIALS)
def test_optimiser_finds_no_head_that_does_better_and_one_that_does_as_well(trial, require):
    require("scipy")
    from scipy.optimize import minimize

    (coefficients,) = EXERCISE.draw(trial)
    formula = EXERCISE.reference(coefficients)
    found = searched(minimize, coefficients)
    assert formula - 1e-9 <= found <= formula + 1e-3 * np.sum(coefficients**2)


@pytest.mark.parametrize("coefficients", [(1.0, -1.0), (2.0, -0.5, 0.7), (-1.5, 0.4, -0.3), (0.6, 1.1, 0.9)])
def test_grid_of_all_weights_finds_the_same_error(coefficients):
    """For each weights of the grid the best c is that of a least-squares fit."""
    coefficients = np.array(coefficients)
    steps = np.linspace(0, 1, 501)
    weights = np.stack(np.meshgrid(*[steps] * (coefficients.size - 1)), axis=-1).reshape(-1, coefficients.size - 1)
    weights = np.column_stack([weights, 1 - weights.sum(axis=1)])
    weights = weights[weights[:, -1] >= 0]
    scale = weights @ coefficients / np.sum(weights**2, axis=1)
    errors = np.sum((coefficients - scale[:, None] * weights) ** 2, axis=1)
    formula = EXERCISE.reference(coefficients)
    assert formula - 1e-9 <= errors.min() <= formula + 1e-4


def test_error_is_what_random_inputs_show():
    """With x of mean 0 and variance 1, the mean squared error of the best head for 2x₁ − x₂ + x₃ is 1."""
    coefficients, products = np.array([2.0, -1.0, 1.0]), 3 * np.array([2, 0, 1]) / 3  # c = 3
    x = np.random.default_rng(7).choice((-1.0, 1.0), size=(100_000, 3))
    error = np.mean((x @ coefficients - x @ products) ** 2)
    assert EXERCISE.reference(coefficients) == pytest.approx(1.0)
    assert error == pytest.approx(1.0, rel=0.01)


def test_difference_of_two_inputs_is_beyond_one_head():
    assert EXERCISE.reference(np.array([1.0, -1.0])) == 1.0
    assert EXERCISE.reference(np.array([1.0, 1.0])) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("trial", TRIALS)
@pytest.mark.parametrize("name", ["c fixed to 1", "c fixed to the sum"])
def test_mistake_with_a_fixed_c_is_the_best_head_with_that_c(name, trial, require):
    require("scipy")
    from scipy.optimize import minimize

    (coefficients,) = EXERCISE.draw(trial)
    scale = {"c fixed to 1": 1.0, "c fixed to the sum": coefficients.sum()}[name]
    expected = by_name(name)(coefficients)
    assert expected - 1e-9 <= searched(minimize, coefficients, scale) <= expected + 1e-3 * np.sum(coefficients**2)
