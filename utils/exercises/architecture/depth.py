"""Exercise of chapter 4 that asks for predictions: what depth makes of the residual stream, before any training."""

import numpy as np

from utils.exercises.engine.forms import Part, Prediction

_SUBLAYERS = 24


def stream_by_depth() -> tuple[np.ndarray, ...]:
    """Measure what the question asks on random vectors of 200,000 entries."""
    rng = np.random.default_rng(1)
    start = rng.normal(size=200_000)
    outputs = [rng.normal(size=start.size) for _ in range(_SUBLAYERS)]
    before = start + sum(outputs[:-1])
    final = before + outputs[-1]
    scaled = start + sum(outputs) / np.sqrt(_SUBLAYERS)
    parts = final.std(), outputs[0].var() / final.var(), outputs[-1].std() / before.std(), scaled.std()
    return tuple(np.array(float(part)) for part in (*parts, _until_below(0.01, start, outputs)))


def _share(part: np.ndarray, whole: np.ndarray) -> float:
    """Share of the variance of a sum that is one of its parts'."""
    return float(part @ whole / (whole @ whole))


def _until_below(share: float, start: np.ndarray, outputs: list[np.ndarray]) -> int:
    """Count the sublayers, each normalised after its sum, until less than a share of the variance is the start's."""
    stream, factor = start, 1.0
    for number, output in enumerate(outputs, start=1):
        deviation = (stream + output).std()
        stream, factor = (stream + output) / deviation, factor / deviation
        if _share(factor * start, stream) < share:
            return number
    return len(outputs) + 1


DEPTH = Prediction(
    id="architecture-predict-depth",
    title="what depth makes of the stream",
    reference=stream_by_depth,
    note="sums keep the beginning, and normalising after each sum forgets it fast",
    hint="Five numbers, each to within 1 %, in the order of the question.",
    rtol=0.01,
    parts=(
        Part(
            "(a) standard deviation after 24 sublayers",
            "Variances of independent numbers add up. How many are added? The standard deviation is the root.",
            slips=(
                (25, "this is the variance"),
                (24, "this is a variance"),
                (24**0.5, "the start is left out"),
                (1, "as if nothing were added"),
            ),
        ),
        Part(
            "(b) the first sublayer's share of the variance",
            "It has variance 1. What is the variance of the whole?",
            slips=(
                (0.2, "standard deviations do not add up to a whole; variances do"),
                (1 / 24, "the start has a share, too"),
                (1, "this is its variance itself"),
            ),
        ),
        Part(
            "(c) the last sublayer's output, measured in standard deviations of the stream before it",
            "The output has standard deviation 1. What has the stream gathered before it?",
            slips=(
                (1, "as if the stream had not grown"),
                (1 / 24, "variances are compared: take the root"),
                (0.2, "the stream holds 23 outputs before it, and the start"),
            ),
        ),
        Part(
            "(d) standard deviation after 24 sublayers whose outputs are divided by √24",
            "Each output now has variance 1/24, and there are 24 of them. Do not forget the start.",
            slips=(
                (2, "this is the variance"),
                (1, "the start is left out"),
                (5 / 24**0.5, "the start is divided as well, but only outputs are"),
                (5, "as if nothing were divided"),
            ),
        ),
        Part(
            "(e) sublayers with post-norm until less than 1 % of the variance is the start's",
            "The sum of stream and output has variance 2, and is brought back to 1. What is left of each share?",
            slips=(
                (6, "a share of 1/64 is still more than 1 %"),
                (14, "each sublayer halves the variance's share; a root belongs to standard deviations"),
                (99, "this is without a normalisation"),
                (100, "this is without a normalisation"),
                (24, "it takes fewer"),
            ),
        ),
    ),
)
