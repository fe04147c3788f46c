"""Sinusoidal and rotary positions and ALiBi: closed forms, a second implementation, and what makes them positions."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from tests.support.naive_positions import numbers, rotation_matrix, slopes_of_the_authors, wave
from utils import runtime
from utils.attention import scaled_dot_product_attention
from utils.positions import (
    alibi_bias,
    alibi_slopes,
    angular_frequencies,
    relative_buckets,
    rotate,
    sinusoidal_positions,
    stretched_frequencies,
)

PAIRINGS = ("interleaved", "half")
B, H, T, WIDTH = 2, 3, 5, 14


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


# Sinusoidal


def test_frequencies_fall_from_one_towards_one_over_base():
    np.testing.assert_allclose(angular_frequencies(4), [1, 0.01], rtol=1e-12)
    np.testing.assert_allclose(angular_frequencies(6, base=8.0), [1, 0.5, 0.25], rtol=1e-12)
    wide = angular_frequencies(512)
    assert wide[0] == 1
    assert (np.diff(wide) < 0).all()
    assert 1e-4 < wide[-1] < 1.04e-4


def test_position_vectors_by_hand():
    # Width 4, base 4: frequencies 1 and 1/2, at positions 0 and π/… are not whole; so cos and sin of 1, 2 and 1/2.
    expected = [[0, 1, 0, 1], [0.841471, 0.540302, 0.479426, 0.877583], [0.909297, -0.416147, 0.841471, 0.540302]]
    np.testing.assert_allclose(numbers(sinusoidal_positions(3, 4, base=4.0)), expected, atol=1e-6)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(1, 9), st.integers(1, 8), st.integers(0, 100_000), st.sampled_from([10_000.0, 500_000.0, 2.0]))
def test_table_is_the_formula_of_the_paper(length, pairs, offset, base):
    found = numbers(sinusoidal_positions(length, 2 * pairs, offset=offset, base=base))
    expected = [[wave(offset + p, j, 2 * pairs, base) for j in range(2 * pairs)] for p in range(length)]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.dtype == np.float32


def test_length_of_none_gives_no_rows():
    assert numbers(sinusoidal_positions(0, 6)).shape == (0, 6)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.integers(0, 300), st.integers(0, 300))
def test_shift_is_one_linear_map_for_all_positions(shift, seed):
    table = numbers(sinusoidal_positions(9, WIDTH, offset=seed)).astype("float64")
    shifted = numbers(sinusoidal_positions(9, WIDTH, offset=seed + shift))
    swapped = table.reshape(9, -1, 2)[..., ::-1].reshape(9, WIDTH)  # (cos, sin): the pair that turns counterclockwise
    turned = (swapped @ rotation_matrix(shift, WIDTH).T).reshape(9, -1, 2)[..., ::-1].reshape(9, WIDTH)
    np.testing.assert_allclose(turned, shifted, atol=1e-5)


def test_dot_products_depend_on_distance_alone_and_tell_neighbours_from_strangers():
    table = numbers(sinusoidal_positions(200, 64))
    products = table @ table.T
    for distance in (0, 1, 7, 100):
        diagonal = np.diagonal(products, distance)
        np.testing.assert_allclose(diagonal, diagonal[0], atol=1e-4)
    assert products[0, 0] == pytest.approx(32, abs=1e-4)
    assert (products[0, 1:] < 31.5).all()


def test_no_two_positions_share_a_vector():
    table = numbers(sinusoidal_positions(2000, 8))
    gaps = np.abs(table[:, None] - table[None]).max(-1) + 3 * np.eye(2000)
    assert gaps.min() > 1e-3


def test_offset_takes_up_where_earlier_positions_end():
    whole = numbers(sinusoidal_positions(11, 6))
    np.testing.assert_array_equal(numbers(sinusoidal_positions(4, 6, offset=7)), whole[7:])


@pytest.mark.parametrize("where", ["length", "offset"])
def test_length_and_offset_may_be_tensors(where):
    sizes = {"length": 4, "offset": 7}
    sizes[where] = ops.convert_to_tensor(sizes[where])
    found = numbers(sinusoidal_positions(sizes["length"], 6, offset=sizes["offset"]))
    np.testing.assert_allclose(found, numbers(sinusoidal_positions(11, 6))[7:], atol=1e-5)


# Rotary


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_a_quarter_turn_by_hand(pairing):
    rows = np.array([[1, 2, 3, 4]], "float32")
    found = numbers(rotate(rows, [np.pi / 2], base=4.0, pairing=pairing))[0]
    eighth = np.sqrt(0.5)  # the second pair turns half as fast
    expected = {
        "interleaved": [-2, 1, (3 - 4) * eighth, (3 + 4) * eighth],
        "half": [-3, (2 - 4) * eighth, 1, (2 + 4) * eighth],
    }[pairing]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("pairing", PAIRINGS)
@pytest.mark.parametrize("base", [10_000.0, 500.0])
def test_rotation_is_the_block_matrix_of_the_paper(pairing, base):
    rows = draw(B, H, T, WIDTH)
    found = numbers(rotate(rows, offset=4, base=base, pairing=pairing))
    for t in range(T):
        expected = rows[:, :, t].astype("float64") @ rotation_matrix(4 + t, WIDTH, base, pairing).T
        np.testing.assert_allclose(found[:, :, t], expected, atol=1e-5)


@pytest.mark.parametrize("pairing", PAIRINGS)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 99))
def test_product_of_rotated_rows_depends_on_distance_alone(pairing, query_at, key_at, shift, seed):
    query, key = draw(2, 1, WIDTH, seed=seed)

    def product(first, second):
        rotated = (numbers(rotate(rows, [at], pairing=pairing)) for rows, at in ((query, first), (key, second)))
        return np.vdot(*rotated)

    assert product(query_at, key_at) == pytest.approx(product(query_at + shift, key_at + shift), abs=2e-5)
    assert product(query_at, query_at) == pytest.approx(np.vdot(query, key), abs=2e-5)


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_distance_does_change_the_product_and_lengths_stay(pairing):
    query, key = draw(2, 1, WIDTH)
    products = [np.vdot(numbers(rotate(query, [at], pairing=pairing)), key) for at in range(6)]
    assert np.abs(np.diff(products)).min() > 0.01
    rows = draw(B, T, WIDTH)
    found = numbers(rotate(rows, offset=1000, pairing=pairing))
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), np.linalg.norm(rows, axis=-1), rtol=1e-5)
    assert np.abs(found - rows).max() > 0.1


def test_the_two_pairings_are_one_up_to_an_order_of_features():
    rows = draw(B, H, T, WIDTH)
    order = np.concatenate([np.arange(0, WIDTH, 2), np.arange(1, WIDTH, 2)])  # even features first
    neighbours = numbers(rotate(rows))
    np.testing.assert_allclose(numbers(rotate(rows[..., order], pairing="half")), neighbours[..., order], atol=1e-6)
    assert np.abs(numbers(rotate(rows, pairing="half")) - neighbours).max() > 0.1


def test_positions_of_a_batch_may_differ():
    rows, positions = draw(B, H, T, WIDTH), np.array([[0, 1, 2, 3, 4], [9, 9, 2, 0, 0.5]])
    found = numbers(rotate(rows, positions[:, None]))
    for b, h in np.ndindex(B, H):
        np.testing.assert_allclose(found[b, h], numbers(rotate(rows[b, h], positions[b])), atol=1e-6)


def test_positions_are_counted_from_the_offset():
    rows = draw(B, T, WIDTH)
    np.testing.assert_array_equal(numbers(rotate(rows)), numbers(rotate(rows, np.arange(T))))
    np.testing.assert_array_equal(numbers(rotate(rows, offset=6)), numbers(rotate(rows, np.arange(6, 6 + T))))
    np.testing.assert_allclose(
        numbers(rotate(rows, offset=ops.convert_to_tensor(6))), numbers(rotate(rows, offset=6)), atol=1e-5
    )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_keeps_its_type_and_far_positions_apart(dtype):
    rows = ops.cast(draw(1, 2, WIDTH), dtype)
    found = rotate(rows, [4096, 4097])  # bfloat16 cannot tell these two numbers apart
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    exact = numbers(rotate(ops.cast(rows, "float32"), [4096, 4097]))
    np.testing.assert_allclose(numbers(ops.cast(found, "float32")), exact, atol=0.02)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("whole", [True, False])
def test_neighbouring_positions_of_a_tensor_stay_apart_in_half_precision(dtype, whole):
    rows = ops.cast(np.tile(draw(1, WIDTH), (4, 1)), dtype)
    at = np.array([256, 257, 2048, 2049])  # bfloat16 cannot tell the first two apart, nor float16 the last
    found = numbers(
        ops.cast(rotate(rows, ops.convert_to_tensor(at.astype("int32" if whole else "float32"))), "float32")
    )
    np.testing.assert_allclose(found, numbers(ops.cast(rotate(rows, at), "float32")), atol=0.02)
    assert np.abs(found[0] - found[1]).max() > 0.1
    assert np.abs(found[2] - found[3]).max() > 0.1


def counted_rows(length, seed=0):
    return draw(B, H, length, WIDTH, seed=seed)


@pytest.mark.parametrize("pairing", PAIRINGS)
@pytest.mark.parametrize("shape", [(None, WIDTH), (H, None, WIDTH), (None, None, WIDTH)], ids=str)
def test_functional_models_rotate_rows_whose_number_was_unknown_when_they_were_built(pairing, shape, tmp_path):
    symbol = keras.Input(shape)
    model = keras.Model(symbol, rotate(symbol, pairing=pairing))
    assert model.output_shape == (None, *shape)
    model.save(tmp_path / "model.keras")
    for built in (model, keras.saving.load_model(tmp_path / "model.keras")):
        for length in (1, T, 9):
            rows = counted_rows(length) if len(shape) == 3 else counted_rows(length)[0]
            np.testing.assert_allclose(numbers(built(rows)), numbers(rotate(rows, pairing=pairing)), atol=1e-5)
    np.testing.assert_allclose(model.predict(rows, verbose=0), numbers(rotate(rows, pairing=pairing)), atol=1e-5)


def test_functional_models_take_positions_as_an_input():
    symbol, places = keras.Input((None, WIDTH)), keras.Input((None,), dtype="int32")
    model = keras.Model([symbol, places], rotate(symbol, places))
    rows, at = draw(B, T, WIDTH), np.array([[0, 1, 2, 3, 4], [7, 7, 0, 256, 257]])
    np.testing.assert_allclose(numbers(model([rows, at])), numbers(rotate(rows, at)), atol=1e-4)


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_layers_and_compiled_functions_rotate_rows_of_any_number(pairing):
    class Turn(keras.layers.Layer):
        def call(self, rows):
            return rotate(rows, offset=3, pairing=pairing)

        def compute_output_shape(self, shape):
            return shape

    symbol = keras.Input((None, WIDTH))
    model, rows = keras.Model(symbol, Turn()(symbol)), draw(B, T, WIDTH)
    expected = numbers(rotate(rows, offset=3, pairing=pairing))
    np.testing.assert_allclose(model.predict(rows, verbose=0), expected, atol=1e-5)
    np.testing.assert_allclose(model.predict(rows[:, :2], verbose=0), expected[:, :2], atol=1e-5)


def test_double_precision_is_as_exact_as_the_backend_allows():
    rows = draw(1, 3, WIDTH).astype("float64")
    found = rotate(rows, [4096, 1, 7])
    dtype = keras.backend.standardize_dtype(ops.convert_to_tensor(rows).dtype)
    assert keras.backend.standardize_dtype(found.dtype) == dtype  # JAX narrows to float32
    expected = [rotation_matrix(at, WIDTH) @ row for at, row in zip((4096, 1, 7), rows[0], strict=True)]
    np.testing.assert_allclose(numbers(found)[0], expected, atol=1e-12 if dtype == "float64" else 1e-5)


def test_rotation_undone_backwards_is_a_gradient():
    """The gradient of sum(rotated * cotangent) is the cotangent turned back, as for any rotation."""
    rows, cotangent = draw(2, T, WIDTH)
    (slope,) = runtime.gradients(lambda x: ops.sum(rotate(x, offset=3) * ops.convert_to_tensor(cotangent)), rows)
    np.testing.assert_allclose(slope, numbers(rotate(cotangent, -np.arange(3, 3 + T))), atol=1e-5)


# ALiBi


def test_slopes_by_hand():
    np.testing.assert_allclose(alibi_slopes(8), [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128, 1 / 256])
    np.testing.assert_allclose(alibi_slopes(4), [1 / 4, 1 / 16, 1 / 64, 1 / 256])
    np.testing.assert_allclose(alibi_slopes(6), [1 / 4, 1 / 16, 1 / 64, 1 / 256, 1 / 2, 1 / 8])
    np.testing.assert_allclose(alibi_slopes(1), [1 / 256])


@pytest.mark.parametrize("num_heads", range(1, 36))
def test_slopes_are_those_of_the_authors_code(num_heads):
    found = alibi_slopes(num_heads)
    np.testing.assert_allclose(found, slopes_of_the_authors(num_heads), rtol=1e-12)
    assert found.shape == (num_heads,)
    assert len({*found}) == num_heads


def test_bias_by_hand():
    expected = np.array([[0, 1, 2, 3, 4], [1, 0, 1, 2, 3], [2, 1, 0, 1, 2]])
    found = numbers(alibi_bias(2, 3, 5))
    np.testing.assert_allclose(found, [-expected / 16, -expected / 256], rtol=1e-6)
    assert found.dtype == np.float32
    np.testing.assert_allclose(numbers(alibi_bias(2, 3)), found[:, :, :3])


def test_bias_of_later_queries_starts_at_the_offset():
    whole = numbers(alibi_bias(3, 7))
    np.testing.assert_array_equal(numbers(alibi_bias(3, 2, 7, offset=5)), whole[:, 5:])
    later = alibi_bias(3, 2, ops.convert_to_tensor(7), offset=ops.convert_to_tensor(5))
    np.testing.assert_allclose(numbers(later), whole[:, 5:], rtol=1e-6)


def test_with_equal_scores_weights_fall_by_one_factor_a_token():
    zeros = np.zeros((1, 4, 6, 8), "float32")
    _, weights = scaled_dot_product_attention(
        zeros, zeros, zeros, attention_bias=alibi_bias(4, 6), use_causal_mask=True
    )
    last = numbers(weights)[0, :, -1]
    factors = np.exp(alibi_slopes(4))[:, None] * np.ones((4, 5))
    np.testing.assert_allclose(last[:, 1:] / last[:, :-1], factors, rtol=1e-5)


# Stretched frequencies


def test_interpolation_divides_every_frequency():
    np.testing.assert_allclose(stretched_frequencies(4, 8, method="interpolation"), [1 / 8, 0.01 / 8], rtol=1e-12)


@pytest.mark.parametrize("width", [4, 14, 64])
@pytest.mark.parametrize("base", [100.0, 500_000.0])
def test_ntk_keeps_the_fastest_pair_and_divides_the_slowest_by_the_factor(width, base):
    slowed = stretched_frequencies(width, 5, method="ntk", base=base) / angular_frequencies(width, base=base)
    assert slowed[0] == 1
    assert slowed[-1] == pytest.approx(1 / 5)
    np.testing.assert_allclose(slowed[1:] / slowed[:-1], 5 ** (-2 / (width - 2)), rtol=1e-9)


def test_yarn_by_hand():
    # Frequencies 1, 0.1, 0.01: within 200π tokens 100, 10 and 1 turns. Of 1 to 19 turns, 10 are half of the way.
    found = stretched_frequencies(6, 4, method="yarn", base=1000.0, trained_length=628, turns=(1, 19))
    np.testing.assert_allclose(found, [1, (0.1 + 0.1 / 4) / 2, 0.01 / 4], rtol=2e-3)


def test_yarn_far_from_its_ramp_is_that_of_the_transformers_library():
    rope = pytest.importorskip("transformers.modeling_rope_utils")
    config = pytest.importorskip("transformers").LlamaConfig(
        **{"hidden_size": 256, "num_attention_heads": 2, "max_position_embeddings": 8192, "rope_theta": 10_000.0},
        rope_scaling={"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 2048},
    )
    theirs, _ = rope.ROPE_INIT_FUNCTIONS["yarn"](config, "cpu")
    ours = stretched_frequencies(128, 4, method="yarn", trained_length=2048)
    turns = 2048 * angular_frequencies(128) / (2 * np.pi)
    outside = (turns > 40) | (turns < 0.9)  # between, the authors' program mixes by the numbers of the pairs
    assert 30 < outside.sum() < 64
    np.testing.assert_allclose(ours[outside], theirs.numpy()[outside], rtol=1e-5)


def test_a_factor_of_one_changes_nothing():
    for method in ("interpolation", "ntk", "yarn"):
        found = stretched_frequencies(6, 1, method=method, trained_length=9)
        np.testing.assert_allclose(found, angular_frequencies(6), rtol=1e-12)


def test_rotate_takes_frequencies_in_place_of_a_base():
    rows = draw(B, H, T, WIDTH)
    given_base = rotate(rows, base=50.0, offset=3)
    np.testing.assert_allclose(
        numbers(rotate(rows, frequencies=angular_frequencies(WIDTH, base=50.0), offset=3)), numbers(given_base)
    )
    slowed = rotate(rows, frequencies=stretched_frequencies(WIDTH, 4, method="interpolation"))
    np.testing.assert_allclose(numbers(slowed), numbers(rotate(rows, np.arange(T) / 4)), atol=1e-5)


# T5's buckets


def test_buckets_are_those_of_t5s_decoder_in_the_transformers_library():
    t5 = pytest.importorskip("transformers.models.t5.modeling_t5")
    torch = pytest.importorskip("torch")
    for num_buckets, max_distance in ((32, 128), (8, 20), (16, 11), (2, 3)):
        theirs = t5.T5Attention._relative_position_bucket(
            torch.arange(300)[None, :] - torch.arange(300)[:, None], False, num_buckets, max_distance
        )
        ours = relative_buckets(300, num_buckets=num_buckets, max_distance=max_distance)
        np.testing.assert_array_equal(numbers(ours), theirs.numpy())


def test_buckets_of_later_queries_are_rows_of_all():
    whole = numbers(relative_buckets(9, num_buckets=4, max_distance=7))
    np.testing.assert_array_equal(numbers(relative_buckets(2, 9, num_buckets=4, max_distance=7, offset=7)), whole[7:])
    assert whole.dtype == np.int32
    assert (whole[np.triu_indices(9)] == 0).all()
    assert set(whole[8]) == {0, 1, 2, 3}
