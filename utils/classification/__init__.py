"""Texts into classes: labels, answers and what they are worth, and training on Keras 3 without ktrain.

    tuning = KerasFineTuning(texts, labels, "data/checkpoints/mini-bert", max_length=48)
    classifier = tuning.fit(5e-4, epochs=2)
    classifier.predict(["not bad at all"])

Everything here runs on Keras 3 with any of its backends, or on NumPy alone; `utils.finetuning`, which trains the same
network with ktrain and Keras 2, stands on it.
"""

import importlib
from typing import Any

# What this package hands on, each imported when it is asked for: labels and figures need no Keras.
_MODULE_OF = {
    "BaseClassifier": "base",
    "Evaluation": "evaluation",
    "KerasClassifier": "keras_classifier",
    "KerasFineTuning": "keras_tuning",
    "PlainTokenizer": "tokenizer",
    "batches_by_length": "tokens",
    "choose_max_length": "tokens",
    "export_onnx": "onnx_export",
    "fit_temperature": "calibration",
    "number_classes": "labels",
    "occlusion": "evaluation",
    "reliability": "calibration",
    "run_onnx": "onnx_export",
}
__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
