"""Write the set-up cell, one text kept here, into every chapter: it finds the book, or fetches it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from nbformat import NotebookNode

from tools.notebooks.chapters import CHAPTERS, find_chapters, is_code, read_chapter, tags
from tools.notebooks.execute import canonical
from tools.site.addresses import CONFIG, checked_address, read_addresses
from utils.files import write_whole

TAG = "set-up"
PLACEHOLDER = "ADDRESS"

# Read by people who have just opened a chapter, so it is short: what follows once the book is found, and where packages
# may be missing, is in tools/reader/finish_set_up.py. A folder `.part` is a clone that was interrupted.
TEXT = """\
# Set-up: find the book above this notebook, or fetch it.
import runpy
import subprocess
import sys
from pathlib import Path

address = "ADDRESS"
program = "tools/reader/finish_set_up.py"
here, name = Path.cwd(), address.rpartition("/")[2]
places = [here, *here.parents, here / name]
books = [p for p in places if (p / program).is_file()]
if not books and "/OWNER/" in address:
    raise LookupError(
        "The notebook is outside the book and has no address to fetch it from. "
        "Open it in a clone, or run `make repository URL=...` there first."
    )
if not books:  # on Colab, or in an empty folder
    fetch = f"rm -rf {name}.part; git clone --depth=1 {address} {name}.part"
    status, words = subprocess.getstatusoutput(fetch)
    if status:
        raise ConnectionError(f"Could not fetch {address}. {words}")
    books = [Path(f"{name}.part").rename(here / name)]
root = books[0]
sys.path[:] = [str(root), *(p for p in sys.path if p != str(root))]
finish = runpy.run_path(str(root / program))["finish"]
finish(root, fetched=root == here / name)
"""


def set_up_text(address: str) -> str:
    """Return the source of the set-up cell for a repository's address."""
    return TEXT.replace(PLACEHOLDER, checked_address(address)).rstrip("\n")


def stamp(notebook: NotebookNode, address: str) -> bool:
    """Write the set-up cell into a notebook; return whether that changed it.

    Raises:
        LookupError: the first code cell is not tagged `set-up`, or another one is.
    """
    code = [cell for cell in notebook.cells if is_code(cell)]
    tagged = [number for number, cell in enumerate(code, start=1) if TAG in tags(cell)]
    if tagged != [1]:
        found = ", ".join(f"[{number}]" for number in tagged) or "none"
        raise LookupError(f"expected the tag `{TAG}` on the first code cell and no other; it is on: {found}")
    before, code[0].source = code[0].source, set_up_text(address)
    return code[0].source != before


def stamp_chapters(address: str, folder: Path = CHAPTERS) -> list[Path]:
    """Write the set-up cell into every chapter, all or none; return those that it changed.

    Outputs and execution counts stay: the cell prints nothing, and nothing in it alters what the chapter computes.

    Raises:
        LookupError: there is no chapter, or one has no cell for it; the message names it.
        ValueError: one is not a notebook, or the address is none.
    """
    texts: dict[Path, str] = {}
    for path in find_chapters("", folder):
        chapter = read_chapter(path)
        try:
            changed = stamp(chapter.notebook, address)
        except LookupError as error:
            raise LookupError(f"{chapter.name}: {error}") from error
        if changed:
            texts[path] = canonical(chapter.notebook)
    for path, text in texts.items():
        write_whole(path, text)
    return list(texts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 if all chapters have the cell now, 2 if one cannot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chapters", type=Path, default=CHAPTERS, help="folder of the notebooks (default: chapters/)")
    parser.add_argument("--config", type=Path, default=CONFIG, help="gives the address (default: _config.yml)")
    options = parser.parse_args(arguments)
    try:
        changed = stamp_chapters(read_addresses(options.config).repository, options.chapters)
    except (LookupError, ValueError) as error:
        print(f"set-up cell: {error}", file=sys.stderr)
        return 2
    print(*(f"{path.stem}: set-up cell written" for path in changed), sep="\n", end="\n" * bool(changed))
    print("set-up cell: every chapter has it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
