"""Texts and labels as callers hand them over, checked, and labels as class numbers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np


def check_texts(texts: Iterable[str]) -> list[str]:
    """Return the texts as a list, reading a generator or an open file once.

    Raises:
        TypeError: it is a single string, bytes, a mapping or a table, or one of its elements is not a string.
        ValueError: a text holds half of a surrogate pair, which no encoding of text allows.
    """
    checked = []
    for place, text in enumerate(_listed("texts", texts)):
        if not isinstance(text, str):
            decode = ": decode it, for instance text.decode('utf-8')" if isinstance(text, bytes) else ""
            raise TypeError(
                f"expected text {place} to be a string; received {text!r:.80} of type {type(text).__name__}{decode}"
            )
        if surrogate := lone_surrogate(text):
            raise ValueError(
                f"expected text {place} to be valid Unicode; it holds {surrogate!r}, half of a surrogate pair: "
                "repair it, for instance with text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')"
            )
        checked.append(str(text))
    return checked


def lone_surrogate(text: str) -> str | None:
    r"""Return the first half of a surrogate pair that stands alone in a text, or None.

    Example:
        >>> lone_surrogate("fine"), lone_surrogate("broken \ud83d here")
        (None, '\ud83d')
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return text[error.start]
    return None


def _listed(name: str, values: Iterable[Any]) -> list[Any]:
    """Return values as a list, refusing what would be read as something else than its elements."""
    expected = f"expected {name} as a list or another iterable, one element a text"
    kind = type(values).__name__
    if isinstance(values, str):
        raise TypeError(f"{expected}; received one string: put it into a list")
    if isinstance(values, bytes | bytearray | memoryview):
        raise TypeError(f"{expected}; received {kind}: decode it, and put the string into a list")
    if isinstance(values, Mapping):
        raise TypeError(f"{expected}; received a mapping ({kind}), which yields its keys: pass list(mapping.values())")
    shape = getattr(values, "shape", None)
    if isinstance(shape, tuple) and len(shape) != 1:
        raise TypeError(
            f"{expected}; received a table ({kind}) of shape {shape}: pass one column of it, "
            "such as table['text'] or array[:, 0]"
        )
    try:
        return list(values)
    except TypeError:
        raise TypeError(f"{expected}; received {kind}") from None


def check_pairs(texts: Iterable[str], labels: Iterable[Any]) -> tuple[list[str], list[Any]]:
    """Return texts and labels as lists.

    Raises:
        TypeError: as `check_texts`, or labels are one string, bytes, a mapping or a table.
        ValueError: there are not as many labels as texts, or none.
    """
    texts, labels = check_texts(texts), _listed("labels", labels)
    if len(texts) != len(labels) or not texts:
        raise ValueError(
            f"expected as many labels as texts, at least one; received {len(labels)} labels, {len(texts)} texts"
        )
    return texts, labels


def number_classes(labels: Iterable[Any], classes: Sequence[Any] | None = None) -> tuple[np.ndarray, list[Any]]:
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
    plain = [_plain(label) for label in _listed("labels", labels)]
    kinds = {type(label).__name__ for label in plain}
    if len(kinds) > 1:
        raise TypeError(f"expected labels all of one kind; received {sorted(kinds)}")
    known = sorted(set(plain)) if classes is None else [_plain(name) for name in classes]
    if len(known) < 2 or len(set(known)) < len(known):
        raise ValueError(f"expected at least two different classes; received {known}")
    count_classes = classes is not None and all(isinstance(label, int) for label in plain)
    places = {name: place for place, name in enumerate(known)}
    if count_classes and not all(isinstance(name, int) for name in known):
        places = {place: place for place in range(len(known))}
    if strange := sorted({label for label in plain if label not in places}, key=str):
        raise ValueError(f"expected labels among {list(places)[:20]}; received {strange[:5]}")
    return np.array([places[label] for label in plain], dtype=int), known


def _plain(label: Any) -> Any:
    """Return a word or a whole number as Python's own, refusing all else."""
    if isinstance(label, np.generic):
        label = label.item()
    if isinstance(label, str):
        if surrogate := lone_surrogate(label):
            raise ValueError(f"expected labels of valid Unicode; {label!r} holds {surrogate!r}: correct it")
        return str(label)
    if isinstance(label, int) and not isinstance(label, bool):
        return int(label)
    raise TypeError(f"expected labels to be words or whole numbers; received {label!r} of type {type(label).__name__}")
