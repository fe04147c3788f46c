"""`python -m utils.finetuning train`: read, fine-tune, measure, keep, tell."""

import argparse
import json
import math
import os
import shlex
import warnings
from pathlib import Path
from typing import Any, TextIO

from utils import corpora
from utils.checkpoints import DETAILS, fingerprint
from utils.checkpoints.places import settled
from utils.corpora import Corpus, CorpusError
from utils.corpora.known import KNOWN
from utils.corpora.tables import table_suffix
from utils.finetuning.classifier import Classifier
from utils.finetuning.command.errors import (
    CommandError,
    InputError,
    InterruptedCommand,
    Interruptions,
    in_options,
    say,
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
from utils.finetuning.encoders import (
    CacheError,
    find_encoder,
    load_encoder_tokenizer,
    read_config,
    tensorflow_folder,
    usable_positions,
)
from utils.finetuning.labels import lone_surrogate
from utils.finetuning.tokens import choose_max_length, count_truncated
from utils.finetuning.tuning import FineTuning

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
    training, validation, warnings = read_corpora(options)
    encoder, positions = open_encoder(options.model, options.max_length)
    state = _prepare_state(options, output, encoder, (training, validation))
    try:
        max_length, of_tokens = _fit_length(options, encoder, positions, training.texts)
        warnings += of_tokens + schedule_warnings(len(training), options.batch_size, options.epochs)
        for warning in warnings:
            _note(options, f"warning: {warning}")
        classifier = _fit(options, encoder, max_length, (training, validation), state, interruptions)
        calibrates = len(validation) >= FEWEST_HELD_OUT  # fewer texts fit a temperature to their own accidents
        measure = classifier.calibrate if calibrates else classifier.evaluate
        evaluation = measure(validation.texts, validation.labels, progress=not options.quiet)
        with interruptions.held_off():
            classifier.save(output, overwrite=options.overwrite or is_empty_folder(output))
            state.remove()
    except KeyboardInterrupt:
        raise InterruptedCommand(state.after_interruption()) from None
    except Exception:
        if kept := state.kept():
            _note(options, f"{kept} are kept in {state.folder}; the same command goes on there")
        raise
    warnings += result_warnings(evaluation)
    _note(options, f"saved: {output}\ntry: echo 'a text' | {PROGRAM} predict --model {shlex.quote(str(output))}")
    calibration = calibration_figures(evaluation, classifier.temperature) if calibrates else {}
    lines = result_lines(evaluation) + ([calibration_line(calibration)] if calibrates else [])
    for line in [*lines, *(f"warning: {warning}" for warning in warnings)]:
        _note(options, line)
    trained = {"max_length": max_length, "training_texts": len(training)}
    trained |= {"seconds": round(sum(classifier.details["history"]["seconds"]), 1)}
    measured = figures_of(evaluation)
    trained["validation_texts"] = measured.pop("texts")
    figures = {**trained, **measured, **rounded(calibration), "warnings": warnings}
    _write_result(options, output, figures, out)


def _prepare_state(
    options: argparse.Namespace, output: Path, encoder: Path, parts: tuple[Corpus, Corpus]
) -> Unfinished:
    """Return where the training keeps its state, once it is sure that what is there belongs to the same training."""
    settings = {name: getattr(options, name) for name in SAME}
    with using(f"--model {options.model}"):
        settings |= {"encoder": digest_encoder(encoder), "data": digest_corpus(*parts)}
    state = Unfinished(output, settings)
    state.prepare(options.restart)
    return state


def _write_result(options: argparse.Namespace, output: Path, figures: dict[str, Any], out: TextIO) -> None:
    """Write one line of JSON: where the classifier is, what was asked for, what came of it."""
    asked = {name: getattr(options, name) for name in ("data", "model", *SAME)}
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


def read_corpora(options: argparse.Namespace) -> tuple[Corpus, Corpus, list[str]]:
    """Return the texts to train on, those to measure on, and what is wrong with them.

    Raises:
        InputError: names the file, the line and the remedy.
    """
    own = file_format(options)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", corpora.CorpusWarning)  # reported below, one a line
            training = corpora.load(options.data, **own)
            training, validation = _hold_out(options, training, own)
    except (OSError, ValueError) as error:
        raise InputError(in_options(str(error))) from error
    if lacking := [name for name, count in training.counts().items() if not count]:
        raise InputError(f"no training text of the class {', '.join(lacking)} is left; lower --validation or add texts")
    for corpus in (training, validation):
        _check_unicode(corpus)
    _note(options, f"training: {training}\nvalidation: {validation}")
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
    held_out = options.validation
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
        tokenizer = load_encoder_tokenizer(encoder)
        length = options.max_length or min(choose_max_length(tokenizer, texts), positions)
        cut = count_truncated(tokenizer, texts, length)
        warnings = token_warnings(tokenizer, texts, options.model, length, positions)
    _note(options, f"length: {length} tokens; {cut:,} of {len(texts):,} training texts are longer and are cut")
    return length, warnings


def _fit(
    options: argparse.Namespace,
    encoder: Path,
    max_length: int,
    parts: tuple[Corpus, Corpus],
    state: Unfinished,
    interruptions: Interruptions,
) -> Classifier:
    """Train, from where an interruption has left it if there was one."""
    training, validation = parts
    with using(f"--model {options.model}"):
        try:
            encoder = tensorflow_folder(encoder)
        except CacheError as error:  # nothing that another --model would change
            raise CommandError(str(error)) from error
        tuning = FineTuning(
            training.texts,
            training.labels,
            encoder,
            max_length=max_length,
            classes=list(training.classes),
            validation=(validation.texts, validation.labels),
            batch_size=options.batch_size,
            seed=options.seed,
        )
    interruptions.check()
    state.begin()
    if kept := state.kept():
        _note(options, f"going on after {kept}")
    classifier = tuning.fit(
        options.learning_rate, options.epochs, checkpoints=state.folder, resume=True, progress=not options.quiet
    )
    interruptions.check()
    if not math.isfinite(classifier.details["history"]["loss"][-1]):
        state.remove()
        raise CommandError("the loss is no longer a number: the training has diverged; use a smaller --learning-rate")
    return classifier


def _note(options: argparse.Namespace, message: str) -> None:
    if not options.quiet:
        say(message)
