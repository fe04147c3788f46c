"""What the bytes of a file look like: another kind of file than text, or text in a certain encoding."""

import codecs
import functools
import itertools
from collections.abc import Callable
from typing import NamedTuple

# How files begin that are no plain text, what they are, and what to do with them.
SIGNATURES = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel file (or another of old Microsoft Office): export it as CSV"),
    (b"%PDF-", "a PDF file: export the table behind it as CSV"),
    (b"\x1f\x8b", "compressed with gzip: unpack it"),
    (b"BZh91AY&SY", "compressed with bzip2: unpack it first, or compress it with gzip"),
    (b"\xfd7zXZ\x00", "compressed with xz: unpack it first, or compress it with gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first, or compress it with gzip"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive: unpack it first"),
    (b"SQLite format 3\x00", "an SQLite database: export the table as CSV"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file: export the table as CSV"),
    (b"ARROW1\x00\x00", "an Arrow file: write it with pandas as CSV, or as JSON Lines"),
)
ZIPPED = (  # names within a zip archive that say what it is
    (b"xl/workbook", "an Excel file: export it as CSV"),
    (b"opendocument.spreadsheet", "a LibreOffice spreadsheet: export it as CSV"),
    (b"word/document", "a Word file: export its table as CSV"),
    (b"Index/Document.iwa", "an Apple iWork file: export it as CSV"),
)
MARKUP = ((b"<!doctype html", "a web page"), (b"<html", "a web page"), (b"<?xml", "an XML file"))


def recognise_format(data: bytes) -> str:
    """Say what a file is that is not plain text, with the remedy; "" for what may be text.

    Example:
        >>> recognise_format(b"%PDF-1.7 ..."), recognise_format(b"text,label")
        ('a PDF file: export the table behind it as CSV', '')
    """
    if data.startswith(b"PK\x03\x04"):
        found = next((words for name, words in ZIPPED if name in data), None)
        return found or "a zip archive: unpack it first"
    if data.startswith(b"PAR1") and data.endswith(b"PAR1") and len(data) > 4:
        return "a Parquet file: write it with pandas as CSV, or as JSON Lines"
    start = data.removeprefix(codecs.BOM_UTF8)[:200].lstrip().lower()
    if page := next((words for mark, words in MARKUP if start.startswith(mark)), None):
        return f"{page}: download or export the table itself, as CSV"
    return next((words for mark, words in SIGNATURES if data.startswith(mark)), "")


class Script(NamedTuple):
    """An encoding and the texts that are written in it.

    Attributes:
        encoding: Python's name of it.
        name: what is written in it.
        expected: returns the characters beyond ASCII that such texts consist of.
        needed: groups of those without which no such text is written, each with the least share that it has.
        letters: least and largest share of letters beyond ASCII among all letters.
    """

    encoding: str
    name: str
    expected: Callable[[], frozenset[str]]
    needed: tuple[tuple[str, float], ...] = ()
    letters: tuple[float, float] = (0.0, 1.0)


def _rows(encoding: str, first: int, last: int) -> frozenset[str]:
    """Return the characters of a two-byte encoding whose first byte lies from `first` to `last`."""
    pairs = itertools.product(range(first, last + 1), range(0x40, 0xFF))
    return frozenset("".join(bytes(pair).decode(encoding, "ignore") for pair in pairs))


def _alphabet(letters: str) -> Callable[[], frozenset[str]]:
    return lambda: frozenset(letters + letters.upper() + PUNCTUATION)


KANA = "".join(map(chr, range(0x3041, 0x3100)))
FULL_WIDTH = "".join(map(chr, [*range(0x3000, 0x3020), *range(0xFF01, 0xFF61)]))
PUNCTUATION = "“”‘’„«»–—…•·°№€£§©®™¿¡ª\xa0"
WESTERN = "àâäáãåæçèéêëìíîïñòóôöõøœùúûüÿß"
CENTRAL = "ąćęłńóśźżáéíýčďěňřšťůúžĺľŕôäöüőűăâîşţđßç"
RUSSIAN = "абвгдежзийклмнопрстуфхцчшщъыьэюяё"
COMMON_RUSSIAN = (("оаи", 0.18), ("ьыюя", 0.02))  # Greek and Hebrew, read as Russian, lack the one or the other
# The frequent characters: of Chinese, Korean and Japanese the first levels of their standards. Letters that Western
# texts hardly use (ž, š, ð, þ, ý, ¹, ³) are no part of theirs: Czech, Polish and Turkish read as cp1252 are full of
# them. Where two encodings fit equally well, the first is named.
SCRIPTS = (
    Script("cp1252", "Windows, Western European", _alphabet(WESTERN), letters=(0.0, 0.5)),
    Script("mac_roman", "Macintosh, Western European", _alphabet(WESTERN), letters=(0.0, 0.5)),
    Script("cp850", "MS-DOS, Western European", _alphabet(WESTERN), letters=(0.0, 0.5)),
    Script("cp1250", "Windows, Central European", _alphabet(CENTRAL), (("łąśżřěšžů", 0.1),), letters=(0.0, 0.5)),
    Script("cp1251", "Windows, Cyrillic", _alphabet(RUSSIAN), COMMON_RUSSIAN, letters=(0.4, 1.0)),
    Script("koi8_r", "KOI8-R, Cyrillic", _alphabet(RUSSIAN), COMMON_RUSSIAN, letters=(0.4, 1.0)),
    Script("euc_jp", "EUC-JP, Japanese", lambda: _rows("euc_jp", 0xB0, 0xCF) | {*KANA, *FULL_WIDTH}, ((KANA, 0.1),)),
    Script("cp932", "Shift-JIS, Japanese", lambda: _rows("cp932", 0x88, 0x97) | {*KANA, *FULL_WIDTH}, ((KANA, 0.1),)),
    Script(
        "cp949",
        "Korean",
        lambda: _rows("euc_kr", 0xB0, 0xC8) | _rows("euc_kr", 0xA1, 0xA3),
        (("이다의는가을에은고한지도", 0.1),),
    ),
    Script("gb18030", "GB18030, Chinese", lambda: _rows("gb2312", 0xB0, 0xD7) | _rows("gb2312", 0xA1, 0xA3)),
    Script("big5", "Big5, Chinese", lambda: _rows("big5", 0xA1, 0xC6)),
)
MINIMUM_SHARE = 0.9
WESTERN_ENCODINGS = ("cp1252", "iso8859-1", "iso8859-15", "mac-roman", "cp850", "cp437")


@functools.cache
def _expected(script: Script) -> frozenset[str]:
    return script.expected()


def recognise_encoding(data: bytes) -> tuple[str, str]:
    """Name the encoding that bytes look like.

    Args:
        data: a whole file, without a byte-order mark.

    Returns:
        (Python's name of the encoding, what it is), for instance ("gb18030", "Chinese"); ("", "") where none is clear.

    Example:
        >>> recognise_encoding("déjà vu".encode("cp1252"))
        ('cp1252', 'Windows, Western European')
    """
    if b"\0" in data:
        return next(filter(None, (_wide(data, name) for name in _wide_candidates(data))), ("", ""))
    if decode(data, "utf-8") is not None:
        return "utf-8", "UTF-8"
    shares = {script: _share(_sample(data), script) for script in SCRIPTS}
    best = max(SCRIPTS, key=lambda script: shares[script])
    clear = shares[best] >= MINIMUM_SHARE and decode(data, best.encoding) is not None
    return (best.encoding, best.name) if clear else ("", "")


def _sample(data: bytes) -> bytes:
    """Return the first lines with bytes beyond ASCII, 100,000 bytes of them at most."""
    lines = b"\n".join(line for line in data.split(b"\n") if not line.isascii())
    return lines if len(lines) <= 100_000 else lines[:100_000].rpartition(b"\n")[0]


def decode(data: bytes, encoding: str) -> str | None:
    """Return the text of bytes, or None where they are not written in this encoding."""
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _wide_candidates(data: bytes) -> tuple[str, ...]:
    """Return the encodings of two or four bytes a character whose zero bytes would stand where those of the data do."""
    if data.startswith(b"\0\0\0") or data[1:4] == b"\0\0\0":
        return ("utf-32-be", "utf-32-le")
    even, odd = data[::2].count(0), data[1::2].count(0)
    return ("utf-16-be", "utf-16-le") if even > odd else ("utf-16-le", "utf-16-be")


def _wide(data: bytes, encoding: str) -> tuple[str, str] | None:
    """Return an encoding with its name if the bytes, read so, are characters that are printed."""
    text = decode(data, encoding)
    printed = text is not None and all(character.isprintable() or character.isspace() for character in set(text))
    return (encoding, encoding.upper().rpartition("-")[0]) if printed else None


def _share(data: bytes, script: Script) -> float:
    """Return which share of the characters beyond ASCII is frequent in such texts; 0 where it cannot be one."""
    text = decode(data, script.encoding) or ""
    foreign = [(before, one) for before, one in zip(" " + text, text, strict=False) if one > "\x7f"]
    if not foreign or any(
        sum(one in group for _, one in foreign) < least * len(foreign) for group, least in script.needed
    ):
        return 0.0
    least, most = script.letters
    if not least <= sum(one.isalpha() for _, one in foreign) / max(1, sum(map(str.isalpha, text))) <= most:
        return 0.0
    expected = _expected(script)
    fit = [one in expected and not (before.islower() and one.isupper()) for before, one in foreign]
    return sum(fit) / len(foreign)


def is_misread(data: bytes, encoding: str) -> bool:
    """Return whether bytes that can be read in a named encoding are clearly in another.

    UTF-8 is hardly ever met by chance. A Western encoding reads almost any bytes; it is doubted where most of the
    characters beyond ASCII are strange to Western texts and frequent in another language's.
    """
    chosen = codecs.lookup(encoding).name
    best, _ = recognise_encoding(data)
    if not best or codecs.lookup(best).name == chosen or chosen.startswith("utf-8"):
        return False
    if best == "utf-8":
        return not data.isascii() or chosen.startswith(("utf-16", "utf-32"))
    return chosen in WESTERN_ENCODINGS and _share(_sample(data), SCRIPTS[0]._replace(encoding=encoding)) < 0.75
