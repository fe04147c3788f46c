"""The command line of fine-tuning: `python -m utils.finetuning train | evaluate | predict`; each answers --help.

Results go to standard output, all else to standard error. Exit status: 0 done, 1 failed on the way, 2 wrong use or
unusable input, 130 interrupted.
"""

import argparse
import contextlib
import faulthandler
import io
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from utils.classification.packages import MissingPackageError
from utils.finetuning.command.engines import prepare_engine
from utils.finetuning.command.errors import FAILED, INTERRUPTED, CommandError, Interruptions, explain, say
from utils.finetuning.command.options import build_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line.

    Args:
        arguments: what follows the program's name; that of this process if None.

    Returns:
        The exit status.
    """
    options = build_parser().parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow reads it when it is imported
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # those of libraries, about their own code
    out = sys.stdout
    if hasattr(out, "reconfigure"):
        out.reconfigure(encoding="utf-8")  # labels and texts, whatever the terminal's own encoding
    with native_log_hidden() as native_log, Interruptions() as interruptions:
        try:
            with contextlib.redirect_stdout(sys.stderr):  # what ktrain and Keras print
                _run(options, interruptions, out)
        except BrokenPipeError:
            _close(out)
            return FAILED
        except (Exception, KeyboardInterrupt) as error:
            if options.traceback:
                native_log.seek(0)
                sys.stderr.write(native_log.read().decode(errors="replace"))
                traceback.print_exc()
            say(f"{options.command}: {_message(error)}")
            return _status(error)
    return 0


@contextlib.contextmanager
def native_log_hidden() -> Iterator[Any]:
    """Keep what native code writes to file descriptor 2 in a temporary file, which is yielded; Python's own goes on.

    TensorFlow and CUDA write some of their log there before any of their settings is read, and later from libraries
    that read none. A crash of native code is still reported, by faulthandler.
    """
    try:
        descriptor = os.dup(2)
    except OSError:  # it is closed
        yield io.BytesIO()
        return
    before = sys.stderr
    with (
        tempfile.TemporaryFile() as log,
        os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", buffering=1) as own,
    ):
        try:
            writes_there = before.fileno() == 2
        except (OSError, AttributeError, ValueError):  # a stand-in, as in a notebook
            writes_there = False
        if writes_there:
            before.flush()
            sys.stderr = own
        if reports_crashes := not faulthandler.is_enabled():
            faulthandler.enable(own)
        os.dup2(log.fileno(), 2)
        try:
            yield log
        finally:
            os.dup2(descriptor, 2)
            sys.stderr = before
            if reports_crashes:
                faulthandler.disable()


def _run(options: argparse.Namespace, interruptions: Interruptions, out: TextIO) -> None:
    """Do what the chosen command does; each is imported only when it is chosen."""
    prepare_engine(options)
    if options.command == "train":
        from utils.finetuning.command.train import train as run
    elif options.command == "evaluate":
        from utils.finetuning.command.evaluate import evaluate as run
    elif options.data:
        from utils.finetuning.command.predict_file import predict_file as run
    else:
        from utils.finetuning.command.predict import predict as run
    run(options, interruptions, out)


def _close(out: TextIO) -> None:
    """Let Python end in silence though nobody reads its output any more."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def _message(error: BaseException) -> str:
    """Return what to say of an error."""
    if isinstance(error, CommandError | MissingPackageError):
        return str(error)
    return "interrupted" if isinstance(error, KeyboardInterrupt) else f"failed: {explain(error)}"


def _status(error: BaseException) -> int:
    """Return the exit status for an error."""
    if isinstance(error, CommandError):
        return error.status
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED
