"""`python -m utils.finetuning predict`: one text a line in, one class a line out, as soon as a line is there."""

import argparse
import codecs
import json
import re
import sys
from collections.abc import Iterator
from typing import BinaryIO, TextIO

import numpy as np
from tqdm import tqdm

from utils.classification.base import BaseClassifier
from utils.classification.labels import lone_surrogate
from utils.corpora import CorpusError
from utils.corpora.recognise import WESTERN_ENCODINGS, is_misread, recognise_format
from utils.corpora.text import codec_name, encoding_advice, encodings_of_mark, mark_contradicts
from utils.finetuning.command.engines import load_classifier
from utils.finetuning.command.errors import InputError, InterruptedCommand, Interruptions, in_options, say, using
from utils.finetuning.command.options import PROGRAM
from utils.finetuning.command.report import count_unknown, counted, guesses_warning

CHUNK = 1 << 16  # bytes that are read at once, if so many are there
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # tabs, line ends and their like


def predict(options: argparse.Namespace, interruptions: Interruptions, out: TextIO) -> None:
    """Classify the lines of standard input with a classifier that `train` has kept.

    Args:
        options: as the parser returns them.
        interruptions: open.
        out: where the classes go.

    Raises:
        CommandError: with the exit status and a message.
    """
    if sys.stdin is None:
        raise InputError("standard input is closed; expected one text a line")
    encoding = checked_encoding(options.encoding)
    with using(f"--model {options.model}"):
        classifier = load_classifier(options.model, options.fingerprint)
    interruptions.check()
    if sys.stdin.isatty() and not options.quiet:
        say("type one text a line; Ctrl-D ends")
    count = empty = unknown = 0
    try:
        with tqdm(desc="predict", unit="line", disable=options.quiet or out.isatty()) as bar:
            for lines in read_lines(sys.stdin.buffer, encoding):
                _check_unicode(lines, count)
                _classify(classifier, lines, options.json, out)
                texts = [line for line in lines if line.strip()]
                count, empty = count + len(lines), empty + len(lines) - len(texts)
                unknown += count_unknown(classifier.tokenizer, texts)
                bar.update(len(lines))
    except KeyboardInterrupt:
        raise InterruptedCommand(f"interrupted: {counted(count, 'line')} classified") from None
    if not count:
        raise InputError(
            f"standard input is empty; expected one text a line, as in: echo 'a text' | {PROGRAM} predict ..."
        )
    if empty and not options.quiet:
        say(f"warning: {empty:,} of {counted(count, 'line')} without text")
    if unknown and not options.quiet:
        say(f"warning: {guesses_warning(unknown, count, 'line')}")


def _check_unicode(lines: list[str], before: int) -> None:
    """Refuse lines that cannot be written again: utf-7, for instance, can hold half of a surrogate pair."""
    for number, line in enumerate(lines, start=before + 1):
        if surrogate := lone_surrogate(line):
            raise InputError(f"standard input, line {number}: {surrogate!r} is half of a character: correct the text")


def checked_encoding(encoding: str | None) -> str:
    """Return Python's name of a text encoding, UTF-8 where none is named.

    Raises:
        InputError: Python has no text encoding of this name.
    """
    try:
        return codec_name(encoding)
    except CorpusError as error:
        raise InputError(f"expected --encoding such as utf-8 or cp1252; received {encoding!r}") from error


def read_lines(source: BinaryIO, encoding: str) -> Iterator[list[str]]:
    """Yield the lines that have come so far, without their ends, until the source ends.

    Args:
        source: of bytes; has `read1`, which waits for some bytes and returns what is there.
        encoding: from `checked_encoding`; a byte-order mark of UTF-8 is skipped.

    Raises:
        InputError: the source cannot be read, or holds bytes that are not in the encoding or clearly in another;
            lines before those have been yielded.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)()
    rest, began, number = "", b"", 1  # of the line whose end has not come yet: its text, its bytes, its number
    begun = False  # whether a line has ended
    while True:
        try:
            data = source.read1(CHUNK)
        except OSError as error:
            raise InputError(f"standard input cannot be read: {error.strerror}") from error
        text, problem = _decode(decoder, data)
        read, first = began + data, number
        if not begun:
            _refuse_mark(read, encoding)
        _refuse_zeros(read, rest + text, encoding, first)
        if encoding in WESTERN_ENCODINGS and is_misread(whole := _whole_lines(read) if data else read, encoding):
            raise InputError(_strange(whole, first, f"read as {encoding} it makes no sense"))
        *lines, rest = (rest + text).split("\n")
        number += len(lines)
        began = read[read.rfind(b"\n") + 1 :]
        begun = begun or len(began) < len(read)
        if lines and not (problem and recognise_format(read)):
            yield [line.removesuffix("\r") for line in lines]
        if problem:
            byte, wrong = problem.object[problem.start], problem.object[problem.start :]
            whole = _whole_lines(read) if b"\n" in wrong else read  # the last line may end amid a character
            raise InputError(_strange(whole, first, f"line {number}: byte 0x{byte:02x} is not {encoding}"))
        if not data:
            break
    if rest:
        yield [rest.removesuffix("\r")]


def _refuse_mark(read: bytes, encoding: str) -> None:
    """Raise InputError where the first bytes are the mark of another encoding."""
    marked = encodings_of_mark(read)
    if marked and encoding not in marked:
        raise InputError(in_options(f"standard input {mark_contradicts(marked, encoding)}"))


def _refuse_zeros(read: bytes, text: str, encoding: str, first: int) -> None:
    """Raise InputError where bytes that begin with a line of that number hold zeros: they are no text in it."""
    if "\0" in text:
        line = first + text[: text.index("\0")].count("\n")
        what = f"line {line}: a zero byte, so this is no plain text in {encoding.upper()}"
        raise InputError(_strange(read, first, what))


def _whole_lines(read: bytes) -> bytes:
    return read[: read.rfind(b"\n") + 1]


def _strange(read: bytes, first: int, what: str) -> str:
    """Say what is wrong with bytes that begin with a line of that number, and what they look like."""
    if kind := recognise_format(read):
        return f"standard input: this is {kind}"
    read = read[: len(read) // 4 * 4] if b"\0" in read else read  # of characters of two or four bytes
    return in_options(f"standard input, {what}; {encoding_advice(read, first - 1, 'text')}")


def _decode(decoder: codecs.IncrementalDecoder, data: bytes) -> tuple[str, UnicodeDecodeError | None]:
    """Return the text of some bytes, no bytes meaning the end, up to the first that is wrong."""
    waiting = len(decoder.getstate()[0])  # bytes of a character whose end has not come yet
    try:
        return decoder.decode(data, final=not data), None
    except UnicodeDecodeError as error:
        return decoder.decode(data[: max(0, error.start - waiting)]), error


def _classify(classifier: BaseClassifier, lines: list[str], as_json: bool, out: TextIO) -> None:
    """Write a line for each line."""
    probabilities = iter(classifier.predict_probability([line for line in lines if line.strip()]))
    for line in lines:
        row = next(probabilities) if line.strip() else None
        out.write((_object if as_json else _fields)(classifier.classes, line, row) + "\n")
    out.flush()


def _fields(classes: list[str], line: str, row: np.ndarray | None) -> str:
    """Return class, tab, probability."""
    return "" if row is None else f"{_one_field(str(classes[row.argmax()]))}\t{row.max():.4f}"


def _one_field(name: str) -> str:
    r"""Return the name of a class without tabs and line ends: as in Python, where it holds such a character.

    Example:
        >>> print(_one_field("one\tclass"), _one_field("another"))
        one\tclass another
    """
    return repr(name)[1:-1] if CONTROL.search(name) else name


def _object(classes: list[str], line: str, row: np.ndarray | None) -> str:
    """Return the same as JSON, with the text and the probabilities of all classes."""
    answer: dict[str, object] = {"text": line, "label": None, "probability": None, "probabilities": None}
    if row is not None:
        shares = {str(name): round(float(share), 6) for name, share in zip(classes, row, strict=True)}
        answer |= {"label": classes[row.argmax()], "probability": round(float(row.max()), 6), "probabilities": shares}
    return json.dumps(answer, ensure_ascii=False)
