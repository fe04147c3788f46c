"""The command line of fine-tuning: `python -m utils.finetuning train | predict`; each answers --help.

Results go to standard output, all else to standard error. Exit status: 0 done, 1 failed on the way, 2 wrong use or
unusable input, 130 interrupted.
"""

import argparse
import contextlib
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import TextIO

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
    with Interruptions() as interruptions:
        try:
            with contextlib.redirect_stdout(sys.stderr):  # what ktrain and Keras print
                _run(options, interruptions, out)
        except BrokenPipeError:
            _close(out)
            return FAILED
        except (Exception, KeyboardInterrupt) as error:
            if options.traceback:
                traceback.print_exc()
            say(f"{options.command}: {_told(error)}")
            return _status(error)
    return 0


def _run(options: argparse.Namespace, interruptions: Interruptions, out: TextIO) -> None:
    """Do what the chosen command does; each is imported only when it is chosen."""
    if options.command == "train":
        from utils.finetuning.command.train import train as run
    else:
        from utils.finetuning.command.predict import predict as run
    run(options, interruptions, out)


def _close(out: TextIO) -> None:
    """Let Python end in silence though nobody reads its output any more."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def _told(error: BaseException) -> str:
    """Return the message of an error."""
    if isinstance(error, CommandError):
        return str(error)
    return "interrupted" if isinstance(error, KeyboardInterrupt) else f"failed: {explain(error)}"


def _status(error: BaseException) -> int:
    """Return the exit status for an error."""
    if isinstance(error, CommandError):
        return error.status
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED
