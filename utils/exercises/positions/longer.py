"""Exercise of chapter 3 that asks for predictions: rotary positions on texts longer than in training.

A model has heads of size 64 and the base 10,000. In training, distances reach 512; now they are to reach 2,048.
"""

import numpy as np

from utils.exercises.engine.forms import Part, Prediction

_WIDTH, _TRAINED, _WANTED = 64, 512, 2048
_FACTOR = _WANTED // _TRAINED


def longer_than_trained() -> tuple:
    """Compute what the question asks from the angles of all pairs, with three recipes."""
    trained = _speeds(10_000.0)
    wider = _speeds(10_000.0 * _FACTOR ** (_WIDTH / (_WIDTH - 2)))
    recipes = (trained, trained / _FACTOR, wider)
    slowest = tuple("seen" if _WANTED * one[-1] <= _TRAINED * trained[-1] * (1 + 1e-9) else "new" for one in recipes)
    fastest = tuple("as before" if np.isclose(one[0], trained[0]) else "smaller" for one in recipes[1:])
    rounds = np.count_nonzero(_TRAINED * trained >= 2 * np.pi)
    return (*slowest, *fastest, np.array(rounds), np.array(np.count_nonzero(np.isclose(wider, trained))))


def _speeds(base: float) -> np.ndarray:
    """Angles (32,) by which the pairs turn from one token to the next, the fastest first."""
    return base ** (-np.arange(0, _WIDTH, 2) / _WIDTH)


_ANGLE = ("seen", "new")
_STEP = ("as before", "smaller")

LONGER = Prediction(
    id="positions-predict-longer",
    title="rotary positions beyond their training",
    reference=longer_than_trained,
    note="the larger base slows the slow pairs and spares the fast ones",
    hint="Five words and two numbers, in the order of the question.",
    parts=(
        Part("(a) nothing is done: the slowest pair", "2,048 tokens turn it by four times as much as 512.", _ANGLE),
        Part("(b) interpolation: the slowest pair", "What is 2,048 divided by 4?", _ANGLE),
        Part(
            "(c) larger base: the slowest pair",
            "Its speed is base^(−62/64). To what power is 4 raised, all in all?",
            _ANGLE,
        ),
        Part("(d) interpolation: the fastest pair", "Two neighbours are now a quarter of a token apart.", _STEP),
        Part("(e) larger base: the fastest pair", "Its speed is base⁰.", _STEP),
        Part(
            "(f) pairs that went all the way round in training",
            "Pair i needs 2π · 10000^(2i/64) tokens for a turn, i = 0, 1, …, 31. For which i is that at most 512?",
            slips=(
                (22, "a whole turn is 2π radians, not one"),
                (31, "the exponent is 2i/64, not i/64"),
                (15, "the last such i is meant where their number is asked: i starts at 0"),
                (32, "as if the slowest pair had gone round, which takes it 47,000 tokens"),
            ),
        ),
        Part(
            "(g) pairs that turn as before with the larger base",
            "Pair i turns by base^(−2i/64) a token. For which i does that not depend on the base?",
            slips=(
                (0, "one speed does not depend on the base"),
                (16, "the pairs that went round are slowed, too, if little"),
            ),
        ),
    ),
)
