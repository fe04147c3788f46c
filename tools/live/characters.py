"""Write which characters the tokenizers library drops, takes for accents, and takes for punctuation, for JavaScript.

A browser knows these classes too, but of a newer Unicode than the library, and each browser of its own. So
web/live/characters.js holds the library's own answers for all characters that there are. Takes ten seconds.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tokenizers import normalizers, pre_tokenizers

from tools.measure.results import ROOT
from utils.files import write_whole

CHARACTERS = ROOT / "web" / "live" / "characters.js"
SURROGATES = range(0xD800, 0xE000)
NOTHING = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
HEAD = """\
// Written by tools/live/characters.py: what the tokenizers library takes for what, as hexadecimal ranges.
(globalThis.live ??= {}).characters = {
"""


def classes() -> dict[str, Callable[[str], bool]]:
    """Return {name: whether a character belongs}, as the library answers it."""
    clean = normalizers.BertNormalizer(**{**NOTHING, "clean_text": True})
    strip = normalizers.BertNormalizer(**{**NOTHING, "strip_accents": True})
    split = pre_tokenizers.BertPreTokenizer()
    return {
        "dropped": lambda character: clean.normalize_str(f"x{character}y") == "xy",
        "accents": lambda character: strip.normalize_str(f"x{character}y") == "xy",
        "punctuation": lambda character: len(split.pre_tokenize_str(f"x{character}y")) == 3,
    }


def ranges(belongs: Callable[[str], bool], characters: Sequence[int] = range(0x110000)) -> Iterator[str]:
    """Yield the ranges of the characters that belong, as JavaScript's regular expressions write them.

    Example:
        >>> list(ranges(str.isdigit, range(128)))
        ['30-39']
    """
    first = None
    for point in [*characters, 0x110000]:
        inside = point in characters and point not in SURROGATES and belongs(chr(point))
        if inside and first is None:
            first = point
        if not inside and first is not None:
            yield f"{first:x}" if first == point - 1 else f"{first:x}-{point - 1:x}"
            first = None


def script() -> str:
    """Return the text of characters.js."""
    rows = (f'  {name}: "{" ".join(ranges(belongs))}",\n' for name, belongs in classes().items())
    return HEAD + "".join(rows) + "};\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file; return 0."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args(
        arguments
    )
    print(f"wrote {write_whole(CHARACTERS, script()).relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
