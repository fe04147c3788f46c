"""Run a learner's code on one trial, quietly, and catch whatever it does besides returning a result."""

import contextlib
import inspect
import io
import re
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np

from utils.exercises.engine.comparison import UnreadableError, read
from utils.exercises.engine.exercise import Exercise, Finding


@dataclass(frozen=True)
class Outcome:
    """What happened on one trial.

    Attributes:
        inputs: the arguments, as they were drawn.
        expected: the reference's result.
        received: the learner's result in the same form; None where `finding` is set.
        finding: what made a comparison pointless: an exception, no result, an input returned.
        changed: name of an argument that the learner's code wrote to, or "".
        printed: first line that it printed, or "".
        used: the arguments that its code was called with.
    """

    inputs: tuple
    expected: Any
    received: Any = None
    finding: Finding | None = None
    changed: str = ""
    printed: str = ""
    used: tuple = ()


def run(exercise: Exercise, function: Callable[..., Any], trial: int) -> Outcome:
    """Call `function` on the inputs of one trial and report what happened; nothing leaks to the screen."""
    fresh, inputs, stream = exercise.draw(trial), exercise.draw(trial), io.StringIO()
    expected = reference_result(exercise, exercise.reference, trial)
    with _quiet(stream):
        try:
            returned, finding = _call(exercise, function, inputs, fresh)
        finally:  # also when the reader interrupts
            seen = exercise.watch(*inputs)
        printed = stream.getvalue().strip()
        finding = seen or finding or _no_result(exercise, returned, printed)
        finding = finding or _an_input(exercise, returned, inputs, fresh, expected)
        received = None
        if finding is None:
            received, finding = _read(exercise, returned, expected, fresh)
    changed, line = _changed(exercise, inputs, fresh), printed.partition("\n")[0]
    return Outcome(fresh, expected, received, finding, changed, line, inputs)


def reference_result(exercise: Exercise, function: Callable[..., Any], trial: int) -> Any:
    """Run one of the book's own functions, the reference or a known mistake, on the inputs of one trial: once.

    The same trial has the same inputs, so the result is kept for the next answer.
    """
    if (function, trial) not in exercise.known_results:
        with _quiet(io.StringIO()):
            inputs = exercise.draw(trial)
            result = exercise.call(function, inputs)
            exercise.watch(*inputs)
            exercise.known_results[function, trial] = read(result, result)
    return exercise.known_results[function, trial]


@contextlib.contextmanager
def _quiet(stream: io.StringIO) -> Iterator[None]:
    """Catch what is printed in `stream` and drop warnings, for a verdict must be the same on every machine."""
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with np.errstate(all="ignore"):
            yield


def _call(exercise: Exercise, function: Callable[..., Any], inputs: tuple, fresh: tuple) -> tuple[Any, Finding | None]:
    """Return (result, None), or (None, finding) where the learner's code raised an exception."""
    try:
        return exercise.call(function, inputs), None
    except NotImplementedError:
        return None, Finding("not written yet: it raises NotImplementedError", f"Write {exercise.signature}.")
    except (Exception, SystemExit) as error:
        text = _without_addresses(f"{error}".strip().partition("\n")[0])
        message = f"raised {type(error).__name__}" + (f": {text}" if text else "")
        given = exercise.describe(fresh)
        hint = f"It was called as {exercise.signature}" + (f" with {given}." if given else ".")
        return None, Finding(message + _own_line(error, function), hint)


def _without_addresses(text: str) -> str:
    """Take out what differs from run to run."""
    return re.sub(r"0x[0-9a-fA-F]+", "0x…", text)


def _own_line(error: BaseException, function: Callable[..., Any]) -> str:
    """Quote the last line of the file in which the learner's function stands that the exception passed through."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if code and frame.filename == code.co_filename
    ]
    if not frames:
        return ""
    number = frames[-1].lineno
    return f", in line {number}" + (f": {frames[-1].line}" if frames[-1].line else "")


def _no_result(exercise: Exercise, returned: Any, printed: str) -> Finding | None:
    """Recognise a function that returns nothing, and say why that may be."""
    if returned is not None and returned is not Ellipsis:
        return None
    if exercise.asks_for_value:
        return Finding("no answer yet", exercise.hint)
    if printed:
        return Finding("returned nothing, but printed something", "Replace print by return.")
    return Finding(f"returned {returned}: not written yet, or without return", "End the function with `return …`.")


def _an_input(exercise: Exercise, returned: Any, inputs: tuple, fresh: tuple, expected: Any) -> Finding | None:
    """Recognise a function that hands one of its arguments back, where the right result is another.

    Numbers, and texts where a text is asked for, may equal an argument by chance: `returned_input` judges all trials.
    """
    for name, given, copy in zip(exercise.parameters, inputs, fresh, strict=True):
        if isinstance(given, np.ndarray):
            unchanged = isinstance(returned, np.ndarray) and np.array_equal(returned, copy)
            unchanged = unchanged and not (isinstance(expected, np.ndarray) and np.array_equal(expected, copy))
        elif isinstance(given, Number) or (isinstance(given, str) and isinstance(expected, str)):
            unchanged = False
        else:
            unchanged = returned is given
        if unchanged:
            return hands_back(exercise, name)
    return None


def hands_back(exercise: Exercise, name: str) -> Finding:
    """Return what is said of a function that hands an argument back."""
    return Finding(f"returned its input `{name}` as it came", f"Compute the result of {exercise.signature}.")


def returned_input(exercise: Exercise, outcomes: list[Outcome]) -> Finding | None:
    """Recognise a function that hands the same number, or text, back on every trial; `outcomes` hold a wrong one."""
    for place, name in enumerate(exercise.parameters):
        if all(_equals(one.received, one.inputs[place]) for one in outcomes):
            return hands_back(exercise, name)
    return None


def _equals(received: Any, given: Any) -> bool:
    """Return whether a result, as it was read, is a number or a text that was given."""
    if isinstance(given, str):
        return isinstance(received, str) and received == given.strip()
    return isinstance(given, Number) and np.shape(received) == () and bool(received == given)


def _read(exercise: Exercise, returned: Any, expected: Any, inputs: tuple) -> tuple[Any, Finding | None]:
    """Bring the result into the form of the expected one, or say why that cannot be done."""
    try:
        return read(returned, expected), None
    except UnreadableError as error:
        order = ", in this order" if len(exercise.returns) > 1 else ""
        wanted = f"Return {' and '.join(exercise.returns)}{order}."
        return None, Finding(f"{error}", exercise.hint if exercise.asks_for_value else wanted)


def _changed(exercise: Exercise, inputs: tuple, fresh: tuple) -> str:
    """Name the first array argument that the call wrote to, or return ""."""
    for name, given, copy in zip(exercise.parameters, inputs, fresh, strict=True):
        if isinstance(given, np.ndarray) and not np.array_equal(given, copy, equal_nan=True):
            return name
    return ""
