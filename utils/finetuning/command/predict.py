"""`python -m utils.finetuning predict`: one text a line in, one class a line out, as soon as a line is there."""

import argparse
import codecs
import json
import os
import re
import sys
from collections.abc import Iterator
from typing import BinaryIO, TextIO

import numpy as np
from tqdm import tqdm

from utils.finetuning.classifier import Classifier
from utils.finetuning.command.errors import InputError, InterruptedCommand, Interruptions, say, using
from utils.finetuning.command.options import PROGRAM
from utils.finetuning.command.report import counted
from utils.finetuning.labels import lone_surrogate
from utils.finetuning.tokens import unknown_shares

CHUNK = 1 << 16  # bytes that are read at once, if so many are there
MOST_UNKNOWN = 1 / 2  # of the tokens of a line
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
    decoder = make_decoder(options.encoding or "utf-8")
    folder = os.path.expanduser(options.model)
    with using(f"--model {options.model}"):
        classifier = Classifier.load(folder, options.fingerprint)
    interruptions.check()
    if sys.stdin.isatty() and not options.quiet:
        say("type one text a line; Ctrl-D ends")
    count = empty = unknown = 0
    try:
        with tqdm(desc="predict", unit="line", disable=options.quiet or out.isatty()) as bar:
            for lines in read_lines(sys.stdin.buffer, decoder):
                _check_unicode(lines, count)
                _classify(classifier, lines, options.json, out)
                texts = [line for line in lines if line.strip()]
                count, empty = count + len(lines), empty + len(lines) - len(texts)
                unknown += int((unknown_shares(classifier.tokenizer, texts)[0] > MOST_UNKNOWN).sum())
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
        say(
            f"warning: {unknown:,} of {counted(count, 'line')} with more than half of the tokens unknown to the "
            "vocabulary: the answers there are guesses; train with an encoder for this language"
        )


def _check_unicode(lines: list[str], before: int) -> None:
    """Refuse lines that cannot be written again: utf-7, for instance, can hold half of a surrogate pair."""
    for number, line in enumerate(lines, start=before + 1):
        if surrogate := lone_surrogate(line):
            raise InputError(f"standard input, line {number}: {surrogate!r} is half of a character: correct the text")


def make_decoder(encoding: str) -> codecs.IncrementalDecoder:
    """Return a decoder that takes bytes piece by piece; that of UTF-8 skips a byte-order mark.

    Raises:
        InputError: Python has no text encoding of this name.
    """
    try:
        name = codecs.lookup(encoding).name
        "".encode(name)
        return codecs.getincrementaldecoder("utf-8-sig" if name == "utf-8" else name)()
    except LookupError as error:
        raise InputError(f"expected --encoding such as utf-8 or cp1252; received {encoding!r}") from error


def read_lines(source: BinaryIO, decoder: codecs.IncrementalDecoder) -> Iterator[list[str]]:
    """Yield the lines that have come so far, without their ends, until the source ends.

    Args:
        source: of bytes; has `read1`, which waits for some bytes and returns what is there.
        decoder: from `make_decoder`.

    Raises:
        InputError: the source cannot be read, or holds bytes that are not in the encoding; lines before those have
            been yielded.
    """
    rest, number = "", 1  # the beginning of a line whose end has not come yet, and the number of that line
    while True:
        try:
            data = source.read1(CHUNK)
        except OSError as error:
            raise InputError(f"standard input cannot be read: {error.strerror}") from error
        text, problem = _decode(decoder, data)
        *lines, rest = (rest + text).split("\n")
        number += len(lines)
        if lines:
            yield [line.removesuffix("\r") for line in lines]
        if problem:
            byte, encoding = problem.object[problem.start], problem.encoding
            place = f"standard input, line {number}: byte 0x{byte:02x} is not {encoding}"
            raise InputError(f"{place}; name the encoding, for instance --encoding cp1252")
        if not data:
            break
    if rest:
        yield [rest.removesuffix("\r")]


def _decode(decoder: codecs.IncrementalDecoder, data: bytes) -> tuple[str, UnicodeDecodeError | None]:
    """Return the text of some bytes, no bytes meaning the end, up to the first that is wrong."""
    waiting = len(decoder.getstate()[0])  # bytes of a character whose end has not come yet
    try:
        return decoder.decode(data, final=not data), None
    except UnicodeDecodeError as error:
        return decoder.decode(data[: max(0, error.start - waiting)]), error


def _classify(classifier: Classifier, lines: list[str], as_json: bool, out: TextIO) -> None:
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
