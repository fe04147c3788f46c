"""How the command line ends: its exit statuses, its messages, and what an interruption may and may not stop."""

import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130
LONGEST_MESSAGE = 600  # characters; TensorFlow's can go on for pages
ARGUMENTS = re.compile(r"\b(text|label|encoding)='([^']*)'")
QUOTES_AND_SPACES = r"['\s]"
COLUMNS = re.compile(r"\bcolumns=\(([^()]*)\)")
OPTIONS = {"text": "--text-column", "label": "--label-column", "encoding": "--encoding"}
WORDS = {
    "leave columns out": "leave --columns out",
    "leave encoding out": "leave --encoding out",
    "as columns names them": "as --columns names them",
    "quotes=False": "--no-quotes",
    "change fraction": "change --validation",
    "overwrite=True": "--overwrite",
}


class CommandError(Exception):
    """An end of the command that a message explains."""

    status = FAILED


class InputError(CommandError):
    """Something that was given cannot be used."""

    status = BAD_INPUT


class InterruptedCommand(CommandError):
    """A signal came; the message says what is kept."""

    status = INTERRUPTED


def say(message: str) -> None:
    """Write a line to standard error, where all goes that is not a result."""
    print(message, file=sys.stderr, flush=True)


def in_options(message: str) -> str:
    """Return a message with arguments of Python functions as options of the command line.

    Example:
        >>> in_options("name it, for instance encoding='cp1252'")
        'name it, for instance --encoding cp1252'
    """
    message = ARGUMENTS.sub(lambda found: f"{OPTIONS[found[1]]} {found[2]}", message)
    message = COLUMNS.sub(lambda found: f"--columns {re.sub(QUOTES_AND_SPACES, '', found[1]).strip(',')}", message)
    for argument, option in WORDS.items():
        message = message.replace(argument, option)
    return message


def explain(error: BaseException) -> str:
    """Return one line on an error that nobody foresaw, with advice where memory was short."""
    name, text = type(error).__name__, in_options(" ".join(str(error).split()))
    if isinstance(error, MemoryError) or name == "ResourceExhaustedError":
        return f"memory was not enough ({name}): use a smaller --batch-size or --max-length"
    text = text if len(text) <= LONGEST_MESSAGE else text[:LONGEST_MESSAGE] + " ..."
    return f"{name}: {text}; --traceback shows where"


@contextmanager
def using(what: str) -> Iterator[None]:
    """Turn whatever goes wrong with something that was given into an InputError that names it."""
    try:
        yield
    except (CommandError, ImportError, MemoryError):
        raise
    except Exception as error:
        known = isinstance(error, ValueError | OSError) and str(error)
        raise InputError(f"{what}: {in_options(str(error)) if known else explain(error)}") from error


class Interruptions:
    """While it is open, SIGINT and SIGTERM raise KeyboardInterrupt, and are remembered where a library swallows that.

    Outside the main thread it changes nothing, because Python handles signals there alone.
    """

    def __init__(self) -> None:
        self.came = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interruptions":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        raise KeyboardInterrupt

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal has come."""
        if self.came:
            raise KeyboardInterrupt

    @contextmanager
    def held_off(self) -> Iterator[None]:
        """Ignore signals during a step that is short and must be whole."""
        before = {number: signal.signal(number, signal.SIG_IGN) for number in self._before}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
