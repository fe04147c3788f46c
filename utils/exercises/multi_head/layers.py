"""Exercise of chapter 2 that asks for a test: is a multi-head layer sound, whatever its kernels are?

A layer is a function of texts x (B, T, 12) to (B, T, 12): self-attention without a mask and without positions.
"""

import numpy as np

from utils.exercises.engine.exercise import Mistake
from utils.exercises.engine.forms import WriteATest
from utils.exercises.engine.witnesses import ChangedAndMoved
from utils.exercises.multi_head.broken import REACH, ROOM, SHUFFLE, TEXTS, WIDTH, Layer, known_cases
from utils.exercises.multi_head.one_part import one_part_cases


def layer_is_sound(layer: Layer) -> bool:
    """Whether texts stay apart, shuffled tokens give shuffled rows, and each token of a text reaches each row of it."""
    return _apart(layer) and _shuffled(layer) and _reached(layer)


def _texts(batch: int = 2, length: int = 20, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(batch, length, WIDTH))


def _apart(layer: Layer, changed: tuple[int, ...] = (0, 1), exact: bool = False) -> bool:
    x = _texts()
    for text in changed:
        other = np.where((np.arange(2) == text)[:, None, None], _texts(seed=1), x)
        if np.abs(layer(other) - layer(x))[1 - text].max() > (0 if exact else 1e-6):
            return False
    return True


def _shuffled(layer: Layer, x: np.ndarray | None = None) -> bool:
    x = _texts() if x is None else x
    rng, rows, order = np.random.default_rng(1), layer(x), np.arange(x.shape[1])
    for circle in (rng.permutation(order), rng.permutation(order)):
        order[circle] = np.roll(circle, 1)  # each place gets another's token: none keeps its own
        if not np.allclose(layer(x[:, order]), rows[:, order], atol=1e-6):
            return False
    return True


def _reached(layer: Layer, texts: int = 2) -> bool:
    x, others = _texts(), _texts(seed=1)
    before = layer(x)
    for text, place in np.ndindex(texts, x.shape[1]):
        changed = x.copy()
        changed[text, place] = others[text, place]
        if (np.abs(layer(changed) - before)[text].max(axis=-1) < 1e-6).any():
            return False
    return True


def _one_more(layer: Layer) -> bool:
    """Do all of it, but add one number to all features of a token instead of putting another token in its place."""
    x = _texts()
    before = layer(x)
    for text, place in np.ndindex(*x.shape[:2]):
        changed = x.copy()
        changed[text, place] += 1
        moved = np.abs(layer(changed) - before).max(axis=-1) > 1e-6
        if not moved[text].all() or moved[1 - text].any():
            return False
    return _shuffled(layer)


def _reversed(layer: Layer) -> bool:
    x = _texts()
    return np.allclose(layer(x[::-1]), layer(x)[::-1], atol=1e-6)


LAYERS = WriteATest(
    id="heads-test",
    title="a test of multi-head layers",
    reference=layer_is_sound,
    cases=lambda: (*known_cases(), *one_part_cases()),
    witness=lambda: ChangedAndMoved(ROOM),
    note="with each token moved, and changed in each feature",
    hint="You cannot know the numbers, for you do not know the kernels. Ask what must move and what must not. Allow "
    "for rounding. Put another token, drawn at random, in the place of one.",
    mistakes=(
        Mistake(
            "accepts everything",
            lambda layer: True,
            "accepts whatever it is given",
            "Call `layer` twice, with something changed in between, and compare the results.",
        ),
        Mistake(
            "refuses everything",
            lambda layer: False,
            "refuses whatever it is given, also what is sound",
            "Return True at the end, when nothing wrong was found. (Tokens much larger than 1 make weights vanish.)",
        ),
        Mistake(
            "shape alone",
            lambda layer: layer(_texts()).shape == _texts().shape,
            "looks at the shape alone",
            "A wrong reshape gives the right shape. Which numbers would it change?",
        ),
        Mistake(
            "one more",
            _one_more,
            "adds one number to all features of a token, which a layer may take off again: this one is sound",
            "Put another token in its place, drawn at random.",
        ),
        Mistake(
            "batch alone",
            _apart,
            "asks only whether texts stay apart",
            "Within a text, what has to happen when tokens are shuffled, and when one of them changes?",
        ),
        Mistake(
            "batch alone, one way",
            lambda layer: _apart(layer, (1,)),
            "asks only whether the first text notices another",
            "Another text must not notice the first either. And what has to happen within a text?",
        ),
        Mistake(
            "order alone",
            _shuffled,
            "asks only whether shuffled tokens give shuffled rows",
            "Which faults do not care about the order? Look at two texts, and at one token.",
        ),
        Mistake(
            "one text",
            lambda layer: _shuffled(layer, _texts(1)) and _reached(lambda x: layer(x[:1]), texts=1),
            "tries one text alone: what mixes texts is not seen",
            TEXTS,
        ),
        Mistake(
            "reach forgotten",
            lambda layer: _apart(layer) and _shuffled(layer),
            "never asks whether tokens reach each other",
            REACH,
        ),
        Mistake(
            "order forgotten",
            lambda layer: _apart(layer) and _reached(layer),
            "never shuffles the tokens",
            SHUFFLE,
        ),
        Mistake(
            "texts shuffled",
            _reversed,
            "puts the texts in another order, and never the tokens",
            "Axis 0 counts texts, axis 1 counts tokens.",
        ),
        Mistake(
            "compares exactly",
            lambda layer: _apart(layer, exact=True) and layer_is_sound(layer),
            "refuses one that is sound for its last digit: it compares numbers exactly",
            "Two ways to compute one number round differently. Allow a gap of 1e-6, say.",
        ),
    ),
)
