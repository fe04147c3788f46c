"""Exercise of chapter 7 that asks for predictions: spreads, bytes and ranks, before anything is run."""

import numpy as np

from utils.exercises.engine.forms import Part, Prediction

_INPUTS, _LAYERS, _NUMBERS, _SMALL = 800, 10, 110e6, 4
_WIDTH, _WIDER, _RANK = 768, 3072, 8


def custom_numbers() -> tuple[np.ndarray, ...]:
    """Compute what the question asks from the definitions."""
    spread = (2 / _INPUTS) ** 0.5
    shrunk = (_INPUTS * (spread / 2) ** 2 / 2) ** (-_LAYERS / 2)  # root of the mean square, before over after
    megabytes = np.dtype("float32").itemsize * _NUMBERS / 1e6
    trained = np.zeros((_WIDTH, _RANK)).size + np.zeros((_RANK, _WIDER)).size
    weight = np.arange(_SMALL**2).reshape(_SMALL, _SMALL)
    wrong = (weight != weight.T).sum()
    return tuple(np.array(float(number)) for number in (spread, shrunk, megabytes, trained, wrong))


NUMBERS = Prediction(
    id="custom-predict",
    title="numbers of a model, before it is made",
    reference=custom_numbers,
    note="a square matrix that nobody transposed keeps only its diagonal",
    hint="Five numbers, each to within 5 %, in the order of the question.",
    rtol=0.05,
    parts=(
        Part(
            "(a) the spread for a layer with ReLU",
            "Equation eq-relu-spread: two over the inputs, and a root.",
            slips=(
                (0.0025, "this is the variance; take its root"),
                (0.0353553, "this is right without a ReLU, which throws half away"),
                (400, "this is the variance upside down"),
            ),
        ),
        Part(
            "(b) how many times smaller the numbers are after ten layers",
            "One layer divides the size by a factor. Ten layers divide it ten times.",
            slips=(
                (1 / 1024, "this is the share that is left"),
                (20, "the factors of the layers are multiplied, not added"),
                (2, "this is after one layer"),
                (2**20, "this is for the mean square; the size is its root"),
            ),
        ),
        Part(
            "(c) the megabytes of the numbers",
            "A float32 has 32 bits.",
            slips=(
                (110, "this would be one byte for each number"),
                (220, "this is for float16"),
                (880, "this is for float64"),
                (3520, "these are megabits"),
                (440e6, "these are bytes"),
            ),
        ),
        Part(
            "(d) the numbers of an adapter",
            "A has a column for each unit of rank, B a row.",
            slips=(
                (2_359_296, "these are the numbers of the matrix itself"),
                (6_144, "A and B, both"),
                (24_576, "A and B, both"),
                (12_288, "this is for a square matrix of 768 inputs"),
                (49_152, "this is for a square matrix of 3,072 inputs"),
                (64, "the rank alone does not tell"),
            ),
        ),
        Part(
            "(e) the numbers that stand at a wrong place",
            "Which numbers of a square matrix does a transpose leave where they are?",
            slips=(
                (0, "the shape is right, the numbers are not"),
                (16, "the diagonal stays"),
                (6, "each pair changes places: both numbers are wrong"),
            ),
        ),
    ),
)
