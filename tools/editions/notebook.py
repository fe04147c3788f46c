"""Make the Colab edition of one chapter: plain Markdown, stamped set-up cell, outputs as they are."""

import re
from dataclasses import dataclass

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from tools.editions.check import attached, problems
from tools.editions.citations import Citations
from tools.editions.convert import Converter
from tools.editions.directives import DIRECTIVES, SOLUTION_END, SOLUTION_START, fold
from tools.editions.labels import Counts, Labels, chapter_number
from tools.editions.spans import Inline
from tools.editions.syntax import EditionError
from tools.notebooks.chapters import Chapter, tags
from tools.notebooks.drawings import has_svg, read_drawing
from tools.notebooks.folds import IMPORTS_TAG, PROOF_TAG, is_proof, line_of
from tools.notebooks.set_up_cell import TAG, stamp
from tools.site.addresses import Addresses

BOOK = "The Executable Transformer"
FOLDED_TAGS = frozenset({TAG, "solution", "hide-input", "hide-cell"})
TITLED_TAGS = frozenset({PROOF_TAG, IMPORTS_TAG})
_GATE = re.compile(f"^({re.escape(SOLUTION_START)}.*|{re.escape(SOLUTION_END)})$", re.M)


@dataclass
class Edition:
    """One chapter on its way to become a notebook for Colab, JupyterLab and VS Code."""

    chapter: Chapter
    labels: Labels
    addresses: Addresses

    def __post_init__(self):
        page = f"chapters/{self.chapter.path.name}"
        self.citations = Citations()
        inline = Inline(page, self.labels, self.addresses, self.citations)
        self.converter = Converter(inline, Counts(chapter_number(self.chapter.path)), DIRECTIVES)
        self.solution = ""

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
        return f"*{kind} {number} of **{BOOK}**, as a notebook to run and to change.*{place}"

    def _metadata(self) -> dict[str, object]:
        return {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "colab": {"name": self.chapter.path.name, "provenance": [], "toc_visible": True},
        }

    def _text(self, cell: NotebookNode) -> list[NotebookNode]:
        source = self._folded(self.converter.blocks(cell.source)) if cell.cell_type == "markdown" else cell.source
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
                parts.append(f"**{self.solution.capitalize()}**: unfold the cell below.")
            elif part == SOLUTION_END:
                self.solution = ""
            elif self.solution and part.strip():
                parts.append(fold(f"{self.solution.capitalize()}: the words", part.strip()))
            else:
                parts.append(part.strip("\n"))
        return "\n\n".join(filter(None, parts))

    def _code(self, cell: NotebookNode) -> list[NotebookNode]:
        edited = NotebookNode(cell)
        edited.metadata = NotebookNode({"tags": tags(cell)} if tags(cell) else {})
        if FOLDED_TAGS.intersection(tags(cell)):
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
