"""Write the editions of each chapter: the notebook that readers run, the one for students, and the key to that."""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import nbformat

from tools.editions.labels import read_labels
from tools.editions.notebook import Edition
from tools.editions.syntax import EditionError
from tools.notebooks.chapters import CHAPTERS, ROOT, find_chapters, read_chapter
from tools.site.addresses import (
    CONFIG,
    EDITIONS,
    EDITIONS_FOLDER,
    UNSET_OWNER,
    Addresses,
    checked_address,
    read_addresses,
)

OUTPUT = ROOT / "_build" / EDITIONS_FOLDER


def edition_texts(addresses: Addresses, chapters: Path = CHAPTERS, edition: str = "colab") -> dict[str, str]:
    """Return the edition of every chapter, {name of the file: its text}.

    Args:
        addresses: where the set-up cell fetches the book and where links lead.
        chapters: folder of the notebooks.
        edition: one of EDITIONS.

    Raises:
        EditionError: a chapter holds something that an edition cannot show, or has no set-up cell.
        LookupError: there is no chapter.
        ValueError: a chapter is not a notebook.
    """
    read = [read_chapter(path) for path in find_chapters("", chapters)]
    labels = read_labels(read)
    texts = {}
    for chapter in read:
        notebook = Edition(chapter, labels, addresses, edition).notebook()
        nbformat.validate(notebook)
        texts[chapter.path.name] = nbformat.writes(notebook, indent=1).rstrip("\n") + "\n"
    return texts


def write_editions(
    addresses: Addresses, chapters: Path = CHAPTERS, output: Path = OUTPUT / "colab", edition: str = "colab"
) -> list[Path]:
    """Write the edition of every chapter, or none: the folder is replaced when all are made.

    Args:
        addresses: as for `edition_texts`, like chapters; it raises the same errors.
        chapters: see there.
        output: folder of the editions; what it holds already is replaced.
        edition: as for `edition_texts`.
    """
    texts = edition_texts(addresses, chapters, edition)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as folder:
        for name, text in texts.items():
            Path(folder, name).write_text(text, encoding="utf-8", newline="\n")
        _replace(output, Path(folder))
    return [output / name for name in texts]


def _replace(output: Path, made: Path) -> None:
    """Put the files of a folder, and nothing else, where the editions belong."""
    output.mkdir(exist_ok=True)
    for old in output.iterdir():
        if not (made / old.name).exists():
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    for new in made.iterdir():
        os.replace(new, output / new.name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 if every edition is written, 1 if a chapter cannot be shown, 2 on other errors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repository", default="", help="address to stamp (default: that of _config.yml)")
    parser.add_argument("--chapters", type=Path, default=CHAPTERS, help="folder of the notebooks (default: chapters/)")
    parser.add_argument("--edition", choices=EDITIONS, help="one of them (default: all)")
    parser.add_argument(
        "--output", type=Path, help=f"folder of one edition, colab unless said (default: _build/{EDITIONS_FOLDER}/…)"
    )
    options = parser.parse_args(arguments)
    try:
        addresses = read_addresses(CONFIG)
        if options.repository:
            addresses = Addresses(checked_address(options.repository), addresses.branch)
        chosen = [options.edition or "colab"] if options.edition or options.output else list(EDITIONS)
        folders = {edition: options.output or OUTPUT / edition for edition in chosen}
        for edition in chosen:
            written = write_editions(addresses, options.chapters, folders[edition], edition)
            _report(written)
    except EditionError as error:
        print(f"editions: {error}", file=sys.stderr)
        return 1
    except (LookupError, OSError, ValueError) as error:
        print(f"editions: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("editions: interrupted; those of the last run are still there", file=sys.stderr)
        return 130
    if UNSET_OWNER in addresses.repository:
        print("No address is set, so these run only inside a clone: make repository URL=https://github.com/OWNER/NAME")
    return 0


def _report(written: list[Path]) -> None:
    """Print what was written, and where."""
    for path in written:
        print(f"{path.stem}: {path.stat().st_size / 1000:.0f} kB")
    folder = written[0].parent
    print(f"{len(written)} editions in {folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder}")


if __name__ == "__main__":
    sys.exit(main())
