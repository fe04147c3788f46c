"""Read CSV, TSV and JSON Lines into rows that know the line on which they begin."""

import contextlib
import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from utils.corpora.corpus import CorpusError
from utils.corpora.text import read_text

SUFFIXES = (".csv", ".tsv", ".jsonl")
DELIMITERS = (",", ";", "\t")  # the second where a comma separates decimals


class Table(NamedTuple):
    """Rows of a file: `rows[i]` has one value for each of `columns` and begins on line `lines[i]`, counted from 1."""

    path: Path
    columns: tuple[str, ...]
    lines: list[int]
    rows: list[list[Any]]

    def column(self, name: str) -> list[Any]:
        """Return the values of one column, from the first row to the last."""
        at = self.columns.index(name)
        return [row[at] for row in self.rows]


def table_suffix(path: Path) -> str | None:
    """Return ".csv", ".tsv" or ".jsonl" for a file that `read_table` reads, compressed or not; None for others.

    Example:
        >>> table_suffix(Path("a/Reviews.CSV.gz")), table_suffix(Path("notes.txt"))
        ('.csv', None)
    """
    name = path.name.lower().removesuffix(".gz")
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), None)


def read_table(path: Path, encoding: str | None = None, quotes: bool = True) -> Table:
    """Read a file whose first row names the columns, or whose lines are JSON objects.

    Args:
        path: .csv (comma, semicolon or tab, whichever the header uses), .tsv or .jsonl; with .gz if compressed.
        encoding: UTF-8 where omitted.
        quotes: whether double quotes enclose fields that hold delimiters, quotes or newlines.

    Returns:
        The table. Values of CSV and TSV are strings; those of JSON what JSON makes of them, None for missing keys.

    Raises:
        CorpusError: another kind of file, or a broken row; the message names the line.
    """
    suffix = table_suffix(path)
    if suffix is None:
        raise CorpusError(f"{path}: expected a file that ends in {', '.join(SUFFIXES)} or one of these with .gz")
    text = read_text(path, encoding)
    table = _read_json_lines(path, text) if suffix == ".jsonl" else _read_fields(path, text, suffix, quotes)
    if not table.rows:
        raise CorpusError(f"{path}: no rows below the header {', '.join(table.columns)}")
    return table


def _read_fields(path: Path, text: str, suffix: str, quotes: bool) -> Table:
    """Read CSV or TSV."""
    delimiter = "\t" if suffix == ".tsv" else max(DELIMITERS, key=text.lstrip().splitlines()[0].count)
    records = _records(path, text, delimiter, quotes)
    line, header = next(records)
    columns = tuple(name.strip() for name in header)
    if repeated := sorted({name for name in columns if columns.count(name) > 1}):
        raise CorpusError(
            f"{path}, line {line}: expected a name of its own for each column; found again: {', '.join(repeated)}"
        )
    lines, rows = [], []
    for line, fields in records:
        if len(fields) != len(columns):
            raise CorpusError(_wrong_width(path, line, len(fields), columns))
        lines.append(line)
        rows.append(fields)
    return Table(path, columns, lines, rows)


def _records(path: Path, text: str, delimiter: str, quotes: bool) -> Iterator[tuple[int, list[str]]]:
    """Yield (line on which it begins, fields) of each record; blank lines are none."""
    quoting = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            with _fields_of_any_length():
                fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise CorpusError(_broken_quotes(path, line, reader.line_num, error)) from error
        if fields and not (len(fields) == 1 and not fields[0].strip()):
            yield line, fields


@contextlib.contextmanager
def _fields_of_any_length() -> Iterator[None]:
    """Lift the csv module's limit of 131,072 characters a field, for all of Python, while a record is read."""
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _broken_quotes(path: Path, first: int, last: int, error: csv.Error) -> str:
    """Say where the record began whose quotes do not match."""
    span = f"line {first}" if first == last else f"lines {first} to {last}"
    return (
        f"{path}, {span}: the double quotes of the row that begins on line {first} do not match ({error}); "
        "enclose the field in quotes and double those inside it, or pass quotes=False if the file encloses no field"
    )


def _wrong_width(path: Path, line: int, width: int, columns: Sequence[str]) -> str:
    """Say which row has more or fewer fields than the header."""
    return (
        f"{path}, line {line}: expected {len(columns)} fields ({', '.join(columns)}), as in the header; "
        f"found {width}; enclose a text that holds the delimiter in double quotes"
    )


def _read_json_lines(path: Path, text: str) -> Table:
    """Read JSON Lines; the columns are all keys, in the order in which they first appear."""
    lines, objects = [], []
    # Not splitlines(): JSON strings may hold U+2028 and other characters at which that would cut.
    for line, content in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if content.strip():
            lines.append(line)
            objects.append(_json_object(path, line, content))
    columns = tuple(dict.fromkeys(key for one in objects for key in one))
    return Table(path, columns, lines, [[one.get(key) for key in columns] for one in objects])


def _json_object(path: Path, line: int, content: str) -> dict[str, Any]:
    """Parse one line."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        what = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise CorpusError(f"{path}, line {line}: not JSON ({what}); each line must be one whole object") from error
    if not isinstance(found, dict):
        remedy = 'write one object a line, such as {"text": "...", "label": "..."}'
        raise CorpusError(f"{path}, line {line}: expected a JSON object; found a {type(found).__name__}; {remedy}")
    return found
