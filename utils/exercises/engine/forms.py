"""Exercises of other forms than "write a function": write a test, find the bug, predict before you run."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from utils.exercises.engine.comparison import same
from utils.exercises.engine.exercise import Exercise, Finding, Mistake


class Case(NamedTuple):
    """An implementation that is handed to a learner's test.

    Attributes:
        name: what is wrong with it, or what is special about one that is sound.
        run: the implementation.
        hint: how a test can see the fault; "" marks one that is sound.
        late: whether what a test never tried is said before this one is named.
    """

    name: str
    run: Callable[..., Any]
    hint: str = ""
    late: bool = False

    @property
    def sound(self) -> bool:
        """Whether a test must let it pass."""
        return not self.hint


class Witness(Protocol):
    """Looks at what a learner's test tries, for a verdict alone does not show it."""

    def look(self, *inputs: Any) -> None:
        """Take note of the inputs of one call of a sound case."""

    def missing(self, all_right: bool) -> Finding | None:
        """Say what was never tried, or return None; `all_right` where the test told all cases apart."""


class _Handed:
    """A case as a learner's test gets it: something to call, which does not say whether it is sound."""

    def __init__(self, case: Case, witness: Witness | None = None):
        self._case = case
        self._witness = witness

    def __call__(self, *inputs: Any) -> Any:
        result = self._case.run(*inputs)
        if self._witness is not None and self._case.sound:  # a test may leave a broken one early
            self._witness.look(*inputs)
        return result

    def __str__(self) -> str:
        return f"“{self._case.name}”"


@dataclass(frozen=True, kw_only=True)
class WriteATest(Exercise):
    """The answer is a test: it is called with one implementation and returns True where that is sound.

    To raise an AssertionError is to return False; so is any other error where the implementation is broken. The
    reference is such a test. Mistakes are careless tests: they are known by which of the cases they get wrong.

    Attributes:
        cases: makes the implementations afresh, those that are sound first.
        witness: makes what looks at the calls of one case, or None.
    """

    cases: Callable[[], Sequence[Case]]
    witness: Callable[[], Witness] | None = None
    make_inputs: None = None
    asks_for_value = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "trials", len(self.cases()))

    @functools.cached_property
    def praise(self) -> str:
        """What a verdict says of a test that passed."""
        sound = sum(case.sound for case in self.cases())
        note = f", {self.note}" if self.note else ""
        return f"right, {sound} sound ones pass and {self.trials - sound} broken ones do not{note}"

    @functools.cached_property
    def _unused(self) -> list[list[Case]]:
        """For each trial, cases that were made and that nobody has called."""
        return [[] for _ in range(self.trials)]

    def draw(self, trial: int) -> tuple:
        """Hand out one of the cases, which nobody has called before. They are made all at once, one for each trial."""
        if not self._unused[trial]:
            for waiting, case in zip(self._unused, self.cases(), strict=True):
                waiting[:] = [case, *waiting[:3]]
        return (_Handed(self._unused[trial].pop(), self.witness and self.witness()),)

    def call(self, function: Callable[..., Any], inputs: tuple) -> Any:
        """Call the learner's test; an error counts as a refusal where there is something to refuse."""
        if function is self.reference:
            return inputs[0]._case.sound  # what it returns, too, but sooner
        try:
            return function(*inputs)
        except AssertionError:
            return False
        except Exception as error:
            if inputs[0]._case.sound or isinstance(error, NotImplementedError):
                raise
            return False

    def review(self, outcomes: Sequence[Any]) -> Finding | None:
        """Return what the test never tried, though it let all sound cases pass, or None."""
        sound = [one for one in outcomes if one.inputs[0]._case.sound]
        if self.witness is None or not self._all_right(sound):
            return None
        all_right = self._all_right([one for one in outcomes if not one.inputs[0]._case.late])
        return next(filter(None, (one.used[0]._witness.missing(all_right) for one in sound)), None)

    def _all_right(self, outcomes: Sequence[Any]) -> bool:
        return all(same(one.expected, one.received, self.rtol) for one in outcomes)

    def explain(self, wrong: Sequence[Any]) -> Finding:
        """Name the sound case that was refused, or the broken one that slipped through."""
        if any(one.received.dtype != bool or one.received.shape for one in wrong):
            return Finding("expected True or False, received something else", f"Let {self.signature} return one.")
        cases = [one.inputs[0]._case for one in wrong]
        if cases[0].sound:
            return Finding(f"refuses one that is sound: {cases[0].name}", self.hint)
        others = f", and {len(cases) - 1} more" if cases[1:] else ""
        return Finding(f"lets a broken one pass: {cases[0].name}{others}", cases[0].hint)


@dataclass(frozen=True, kw_only=True)
class FindTheBug(Exercise):
    """The answer is a pair: the number of the line that is wrong, and the function mended.

    Attributes:
        listing: the function with the bug. It has the name of the reference, and NumPy as np.
        innocent: for each line but the wrong ones, why it is right.
    """

    listing: str
    innocent: dict[int, str]

    def __post_init__(self) -> None:
        names: dict[str, Any] = {"np": np}
        exec(self.listing, names)
        unchanged = Mistake(
            "unchanged",
            names[self.reference.__name__],
            "the line is found, but the function still does what the listing does",
            "Write down what the line has to do, in words, before you change it.",
        )
        object.__setattr__(self, "mistakes", (unchanged, *self.mistakes))

    @property
    def numbered(self) -> str:
        """The listing as the chapter shows it, with the number of each line at its end."""
        lines = self.listing.strip().splitlines()
        width = max(map(len, lines))
        return "\n".join(f"{line:{width}}  # {number}" for number, line in enumerate(lines, start=1))

    def take_apart(self, answer: Any) -> tuple[Any, Finding | None]:
        """Return (the function mended, what is wrong with the line or None)."""
        name = self.reference.__name__
        if answer is None or answer is ...:
            return answer, Finding("no answer yet", self.hint)
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            message = f"expected a pair (line, {name}), received {type(answer).__name__}"
            return answer, Finding(message, f'Write check("{self.id}", (line, {name})).')
        line, mended = answer
        if line is None or line is ...:
            return mended, Finding("no answer yet: which line is it?", self.hint)
        if isinstance(line, bool) or not isinstance(line, int | np.integer):
            message = f"expected the number of a line first, received {type(line).__name__}"
            return mended, Finding(message, "The number stands at the end of each line.")
        last = len(self.numbered.splitlines())
        if not 1 <= line <= last:
            return mended, Finding(f"expected the number of a line from 1 to {last}, received {line}", self.hint)
        if line in self.innocent:
            return mended, Finding(f"line {line} is not the wrong one: {self.innocent[line]}", self.hint)
        return mended, None


class Part(NamedTuple):
    """One of the things to predict.

    Attributes:
        name: what it is, in a few words.
        hint: what to think about.
        choices: the words to choose from; empty where a number or a shape is asked for.
        slips: numbers that come of a known confusion, each with its name.
        rtol: relative tolerance, where it is tighter than that of the exercise; None: that of the exercise.
    """

    name: str
    hint: str
    choices: tuple[str, ...] = ()
    slips: tuple[tuple[float, str], ...] = ()
    rtol: float | None = None


@dataclass(frozen=True, kw_only=True)
class Prediction(Exercise):
    """The answer is a tuple of predictions. The reference runs what the chapter describes and returns what came out.

    Attributes:
        parts: what is predicted, in the order of the answer.
    """

    parts: tuple[Part, ...]
    make_inputs: None = None
    mistakes: tuple = ()

    def take_apart(self, answer: Any) -> tuple[Any, Finding | None]:
        """Take a row of numbers, an array or a tensor, for a tuple."""
        if getattr(answer, "shape", None) == (len(self.parts),):
            return tuple(answer), None
        return answer, None

    def review(self, outcomes: Sequence[Any]) -> Finding | None:
        """Return what is said of a prediction that is right for the exercise but not for its part, or None."""
        return None if all(self._came_true(outcomes[0])) else self.explain(outcomes)

    def _came_true(self, outcome: Any) -> list[bool]:
        parts = zip(self.parts, outcome.expected, outcome.received, strict=True)
        return [same(expected, received, part.rtol or self.rtol) for part, expected, received in parts]

    def explain(self, wrong: Sequence[Any]) -> Finding:
        """Name the first prediction that did not come true, without saying what came out."""
        right, received = self._came_true(wrong[0]), wrong[0].received
        part, given = next((p, g) for p, g, is_right in zip(self.parts, received, right, strict=True) if not is_right)
        count = f"{sum(right)} of {len(right)} came true"
        if part.choices and given not in part.choices:
            words = ", ".join(map(repr, part.choices))
            return Finding(f"{part.name}: expected one of {words}; received {given!r}", part.hint)
        for slip, name in part.slips:
            if same(np.asarray(slip), given, part.rtol or self.rtol):
                return Finding(f"{count}. {part.name}: {name}", part.hint)
        return Finding(f"{count}. Not so: {part.name}", part.hint)
