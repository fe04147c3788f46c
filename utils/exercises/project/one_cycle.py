"""Exercise of chapter 8 on the learning rate of one step of ktrain's one-cycle schedule."""

import math

import numpy as np

from utils.exercises.engine.exercise import Exercise, Mistake
from utils.schedules import one_cycle


def rate(step: int, steps: int, peak: float) -> float:
    """Return the learning rate of step `step`, counted from 0, of `steps`, an even number."""
    return float(one_cycle(steps, peak)[step])


def _between(step: float, first: tuple[float, float], last: tuple[float, float]) -> float:
    """Return the height at `step` of the straight line through two points (step, rate)."""
    return first[1] + (last[1] - first[1]) * (step - first[0]) / (last[0] - first[0])


def _cycle(step: float, steps: int, peak: float, *, lowest: float = 1e-3, end: int | None = None) -> float:
    """Return the rate of a cycle that falls to a share of its peak, at step `steps` unless `end` names another."""
    if step <= steps / 2:
        return _between(step, (0, peak / 10), (steps / 2, peak))
    return _between(step, (steps / 2, peak), (steps if end is None else end, lowest * peak))


def _cosine(step: int, steps: int, peak: float) -> float:
    """Return the rate of a cycle whose halves are half-waves of a cosine."""
    first, last = (peak / 10, peak) if step <= steps / 2 else (peak / 1000, peak)
    return first + (last - first) * (1 - math.cos(2 * math.pi * step / steps)) / 2


def _one_cycle_inputs(rng: np.random.Generator, trial: int) -> tuple:
    """Draw a step at the start, just before, at and just after the peak, at the end, or anywhere."""
    steps = 2 * int(rng.integers(4, 120))
    marked = (0, steps // 2 - 1, steps // 2, steps // 2 + 1, steps - 1)
    step = marked[trial % 8] if trial % 8 < len(marked) else int(rng.integers(1, steps))
    return step, steps, float(10 ** rng.uniform(-3, -1))


_ONE_CYCLE = Exercise(
    id="project-one-cycle",
    title="the learning rate of a step",
    reference=rate,
    make_inputs=_one_cycle_inputs,
    rtol=1e-6,  # the lowest rates are far below the peak
    note="first, last and highest rate included",
    hint="Two straight lines: from peak/10 at step 0 to the peak at step steps/2, and on to peak/1000 at step `steps`.",
    mistakes=(
        Mistake(
            "falls to a tenth",
            lambda step, steps, peak: _cycle(step, steps, peak, lowest=0.1),
            "the rate falls back only to a tenth of the peak",
            "The second half falls a hundred times as low as the first half began.",
        ),
        Mistake(
            "falls to 0",
            lambda step, steps, peak: _cycle(step, steps, peak, lowest=0.0),
            "the rate falls to 0",
            "The line ends at a thousandth of the peak.",
        ),
        Mistake(
            "constant after the peak",
            lambda step, steps, peak: _cycle(min(step, steps / 2), steps, peak),
            "the rate stays at the peak",
            "After step steps/2 it falls again.",
        ),
        Mistake(
            "cosine",
            _cosine,
            "the rate follows a cosine",
            "Both halves are straight lines.",
        ),
        Mistake(
            "peak at the end",
            lambda step, steps, peak: _between(step, (0, peak / 10), (steps, peak)),
            "the rate rises until the end of training",
            "The peak is at half-time.",
        ),
        Mistake(
            "counted from 1",
            lambda step, steps, peak: _cycle(step + 1, steps, peak),
            "steps are counted from 1",
            "The first step is step 0, and its rate peak/10.",
        ),
        Mistake(
            "one step late",
            lambda step, steps, peak: _cycle(step - 1, steps, peak),
            "each rate comes one step late",
            "The peak is at step steps/2, counted from 0.",
        ),
        Mistake(
            "end at the last step",
            lambda step, steps, peak: _cycle(step, steps, peak, end=steps - 1),
            "the last step has peak/1000 already",
            "The line reaches it at step `steps`, one after the last.",
        ),
        Mistake(
            "starts at 0",
            lambda step, steps, peak: peak * step / (steps / 2) if step <= steps / 2 else _cycle(step, steps, peak),
            "the rate starts at 0",
            "It starts at a tenth of the peak.",
        ),
        Mistake(
            "starts at a thousandth",
            lambda step, steps, peak: peak / 1000 + 0.999 * peak * (1 - abs(2 * step / steps - 1)),
            "both halves are given the base of the second: the rate starts at a thousandth of the peak",
            "The first half begins at a tenth of the peak.",
        ),
    ),
)

EXERCISES = (_ONE_CYCLE,)
