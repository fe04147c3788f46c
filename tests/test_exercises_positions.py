"""The exercises on positions: solutions pass, stubs and memorised answers fail, known mistakes are named."""

import inspect
import time

import numpy as np
import pytest
from positions_slips import SLIPS
from positions_solutions import BY_ID

from utils.exercises import check
from utils.exercises.checker import EXERCISES

IDS = tuple(BY_ID)
NOTES = {"positions-shift": ", negative distances included", "positions-slopes": ", powers of two and others"}
MISTAKES = [(one, mistake) for one in IDS for mistake in EXERCISES[one].mistakes]


def drawn(exercise_id):
    exercise = EXERCISES[exercise_id]
    return [exercise.draw(trial) for trial in range(exercise.trials)]


# Model solutions and references


@pytest.mark.parametrize("exercise_id", IDS)
def test_model_solution_passes_with_the_line_that_the_chapter_shows(exercise_id):
    line = f"✓ {exercise_id}: right on all 40 trials{NOTES.get(exercise_id, '')}"
    assert repr(check(exercise_id, BY_ID[exercise_id])) == line


@pytest.mark.parametrize("exercise_id", IDS)
def test_model_solution_has_at_most_twelve_lines_and_the_signature_asked_for(exercise_id):
    source = inspect.getsource(BY_ID[exercise_id]).splitlines()
    assert len(source) <= 12
    assert source[0].strip() == f"def {EXERCISES[exercise_id].signature}:"


def test_chapter_has_these_five_exercises():
    assert {name for name in EXERCISES if name.startswith("positions-")} == set(IDS)
    assert all(EXERCISES[name].reference.__doc__ for name in IDS)


def test_all_checks_together_take_less_than_a_second():
    started = time.process_time()
    assert all(check(name, BY_ID[name]) for name in IDS)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("exercise_id", IDS)
def test_reference_passes_its_own_check(exercise_id):
    assert check(exercise_id, EXERCISES[exercise_id].reference)


def test_the_book_s_own_functions_pass():
    from keras import ops

    from utils.positions import LearnedPositions, alibi_slopes, rotate, sinusoidal_positions

    def add(tokens, table, offset):
        layer = LearnedPositions(max_length=len(table), d_model=table.shape[1])
        layer.build(tokens.shape)
        layer.set_weights([table])
        return ops.convert_to_numpy(layer(tokens, offset=offset))

    assert check("positions-add", add)
    assert check("positions-sinusoids", sinusoidal_positions)
    assert check("positions-rotate", lambda x, positions: ops.convert_to_numpy(rotate(x, positions)))
    assert check("positions-slopes", alibi_slopes)


def test_shift_moves_every_position_of_the_sinusoids():
    sinusoids = EXERCISES["positions-sinusoids"].reference
    for distance, width in drawn("positions-shift"):
        table = sinusoids(80, width)
        first, last = max(0, -distance), 80 - max(0, distance)
        moved = table[first:last] @ EXERCISES["positions-shift"].reference(distance, width).T
        np.testing.assert_allclose(moved, table[first + distance : last + distance], atol=1e-12)


# Answers that must not pass


def not_written(*inputs):
    raise NotImplementedError


@pytest.mark.parametrize("exercise_id", IDS)
def test_stubs_inputs_and_constants_fail(exercise_id):
    exercise = EXERCISES[exercise_id]
    memorised = exercise.reference(*exercise.draw(0))
    assert "not written yet" in check(exercise_id, not_written).message
    assert "not written yet" in check(exercise_id, lambda *inputs: None).message
    assert "not written yet" in check(exercise_id, lambda *inputs: ...).message
    for position, name in enumerate(exercise.parameters):
        text = check(exercise_id, lambda *inputs, position=position: inputs[position]).message
        assert text == f"{exercise_id}: returned its input `{name}` as it came"
    assert "the same result on every trial" in check(exercise_id, lambda *inputs: memorised).message
    for constant in (0, 1.0, True, "text", (), [], np.zeros((3, 3)), (np.ones(2), np.ones(2))):
        assert not check(exercise_id, lambda *inputs, constant=constant: constant)
    assert "expected a function" in check(exercise_id, memorised).message


@pytest.mark.parametrize("exercise_id", IDS)
def test_solution_that_is_right_on_all_trials_but_one_fails(exercise_id):
    exercise = EXERCISES[exercise_id]
    calls = iter(range(exercise.trials))

    def answer(*inputs):
        return BY_ID[exercise_id](*inputs) * (1 if next(calls) < exercise.trials - 1 else 1.001)

    assert f"wrong on 1 of {exercise.trials} trials" in check(exercise_id, answer).message


@pytest.mark.parametrize(("exercise_id", "mistake"), MISTAKES, ids=[f"{one}: {it.name}" for one, it in MISTAKES])
def test_known_mistake_fails_and_is_recognised_as_itself(exercise_id, mistake):
    verdict = check(exercise_id, mistake.answer)
    assert not verdict
    assert verdict.message.startswith(f"{exercise_id}: {mistake.message} (seen on ")
    assert verdict.hint == mistake.hint


@pytest.mark.parametrize("exercise_id", IDS)
def test_mistakes_of_an_exercise_have_names_and_messages_of_their_own(exercise_id):
    mistakes = EXERCISES[exercise_id].mistakes
    assert len(mistakes) >= 7
    for attribute in ("name", "message"):
        assert len({getattr(mistake, attribute) for mistake in mistakes}) == len(mistakes)


def test_every_known_mistake_is_written_in_other_words():
    assert {(one, name) for one, name, _ in SLIPS} == {(one, mistake.name) for one, mistake in MISTAKES}


@pytest.mark.parametrize(("exercise_id", "name", "answer"), SLIPS, ids=[f"{one}: {name}" for one, name, _ in SLIPS])
def test_mistake_is_recognised_in_other_words(exercise_id, name, answer):
    (mistake,) = (one for one in EXERCISES[exercise_id].mistakes if one.name == name)
    assert check(exercise_id, answer).message.startswith(f"{exercise_id}: {mistake.message} (seen on ")


# Inputs


@pytest.mark.parametrize("exercise_id", IDS)
def test_inputs_differ_from_trial_to_trial(exercise_id):
    arrays = [one for inputs in drawn(exercise_id) for one in inputs if isinstance(one, np.ndarray)]
    assert all(np.unique(one).size == one.size > 1 for one in arrays)
    assert len({str(inputs) for inputs in drawn(exercise_id)}) > 0.9 * EXERCISES[exercise_id].trials


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
