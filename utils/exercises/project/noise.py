"""Exercise of chapter 8 on the accuracy that labels show of which a share is wrong."""

import numpy as np

from utils.comparison import measured_accuracy
from utils.exercises.engine.exercise import Exercise, Mistake


def _noise_inputs(rng: np.random.Generator, trial: int) -> tuple:
    true_accuracy = 1.0 if trial % 10 == 4 else float(rng.uniform(0.52, 0.99))
    return true_accuracy, 0.0 if trial % 10 == 9 else float(rng.uniform(0.02, 0.45))


_NOISE = Exercise(
    id="project-noise",
    title="accuracy on labels with noise",
    reference=measured_accuracy,
    make_inputs=_noise_inputs,
    note="no noise and no error included",
    hint="A text counts as right in two ways: a right answer beside a sound label, and which other?",
    mistakes=(
        Mistake(
            "difference",
            lambda accuracy, noise: accuracy - noise,
            "the noise is subtracted from the accuracy",
            "That counts every turned label as an error more. What does it do to an answer that was wrong already?",
        ),
        Mistake(
            "sound labels alone",
            lambda accuracy, noise: accuracy * (1 - noise),
            "only right answers beside sound labels count",
            "With two classes a wrong answer equals a label that was turned over.",
        ),
        Mistake(
            "the smaller of two limits",
            lambda accuracy, noise: min(accuracy, 1 - noise),
            "the smaller of the accuracy and the ceiling is returned",
            "Errors and turned labels each take their part; the ceiling 1 - noise is reached by accuracy 1 alone.",
        ),
        Mistake(
            "noise counted twice",
            lambda accuracy, noise: measured_accuracy(measured_accuracy(accuracy, noise), noise),
            "the labels are turned over twice",
            "The classifier is compared once with labels that were turned over once.",
        ),
        Mistake(
            "twice the noise lost",
            lambda accuracy, noise: accuracy * (1 - 2 * noise),
            "each turned label takes two right answers away",
            "It takes one right answer away, or gives one to a wrong answer.",
        ),
        Mistake(
            "turned labels all count as right",
            lambda accuracy, noise: accuracy * (1 - noise) + noise,
            "every turned label counts as a right answer",
            "It equals the answer only where the answer was wrong.",
        ),
        Mistake(
            "labels drawn afresh",
            lambda accuracy, noise: accuracy * (1 - noise) + noise / 2,
            "a noisy label is drawn by lot and right half of the time",
            "Here each noisy label is turned over to the other class.",
        ),
        Mistake(
            "sound and turned swapped",
            lambda accuracy, noise: accuracy * noise + (1 - accuracy) * (1 - noise),
            "this is the share of answers that differ from their label",
            "Which pairs agree: right answer and sound label, or right answer and turned label?",
        ),
        Mistake(
            "the way back",
            lambda accuracy, noise: (accuracy - noise) / (1 - 2 * noise),
            "the true accuracy is worked out from the measured one",
            "It is the other way round: the first argument is the true accuracy.",
        ),
    ),
)

EXERCISES = (_NOISE,)
