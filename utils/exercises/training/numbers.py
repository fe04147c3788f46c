"""Exercise of chapter 5 that asks for predictions: losses, rates and work, before any training."""

import numpy as np

from utils.exercises.engine.forms import Part, Prediction

_WORDS, _SMOOTHING, _WARM_UP, _TOKENS = 80, 0.1, 400, 8


def training_numbers() -> tuple[np.ndarray, ...]:
    """Compute what the question asks from the definitions."""
    even = -np.log(np.full(_WORDS, 1 / _WORDS)).mean()
    target = np.full(_WORDS, _SMOOTHING / _WORDS)
    target[0] += 1 - _SMOOTHING
    least = -(target * np.log(target)).sum()
    perplexity = np.exp(-np.log([0.5, 0.25, 0.125]).mean())
    steps = np.arange(1, 10_000)
    rates = np.minimum(steps**-0.5, steps * _WARM_UP**-1.5)
    half = steps[(steps > _WARM_UP) & (rates <= rates.max() / 2 * (1 + 1e-9))][0]
    reads = sum(range(1, _TOKENS + 1)) / _TOKENS
    return tuple(np.array(float(number)) for number in (even, least, perplexity, half, reads))


NUMBERS = Prediction(
    id="training-predict",
    title="numbers of a training, before it",
    reference=training_numbers,
    note="a loss that rests above 0.7 can be the least there is",
    hint="Five numbers, each to within 5 %, in the order of the question.",
    rtol=0.05,
    parts=(
        Part(
            "(a) the loss before training",
            "Every token has probability 1/80.",
            slips=(
                (80, "this is the perplexity"),
                (np.log2(80), "this is in bits"),
                (1 / 80, "this is the probability"),
            ),
        ),
        Part(
            "(b) the least loss with label smoothing",
            "The best model gives every token just its target: 0.9 + 0.1/80, and 79 times 0.1/80.",
            slips=(
                (0, "a model that is always sure pays much for the 79 others"),
                (0.1, "this is the share that is spread, and about what the right token alone costs"),
            ),
        ),
        Part(
            "(c) the perplexity",
            "Take the mean of −ln p first, then the exponential.",
            slips=(
                (1.386, "this is the loss; take its exponential"),
                (2, "the loss is 2 bits; the perplexity is 2 to that power"),
                (14 / 3, "this is the mean of 1/p"),
                (24 / 7, "this is 1 over the mean of p"),
                (64, "this is 1 over the product; one root is missing"),
            ),
        ),
        Part(
            "(d) the step at which the rate has fallen to half of its peak",
            "After the peak the rate falls as one over the root of the step.",
            slips=(
                (800, "twice the steps divide the rate by the root of two"),
                (200, "there it is on its way up"),
                (400, "there is the peak"),
                (1200, "so many steps after the peak; count from the first step"),
            ),
        ),
        Part(
            "(e) how many times as many tokens the decoder reads without a cache",
            "With a cache it reads 8. Without one it reads 1, then 2, and so on to 8.",
            slips=(
                (8, "a text is read again at each step, but most of them are shorter"),
                (36, "this is the number of tokens read without a cache"),
                (3.5, "the first step reads one token, the last one 8"),
                (4, "about half, but not quite: the mean of 1, 2 and so on to 8 is not half of 8"),
                (5, "there are 8 steps, not 9: what is written last is not read"),
            ),
        ),
    ),
)
