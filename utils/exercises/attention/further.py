"""Exercises of chapter 1 that go further: the gradient of attention, attention over a stream of keys.

Letters in shapes: T queries, S keys; their sizes are distinct primes.
"""

from collections.abc import Callable

import numpy as np

from utils.exercises.attention.inputs import sizes, softmax
from utils.exercises.attention.streaming import STREAMING
from utils.exercises.engine.exercise import Exercise, Mistake


def query_gradient(query: np.ndarray, key: np.ndarray, value: np.ndarray, output_gradient: np.ndarray) -> np.ndarray:
    """dL/dquery (T, key_dim) of unmasked attention, from dL/doutput (T, value_dim)."""
    return _gradient_with(_softmax_gradient)(query, key, value, output_gradient)


def _softmax_gradient(weights: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    return weights * (gradient - (weights * gradient).sum(axis=-1, keepdims=True))


def _gradient_with(through_softmax: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Make dL/dquery from a way back through the softmax, right or wrong."""
    return lambda *inputs: _scores_gradient(inputs, through_softmax) @ inputs[1] / np.sqrt(inputs[1].shape[-1])


def _scores_gradient(inputs: tuple, through_softmax: Callable[..., np.ndarray]) -> np.ndarray:
    """Take the gradient back from the output to the scaled scores (T, S)."""
    query, key, value, output_gradient = inputs
    weights = softmax(query @ key.T / np.sqrt(key.shape[-1]))
    return through_softmax(weights, output_gradient @ value.T)


def _key_gradient(*inputs: np.ndarray) -> np.ndarray:
    return _scores_gradient(inputs, _softmax_gradient).T @ inputs[0] / np.sqrt(inputs[1].shape[-1])


def _unscaled_weights(query: np.ndarray, key: np.ndarray, *others: np.ndarray) -> np.ndarray:
    return query_gradient(query * np.sqrt(key.shape[-1]), key, *others)


def _gradient_inputs(rng: np.random.Generator, trial: int) -> tuple:
    num_queries, num_keys, key_dim, value_dim = sizes(rng, 4)
    if trial == 0:
        num_keys = num_queries  # so that the gradient of the key has the shape of the query's
    shapes = ((num_queries, key_dim), (num_keys, key_dim), (num_keys, value_dim), (num_queries, value_dim))
    return tuple(1.5 * rng.normal(size=shape) for shape in shapes)


_GRADIENT = Exercise(
    id="attention-query-gradient",
    title="the gradient of attention by hand",
    reference=query_gradient,
    make_inputs=_gradient_inputs,
    hint="Go back step by step, output, weights, scores, query, and compare each shape with that of the way forward.",
    mistakes=(
        Mistake(
            "scale forgotten on the way back",
            lambda *inputs: query_gradient(*inputs) * np.sqrt(inputs[1].shape[-1]),
            "the gradient is too large by √key_dim: the scale is missing on the way back",
            "The scores are query keyᵀ/√key_dim; their derivative with respect to the query has the factor too.",
        ),
        Mistake(
            "scale forgotten",
            lambda *inputs: _unscaled_weights(*inputs) * np.sqrt(inputs[1].shape[-1]),
            "the scale 1/√key_dim is missing, forward and back",
            "It divides the scores and, on the way back, their gradient.",
        ),
        Mistake(
            "scale forgotten on the way forward",
            _unscaled_weights,
            "the weights are those of unscaled scores: 1/√key_dim is missing on the way forward",
            "Compute the weights as attention does, then go back.",
        ),
        Mistake(
            "softmax elementwise",
            _gradient_with(lambda weights, gradient: weights * (1 - weights) * gradient),
            "the softmax is differentiated entry by entry, w(1 − w): the terms off the diagonal are missing",
            "Raising one score lowers the weights of all other keys of the row: ∂wᵢ/∂sⱼ = wᵢ(δᵢⱼ − wⱼ).",
        ),
        Mistake(
            "row sum forgotten",
            _gradient_with(lambda weights, gradient: weights * gradient),
            "the gradient of the weights is only multiplied by the weights",
            "Adding one number to all scores of a row changes nothing, so their gradient must sum to 0 along the row.",
        ),
        Mistake(
            "softmax forgotten",
            _gradient_with(lambda weights, gradient: gradient),
            "the gradient of the weights is taken for that of the scores",
            "Between the two lies the softmax: ∂wᵢ/∂sⱼ = wᵢ(δᵢⱼ − wⱼ).",
        ),
        Mistake(
            "gradient of the key",
            _key_gradient,
            "this is the gradient with respect to the key",
            "A query's gradient is a mix of keys: multiply by the key from the right, without transposing.",
        ),
        Mistake(
            "transposed",
            lambda *inputs: query_gradient(*inputs).T,
            "the gradient is transposed",
            "A gradient has the shape of what it is the gradient of, here (T, key_dim).",
        ),
    ),
)


EXERCISES = (_GRADIENT, STREAMING)
