"""`python -m utils.finetuning predict --data FILE --output FILE`: a class for each row, however many there are."""

import argparse
import csv
import hashlib
import io
import json
import os
import warnings
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from tqdm import tqdm

from utils import corpora
from utils.classification.base import BaseClassifier
from utils.corpora.files import TEXT_COLUMNS, doubt_about_texts, find_column
from utils.corpora.tables import Table, read_table
from utils.files import holds_state, remove_state, write_whole
from utils.finetuning.command.engines import load_classifier
from utils.finetuning.command.errors import InputError, InterruptedCommand, Interruptions, in_options, say, using
from utils.finetuning.command.report import count_unknown, counted, guesses_warning

CHUNK = 2048  # texts that are kept together; within them, those of like lengths share a batch
RECORD = "command.json"
ANSWERS = ("predicted", "probability")  # the columns that are added


def predict_file(options: argparse.Namespace, interruptions: Interruptions, out: TextIO) -> None:
    """Classify the texts of --data and write its rows with two more columns to --output.

    What is finished is kept in OUTPUT.unfinished, and the same command goes on there.

    Args:
        options: as the parser returns them.
        interruptions: open.
        out: where the name of the file goes, in one line of JSON.

    Raises:
        CommandError: with the exit status and a message.
    """
    output = _check_output(options)
    table, column, doubt = _read(options)
    with using(f"--model {options.model}"):
        classifier = load_classifier(options.model, options.fingerprint)
    texts = [text if isinstance(text, str) else "" for text in table.column(column)]
    places = [place for place, text in enumerate(texts) if text.strip()]
    unfinished = output.with_name(f"{output.name}.unfinished")
    _begin(unfinished, _digest(texts, classifier), options.restart)
    answers = []
    try:
        with tqdm(total=len(places), desc="predict", unit="text", disable=options.quiet) as bar:
            for start in range(0, len(places), CHUNK):
                answers += _chunk(classifier, texts, places[start : start + CHUNK], unfinished / f"{start}.json")
                bar.update(len(answers) - bar.n)
                interruptions.check()
    except KeyboardInterrupt:
        kept = f"{counted(len(answers), 'text')} of {len(places):,} kept in {unfinished}"
        raise InterruptedCommand(f"interrupted: {kept}; the same command goes on from there") from None
    with interruptions.held_off():
        _write(output, table, dict(zip(places, answers, strict=True)))
        remove_state(unfinished, RECORD)
    if not options.quiet:
        _warn(classifier, [texts[place] for place in places], len(texts), doubt)
    print(json.dumps({"output": str(output), "texts": len(places), "rows": len(texts)}), file=out, flush=True)


def _warn(classifier: BaseClassifier, texts: list[str], rows: int, doubt: str) -> None:
    """Say what is doubtful about the answers."""
    if doubt:
        say(f"warning: {doubt}")
    if len(texts) < rows:
        say(f"warning: {counted(rows - len(texts), 'row')} without text: no class is given there")
    if unknown := count_unknown(classifier.tokenizer, texts):
        say(f"warning: {guesses_warning(unknown, len(texts), 'text')}")


def _check_output(options: argparse.Namespace) -> Path:
    """Return where the rows go, before anything is computed."""
    if not options.output:
        raise InputError("--data needs --output FILE.csv, where the rows go with their classes")
    output = Path(os.path.abspath(os.path.expanduser(options.output)))
    if output.suffix.lower() != ".csv":
        raise InputError(f"--output {options.output}: expected a name that ends in .csv")
    if output.exists() and not options.overwrite:
        raise InputError(f"--output {options.output}: is there already; choose another name, or pass --overwrite")
    if not os.access(output.parent, os.W_OK | os.X_OK):
        raise InputError(f"--output {options.output}: nothing can be written in {output.parent}; choose another folder")
    return output


def _read(options: argparse.Namespace) -> tuple[Table, str, str]:
    """Return the rows, the name of the column of texts, and a doubt about that name or nothing."""
    path = Path(os.path.expanduser(options.data))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", corpora.CorpusWarning)
            table = read_table(path, options.encoding, not options.no_quotes, options.columns)
            column = find_column(table, options.text_column, TEXT_COLUMNS, "text", labelled=False)
    except (OSError, ValueError) as error:
        raise InputError(in_options(str(error))) from error
    if taken := [name for name in ANSWERS if name in table.columns]:
        raise InputError(f"{path}: has a column {taken[0]!r} already; rename it: the answers get that name")
    doubt = "" if options.columns else doubt_about_texts(table, column)
    return table, column, in_options(doubt)


def _digest(texts: list[str], classifier: BaseClassifier) -> str:
    """Return a short word for what is classified, and with what."""
    about = [texts, list(classifier.classes), classifier.max_length, classifier.temperature, CHUNK]
    digest = hashlib.sha256(json.dumps(about).encode())
    for weight in classifier.model.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()[:16]


def _begin(folder: Path, digest: str, restart: bool) -> None:
    """Make the folder of what is unfinished, or check that what is there belongs to the same texts and classifier."""
    if holds_state(folder, RECORD) and not restart:
        try:
            before = json.loads((folder / RECORD).read_text(encoding="utf-8"))["digest"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{folder}: is there and is not what this command keeps; remove it") from error
        if before != digest:
            raise InputError(
                f"{folder} holds answers to other texts, or of another classifier: give the same again to go on, or "
                "--restart to begin anew"
            )
        return
    remove_state(folder, RECORD)
    folder.mkdir()
    write_whole(folder / RECORD, json.dumps({"digest": digest}).encode())


def _chunk(classifier: BaseClassifier, texts: list[str], places: list[int], kept: Path) -> list[tuple[Any, float]]:
    """Return the class and its probability for some of the texts, from the file that keeps them."""
    if not kept.exists():
        probability = classifier.predict_probability([texts[place] for place in places])
        answers = [(classifier.classes[row.argmax()], float(row.max())) for row in probability]
        write_whole(kept, json.dumps(answers).encode())
    return json.loads(kept.read_text(encoding="utf-8"))


def _write(output: Path, table: Table, answers: dict[int, tuple[Any, float]]) -> None:
    """Write all rows in the file's order, with their answers."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow((*table.columns, *ANSWERS))
    for place, row in enumerate(zip(*(table.column(name) for name in table.columns), strict=True)):
        name, share = answers.get(place, ("", None))
        writer.writerow((*row, name, "" if share is None else f"{share:.4f}"))
    write_whole(output, file.getvalue().encode())
