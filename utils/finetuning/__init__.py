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
    "Classifier": "classifier",
    "Evaluation": "evaluation",
    "FineTuning": "tuning",
    "LearningRates": "tuning",
    "at_temperature": "calibration",
    "choose_max_length": "tokens",
    "count_truncated": "tokens",
    "cross_fitted": "calibration",
    "export_onnx": "onnx_export",
    "fine_tune": "tuning",
    "fit_temperature": "calibration",
    "load_ktrain": "ktrain_mends",
    "load_encoder_tokenizer": "encoders",
    "load_transformers": "ktrain_mends",
    "occlusion": "evaluation",
    "reliability": "calibration",
    "rescaled": "calibration",
    "run_onnx": "onnx_export",
    "tensorflow_folder": "encoders",
    "token_counts": "tokens",
}
__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
