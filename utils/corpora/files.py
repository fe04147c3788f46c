"""The reader's own file: one CSV, TSV or JSON Lines file, or a folder with one for each split."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from utils.corpora.corpus import Corpus, CorpusError
from utils.corpora.labels import NUMBER, dropped_rows, number_labels
from utils.corpora.tables import SUFFIXES, Table, read_table, table_suffix

TEXT_COLUMNS = ("text", "review", "sentence")  # looked for in this order
LABEL_COLUMNS = ("label",)
UNSPLIT = "all"
END_OF_SENTENCE = (".", "!", "?", "…", "。", "！", "？")


def read_corpus(
    path: Path,
    *,
    text: str | None = None,
    label: str | None = None,
    encoding: str | None = None,
    quotes: bool = True,
    columns: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    split: str = UNSPLIT,
) -> Corpus:
    """Read one file of labelled texts: .csv, .tsv or .jsonl, compressed or not, with the options of `corpora.load`.

    The corpus is in the order of the file and calls its split as `split` says. Rows without text are dropped and
    counted in `warnings`. A CorpusError names the file, the line and the remedy.
    """
    table = read_table(path, encoding, quotes, columns)
    text_name = find_column(table, text, TEXT_COLUMNS, "text")
    label_name = find_column(table, label, LABEL_COLUMNS, "label")
    if text_name == label_name:
        raise CorpusError(f"{path}: expected two columns, of texts and of labels; received {text_name!r} for both")
    doubts = () if columns is not None else _doubts_about_header(table, text_name, label_name)
    rows, warnings = _with_text(table, text_name)
    labelling = number_labels(path, rows.column(label_name), rows.lines, classes)
    others = [name for name in table.columns if name not in (text_name, label_name)]
    return Corpus(
        rows.column(text_name),
        labelling.labels,
        labelling.classes,
        {name: as_array(rows.column(name)) for name in others},
        name=path.name,
        split=split,
        source=str(path),
        warnings=doubts + warnings + labelling.warnings,
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


def find_column(table: Table, name: str | None, defaults: Sequence[str], argument: str, labelled: bool = True) -> str:
    """Return the name of a column, as the file spells it: the one named, or the first of the defaults.

    Args:
        table: whose columns are looked through.
        name: what the reader says; None for nothing.
        defaults: names to look for where the reader names none.
        argument: how the reader names it, for messages.
        labelled: whether the file has a column of labels, as far as messages show how to name all columns.

    Raises:
        CorpusError: there is no such column; the message lists those that there are.
    """
    if name in table.columns:
        return name
    candidates = defaults if name is None else (name,)
    spelled = {column.casefold(): column for column in reversed(table.columns)}
    for candidate in candidates:
        if candidate.casefold() in spelled:
            return spelled[candidate.casefold()]
    expected = " or ".join(map(repr, candidates))
    columns = ", ".join(map(_quoted, table.columns))
    remedy = f"found {columns}; pass {argument}='...' with one of these names"
    if table_suffix(table.path) == ".jsonl" or len(table.columns) <= labelled:
        raise CorpusError(f"{table.path}: no column {expected}; {remedy}")
    bare = f"if the file has no header, pass {_own_names(table, labelled)}"
    if name is None and _looks_like_row(table):
        raise CorpusError(f"{table.path}: line 1 looks like a row, not like names of columns: {columns}; {bare}")
    raise CorpusError(f"{table.path}: no column {expected}; {remedy}, or, {bare}")


def doubt_about_texts(table: Table, name: str) -> str:
    """Return a sentence where the first row may be a text though it was named as a column; "" where all is well."""
    if name.casefold() in TEXT_COLUMNS or table_suffix(table.path) == ".jsonl" or not _looks_like_row(table):
        return ""
    return (
        f"{table.path}: line 1, {_quoted(name)}, is taken for names of columns and not read as a text; if the file has "
        f"no header, pass {_own_names(table, labelled=False)}"
    )


def _quoted(name: str) -> str:
    """Return a name in quotes, or its beginning."""
    return repr(name) if len(name) <= 60 else f"{name[:60]!r}…"


def _own_names(table: Table, labelled: bool = True) -> str:
    """Return the argument that names the columns of a file without a header, by what they seem to hold."""
    values = [[name, *map(str, table.column(name))] for name in table.columns]
    text = max(range(len(values)), key=lambda at: sum(map(len, values[at])))
    others = [at for at in range(len(values)) if at != text]
    known = {text: "text"}
    if labelled:
        known[min(others, key=lambda at: (len(set(values[at])), sum(map(len, values[at]))))] = "label"
    return f"columns={tuple(known.get(at, f'column{at + 1}') for at in range(len(values)))}"


def _looks_like_row(table: Table) -> bool:
    """Return whether the first row holds a sentence, or a value that its column holds again."""
    sentences = [len(name.split()) > 4 or len(name) > 40 or name.endswith(END_OF_SENTENCE) for name in table.columns]
    return any(sentences) or any(_values_in_header(table))


def _values_in_header(table: Table) -> list[bool]:
    """Return for each column whether its name is a value of the column, or a number above numbers."""
    if table.columns == tuple(map(str, range(len(table.columns)))):
        return [False] * len(table.columns)  # as pandas numbers the columns of a table without names
    found = []
    for name in table.columns:
        values = [str(value).strip() for value in table.column(name)]
        numbers = NUMBER.fullmatch(name) and all(map(NUMBER.fullmatch, filter(None, values)))
        found.append(bool(name and (name in values or numbers)))
    return found


def _doubts_about_header(table: Table, text_name: str, label_name: str) -> tuple[str, ...]:
    """Refuse a first row that is a row, though its fields were named as columns; doubt one that may be.

    Raises:
        CorpusError: the name of the labels is a label, and that of the texts looks like a text.
    """
    usual = {*TEXT_COLUMNS, *LABEL_COLUMNS} & {text_name.casefold(), label_name.casefold()}
    if usual or table_suffix(table.path) == ".jsonl":
        return ()
    if not _values_in_header(table)[table.columns.index(label_name)]:
        return ()
    problem = f"line 1 names the column of labels {label_name!r}, which is a label of the rows below"
    remedy = f"if the file has no header, pass {_own_names(table)}"
    if NUMBER.fullmatch(label_name) or not text_name.isidentifier():
        raise CorpusError(f"{table.path}: {problem}; {remedy}, else give that column another name")
    return (f"{table.path}: {problem}; {remedy}",)


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
    texts, with_text, without = table.column(name), [], []
    for at, (line, text) in enumerate(zip(table.lines, texts, strict=True)):
        if text is not None and not isinstance(text, str):
            kind = type(text).__name__
            raise CorpusError(f"{table.path}, line {line}: expected {name!r} to be a string; found a {kind}")
        (with_text if text and text.strip() else without).append(at)
    if not with_text:
        raise CorpusError(f"{table.path}: the column {name!r} is empty in all {len(texts):,} rows; name another one")
    rows, lines = [table.rows[at] for at in with_text], [table.lines[at] for at in with_text]
    warnings = dropped_rows(table.path, [table.lines[at] for at in without])
    return table._replace(rows=rows, lines=lines), warnings
