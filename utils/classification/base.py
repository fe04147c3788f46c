"""What each classifier of the book can do, whichever library computes its logits."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from utils.checkpoints import SIZES, Checkpoint, CheckpointError, load_checkpoint
from utils.classification.calibration import fit_temperature
from utils.classification.evaluation import Evaluation
from utils.classification.labels import check_pairs, check_texts, number_classes
from utils.classification.progress import progress_bar

PREDICTION_BATCH = 64


class BaseClassifier:
    """A network with a classification head, its tokenizer, and the names of its classes. Subclasses compute the logits.

    Args:
        model: the network.
        tokenizer: its tokenizer.
        classes: names of the C classes, in the order of the model's outputs.
        max_length: longer texts are cut to this many tokens.
        details: what else is to be kept with it: training settings, history; a temperature, by which its logits are
            divided, 1.0 where there is none (see `utils.classification.calibration`).

    Raises:
        ValueError: the temperature is not a positive number.
    """

    def __init__(
        self, model: Any, tokenizer: Any, classes: Sequence[Any], max_length: int, details: dict[str, Any] | None = None
    ) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.classes, self.max_length = list(classes), int(max_length)
        self.details = dict(details or {})
        if not isinstance(self.temperature, float | int) or not 0 < self.temperature < np.inf:
            raise ValueError(f"expected a positive number as temperature; received {self.temperature!r}")

    @classmethod
    def _build(cls, checkpoint: Checkpoint) -> Self:
        """Put a classifier together from files and weights that have been checked one by one."""
        raise NotImplementedError

    @classmethod
    def _read(cls, folder: str | Path, fingerprint: str | None) -> Self:
        """Load a classifier that answers numbers.

        Raises:
            CheckpointError: a file is not what was saved, or the files together make no classifier.
        """
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

    def batch_logits(self, texts: list[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield rows, int array (B,), and their logits (B, C), until every text was answered once."""
        raise NotImplementedError

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
            for rows, answers in self.batch_logits(texts) if texts else ():
                logits[rows] = answers
                bar.update(len(rows))
        shifted = np.exp((logits - logits.max(axis=-1, keepdims=True)) / self.temperature)
        return shifted / shifted.sum(axis=-1, keepdims=True)

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


def in_order_of_length(rows: Sequence[Sequence[int]]) -> Iterator[np.ndarray]:
    """Yield the places of rows in batches of like lengths, the shortest first.

    Example:
        >>> [batch.tolist() for batch in in_order_of_length([[1, 2, 3], [1], [1, 2]])]
        [[1, 2, 0]]
    """
    order = np.argsort([len(row) for row in rows], kind="stable")
    for start in range(0, len(order), PREDICTION_BATCH):
        yield order[start : start + PREDICTION_BATCH]
