"""Exercise of chapter 4 on drawing the next token."""

from collections.abc import Callable

import numpy as np

from utils.exercises.engine.exercise import Exercise, Mistake


def next_token(logits: np.ndarray, temperature: float, top_k: int) -> np.ndarray:
    """Probabilities (V,) of the next token from scores (V,): the top_k best, at a temperature."""
    kept = logits >= np.sort(logits)[-top_k]
    odds = np.where(kept, np.exp((logits - logits.max()) / temperature), 0)
    return odds / odds.sum()


def _scores(rng: np.random.Generator, trial: int) -> tuple:
    size = int(rng.choice((5, 7, 11, 13)))
    temperature = float(rng.choice((0.25, 0.5, 2.0, 4.0)))
    top_k = {1: 1, 4: size}.get(trial % 5) or int(rng.integers(2, size - 1))
    spread = 1500.0 if trial % 5 == 3 else 2.0  # one in five overflows unless the largest is subtracted
    level = {0: 9e6, 2: -9e6}.get(trial % 5, 0.0)  # one in five lies far below what may be put in for what is cut
    return spread * rng.normal(size=size) + level, temperature, top_k


def _at(power: Callable[[float], float]) -> Callable[..., np.ndarray]:
    """Make an answer that takes another temperature for the one given."""
    return lambda logits, temperature, top_k: next_token(logits, power(temperature), top_k)


def _softmax(x: np.ndarray) -> np.ndarray:
    odds = np.exp(x - x.max())
    return odds / odds.sum()


def _kept(logits: np.ndarray, top_k: int) -> np.ndarray:
    return logits >= np.sort(logits)[-top_k]


_SAMPLING = Exercise(
    id="architecture-sampling",
    title="temperature and top-k",
    reference=next_token,
    make_inputs=_scores,
    note="large scores, top_k = 1 and top_k = V included",
    hint="Divide by the temperature; keep the k largest; make what is left sum to one.",
    mistakes=(
        Mistake(
            "temperature multiplied", _at(lambda t: 1 / t), "the temperature multiplies", "A high one is to flatten."
        ),
        Mistake("temperature ignored", _at(lambda t: 1.0), "the temperature makes no difference", "Divide by it."),
        Mistake(
            "temperature of a root",
            _at(lambda t: t**0.5),
            "the root of the temperature divides",
            "No root here: that is for the size of a head.",
        ),
        Mistake(
            "probabilities divided",
            lambda logits, temperature, top_k: (
                np.where(_kept(logits, top_k), _softmax(logits), 0)
                / np.where(_kept(logits, top_k), _softmax(logits), 0).sum()
                / temperature
            ),
            "the probabilities are divided by the temperature, not the scores",
            "They no longer sum to one. Divide before the exponential.",
        ),
        Mistake(
            "top-k ignored",
            lambda logits, temperature, top_k: next_token(logits, temperature, len(logits)),
            "top_k makes no difference",
            "Only the k best tokens may be drawn.",
        ),
        Mistake(
            "not normalised again",
            lambda logits, temperature, top_k: np.where(_kept(logits, top_k), _softmax(logits / temperature), 0),
            "the probabilities do not sum to one once the others are cut",
            "Cut the scores, or divide by the sum of what is left.",
        ),
        Mistake(
            "score of zero",
            lambda logits, temperature, top_k: _softmax(np.where(_kept(logits, top_k), logits, 0) / temperature),
            "tokens that are cut get a score of 0",
            "A score of 0 is as good as any other number, and exp(0) is 1. Which score has an exponential of 0?",
        ),
        Mistake(
            "low score",
            lambda logits, temperature, top_k: _softmax(np.where(_kept(logits, top_k), logits / temperature, -50)),
            "tokens that are cut get one low score, and win where the others lie lower still",
            "Only differences of scores count, so no number is low enough. Which score has an exponential of 0?",
        ),
        Mistake(
            "smallest kept",
            lambda *inputs: _smallest(*inputs),
            "the k worst tokens are kept",
            "np.sort goes from the smallest to the largest.",
        ),
        Mistake(
            "one too few",
            lambda logits, temperature, top_k: next_token(logits, temperature, top_k - 1),
            "one token too few is kept",
            "The k-th largest score itself is still in: ≥, not >.",
        ),
        Mistake(
            "one too few, way 2",
            lambda *inputs: _above_the_last(*inputs),
            "one token too few is kept",
            "The k-th largest score itself is still in: ≥, not >.",
        ),
        Mistake(
            "one too many",
            lambda logits, temperature, top_k: next_token(logits, temperature, min(top_k + 1, len(logits))),
            "one token too many is kept",
            "Counted from the end, the k-th largest is at [-k].",
        ),
        Mistake(
            "best alone",
            lambda logits, temperature, top_k: next_token(logits, temperature, 1),
            "only the best token has a chance",
            "That is greedy: the k best share the probability.",
        ),
    ),
)


def _smallest(logits: np.ndarray, temperature: float, top_k: int) -> np.ndarray:
    """Keep the k worst tokens."""
    kept = logits <= np.sort(logits)[top_k - 1]
    odds = np.where(kept, np.exp((logits - logits[kept].max()) / temperature), 0)
    return odds / odds.sum()


def _above_the_last(logits: np.ndarray, temperature: float, top_k: int) -> np.ndarray:
    """Keep what is better than the k-th best: for k = 1 nothing, which gives 0/0."""
    odds = np.where(logits > np.sort(logits)[-top_k], np.exp((logits - logits.max()) / temperature), 0)
    return odds / odds.sum()


EXERCISES = (_SAMPLING,)
