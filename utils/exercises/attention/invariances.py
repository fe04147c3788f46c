"""Exercise of chapter 1 that asks for predictions: which changes does attention not notice?"""

import numpy as np

from utils.exercises.attention.inputs import softmax
from utils.exercises.engine.forms import Part, Prediction

_WORDS = ("same", "shifted", "other")


def unnoticed() -> tuple[str, ...]:
    """For six changes of random queries, keys and values: is the output the same, shifted by the vector c, or other?"""
    rng = np.random.default_rng(1)
    query, key, value, c = (rng.normal(size=size) for size in ((5, 3), (7, 3), (7, 3), (3,)))
    changes = (
        (query, key + c, value),
        (query + c, key, value),
        (query, key, value + c),
        (query, np.repeat(key, 2, axis=0), np.repeat(value, 2, axis=0)),
        (query, key[::-1], value),
        (2 * query, key / 2, value),
    )
    before = _attend(query, key, value)
    return tuple(_word(_attend(*changed), before, c) for changed in changes)


def _attend(query: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
    return softmax(query @ key.T / np.sqrt(key.shape[1])) @ value


def _word(after: np.ndarray, before: np.ndarray, c: np.ndarray) -> str:
    if np.allclose(after, before):
        return "same"
    return "shifted" if np.allclose(after, before + c) else "other"


_HINTS = {
    "(a) c is added to every key": "q · (k + c) = q · k + q · c. How much is added to the scores of one query?",
    "(b) c is added to every query": "(q + c) · k = q · k + c · k. Do all keys gain the same?",
    "(c) c is added to every value": "What do the weights of a row sum to?",
    "(d) each key, with its value, is there twice": "Each weight is halved. How often does its value now count?",
    "(e) the keys are put in reverse order, the values stay": "Which value does a weight meet now?",
    "(f) queries are doubled and keys are halved": "What becomes of each dot product?",
}

INVARIANCES = Prediction(
    id="attention-predict",
    title="what attention does not notice",
    reference=unnoticed,
    note="a softmax sees differences of scores alone, and its weights sum to one",
    hint='Six words, each "same", "shifted" or "other", in the order of the question.',
    parts=tuple(Part(name, hint, _WORDS) for name, hint in _HINTS.items()),
)
