"""The reader's own file: one CSV, TSV or JSON Lines file, or a folder with one for each split."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from utils.corpora.corpus import Corpus, CorpusError
from utils.corpora.labels import dropped_rows, number_labels
from utils.corpora.tables import SUFFIXES, Table, read_table, table_suffix

TEXT_COLUMNS = ("text", "review", "sentence")  # looked for in this order
LABEL_COLUMNS = ("label",)
UNSPLIT = "all"


def read_corpus(
    path: Path,
    *,
    text: str | None = None,
    label: str | None = None,
    encoding: str | None = None,
    quotes: bool = True,
    classes: Sequence[str] | None = None,
    split: str = UNSPLIT,
) -> Corpus:
    """Read one file of labelled texts.

    Args:
        path: .csv, .tsv or .jsonl, compressed or not.
        text: name of the column of texts; "text", "review" or "sentence" where omitted.
        label: name of the column of labels; "label" where omitted.
        encoding: UTF-8 where omitted.
        quotes: whether double quotes enclose fields, in CSV and TSV.
        classes: names of the classes in the order of their labels; found in the file where omitted.
        split: what the corpus calls its split.

    Returns:
        The corpus, in the order of the file. Rows without text are dropped and counted in `warnings`.

    Raises:
        CorpusError: names the file, the line and the remedy.
    """
    table = read_table(path, encoding, quotes)
    text_name = find_column(table, text, TEXT_COLUMNS, "text")
    label_name = find_column(table, label, LABEL_COLUMNS, "label")
    if text_name == label_name:
        raise CorpusError(f"{path}: expected two columns, of texts and of labels; received {text_name!r} for both")
    kept, warnings = _with_text(table, text_name)
    labelling = number_labels(path, kept.column(label_name), kept.lines, classes)
    others = [name for name in table.columns if name not in (text_name, label_name)]
    return Corpus(
        kept.column(text_name),
        labelling.labels,
        labelling.classes,
        {name: as_array(kept.column(name)) for name in others},
        name=path.name,
        split=split,
        source=str(path),
        warnings=warnings + labelling.warnings,
    )


def find_file(folder: Path, split: str) -> Path:
    """Return the file of a split in a folder: train.csv, test.jsonl.gz, ...

    Raises:
        CorpusError: there is none, or more than one.
    """
    tables = sorted(path for path in folder.iterdir() if path.is_file() and table_suffix(path))
    found = [path for path in tables if path.name.partition(".")[0] == split]
    if len(found) == 1:
        return found[0]
    there = ", ".join(path.name for path in found or tables) or f"no file that ends in {', '.join(SUFFIXES)}"
    raise CorpusError(
        f"{folder}: expected one file for the split {split!r}, such as {split}.csv; found {there}; "
        "give the path of the file itself, or another split"
    )


def find_column(table: Table, asked: str | None, usual: Sequence[str], argument: str) -> str:
    """Return the name of a column, as the file spells it: the one asked for, or the first of the usual ones.

    Raises:
        CorpusError: there is no such column; the message lists those that there are.
    """
    spelled = {name.casefold(): name for name in reversed(table.columns)}
    if asked in table.columns:
        return asked
    for name in (asked,) if asked is not None else usual:
        if name.casefold() in spelled:
            return spelled[name.casefold()]
    expected = repr(asked) if asked is not None else " or ".join(repr(name) for name in usual)
    columns = ", ".join(repr(name[:40]) for name in table.columns)
    raise CorpusError(
        f"{table.path}: no column {expected}; found {columns}; pass {argument}='...' with one of these names. "
        "The first row must name the columns"
    )


def as_array(values: Sequence[Any]) -> np.ndarray:
    """Return a column (N,): int64 where every value is a whole number, as a number or in digits; else objects.

    Example:
        >>> as_array(["3", "-1"]), as_array(["3", ""])
        (array([ 3, -1]), array(['3', ''], dtype=object))
    """
    if all(_is_whole(value) for value in values):
        return np.array([int(value) for value in values], dtype=np.int64)
    return np.fromiter(values, dtype=object, count=len(values))  # np.array would unpack lists


def _is_whole(value: Any) -> bool:
    """Return whether a value is a whole number that int64 holds and that its digits spell out ("007" is a code)."""
    if isinstance(value, str):
        digits = value.removeprefix("-")
        return digits.isascii() and digits.isdigit() and len(digits) <= 18 and str(int(value)) == value
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _with_text(table: Table, name: str) -> tuple[Table, tuple[str, ...]]:
    """Return the rows that have a text, and a sentence that counts the others."""
    texts, kept, dropped = table.column(name), [], []
    for at, (line, text) in enumerate(zip(table.lines, texts, strict=True)):
        if text is not None and not isinstance(text, str):
            kind = type(text).__name__
            raise CorpusError(f"{table.path}, line {line}: expected {name!r} to be a string; found a {kind}")
        (kept if text and text.strip() else dropped).append(at)
    if not kept:
        raise CorpusError(f"{table.path}: the column {name!r} is empty in all {len(texts):,} rows; name another one")
    rows, lines = [table.rows[at] for at in kept], [table.lines[at] for at in kept]
    warnings = dropped_rows(table.path, [table.lines[at] for at in dropped])
    return table._replace(rows=rows, lines=lines), warnings
