"""From the bytes of a file to its text: compressed or not, in UTF-8 unless another encoding is named."""

import codecs
import gzip
import zlib
from pathlib import Path

from utils.corpora.corpus import CorpusError
from utils.corpora.recognise import decode, is_misread, recognise_encoding, recognise_format

GZIP = b"\x1f\x8b"
MARKS = {  # what some editors write before the first character, and the encodings that agree with it
    codecs.BOM_UTF8: ("utf-8", "utf-8-sig"),
    codecs.BOM_UTF32_LE: ("utf-32", "utf-32-le"),  # before UTF-16, whose mark its own begins with
    codecs.BOM_UTF32_BE: ("utf-32", "utf-32-be"),
    codecs.BOM_UTF16_LE: ("utf-16", "utf-16-le"),
    codecs.BOM_UTF16_BE: ("utf-16", "utf-16-be"),
    b"\x84\x31\x95\x33": ("gb18030",),
}
SHOWN = 40  # characters of a line that a message quotes


def read_text(path: Path, encoding: str | None = None) -> str:
    """Return the text of a file, without a byte-order mark; a name that ends in .gz says that it is compressed.

    Args:
        path: the file.
        encoding: one of Python's names, for instance "cp1252"; UTF-8 where omitted.

    Raises:
        CorpusError: the file cannot be read or unpacked, is empty, or holds bytes that the encoding does not know.
    """
    data = read_bytes(path)
    chosen = codec_name(encoding)
    marked = encodings_of_mark(data)
    if marked and chosen not in marked:
        raise CorpusError(f"{path}: the file {mark_contradicts(marked, chosen)}")
    try:
        text = data.decode(encoding or "utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise CorpusError(_undecodable(path, data, error)) from error
    if not text.strip():
        raise CorpusError(f"{path}: the file is empty; expected rows of text and label")
    if "\0" in text:
        line = line_number(text[: text.index("\0")])
        what = f"a zero byte, so this is no plain text in {chosen.upper()}"
        raise CorpusError(f"{path}, line {line}: {what}; {encoding_advice(data)}")
    if not marked and is_misread(data, chosen):
        line = _first_foreign_line(text)
        wrong = _quoted_line(text, line)
        raise CorpusError(f"{path}, line {line}: read as {chosen} it begins {wrong!r}; {encoding_advice(data)}")
    return text


def read_bytes(path: Path) -> bytes:
    """Return what a file holds, unpacked where it is compressed with gzip, or where its name ends in .gz.

    Raises:
        CorpusError: it cannot be read, is not a whole gzip file, or is another kind of file than text.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        if data.startswith(GZIP) or (path.suffix.lower() == ".gz" and not recognise_format(data)):
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise CorpusError(f"{path}: not a whole gzip file ({error}); fetch or compress it again") from error
    if kind := recognise_format(data):
        kind = kind.replace("with gzip:", "with gzip once more:")  # it has been unpacked once
        raise CorpusError(f"{path}: this is {kind}")
    return data


def line_number(before: str) -> int:
    """Return the number of the line, as editors count, that follows this text.

    Example:
        >>> line_number(""), line_number("one" + chr(13) + chr(10) + "two")
        (1, 2)
    """
    return before.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1


def encodings_of_mark(data: bytes) -> tuple[str, ...]:
    """Return the encodings that agree with the mark at the beginning of some bytes; none where there is no mark."""
    return next((names for mark, names in MARKS.items() if data.startswith(mark)), ())


def mark_contradicts(marked: tuple[str, ...], chosen: str) -> str:
    """Say that bytes begin with the mark of another encoding than the chosen one, and what to do."""
    remedy = "leave encoding out" if marked[0] == "utf-8" else f"pass encoding='{marked[0]}'"
    return f"begins with the mark of {marked[0].upper()}, but was read as {chosen}; {remedy}"


def codec_name(encoding: str | None) -> str:
    """Return Python's name of a text encoding, or refuse one that Python does not have."""
    try:
        chosen = codecs.lookup(encoding or "utf-8").name
        "".encode(chosen)
    except LookupError as error:
        raise CorpusError(f"expected a text encoding, such as 'utf-8' or 'cp1252'; received {encoding!r}") from error
    return chosen


def _undecodable(path: Path, data: bytes, error: UnicodeDecodeError) -> str:
    """Say on which line the first byte stands that the encoding does not know, and what to do."""
    before = data[: error.start].decode(error.encoding, errors="replace")
    damaged = data.decode("utf-8", errors="replace")
    share = damaged.count("\ufffd") / max(1, sum(one > "\x7f" for one in damaged))
    where = f"{path}, line {line_number(before)}: byte 0x{data[error.start]:02x} is not {error.encoding}"
    if error.encoding == "utf-8" and share < 0.02:
        return f"{where}, but nearly all else in the file is; correct that line, or save the file as UTF-8 again"
    return f"{where}; {encoding_advice(data)}"


def encoding_advice(data: bytes, before: int = 0, what: str = "file") -> str:
    """Name the encoding that the bytes look like, with a line read in it for the reader to judge.

    Args:
        data: a whole file, or whole lines of it.
        before: how many lines stand before these.
        what: to save as UTF-8 otherwise.
    """
    encoding, name = recognise_encoding(data)
    if not encoding:
        return (
            f"its encoding cannot be told from its bytes: save the {what} as UTF-8 in the program that wrote it, or "
            "name the encoding that this program wrote"
        )
    text = decode(data, encoding) or ""
    line = _first_foreign_line(text)
    shown = f"it looks like {name}, in which line {before + line} begins {_quoted_line(text, line)!r}"
    if encoding == "utf-8":
        return f"{shown}: leave encoding out"
    return f"{shown}: if that is right, pass encoding='{encoding}', else save the {what} as UTF-8"


def _first_foreign_line(text: str) -> int:
    """Return the number of the first line with a character beyond ASCII, 1 where there is none."""
    return line_number(text[: next((at for at, one in enumerate(text) if one > "\x7f"), 0)])


def _quoted_line(text: str, line: int) -> str:
    """Return the beginning of a line, as `line_number` counts them."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[line - 1][:SHOWN]
