"""Labels as class numbers and back, and the texts that carry them, checked."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def check_texts(texts: Sequence[str]) -> list[str]:
    """Return the texts as a list.

    Raises:
        TypeError: it is one string, or one of its elements is no string.
    """
    if isinstance(texts, str):
        raise TypeError("expected a list of texts; received one string: put it into a list")
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"expected text {place} to be a string; received {text!r} of type {type(text).__name__}")
    return [str(text) for text in texts]


def check_pairs(texts: Sequence[str], labels: Sequence[Any]) -> None:
    """Raise ValueError unless there are as many labels as texts, and at least one."""
    if len(texts) != len(labels) or not len(texts):
        told = f"{len(labels)} labels, {len(texts)} texts"
        raise ValueError(f"expected as many labels as texts, at least one; received {told}")


def number_classes(labels: Sequence[Any], classes: Sequence[Any] | None = None) -> tuple[np.ndarray, list[Any]]:
    """Turn labels into class numbers.

    Args:
        labels: N labels. Without `classes`: words, or whole numbers, each its own class. With `classes`: numbers from
            0 to C - 1 that count them, or the classes themselves.
        classes: names of the C classes, in order; those that occur in labels, sorted, if None.

    Returns:
        (numbers, classes): int array (N,) and the list of C classes.

    Raises:
        TypeError: labels are neither all words nor all whole numbers.
        ValueError: fewer than two classes, one class twice, or a label that is none of them.

    Example:
        >>> number_classes(["good", "bad", "good"])
        (array([1, 0, 1]), ['bad', 'good'])
        >>> number_classes([1, 0], classes=["bad", "good"])
        (array([1, 0]), ['bad', 'good'])
    """
    plain = _plain_labels(labels)
    known = sorted(set(plain)) if classes is None else [_plain(name) for name in classes]
    if len(known) < 2 or len(set(known)) < len(known):
        raise ValueError(f"expected at least two different classes; received {known}")
    counted = classes is not None and all(isinstance(label, int) for label in plain)
    places = {name: place for place, name in enumerate(known)}
    if counted and not all(isinstance(name, int) for name in known):
        places = {place: place for place in range(len(known))}
    if strange := sorted({label for label in plain if label not in places}, key=str):
        raise ValueError(f"expected labels among {list(places)[:20]}; received {strange[:5]}")
    return np.array([places[label] for label in plain], dtype=int), known


def _plain_labels(labels: Sequence[Any]) -> list[Any]:
    plain = [_plain(label) for label in labels]
    kinds = {type(label) for label in plain}
    if len(kinds) > 1:
        raise TypeError(f"expected labels all of one kind; received {sorted(kind.__name__ for kind in kinds)}")
    return plain


def _plain(label: Any) -> Any:
    """Return a word or a whole number as Python's own, refusing all else."""
    if isinstance(label, np.generic):
        label = label.item()
    if isinstance(label, str):
        return str(label)
    if isinstance(label, int) and not isinstance(label, bool):
        return int(label)
    raise TypeError(f"expected labels to be words or whole numbers; received {label!r} of type {type(label).__name__}")
