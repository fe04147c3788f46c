"""`python -m utils.finetuning train`: read, fine-tune, measure, keep, tell."""

import argparse
import json
import os
import shlex
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from utils import corpora
from utils.checkpoints import DETAILS, fingerprint
from utils.checkpoints.places import settled
from utils.classification.calibration import fit_temperature
from utils.classification.labels import lone_surrogate
from utils.classification.onnx_export import check_onnx_place, export_onnx, require_onnx
from utils.classification.tokenizer import PlainTokenizer
from utils.classification.tokens import choose_max_length, count_truncated
from utils.corpora import Corpus, CorpusError
from utils.corpora.known import KNOWN
from utils.corpora.tables import table_suffix
from utils.finetuning.classifier import Classifier
from utils.finetuning.command.engines import KERAS, check_takes_encoder
from utils.finetuning.command.errors import (
    CommandError,
    InputError,
    InterruptedCommand,
    Interruptions,
    explain,
    in_options,
    using,
)
from utils.finetuning.command.options import PROGRAM, file_format, share
from utils.finetuning.command.report import (
    FEWEST_HELD_OUT,
    calibration_figures,
    calibration_line,
    corpus_warnings,
    figures_of,
    result_lines,
    result_warnings,
    rounded,
    schedule_warnings,
    token_warnings,
)
from utils.finetuning.command.state import Unfinished, digest_corpus, digest_encoder
from utils.finetuning.command.teacher import Teacher, note
from utils.finetuning.encoders import (
    CacheError,
    find_encoder,
    load_encoder_tokenizer,
    read_config,
    usable_positions,
)

SHARE = "0.1"  # that is held out, unless --validation or --folds says otherwise
EXPORT_TEXTS = 200  # on which an export is compared with the classifier
SAME = ("epochs", "max_length", "batch_size", "learning_rate", "seed")  # what an interrupted training must go on with


def train(options: argparse.Namespace, interruptions: Interruptions, out: TextIO) -> None:
    """Fine-tune as the options say, keep the classifier, and write its figures as one line of JSON.

    Args:
        options: as the parser returns them.
        interruptions: open.
        out: where the line goes.

    Raises:
        CommandError: with the exit status and a message.
    """
    output = check_output(options.output, options.overwrite)
    exported = check_export(options, output)
    training, validation, warnings = read_corpora(options)
    encoder, positions = open_encoder(options.model, options.max_length)
    check_takes_encoder(options, read_config(encoder))
    parts = (training, validation) if validation else (training,)
    state = _prepare_state(options, output, encoder, parts)
    try:
        max_length, of_tokens = _fit_length(options, encoder, positions, training.texts)
        warnings += of_tokens + schedule_warnings(len(training), options.batch_size, options.epochs)
        for warning in warnings:
            note(options, f"warning: {warning}")
        teacher = Teacher(options, encoder, max_length, state, interruptions)
        calibrates = len(validation or training) >= FEWEST_HELD_OUT  # fewer fit a temperature to their own accidents
        folds: dict[str, Any] = {}
        if validation:
            classifier = teacher.fit(training, validation)
            measure = classifier.calibrate if calibrates else classifier.evaluate
            evaluation = measure(validation.texts, validation.labels, progress=not options.quiet)
        else:
            evaluation, folds = teacher.cross_validate(training)
            classifier = teacher.fit(training)
            classifier.details |= {"temperature": fit_temperature(evaluation)} if calibrates else {}
        with interruptions.held_off():
            classifier.save(output, overwrite=options.overwrite or is_empty_folder(output))
            state.remove()
    except KeyboardInterrupt:
        raise InterruptedCommand(state.after_interruption()) from None
    except Exception:
        if kept := state.kept():
            note(options, f"{kept} are kept in {state.folder}; the same command goes on there")
        raise
    if exported:
        _export(options, classifier, output, exported, (validation or training).texts[:EXPORT_TEXTS])
    warnings += result_warnings(evaluation)
    note(options, f"saved: {output}\ntry: echo 'a text' | {PROGRAM} predict --model {shlex.quote(str(output))}")
    calibration = calibration_figures(evaluation, classifier.temperature) if calibrates else {}
    lines = result_lines(evaluation, folds) + ([calibration_line(calibration)] if calibrates else [])
    for line in [*lines, *(f"warning: {warning}" for warning in warnings)]:
        note(options, line)
    trained = {"max_length": max_length, "training_texts": len(training)}
    trained |= {"seconds": round(sum(classifier.details["history"]["seconds"]), 1)}
    measured = figures_of(evaluation)
    trained["validation_texts"] = measured.pop("texts")
    figures = {**trained, **measured, **rounded(folds), **rounded(calibration), "warnings": warnings}
    figures |= {"onnx": str(exported)} if exported else {}
    _write_result(options, output, figures, out)


def _prepare_state(options: argparse.Namespace, output: Path, encoder: Path, parts: tuple[Corpus, ...]) -> Unfinished:
    """Return where the training keeps its state, once it is sure that what is there belongs to the same training."""
    settings = {name: getattr(options, name) for name in SAME}
    with using(f"--model {options.model}"):
        settings |= {"encoder": digest_encoder(encoder), "data": digest_corpus(*parts)}
    settings |= {"folds": options.folds} if options.folds else {}
    settings |= {"engine": KERAS} if options.engine == KERAS else {}
    state = Unfinished(output, settings)
    state.prepare(options.restart)
    return state


def _write_result(options: argparse.Namespace, output: Path, figures: dict[str, Any], out: TextIO) -> None:
    """Write one line of JSON: where the classifier is, what was asked for, what came of it."""
    asked = {name: getattr(options, name) for name in ("data", "model", "engine", *SAME)}
    result = {"output": str(output), "fingerprint": fingerprint(output), **asked, **figures}
    print(json.dumps(result, allow_nan=False), file=out, flush=True)


def is_empty_folder(path: Path) -> bool:
    """Return whether a path is a folder with nothing in it."""
    return path.is_dir() and not any(path.iterdir())


def check_output(name: str, overwrite: bool) -> Path:
    """Return the absolute path of a folder that may be written, before hours are spent on what goes there.

    Raises:
        InputError: something is there that may not be replaced, or nothing can be written there.
    """
    output = settled(Path(os.path.abspath(os.path.expanduser(name))))
    if output.exists() and not is_empty_folder(output):
        if not (output / DETAILS).is_file():
            raise InputError(f"--output {output}: there is something else there; choose another folder")
        if not overwrite:
            raise InputError(f"--output {output}: holds a classifier; choose another folder, or pass --overwrite")
    above = next(folder for folder in output.parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise InputError(f"--output {output}: nothing can be written in {above}; choose another folder")
    return output


def check_export(options: argparse.Namespace, output: Path) -> Path | None:
    """Return the folder that --export asks for, before hours are spent on what goes there; None without it.

    Raises:
        InputError: something is there that may not be replaced.
        MissingPackageError: a package that writes ONNX is not installed.
    """
    if not options.export:
        return None
    folder = output.with_name(f"{output.name}-onnx")
    require_onnx()
    try:
        check_onnx_place(folder, options.overwrite)
    except FileExistsError as error:
        raise InputError(f"--export: {in_options(str(error))}") from error
    return folder


def _export(
    options: argparse.Namespace, classifier: Classifier, output: Path, folder: Path, texts: Sequence[str]
) -> None:
    """Write a classifier that has been saved as ONNX, too."""
    package, kind = ("classification", "KerasClassifier") if options.engine == KERAS else ("finetuning", "Classifier")
    replace = ", overwrite=True" if options.overwrite else ""
    again = f"from utils.{package} import *; export_onnx({kind}.load({str(output)!r}), {str(folder)!r}{replace})"
    remedy = f"the classifier is kept in {output}, and only its export is missing: python -c {shlex.quote(again)}"
    try:
        export_onnx(classifier, folder, texts, overwrite=options.overwrite)
    except KeyboardInterrupt:
        raise InterruptedCommand(f"interrupted: {remedy}") from None
    except Exception as error:
        raise CommandError(f"{explain(error)}. {remedy[0].upper()}{remedy[1:]}") from error
    note(options, f"exported: {folder}, whose README.md shows how it is used")


def read_corpora(options: argparse.Namespace) -> tuple[Corpus, Corpus | None, list[str]]:
    """Return the texts to train on, those to measure on (None where --folds takes them in turns), and what is wrong.

    Raises:
        InputError: names the file, the line and the remedy.
    """
    own = file_format(options)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", corpora.CorpusWarning)  # reported below, one a line
            training = corpora.load(options.data, **own)
            if options.folds:
                if options.validation is not None:
                    raise CorpusError("expected either --folds or --validation; received both: --folds measures on all")
                corpora.stratified_folds(training, options.folds, options.seed)
                validation = None
            else:
                training, validation = _hold_out(options, training, own)
    except (OSError, ValueError) as error:
        raise InputError(in_options(str(error))) from error
    if lacking := [name for name, count in training.counts().items() if not count]:
        raise InputError(f"no training text of the class {', '.join(lacking)} is left; lower --validation or add texts")
    for corpus in filter(None, (training, validation)):
        _check_unicode(corpus)
    if not validation:
        note(options, f"training: {training}\nvalidation: the same in {options.folds} folds")
        return training, None, [*training.warnings, *corpus_warnings(training, None, 0)]
    note(options, f"training: {training}\nvalidation: {validation}")
    shared = len(corpora.shared_texts(training, validation))
    of_files = list(dict.fromkeys(training.warnings + validation.warnings))
    return training, validation, of_files + corpus_warnings(training, validation, shared)


def _check_unicode(corpus: Corpus) -> None:
    """Refuse texts that no encoding can write: an escape of JSON can be half of a surrogate pair."""
    for text in (*corpus.texts, *corpus.classes):
        if surrogate := lone_surrogate(text):
            start = max(0, text.index(surrogate) - 20)
            raise InputError(
                f"{corpus.name}: {text[start : start + 40]!r} holds {surrogate!r}, half of a character: "
                "write the file again as UTF-8, or correct the text"
            )


def _hold_out(options: argparse.Namespace, data: Corpus, own: dict[str, Any]) -> tuple[Corpus, Corpus]:
    """Return training and validation texts as --validation asks."""
    held_out = options.validation or SHARE
    fraction = share(held_out)
    if fraction is not None:
        return corpora.split(data, fraction, options.seed)
    if options.data in KNOWN and held_out in KNOWN[options.data].splits:
        return data, corpora.load(options.data, held_out)
    if table_suffix(Path(held_out)) is None:
        if not os.path.isdir(os.path.expanduser(options.data)):
            expected = "a share such as 0.1, the name of a split of --data, or a file"
            raise CorpusError(f"expected --validation to be {expected}; received {held_out!r}")
        return data, corpora.load(options.data, held_out, classes=data.classes, **own)
    return data, corpora.load(held_out, classes=data.classes, **own)


def open_encoder(name: str, max_length: int | None) -> tuple[Path, int]:
    """Return the folder of an encoder and how many positions it has.

    Raises:
        InputError: there is no encoder, or it has fewer positions than `max_length`.
    """
    path = Path(os.path.expanduser(name))
    if path.is_file():
        raise InputError(f"--model {name}: expected a folder with an encoder; this is a file")
    with using(f"--model {name}"):
        try:
            folder = find_encoder(path if path.is_dir() else name)
        except CacheError as error:
            raise CommandError(str(error)) from error
        try:
            positions = usable_positions(read_config(folder))
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError(f"--model {name}: its config.json is not that of an encoder: {error}") from error
    if max_length is not None and max_length > positions:
        limit = f"--model {name} has {positions} positions; received {max_length}"
        raise InputError(f"expected --max-length of at most {positions}: {limit}")
    return folder, positions


def _fit_length(options: argparse.Namespace, encoder: Path, positions: int, texts: list[str]) -> tuple[int, list[str]]:
    """Return the length in tokens to which texts are cut, and what the encoder cannot read of them.

    The length is the one asked for, or one that holds 99 of 100 texts whole.
    """
    with using(f"--model {options.model}"):
        tokenizer = PlainTokenizer(encoder) if options.engine == KERAS else load_encoder_tokenizer(encoder)
        length = options.max_length or min(choose_max_length(tokenizer, texts), positions)
        cut = count_truncated(tokenizer, texts, length)
        warnings = token_warnings(tokenizer, texts, options.model, length, positions)
    note(options, f"length: {length} tokens; {cut:,} of {len(texts):,} training texts are longer and are cut")
    return length, warnings
