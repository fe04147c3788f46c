"""What positions refuse: each message names the argument, what was expected, what came, what to do."""

import numpy as np
import pytest
from keras import ops

from utils.positions import (
    LearnedPositions,
    alibi_bias,
    alibi_slopes,
    angular_frequencies,
    relative_buckets,
    rotate,
    sinusoidal_positions,
    stretched_frequencies,
)

ROWS = np.ones((2, 3, 5, 4), "float32")


@pytest.mark.parametrize(
    "make",
    [
        lambda: sinusoidal_positions(4, 7),
        lambda: angular_frequencies(7),
        lambda: rotate(np.ones((2, 7), "float32")),
    ],
)
def test_odd_widths_are_refused(make):
    with pytest.raises(ValueError, match=r"to be even, since features turn in pairs; received 7\. Use 8, or drop"):
        make()


@pytest.mark.parametrize("value", [0, -2, 4.0, True, "4", None], ids=repr)
def test_sizes_must_be_positive_integers(value):
    for name, make in {
        "d_model": lambda: sinusoidal_positions(4, value),
        "width": lambda: angular_frequencies(value),
        "num_heads": lambda: alibi_slopes(value),
        "max_length": lambda: LearnedPositions(max_length=value, d_model=4),
    }.items():
        with pytest.raises(ValueError, match=f"argument `{name}` must be a positive integer; got "):
            make()
    with pytest.raises(ValueError, match="`d_model` must be a positive integer; got "):
        LearnedPositions(max_length=4, d_model=value)


@pytest.mark.parametrize("value", [-1, 2.0, False, "3"], ids=repr)
def test_lengths_and_offsets_must_be_integers_from_zero(value):
    layer = LearnedPositions(max_length=9, d_model=4)
    for name, make in {
        "length": lambda: sinusoidal_positions(value, 4),
        "num_queries": lambda: alibi_bias(2, value, 3),
        "num_keys": lambda: alibi_bias(2, 3, value),
    }.items():
        with pytest.raises(ValueError, match=f"argument `{name}` must be an integer of at least 0; got "):
            make()
    for make in (
        lambda: sinusoidal_positions(2, 4, offset=value),
        lambda: rotate(ROWS, offset=value),
        lambda: alibi_bias(2, 3, 4, offset=value),
        lambda: layer(np.ones((1, 2, 4)), offset=value),
    ):
        with pytest.raises(ValueError, match="argument `offset` must be an integer of at least 0; got "):
            make()


@pytest.mark.parametrize("base", [0, -1.0, np.inf, np.nan, True, "10000"], ids=repr)
def test_base_must_be_positive_and_finite(base):
    for make in (lambda: sinusoidal_positions(2, 4, base=base), lambda: rotate(ROWS, base=base)):
        with pytest.raises(ValueError, match=r"argument `base` must be positive and finite.*; got "):
            make()


def test_unknown_pairing_names_the_two():
    with pytest.raises(ValueError, match=r"to be .interleaved. .* or .half. .*; received 'halves'"):
        rotate(ROWS, pairing="halves")


def test_rows_must_be_floats_with_two_axes():
    with pytest.raises(ValueError, match="expected rows to hold floating-point numbers; received int32"):
        rotate(ROWS.astype("int32"))
    with pytest.raises(ValueError, match=r"expected rows of shape \(..., T, width\).*; received shape \(4,\)"):
        rotate(ROWS[0, 0, 0])


@pytest.mark.parametrize("shape", [(4,), (2, 5), (3, 3, 5), (1, 2, 3, 5), (5, 1, 1)], ids=str)
def test_positions_must_fit_the_rows(shape):
    with pytest.raises(ValueError, match=r"expected positions to broadcast to \(..., T\) = \(2, 3, 5\)") as caught:
        rotate(ROWS, np.ones(shape))
    assert f"received shape {shape}. Positions (B, T) of rows (B, H, T, width) need" in str(caught.value)


@pytest.mark.parametrize(("dtype", "pair"), [("float16", "2048 and 2049"), ("bfloat16", "256 and 257")])
def test_positions_in_half_precision_are_refused_as_neighbours_would_be_one(dtype, pair):
    with pytest.raises(ValueError, match=f"received {dtype}, in which {pair} are one number. Count them in int32"):
        rotate(ROWS, ops.cast(np.arange(5), dtype))


def test_positions_and_an_offset_together_are_refused():
    with pytest.raises(ValueError, match=r"expected either positions or an offset; received both\. Add the offset"):
        rotate(ROWS, np.arange(5), offset=2)


@pytest.mark.parametrize(
    ("length", "offset", "said"),
    [(6, 0, "received 6 tokens. Cut"), (3, 3, "received 3 tokens, the first at position 3. Cut"), (1, 5, "position 5")],
)
def test_sequence_longer_than_the_table_is_refused_with_the_size_that_would_do(length, offset, said):
    layer = LearnedPositions(max_length=5, d_model=4)
    with pytest.raises(ValueError, match="expected at most max_length=5 positions, for which a vector was") as caught:
        layer(np.ones((2, length, 4)), offset=offset)
    assert said in str(caught.value)
    assert f"make the layer with max_length={length + offset} and train it" in str(caught.value)


@pytest.mark.parametrize("shape", [(2, 3, 5), (3, 4), (2, 3, 4, 4)], ids=str)
def test_tokens_of_another_shape_are_refused(shape):
    layer = LearnedPositions(max_length=5, d_model=4)
    with pytest.raises(ValueError, match=r"expected inputs of shape \(batch, length, d_model=4\)") as caught:
        layer(np.ones(shape))
    assert f"received shape {shape}" in str(caught.value)


def test_the_two_sizes_of_learned_positions_have_to_be_named():
    with pytest.raises(TypeError, match="positional"):
        LearnedPositions(5, 4)


def test_numbers_in_tensors_are_looked_at_where_they_are_known():
    layer, tokens = LearnedPositions(max_length=5, d_model=4), np.ones((1, 2, 4))
    with pytest.raises(ValueError, match=r"expected at most max_length=5 .*, the first at position 4"):
        layer(tokens, offset=ops.convert_to_tensor(4))
    with pytest.raises(ValueError, match="argument `offset` must be an integer of at least 0; got -1"):
        layer(tokens, offset=ops.convert_to_tensor(-1))
    for wrong in (ops.convert_to_tensor(2.0), ops.convert_to_tensor([1, 2])):
        with pytest.raises(ValueError, match="argument `length` must be an integer of at least 0; got "):
            sinusoidal_positions(wrong, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "longer"}, "expected method to be one of interpolation, ntk, yarn; received 'longer'"),
        ({"method": "yarn"}, 'expected trained_length for method "yarn", in tokens; received none'),
        ({"method": "ntk", "width": 2}, 'expected a width of at least 4 for method "ntk"'),
        ({"method": "interpolation", "factor": 0}, "argument `factor` must be positive and finite"),
        (
            {"method": "yarn", "trained_length": 9, "turns": (4, 4)},
            r"expected turns to be two numbers from 0 that rise, such as \(1, 32\); received \(4, 4\)",
        ),
    ],
)
def test_what_cannot_be_stretched_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        stretched_frequencies(**{"width": 8, "factor": 2.0, **arguments})


def test_frequencies_must_be_one_for_each_pair():
    for wrong in ([1.0], np.ones(4), [1.0, np.nan]):
        with pytest.raises(ValueError, match="expected 2 finite frequencies, one for each pair of 4 features"):
            rotate(ROWS, frequencies=wrong)


@pytest.mark.parametrize(("num_buckets", "max_distance"), [(7, 20), (8, 4), (0, 3), (8, 0)])
def test_buckets_that_cannot_be_made_are_refused(num_buckets, max_distance):
    with pytest.raises(ValueError, match=r"expected an even num_buckets|must be a positive integer"):
        relative_buckets(3, num_buckets=num_buckets, max_distance=max_distance)
