"""What an exercise is: a reference, inputs to try, and the mistakes that are known to happen."""

import functools
import inspect
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class Finding(NamedTuple):
    """What is wrong with an answer, in one sentence, and what to do about it."""

    message: str
    hint: str


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that learners are known to give.

    Attributes:
        name: what the mistake is called, unique in its exercise.
        answer: function that makes the mistake; takes what the reference takes and never raises.
        message: what the learner did.
        hint: what to think about next; it does not give the solution away.
    """

    name: str
    answer: Callable[..., Any]
    message: str
    hint: str


@dataclass(frozen=True)
class Exercise:
    """One exercise: the engine compares an answer with `reference` on inputs drawn afresh for each trial.

    Attributes:
        id: unique name, `chapter-topic`.
        title: a few words for lists.
        reference: the right answer, a function; its name and parameters are those the learner is asked for.
            It returns an array, a tuple of arrays, a shape (tuple of integers), a tuple of shapes, or a string.
        make_inputs: draws the arguments of one trial from (generator, number of the trial). None for an exercise
            that asks for a value: the reference, and each mistake, is then a function without parameters.
        mistakes: known wrong answers, the likelier first.
        hint: what to think about when no known mistake fits.
        returns: a name for each part of the result.
        trials: how many inputs are drawn.
        note: what the trials include, for the verdict.
        rtol: relative tolerance (a tenth of it is the absolute one). None: the result must have the reference's
            type and be as right as that type allows, see `comparison.ROUNDING`.
        watch: looks at the arguments after each call and says what the values alone do not show, or None.
    """

    id: str
    title: str
    reference: Callable[..., Any]
    make_inputs: Callable[[np.random.Generator, int], tuple] | None
    mistakes: tuple[Mistake, ...]
    hint: str
    returns: tuple[str, ...] = ("the result",)
    trials: int = 40
    note: str = ""
    rtol: float | None = 1e-4
    watch: Callable[..., Finding | None] = lambda *inputs: None

    @property
    def asks_for_value(self) -> bool:
        """Whether the answer is a value rather than a function."""
        return self.make_inputs is None

    @property
    def signature(self) -> str:
        """How the learner's function is called, for instance "softmax(scores)"."""
        return f"{self.reference.__name__}({', '.join(self.parameters)})"

    @functools.cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of the arguments."""
        return tuple(inspect.signature(self.reference).parameters)

    @functools.cached_property
    def known_results(self) -> dict[tuple[Callable[..., Any], int], Any]:
        """What the book's own functions, the reference and known mistakes, returned so far, by function and trial."""
        return {}

    @property
    def praise(self) -> str:
        """What a verdict says of an answer that passed."""
        trials = "" if self.asks_for_value else f" on all {self.trials} trials"
        return f"right{trials}" + (f", {self.note}" if self.note else "")

    def call(self, function: Callable[..., Any], inputs: tuple) -> Any:
        """Call the learner's function on the inputs of one trial."""
        return function(*inputs)

    def take_apart(self, answer: Any) -> tuple[Any, Finding | None]:
        """Return (the value or function that is compared with the reference, what is wrong with the rest or None)."""
        return answer, None

    def explain(self, wrong: Sequence[Any]) -> Finding | None:
        """Say in the words of the exercise what is wrong, given the wrong outcomes; None: the engine says it."""
        return None

    def review(self, outcomes: Sequence[Any]) -> Finding | None:
        """Say what the results do not show, given all outcomes; None: nothing is missing."""
        return None

    def draw(self, trial: int) -> tuple:
        """Make the arguments of one trial: new objects with the same contents whenever the trial is the same."""
        if self.make_inputs is None:
            return ()
        return self.make_inputs(np.random.default_rng([zlib.crc32(self.id.encode()), trial]), trial)

    def describe(self, inputs: tuple) -> str:
        """Name the arguments of one trial: arrays by shape, anything else as it prints."""
        pairs = zip(self.parameters, inputs, strict=True)
        return ", ".join(f"{name} {_brief(value)}" for name, value in pairs)


def _brief(value: Any) -> str:
    """Describe one argument in a few characters."""
    if isinstance(value, np.ndarray):
        return f"{value.shape}" if value.dtype == np.float64 else f"{value.shape} {value.dtype}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
