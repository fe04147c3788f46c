"""Measure one training step of our encoder with a classifier against other libraries', all in one run, in turns.

All train the same small classifier (see `tools/bench/encoder_rows.py`) with Adam on random batches. Each library has a
process of its own, and only one works at a time. The matrix products of a step, alone, say what the machine allows: the
faster of NumPy's and PyTorch's. A ratio above 1 says that a row is faster than the fastest TensorFlow contestant that
is not ours.
"""

import argparse
import contextlib
import importlib.util
import random
import statistics
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.bench.encoder_rows import Sizes, timed_steps
from tools.bench.pairs import start_process
from tools.measure.results import PACKAGES, command_line, write_result

LENGTHS = (64, 256)
SEED, WARM_UP = 0, 8  # warm-up steps of each row
STEPS = {64: 8, 256: 3}  # timed steps of a row in each turn


class Row(NamedTuple):
    """A contestant: which model, on what, and what is set there."""

    model: str
    place: str
    option: Any

    @property
    def mode(self) -> str:
        """How it runs, in words."""
        if self.model == "matrix products":
            return "alone"
        if self.place == "torch":
            return "eager"
        return "XLA" if self.option else "graph"


ROWS = (
    *(Row(model, "tensorflow", compiled) for model in ("ours", "Keras layers") for compiled in (True, False)),
    *(Row("TFBert", "tf-keras", compiled) for compiled in (True, False)),
    *(Row(model, "jax", True) for model in ("ours", "Keras layers")),
    *(Row(model, "torch", False) for model in ("ours", "torch.nn.TransformerEncoder")),
    Row("matrix products", "torch", "torch"),
    Row("matrix products", "numpy", "numpy"),
)
# What each process needs to be told before it starts; threads that wait are not to burn the cores of the others.
PATIENT = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
PLACES = {
    "tensorflow": {"KERAS_BACKEND": "tensorflow"},
    "tf-keras": {"TF_USE_LEGACY_KERAS": "1", "USE_TORCH": "0"},
    "jax": {"KERAS_BACKEND": "jax"},
    "torch": {"KERAS_BACKEND": "torch"},
    "numpy": {},
}
PACKAGE = {"tf-keras": "tf_keras"}  # where it is not called as the place


def measure(places: Iterable[str], length: int, turns: int) -> list[dict[str, Any]]:
    """Time the rows of these places in turns, each turn in an order of its own, and return a record of each.

    Raises:
        RuntimeError: a library could not train its model, or its process ended.
    """
    seconds: dict[Row, list[float]] = {row: [] for row in ROWS if row.place in places}
    order, sizes = random.Random(SEED), Sizes(length)
    with contextlib.ExitStack() as stack:
        workers = {place: stack.enter_context(start_process({**PATIENT, **PLACES[place]})) for place in places}
        for turn in tqdm(range(turns), desc=f"length {length}", unit="turn"):
            for row in order.sample(list(seconds), len(seconds)):
                request = (row.model, row.option, sizes, WARM_UP, STEPS[length], SEED + 1000 * (turn + 1))
                try:
                    times = workers[row.place].submit(timed_steps, *request).result()
                except Exception as error:
                    raise RuntimeError(f"{row.model} failed on {row.place}: {error!r}") from error
                seconds[row].append(statistics.median(times))
    return records(seconds, sizes)


def records(seconds: dict[Row, list[float]], sizes: Sizes) -> list[dict[str, Any]]:
    """Turn the seconds of a step in each turn into tokens a second, shares of the bound and ratios.

    Ratios are medians over the turns, within which all meet the same machine, however busy it is.
    """
    tokens = sizes.batch * sizes.length
    middle = {row: statistics.median(times) for row, times in seconds.items()}
    bound = min((time for row, time in middle.items() if row.model == "matrix products"), default=None)
    peers = [row for row in seconds if row.place in ("tensorflow", "tf-keras") and row.model != "ours"]
    peer = min(peers, key=middle.get, default=None)
    found = []
    for row, times in seconds.items():
        ratio = peer and statistics.median(b / a for a, b in zip(times, seconds[peer], strict=True))
        found.append(
            {
                **{"length": sizes.length, "model": row.model, "library": row.place, "mode": row.mode},
                "milliseconds_per_step": round(1e3 * middle[row], 2),
                "tokens_per_second": round(tokens / middle[row]),
                "share_of_bound": bound and round(bound / middle[row], 3),
                "ratio_to_fastest_tensorflow_peer": ratio and round(ratio, 3),
            }
        )
    return found


def show(row: dict[str, Any]) -> None:
    """Print one row of the table."""
    share, ratio = row["share_of_bound"], row["ratio_to_fastest_tensorflow_peer"]
    print(
        f"{row['length']:<8}{row['model']:<29}{row['library']:<12}{row['mode']:<7}{row['tokens_per_second']:>9,} "
        f"tokens/s{'' if share is None else f'{share:>7.2f} of the bound'}{'' if ratio is None else f'{ratio:>7.2f}'}",
        flush=True,
    )


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    installed = [place for place in PLACES if importlib.util.find_spec(PACKAGE.get(place, place))]
    parser.add_argument("--turns", type=int, default=15, help="how often each row is timed (default: 15)")
    parser.add_argument("--places", nargs="+", choices=PLACES, default=installed, help="default: those installed")
    parser.add_argument("--lengths", nargs="+", type=int, choices=LENGTHS, default=list(LENGTHS), help="default: both")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    chosen = parser.parse_args(arguments)
    if chosen.turns < 1:
        parser.error(f"expected --turns of at least 1; received {chosen.turns}")
    return chosen


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; return 0, 1 when a library could not be measured, or 130 when interrupted."""
    chosen = parse(arguments)
    try:
        rows = [row for length in chosen.lengths for row in measure(chosen.places, length, chosen.turns)]
    except RuntimeError as error:
        traceback.print_exception(error)
        print("nothing was written", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return 130
    for row in rows:
        show(row)
    if not chosen.dry_run:
        command = command_line("tools/bench/encoder.py", sys.argv[1:] if arguments is None else arguments)
        sizes = {name: value for name, value in Sizes(0)._asdict().items() if name != "length"}
        packages = (*PACKAGES, "tf-keras", "transformers")
        about = {"turns": chosen.turns, "warm_up": WARM_UP, "sizes": sizes}
        write_result("encoder-bench", rows, command, SEED, packages=packages, **about)
    return 0


if __name__ == "__main__":
    sys.exit(main())
