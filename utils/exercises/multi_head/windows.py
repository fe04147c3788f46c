"""Exercise of chapter 2 that asks for predictions: what a sliding window sees, and what its cache holds."""

import collections

import numpy as np

from utils.exercises.engine.forms import Part, Prediction

_WINDOW = 4


def seen_through_windows() -> tuple[np.ndarray, ...]:
    """Count what the question asks about a window of four tokens."""
    short, long = _window(10), _window(100)
    reached = long @ long @ long  # through three layers
    counts = short[9].sum(), short[1].sum(), short.sum(), reached[99].astype(bool).sum()
    return tuple(np.array(int(count)) for count in (*counts, len(_kept(1000)), len(_kept(5))))


def _kept(num_tokens: int) -> set[int]:
    """Write tokens one by one, keep the first two and the last four, and return which are kept."""
    window: collections.deque[int] = collections.deque(maxlen=_WINDOW)
    stay = set()
    for token in range(num_tokens):
        window.append(token)
        stay |= {token} if token < 2 else set()
    return {*window, *stay}


def _window(length: int) -> np.ndarray:
    """Mask (T, T) of zeros and ones: a token sees itself and the three before it."""
    places = np.arange(length)
    distance = places[:, None] - places[None, :]
    return ((distance >= 0) & (distance < _WINDOW)).astype(int)


WINDOWS = Prediction(
    id="heads-predict-window",
    title="what a sliding window sees",
    reference=seen_through_windows,
    note="each layer reaches three tokens further back",
    hint="Six numbers, in the order of the question. Draw the mask of ten tokens on squared paper.",
    parts=(
        Part(
            "(a) keys that token 9 sees",
            "Name them, from the last to the first.",
            slips=((10, "this is without a window"), (3, "the token itself is left out"), (5, "one too many")),
        ),
        Part(
            "(b) keys that token 1 sees",
            "Nothing stands before token 0.",
            slips=((4, "as if tokens stood before token 0"), (1, "one of the two is left out")),
        ),
        Part(
            "(c) places of the mask that are True",
            "Add up the rows: the first few are shorter.",
            slips=(
                (40, "as if every row were full, also the first ones"),
                (55, "this is the causal mask without a window"),
                (100, "this is without any mask"),
                (30, "as if every row held three places"),
                (24, "the tokens themselves are missing"),
                (28, "the first three rows count for nothing"),
            ),
        ),
        Part(
            "(d) tokens on which the row of token 99 depends after three layers",
            "After one layer the row holds tokens 96 to 99. The row of token 96, one layer below, holds which ones?",
            slips=(
                (4, "this is one layer"),
                (7, "this is two layers"),
                (12, "windows are added up, but each overlaps the next by one token"),
                (64, "windows are multiplied, but most of what they see is the same"),
                (9, "the token itself is left out"),
                (100, "this is without a window"),
            ),
        ),
        Part(
            "(e) keys that token 999 sees where tokens 0 and 1 stay",
            "Two tokens that left the window long ago, and the window.",
            slips=(
                (4, "the two that stay are missing"),
                (1000, "this is without a window"),
                (2, "the window is missing"),
            ),
        ),
        Part(
            "(f) keys that token 4 sees where tokens 0 and 1 stay",
            "Name them. Is one of them there for two reasons?",
            slips=(
                (6, "a token counts twice that stays and is in the window"),
                (4, "one that has left the window stays"),
            ),
        ),
    ),
)
