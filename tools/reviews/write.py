"""Write the generated review corpus to data/reviews: train.csv, test.csv and the data card README.md.

The same program writes the same bytes on every machine. The card's figures are counted from the reviews; its table of
baselines is read from data/results/reviews-baselines.json, which tools/measure/reviews.py writes.
"""

import argparse
import csv
import io
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.reviews.card import card
from utils import reviews
from utils.files import write_whole

FOLDER = Path(__file__).resolve().parents[2] / "data" / "reviews"


def as_csv(rows: list[reviews.Review]) -> str:
    """Return reviews as CSV with a header, lines ending in a line feed; `deciding` holds places joined by spaces."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(reviews.COLUMNS)
    for row in rows:
        fields = {name: getattr(row, name) for name in reviews.COLUMNS}
        writer.writerow({**fields, "deciding": " ".join(map(str, row.deciding))}.values())
    return text.getvalue()


def files() -> dict[str, bytes]:
    """Return {name: bytes} of all that this program writes."""
    splits = {split: reviews.generate(split) for split in reviews.SPLITS}
    texts = {f"{split}.csv": as_csv(rows) for split, rows in splits.items()} | {"README.md": card(splits)}
    return {name: text.encode("utf-8") for name, text in texts.items()}


def write(folder: Path = FOLDER) -> list[Path]:
    """Write the files to a folder, each all or nothing."""
    return [write_whole(folder / name, data) for name, data in files().items()]


def differences(folder: Path = FOLDER) -> list[str]:
    """Return a line for each stored file that is missing or is not what the program writes now."""
    found = []
    for name, data in files().items():
        path = folder / name
        if not path.is_file():
            found.append(f"{name} is missing: run `python tools/reviews/write.py`")
        elif path.read_bytes() != data:
            found.append(f"{name} is not what the program writes: run `python tools/reviews/write.py`")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; return 0, or 1 when a stored file differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a stored file differs")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the files are (default: data/reviews)")
    chosen = parser.parse_args(arguments)
    if chosen.check:
        found = differences(chosen.folder)
        print(*found or ["every file is what the program writes"], sep="\n")
        return int(bool(found))
    for path in write(chosen.folder):
        print(f"{path.name}: {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
