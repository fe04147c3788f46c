"""What a classifier's predictions are worth, on which texts it errs most, and which words decide."""

from collections.abc import Callable, Sequence
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
        return order[~self.correct[order]][:count].tolist()

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


def occlusion(
    predict_probability: Callable[[Sequence[str]], np.ndarray], text: str, mask: str | None = None
) -> list[tuple[str, float]]:
    """Measure how much each word carries: hide one word at a time, and see what the probability loses.

    Zeiler and Fergus (2014), arXiv:1311.2901, hide patches of an image; here a patch is a word between spaces.

    Args:
        predict_probability: maps N texts to probabilities, of shape (N,), or (N, C) where the class that is most
            probable for the whole text is followed.
        text: the text to explain.
        mask: what stands in a hidden word's place, for instance "[MASK]"; nothing if None.

    Returns:
        [(word, drop)] in the order of the text: the whole text's probability minus that without the word. Positive
        drops are of words that speak for the prediction, negative ones of words that speak against it.

    Raises:
        ValueError: the text has no word.

    Example:
        >>> def loud(texts):
        ...     return np.array([0.9 if "great" in text else 0.5 for text in texts])
        >>> [(word, round(drop, 2)) for word, drop in occlusion(loud, "a great film")]
        [('a', 0.0), ('great', 0.4), ('film', 0.0)]
    """
    words = text.split()
    if not words:
        raise ValueError("expected a text with at least one word; received none")
    hidden = [] if mask is None else [mask]
    variants = [" ".join(words[:place] + hidden + words[place + 1 :]) for place in range(len(words))]
    probability = np.asarray(predict_probability([" ".join(words), *variants]), dtype=float)
    if probability.ndim == 2:
        probability = probability[:, probability[0].argmax()]
    return list(zip(words, (probability[0] - probability[1:]).tolist(), strict=True))
