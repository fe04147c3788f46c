"""The exercises on positions: what the book's own functions answer, and inputs that tell answers apart."""

import numpy as np

from tests.support.exercise_draws import drawn
from tests.support.exercise_toys import Hidden
from utils.exercises import check
from utils.exercises.engine.checker import EXERCISES


def test_the_book_s_own_functions_pass():
    from keras import ops

    from utils.positions import alibi_slopes, rotate

    assert check("positions-rotate", Hidden(lambda x, positions: ops.convert_to_numpy(rotate(x, positions))))
    assert check("positions-slopes", Hidden(alibi_slopes))


def test_shift_moves_every_position_of_the_sinusoids():
    from keras import ops

    from utils.positions import sinusoidal_positions

    for distance, width in drawn("positions-shift"):
        table = ops.convert_to_numpy(sinusoidal_positions(80, width))
        first, last = max(0, -distance), 80 - max(0, distance)
        moved = table[first:last] @ EXERCISES["positions-shift"].reference(distance, width).T
        np.testing.assert_allclose(moved, table[first + distance : last + distance], atol=1e-5)


# Answers that must not pass


# Inputs


def test_both_signs_of_distance_and_both_kinds_of_head_count_are_tried():
    assert {distance > 0 for distance, _ in drawn("positions-shift")} == {True, False}
    assert sorted(number for (number,) in drawn("positions-slopes")) == list(range(1, 41))


def test_rows_to_rotate_are_not_in_the_order_of_their_positions():
    assert any((np.diff(positions) < 0).any() for _, positions in drawn("positions-rotate"))
    assert all((positions != np.arange(len(positions))).any() for _, positions in drawn("positions-rotate"))
