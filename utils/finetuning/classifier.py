"""A fine-tuned classifier: predict, evaluate, save, load."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from utils.checkpoints import DETAILS, Checkpoint, CheckpointError, save_checkpoint
from utils.checkpoints.manifest import MANIFEST
from utils.checkpoints.places import settled
from utils.classification.base import BaseClassifier, in_order_of_length
from utils.classification.progress import PROGRESS
from utils.finetuning.encoders import WEIGHTS, load_config, load_encoder_tokenizer
from utils.finetuning.ktrain_mends import load_transformers
from utils.finetuning.networks import assign_weights, encode, input_names


class Classifier(BaseClassifier):
    """A Transformer of transformers with a classification head, its tokenizer, and the names of its classes.

    Args:
        model: TensorFlow model for sequence classification of transformers.
        tokenizer: its tokenizer.
        classes: names of the C classes, in the order of the model's outputs.
        max_length: longer texts are cut to this many tokens.
        details: as for `BaseClassifier`.

    Raises:
        ValueError: the temperature is not a positive number.
    """

    def __init__(
        self, model: Any, tokenizer: Any, classes: Sequence[Any], max_length: int, details: dict[str, Any] | None = None
    ) -> None:
        import tensorflow as tf

        super().__init__(model, tokenizer, classes, max_length, details)
        # One graph for all sizes: the same text gets the same bits, whatever was predicted before.
        self.inputs = input_names(model, tokenizer)
        sizes = {name: tf.TensorSpec((None, None), tf.int32) for name in self.inputs}
        self.network_logits = tf.function(self.compute_logits, input_signature=[sizes])

    def compute_logits(self, inputs: dict[str, Any]) -> Any:
        """Return the logits (B, C) of int32 arrays (B, T), by the names in `inputs`; TensorFlow can trace it."""
        return self.model(inputs, training=False).logits

    def batch_logits(self, texts: list[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield rows and their logits, each batch padded to its own longest text."""
        import tensorflow as tf

        encoded = encode(self.tokenizer, texts, self.max_length, self.inputs)
        for rows in in_order_of_length(encoded["input_ids"]):
            batch = {name: [values[row] for row in rows] for name, values in encoded.items()}
            padded = self.tokenizer.pad(batch, return_tensors="np", verbose=False)
            inputs = {name: tf.constant(padded[name], tf.int32) for name in self.inputs}
            yield rows, self.network_logits(inputs).numpy()

    def save(self, folder: str | Path, overwrite: bool = False) -> Path:
        """Keep the classifier in a folder that holds no code; see `utils.checkpoints.save_checkpoint`."""
        kept = {**self.details, "classes": self.classes, "max_length": self.max_length}
        return save_checkpoint(folder, self.model, self.tokenizer, kept, overwrite=overwrite)

    @classmethod
    def load(cls, folder: str | Path, fingerprint: str | None = None) -> "Classifier":
        """Load what `save` wrote, after checking every file; see `utils.checkpoints.load_checkpoint`.

        Raises:
            CheckpointError: the folder is not what was saved, or something else: an encoder, an unfinished training.
        """
        check_is_classifier(Path(folder))
        return cls._read(folder, fingerprint)

    @classmethod
    def _build(cls, checkpoint: Checkpoint) -> "Classifier":
        """Put a classifier together from files and weights that have been checked one by one."""
        if checkpoint.details.get("engine") == "keras":
            raise CheckpointError(
                "expected a classifier that ktrain trained; this one was trained with --engine keras: "
                "load it with utils.classification.KerasClassifier.load"
            )
        transformers = load_transformers()
        with tempfile.TemporaryDirectory() as checked:  # the very bytes that were checked, whatever the folder becomes
            for name, content in checkpoint.files.items():
                (Path(checked) / name).write_bytes(content)
            config, tokenizer = load_config(checked), load_encoder_tokenizer(checked)
        details = dict(checkpoint.details)
        classes, max_length = details.pop("classes"), details.pop("max_length")
        if len(classes) != config.num_labels:
            raise CheckpointError(f"expected {config.num_labels} classes, as in config.json; received {classes}")
        model = transformers.TFAutoModelForSequenceClassification.from_config(config, trust_remote_code=False)
        model.build_in_name_scope()
        assign_weights(model, checkpoint.weights)
        return cls(model, tokenizer, classes, max_length, details)


def check_is_classifier(folder: Path) -> None:
    """Raise CheckpointError, with what to do, where a path is not the folder of a classifier but something near it."""
    folder = settled(folder.absolute())  # a version that was set aside when a save was killed is brought back
    if (folder / MANIFEST).exists() or (folder / DETAILS).exists():
        return
    expected = "expected a folder that a classifier was saved to"
    if not folder.exists():
        raise CheckpointError(f"{expected}; there is no {folder}")
    if not folder.is_dir():
        raise CheckpointError(f"{expected}; {folder} is a file: name the folder that holds it")
    if (folder / PROGRESS).is_file():
        raise CheckpointError(f"{expected}; {folder} holds an unfinished training: finish it with the same command")
    if (folder / "config.json").is_file() and (folder / WEIGHTS).is_file():
        raise CheckpointError(f"{expected}; {folder} is an encoder, not a classifier: train first, with this encoder")
