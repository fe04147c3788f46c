"""A fine-tuned classifier: predict, evaluate, save, load."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from utils.checkpoints import DETAILS, SIZES, Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from utils.checkpoints.manifest import MANIFEST
from utils.checkpoints.places import settled
from utils.finetuning.calibration import fit_temperature
from utils.finetuning.encoders import WEIGHTS, load_config, load_encoder_tokenizer
from utils.finetuning.evaluation import Evaluation
from utils.finetuning.ktrain_mends import load_transformers
from utils.finetuning.labels import check_pairs, check_texts, number_classes
from utils.finetuning.networks import assign_weights, encode, input_names
from utils.finetuning.progress import PROGRESS, progress_bar

PREDICTION_BATCH = 64


class Classifier:
    """A Transformer with a classification head, its tokenizer, and the names of its classes.

    Args:
        model: TensorFlow model for sequence classification of transformers.
        tokenizer: its tokenizer.
        classes: names of the C classes, in the order of the model's outputs.
        max_length: longer texts are cut to this many tokens.
        details: what else is to be kept with it: training settings, history; a temperature, by which its logits are
            divided, 1.0 where there is none (see `utils.finetuning.calibration`).

    Raises:
        ValueError: the temperature is not a positive number.
    """

    def __init__(
        self, model: Any, tokenizer: Any, classes: Sequence[Any], max_length: int, details: dict[str, Any] | None = None
    ) -> None:
        import tensorflow as tf

        self.model, self.tokenizer = model, tokenizer
        self.classes, self.max_length = list(classes), int(max_length)
        self.details = dict(details or {})
        if not isinstance(self.temperature, float | int) or not 0 < self.temperature < np.inf:
            raise ValueError(f"expected a positive number as temperature; received {self.temperature!r}")
        # One graph for all sizes: the same text gets the same bits, whatever was predicted before.
        self.inputs = input_names(model, tokenizer)
        sizes = {name: tf.TensorSpec((None, None), tf.int32) for name in self.inputs}
        self.network_logits = tf.function(lambda inputs: model(inputs, training=False).logits, input_signature=[sizes])

    @property
    def temperature(self) -> float:
        """What the logits are divided by before they become probabilities; set it with `calibrate`."""
        return self.details.get("temperature", 1.0)

    def calibrate(self, texts: Iterable[str], labels: Iterable[Any], progress: bool = False) -> Evaluation:
        """Fit the temperature on texts that were not trained on; predictions stay, probabilities become more honest.

        Args:
            texts: N strings, at least one.
            labels: N labels, as for `evaluate`.
            progress: whether to show a progress bar.

        Returns:
            What the classifier said of these texts before, at temperature 1.

        Raises:
            TypeError, ValueError: as for `evaluate`.
        """
        self.details["temperature"] = 1.0
        before = self.evaluate(texts, labels, progress)
        self.details["temperature"] = fit_temperature(before)
        return before

    def predict(self, texts: Iterable[str], progress: bool = False) -> list[Any]:
        """Return the most probable class of each text, by name.

        Args:
            texts: any iterable of N strings: a list, a column of a table, a generator, an open file.
            progress: whether to show a progress bar.

        Raises:
            TypeError: texts is a single string, bytes, a mapping or a table, or an element is not a string.
            ValueError: a text is not valid Unicode.
        """
        return [self.classes[number] for number in self.predict_probability(texts, progress).argmax(axis=-1)]

    def predict_probability(self, texts: Iterable[str], progress: bool = False) -> np.ndarray:
        """Return float64 probabilities (N, C) of the classes of N texts; each row sums to 1.

        Args:
            texts: as for `predict`. Those of like lengths go through the network together; the order of the result
                is theirs.
            progress: whether to show a progress bar.

        Raises:
            TypeError, ValueError: as for `predict`.
        """
        texts = check_texts(texts)
        logits = np.zeros((len(texts), len(self.classes)))
        with progress_bar(progress, total=len(texts), desc="predict", unit="text") as bar:
            for rows, inputs in self._batches(texts):
                logits[rows] = self.network_logits(inputs).numpy()
                bar.update(len(rows))
        shifted = np.exp((logits - logits.max(axis=-1, keepdims=True)) / self.temperature)
        return shifted / shifted.sum(axis=-1, keepdims=True)

    def _batches(self, texts: list[str]) -> Iterator[tuple[np.ndarray, dict[str, Any]]]:
        """Yield rows and the network's inputs (B, T), T being the longest text of the batch."""
        import tensorflow as tf

        if not texts:
            return
        encoded = encode(self.tokenizer, texts, self.max_length, self.inputs)
        order = np.argsort([len(row) for row in encoded["input_ids"]], kind="stable")
        for start in range(0, len(order), PREDICTION_BATCH):
            rows = order[start : start + PREDICTION_BATCH]
            batch = {name: [values[row] for row in rows] for name, values in encoded.items()}
            padded = self.tokenizer.pad(batch, return_tensors="np", verbose=False)
            yield rows, {name: tf.constant(padded[name], tf.int32) for name in self.inputs}

    def evaluate(self, texts: Iterable[str], labels: Iterable[Any], progress: bool = False) -> Evaluation:
        """Predict texts whose labels are known.

        Args:
            texts: N strings, at least one.
            labels: N labels: classes by name or, where these are words, by number.
            progress: whether to show a progress bar.

        Raises:
            TypeError: texts or labels is a single string, bytes, a mapping or a table.
            ValueError: not as many labels as texts, none at all, or a label that is no class of this classifier.
        """
        texts, labels = check_pairs(texts, labels)
        truth, _ = number_classes(labels, self.classes)
        return Evaluation(tuple(self.classes), truth, self.predict_probability(texts, progress))

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
        checkpoint = load_checkpoint(folder, fingerprint)
        try:
            classifier = cls._build(checkpoint)
            answers = classifier.predict_probability(["a"])
        except CheckpointError:
            raise
        except Exception as error:  # each file is what the manifest says, and together they make no classifier
            told = f"{type(error).__name__}: {error}"
            raise CheckpointError(f"expected the files of a classifier in {folder}; they do not fit: {told}") from error
        if not np.isfinite(answers).all():
            raise CheckpointError(f"expected a network that answers numbers in {Path(folder) / SIZES}; it answers NaN")
        return classifier

    @classmethod
    def _build(cls, checkpoint: Checkpoint) -> "Classifier":
        """Put a classifier together from files and weights that have been checked one by one."""
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
