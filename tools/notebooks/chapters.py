"""Read the chapters: which there are, their cells, and the labels that tie equations to checks."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = ROOT / "chapters"
CHECK_TAG = "checks:"

_FENCE = re.compile(
    r"^[ \t]*(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)\n(?P<body>.*?)^[ \t]*(?P=fence)[ \t]*$", re.M | re.S
)
_MATH_FENCE = re.compile(
    r"^[ \t]*(?P<fence>[`~:]{3,})\{math\}[^\n]*\n(?P<body>.*?)^[ \t]*(?P=fence)[ \t]*$", re.M | re.S
)
_DOLLARS = re.compile(r"\$\$(?P<body>.+?)\$\$(?:[ \t]*\((?P<label>[^()\n]+)\))?", re.S)
_LABEL_OPTION = re.compile(r"^[ \t]*:label:[ \t]*(\S+)", re.M)
_NUMBERED_ENVIRONMENT = re.compile(r"^[ \t]*\\begin\{(equation|align|gather|multline|eqnarray)\}", re.M)


@dataclass(frozen=True)
class Chapter:
    """A notebook with the path it was read from and its size in bytes."""

    path: Path
    notebook: NotebookNode
    size: int

    @property
    def name(self) -> str:
        """The path as a reader would type it: relative to the repository where that is possible."""
        resolved = self.path.resolve()
        return str(resolved.relative_to(ROOT) if resolved.is_relative_to(ROOT) else self.path)

    def code_cells(self) -> list[tuple[int, NotebookNode]]:
        """The code cells that hold something, numbered from 1 as Jupyter would count their executions."""
        return list(enumerate((cell for cell in self.notebook.cells if is_code(cell)), start=1))

    def markdown_cells(self) -> Iterator[tuple[str, str]]:
        """Yield (place in words, source) of each Markdown cell."""
        for index, cell in enumerate(self.notebook.cells):
            if cell.cell_type == "markdown":
                yield self.place(index), cell.source

    def number(self, index: int) -> int:
        """The number that the code cell at this index has, or that the next code cell after it will have."""
        return 1 + sum(map(is_code, self.notebook.cells[:index]))

    def place(self, index: int) -> str:
        """Say where in the chapter the cell at this index is, in words."""
        if is_code(self.notebook.cells[index]):
            return f"cell [{self.number(index)}]"
        if any(map(is_code, self.notebook.cells[index:])):
            return f"text before cell [{self.number(index)}]"
        return "text after the last cell"


def is_code(cell: NotebookNode) -> bool:
    """Return whether a kernel would run this cell: a code cell with more than white space."""
    return cell.cell_type == "code" and bool(cell.source.strip())


def tags(cell: NotebookNode) -> list[str]:
    """Return the tags of a cell."""
    return list(cell.metadata.get("tags", []))


def checked_labels(cell: NotebookNode) -> list[str]:
    """Return the equation labels that a cell claims to check, from its tags `checks:eq-...`."""
    return [tag.removeprefix(CHECK_TAG) for tag in tags(cell) if tag.startswith(CHECK_TAG)]


def without_code(markdown: str) -> str:
    """Return Markdown less its literal code: fenced blocks that show code, and inline code."""

    def keep_directives(match: re.Match[str]) -> str:
        info = match["info"].strip()
        literal = not info.startswith("{") or info.startswith(("{code", "{literalinclude"))
        return "" if literal else match[0]

    return re.sub(r"(`+)(?!`)[^\n]+?(?<!`)\1(?!`)", "", _FENCE.sub(keep_directives, markdown))


def equation_labels(markdown: str) -> list[str]:
    """Return the labels of the displayed equations in a Markdown cell, in order of kind then place."""
    text = without_code(markdown)
    labels = [match["label"] for match in _DOLLARS.finditer(text) if match["label"]]
    return labels + [label for block in _MATH_FENCE.finditer(text) for label in _LABEL_OPTION.findall(block["body"])]


def numbered_environments(markdown: str) -> list[str]:
    """Return the LaTeX environments that would be numbered without carrying a label of the book."""
    text = _MATH_FENCE.sub("", _DOLLARS.sub("", without_code(markdown)))
    return _NUMBERED_ENVIRONMENT.findall(text)


def labelled_equations(chapter: Chapter) -> list[tuple[str, str]]:
    """Return (label, place in words) of each labelled equation of a chapter."""
    return [(label, place) for place, source in chapter.markdown_cells() for label in equation_labels(source)]


def find_chapters(wanted: str = "", folder: Path = CHAPTERS) -> list[Path]:
    """Return the chapters in reading order, the appendices after the others, or the one that is meant.

    Args:
        wanted: a name ("01-attention"), its number ("01", "1", an appendix's "a2") or a file name; empty for all.
        folder: where the notebooks are.

    Raises:
        LookupError: no chapter is called so, or there is none at all; the message lists those there are.
    """
    paths = sorted(path for path in folder.glob("*.ipynb") if not path.name.startswith("."))
    stem = Path(wanted).name.removesuffix(".ipynb")
    chosen = [path for path in paths if not wanted or _is_called(path.stem, stem)]
    if not chosen:
        names = ", ".join(path.stem for path in paths) or "none"
        raise LookupError(f"expected a chapter called {wanted or '*'!r} in {folder}; there are: {names}")
    return chosen


def _is_called(stem: str, wanted: str) -> bool:
    number = stem.partition("-")[0]
    if wanted.isdigit() and number.isdigit():
        return int(number) == int(wanted)
    return wanted in (stem, number)


def read_chapter(path: Path) -> Chapter:
    """Read a notebook; cells without an id get one that depends only on their place.

    Raises:
        ValueError: the file is not a notebook; the message says where it stops being one.
    """
    data = path.read_bytes()
    try:
        raw = json.loads(data)
        if raw.get("nbformat") == 4:
            raw["nbformat_minor"] = 5
            for index, cell in enumerate(raw["cells"]):
                cell.setdefault("id", f"cell-{index:03d}")
        notebook = nbformat.reads(json.dumps(raw), as_version=4)
        nbformat.validate(notebook)
    except (ValueError, KeyError, AttributeError, nbformat.ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path} is not a Jupyter notebook of format 4: {reason}; mend or restore it") from error
    return Chapter(path, notebook, len(data))
