"""`python -m utils.finetuning evaluate`: what a classifier is worth on labelled texts, and where it errs."""

import argparse
import csv
import io
import json
import os
import warnings
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from utils import corpora
from utils.classification.base import BaseClassifier
from utils.classification.calibration import reliability
from utils.classification.evaluation import Evaluation, occlusion
from utils.corpora import Corpus
from utils.corpora.known import KNOWN
from utils.files import write_whole
from utils.finetuning.command.engines import load_classifier
from utils.finetuning.command.errors import InputError, InterruptedCommand, Interruptions, in_options, say, using
from utils.finetuning.command.options import file_format
from utils.finetuning.command.report import counted, figures_of, majority, result_warnings, unknown_warnings

WORDS = 3  # that decided, of each error
LONGEST_TEXT = 200  # characters of an error's text that the report shows


def evaluate(options: argparse.Namespace, interruptions: Interruptions, out: TextIO) -> None:
    """Measure a classifier that `train` has kept, and tell.

    Args:
        options: as the parser returns them.
        interruptions: open.
        out: where the report or the line of JSON goes.

    Raises:
        CommandError: with the exit status and a message.
    """
    folder = _check_output(options.output)
    with using(f"--model {options.model}"):
        classifier = load_classifier(options.model, options.fingerprint)
    corpus = read_labelled(options, classifier.classes)
    try:
        names = [corpus.classes[label] for label in corpus.labels]
        with using(f"--data {options.data}"):
            evaluation = classifier.evaluate(corpus.texts, names, progress=not options.quiet)
        errors = _errors(classifier, corpus, evaluation, options.errors)
    except KeyboardInterrupt:
        raise InterruptedCommand("interrupted: nothing is written") from None
    interruptions.check()
    report = {"data": options.data, "model": options.model, **figures_of(evaluation), "errors": errors}
    report |= {"temperature": classifier.temperature, "calibration_error": round(reliability(evaluation).error, 4)}
    unknown = unknown_warnings(classifier.tokenizer, corpus.texts, options.model)
    report["warnings"] = [*corpus.warnings, *unknown, *result_warnings(evaluation)]
    if folder:
        with interruptions.held_off():
            _write_files(folder, report, corpus, evaluation)
    told = json.dumps(report, allow_nan=False) if options.json else "\n".join(report_lines(evaluation, report))
    print(told, file=out, flush=True)
    if not options.quiet:
        for warning in report["warnings"]:
            say(f"warning: {warning}")


def read_labelled(options: argparse.Namespace, classes: list[Any]) -> Corpus:
    """Return the labelled texts of --data.

    Raises:
        InputError: names the file, the line and the remedy.
    """
    own = file_format(options)
    is_file = options.data not in KNOWN and not os.path.isdir(os.path.expanduser(options.data))
    if options.data not in KNOWN and all(isinstance(name, str) for name in classes):
        own["classes"] = classes  # whichever of them the file lacks
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", corpora.CorpusWarning)  # they are in the report
            return corpora.load(options.data, options.split or ("train" if is_file else "test"), **own)
    except (OSError, ValueError) as error:
        raise InputError(in_options(str(error))) from error


def report_lines(evaluation: Evaluation, report: dict[str, Any]) -> list[str]:
    """Return the report for a person, line by line."""
    name, share = majority(evaluation)
    lines = [
        f"accuracy {evaluation.accuracy:.3f} of {counted(len(evaluation.truth), 'text')} (always {name!r}: "
        f"{share:.3f})",
        f"calibration error {report['calibration_error']:.3f} (temperature {report['temperature']:.2f})",
        "",
    ]
    rows = [
        (repr(row["class"]), *(f"{row[key]:.3f}" for key in ("precision", "recall", "f1")), f"{row['texts']:,}")
        for row in report["classes"]
    ]
    lines += table_lines([("class", "precision", "recall", "F1", "texts"), *rows])
    names = [repr(label) for label in evaluation.classes]
    counts = [tuple(f"{count:,}" for count in row) for row in evaluation.confusion]
    matrix = [("true \\ predicted", *names), *((label, *row) for label, row in zip(names, counts, strict=True))]
    lines += ["", *table_lines(matrix)]
    for error in report["errors"]:
        text = error["text"] if len(error["text"]) <= LONGEST_TEXT else error["text"][:LONGEST_TEXT] + " ..."
        words = ", ".join(f"{word} {drop:+.2f}" for word, drop in error["words"])
        lines += ["", f"said {error['predicted']!r} ({error['probability']:.2f}), is {error['true']!r}: {text}"]
        lines += [f"  decided by: {words}"] if words else []
    return lines


def table_lines(rows: list[tuple[str, ...]]) -> list[str]:
    """Return rows with their columns under one another, the first to the left, numbers to the right.

    Example:
        >>> print(*table_lines([("class", "texts"), ("good", "12")]), sep=chr(10))
        class  texts
        good      12
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]


def _errors(classifier: BaseClassifier, corpus: Corpus, evaluation: Evaluation, count: int) -> list[dict[str, Any]]:
    """Return the errors with the largest losses, each with the words that carried most of the wrong answer."""
    found = []
    for place in evaluation.worst(count):
        text = corpus.texts[place]
        drops = sorted(occlusion(classifier.predict_probability, text), key=lambda pair: -abs(pair[1]))[:WORDS]
        found.append(
            {
                "text": text,
                "true": evaluation.classes[evaluation.truth[place]],
                "predicted": evaluation.classes[evaluation.predicted[place]],
                "probability": round(float(evaluation.probability[place].max()), 4),
                "words": [(word, round(drop, 4)) for word, drop in drops],
            }
        )
    return found


def _check_output(name: str | None) -> Path | None:
    """Return the folder for the files, before minutes are spent on what goes there."""
    if name is None:
        return None
    folder = Path(os.path.abspath(os.path.expanduser(name)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--output {name}: expected a folder; {error.strerror}: choose another") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"--output {name}: nothing can be written there; choose another folder")
    return folder


def _write_files(folder: Path, report: dict[str, Any], corpus: Corpus, evaluation: Evaluation) -> None:
    """Write the report, all errors, and the confusion matrix as a picture; each file is whole or not there."""
    write_whole(folder / "report.json", json.dumps(report, indent=1, ensure_ascii=False).encode() + b"\n")
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(("text", "true", "predicted", "probability"))
    for place in evaluation.worst(len(evaluation.truth)):
        truth, predicted = evaluation.truth[place], evaluation.predicted[place]
        probability = f"{evaluation.probability[place].max():.4f}"
        writer.writerow((corpus.texts[place], evaluation.classes[truth], evaluation.classes[predicted], probability))
    write_whole(folder / "errors.csv", table.getvalue().encode())
    write_whole(folder / "confusion.png", _confusion_png(evaluation))


def _confusion_png(evaluation: Evaluation) -> bytes:
    """Draw how the texts of each true class were classified: shares of the row, and counts."""
    from matplotlib.figure import Figure

    counts, names = evaluation.confusion, [str(name) for name in evaluation.classes]
    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    size = 2.5 + 0.6 * len(names)
    figure = Figure(figsize=(size, size), dpi=150, layout="constrained")
    ax = figure.add_subplot()
    ax.imshow(shares, cmap="cividis", vmin=0, vmax=1)
    ax.set_xticks(range(len(names)), names, rotation=45)
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="predicted", ylabel="true")
    for (row, column), count in np.ndenumerate(counts):
        colour = "black" if shares[row, column] > 0.5 else "white"
        ax.text(column, row, f"{count:,}", ha="center", va="center", color=colour)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()
