"""From the labels of a file, words or numbers, to 0, 1, 2, ... and the names of the classes."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from utils.corpora.corpus import CorpusError, enumerate_lines

NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]*)(\.[0-9]+)?")
DIGITS = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")  # also codes such as 0042, whose zeros mean something
FEW = 20  # up to so many rows, a class for each may be meant


class Labelling(NamedTuple):
    """Labels (N,) as int64, the classes that they number, and sentences on what looks wrong."""

    labels: np.ndarray
    classes: tuple[str, ...]
    warnings: tuple[str, ...]


def number_labels(
    path: Path, values: Sequence[Any], lines: Sequence[int], classes: Sequence[str] | None = None
) -> Labelling:
    """Number the labels of a file.

    Args:
        path: the file, for messages.
        values: one label for each row: strings, or what JSON holds.
        lines: the line on which each row begins.
        classes: the classes to number by, for instance those of a training corpus; found in the values where omitted.

    Returns:
        The labelling. Numbers are put in numerical order (and 1.0 is 1), words in alphabetical order.

    Raises:
        CorpusError: a label is missing, neither a word nor a number, or none of `classes`; words and numbers are mixed;
            there is only one class; each of many rows has a class of its own.
    """
    words = [_word(path, value, line) for value, line in zip(values, lines, strict=True)]
    if _are_numbers(path, words, lines):
        words = [_plain_number(word) for word in words]
        found = sorted(set(words), key=Decimal)
    else:
        found = sorted(set(words))
    if classes is None:
        _check_classes(path, found, len(words))
        classes = found
    numbers = {name: number for number, name in enumerate(classes)}
    for word, line in zip(words, lines, strict=True):
        if word not in numbers:
            known = ", ".join(classes)
            raise CorpusError(f"{path}, line {line}: the label {word!r} is none of the classes {known}; correct it")
    return Labelling(np.array([numbers[word] for word in words]), tuple(classes), _differ_in_case(path, words))


def _word(path: Path, value: Any, line: int) -> str:
    """Return a label as it would stand in a CSV file, without spaces around it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float) and value == value:  # a NaN differs from itself
        word = str(value).strip()
        if word:
            return word
    if value is None or isinstance(value, str | float):
        raise CorpusError(f"{path}, line {line}: the row has a text but no label; fill it in or remove the row")
    kind = type(value).__name__
    raise CorpusError(f"{path}, line {line}: expected a label to be a word or a number, one a text; found a {kind}")


def _plain_number(word: str) -> str:
    """Return a number without a plus sign and without zeros that change nothing: "1.0" is "1"."""
    return format((Decimal(word) + 0).normalize(), "f")


def _are_numbers(path: Path, words: Sequence[str], lines: Sequence[int]) -> bool:
    """Return whether the labels are numbers (else they are words), and refuse a mixture."""
    if all(NUMBER.fullmatch(word) for word in words):
        return True
    first: dict[bool, tuple[str, int]] = {}
    for word, line in zip(words, lines, strict=True):
        first.setdefault(bool(DIGITS.fullmatch(word)), (word, line))
    if len(first) == 2:
        (number, number_line), (word, word_line) = first[True], first[False]
        raise CorpusError(
            f"{path}: some labels are numbers and some are words: {number} on line {number_line}, "
            f"{word!r} on line {word_line}; write all of them one way"
        )
    return False


def _check_classes(path: Path, found: Sequence[str], rows: int) -> None:
    """Refuse a column that cannot be one of classes."""
    if len(found) < 2:
        raise CorpusError(
            f"{path}: all {rows:,} rows have the label {found[0]!r}; a classifier needs rows of two classes or more"
        )
    if len(found) == rows > FEW:
        raise CorpusError(
            f"{path}: {rows:,} rows with {rows:,} different labels, such as {found[0][:40]!r}; "
            "name the column of classes with label='...'"
        )


def _differ_in_case(path: Path, words: Sequence[str]) -> tuple[str, ...]:
    """Return a sentence for each class that is written in several ways."""
    spellings = defaultdict(Counter)
    for word in words:
        spellings[word.casefold()][word] += 1
    return tuple(
        f"{path}: labels that differ only in case count as different classes: "
        + ", ".join(f"{word!r} ({count:,} row{'s' * (count != 1)})" for word, count in sorted(counts.items()))
        for counts in spellings.values()
        if len(counts) > 1
    )


def dropped_rows(path: Path, lines: Sequence[int]) -> tuple[str, ...]:
    """Return the sentence that counts rows left out because their text is empty; nothing where there are none."""
    if not lines:
        return ()
    rows = "1 row whose text is" if len(lines) == 1 else f"{len(lines):,} rows whose texts are"
    return (f"{path}: dropped {rows} empty ({enumerate_lines(lines)})",)
