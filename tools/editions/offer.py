"""Give readers the editions: in the folder `reading/`, to work in, and behind the site's links to notebooks."""

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.editions.syntax import EditionError
from tools.editions.write import edition_texts
from tools.notebooks.chapters import ROOT
from tools.site.addresses import read_addresses
from utils.files import write_whole

READING = ROOT / "reading"
PLACED = ".placed.json"  # the digest of each edition as it was put there, by which a reader's changes are seen
LINKED = ("_downloads/*/", "_sources/chapters/")  # where the site keeps notebooks for its buttons


def place(texts: Mapping[str, str], folder: Path = READING) -> list[str]:
    """Put editions into the folder in which a reader works; what the reader changed stays as it is.

    Args:
        texts: as `edition_texts` returns them.
        folder: made where it is not there.

    Returns:
        The names of the files that the reader changed and that the book has changed since.
    """
    folder.mkdir(exist_ok=True)
    record = folder / PLACED
    placed = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    kept = []
    for name, text in texts.items():
        path, new = folder / name, _digest(text.encode())
        if path.is_file() and _digest(path.read_bytes()) not in (placed.get(name), new):
            kept += [name] if placed.get(name) != new else []
            continue
        write_whole(path, text)
        placed[name] = new
    write_whole(record, json.dumps(placed, indent=1) + "\n")
    return kept


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def link(texts: Mapping[str, str], site: Path) -> int:
    """Put editions where the built site's links to notebooks lead, in place of the sources, full of directives.

    Args:
        texts: as `edition_texts` returns them.
        site: the folder of the built site.

    Returns:
        How many files were replaced.
    """
    found = [path for name in texts for place in LINKED for path in site.glob(f"{place}{name}")]
    for path in found:
        path.write_text(texts[path.name], encoding="utf-8", newline="\n")
    return len(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line: 0 if the editions are in the folder, 1 if a chapter cannot be shown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=READING, help="where to work (default: reading/)")
    options = parser.parse_args(arguments)
    try:
        kept = place(edition_texts(read_addresses()), options.folder)
    except EditionError as error:
        print(f"reading: {error}", file=sys.stderr)
        return 1
    for name in kept:
        print(
            f"{name} stays as you changed it; rename it, and the next `make read` puts the book's newer one beside it"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
