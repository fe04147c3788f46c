"""Exercise of chapter 1 on the shapes that attention takes and gives. T queries, S keys."""

from collections.abc import Callable

import numpy as np

from utils.exercises.engine.exercise import Exercise, Mistake
from utils.exercises.engine.primes import sizes

_ALIKE = 36  # from this trial on all sizes are equal: an axis is told by its place, not by its size


def shapes(query: tuple, key: tuple, value: tuple) -> tuple[tuple, tuple]:
    """Shapes of (output, weights) from the shapes (..., T, key_dim), (..., S, key_dim), (..., S, value_dim)."""
    return (*query[:-1], value[-1]), (*query[:-1], key[-2])


def _shape_inputs(rng: np.random.Generator, trial: int) -> tuple:
    num_queries, num_keys, key_dim, value_dim = sizes(rng, 4)
    leading = (17, 19, 23)[: trial % 4]
    if trial >= _ALIKE:
        num_queries = num_keys = key_dim = value_dim = 17
        leading = (17,) * len(leading)
    return (*leading, num_queries, key_dim), (*leading, num_keys, key_dim), (*leading, num_keys, value_dim)


def _output_shape(wrong: Callable[..., tuple]) -> Callable[..., tuple]:
    """Make an answer whose output is wrong and whose weights are right."""
    return lambda query, key, value: (wrong(query, key, value), shapes(query, key, value)[1])


def _weights_shape(wrong: Callable[..., tuple]) -> Callable[..., tuple]:
    """Make an answer whose weights are wrong and whose output is right."""
    return lambda query, key, value: (shapes(query, key, value)[0], wrong(query, key, value))


SHAPES = Exercise(
    id="attention-shapes",
    title="the shapes of output and weights",
    reference=shapes,
    make_inputs=_shape_inputs,
    returns=("output", "weights"),
    note="0 to 3 leading axes",
    hint="One row of output for each query, one weight for each pair of a query and a key; leading axes stay.",
    mistakes=(
        Mistake(
            "key_dim for value_dim",
            _output_shape(lambda query, key, value: query),
            "the output is given the width of a key",
            "The keys decide how much of each value is taken. What is mixed, and so what comes out, are the values.",
        ),
        Mistake(
            "weights transposed",
            _weights_shape(lambda query, key, value: (*query[:-2], key[-2], query[-2])),
            "the weights have a row for each key and a column for each query",
            "Rows are queries: the softmax runs along a row, over all keys that one query may choose from.",
        ),
        Mistake(
            "T and S swapped",
            lambda query, key, value: (value, (*query[:-2], key[-2], query[-2])),
            "the number of queries and the number of keys are swapped",
            "Each query asks once and gets one row back, however many keys there are to ask.",
        ),
        Mistake(
            "output by keys",
            _output_shape(lambda query, key, value: value),
            "the output has a row for each key",
            "The rows of value are mixed, not handed on: each query gets one mix of them.",
        ),
        Mistake(
            "output unmixed",
            _output_shape(lambda query, key, value: (*query[:-1], key[-2])),
            "the output is given a number for each key: it has the shape of the weights",
            "The weights still have to mix the values: (T, S) times (S, value_dim).",
        ),
        Mistake(
            "weights of queries",
            _weights_shape(lambda query, key, value: (*query[:-1], query[-2])),
            "the weights have a column for each query",
            "A query weighs keys. There need not be as many keys as queries.",
        ),
        Mistake(
            "weights of keys",
            _weights_shape(lambda query, key, value: (*key[:-1], key[-2])),
            "the weights have a row for each key",
            "Each query has a row of weights. There need not be as many queries as keys.",
        ),
        Mistake(
            "key_dim kept in the weights",
            _weights_shape(lambda query, key, value: query),
            "the weights are given the width of a query",
            "The product query keyᵀ sums over key_dim: that axis goes, and an axis of keys takes its place.",
        ),
        Mistake(
            "leading axes dropped",
            lambda query, key, value: tuple(shape[-2:] for shape in shapes(query, key, value)),
            "the leading axes are missing",
            "Batch and heads are carried along: attention runs once for each of them.",
        ),
        Mistake(
            "one leading axis",
            lambda query, key, value: tuple((*one[:-2][:1], *one[-2:]) for one in shapes(query, key, value)),
            "of several leading axes only the first is kept",
            "There may be heads beside the batch, or more: carry all axes before the last two along.",
        ),
        Mistake(
            "leading axes of the weights dropped",
            _weights_shape(lambda query, key, value: (query[-2], key[-2])),
            "the leading axes of the weights are missing",
            "Each text of the batch, and each head, has weights of its own.",
        ),
        Mistake(
            "leading axes of the output dropped",
            _output_shape(lambda query, key, value: (query[-2], value[-1])),
            "the leading axes of the output are missing",
            "Each text of the batch, and each head, has an output of its own.",
        ),
        Mistake(
            "weights first",
            lambda query, key, value: shapes(query, key, value)[::-1],
            "the two shapes are right but in the wrong order",
            "Return the shape of the output first, that of the weights second.",
        ),
    ),
)
