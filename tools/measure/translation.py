"""Train the book's translator, English to German, on Multi30k; go on where it was stopped.

The run lives in a folder of its own and is resumed from there: Ctrl-C and a kill lose minutes at most. The corpus comes
from the folder that BOOK_DATA_DIR names.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.measure.results import ROOT

FOLDER = ROOT / "_build" / "translation"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of the run (default: _build/translation)")
    parser.add_argument("--epochs", type=int, default=60, help="passes over the 29,000 pairs (default: 60)")
    parser.add_argument("--minutes", type=float, default=150, help="of this call (default: 150)")
    parser.add_argument("--seed", type=int, default=0, help="of the run (default: 0)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train; 0 when the epochs or the minutes are over, 1 for what a reader can mend, 130 when interrupted."""
    chosen = parse(arguments)
    from utils.corpora import CorpusError
    from utils.translation.fitting import Fitting, Settings, TrainingError, validation
    from utils.translation.pairs import load_multi30k

    try:
        train, held_out = load_multi30k("train"), load_multi30k("val")
        fitting = Fitting(chosen.folder, train, Settings(seed=chosen.seed))
        fitting.fit(
            epochs=chosen.epochs,
            seconds=60 * chosen.minutes,
            after_epoch=lambda translator: validation(translator, held_out),
        )
    except (CorpusError, TrainingError, OSError) as error:
        print(f"translation: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"interrupted; the same command goes on from {chosen.folder}", file=sys.stderr)
        return 130
    for line in fitting.curve[-3:]:
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
