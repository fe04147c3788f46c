"""Re-run chapters from a fresh kernel and store their outputs, all or nothing for each chapter."""

import argparse
import copy
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import nbformat
from nbformat import NotebookNode

from tools.notebooks.chapters import CHAPTERS, Chapter, find_chapters, is_code, read_chapter
from tools.notebooks.kernels import CELL_TIMEOUT, CellFailed, run_cells
from utils.files import write_whole

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python", "pygments_lexer": "ipython3"}
VOLATILE_OF_NOTEBOOK = ("widgets", "signature", "vscode", "colab", "accelerator", "gpuClass")
VOLATILE_OF_CELL = ("execution", "ExecuteTime", "collapsed", "scrolled", "trusted", "colab", "outputId", "vscode")
SHOWN_LINES = 5


def canonical(notebook: NotebookNode) -> str:
    """Return the one text that a notebook is stored as: nothing of the machine, the editor or the hour in it."""
    notebook = copy.deepcopy(notebook)
    for key in VOLATILE_OF_NOTEBOOK:
        notebook.metadata.pop(key, None)
    notebook.metadata.update(kernelspec=dict(KERNELSPEC), language_info=dict(LANGUAGE))
    for cell in notebook.cells:
        for key in VOLATILE_OF_CELL:
            cell.metadata.pop(key, None)
    return nbformat.writes(notebook, indent=1).rstrip("\n") + "\n"


def executed(chapter: Chapter, *, timeout: float, on_cell: Callable[[int], None]) -> NotebookNode:
    """Return a copy of the chapter's notebook with the outputs of a fresh run; CellFailed if a cell fails."""
    notebook = copy.deepcopy(chapter.notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    run_cells(notebook, chapter.path.resolve().parent, timeout=timeout, on_cell=on_cell)
    return notebook


class ProgressLine:
    """One line per chapter: on a terminal it counts the cells, elsewhere only its end is printed."""

    def __init__(self, chapter: Chapter):
        self.chapter = chapter
        self.total = len(chapter.code_cells())
        self.begun = time.monotonic()
        self.number = 0

    def on_cell(self, index: int) -> None:
        """Show that the cell at this index begins."""
        self.number = self.chapter.number(index)
        if sys.stdout.isatty():
            print(f"\r{self.chapter.path.stem}: cell {self.number} of {self.total}", end="\033[K", flush=True)

    def end(self, text: str) -> None:
        """Replace the line by what came of it."""
        start = "\r\033[K" if sys.stdout.isatty() else ""
        print(f"{start}{self.chapter.path.stem}: {text}", flush=True)

    @property
    def seconds(self) -> str:
        """The time since the beginning."""
        return f"{time.monotonic() - self.begun:.1f} s"


def describe_failure(chapter: Chapter, failure: CellFailed) -> str:
    """Say which cell failed, how its source begins, and why."""
    lines = chapter.notebook.cells[failure.index].source.strip().splitlines()
    shown = [f"    | {line}" for line in lines[:SHOWN_LINES]] + ["    | ..."] * (len(lines) > SHOWN_LINES)
    reason = failure.reason.replace("\n", "\n    ")
    return "\n".join([f"FAILED in cell [{chapter.number(failure.index)}]", *shown, f"    {reason}"])


def execute_chapter(path: Path, timeout: float = CELL_TIMEOUT) -> bool:
    """Run one chapter and store its outputs; on any failure say so and leave the file as it is.

    Returns:
        Whether the chapter ran through.

    Raises:
        KeyboardInterrupt: interrupted; the file is as it was, and the kernel is gone.
    """
    try:
        chapter = read_chapter(path)
    except ValueError as error:
        print(f"{path.stem}: FAILED. {error}", flush=True)
        return False
    line = ProgressLine(chapter)
    try:
        notebook = executed(chapter, timeout=timeout, on_cell=line.on_cell)
        text = canonical(notebook)
    except CellFailed as failure:
        line.end(f"{describe_failure(chapter, failure)}\n    The file is unchanged ({line.seconds}).")
        return False
    except KeyboardInterrupt:
        line.end(f"interrupted in cell [{line.number}]. The file is unchanged ({line.seconds}).")
        raise
    write_whole(path, text)
    line.end(f"{sum(map(is_code, notebook.cells))} cells in {line.seconds}")
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 if every chapter ran through, 1 if one failed, 2 for an unknown one, 130 on Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chapter", nargs="*", help="01, 01-attention or a file; all chapters without it")
    parser.add_argument("--timeout", type=float, default=CELL_TIMEOUT, help="seconds per cell (default: %(default)g)")
    parser.add_argument("--folder", type=Path, default=CHAPTERS, help="where the chapters are (default: chapters/)")
    options = parser.parse_args(arguments)
    try:
        paths = [path for name in options.chapter or [""] for path in find_chapters(name, options.folder)]
    except LookupError as error:
        print(f"execute: {error}", file=sys.stderr)
        return 2
    try:
        results = [execute_chapter(path, options.timeout) for path in dict.fromkeys(paths)]
    except KeyboardInterrupt:
        return 130
    if not all(results):
        print(f"execute: {results.count(False)} of {len(results)} chapters failed; their files are unchanged")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
