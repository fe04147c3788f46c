"""Exercise of chapter 6 that asks for predictions: sizes and shares of a pre-trained model."""

import numpy as np

from utils.exercises.engine.forms import Part, Prediction

_PIECES, _WIDTH, _LAYERS, _INNER, _POSITIONS, _TYPES = 14_000, 128, 4, 512, 512, 2
_TOKENS, _SHARE, _MASKED = 2_000, 0.15, 0.8


def model_numbers() -> tuple[np.ndarray, ...]:
    """Compute what the question asks from the definitions."""
    embedding = (_PIECES + _POSITIONS + _TYPES) * _WIDTH + 2 * _WIDTH
    attention = 4 * (_WIDTH * _WIDTH + _WIDTH)
    feed_forward = 2 * _WIDTH * _INNER + _INNER + _WIDTH
    layer = attention + feed_forward + 4 * _WIDTH
    total = embedding + _LAYERS * layer + _WIDTH * _WIDTH + _WIDTH
    masked = _TOKENS * _SHARE * _MASKED
    even = np.log(_PIECES)
    same = _TOKENS * _SHARE * (1 - _MASKED) / 2
    return tuple(np.array(float(number)) for number in (_PIECES * _WIDTH / total, layer, masked, same, even))


NUMBERS = Prediction(
    id="pretrained-predict",
    title="numbers of a pre-trained model",
    reference=model_numbers,
    note="most of a small model is its table of words",
    hint="Five numbers in the order of the question: (b) to within 0.1 %, the others to within 1 %.",
    rtol=0.01,
    parts=(
        Part(
            "(a) the share of the numbers that are word vectors",
            "One vector of 128 for each of 14,000 pieces, divided by all 2,667,648.",
            slips=(
                (_WIDTH / _PIECES, "this is the width by the number of pieces"),
                (1 - 0.6718, "this is the share of all the rest"),
                (14_514 * _WIDTH / 2_667_648, "this takes the vectors of positions and of sentence kinds in"),
                (67.18, "this is in percent, and a share is at most 1"),
            ),
        ),
        Part(
            "(b) the numbers of one layer",
            "Four square matrices of attention, two of 128 by 512, the biases, and two normalisations.",
            slips=(
                (131_072, "this is the feed-forward network's two matrices alone"),
                (66_048, "this is the attention alone"),
                (4 * 198_272, "this is all four layers"),
                (196_608, "these are the matrices alone, without biases and normalisations"),
                (197_760, "the normalisations are left out"),
                (197_120, "the biases are left out"),
                (198_016, "one normalisation is left out: a layer has two, each with a scale and a shift"),
            ),
            rtol=0.001,
        ),
        Part(
            "(c) the pieces that become [MASK]",
            "15 of 100 are chosen, and 8 of 10 of those become [MASK].",
            slips=(
                (300, "so many are chosen, but not all become [MASK]"),
                (1_600, "80 % of the chosen, not of all"),
            ),
        ),
        Part(
            "(d) the chosen pieces that are left as they are",
            "One of ten of those that are chosen.",
            slips=(
                (200, "a tenth of the chosen, not of all"),
                (60, "these are all that do not become [MASK]; half of them become another token"),
                (1_700, "these are not chosen at all"),
            ),
        ),
        Part(
            "(e) the loss of even guesses, in nats",
            "Each piece then has probability 1/14,000.",
            slips=(
                (14_000, "this is the perplexity"),
                (np.log2(14_000), "this is in bits"),
                (np.log10(14_000), "this is the logarithm to base 10"),
                (-np.log(14_000), "the sign is wrong"),
                (1 / 14_000, "this is the probability of each piece, not its loss"),
            ),
        ),
    ),
)
