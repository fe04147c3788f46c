"""Prove that every check of an equation can fail: run each chapter once, and each checking cell under its mutants.

A chapter runs in one kernel, as far as its last checking cell. Before a cell tagged `checks:eq-...` runs for good, it
is tried apart: once as the code stands, when it must pass, then once for each mutant of its equation, when it must
raise.
"""

import argparse
import copy
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import nbformat
from nbformat import NotebookNode

from tools.mutants.mutants import MUTANTS, Mutant
from tools.mutants.trial import CAUGHT, MARK
from tools.mutants.verdicts import Trial, Verdict, judge, strays, table, write_junit
from tools.notebooks.chapters import (
    CHAPTERS,
    Chapter,
    checked_labels,
    find_chapters,
    is_code,
    labelled_equations,
    read_chapter,
)
from tools.notebooks.kernels import CELL_TIMEOUT, CellFailed, run_cells


def with_trials(chapter: Chapter, mutants: Sequence[Mutant]) -> tuple[NotebookNode, dict[int, Trial]]:
    """Return the notebook as far as its last checking cell, with trial cells before each of them.

    Returns:
        The notebook, and the trials by index of their cell.
    """
    notebook = copy.deepcopy(chapter.notebook)
    cells: list[NotebookNode] = []
    trials: dict[int, Trial] = {}
    number = 0
    for cell in notebook.cells:
        number += is_code(cell)
        for label in checked_labels(cell) if is_code(cell) else ():
            for mutant in (None, *(mutant for mutant in mutants if mutant.equation == label)):
                trials[len(cells)] = Trial(number, label, mutant)
                cells.append(_trial_cell(cell.source, mutant))
        cells.append(cell)
    notebook.cells = cells[: max(trials, default=-1) + 2]
    return notebook, trials


def _trial_cell(source: str, mutant: Mutant | None) -> NotebookNode:
    fields = asdict(mutant) if mutant else None
    trial = "__import__('tools.mutants.trial', fromlist=['report_trial'])"  # binds no name in the notebook
    return nbformat.v4.new_code_cell(f"{trial}.report_trial(get_ipython(), {source!r}, {fields!r})")


def read_result(cell: NotebookNode) -> dict[str, Any] | None:
    """Return what a trial cell printed, or None where it did not get so far."""
    text = "".join(output.get("text", "") for output in cell.outputs)
    lines = [line for line in text.splitlines() if line.startswith(MARK)]
    return json.loads(lines[-1].removeprefix(MARK)) if lines else None


def try_chapter(
    path: Path, mutants: Sequence[Mutant], search: Sequence[Path] = (), timeout: float = CELL_TIMEOUT
) -> list[Verdict]:
    """Run a chapter with its mutants and return a verdict for each mutant of each of its equations.

    Args:
        path: the notebook.
        mutants: all mutants; those of other chapters' equations are left aside.
        search: folders from which the kernel imports before the repository.
        timeout: seconds for one cell or one trial.
    """
    chapter = read_chapter(path)
    labels = list(dict.fromkeys(label for label, _ in labelled_equations(chapter)))
    notebook, trials = with_trials(chapter, mutants)
    stopped = ""
    if trials:
        try:
            run_cells(notebook, path.resolve().parent, timeout=timeout, search=search)
        except CellFailed as failure:
            stopped = _stopped_at(notebook, trials, failure)
            _void_cell(notebook, trials, failure.index)
        for index, trial in trials.items():
            trial.result = read_result(notebook.cells[index]) or trial.result
    return judge(chapter.path.stem, labels, mutants, list(trials.values()), stopped)


def _stopped_at(notebook: NotebookNode, trials: dict[int, Trial], failure: CellFailed) -> str:
    trial = trials.get(failure.index)
    if trial and trial.mutant:
        return f"the run stopped at mutant {trial.mutant.name} in cell [{trial.number}]: {failure.reason}"
    number = sum(is_code(cell) for index, cell in enumerate(notebook.cells[: failure.index + 1]) if index not in trials)
    return f"the run stopped in cell [{number}]: {failure.reason}; see `make execute`"


def _void_cell(notebook: NotebookNode, trials: dict[int, Trial], index: int) -> None:
    """Forget what the trials of a cell found if the cell then failed as it stands: they prove nothing."""
    if index not in trials:
        while (index := index - 1) in trials:
            notebook.cells[index].outputs = []


def try_chapters(paths: Sequence[Path], mutants: Sequence[Mutant], jobs: int, **settings: Any) -> list[Verdict]:
    """Try several chapters, each in a process of its own, and the mutants whose equation stands in none of them."""
    print(f"mutants: running {', '.join(path.stem for path in paths)}", flush=True)
    if len(paths) == 1:
        verdicts = try_chapter(paths[0], mutants, **settings)
    else:
        with ProcessPoolExecutor(min(jobs, len(paths))) as pool:
            waiting = [pool.submit(try_chapter, path, mutants, **settings) for path in paths]
            verdicts = [verdict for future in waiting for verdict in future.result()]
    return verdicts


def main(arguments: Sequence[str] | None = None, mutants: Sequence[Mutant] = MUTANTS) -> int:
    """Run the command line; 0 if every mutant was caught, 1 if not or if there was none, 2 for an unknown chapter."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chapter", nargs="*", help="01, 01-attention or a file; all chapters without it")
    parser.add_argument("--folder", type=Path, default=CHAPTERS, help="where the chapters are (default: chapters/)")
    parser.add_argument("--search", type=Path, action="append", default=[], help="folder to import from first")
    parser.add_argument("--timeout", type=float, default=CELL_TIMEOUT, help="seconds per cell (default: %(default)g)")
    parser.add_argument("--jobs", type=int, default=2, help="chapters at a time (default: %(default)s)")
    parser.add_argument("--junitxml", type=Path, help="write the verdicts there too")
    options = parser.parse_args(arguments)
    try:
        paths = [path for name in options.chapter or [""] for path in find_chapters(name, options.folder)]
    except LookupError as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    try:
        verdicts = try_chapters(paths, mutants, options.jobs, search=options.search, timeout=options.timeout)
    except KeyboardInterrupt:
        print("mutants: interrupted")
        return 130
    if not options.chapter:
        verdicts += strays(mutants, verdicts)
    print(table(verdicts))
    if options.junitxml:
        write_junit(verdicts, options.junitxml)
    caught = sum(verdict.verdict == CAUGHT for verdict in verdicts)
    failed = sum(bool(verdict.remedy) for verdict in verdicts)
    print(f"mutants: {caught} caught, {failed} to mend" + ("" if verdicts else "; expected some, found none"))
    return 0 if caught and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
