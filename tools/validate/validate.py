"""Run every cell of every chapter again on a Keras backend, and compare with the outputs that the book shows.

All backends and devices are held to the same stored outputs. After its last cell each kernel is asked which backend
and which device it really used; another answer than was asked for is a failure. Exit status: 0 nothing differs,
1 something does, 2 a package or a chapter is missing, 3 no GPU, 130 interrupted.
"""

import argparse
import importlib.util
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.measure import results

if TYPE_CHECKING:  # at run time only once the packages that it needs have been found
    from tools.validate.run import Verdict

NEEDED = ("pytest", "nbval", "nbclient", "ipykernel", "matplotlib", "numpy", "keras")
SEED = 0  # of runtime.prepare, with which the chapters begin
LINES = 40  # of one cell's difference that are shown
HEADER = ("chapter", "backend", "cells run", "compared", "different", "seconds", "the kernel reported")


class CannotRun(Exception):
    """Nothing was run: the message says what is missing and what to do, `status` is the exit status."""

    def __init__(self, message: str, status: int = 2):
        super().__init__(message)
        self.status = status


def require_packages() -> None:
    """Raise CannotRun unless all that is needed beside a backend is installed."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        remedy = f"{sys.executable} -m pip install {' '.join(missing)}"
        raise CannotRun(f"expected {', '.join(NEEDED)}; {', '.join(missing)} not installed. Run: {remedy}")


def choose_backends(wanted: Sequence[str], available: bool) -> list[str]:
    """Return the wanted backends; those that are not installed are an error, or left out where `available` says so."""
    from tools.validate.run import installed

    missing = [name for name in wanted if not installed(name)]
    found = [name for name in wanted if name not in missing]
    if missing and (not available or not found):
        raise CannotRun(
            f"expected {' and '.join(wanted)} to be installed for {sys.executable}; {', '.join(missing)} not found. "
            f"Run: {sys.executable} -m pip install {' '.join(missing)}"
        )
    for name in missing:
        print(f"left out: {name} is not installed")
    return found


def format_table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the table as it is printed: one line for each chapter and backend."""
    lines = [HEADER, *(_line(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    right = range(2, 6)  # the columns of numbers
    return "\n".join(
        "  ".join(
            text.rjust(width) if column in right else text.ljust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _line(row: Mapping[str, Any]) -> tuple[str, ...]:
    told = row["reported"]
    numbers = tuple(str(row[key]) for key in ("cells", "compared", "different", "seconds"))
    said = "nothing" if "error" in told else f"{told['backend']} on {told['device_name']}"
    return (row["chapter"], row["backend"], *numbers, said)


def tell(verdicts: Sequence["Verdict"]) -> None:
    """Print every difference and fault, the table, and one closing line."""
    for verdict in verdicts:
        for difference in verdict.differences:
            first, *rest = difference.splitlines()
            cut = [f"({len(rest) - LINES} lines before these are in the log)"] if len(rest) > LINES else []
            print("\n".join(["", first, *(f"    {line}" for line in [*cut, *rest[-LINES:]])]))
        for fault in verdict.faults:
            print(f"\n{fault}")
    print("\n" + format_table(verdict.row for verdict in verdicts))
    cells, different = (sum(verdict.row[key] for verdict in verdicts) for key in ("cells", "different"))
    faults = sum(len(verdict.faults) for verdict in verdicts)
    print(f"\nvalidated: {cells} cells run, {different} different, {faults} other faults")


def record(name: str, verdicts: Sequence["Verdict"], arguments: Sequence[str], **extra: Any) -> None:
    """Store the table in data/results, differences and all, unless a fault makes it prove nothing."""
    if any(verdict.faults for verdict in verdicts):
        print(f"data/results/{name}.json was left as it was: the faults above make this run prove nothing")
        return
    command = results.command_line("tools/validate/validate.py", arguments)
    rows = [verdict.row for verdict in verdicts]
    packages = (*results.PACKAGES, "matplotlib", "nbval", "ipykernel")
    results.write_result(name, rows, command, SEED, packages=packages, folder=results.RESULTS, **extra)
    print(f"recorded in data/results/{name}.json; now write the page's tables: python tools/site/check_page.py")


def validate(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Choose, run, tell and record; return the exit status.

    Raises:
        CannotRun: a package, a backend, a chapter or a GPU is missing.
    """
    require_packages()
    from tools.notebooks.chapters import find_chapters
    from tools.validate.run import BACKENDS, plan, run

    try:
        paths = find_chapters(options.chapter)
        extra: dict[str, str] = {}
        if options.gpu:
            from tools.validate.gpu import find_gpu

            backends, extra = find_gpu()
        else:
            backends = choose_backends([options.backend] if options.backend else BACKENDS, options.available)
        trials = plan(paths, backends, "gpu" if options.gpu else "cpu")
    except (LookupError, ValueError) as error:
        raise CannotRun(str(error), getattr(error, "status", 2)) from error
    if not trials:
        raise CannotRun(f"expected a chapter for {', '.join(backends)}; none of those chosen is")
    verdicts = run(trials, 1 if options.gpu else options.jobs)
    tell(verdicts)
    if options.gpu and not options.chapter:
        record("gpu", verdicts, arguments, **extra)
    elif options.all and not options.chapter and tuple(backends) == BACKENDS:
        record("backends", verdicts, arguments)
    return int(any(verdict.differences or verdict.faults for verdict in verdicts))


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--backend", choices=("tensorflow", "jax", "torch"), help="one backend, on the CPU")
    what.add_argument(
        "--all", action="store_true", help="all three, on the CPU; recorded in data/results/backends.json"
    )
    what.add_argument("--gpu", action="store_true", help="those that see a GPU; stored in data/results/gpu.json")
    parser.add_argument("--available", action="store_true", help="leave out backends that are not installed")
    parser.add_argument("--chapter", default="", help="one chapter, by name or number; nothing is then recorded")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side on the CPU (default: %(default)s)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the module's first lines list the exit statuses."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parse(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    try:
        return validate(options, arguments)
    except CannotRun as error:
        print(f"validate: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        print("validate: interrupted; all that was running has been stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
