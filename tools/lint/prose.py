"""Rules about how a chapter reads: prose before each visible cell, pictures that say what they show."""

import re
from collections.abc import Iterator

from nbformat import NotebookNode

from tools.lint.findings import Finding
from tools.lint.outputs import has_image
from tools.notebooks.chapters import Chapter, is_code, tags, without_code
from tools.notebooks.folds import FOLD_TAG

LARGEST_FILE = 300_000  # bytes
SHORTEST_ALT = 25  # characters
SET_UP_TAG = "set-up"
SOLUTION_TAG = "solution"

_STRUCTURE = re.compile(
    r"^[ \t]*(?:[`~:]{3,}.*|:[\w-]+:.*|#{1,6}[ \t].*|\+\+\+.*|\([\w-]+\)=|<!--.*?-->|%.*)$", re.MULTILINE
)
_MARKDOWN_IMAGE = re.compile(r"(?P<linked>\[)?!\[(?P<alt>[^\]]*)\]\(")
_HTML_IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE | re.DOTALL)
_HTML_ALT = re.compile(r"\balt\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_DIRECTIVE_IMAGE = re.compile(
    r"^[ \t]*(?P<fence>[`~:]{3,})\{(?:figure|image)\}[^\n]*\n(?P<body>.*?)^[ \t]*(?P=fence)[ \t]*$", re.M | re.S
)
_ALT_OPTION = re.compile(r"^[ \t]*:alt:[ \t]*(.*)$", re.MULTILINE)
_FILE_NAME = re.compile(r"\.(?:png|jpe?g|svg|gif|webp|pdf)\b|^\S*[/\\]\S*$", re.IGNORECASE)


def prose_before_each_cell(chapter: Chapter) -> Iterator[Finding]:
    """Ask for a sentence before every code cell, folded ones and those of solutions excepted."""
    previous = None
    for index, cell in enumerate(chapter.notebook.cells):
        if is_code(cell) and FOLD_TAG in tags(cell):
            continue
        if is_code(cell) and SOLUTION_TAG not in tags(cell) and not _has_prose(previous):
            remedy = "Say in a Markdown cell before it what it is about to show (a heading alone is not enough)"
            yield Finding(chapter.name, chapter.place(index), "no prose before it", remedy)
        previous = cell


def _has_prose(cell: NotebookNode | None) -> bool:
    if cell is None or cell.cell_type != "markdown":
        return False
    return bool(re.search(r"\w", _STRUCTURE.sub("", cell.source)))


def small_file(chapter: Chapter) -> Iterator[Finding]:
    """Ask for at most 300 kB, so that the repository stays quick to fetch."""
    if chapter.size > LARGEST_FILE:
        problem = f"{chapter.size / 1000:.0f} kB, expected {LARGEST_FILE / 1000:.0f} kB at most"
        yield Finding(chapter.name, "", problem, "Draw smaller or fewer figures, or at a lower resolution")


def alt_on_every_figure(chapter: Chapter) -> Iterator[Finding]:
    """Ask for a caption and an alt text that states the finding, for every picture among the outputs."""
    for number, cell in chapter.code_cells():
        images = sum(map(has_image, cell.outputs))
        if not images:
            continue
        place = f"cell [{number}]"
        settings = cell.metadata.get("mystnb", {})
        alt = str(settings.get("image", {}).get("alt") or "")
        caption = str(settings.get("figure", {}).get("caption") or "")
        if images > 1:
            problem = f"{images} images share one alt text"
            yield Finding(chapter.name, place, problem, "Draw one figure per cell, with panels if need be")
        if not caption.strip():
            remedy = "Write it in the cell's metadata: `mystnb: {figure: {caption: ..., name: fig-...}}`"
            yield Finding(chapter.name, place, "the figure has no caption", remedy)
        if problem := alt_problem(alt, caption):
            remedy = "Say in the cell's metadata, `mystnb: {image: {alt: ...}}`, what the picture shows to be so"
            yield Finding(chapter.name, place, f"the figure's alt text {problem}", remedy)


def alt_on_every_picture(chapter: Chapter) -> Iterator[Finding]:
    """Ask for the same of the pictures in the text, be they Markdown, HTML or directives."""
    for place, source in chapter.markdown_cells():
        for alt, linked in _alts_in_text(without_code(source)):
            problem = _linked_problem(alt) if linked else alt_problem(alt)
            if problem:
                remedy = "State what it shows: `![the finding](file)`, `:alt:` in a directive, `alt=` in HTML"
                yield Finding(chapter.name, place, f"the alt text of a picture {problem}", remedy)


def _alts_in_text(text: str) -> Iterator[tuple[str, bool]]:
    for match in _MARKDOWN_IMAGE.finditer(text):
        yield match["alt"], bool(match["linked"])
    for tag in _HTML_IMAGE.findall(text):
        found = _HTML_ALT.search(tag)
        yield (found[1] or found[2] or "") if found else "", False
    for directive in _DIRECTIVE_IMAGE.finditer(text):
        found = _ALT_OPTION.search(directive["body"])
        yield found[1] if found else "", False


def alt_problem(alt: str, caption: str = "") -> str:
    """Return what is wrong with an alt text, or an empty string."""
    if not alt.strip():
        return "is missing"
    if _FILE_NAME.search(alt.strip()):
        return f"is a file name: {alt!r}"
    if _plain(alt) in _plain(caption):
        return "only repeats the caption"
    if len(alt.strip()) < SHORTEST_ALT:
        return f"has {len(alt.strip())} characters, expected {SHORTEST_ALT} at least: {alt!r}"
    return ""


def _linked_problem(alt: str) -> str:
    """Judge the picture of a link, whose alt text names where it leads and may be short."""
    return alt_problem(alt) if not alt.strip() or _FILE_NAME.search(alt) else ""


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


RULES = (
    prose_before_each_cell,
    small_file,
    alt_on_every_figure,
    alt_on_every_picture,
)
