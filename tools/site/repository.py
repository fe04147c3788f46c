"""Set the repository's address: in `_config.yml`, and from there in the set-up cell of every chapter."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.notebooks.chapters import ROOT
from tools.notebooks.set_up_cell import stamp_chapters
from tools.site.addresses import UNSET_OWNER, checked_address, read_addresses
from utils.files import write_whole

EXAMPLE = "https://github.com/OWNER/NAME"
USAGE = f"make repository URL={EXAMPLE}"
_LINE = re.compile(r"(?P<key>^repository:[^\n]*\n(?:[ \t]+[^\n]*\n|[ \t]*\n)*?[ \t]+url:[ \t]*)(?P<url>[^\s#]+)", re.M)


def with_address(config: str, address: str) -> str:
    """Return the text of a `_config.yml` with another repository address and all else as it was.

    Raises:
        ValueError: the text has no line `url:` under `repository:`.
    """
    text, count = _LINE.subn(lambda found: found["key"] + address, config, count=1)
    if not count:
        raise ValueError("expected a line `url: ...` under `repository:` in _config.yml, found none; restore it")
    return text


def set_address(address: str, root: Path = ROOT) -> list[str]:
    """Write the address where it belongs; return the names of the files that changed.

    The chapters come first: if one cannot take it, nothing is written.

    Raises:
        ValueError: it is no address, or `_config.yml` has no place for it.
        LookupError: a chapter has no set-up cell.
    """
    if address.strip().startswith("file:"):
        raise ValueError(f"expected an address that readers can reach, such as {EXAMPLE}; received {address!r}")
    address, path = checked_address(address), root / "_config.yml"
    before = path.read_text(encoding="utf-8")
    after = with_address(before, address)
    changed = [found.relative_to(root).as_posix() for found in stamp_chapters(address, root / "chapters")]
    if after != before:
        write_whole(path, after)
        changed.insert(0, path.name)
    return changed


def describe(root: Path = ROOT) -> str:
    """Say which address is set and how to set another."""
    present = read_addresses(root / "_config.yml").repository
    state = "not set yet" if UNSET_OWNER in present else "set"
    return f"The repository's address is {state}: {present}\nSet it with: {USAGE}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 if the address is set (or shown), 2 if it is none or the book cannot take it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", default="", help="the new address; without it, show the present one")
    parser.add_argument("--root", type=Path, default=ROOT, help="of the book (default: this repository)")
    options = parser.parse_args(arguments)
    try:
        if not options.url.strip():
            print(describe(options.root))
            return 0
        changed = set_address(options.url, options.root)
    except (LookupError, OSError, ValueError) as error:
        print(f"repository: {error}", file=sys.stderr)
        return 2
    print(*(f"changed {name}" for name in changed), sep="\n", end="\n" * bool(changed))
    print("Commit these files." if changed else "Nothing to change: this address is set everywhere.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
