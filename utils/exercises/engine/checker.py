"""Check a reader's answer to an exercise: right, or what went wrong and what to think about.

A function is compared with a reference on inputs drawn afresh for each trial from a seeded generator, so that a
memorised answer cannot pass and the verdict reads the same on every machine and backend. A wrong answer is
compared with the mistakes that are known to happen. Nothing is written, downloaded or timed.

Each chapter has a package of exercises, which lists them as `EXERCISES`; add a new one to `_CHAPTERS`.
"""

import difflib
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from utils.exercises import (
    architecture,
    attention,
    clinic,
    custom,
    frameworks,
    multi_head,
    positions,
    pretrained,
    project,
    training,
)
from utils.exercises.engine.borrowed import books_functions
from utils.exercises.engine.comparison import difference, same
from utils.exercises.engine.exercise import Exercise, Finding
from utils.exercises.engine.trials import Outcome, reference_result, returned_input, run

_CHAPTERS = (attention, multi_head, positions, architecture, training, pretrained, custom, project, frameworks, clinic)
EXERCISES: dict[str, Exercise] = {one.id: one for chapter in _CHAPTERS for one in chapter.EXERCISES}
_WIDTH = 100  # characters; a notebook does not wrap its outputs


@dataclass(frozen=True, repr=False)
class Verdict:
    """What the checker says; true where the answer passed.

    Attributes:
        passed: whether the answer is right.
        message: the exercise and what was seen.
        hint: what to think about next; empty where the answer passed.
    """

    passed: bool
    message: str
    hint: str = ""

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        lines = [f"{'✓' if self.passed else '✗'} {self.message}"] + ([f"hint: {self.hint}"] if self.hint else [])
        indents = ("", "  ")
        return "\n".join(
            textwrap.fill(line, _WIDTH, initial_indent=indent, subsequent_indent="    ", break_on_hyphens=False)
            for line, indent in zip(lines, indents, strict=False)
        )


def check(exercise_id: str, answer: Any) -> Verdict:
    """Compare an answer with the reference and with the mistakes that are known to happen.

    Whatever the answer does (raise, print, warn, return nothing, write to its arguments) ends in a verdict. The one
    exception is a loop that never ends: it is not caught, interrupt it yourself.

    Args:
        exercise_id: name of the exercise, as printed in the chapter.
        answer: the function, or the value, that the exercise asks for. Functions get NumPy arrays and may return
            arrays, tuples of arrays, or tensors of TensorFlow, JAX or PyTorch.

    Returns:
        Verdict, true where the answer is right.

    Raises:
        ValueError: there is no such exercise.

    Example:
        >>> check("positions-shift", lambda distance, width: None)
        ✗ positions-shift: returned None: not written yet, or without return
          hint: End the function with `return …`.
    """
    exercise = _find(exercise_id)
    finding = _judge(exercise, answer)
    if finding is not None:
        return Verdict(False, f"{exercise.id}: {finding.message}", finding.hint)
    return Verdict(True, f"{exercise.id}: {exercise.praise}")


def check_answer(exercise_id: str, answer: Callable[[], Any]) -> Verdict:
    """Check an answer that may not be there yet, for cells that stand below an empty one: it never ends in an error.

    Args:
        exercise_id: as for `check`.
        answer: function that returns what `check` asks for, `lambda: shapes`.

    Returns:
        What `check` says; where a name is not there yet, that the cell above has to be run.

    Raises:
        ValueError: there is no such exercise.
    """
    _find(exercise_id)
    try:
        handed_in = answer()
    except NameError as error:
        message = f"{exercise_id}: not answered yet: there is no `{error.name}`"
        return Verdict(False, message, "Write your answer in the cell above, and run that cell first.")
    return check(exercise_id, handed_in)


def _find(exercise_id: str) -> Exercise:
    """Look an exercise up, or raise ValueError with the names near the one given."""
    if exercise_id in EXERCISES:
        return EXERCISES[exercise_id]
    near = difflib.get_close_matches(str(exercise_id), EXERCISES, n=3)
    listed = ", ".join([f"{name!r} ({EXERCISES[name].title})" for name in near] or map(repr, EXERCISES))
    raise ValueError(f"expected the id of an exercise, such as {listed}; received {exercise_id!r}")


def _judge(exercise: Exercise, answer: Any) -> Finding | None:
    """Return what is wrong with the answer, or None."""
    answer, finding = exercise.take_apart(answer)
    if finding is not None:
        return finding
    if exercise.asks_for_value:
        if callable(answer):
            return Finding("expected a value, received a function", "Call the function and check what it returns.")
        function, trials = (lambda: answer), 1
    elif not callable(answer):
        message = f"expected a function {exercise.signature}, received {type(answer).__name__}"
        return Finding(message, "Pass the function itself, without calling it.")
    else:
        function, trials = answer, exercise.trials
    outcomes: list[Outcome] = []
    for trial in range(trials):
        outcome = run(exercise, function, trial)
        if outcome.finding is not None:  # an exception, say; a known mistake in the trials before may be its cause
            return _known_mistake(exercise, outcomes) or outcome.finding
        outcomes.append(outcome)
    found = _wrong_result(exercise, outcomes) or exercise.review(outcomes)
    return found or _side_effect(exercise, outcomes) or _borrowed(exercise, answer)


def _wrong_result(exercise: Exercise, outcomes: list[Outcome]) -> Finding | None:
    """Explain results that differ from the reference: a known mistake, a constant, or else where they differ."""
    wrong = _wrong(exercise, outcomes)
    if not wrong:
        return None
    known = returned_input(exercise, outcomes) or _known_mistake(exercise, outcomes)
    known = known or exercise.review(outcomes) or exercise.explain(wrong)
    if known is not None:
        return known
    if exercise.asks_for_value:
        return Finding("this is not it", exercise.hint)  # the value expected would give the answer away
    exactly = None if exercise.rtol is None else 0.0
    if all(same(outcomes[0].received, one.received, exactly) for one in outcomes):
        return Finding("returned the same result on every trial", "Compute it from the arguments.")
    first = wrong[0]
    given = exercise.describe(first.inputs)
    text = difference(first.expected, first.received, exercise.rtol, exercise.returns)
    hint = ("NaN comes from 0/0, ∞/∞ or ∞ − ∞. " if "received NaN" in text else "") + exercise.hint
    return Finding(f"{text}; wrong on {len(wrong)} of {len(outcomes)} trials, first on {given}", hint)


def _wrong(exercise: Exercise, outcomes: list[Outcome]) -> list[Outcome]:
    """Return the trials whose result differs from the reference's."""
    return [one for one in outcomes if not same(one.expected, one.received, exercise.rtol)]


def _known_mistake(exercise: Exercise, outcomes: list[Outcome]) -> Finding | None:
    """Name the known mistake that gives the learner's results on these trials, some of them wrong; None without one."""
    wrong = _wrong(exercise, outcomes)
    if not wrong:
        return None
    given = exercise.describe(wrong[0].inputs)
    for mistake in exercise.mistakes:
        if _matches(exercise, mistake.answer, outcomes):
            return Finding(mistake.message + (f" (seen on {given})" if given else ""), mistake.hint)
    return None


def _matches(exercise: Exercise, mistake: Callable[..., Any], outcomes: list[Outcome]) -> bool:
    """Tell whether a known mistake gives the learner's results on every trial."""
    for trial, outcome in enumerate(outcomes):
        result = reference_result(exercise, mistake, trial)
        if not same(result, outcome.received, exercise.rtol):
            return False
    return True


def _side_effect(exercise: Exercise, outcomes: list[Outcome]) -> Finding | None:
    """Find what a function with the right result does besides: write to its arguments, or print."""
    for one in outcomes:
        if one.changed:
            message = f"the result is right, but the function writes to its argument `{one.changed}`"
            return Finding(
                message, "The caller may need it unchanged: `a = a - b` makes a new array, `a -= b` does not."
            )
        if one.printed:
            message = f"the result is right, but the function prints {textwrap.shorten(one.printed, 40)!r}"
            return Finding(message, f"Take print out of {exercise.signature}.")
    return None


def _borrowed(exercise: Exercise, answer: Any) -> Finding | None:
    """Find that a right answer is a function of the book, or hands its arguments on to one that is right by itself."""
    if exercise.asks_for_value:
        return None
    for function in books_functions(answer):
        outcomes = (run(exercise, function, trial) for trial in range(exercise.trials))
        if all(one.finding is None and same(one.expected, one.received, exercise.rtol) for one in outcomes):
            message = f"the result is right, but this is the book's own `{function.__name__}`"
            return Finding(message, f"Write {exercise.signature} yourself, without it.")
    return None
