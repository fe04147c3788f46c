"""Find the headings that a link into the book can lead to, and number them as the site does."""

import re
from dataclasses import dataclass
from pathlib import Path

from docutils.nodes import make_id

from tools.notebooks.chapters import ROOT, read_chapter

_LINE = re.compile(r"^(?:(?P<marks>#{1,4}) +(?P<title>\S.*?)|\((?P<label>[\w-]+)\)=) *$", re.M)
_QUESTION = re.compile(r"(Q\d+)\. ")
_BLOCK = re.compile(r"^[ \t]*(`{3,}|~{3,}).*?^[ \t]*\1[ \t]*$", re.M | re.S)
_CHAPTER = re.compile(r"(?P<chapter>\d+)-|a(?P<appendix>\d+)-")


@dataclass(frozen=True)
class Heading:
    """A heading of a page.

    Attributes:
        title: as Markdown.
        number: "3" for a chapter, "3.1.2" for a section of one, "B.1" in an appendix; empty on pages without numbers.
    """

    title: str
    number: str = ""

    def __str__(self) -> str:
        """The heading as the site shows it, in Markdown; of a question, "Q3. …", its number alone."""
        question = _QUESTION.match(self.title)
        return question[1] if question else f"{self.number} {self.title}".strip()


def read_page(page: str, root: Path = ROOT) -> str:
    """Return the Markdown of a page, of which `page` is the path without suffix, less its fenced blocks.

    Raises:
        LookupError: there is no such page.
    """
    notebook, text = root / f"{page}.ipynb", root / f"{page}.md"
    if notebook.is_file():
        source = "\n\n".join(source for _, source in read_chapter(notebook).markdown_cells())
    elif text.is_file():
        source = text.read_text(encoding="utf-8")
    else:
        raise LookupError(f"expected {page}.ipynb or {page}.md; there is neither")
    return _BLOCK.sub("", source)


def headings_of(page: str, root: Path = ROOT) -> dict[str, Heading]:
    """Return the headings of a page by their anchors: labels, and what Sphinx makes of titles; "" is the page itself.

    Raises:
        LookupError: there is no such page, or it has no heading.
    """
    first = _number_of(Path(page).name)
    counts: list[int] = []
    found: dict[str, Heading] = {}
    labels: list[str] = []
    for line in _LINE.finditer(read_page(page, root)):
        if line["label"]:
            labels.append(line["label"])
            continue
        depth = len(line["marks"])
        counts = [*counts[:depth], *[0] * (depth - len(counts))]
        counts[-1] += 1
        number = ".".join([first, *map(str, counts[1:])]) if first else ""
        heading = Heading(line["title"], number)
        found.setdefault("", heading)
        for anchor in (*labels, make_id(line["title"])):
            found.setdefault(anchor, heading)
        labels = []
    if not found:
        raise LookupError(f"expected a heading in {page}; there is none")
    return found


def _number_of(name: str) -> str:
    """Return "3" for 03-positions, "B" for a2-clinic, and nothing for other pages."""
    match = _CHAPTER.match(name)
    if match is None:
        return ""
    return str(int(match["chapter"])) if match["chapter"] else chr(ord("A") + int(match["appendix"]) - 1)
