"""Exercise of chapter 4 on the parameters of a model."""

import numpy as np

from utils.exercises.engine.exercise import Exercise, Mistake
from utils.exercises.engine.primes import sizes


def model_parameters(vocabulary_size: int, d_model: int, num_layers: int, intermediate_dim: int) -> int:
    """Parameters of a decoder-only model with one shared table: attention and networks have biases, post-norm."""
    attention = 4 * d_model * (d_model + 1)
    network = 2 * d_model * intermediate_dim + intermediate_dim + d_model
    return vocabulary_size * d_model + num_layers * (attention + network + 4 * d_model)


def _model_inputs(rng: np.random.Generator, trial: int) -> tuple:
    d_model, num_layers, _ = sizes(rng, 3)
    return int(rng.choice((101, 251, 509))), d_model, num_layers, int(rng.choice((17, 19, 23, 29)))


_PARAMETERS = Exercise(
    id="architecture-parameters",
    title="the parameters of a decoder-only model",
    reference=model_parameters,
    make_inputs=_model_inputs,
    hint="A table once; for each layer four maps with biases, two more with biases, and two normalisations.",
    mistakes=(
        Mistake(
            "two tables",
            lambda v, d, n, f: model_parameters(v, d, n, f) + v * d,
            "there are two tables of tokens",
            "The same table looks tokens up and scores the next one: the output is tied.",
        ),
        Mistake(
            "table forgotten",
            lambda v, d, n, f: model_parameters(0, d, n, f),
            "the vocabulary makes no difference",
            "Each token has a vector of its own to learn.",
        ),
        Mistake(
            "four vectors short",
            lambda v, d, n, f: model_parameters(v, d, n, f) - n * 4 * d,
            "four vectors are missing from each layer: its normalisations, or the biases of attention",
            "Each of two normalisations has a scale and a shift; each of four projections adds a bias.",
        ),
        Mistake(
            "scales alone",
            lambda v, d, n, f: model_parameters(v, d, n, f) - n * 2 * d,
            "the normalisations have only half of their parameters",
            "A layer has two of them, and each has a scale and a shift.",
        ),
        Mistake(
            "final normalisation",
            lambda v, d, n, f: model_parameters(v, d, n, f) + 2 * d,
            "there is one normalisation too many, after the last layer",
            "That one belongs to pre-norm. Post-norm ends with a normalisation anyway.",
        ),
        Mistake(
            "no biases",
            lambda v, d, n, f: model_parameters(v, d, n, f) - n * (5 * d + f),
            "all biases are missing",
            "Each of the six maps of a layer adds a bias as wide as what it puts out.",
        ),
        Mistake(
            "no biases in the network",
            lambda v, d, n, f: model_parameters(v, d, n, f) - n * (d + f),
            "the biases of the feed-forward network are missing",
            "Both of its maps add one; they differ in width.",
        ),
        Mistake(
            "three projections",
            lambda v, d, n, f: model_parameters(v, d, n, f) - n * d * (d + 1),
            "attention has only three projections",
            "After queries, keys and values, one more brings the heads together.",
        ),
        Mistake(
            "one map in the network",
            lambda v, d, n, f: model_parameters(v, d, n, f) - n * (d * f + d),
            "the feed-forward network has only its first map",
            "What was widened must be brought back to its width.",
        ),
        Mistake(
            "attention to memory",
            lambda v, d, n, f: model_parameters(v, d, n, f) + n * (4 * d * (d + 1) + 2 * d),
            "each layer has a second attention",
            "A decoder-only model has no source to ask: its layer is the encoder's.",
        ),
        Mistake(
            "one layer",
            lambda v, d, n, f: model_parameters(v, d, 1, f),
            "the number of layers makes no difference",
            "Each layer has parameters of its own.",
        ),
    ),
)


EXERCISES = (_PARAMETERS,)
