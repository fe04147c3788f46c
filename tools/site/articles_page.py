"""Write the lists of "From the articles to the book" to pages/generated/articles.md.

They come from data/articles.json: for each section and each block of code of the articles what it is about, a verdict,
where in the book it works, and a remark. Titles and numbers of the sections linked to are read from the chapters, and
versions of libraries from the record of what these said to the articles' calls. The result is committed, so that
building the site needs no run.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.files import write_or_compare
from tools.notebooks.chapters import ROOT
from tools.site.headings import headings_of

DATA = ROOT / "data" / "articles.json"
RECORD = ROOT / "data" / "results" / "article-code.json"
PAGE = ROOT / "pages" / "generated" / "articles.md"
LIBRARIES = ("ktrain", "torch", "transformers")
KINDS = ("section", "code")
VERDICTS = ("works", "corrected", "cannot", "left out")
SHOWN = {"works": "Works", "corrected": "Corrected", "cannot": "Cannot work", "left out": "Left out"}  # before a remark


@dataclass(frozen=True)
class Part:
    """A section or a block of code of an article.

    Attributes:
        kind: one of KINDS.
        number: of a section "4" or "4.2", of a block of code "1", "2" and so on through the article.
        about: what it is about, in words of this book.
        verdict: one of VERDICTS.
        targets: where in the book, as "page#anchor" or "page", without suffix and from the root: "pages/notation".
        remark: what is wrong with it and what to do instead, in Markdown; empty only where it works.
    """

    kind: str
    number: str
    about: str
    verdict: str
    targets: tuple[str, ...]
    remark: str


@dataclass(frozen=True)
class Article:
    """An article, as the counts of its sections and blocks of code, and its parts in their order."""

    about: str
    sections: int
    code_blocks: int
    parts: tuple[Part, ...]


def read_articles(path: Path = DATA) -> tuple[Article, ...]:
    """Read the articles.

    Raises:
        ValueError: a field is missing, unknown or of another type, or a rule is broken; see `problems`.
    """
    data = json.loads(path.read_text(encoding="utf-8"))
    try:
        articles = tuple(
            Article(**{**article, "parts": tuple(_part(part) for part in article["parts"])})
            for article in data["articles"]
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"expected the fields of Article and Part in {path.name}; {error}") from error
    if found := list(problems(articles)):
        raise ValueError(f"{path.name} has {len(found)} faults:\n  " + "\n  ".join(found))
    return articles


def read_versions(path: Path = RECORD) -> dict[str, str]:
    """Return the versions of the libraries that were asked."""
    recorded = json.loads(path.read_text(encoding="utf-8"))["versions"]
    return {name: recorded[name] for name in LIBRARIES}


def _part(fields: dict[str, Any]) -> Part:
    return Part(**{**fields, "targets": tuple(fields["targets"])})


def problems(articles: Sequence[Article]) -> Iterator[str]:
    """Yield what is wrong: parts missing or out of order, verdicts without a remark, links that lead nowhere."""
    for number, article in enumerate(articles, start=1):
        for problem in (*_gaps(article), *(p for part in article.parts for p in _faults(part))):
            yield f"article {number}, {problem}"


def _gaps(article: Article) -> Iterator[str]:
    """Yield what is wrong with the numbers of an article's parts."""
    sections = [part.number for part in article.parts if part.kind == "section"]
    blocks = [part.number for part in article.parts if part.kind == "code"]
    counts = (("sections", article.sections, sections), ("code blocks", article.code_blocks, blocks))
    for name, expected, found in counts:
        if len(found) != expected:
            yield f"{name}: expected {expected}, as recorded; there are {len(found)}"
    if blocks != [str(number) for number in range(1, len(blocks) + 1)]:
        yield f"code blocks: expected 1, 2, 3 and so on in this order; found {', '.join(blocks)}"
    last: tuple[int, ...] = ()
    for text in sections:
        number = tuple(map(int, text.split(".")))
        allowed = [(*last, 1), *((*last[:depth], last[depth] + 1) for depth in range(len(last)))]
        if number not in allowed:
            names = " or ".join(".".join(map(str, one)) for one in allowed)
            yield f"section {text}: expected {names} in its place"
        last = number


def _faults(part: Part) -> Iterator[str]:
    """Yield what is wrong with one part."""
    name = f"{part.kind} {part.number}"
    if part.kind not in KINDS or part.verdict not in VERDICTS:
        yield f"{name}: expected a kind of {KINDS} and a verdict of {VERDICTS}; received {part.verdict!r}"
    if not part.about:
        yield f"{name}: expected what it is about"
    if not part.remark and part.verdict != "works":
        yield f"{name}: expected a remark, because the verdict is {part.verdict!r}"
    if not part.targets and part.verdict != "left out":
        yield f"{name}: expected a place in the book, because the verdict is {part.verdict!r}"
    if "\n" in part.about + part.remark:
        yield f"{name}: expected no line break, which would end the entry of the list"
    for target in part.targets:
        try:
            heading(target)
        except LookupError as error:
            yield f"{name}: {error}"


def heading(target: str) -> str:
    """Return the heading that a target leads to, with its number, in Markdown.

    Raises:
        LookupError: there is no such page, or no such heading on it.
    """
    page, _, anchor = target.partition("#")
    headings = _headings(page)
    if anchor not in headings:
        known = ", ".join(name for name in headings if name)
        raise LookupError(f"expected a heading with the anchor {anchor!r} in {page}; there are {known}")
    return str(headings[anchor])


_headings = cache(headings_of)


def link(target: str) -> str:
    """Return a link to a target from a page in pages/; as HTML, because Markdown's links know labels alone."""
    page, mark, anchor = target.partition("#")
    return f'<a class="reference internal" href="../{escape(page)}.html{mark}{escape(anchor)}">{heading(target)}</a>'


def entry(part: Part) -> str:
    """Return a part as an entry of a definition list: what it is about, and what has become of it."""
    name = f"**{part.number}**" if part.kind == "section" else f"**Code {part.number}**"
    places = "; ".join(map(link, part.targets))
    mark = "*" if part.verdict == "works" else "**"
    words = (f"{mark}{SHOWN[part.verdict]}.{mark}", part.remark, places and f"→ {places}")
    return f"{name} {part.about}\n: {' '.join(filter(None, words))}"


def article_section(number: int, article: Article) -> str:
    """Return the list of an article's parts, under its heading."""
    title = f"(article-{number})=\n## Article {number}: {article.about}"
    entries = "\n\n".join(map(entry, article.parts))
    return f"{title}\n\n{_counts(article)}\n\n:::{{container}} by-part\n{entries}\n:::"


def _counts(article: Article) -> str:
    """Return what the article is made of, and what has become of it, as a sentence."""
    sections, blocks = (
        f"{n} {noun}{'s' * (n != 1)}" for n, noun in ((article.sections, "section"), (article.code_blocks, "block"))
    )
    return f"{sections} and {blocks} of code; {_verdicts(article.parts)}."


def _verdicts(parts: Iterable[Part]) -> str:
    """Return how many parts have which verdict, in words."""
    counts = Counter(part.verdict for part in parts)
    return ", ".join(f"{SHOWN[verdict].lower()}: {counts[verdict]}" for verdict in VERDICTS if counts[verdict])


def overview(articles: Sequence[Article]) -> str:
    """Return links to the lists of the articles, and how many parts have which verdict in all."""
    parts = [part for article in articles for part in article.parts]
    lines = [f"- [Article {number}](#article-{number}), {article.about}" for number, article in enumerate(articles, 1)]
    return "\n".join(lines) + f"\n\nThese are {len(parts)} parts; {_verdicts(parts)}."


def render(articles: Sequence[Article], versions: Mapping[str, str]) -> str:
    """Return the generated part of the page: MyST text that ends in a newline."""
    asked = ", ".join(f"{name} {version}" for name, version in versions.items())
    parts = [
        "% Written by tools/site/articles_page.py from data/articles.json; do not edit.",
        overview(articles),
        f"What is said of other libraries was read or run in {asked}.",
        *(article_section(number, article) for number, article in enumerate(articles, start=1)),
    ]
    return "\n\n".join(parts) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the lists, or with --check compare them; return 0, or 1 where they are missing or out of date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file is not up to date")
    parser.add_argument("--data", type=Path, default=DATA, help="the file to read (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=PAGE, help="the file to write (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        text = render(read_articles(options.data), read_versions())
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return write_or_compare(options.output, text, options.check, "tools/site/articles_page.py")


if __name__ == "__main__":
    sys.exit(main())
