"""Number what the site numbers, and find what a label, a page or a term leads to."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tools.editions.syntax import Directive, EditionError, walk
from tools.notebooks.chapters import ROOT, Chapter, find_chapters, read_chapter

KIND_OF_DIRECTIVE = {"exercise": "Exercise", "figure": "Figure", "table": "Table", "list-table": "Table"}
LISTINGS = ("literalinclude", "code-block", "code")
_FILE_NUMBER = re.compile(r"(?:(?P<chapter>\d+)|a(?P<appendix>[1-9]))(?=-|$)")
_TERM = re.compile(r"^(?P<term>\S.*)\n[ \t]+\S", re.M)


@dataclass(frozen=True)
class Target:
    """What a label leads to: `kind` and `number` ("Figure", "1.2"), its title, its page and its place there."""

    kind: str
    number: str
    title: str
    page: str
    fragment: str

    @property
    def name(self) -> str:
        """The target as a reader would call it: "Figure 1.2", or its title."""
        return f"{self.kind} {self.number}" if self.number else self.title


@dataclass
class Counts:
    """Running numbers of one page; chapters number their parts "1.1" or "A.1", other pages number nothing."""

    chapter: str
    counts: Counter = field(default_factory=Counter)

    def next(self, kind: str) -> str:
        """Return the number of the next thing of a kind."""
        self.counts[kind] += 1
        return f"{self.chapter}.{self.counts[kind]}" if self.chapter else ""

    def heading(self, level: int) -> str:
        """Return the number of the next heading: "1" for the title, "1.2" for the second section."""
        self.counts.update([f"h{level}"])
        for deeper in range(level + 1, 7):
            self.counts.pop(f"h{deeper}", None)
        parts = [self.counts[f"h{above}"] for above in range(2, level + 1)]
        return ".".join(map(str, [self.chapter, *parts])) if self.chapter else ""


@dataclass
class Labels:
    """The labels, page titles and terms of the whole book."""

    targets: dict[str, Target] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    terms: set[str] = field(default_factory=set)

    def find(self, label: str, kind: str = "") -> Target:
        """Return what a label leads to; EditionError if there is none, or it is of another kind."""
        target = self.targets.get(label)
        if target is None or (kind and target.kind != kind):
            there = f"a {target.kind.lower()}" if target else "nothing"
            raise EditionError(
                f"the label {label!r} leads to {there}; expected {kind.lower() or 'something in the book'}"
            )
        return target


def chapter_number(path: Path) -> str:
    """Return what the site calls a chapter: "1" for 01-attention, "A" for a1-..., the first appendix.

    Raises:
        EditionError: the file's name begins with no number, by which chapters are counted.
    """
    number = _FILE_NUMBER.match(path.stem)
    if number is None:
        raise EditionError(
            f"{path.name} has no number; name it like 01-attention.ipynb, an appendix like a1-more.ipynb"
        )
    return str(int(number["chapter"])) if number["chapter"] else chr(ord("A") + int(number["appendix"]) - 1)


def read_labels(chapters: Iterable[Chapter], root: Path = ROOT) -> Labels:
    """Return the labels of chapters, of the pages beside them, and of the introduction."""
    labels = Labels()
    for chapter in chapters:
        counts = Counts(chapter_number(chapter.path))
        for cell in chapter.notebook.cells:
            if cell.cell_type == "markdown":
                _read_markdown(labels, f"chapters/{chapter.path.name}", cell.source, counts)
            figure = cell.metadata.get("mystnb", {}).get("figure", {})
            if figure.get("caption"):
                number, page = counts.next("Figure"), f"chapters/{chapter.path.name}"
                _add(labels, figure.get("name", ""), Target("Figure", number, figure["caption"], page, ""))
    for page in [root / "intro.md", *sorted((root / "pages").glob("*.md"))]:
        if page.is_file():
            _read_markdown(labels, page.relative_to(root).as_posix(), page.read_text(encoding="utf-8"), Counts(""))
    return labels


def book_labels() -> Labels:
    """Return the labels of this book."""
    return read_labels([read_chapter(path) for path in find_chapters()])


def _add(labels: Labels, name: str, target: Target) -> None:
    if name:
        labels.targets[name] = Target(target.kind, target.number, target.title, target.page, target.fragment or name)


def _read_markdown(labels: Labels, page: str, markdown: str, counts: Counts) -> None:
    pending, level = "", 0
    for token, directive in walk(markdown):
        if token.type == "myst_target":
            pending = token.content
        elif token.type == "heading_open":
            level = int(token.tag[1])
        elif token.type == "inline" and level:
            number, text = counts.heading(level), token.content.strip()
            labels.titles.setdefault(page, text)
            _add(labels, pending, Target("Section", number, text, page, ""))
            pending, level = "", 0
        elif token.type == "math_block_label":
            label = token.info.strip()
            _add(labels, label, Target("Equation", counts.next("Equation"), "", page, f"equation-{label}"))
        elif directive:
            _read_directive(labels, page, directive, counts)


def _read_directive(labels: Labels, page: str, directive: Directive, counts: Counts) -> None:
    options, kind = directive.options, KIND_OF_DIRECTIVE.get(directive.name, "")
    label, caption = options.get("label") or options.get("name", ""), options.get("caption", "")
    if directive.name == "math" and label:
        _add(labels, label, Target("Equation", counts.next("Equation"), "", page, f"equation-{label}"))
    elif directive.name in LISTINGS and caption:
        _add(labels, label, Target("Listing", counts.next("Listing"), caption, page, ""))
    elif kind and (directive.argument or directive.name == "exercise"):
        _add(labels, label, Target(kind, counts.next(kind), directive.argument, page, ""))
    elif directive.name == "glossary":
        labels.terms |= {found["term"].strip() for found in _TERM.finditer(directive.body)}
