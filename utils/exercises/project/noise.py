"""Exercise of chapter 8 on the accuracy behind the one that labels show of which a share is wrong."""

import numpy as np

from utils.comparison import measured_accuracy
from utils.exercises.engine.exercise import Exercise, Mistake


def true_accuracy(measured: float, noise: float) -> float:
    """Return the share of texts that a classifier understands, given the accuracy that noisy labels show."""
    return (measured - noise) / (1 - 2 * noise)


def _noise_inputs(rng: np.random.Generator, trial: int) -> tuple:
    understood = 1.0 if trial % 10 == 4 else float(rng.uniform(0.52, 0.99))
    noise = 0.0 if trial % 10 == 9 else float(rng.uniform(0.02, 0.4))
    return measured_accuracy(understood, noise), noise


_NOISE = Exercise(
    id="project-noise",
    title="the accuracy behind labels with noise",
    reference=true_accuracy,
    make_inputs=_noise_inputs,
    note="the cases without noise and without errors among them",
    hint="Write down the equation of the measured accuracy, and solve it for the true one. Try it on 0.96 and 0.04.",
    mistakes=(
        Mistake(
            "forwards",
            measured_accuracy,
            "this is what labels would show of a classifier that has the measured accuracy",
            "The first argument is what the labels show. What lies behind it?",
        ),
        Mistake(
            "noise added",
            lambda measured, noise: measured + noise,
            "the noise is added to the measured accuracy",
            "Not every wrong label takes a right answer away: beside a misread text it gives one.",
        ),
        Mistake(
            "share of the ceiling",
            lambda measured, noise: measured / (1 - noise),
            "the measured accuracy is divided by the ceiling",
            "Some of the answers that count as right are misread texts with a wrong label.",
        ),
        Mistake(
            "nothing subtracted",
            lambda measured, noise: measured / (1 - 2 * noise),
            "the denominator is right, and the numerator lacks something",
            "A classifier that is always wrong shows an accuracy, too. Which?",
        ),
        Mistake(
            "nothing divided",
            lambda measured, noise: measured - noise,
            "the noise is subtracted, and nothing is divided",
            "A perfect classifier shows 1 minus the noise, and 1 should come out.",
        ),
        Mistake(
            "divided by the ceiling",
            lambda measured, noise: (measured - noise) / (1 - noise),
            "the numerator is right, and the denominator is not",
            "Collect what stands beside the true accuracy: it stands in the equation twice.",
        ),
        Mistake(
            "signs swapped",
            lambda measured, noise: (measured + noise) / (1 + 2 * noise),
            "the signs of the noise are the wrong way round",
            "Try it on a perfect classifier, which shows 1 minus the noise.",
        ),
        Mistake(
            "labels drawn afresh",
            lambda measured, noise: (measured - noise / 2) / (1 - noise),
            "a noisy label is drawn by lot and right half of the time",
            "Here each wrong label names the other class.",
        ),
        Mistake(
            "misread share",
            lambda measured, noise: 1 - true_accuracy(measured, noise),
            "this is the share of texts that are misread",
            "Asked is the share that is understood.",
        ),
    ),
)

EXERCISES = (_NOISE,)
