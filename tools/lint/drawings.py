"""Rules about drawings, inline SVG among the outputs: captioned, described, named as their figure, compared."""

from collections.abc import Iterator

from nbformat import NotebookNode

from tools.lint.findings import Finding
from tools.lint.outputs import has_image, is_taken_out
from tools.lint.prose import alt_problem
from tools.notebooks.chapters import Chapter
from tools.notebooks.drawings import StoredDrawing, has_svg, read_drawing

METADATA = "`mystnb: {figure: {caption: ..., name: fig-...}}`"


def drawings_say_what_they_show(chapter: Chapter) -> Iterator[Finding]:
    """Ask for a caption, a title and a description of every drawing, and for its figure's name in its ids."""
    places: dict[str, str] = {}
    for number, cell in chapter.code_cells():
        drawn, place = [output for output in cell.outputs if has_svg(output)], f"cell [{number}]"
        if not drawn:
            continue
        for problem, remedy in _problems_of_cell(cell, len(drawn)):
            yield Finding(chapter.name, place, problem, remedy)
        for output in drawn:
            try:
                drawing = read_drawing(output)
            except ValueError as error:
                yield Finding(chapter.name, place, f"the drawing {error}", "Show what utils.drawing.figure returns")
                continue
            for problem, remedy in _problems_of_drawing(drawing, cell.metadata.get("mystnb", {}).get("figure", {})):
                yield Finding(chapter.name, place, problem, remedy)
            if drawing.name in places:
                problem = f"the drawing's name {drawing.name!r} is that of {places[drawing.name]}: ids are not unique"
                yield Finding(chapter.name, place, problem, "Give each drawing a name of its own")
            places.setdefault(drawing.name, place)


def _problems_of_cell(cell: NotebookNode, drawings: int) -> Iterator[tuple[str, str]]:
    pictures = drawings + sum(map(has_image, cell.outputs))
    if pictures > 1:
        yield f"{pictures} pictures share one caption", "Draw one figure per cell, with parts `side_by_side` if need be"
    if is_taken_out(cell):
        yield "the drawing is not compared", "Remove what keeps nbval from comparing it: its numbers are rounded"


def _problems_of_drawing(drawing: StoredDrawing, figure: NotebookNode) -> Iterator[tuple[str, str]]:
    caption = str(figure.get("caption") or "")
    is_figure = not drawing.has_links  # else it is a map of the page, neither numbered nor referred to
    if is_figure and not caption.strip():
        yield "the drawing has no caption", f"Write it in the cell's metadata: {METADATA}"
    elif is_figure and figure.get("name") != drawing.name:
        problem = f"the drawing is called {drawing.name!r}, its figure {figure.get('name')!r}"
        yield problem, f"Give both one name: `figure(..., name=...)` and {METADATA}"
    if not drawing.title.strip():
        yield "the drawing's title is missing", "Say in `figure(..., title=...)` what it shows"
    if problem := alt_problem(drawing.description, caption):
        yield f"the drawing's description {problem}", "State in `figure(..., description=...)` what is seen to be so"


RULES = (drawings_say_what_they_show,)
