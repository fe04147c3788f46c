"""Make an edition of one chapter: plain Markdown, stamped set-up cell, outputs as they are.

The edition for Colab folds solutions, the student's has cells for answers in their place, the key shows them.
"""

import re
from dataclasses import dataclass

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools.editions.answers import answer_cells
from tools.editions.check import attached, problems
from tools.editions.citations import Citations
from tools.editions.convert import Converter
from tools.editions.directives import DIRECTIVES, SOLUTION_END, SOLUTION_START, fold
from tools.editions.labels import Counts, Labels, chapter_number
from tools.editions.spans import Inline
from tools.editions.syntax import EditionError, walk
from tools.notebooks.chapters import Chapter, tags
from tools.notebooks.drawings import has_svg, read_drawing
from tools.notebooks.folds import IMPORTS_TAG, PROOF_TAG, is_proof, line_of
from tools.notebooks.set_up_cell import TAG, stamp
from tools.site.addresses import Addresses

BOOK = "The Executable Transformer"
SOLUTION_TAG = "solution"
FOLDED_TAGS = frozenset({TAG, SOLUTION_TAG, "hide-input", "hide-cell"})
TITLED_TAGS = frozenset({PROOF_TAG, IMPORTS_TAG})
_ABOUT = {
    "colab": "as a notebook to run and to change",
    "student": "as a notebook for students: a cell for each answer, and one that checks it",
    "key": "the key for who teaches it: the notebook for students with the solutions in place",
}
_OF_STUDENTS = {  # what chapters say of exercises, as it is in their edition
    "in a new cell of the notebook": "in the cell below the exercise",
    ", and hand it to `check`": ", and run the cell under it",
    " The solutions fold out; try first.": "",
}
_GATE = re.compile(f"^({re.escape(SOLUTION_START)}.*|{re.escape(SOLUTION_END)})$", re.M)


@dataclass
class Edition:
    """One chapter on its way to become a notebook for Colab, JupyterLab and VS Code.

    Attributes:
        edition: one of EDITIONS.
    """

    chapter: Chapter
    labels: Labels
    addresses: Addresses
    edition: str = "colab"

    def __post_init__(self):
        page = f"chapters/{self.chapter.path.name}"
        self.citations = Citations()
        inline = Inline(page, self.labels, self.addresses, self.citations)
        self.converter = Converter(inline, Counts(chapter_number(self.chapter.path)), DIRECTIVES)
        self.solution, self.asked = "", ""

    def notebook(self) -> NotebookNode:
        """Return the edition.

        Raises:
            EditionError: something in the chapter cannot be shown; the message names the cell.
        """
        cells = [new_markdown_cell(self._heading(), id="about-this-edition")]
        for index, cell in enumerate(self.chapter.notebook.cells):
            try:
                cells += self._code(cell) if cell.cell_type == "code" else self._text(cell)
            except EditionError as error:
                raise EditionError(f"{self.chapter.name}: {self.chapter.place(index)}: {error}") from error
        if self.solution:
            raise EditionError(f"{self.chapter.name}: the {self.solution} has no {{solution-end}}")
        if works := self.citations.listed():
            cells.append(
                new_markdown_cell("## References\n\n" + "\n".join(f"- {work}" for work in works), id="references")
            )
        return self._stamped(new_notebook(cells=cells, metadata=self._metadata(), nbformat_minor=5))

    def _stamped(self, notebook: NotebookNode) -> NotebookNode:
        try:
            stamp(notebook, self.addresses.repository)
        except LookupError as error:
            raise EditionError(f"{self.chapter.name}: {error}") from error
        return notebook

    def _heading(self) -> str:
        number, page = chapter_number(self.chapter.path), self.converter.inline.page
        address = self.addresses.page(page)
        place = f" [The same chapter as a page]({address})." if address else ""
        kind = "Chapter" if number.isdigit() else "Appendix"
        return f"*{kind} {number} of **{BOOK}**, {_ABOUT[self.edition]}.*{place}"

    def _metadata(self) -> dict[str, object]:
        return {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "colab": {"name": self._name(), "provenance": [], "toc_visible": True},
        }

    def _name(self) -> str:
        """Return what Colab calls a copy of this edition."""
        path = self.chapter.path
        return path.name if self.edition == "colab" else f"{path.stem}-{self.edition}{path.suffix}"

    def _text(self, cell: NotebookNode) -> list[NotebookNode]:
        source = self._folded(self.converter.blocks(cell.source)) if cell.cell_type == "markdown" else cell.source
        if "{exercise}" in cell.source:
            self.asked = [one.body for _, one in walk(cell.source) if one and one.name == "exercise"][-1]
        if self.edition == "student":
            source = _for_students(source)
        attachments = cell.get("attachments", {})
        for problem in problems(source, attachments):
            raise EditionError(problem)
        if not source.strip():
            return []
        shown = {name: attachments[name] for name in sorted(attached(source))}
        return [new_markdown_cell(source, id=cell.id, **({"attachments": shown} if shown else {}))]

    def _folded(self, text: str) -> str:
        """Return a cell's text with the parts that belong to a solution folded."""
        parts: list[str] = []
        for part in _GATE.split(text):
            if part.startswith(SOLUTION_START):
                self.solution = part.removeprefix("\x02").strip()
                parts.append(self._announced())
            elif part == SOLUTION_END:
                self.solution = ""
            elif self.solution and part.strip():
                parts.append(self._words(part.strip()))
            else:
                parts.append(part.strip("\n"))
        return "\n\n".join(filter(None, parts))

    def _announced(self) -> str:
        """Return the line before a solution, or before the cell for an answer."""
        if self.edition == "student":
            return f"**Your answer{self.solution.removeprefix('solution')}**: write it below, and run both cells."
        return f"**{_titled(self.solution)}**" + (": unfold the cell below." if self.edition == "colab" else ":")

    def _words(self, text: str) -> str:
        """Return the words of a solution: folded, not there at all, or in place."""
        if self.edition == "colab":
            return fold(f"{_titled(self.solution)}: the words", text)
        return text if self.edition == "key" else ""

    def _code(self, cell: NotebookNode) -> list[NotebookNode]:
        if SOLUTION_TAG in tags(cell) and self.edition == "student":
            sources = zip(("answer", "check-answer"), answer_cells(cell.source, self.asked), strict=True)
            return [new_code_cell(text, id=f"{cell.id}-{tag}", metadata={"tags": [tag]}) for tag, text in sources]
        folded = FOLDED_TAGS - ({SOLUTION_TAG} if self.edition == "key" else set())
        edited = NotebookNode(cell)
        edited.metadata = NotebookNode({"tags": tags(cell)} if tags(cell) else {})
        if folded.intersection(tags(cell)):
            edited.metadata.update(cellView="form", jupyter={"source_hidden": True})
        if TITLED_TAGS.intersection(tags(cell)):
            edited.source = titled(cell)
        if is_proof(cell) and cell.outputs:
            edited.metadata.collapsed = edited.metadata.jupyter["outputs_hidden"] = True
        edited.outputs = [_as_image(output) if has_svg(output) else output for output in cell.outputs]
        return [edited, *self._caption(cell)]

    def _caption(self, cell: NotebookNode) -> list[NotebookNode]:
        """Return the cell with a figure's caption, and the finding for those who cannot see the figure."""
        shown = cell.metadata.get("mystnb", {})
        caption = shown.get("figure", {}).get("caption", "")
        if not caption:
            return []
        number = self.converter.counts.next("Figure")
        text = f"**Figure {number}.** {self.converter.inline.convert(caption)}"
        drawn = [read_drawing(output).description for output in cell.outputs if has_svg(output)]
        if alt := shown.get("image", {}).get("alt", "") or "\n\n".join(drawn):
            text += "\n\n" + fold("The figure in words", alt)
        if is_proof(cell):
            text = fold(f"Figure {number} is folded in the cell above", text)
        return [new_markdown_cell(text, id=f"{cell.id}-caption")]


def _titled(name: str) -> str:
    """Return a name with a capital at its beginning; the letter of an appendix stays as it is."""
    return name[:1].upper() + name[1:]


def _for_students(text: str) -> str:
    """Return what a chapter says of its exercises as it is where each has a cell for its answer."""
    for said, is_so in _OF_STUDENTS.items():
        text = text.replace(said, is_so)
    if "olutions fold out" in text:
        said = ", ".join(map(repr, _OF_STUDENTS))
        raise EditionError(f"students would be told of solutions that fold out; say it in these words: {said}")
    return text


def titled(cell: NotebookNode) -> str:
    """Return a folded cell's source below its line.

    Colab shows the line as the title of a form. JupyterLab shows the first line of what it folds, and shows outputs
    again when the cell runs, so that a check that fails says so.
    """
    return f"# @title {line_of(cell)}\n{cell.source}"


def _as_image(output: NotebookNode) -> NotebookNode:
    """Return an output with its drawing as an image, which viewers show before the notebook is trusted or run."""
    try:
        drawing = read_drawing(output)
    except ValueError as error:
        raise EditionError(f"an output with SVG {error}; show what utils.drawing.figure returns") from error
    if drawing.has_links:
        return output
    return NotebookNode(output, data=NotebookNode(output.data, **{"text/html": drawing.as_image()}))
