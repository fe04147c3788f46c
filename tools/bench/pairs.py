"""What the benchmarks of ours against another share: calls in turns, a process for each backend, one command line."""

import argparse
import importlib.util
import os
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from tools.measure.results import command_line, write_result

BACKENDS = ("tensorflow", "jax", "torch")
SEED = 0
WARM_UP = 3


class Benchmark(NamedTuple):
    """A program that measures ours against another on the backend at hand.

    Attributes:
        program: its file.
        about: what it says of itself.
        measure: takes the number of timed calls, and yields a row for each combination.
        result: name of the file of results.
        rival: what ours is compared with, for the closing lines.
        sizes: further entries of the file.
        repeats: timed calls of each side, unless the command line says otherwise.
    """

    program: str
    about: str
    measure: Callable[[int], Iterable[dict[str, Any]]]
    result: str
    rival: str
    sizes: dict[str, Any]
    repeats: int = 30

    def parse(self, arguments: list[str]) -> argparse.Namespace:
        """Read the command line."""
        parser = argparse.ArgumentParser(description=self.about, formatter_class=argparse.RawDescriptionHelpFormatter)
        installed = [name for name in BACKENDS if importlib.util.find_spec(name)]
        told = "timed calls of each side (default: %(default)s)"
        parser.add_argument("--repeats", type=int, default=self.repeats, help=told)
        parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=installed, help="default: installed")
        chosen = parser.parse_args(arguments)
        if chosen.repeats < 1:
            parser.error(f"expected --repeats of at least 1; received {chosen.repeats}")
        return chosen

    def main(self, arguments: list[str] | None = None) -> int:
        """Run from the command line; return 0, 1 when a backend could not be measured, or 130 when interrupted."""
        arguments = sys.argv[1:] if arguments is None else arguments
        chosen, rows = self.parse(arguments), []
        for backend in chosen.backends:
            try:
                with start_process({"KERAS_BACKEND": backend}) as process:
                    rows += process.submit(show_rows, self.measure, chosen.repeats).result()
            except KeyboardInterrupt:
                print("interrupted; nothing was written", file=sys.stderr)
                return 130
            except Exception as error:
                traceback.print_exception(error)
                print(f"{backend} could not be measured; nothing was written", file=sys.stderr)
                return 1
        command = command_line(f"tools/bench/{Path(self.program).name}", arguments)
        write_result(self.result, rows, command, SEED, repeats=chosen.repeats, warm_up=WARM_UP, **self.sizes)
        for backend in chosen.backends:
            ratios = [row["ratio"] for row in rows if row["backend"] == backend]
            print(f"{backend}: ours is {min(ratios):.2f} to {max(ratios):.2f} times as fast as {self.rival}")
        return 0


def run_here(
    program: str,
    about: str | None,
    measure: Callable[[int], Iterable[dict[str, Any]]],
    result: str,
    arguments: list[str] | None,
    repeats: int,
    packages: Iterable[str],
    **sizes: Any,
) -> int:
    """Run a benchmark of ours alone, in this process, from the command line; return 0, or 130 when interrupted.

    Args:
        program: its file.
        about: what it says of itself.
        measure: takes the number of timed calls, and yields a row for each way.
        result: name of the file of results.
        arguments: of the command line; those of this process when omitted.
        repeats: timed calls of each way, unless the command line says otherwise.
        packages: distributions whose versions matter.
        **sizes: further entries of the file.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=repeats, help="timed calls of each way (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    if chosen.repeats < 1:
        parser.error(f"expected --repeats of at least 1; received {chosen.repeats}")
    try:
        rows = show_rows(measure, chosen.repeats)
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return 130
    command = command_line(f"tools/bench/{Path(program).name}", arguments)
    about_run = {"repeats": chosen.repeats, "warm_up": WARM_UP, **sizes}
    write_result(result, rows, command, SEED, packages=packages, **about_run)
    return 0


def start_process(environment: Mapping[str, str]) -> ProcessPoolExecutor:
    """Return a process of its own, told what a library needs to know before it is imported there."""
    return ProcessPoolExecutor(1, get_context("spawn"), set_environment, [environment])


def set_environment(environment: Mapping[str, str]) -> None:
    """Set variables of the process at hand."""
    os.environ.update(environment)


def show_rows(measure: Callable[[int], Iterable[dict[str, Any]]], repeats: int) -> list[dict[str, Any]]:
    """Print each row as soon as it is measured, and return them all."""
    rows = []
    for row in measure(repeats):
        print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
        rows.append(row)
    return rows


def modes(backend: str) -> tuple[bool, ...]:
    """Return whether to compile: PyTorch runs eagerly, the others both ways."""
    return (False,) if backend == "torch" else (False, True)


def waiting_call(function: Callable[..., Any], inputs: list[Any], compiled: bool) -> Callable[[], Any]:
    """Return a call without arguments that does all the work before it returns."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        run = jax.jit(function) if compiled else function
        return lambda: jax.block_until_ready(run(*inputs))
    if compiled:
        import tensorflow as tf

        function = tf.function(function)
    return lambda: function(*inputs)


def figures(calls: tuple[Callable[[], Any], Callable[[], Any]], repeats: int, rival: str) -> dict[str, float]:
    """Return what a row says of two calls: the milliseconds of ours and of the rival, and their ratio."""
    ours, theirs, ratio = compare(calls, repeats)
    return {"ours_ms": round(ours, 4), f"{rival}_ms": round(theirs, 4), "ratio": round(ratio, 3)}


def compare(calls: tuple[Callable[[], Any], Callable[[], Any]], repeats: int) -> tuple[float, float, float]:
    """Call both in turns, each as often first as last.

    Returns:
        Median milliseconds of the first and of the second, and the median over the turns of second / first: within a
        turn both meet the same machine, however busy it is.
    """
    first, second = take_turns(calls, repeats)
    ratios = [after / before for before, after in zip(first, second, strict=True)]
    return statistics.median(first), statistics.median(second), statistics.median(ratios)


def take_turns(calls: Sequence[Callable[[], Any]], repeats: int) -> list[list[float]]:
    """Make all calls in turns, each turn in the other order; return the milliseconds of each, less those of warm-up."""
    times: list[list[float]] = [[] for _ in calls]
    for turn in range(WARM_UP + repeats):
        order = list(enumerate(calls))
        for at, call in order if turn % 2 else reversed(order):
            start = time.perf_counter()
            call()
            times[at].append(1e3 * (time.perf_counter() - start))
    return [series[WARM_UP:] for series in times]
