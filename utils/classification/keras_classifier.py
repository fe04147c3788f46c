"""A classifier on Keras 3, any backend: the book's own `TextClassifier` in the files of a Hugging Face BERT."""

import functools
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from utils.checkpoints import Checkpoint, save_checkpoint
from utils.classification.base import BaseClassifier, in_order_of_length
from utils.classification.tokenizer import PlainTokenizer
from utils.transformer import TextClassifier, TransformerConfig
from utils.weights.bert_classifier import load_bert_classifier, write_bert_classifier

ENGINE = "keras"
MULTIPLE = 8  # lengths are rounded up to a multiple of it: few shapes, so that little is compiled


class KerasClassifier(BaseClassifier):
    """The book's `TextClassifier`, a tokenizer, and the names of its classes. Arguments as for `BaseClassifier`.

    On TensorFlow the network is compiled at its first answer. New values of its weights count at once, and so do
    weights that are added or taken away, such as adapters. After any other change of the network, such as its pooling,
    an adapter's scale or a layer that was exchanged, call `recompile`.
    """

    model: TextClassifier
    tokenizer: PlainTokenizer
    inputs = ("input_ids",)
    _graph: tuple[list[Any], Any] | None = None  # the weights that it was made with, and the compiled network

    def compute_logits(self, inputs: dict[str, Any]) -> Any:
        """Return the logits (B, C) of int32 token ids (B, T), under the name in `inputs`, for TensorFlow to trace.

        Raises:
            ValueError: Keras computes with another library.
        """
        backend = keras.backend.backend()
        if backend != "tensorflow":
            told = f"received {backend}: save the classifier, and load it in a process with KERAS_BACKEND=tensorflow"
            raise ValueError(f"expected Keras on TensorFlow, whose graph becomes ONNX; {told}")
        return self.model(inputs["input_ids"], training=False)

    def recompile(self) -> None:
        """Let the next answer compile the network anew, as it then is."""
        self._graph = None

    def __getstate__(self) -> dict[str, Any]:
        """Return what is copied or pickled: all but the compiled network."""
        return {**self.__dict__, "_graph": None}

    def network_logits(self, inputs: dict[str, Any]) -> Any:
        """Return the logits (B, C) of int32 token ids (B, T), under the name in `inputs`; compiled on TensorFlow."""
        if keras.backend.backend() != "tensorflow":
            return self.model(inputs["input_ids"], training=False)
        import tensorflow as tf

        weights = self.model.variables
        made_with, graph = self._graph or ([], None)
        if len(made_with) != len(weights) or any(old is not new for old, new in zip(made_with, weights, strict=True)):
            # TensorFlow counts the compilations of one function, and warns of many; a partial is a new one each time.
            network = functools.partial(self.model, training=False)
            graph = tf.function(network, input_signature=[tf.TensorSpec((None, None), tf.int32)], autograph=False)
            self._graph = list(weights), graph
        return graph(tf.constant(inputs["input_ids"], tf.int32))

    def batch_logits(self, texts: list[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield rows and their logits, each batch padded to its own longest text."""
        encoded = self.tokenizer(texts, truncation=True, max_length=self.max_length)["input_ids"]
        for rows in in_order_of_length(encoded):
            ids = padded([encoded[row] for row in rows], self.model.config)
            yield rows, ops.convert_to_numpy(self.network_logits({"input_ids": ids}))

    def save(self, folder: str | Path, overwrite: bool = False) -> Path:
        """Keep the classifier in a folder that holds no code; see `utils.checkpoints.save_checkpoint`."""
        kept = {**self.details, "engine": ENGINE, "classes": self.classes, "max_length": self.max_length}
        return save_checkpoint(folder, _Files(self), self.tokenizer, kept, overwrite=overwrite)

    @classmethod
    def load(cls, folder: str | Path, fingerprint: str | None = None) -> "KerasClassifier":
        """Load what `save` wrote, or what `utils.finetuning.Classifier.save` wrote of a BERT, every file checked.

        Raises:
            CheckpointError: the folder is not what was saved, or not that of a classifier of the BERT family.
        """
        return cls._read(folder, fingerprint)

    @classmethod
    def _build(cls, checkpoint: Checkpoint) -> "KerasClassifier":
        """Put a classifier together from files and weights that have been checked one by one."""
        from safetensors.numpy import save_file

        details = dict(checkpoint.details)
        classes, max_length = details.pop("classes"), details.pop("max_length")
        details.pop("engine", None)
        with tempfile.TemporaryDirectory() as checked:  # the very bytes that were checked, whatever the folder becomes
            for name, content in checkpoint.files.items():
                (Path(checked) / name).write_bytes(content)
            save_file(checkpoint.weights, Path(checked) / "model.safetensors")
            model, _ = load_bert_classifier(checked, len(classes), fresh_head=False)
            tokenizer = PlainTokenizer(checked)
        return cls(model, tokenizer, classes, max_length, details)


class _Files:
    """What `save_checkpoint` asks a network for."""

    def __init__(self, classifier: KerasClassifier) -> None:
        self.classifier = classifier

    def save_pretrained(self, folder: str | Path, safe_serialization: bool = True) -> None:
        write_bert_classifier(self.classifier.model, self.classifier.classes, folder)


def padded(rows: Sequence[Sequence[int]], config: TransformerConfig) -> np.ndarray:
    """Return rows of token ids as one int32 array, filled up on the right to a multiple of 8, as far as positions go.

    Example:
        >>> padded([[2, 7, 3], [2, 3]], TransformerConfig(vocabulary_size=9, pad_id=0)).tolist()
        [[2, 7, 3, 0, 0, 0, 0, 0], [2, 3, 0, 0, 0, 0, 0, 0]]
    """
    longest = max(len(row) for row in rows)
    length = max(longest, min(-(-longest // MULTIPLE) * MULTIPLE, config.max_length))
    ids = np.full((len(rows), length), config.pad_id or 0, "int32")
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
    return ids
