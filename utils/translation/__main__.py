"""Translate English to German on the command line: `python -m utils.translation "A dog runs."`."""

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "_build" / "translation"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; it exits with 2 for what it does not understand."""
    parser = argparse.ArgumentParser(
        prog="python -m utils.translation",
        description="Translate English to German with the translator that `make translation` has trained. "
        "Without TEXT, each line of standard input is a text.",
    )
    parser.add_argument("text", nargs="*", metavar="TEXT", help="sentences to translate, in quotes")
    parser.add_argument(
        "--model", type=Path, default=FOLDER, help="folder of the training (default: _build/translation)"
    )
    parser.add_argument("--beam", type=int, default=1, help="beginnings followed side by side (default: 1, no beam)")
    parser.add_argument("--penalty", type=float, default=0.6, help="of short targets, with a beam (default: 0.6)")
    chosen = parser.parse_args(arguments)
    if chosen.beam < 1:
        parser.error(f"expected --beam of at least 1; received {chosen.beam}")
    if not 0 <= chosen.penalty < float("inf"):
        parser.error(f"expected --penalty of at least 0; received {chosen.penalty}")
    return chosen


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 if all was translated, 2 for bad input, 130 when interrupted."""
    chosen = parse(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from utils.translation.translator import Translator

    warnings.showwarning = lambda message, *_: print(f"translation: {message}", file=sys.stderr)
    try:
        translator = Translator.load(chosen.model)
        if not chosen.text and sys.stdin.isatty():
            print("type one sentence a line; Ctrl-D ends", file=sys.stderr)
        for number, text in enumerate(chosen.text or sys.stdin, 1):
            # An empty line of a file gives an empty line, so that line numbers agree.
            empty = not chosen.text and not text.strip()
            options = {"beam_size": chosen.beam, "penalty": chosen.penalty, "first": number}
            print("" if empty else translator.translate([text.rstrip("\n")], **options)[0], flush=True)
    except UnicodeDecodeError as error:
        print(f"translation: expected lines in UTF-8; {error}", file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"translation: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(run_command())
