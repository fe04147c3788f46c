"""Fine-tune a pre-trained Transformer with ktrain, on your own texts, and leave with a classifier to keep.

    tuning = FineTuning(texts, labels, "data/checkpoints/mini-bert", max_length=48)
    classifier = tuning.fit(5e-4, epochs=2)
    classifier.predict(["not bad at all"])

`fine_tune` does it in one call. On the command line: `python -m utils.finetuning train --help`.
"""

import importlib
import os
from typing import Any

# TensorFlow, transformers and ktrain read it once, when they are first imported: before any module of this package can
# import them, and whatever it was before (an empty value, too, means Keras 3).
os.environ["TF_USE_LEGACY_KERAS"] = "1"

# What this package hands on, each imported when it is asked for: the command line answers --help without any of it.
_MODULE_OF = {
    "Classifier": "utils.finetuning.classifier",
    "Evaluation": "utils.classification.evaluation",
    "FineTuning": "utils.finetuning.tuning",
    "LearningRates": "utils.finetuning.tuning",
    "at_temperature": "utils.classification.calibration",
    "choose_max_length": "utils.classification.tokens",
    "count_truncated": "utils.classification.tokens",
    "cross_fitted": "utils.classification.calibration",
    "export_onnx": "utils.classification.onnx_export",
    "fine_tune": "utils.finetuning.tuning",
    "fit_temperature": "utils.classification.calibration",
    "load_ktrain": "utils.finetuning.ktrain_mends",
    "load_encoder_tokenizer": "utils.finetuning.encoders",
    "load_transformers": "utils.finetuning.ktrain_mends",
    "occlusion": "utils.classification.evaluation",
    "reliability": "utils.classification.calibration",
    "rescaled": "utils.classification.calibration",
    "run_onnx": "utils.classification.onnx_export",
    "tensorflow_folder": "utils.finetuning.encoders",
    "token_counts": "utils.classification.tokens",
}
__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)
