"""Record a full run of the gate in data/results/gate.json, from the report that nbval left.

`make test` writes one test case per code cell to _build/reports/cells.xml. This program counts them, adds what they ran
on, and refuses a report that is older than a chapter or lacks one of its cells.
"""

import argparse
import json
import platform
import sys
import xml.etree.ElementTree as ElementTree
from importlib import metadata
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.notebooks.chapters import ROOT, find_chapters
from tools.notebooks.counts import ChapterCounts, count_chapter
from utils.files import write_whole

REPORT = ROOT / "_build" / "reports" / "cells.xml"
RECORD = ROOT / "data" / "results" / "gate.json"
PACKAGES = ("keras", "tensorflow", "jax", "numpy", "matplotlib", "nbval", "ipykernel")


def build_record(report: Path, chapters: list[Path], backend: str, device: str) -> dict[str, Any]:
    """Turn nbval's report, junit XML, into a record of when and on what the chapters ran, and what came of each.

    Raises:
        ValueError: the report is older than a chapter, lacks some of its cells or skipped some.
    """
    suites = ElementTree.parse(report).getroot()
    suite = next(suites.iter("testsuite"))
    return {
        "date": suite.get("timestamp", "")[:10],
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "backend": backend,
        "device": device,
        "chapters": [_chapter_record(path, suites, report) for path in chapters],
    }


def _chapter_record(path: Path, suites: ElementTree.Element, report: Path) -> dict[str, Any]:
    """Count the test cases of one chapter."""
    counts = count_chapter(path)
    cases = [case for case in suites.iter("testcase") if _belongs(case, path)]
    _check_cases(cases, counts, path, report)
    different = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
    return {
        "chapter": counts.name,
        "cells": counts.cells,
        "compared": counts.compared,
        "ignored": counts.ignored,
        "different": different,
        "seconds": round(sum(float(case.get("time", 0)) for case in cases)),
        "sha256": counts.sha256,
    }


def _belongs(case: ElementTree.Element, path: Path) -> bool:
    """Return whether a test case is a cell of the notebook: nbval's class name ends in the file's name."""
    return f".{case.get('classname', '')}".endswith(f".{path.name}")


def _check_cases(cases: list[ElementTree.Element], counts: ChapterCounts, path: Path, report: Path) -> None:
    """Raise ValueError unless the report holds each cell of the notebook as it is now."""
    remedy = "Run `make test`, then this program again."
    if report.stat().st_mtime < path.stat().st_mtime:
        raise ValueError(f"expected {report.name} to be newer than {path.name}; it is older. {remedy}")
    names = {case.get("name") for case in cases}
    if len(cases) != counts.cells or len(names) != counts.cells:
        raise ValueError(
            f"expected {counts.cells} cells of {path.name} in {report.name}; received {len(cases)}. {remedy}"
        )
    skipped = sum(case.find("skipped") is not None for case in cases)
    if skipped:
        raise ValueError(f"expected every cell of {path.name} to be run; {skipped} were skipped. {remedy}")


def ask_device() -> tuple[str, str]:
    """Ask the backend that this environment selects for its name and for the device that tensors land on."""
    from utils.runtime import device  # imports Keras, seconds

    found = device()
    return found.backend, found.kind


def main(arguments: list[str] | None = None) -> int:
    """Record the last run; return 0, or 1 where the report cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=Path, default=REPORT, help="junit XML of nbval (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=RECORD, help="where to write (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        if not options.report.exists():
            raise ValueError(f"expected nbval's report at {options.report}; found none. Run `make test` first.")
        record = build_record(options.report, find_chapters(), *ask_device())
    except (LookupError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    write_whole(options.output, json.dumps(record, indent=2) + "\n")  # git can compare it line by line
    cells = sum(chapter["cells"] for chapter in record["chapters"])
    print(f"Recorded {cells} cells in {options.output}. Now write the page's tables: python tools/site/check_page.py")
    return 0


if __name__ == "__main__":
    sys.exit(main())
