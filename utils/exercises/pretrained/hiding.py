"""Exercise of chapter 6: find the bug in the recipe that hides tokens."""

import numpy as np

from utils.exercises.engine.exercise import Mistake
from utils.exercises.engine.forms import FindTheBug

MASK = 4

_LISTING = """
def hide_tokens(ids, chosen, way, others):
    masked = chosen & (way < 0.8)
    replaced = chosen & (way >= 0.8) & (way < 0.9)
    read = ids.copy()
    read[masked] = 4
    read[replaced] = others[replaced]
    counts = read != ids
    labels = np.zeros_like(ids)
    labels[counts] = ids[counts]
    return read, labels
"""


def hide_tokens(
    ids: np.ndarray, chosen: np.ndarray, way: np.ndarray, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What the model reads, and the labels of the chosen tokens, 0 elsewhere; all arrays (T,)."""
    return _hidden(ids, chosen, way, others)


def _hidden(ids, chosen, way, others, *, label=lambda ids, read, chosen, way: np.where(chosen, ids, 0), cut=(0.8, 0.9)):
    """Hide tokens with one part of the recipe changed."""
    masked, replaced = chosen & (way < cut[0]), chosen & (way >= cut[0]) & (way < cut[1])
    read = np.where(masked, MASK, np.where(replaced, others, ids))
    return read, label(ids, read, chosen, way)


def _inputs(rng: np.random.Generator, trial: int) -> tuple:
    length = int(rng.integers(23, 41))
    ids, chosen, way = rng.integers(5, 90, length), rng.random(length) < 0.4, rng.random(length)
    chosen[:4], way[:4] = True, (0.3, 0.85, 0.95, 0.87)  # each way at least once
    others = (ids - 5 + rng.integers(1, 85, length)) % 85 + 5
    others[3] = ids[3]  # the drawn token may be the one that stood there
    return ids, chosen, way, others


HIDING = FindTheBug(
    id="pretrained-bug-hiding",
    title="a bug in the recipe that hides tokens",
    reference=hide_tokens,
    make_inputs=_inputs,
    returns=("what is read", "the labels"),
    listing=_LISTING,
    hint="Follow a chosen token that is left as it is. Does the model have to name it?",
    innocent={
        1: "it only names what comes in",
        2: "eight chosen tokens of ten become [MASK]",
        3: "one of ten becomes another token; the last of the ten is left as it is",
        4: "without a copy the tokens themselves would be lost",
        5: "4 is the id of [MASK]",
        6: "each replaced token gets a drawn one",
        8: "as it stands it is right: 0 marks what does not count, and no word has the id 0",
        10: "what is read, and what has to be named",
    },
    mistakes=(
        Mistake(
            "everything counts",
            lambda *inputs: _hidden(*inputs, label=lambda ids, read, chosen, way: ids),
            "every token counts, chosen or not",
            "Only chosen tokens have to be named.",
        ),
        Mistake(
            "replaced by itself",
            lambda *inputs: _hidden(
                *inputs, label=lambda ids, read, chosen, way: np.where((read != ids) | (chosen & (way >= 0.9)), ids, 0)
            ),
            "a chosen token does not count where the drawn one happens to be the same",
            "Can what is read tell whether a token was chosen?",
        ),
        Mistake(
            "masked alone",
            lambda *inputs: _hidden(
                *inputs, label=lambda ids, read, chosen, way: np.where(chosen & (way < 0.8), ids, 0)
            ),
            "only tokens behind [MASK] count",
            "All three ways of a chosen token count.",
        ),
        Mistake(
            "label from what is read",
            lambda *inputs: _hidden(*inputs, label=lambda ids, read, chosen, way: np.where(chosen, read, 0)),
            "the labels say what is read, not what stood there",
            "What has to be named is the token that was there before.",
        ),
        Mistake(
            "not chosen",
            lambda *inputs: _hidden(*inputs, label=lambda ids, read, chosen, way: np.where(chosen, 0, ids)),
            "the tokens count that were not chosen",
            "True marks a chosen token.",
        ),
        Mistake(
            "no token is left",
            lambda *inputs: _hidden(*inputs, cut=(0.8, 1.0)),
            "every chosen token is changed",
            "Lines 2 and 3 were right: one of ten stays.",
        ),
        Mistake(
            "all masked",
            lambda *inputs: _hidden(*inputs, cut=(1.0, 1.0)),
            "every chosen token becomes [MASK]",
            "Lines 2 and 3 were right as they stood.",
        ),
        Mistake(
            "shares exchanged",
            lambda *inputs: _hidden(*inputs, cut=(0.1, 0.9)),
            "one of ten becomes [MASK] and eight become others",
            "Lines 2 and 3 were right as they stood.",
        ),
    ),
)
