"""Which library trains, and which answers: ktrain on Keras 2, or this book's own network on Keras 3.

The switch to Keras 2 is set when `utils.finetuning` is imported, and it is read when TensorFlow is. With the engine
"keras" it is taken back before TensorFlow is imported, so that neither tf-keras nor ktrain nor transformers is needed.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

from utils.finetuning.command.errors import InputError
from utils.finetuning.command.options import ENGINES, KERAS, KTRAIN
from utils.finetuning.ktrain_mends import require_packages

NEEDED = {
    KTRAIN: ("numpy", "tqdm", "safetensors", "tensorflow", "tf_keras", "transformers"),
    KERAS: ("numpy", "tqdm", "safetensors", "keras", "tokenizers"),
}
MORE = {"train": ("sklearn",), "evaluate": ("sklearn", "matplotlib")}


def prepare_engine(options: argparse.Namespace) -> str:
    """Return the engine that a command needs, once its packages are there and Keras is the right one.

    Raises:
        MissingPackageError: a package that it needs is not installed; the message holds the command that installs it.
    """
    engine = getattr(options, "engine", None) or engine_of(options.model)
    trains = ("ktrain",) if engine == KTRAIN and options.command == "train" else ()
    require_packages(*NEEDED[engine], *trains, *MORE.get(options.command, ()))
    if engine == KERAS:
        os.environ["TF_USE_LEGACY_KERAS"] = "0"
    return engine


def engine_of(folder: str | Path) -> str:
    """Return the engine that a saved classifier names; "ktrain" where it names none, or cannot be read."""
    try:
        from utils.checkpoints import DETAILS  # needs NumPy, which may be what is missing
        from utils.checkpoints.places import settled

        path = settled(Path(os.path.expanduser(folder)).absolute()) / DETAILS
        named = json.loads(path.read_text(encoding="utf-8")).get("engine")
    except (ImportError, OSError, ValueError, AttributeError):
        return KTRAIN  # loading it will say what is wrong
    return named if named in ENGINES else KTRAIN


def load_classifier(folder: str, fingerprint: str | None) -> Any:
    """Load a classifier with the engine that trained it.

    Raises:
        CheckpointError: as `Classifier.load` or `KerasClassifier.load`.
    """
    if engine_of(folder) == KERAS:
        from utils.classification import KerasClassifier

        return KerasClassifier.load(os.path.expanduser(folder), fingerprint)
    from utils.finetuning.classifier import Classifier

    return Classifier.load(os.path.expanduser(folder), fingerprint)


def check_takes_encoder(options: argparse.Namespace, config: dict[str, Any]) -> None:
    """Raise InputError where the engine does not take this encoder, or does not do what else is asked for."""
    if options.engine != KERAS:
        return
    kind = config.get("model_type")
    if kind != "bert":
        raise InputError(
            f"--model {options.model}: expected model_type bert with --engine keras; its config.json says {kind!r}. "
            "Use --engine ktrain, which trains every kind of encoder"
        )
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if options.export and backend != "tensorflow":
        told = "expected TensorFlow, whose graph becomes ONNX"
        raise InputError(f"--export: {told}; received KERAS_BACKEND={backend}")
