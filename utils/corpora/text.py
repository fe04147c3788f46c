"""From the bytes of a file to its text: compressed or not, in UTF-8 unless another encoding is named."""

import codecs
import gzip
import zlib
from pathlib import Path

from utils.corpora.corpus import CorpusError

MARKS = {  # what some editors write before the first character
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark its own begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_text(path: Path, encoding: str | None = None) -> str:
    """Return the text of a file, without a byte-order mark; a name that ends in .gz says that it is compressed.

    Args:
        path: the file.
        encoding: one of Python's names, for instance "cp1252"; UTF-8 where omitted.

    Raises:
        CorpusError: the file cannot be read or unpacked, is empty, or holds bytes that the encoding does not know.
    """
    data = read_bytes(path)
    marked = next((name for mark, name in MARKS.items() if data.startswith(mark)), None)
    _check_encoding(path, encoding, marked)
    try:
        text = data.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        raise CorpusError(_undecodable(path, data, error)) from error
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise CorpusError(f"{path}: the file is empty; expected rows of text and label")
    if "\0" in text:
        line = line_number(text[: text.index("\0")])
        raise CorpusError(
            f"{path}, line {line}: a zero byte, so this is no plain text in {encoding or 'UTF-8'}; name its encoding, "
            "for instance encoding='utf-16', or save it as UTF-8"
        )
    return text


def read_bytes(path: Path) -> bytes:
    """Return what a file holds, unpacked where its name ends in .gz.

    Raises:
        CorpusError: it cannot be read, or is not a whole gzip file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read: {error.strerror or error}") from error
    if path.suffix.lower() != ".gz":
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise CorpusError(f"{path}: not a whole gzip file ({error}); fetch or compress it again") from error


def line_number(before: str) -> int:
    """Return the number of the line, as editors count, that follows this text.

    Example:
        >>> line_number(""), line_number("one" + chr(13) + chr(10) + "two")
        (1, 2)
    """
    return before.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1


def _check_encoding(path: Path, encoding: str | None, marked: str | None) -> None:
    """Refuse an encoding that Python does not have, or that the file's own mark contradicts."""
    try:
        chosen = codecs.lookup(encoding or "utf-8").name
        "".encode(chosen)
    except LookupError as error:
        raise CorpusError(f"expected a text encoding, such as 'utf-8' or 'cp1252'; received {encoding!r}") from error
    if marked and not chosen.startswith(marked):
        raise CorpusError(
            f"{path}: the file begins with the mark of {marked.upper()}, but was read as {chosen}; "
            + ("leave encoding out" if marked == "utf-8" else f"pass encoding='{marked}'")
        )


def _undecodable(path: Path, data: bytes, error: UnicodeDecodeError) -> str:
    """Say on which line the first byte stands that the encoding does not know, and what to do."""
    line = line_number(data[: error.start].decode(error.encoding, errors="replace"))
    return (
        f"{path}, line {line}: byte 0x{data[error.start]:02x} is not {error.encoding}; "
        "name the encoding that the file was written in, "
        "for instance encoding='cp1252' (Windows, Western Europe), or save the file as UTF-8"
    )
