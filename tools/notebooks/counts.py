"""What can be counted in a chapter as it is stored: cells, comparisons, equations, assertions, exercises."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from tools.lint.outputs import has_image, is_taken_out
from tools.notebooks.cells import assertions, parse_cell
from tools.notebooks.chapters import checked_labels, labelled_equations, read_chapter

_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
_EXERCISE = re.compile(r"^[`:]{3,}\s*\{exercise(?:-start)?\}", re.MULTILINE)


@dataclass(frozen=True)
class ChapterCounts:
    """The counts of one chapter.

    Attributes:
        name: file name without its suffix, for instance "01-attention".
        title: the first heading.
        cells: code cells; all are run again.
        ignored: code cells that are run, their output not compared.
        pictures: code cells whose output holds a picture.
        assertions: assertions that code cells make when they run.
        checks: for each numbered equation, in reading order, how many cells check it.
        exercises: exercises set.
        sha256: digest of the file.
    """

    name: str
    title: str
    cells: int
    ignored: int
    pictures: int
    assertions: int
    checks: dict[str, int]
    exercises: int
    sha256: str

    @property
    def compared(self) -> int:
        """Code cells whose stored output is compared with the new one."""
        return self.cells - self.ignored

    @property
    def checked(self) -> int:
        """Numbered equations that at least one cell checks."""
        return sum(count > 0 for count in self.checks.values())


def count_chapter(path: Path) -> ChapterCounts:
    """Read a notebook and count.

    Raises:
        ValueError: the file is no notebook, has no heading, or a code cell is not valid Python.
    """
    chapter = read_chapter(path)
    code = [cell for _, cell in chapter.code_cells()]
    text = "\n\n".join(source for _, source in chapter.markdown_cells())
    claimed = [label for cell in code for label in checked_labels(cell)]
    return ChapterCounts(
        name=path.stem,
        title=_title(text, path),
        cells=len(code),
        ignored=sum(map(is_taken_out, code)),
        pictures=sum(any(map(has_image, cell.outputs)) for cell in code),
        assertions=sum(_count_assertions(cell.source, path) for cell in code),
        checks={label: claimed.count(label) for label, _ in labelled_equations(chapter)},
        exercises=len(_EXERCISE.findall(text)),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _title(text: str, path: Path) -> str:
    """Return the first heading of the text."""
    heading = _TITLE.search(text)
    if heading is None:
        raise ValueError(f"expected {path.name} to have a heading '# Title'; found none. Add one.")
    return heading[1].strip()


def _count_assertions(source: str, path: Path) -> int:
    """Count the assertions of a cell."""
    tree = parse_cell(source)
    if tree is None:
        line = source.strip().splitlines()[0]
        raise ValueError(f"expected Python in every code cell of {path.name}; mend the one that begins {line!r}")
    return len(assertions(tree))
