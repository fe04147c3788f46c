"""What a classifier's predictions are worth: accuracy, confusion, loss, and the texts it errs on most."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Evaluation:
    """Predictions for N texts of known labels.

    Attributes:
        classes: names of the C classes.
        truth: int array (N,), numbers of the true classes.
        probability: float array (N, C); rows sum to 1.
    """

    classes: Sequence[Any]
    truth: np.ndarray
    probability: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        """Numbers of the most probable classes, int array (N,)."""
        return self.probability.argmax(axis=-1)

    @property
    def correct(self) -> np.ndarray:
        """Whether each prediction is right, bool array (N,)."""
        return self.predicted == self.truth

    @property
    def accuracy(self) -> float:
        """Share of predictions that are right."""
        return float(self.correct.mean())

    @property
    def losses(self) -> np.ndarray:
        """Cross-entropy of each text in nats, float array (N,): minus the logarithm of its true class's probability."""
        true = self.probability[np.arange(len(self.truth)), self.truth]
        return -np.log(np.clip(true, np.finfo("float64").tiny, 1))

    @property
    def loss(self) -> float:
        """Mean cross-entropy in nats."""
        return float(self.losses.mean())

    @property
    def confusion(self) -> np.ndarray:
        """Int array (C, C): rows are true classes, columns predicted ones."""
        table = np.zeros((len(self.classes), len(self.classes)), int)
        np.add.at(table, (self.truth, self.predicted), 1)
        return table

    def worst(self, count: int = 5) -> list[int]:
        """Return the places of the wrong predictions with the largest losses, worst first."""
        order = np.argsort(-self.losses, kind="stable")
        return [int(place) for place in order if not self.correct[place]][:count]

    def metrics(self) -> dict[str, Any]:
        """Return figures for a file: accuracy, macro F1, loss, confusion, and precision, recall, F1 of each class."""
        from sklearn.metrics import precision_recall_fscore_support

        numbers = range(len(self.classes))
        figures = precision_recall_fscore_support(self.truth, self.predicted, labels=numbers, zero_division=0)
        rows = [
            {"class": name, "precision": float(p), "recall": float(r), "f1": float(f), "texts": int(n)}
            for name, p, r, f, n in zip(self.classes, *figures, strict=True)
        ]
        return {
            "texts": len(self.truth),
            "accuracy": self.accuracy,
            "macro_f1": float(np.mean([row["f1"] for row in rows])),
            "loss": self.loss,
            "confusion": self.confusion.tolist(),
            "classes": rows,
        }
