"""The exercises on positions: what the book's own functions answer, and inputs that tell answers apart."""

import numpy as np

from tests.support.exercise_draws import drawn
from tests.support.exercise_toys import Hidden
from utils.exercises import check
from utils.exercises.engine.checker import EXERCISES


def test_the_book_s_own_functions_pass():
    from keras import ops

    from utils.positions import LearnedPositions, alibi_slopes, rotate, sinusoidal_positions

    def add(tokens, table, offset):
        layer = LearnedPositions(max_length=len(table), d_model=table.shape[1])
        layer.build(tokens.shape)
        layer.set_weights([table])
        return ops.convert_to_numpy(layer(tokens, offset=offset))

    assert check("positions-add", add)
    assert check("positions-sinusoids", Hidden(sinusoidal_positions))
    assert check("positions-rotate", Hidden(lambda x, positions: ops.convert_to_numpy(rotate(x, positions))))
    assert check("positions-slopes", Hidden(alibi_slopes))


def test_shift_moves_every_position_of_the_sinusoids():
    sinusoids = EXERCISES["positions-sinusoids"].reference
    for distance, width in drawn("positions-shift"):
        table = sinusoids(80, width)
        first, last = max(0, -distance), 80 - max(0, distance)
        moved = table[first:last] @ EXERCISES["positions-shift"].reference(distance, width).T
        np.testing.assert_allclose(moved, table[first + distance : last + distance], atol=1e-12)


# Answers that must not pass


# Inputs


def test_an_early_trial_has_axes_that_a_shape_does_not_tell_apart():
    tokens, *_ = drawn("positions-add")[0]
    assert tokens.shape[0] == tokens.shape[1]
    assert all(len(table) > offset + tokens.shape[1] for tokens, table, offset in drawn("positions-add"))
    assert all(offset >= 1 for *_, offset in drawn("positions-add"))
    length, width = drawn("positions-sinusoids")[1]
    assert length == width
    assert {width % 2 for _, width in drawn("positions-sinusoids")} == {0}


def test_both_signs_of_distance_and_both_kinds_of_head_count_are_tried():
    assert {distance > 0 for distance, _ in drawn("positions-shift")} == {True, False}
    assert sorted(number for (number,) in drawn("positions-slopes")) == list(range(1, 41))


def test_rows_to_rotate_are_not_in_the_order_of_their_positions():
    assert any((np.diff(positions) < 0).any() for _, positions in drawn("positions-rotate"))
    assert all((positions != np.arange(len(positions))).any() for _, positions in drawn("positions-rotate"))
