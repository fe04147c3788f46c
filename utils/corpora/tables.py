"""Read CSV, TSV and JSON Lines into rows that know the line on which they begin."""

import contextlib
import csv
import io
import itertools
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from utils.corpora.corpus import CorpusError
from utils.corpora.recognise import recognise_format
from utils.corpora.text import read_text

SUFFIXES = (".csv", ".tsv", ".jsonl")
DELIMITERS = (",", ";", "\t")  # the second where a comma separates decimals
SEPARATOR = re.compile(r"\"?sep=(.)\"?[,;\t]*(?:\r\n|\r|\n)")  # a first line that spreadsheets write and read
LONE_SURROGATE = re.compile("[\\ud800-\\udfff]")  # json.loads joins pairs
SAMPLE = 50  # rows by which the delimiter is told
HEADER = "as in the header"


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


def read_table(
    path: Path, encoding: str | None = None, quotes: bool = True, columns: Sequence[str] | None = None
) -> Table:
    """Read a file whose first row names the columns, or whose lines are JSON objects.

    Args:
        path: .csv (comma, semicolon or tab, whichever its rows use), .tsv or .jsonl; compressed with gzip or not.
        encoding: UTF-8 where omitted.
        quotes: whether double quotes enclose fields that hold delimiters, quotes or newlines.
        columns: names of the columns of a file without a header; its first row is then a row like the others.

    Returns:
        The table. Values of CSV and TSV are strings; those of JSON what JSON makes of them, None for missing keys.
        Columns without a name, as spreadsheets export them, are left out where they are empty and called "column 3"
        and so on where not.

    Raises:
        CorpusError: another kind of file, or a broken row; the message names the line.
    """
    suffix = table_suffix(path)
    if suffix is None:
        kind = recognise_format(path.read_bytes()) if path.is_file() else ""
        expected = f"expected a file that ends in {', '.join(SUFFIXES)} or one of these with .gz"
        raise CorpusError(f"{path}: this is {kind}" if kind else f"{path}: {expected}")
    text = read_text(path, encoding)
    if suffix == ".jsonl":
        if columns is not None:
            raise CorpusError(f"{path}: the keys of JSON Lines name the columns; leave columns out")
        table = _read_json_lines(path, text)
    else:
        table = _read_fields(path, text, suffix, quotes, columns)
    if not table.rows:
        raise CorpusError(f"{path}: no rows below the header {', '.join(table.columns)}")
    return table


def _read_fields(path: Path, text: str, suffix: str, quotes: bool, columns: Sequence[str] | None) -> Table:
    """Read CSV or TSV."""
    separator = SEPARATOR.match(text)
    text = text[separator.end() :] if separator else text
    delimiter = separator[1] if separator else _delimiter(path, text, suffix, quotes)
    records = _records(path, text, delimiter, quotes, above=int(bool(separator)))
    if columns is not None:
        table = _rectangle(path, list(columns), records, "as columns names them; name every column of the file")
        if table.rows and _folded(table.rows[0]) == _folded(columns):
            raise CorpusError(f"{path}: the first row names the columns already; leave columns out")
        return table
    line, header = next(records)
    header = [name.strip() for name in header]
    while len(header) > 1 and not header[-1]:
        header.pop()
    if repeated := sorted({name for name in header if name and header.count(name) > 1}):
        raise CorpusError(
            f"{path}, line {line}: expected a name of its own for each column; found again: {', '.join(repeated)}; "
            "name each, or pass columns=(...) with their names if the file has no header"
        )
    return _without_empty_columns(_rectangle(path, header, records))


def _folded(names: Sequence[str]) -> list[str]:
    return [name.strip().casefold() for name in names]


def _rectangle(path: Path, columns: list[str], records: Iterator[tuple[int, list[str]]], why: str = HEADER) -> Table:
    """Return records as rows of one width: empty fields after the last column, as spreadsheets write, are cut."""
    lines, rows = [], []
    for line, fields in records:
        if any(field.strip() for field in fields[len(columns) :]) or len(fields) < len(columns):
            expected = f"expected {len(columns)} fields ({', '.join(columns)}), {why}; found {len(fields)}"
            raise CorpusError(
                f"{path}, line {line}: {expected}; enclose a text that holds the delimiter in double quotes"
            )
        lines.append(line)
        rows.append(fields[: len(columns)])
    return Table(path, tuple(columns), lines, rows)


def _without_empty_columns(table: Table) -> Table:
    """Leave columns out that have neither name nor value; those without a name only are called by their place."""
    if all(table.columns):
        return table
    kept = [at for at, name in enumerate(table.columns) if name or any(row[at].strip() for row in table.rows)]
    names = tuple(table.columns[at] or f"column {at + 1}" for at in kept)
    return table._replace(columns=names, rows=[[row[at] for at in kept] for row in table.rows])


def _delimiter(path: Path, text: str, suffix: str, quotes: bool) -> str:
    """Return the delimiter that cuts the first rows into the most alike; of several, the commonest in the first."""
    first = re.search(r"[^\r\n]*\S[^\r\n]*", text)[0]
    found = [delimiter for delimiter in DELIMITERS if delimiter in first]
    if not found or (suffix == ".tsv" and "\t" in found):
        return "\t" if suffix == ".tsv" else ","
    return max(found, key=lambda delimiter: (_rows_alike(path, text, delimiter, quotes), first.count(delimiter)))


def _rows_alike(path: Path, text: str, delimiter: str, quotes: bool) -> int:
    """Return how many of the first rows have as many fields as the very first."""
    widths = []
    with contextlib.suppress(CorpusError):  # quotes that match with another delimiter only
        for _, fields in itertools.islice(_records(path, text, delimiter, quotes), SAMPLE):
            widths.append(len(fields))
    return widths.count(widths[0]) if widths and widths[0] > 1 else 0


def _records(path: Path, text: str, delimiter: str, quotes: bool, above: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Yield (line on which it begins, fields) of each record, with `above` lines before; blank lines are none."""
    quoting = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
    while True:
        line = above + reader.line_num + 1
        try:
            with _fields_of_any_length():
                fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            last = above + reader.line_num
            span = f"line {line}" if line == last else f"lines {line} to {last}"
            raise CorpusError(
                f"{path}, {span}: the double quotes of the row that begins on line {line} do not match ({error}); "
                "enclose the field in quotes and double those inside it, or pass quotes=False if the file encloses "
                "no field"
            ) from error
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
    if "\\u" in content and (half := LONE_SURROGATE.search(json.dumps(found, ensure_ascii=False))):
        what = f"\\u{ord(half[0]):04x} is half of a character (a lone surrogate)"
        raise CorpusError(f"{path}, line {line}: {what}; write the character itself, or both halves")
    if not isinstance(found, dict):
        remedy = 'write one object a line, such as {"text": "...", "label": "..."}'
        raise CorpusError(f"{path}, line {line}: expected a JSON object; found a {type(found).__name__}; {remedy}")
    return found
