"""Lint the chapters: rules that keep every stored output true, every equation checked, every figure described."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.lint import definitions as lint_code
from tools.lint import drawings as lint_drawings
from tools.lint import equations as lint_equations
from tools.lint import folds as lint_folds
from tools.lint import outputs as lint_outputs
from tools.lint import prose as lint_text
from tools.lint.findings import Book, Finding
from tools.mutants.mutants import MUTANTS
from tools.notebooks.chapters import CHAPTERS, ROOT, find_chapters, read_chapter

CHAPTER_RULES = (
    *lint_outputs.RULES,
    *lint_text.RULES,
    *lint_drawings.RULES,
    *lint_code.RULES,
    *lint_folds.RULES,
    *lint_equations.RULES,
)
BOOK_RULES = (*lint_code.BOOK_RULES, *lint_equations.BOOK_RULES)


def lint(book: Book) -> list[Finding]:
    """Return all that breaks a rule, chapter by chapter, then across them."""
    found: list[Finding] = []
    for chapter in book.chapters:
        for rule in CHAPTER_RULES:
            found += _named(rule.__name__, rule(chapter))
    for rule in BOOK_RULES:
        found += _named(rule.__name__, rule(book))
    return found


def _named(name: str, findings: Iterable[Finding]) -> list[Finding]:
    return [replace(finding, rule=name) for finding in findings]


def collect(paths: Sequence[Path]) -> list[Path]:
    """Return the notebooks that files and folders stand for; LookupError if a folder has none."""
    return [found for path in paths for found in ([path] if path.is_file() else find_chapters("", path))]


def list_rules() -> str:
    """Return the names of the rules with what each asks."""
    return "\n".join(f"{rule.__name__}: {rule.__doc__.splitlines()[0]}" for rule in (*CHAPTER_RULES, *BOOK_RULES))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 if no rule is broken, 1 if one is, 2 if there is nothing to lint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, default=[CHAPTERS], help="notebooks or folders of them")
    parser.add_argument("--package", type=Path, default=ROOT / "utils", help="the package beside (default: utils/)")
    parser.add_argument("--rules", action="store_true", help="list the rules and stop")
    options = parser.parse_args(arguments)
    if options.rules:
        print(list_rules())
        return 0
    try:
        chapters = [read_chapter(path) for path in collect(options.paths)]
    except (LookupError, ValueError) as error:
        print(f"lint: {error}", file=sys.stderr)
        return 2
    mutants = [mutant for mutant in MUTANTS if mutant.function.startswith(f"{options.package.name}.")]
    found = lint(Book(chapters, options.package, mutants))
    print(*found, sep="\n", end="\n" * bool(found))
    print(f"lint: {len(chapters)} chapters, {len(found)} to mend")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
