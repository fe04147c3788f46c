"""What chapter 8 trains: its encoder and reviews, how it divides them, and the recipe. All its figures share them."""

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path

from tools.measure.results import RESULTS, ROOT

ENCODER = ROOT / "data" / "checkpoints" / "mini-bert"
REVIEWS = ROOT / "data" / "reviews"
HELD_OUT, SPLIT_SEED = 0.1, 8  # of the training reviews, for validation
LEARNING_RATE, EPOCHS, BATCH = 5e-4, 8, 32
SEEDS = (0, 1, 2, 3, 4)


def digest(*files: Path) -> str:
    """Return the SHA-256 of some files, one after the other."""
    found = hashlib.sha256()
    for path in files:
        found.update(path.read_bytes())
    return found.hexdigest()


def command_parser(about: str | None, work: Path) -> argparse.ArgumentParser:
    """Return a parser of seeds, of the place of finished trainings, which is `work`, and of that of the figures."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), help="default: 0 1 2 3 4")
    kept = f"finished trainings (default: {work.relative_to(ROOT)})"
    parser.add_argument("--work", type=Path, default=work, help=kept)
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write (default: data/results)")
    return parser


def parse_several(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """Read a command line whose figures have a deviation, and so need at least two different seeds."""
    chosen = parser.parse_args(arguments)
    if len(set(chosen.seeds)) < 2:
        parser.error(f"expected --seeds with at least two different ones; received {chosen.seeds}")
    return chosen
