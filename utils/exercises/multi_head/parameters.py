"""Exercise of chapter 2 on the parameters of a multi-head attention layer.

The sizes drawn are distinct primes, so that no two can be taken for each other.
"""

from collections.abc import Callable

import numpy as np

from utils.exercises.attention.inputs import sizes
from utils.exercises.engine.exercise import Exercise, Mistake


def count_parameters(
    query_width: int,
    value_width: int,
    num_heads: int,
    key_dim: int,
    value_dim: int,
    output_width: int,
    use_bias: bool,
) -> int:
    """Numbers that a multi-head attention layer learns; the value input is also the key input, as in Keras."""
    kernels = num_heads * ((query_width + value_width) * key_dim + (value_width + output_width) * value_dim)
    return kernels + use_bias * (num_heads * (2 * key_dim + value_dim) + output_width)


_WIDTHS = ("query_width", "value_width", "num_heads", "key_dim", "value_dim", "output_width", "use_bias")


def _count_with(change: Callable[[dict], dict]) -> Callable[..., int]:
    """Make a count with some of its arguments replaced by others."""

    def count(*inputs: int) -> int:
        given = dict(zip(_WIDTHS, inputs, strict=True))
        return count_parameters(**(given | change(given)))

    return count


def _count_without(part: Callable[[dict], int]) -> Callable[..., int]:
    """Make a count from which a part is missing."""
    return lambda *inputs: count_parameters(*inputs) - part(dict(zip(_WIDTHS, inputs, strict=True)))


def _output_kernel(given: dict) -> int:
    return given["num_heads"] * given["value_dim"] * given["output_width"]


def _parameter_inputs(rng: np.random.Generator, trial: int) -> tuple:
    return (*sizes(rng, 6), trial % 2 == 0)


_PARAMETERS = Exercise(
    id="heads-parameters",
    title="the parameters of a layer",
    reference=count_parameters,
    make_inputs=_parameter_inputs,
    note="with and without biases",
    hint="Four projections. For each ask: how wide is what comes in, how many heads and how wide is what goes out?",
    mistakes=(
        Mistake(
            "output projection forgotten",
            _count_without(lambda given: _output_kernel(given) + given["use_bias"] * given["output_width"]),
            "the output projection is missing",
            "After the heads comes a fourth kernel: it takes the values of all heads to the width of the output.",
        ),
        Mistake(
            "output kernel forgotten",
            _count_without(_output_kernel),
            "the kernel of the output projection is missing",
            "It takes the values of all heads, side by side, to the width of the output.",
        ),
        Mistake(
            "biases forgotten",
            _count_with(lambda given: {"use_bias": False}),
            "the biases are missing where use_bias is True",
            "A bias has one number for each number that its projection puts out.",
        ),
        Mistake(
            "biases always counted",
            _count_with(lambda given: {"use_bias": True}),
            "biases are counted even where use_bias is False",
            "Without biases only the four kernels learn.",
        ),
        Mistake(
            "output bias forgotten",
            _count_without(lambda given: given["use_bias"] * given["output_width"]),
            "the bias of the output projection is missing",
            "All four projections add a bias, the last one too.",
        ),
        Mistake(
            "one bias for all heads",
            _count_without(
                lambda given: given["use_bias"] * (given["num_heads"] - 1) * (2 * given["key_dim"] + given["value_dim"])
            ),
            "the biases of query, key and value are counted once, not for each head",
            "Each head has projections of its own, biases included.",
        ),
        Mistake(
            "key_dim for value_dim",
            _count_with(lambda given: {"value_dim": given["key_dim"]}),
            "key_dim stands where value_dim belongs",
            "The value projection makes rows of value_dim numbers in each head, and those reach the output projection.",
        ),
        Mistake(
            "key_dim into the output projection",
            _count_without(
                lambda given: (given["value_dim"] - given["key_dim"]) * given["num_heads"] * given["output_width"]
            ),
            "the output kernel is given the width of the keys",
            "What is mixed, and so what reaches the output projection, are the values.",
        ),
        Mistake(
            "heads forgotten",
            _count_with(lambda given: {"num_heads": 1}),
            "the number of heads makes no difference: this is the count of a single head",
            "Each head has projections of its own; key_dim and value_dim are the sizes of one head.",
        ),
        Mistake(
            "one head into the output projection",
            _count_without(lambda given: (given["num_heads"] - 1) * given["value_dim"] * given["output_width"]),
            "the output kernel takes in a single head",
            "The values of all heads, side by side, reach the output projection.",
        ),
        Mistake(
            "query_width for the keys",
            _count_without(
                lambda given: (given["value_width"] - given["query_width"]) * given["num_heads"] * given["key_dim"]
            ),
            "the key kernel takes in rows of query_width",
            "In cross-attention the keys come from the input that the values come from.",
        ),
        Mistake(
            "query_width for keys and values",
            _count_with(lambda given: {"value_width": given["query_width"]}),
            "all three kernels take in rows of query_width",
            "In cross-attention keys and values come from an input of its own width.",
        ),
        Mistake(
            "query_width for the output",
            _count_with(lambda given: {"output_width": given["query_width"]}),
            "the output projection puts out rows of query_width",
            "That is the width when no other is asked for; here output_width says it.",
        ),
    ),
)

EXERCISES = (_PARAMETERS,)
