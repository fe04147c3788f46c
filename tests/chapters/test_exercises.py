"""What holds for each exercise of each chapter: its solution passes, stubs fail, known mistakes are named."""

import inspect

import numpy as np
import pytest

from tests.support.architecture_slips import SLIPS as ARCHITECTURE_SLIPS
from tests.support.architecture_solutions import BY_ID as ARCHITECTURE
from tests.support.attention_slips import SLIPS as ATTENTION_SLIPS
from tests.support.attention_solutions import BY_ID as ATTENTION
from tests.support.custom_slips import SLIPS as CUSTOM_SLIPS
from tests.support.custom_solutions import BY_ID as CUSTOM
from tests.support.exercise_draws import drawn
from tests.support.exercise_toys import Hidden
from tests.support.form_solutions import MENDED_LINES, PREDICTIONS, TESTS, mended
from tests.support.multi_head_count_slips import COUNT_SLIPS
from tests.support.multi_head_slips import SLIPS as MULTI_HEAD_SLIPS
from tests.support.multi_head_solutions import BY_ID as MULTI_HEAD
from tests.support.positions_slips import SLIPS as POSITIONS_SLIPS
from tests.support.positions_solutions import BY_ID as POSITIONS
from tests.support.pretrained_slips import SLIPS as PRETRAINED_SLIPS
from tests.support.pretrained_solutions import BY_ID as PRETRAINED
from tests.support.project_slips import SLIPS as PROJECT_SLIPS
from tests.support.project_solutions import BY_ID as PROJECT
from tests.support.training_slips import SLIPS as TRAINING_SLIPS
from tests.support.training_solutions import BY_ID as TRAINING
from tools.notebooks.chapters import find_chapters, read_chapter
from utils.exercises import check
from utils.exercises.engine.checker import EXERCISES

# Functions; what else is asked for has tests of its own, tests/utils/exercises/test_forms.py.
SOLUTIONS = ATTENTION | MULTI_HEAD | POSITIONS | ARCHITECTURE | TRAINING | PRETRAINED | CUSTOM | PROJECT
IDS = tuple(SOLUTIONS)
BUGS = {one: (max(lines), mended(EXERCISES[one])) for one, lines in MENDED_LINES.items()}
FORMS = TESTS | BUGS | PREDICTIONS
# Exercise, name of the mistake, and an answer that makes it in other words than the checker's own.
SLIPS = [*ATTENTION_SLIPS, *MULTI_HEAD_SLIPS, *COUNT_SLIPS, *POSITIONS_SLIPS, *ARCHITECTURE_SLIPS]
SLIPS += [*TRAINING_SLIPS, *PRETRAINED_SLIPS, *CUSTOM_SLIPS, *PROJECT_SLIPS]
MISTAKES = [(one, mistake) for one in IDS for mistake in EXERCISES[one].mistakes]
CONSTANTS = (0, 0.5, 1.0, True, "", "text", (), [], np.zeros(3), np.zeros((3, 3)), ((2, 3), (2, 3)), (np.ones(2),) * 2)


@pytest.fixture(scope="module")
def asked():
    """The text and the code of all committed chapters."""
    return "\n".join(cell.source for path in find_chapters() for cell in read_chapter(path).notebook.cells)


@pytest.fixture(scope="module")
def shown():
    """The lines that the committed chapters print."""
    cells = [cell for path in find_chapters() for cell in read_chapter(path).notebook.cells if cell.get("outputs")]
    outputs = [output for cell in cells for output in cell.outputs]
    texts = [output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs]
    return {line for text in texts for line in text.splitlines()}


def test_each_exercise_has_a_solution_and_a_documented_reference():
    assert set(SOLUTIONS) | set(FORMS) == set(EXERCISES)
    assert all(exercise.reference.__doc__ for exercise in EXERCISES.values())


@pytest.mark.parametrize("exercise_id", IDS)
def test_model_solution_passes_with_the_line_that_the_chapter_shows(exercise_id, shown):
    verdict = check(exercise_id, SOLUTIONS[exercise_id])
    assert verdict
    assert repr(verdict) in shown


@pytest.mark.parametrize("exercise_id", FORMS)
def test_form_that_a_chapter_sets_is_set_in_the_words_of_its_checker(exercise_id, asked, shown):
    """A listing is the checker's own, to the letter; the folded solution shows the verdict on ours."""
    if f'check("{exercise_id}"' not in asked:
        pytest.skip(f"no chapter sets {exercise_id} yet")
    assert set(repr(check(exercise_id, FORMS[exercise_id])).splitlines()) <= shown
    if exercise_id in BUGS:
        assert EXERCISES[exercise_id].numbered in asked


@pytest.mark.parametrize("exercise_id", [*IDS, *TESTS])
def test_model_solution_has_few_lines_and_the_signature_asked_for(exercise_id):
    source = inspect.getsource((SOLUTIONS | TESTS)[exercise_id]).splitlines()
    assert len(source) <= (15 if exercise_id in TESTS else 12)
    assert source[0].strip() == f"def {EXERCISES[exercise_id].signature}:"


@pytest.mark.parametrize("exercise_id", IDS)
def test_reference_passes_its_own_check_where_it_is_not_seen_to_be_the_books(exercise_id):
    reference = EXERCISES[exercise_id].reference
    assert check(exercise_id, Hidden(reference))
    verdict = check(exercise_id, reference)
    assert verdict.message == f"{exercise_id}: the result is right, but this is the book's own `{reference.__name__}`"


# Answers that are none


def not_written(*inputs):
    raise NotImplementedError


@pytest.mark.parametrize("exercise_id", IDS)
@pytest.mark.parametrize(
    "stub", [not_written, lambda *inputs: None, lambda *inputs: ...], ids=["raises", "None", "..."]
)
def test_a_stub_is_said_not_to_be_written_yet(exercise_id, stub):
    assert "not written yet" in check(exercise_id, stub).message


@pytest.mark.parametrize("exercise_id", IDS)
def test_inputs_memorised_results_and_constants_fail(exercise_id):
    exercise = EXERCISES[exercise_id]
    memorised = exercise.reference(*exercise.draw(1))
    for position, name in enumerate(exercise.parameters):
        text = check(exercise_id, lambda *inputs, position=position: inputs[position]).message
        assert text == f"{exercise_id}: returned its input `{name}` as it came"
    for constant in (memorised, *CONSTANTS):
        assert not check(exercise_id, lambda *inputs, constant=constant: constant)
    assert "expected a function" in check(exercise_id, memorised).message


def spoilt(result):
    """Return a result of the same form with a little wrong in it."""
    if isinstance(result, str):
        return result + "."
    if isinstance(result, tuple):
        return (spoilt(result[0]), *result[1:])
    numbers = np.asarray(result)
    if numbers.dtype == bool:
        return ~numbers
    return numbers + 1 if numbers.dtype.kind == "i" else numbers * numbers.dtype.type(1.05)


@pytest.mark.parametrize("exercise_id", IDS)
def test_solution_that_is_right_on_all_trials_but_one_fails(exercise_id):
    exercise = EXERCISES[exercise_id]
    calls = iter(range(exercise.trials))

    def answer(*inputs):
        result = SOLUTIONS[exercise_id](*inputs)
        return result if next(calls) < exercise.trials - 1 else spoilt(result)

    assert f"wrong on 1 of {exercise.trials} trials" in check(exercise_id, answer).message


@pytest.mark.parametrize("exercise_id", IDS)
def test_inputs_differ_from_trial_to_trial(exercise_id):
    exercise = EXERCISES[exercise_id]
    results = {(exercise.describe(inputs), str(exercise.reference(*inputs))) for inputs in drawn(exercise_id)}
    assert len(results) > 0.9 * exercise.trials


@pytest.mark.parametrize("exercise_id", [*MULTI_HEAD, *POSITIONS])
def test_no_two_numbers_of_an_array_are_equal(exercise_id):
    arrays = [one for inputs in drawn(exercise_id) for one in inputs if isinstance(one, np.ndarray)]
    assert all(np.unique(one).size == one.size > 1 for one in arrays)


# Known mistakes


@pytest.mark.parametrize(("exercise_id", "mistake"), MISTAKES, ids=[f"{one}: {it.name}" for one, it in MISTAKES])
def test_known_mistake_fails_and_is_recognised_as_itself(exercise_id, mistake):
    with np.errstate(all="ignore"):
        verdict = check(exercise_id, mistake.answer)
    assert not verdict
    assert verdict.message.startswith(f"{exercise_id}: {mistake.message} (seen on ")
    assert verdict.hint == mistake.hint


@pytest.mark.parametrize("exercise_id", IDS)
def test_mistakes_of_an_exercise_have_names_and_messages_of_their_own(exercise_id):
    """Ways to make one mistake ("no maximum, way 2") share its message and its hint."""
    mistakes = EXERCISES[exercise_id].mistakes
    assert len({mistake.name for mistake in mistakes}) == len(mistakes)
    kinds = {(mistake.name.partition(", way")[0], mistake.message, mistake.hint) for mistake in mistakes}
    assert len(kinds) >= 6
    assert len({message for _, message, _ in kinds}) == len({name for name, _, _ in kinds}) == len(kinds)


def test_every_known_mistake_after_the_first_chapter_is_written_in_other_words():
    later = {(one, mistake.name) for one, mistake in MISTAKES if one not in ATTENTION}
    assert {(one, name) for one, name, _ in SLIPS if one not in ATTENTION} == later


@pytest.mark.parametrize(
    ("exercise_id", "name", "answer"), SLIPS, ids=[f"{one}: {name} {at}" for at, (one, name, _) in enumerate(SLIPS)]
)
def test_mistake_is_recognised_in_other_words(exercise_id, name, answer):
    (mistake,) = (one for one in EXERCISES[exercise_id].mistakes if one.name == name)
    with np.errstate(all="ignore"):
        assert check(exercise_id, answer).message.startswith(f"{exercise_id}: {mistake.message} (seen on ")
