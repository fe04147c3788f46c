"""Fine-tune a pre-trained Transformer with ktrain, on your own texts, and leave with a classifier to keep.

    tuning = FineTuning(texts, labels, "data/checkpoints/mini-bert", max_length=48)
    classifier = tuning.fit(5e-4, epochs=2)
    classifier.predict(["not bad at all"])

`fine_tune` does it in one call. On the command line: `python -m utils.finetuning train --help`.
"""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # first of all: TensorFlow reads it once, when it is imported

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from utils.finetuning.classifier import Classifier
from utils.finetuning.encoders import tensorflow_folder
from utils.finetuning.evaluation import Evaluation
from utils.finetuning.explain import occlusion
from utils.finetuning.ktrain_mends import load_ktrain, load_transformers
from utils.finetuning.speed import training_speed
from utils.finetuning.tokens import choose_max_length, count_truncated, token_counts
from utils.finetuning.tuning import FineTuning, LearningRates

__all__ = [
    "Classifier",
    "Evaluation",
    "FineTuning",
    "LearningRates",
    "choose_max_length",
    "count_truncated",
    "fine_tune",
    "load_ktrain",
    "load_transformers",
    "occlusion",
    "tensorflow_folder",
    "token_counts",
    "training_speed",
]


def fine_tune(
    texts: Sequence[str],
    labels: Sequence[Any],
    model: str | Path,
    *,
    learning_rate: float,
    epochs: int = 1,
    checkpoints: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    **choices: Any,
) -> Classifier:
    """Fine-tune a pre-trained Transformer in one call.

    Args:
        texts: N training texts.
        labels: N labels.
        model: folder of an encoder, or a name on the hub.
        learning_rate: as for `FineTuning.fit`, like epochs, checkpoints, resume and progress.
        epochs: see there.
        checkpoints: see there.
        resume: see there.
        progress: see there.
        **choices: as for `FineTuning`; max_length must be among them.

    Returns:
        The classifier.
    """
    tuning = FineTuning(texts, labels, model, **choices)
    return tuning.fit(learning_rate, epochs, checkpoints=checkpoints, resume=resume, progress=progress)
