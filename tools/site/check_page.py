"""Write the tables of "How this book is checked" to pages/generated/checks.md.

Everything comes from the committed chapters, the lists of mutants and of exercises, data/reference and data/results;
nothing is typed in. The result is committed, so that building the site needs neither TensorFlow nor a run.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.files import write_or_compare
from tools.mutants.mutants import MUTANTS, Mutant
from tools.notebooks.chapters import ROOT, find_chapters
from tools.notebooks.counts import ChapterCounts, count_chapter
from tools.site.check_page_records import (
    backends_section,
    chapter_link,
    gate_section,
    gpu_section,
    pages_section,
    table,
)
from utils.exercises.engine.checker import EXERCISES
from utils.exercises.engine.exercise import Exercise

PAGE = ROOT / "pages" / "generated" / "checks.md"
RESULTS = ROOT / "data" / "results"
REFERENCE = ROOT / "data" / "reference"
SHOWN_APART = ("gate", "backends", "gpu", "pages")  # what was recorded of chapters and pages, with tables of its own


@dataclass(frozen=True)
class Sources:
    """What the tables are made from.

    Attributes:
        chapters: counts of the chapters in reading order.
        mutants: the mutants of all equations.
        exercises: the exercises of all chapters.
        reference: arrays of each file of data/reference, by name without suffix.
        results: content of each file of data/results, likewise; see SHOWN_APART.
    """

    chapters: Sequence[ChapterCounts]
    mutants: Sequence[Mutant] = ()
    exercises: Sequence[Exercise] = ()
    reference: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)


def read_sources() -> Sources:
    """Read everything from the repository; LookupError or ValueError where a chapter is missing or broken."""
    return Sources(
        chapters=[count_chapter(path) for path in find_chapters()],
        mutants=MUTANTS,
        exercises=tuple(EXERCISES.values()),
        reference={path.stem: dict(np.load(path, allow_pickle=False)) for path in sorted(REFERENCE.glob("*.npz"))},
        results=read_results(),
    )


def read_results(folder: Path = RESULTS) -> dict[str, Any]:
    """Read every result file of the folder, by name without suffix."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def chapters_section(chapters: Sequence[ChapterCounts]) -> str:
    """Return what the chapters hold: cells, comparisons, equations, exercises."""
    cells = table(
        ["chapter", "code cells", "output compared", "not compared", "with a picture"],
        [(chapter_link(c), c.cells, c.compared, c.ignored, c.pictures) for c in chapters],
    )
    claims = table(
        ["chapter", "numbered equations", "of them checked", "assertions", "exercises"],
        [(chapter_link(c), len(c.checks), c.checked, c.assertions, c.exercises) for c in chapters],
    )
    silent = "A cell that prints nothing is compared too: it must go on printing nothing."
    return f"## The chapters, counted\n\n{cells}\n\n{silent}\n\n{claims}"


def equations_section(chapters: Sequence[ChapterCounts], mutants: Sequence[Mutant]) -> str:
    """Return each numbered equation with its checking cells and the mutants that these must catch."""
    rows = [
        (f"{{eq}}`{label}`", count, _mutants_of(label, mutants))
        for chapter in chapters
        for label, count in chapter.checks.items()
    ]
    return "## Equations and their mutants\n\n" + table(["equation", "checking cells", "mutants to be caught"], rows)


def exercises_section(exercises: Iterable[Exercise]) -> str:
    """Return each exercise with the wrong answers that its checker knows and the inputs it tries."""
    rows = [(e.title, len(e.mistakes), 1 if e.asks_for_value else e.trials) for e in exercises]
    return "## Exercises and their checkers\n\n" + table(["exercise", "known mistakes", "inputs tried"], rows)


def reference_section(reference: Mapping[str, Mapping[str, np.ndarray]]) -> str:
    """Return the cases that PyTorch computed, and how many numbers each holds our code to."""
    title = "## Values from PyTorch"
    if not reference:
        return f"{title}\n\nNone are stored yet."
    rows = []
    for name, arrays in reference.items():
        origin = f"PyTorch {arrays['meta/torch']}, seed {arrays['meta/seed']}"
        rows += [(f"{name}, {case.replace('_', ' ')}", count, origin) for case, count in _expected(arrays).items()]
    return f"{title}\n\n" + table(["case", "numbers to agree with", "made by"], rows)


def measured_section(results: Mapping[str, Any]) -> str:
    """Return where the measured figures that chapters show come from: results that name their command."""
    rows = [
        (name.replace("_", " ").replace("-", " "), result["date"], f"`{result['command']}`")
        for name, result in results.items()
        if "command" in result and name not in SHOWN_APART
    ]
    title = "## Measured figures"
    return f"{title}\n\n" + (table(["figures", "date", "command"], rows) if rows else "None are stored yet.")


def render(sources: Sources) -> str:
    """Return the whole generated part of the page: MyST text that ends in a newline."""
    chapters = sources.chapters
    sections = [
        "% Written by tools/site/check_page.py; do not edit.",
        chapters_section(chapters),
        equations_section(chapters, sources.mutants),
        exercises_section(sources.exercises),
        reference_section(sources.reference),
        measured_section(sources.results),
        gate_section(sources.results.get("gate"), chapters),
        backends_section(sources.results.get("backends"), chapters),
        gpu_section(sources.results.get("gpu"), chapters),
        pages_section(sources.results.get("pages")),
    ]
    return "\n\n".join(sections) + "\n"


def _expected(arrays: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Return for each case how many numbers PyTorch's output, weights and gradients hold."""
    counts: dict[str, int] = {}
    for key, array in arrays.items():
        case, _, name = key.partition("/")
        if name in ("output", "weights") or name.startswith("grad_"):
            counts[case] = counts.get(case, 0) + array.size
    return counts


def _mutants_of(label: str, mutants: Sequence[Mutant]) -> str:
    """Return the names of an equation's mutants as words."""
    return ", ".join(mutant.name.replace("-", " ") for mutant in mutants if mutant.equation == label) or "none"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the tables, or with --check compare them; return 0, or 1 where they are missing or out of date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file is not up to date")
    parser.add_argument("--output", type=Path, default=PAGE, help="the file to write (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        text = render(read_sources())
    except (LookupError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return write_or_compare(options.output, text, options.check, "tools/site/check_page.py")


if __name__ == "__main__":
    sys.exit(main())
