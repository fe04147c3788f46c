"""Exercise of chapter 7: how many numbers a BERT has.

Letters: V pieces, P positions, d the width, L layers, F the width inside the feed-forward networks.
"""

import numpy as np

from utils.exercises.engine.exercise import Exercise, Mistake


def count_numbers(vocabulary: int, positions: int, width: int, layers: int, inner: int) -> int:
    """Numbers of an encoder of the BERT kind: three tables, then layers of attention and feed-forward network."""
    return _embedding(vocabulary, positions, width) + layers * _layer(width, inner)


def _embedding(vocabulary: int, positions: int, width: int, types: int = 2, norm: int = 2) -> int:
    return (vocabulary + positions + types + norm) * width


def _layer(width: int, inner: int, projections: int = 4, biases: bool = True, norms: int = 2, maps: int = 2) -> int:
    attention = projections * width * (width + biases)
    return attention + maps * width * inner + biases * (inner + width) + norms * 2 * width


def _sizes(rng: np.random.Generator, trial: int) -> tuple:
    width = int(rng.integers(3, 40))
    vocabulary, positions, inner = (int(rng.integers(low, high)) for low, high in ((50, 400), (8, 40), (41, 90)))
    return vocabulary, positions, width, int(rng.integers(2, 9)), inner


_COUNT = Exercise(
    id="custom-count",
    title="the numbers of a BERT",
    reference=count_numbers,
    make_inputs=_sizes,
    rtol=1e-12,
    hint="Count one layer on paper: four projections, two dense layers, two normalisations. Then the three tables.",
    mistakes=(
        Mistake(
            "biases forgotten",
            lambda v, p, d, n, f: _embedding(v, p, d) + n * _layer(d, f, biases=False),
            "the biases of the dense layers and projections are left out",
            "Each projection and each dense layer adds one number for each output.",
        ),
        Mistake(
            "types or first normalisation forgotten",
            lambda v, p, d, n, f: _embedding(v, p, d, types=0) + n * _layer(d, f),
            "the table of the two token types, or the first normalisation, is left out",
            "Each has 2 d numbers. BERT tells two texts of a pair apart, and normalises the sum of its tables.",
        ),
        Mistake(
            "positions forgotten",
            lambda v, p, d, n, f: _embedding(v, 0, d) + n * _layer(d, f),
            "the table of positions is left out",
            "BERT learns a vector for each position.",
        ),
        Mistake(
            "one normalisation a layer",
            lambda v, p, d, n, f: _embedding(v, p, d) + n * _layer(d, f, norms=1),
            "each layer has one normalisation only",
            "There is one after the attention and one after the feed-forward network.",
        ),
        Mistake(
            "no normalisation in a layer",
            lambda v, p, d, n, f: _embedding(v, p, d) + n * _layer(d, f, norms=0),
            "the normalisations of the layers are left out",
            "A layer normalisation has a scale and a shift for each number of a vector.",
        ),
        Mistake(
            "no output projection",
            lambda v, p, d, n, f: _embedding(v, p, d) + n * _layer(d, f, projections=3),
            "attention has three projections only",
            "Query, key, value; and what happens to the heads after them?",
        ),
        Mistake(
            "one way",
            lambda v, p, d, n, f: _embedding(v, p, d) + n * _layer(d, f, maps=1),
            "the feed-forward network goes one way only",
            "It makes vectors wide, and narrow again.",
        ),
        Mistake(
            "pooler counted",
            lambda v, p, d, n, f: count_numbers(v, p, d, n, f) + d * (d + 1),
            "the pooler is counted, too",
            "The encoder ends with its last layer.",
        ),
        Mistake(
            "one layer",
            lambda v, p, d, n, f: _embedding(v, p, d) + _layer(d, f),
            "one layer is counted",
            "Each layer has numbers of its own.",
        ),
    ),
)

EXERCISES = (_COUNT,)
