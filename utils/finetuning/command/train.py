"""`python -m utils.finetuning train`: read, fine-tune, measure, keep, tell."""

import argparse
import json
import math
import os
import warnings
from pathlib import Path
from typing import Any, TextIO

from utils import corpora
from utils.checkpoints import DETAILS, fingerprint
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
from utils.finetuning.command.options import PROGRAM, share
from utils.finetuning.command.state import Unfinished, digest_corpus, digest_encoder
from utils.finetuning.encoders import find_encoder, read_config
from utils.finetuning.ktrain_mends import load_transformers
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
    training, validation = read_corpora(options)
    encoder, positions = open_encoder(options.model, options.max_length)
    state = _prepare_state(options, output, encoder, (training, validation))
    try:
        max_length = _fit_length(options, encoder, positions, training.texts)
        classifier = _fit(options, encoder, max_length, (training, validation), state, interruptions)
        figures = classifier.evaluate(validation.texts, validation.labels, progress=not options.quiet).metrics()
        with interruptions.held_off():
            classifier.save(output, overwrite=options.overwrite or is_empty_folder(output))
            state.remove()
    except KeyboardInterrupt:
        raise InterruptedCommand(state.told()) from None
    except Exception:
        if kept := state.finished():
            _note(
                options, f"{kept} of {options.epochs} epochs are kept in {state.folder}; the same command goes on there"
            )
        raise
    _note(options, f"saved: {output}\ntry: echo 'a text' | {PROGRAM} predict --model {output}")
    made = {"max_length": max_length, "training_texts": len(training)}
    made |= {"seconds": round(sum(classifier.details["history"]["seconds"]), 1)}
    _write_result(options, output, {**made, "validation_texts": figures.pop("texts"), **figures}, out)


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
    output = Path(os.path.abspath(os.path.expanduser(name)))
    if output.exists() and not is_empty_folder(output):
        if not (output / DETAILS).is_file():
            raise InputError(f"--output {output}: there is something else there; choose another folder")
        if not overwrite:
            raise InputError(f"--output {output}: holds a classifier; choose another folder, or pass --overwrite")
    above = next(folder for folder in output.parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise InputError(f"--output {output}: nothing can be written in {above}; choose another folder")
    return output


def read_corpora(options: argparse.Namespace) -> tuple[Corpus, Corpus]:
    """Return the texts to train on and those to measure on.

    Raises:
        InputError: names the file, the line and the remedy.
    """
    own: dict[str, Any] = {"text": options.text_column, "label": options.label_column, "encoding": options.encoding}
    own |= {"quotes": not options.no_quotes, "columns": options.columns}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", corpora.CorpusWarning)  # told below, one a line
            training = corpora.load(options.data, **own)
            training, validation = _hold_out(options, training, own)
    except (OSError, ValueError) as error:
        raise InputError(in_options(str(error))) from error
    if lacking := [name for name, count in training.counts().items() if not count]:
        raise InputError(f"no training text of the class {', '.join(lacking)} is left; lower --validation or add texts")
    for warning in dict.fromkeys(training.warnings + validation.warnings):
        _note(options, f"warning: {warning}")
    if shared := corpora.shared_texts(training, validation):
        _note(options, f"warning: {len(shared):,} texts are in both parts; figures on those flatter")
    _note(options, f"training: {training}\nvalidation: {validation}")
    return training, validation


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
            told = "a share such as 0.1, the name of a split of --data, or a file"
            raise CorpusError(f"expected --validation to be {told}; received {held_out!r}")
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
        folder = find_encoder(path if path.is_dir() else name)
        try:
            positions = int(read_config(folder).get("max_position_embeddings", 512))
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError(f"--model {name}: its config.json is not that of an encoder: {error}") from error
    if max_length is not None and max_length > positions:
        told = f"--model {name} has {positions} positions; received {max_length}"
        raise InputError(f"expected --max-length of at most {positions}: {told}")
    return folder, positions


def _fit_length(options: argparse.Namespace, encoder: Path, positions: int, texts: list[str]) -> int:
    """Return the length in tokens to which texts are cut: the one asked for, or one that holds 99 of 100 whole."""
    with using(f"--model {options.model}"):
        tokenizer = load_transformers().AutoTokenizer.from_pretrained(str(encoder), local_files_only=True)
        length = options.max_length or min(choose_max_length(tokenizer, texts), positions)
        cut = count_truncated(tokenizer, texts, length)
    _note(options, f"length: {length} tokens; {cut:,} of {len(texts):,} training texts are longer and are cut")
    return length


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
    if kept := state.finished():
        _note(options, f"going on after {kept} of {options.epochs} epochs")
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
