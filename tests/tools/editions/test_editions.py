"""The Colab editions: nothing of MyST is left, works are listed, code and outputs are the chapter's own."""

import json
import re

import nbformat
import pytest

from tools.editions import write as editions
from tools.editions.check import problems
from tools.editions.citations import Citations
from tools.editions.notebook import titled
from tools.editions.syntax import walk
from tools.notebooks.chapters import ROOT, find_chapters, is_code, read_chapter, tags
from tools.notebooks.drawings import has_svg, read_drawing
from tools.notebooks.set_up_cell import TAG, set_up_text
from tools.site.addresses import Addresses, read_addresses

REPOSITORY = "https://github.com/ada/transformer"
SITE = "https://ada.github.io/transformer/"
CHAPTERS = find_chapters()
each_chapter = pytest.mark.parametrize("name", [path.stem for path in CHAPTERS])


@pytest.fixture(scope="module", params=[REPOSITORY, "https://gitlab.com/ada/transformer", read_addresses().repository])
def made(request, tmp_path_factory):
    """The editions of all chapters for one address, {name: notebook}, with the address."""
    folder = tmp_path_factory.mktemp("editions")
    written = editions.write_editions(Addresses(request.param), output=folder)
    return {path.stem: nbformat.read(path, as_version=4) for path in written}, request.param


def text_of(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


@each_chapter
def test_no_cell_shows_anything_raw_and_no_link_leads_nowhere(made, name):
    cells = [cell for cell in made[0][name].cells if cell.cell_type == "markdown"]
    assert len(cells) > 10
    assert not [f"{cell.source[:60]!r}: {problem}" for cell in cells for problem in problems(cell.source)]
    assert not re.search(r"^[ \t]*(:::|```\{)|\{[a-z:]+\}`|\(eq-|\{\.", text_of(made[0][name]), re.M)


@each_chapter
def test_code_is_that_of_the_chapter_except_the_set_up_cell(made, name):
    ours = [cell for _, cell in read_chapter(ROOT / "chapters" / f"{name}.ipynb").code_cells()]
    theirs = [cell for cell in made[0][name].cells if is_code(cell)]
    expected = [titled(cell) if {"check", "imports"}.intersection(tags(cell)) else cell.source for cell in ours]
    assert [cell.source for cell in theirs[1:]] == expected[1:]
    assert theirs[0].source == set_up_text(made[1])
    assert [cell.execution_count for cell in theirs] == [cell.execution_count for cell in ours]


@each_chapter
def test_outputs_are_those_of_the_chapter_to_the_byte_but_for_drawings(made, name):
    ours = [cell.outputs for cell in read_chapter(ROOT / "chapters" / f"{name}.ipynb").notebook.cells if is_code(cell)]
    for output in (output for outputs in ours for output in outputs if has_svg(output)):
        if not (drawing := read_drawing(output)).has_links:
            output.data["text/html"] = drawing.as_image()
    theirs = [cell.outputs for cell in made[0][name].cells if is_code(cell)]
    assert json.dumps(theirs) == json.dumps(ours)


@each_chapter
def test_what_the_page_folds_is_folded(made, name):
    for cell in filter(is_code, made[0][name].cells):
        folded = bool({TAG, "solution", "hide-input", "hide-cell"}.intersection(tags(cell)))
        assert (cell.metadata.get("cellView") == "form") is folded
        assert bool(cell.metadata.get("jupyter", {}).get("source_hidden")) is folded
        hidden = "check" in tags(cell) and bool(cell.outputs)
        assert bool(cell.metadata.get("jupyter", {}).get("outputs_hidden")) is hidden
        assert "mystnb" not in cell.metadata


@each_chapter
def test_every_exercise_is_a_heading_followed_by_a_folded_solution(made, name):
    cells = made[0][name].cells
    headings = re.findall(r"^### (Exercise [\dA-C.]+): (.+)$", text_of(made[0][name]), re.M)
    written = [
        directive.argument
        for _, source in read_chapter(ROOT / "chapters" / f"{name}.ipynb").markdown_cells()
        for _, directive in walk(source)
        if directive and directive.name == "exercise"
    ]
    assert len(headings) == len(written)
    assert written or name == "a3-questions"  # answers, and sentences to judge
    announced = [i for i, cell in enumerate(cells) if re.search(r"^\*\*Solution to exercise", cell.source, re.M)]
    assert len(announced) == len(written)
    assert all("solution" in tags(cells[i + 1]) for i in announced)


@each_chapter
def test_every_work_cited_is_listed_once(made, name):
    keys = {
        key.strip()
        for _, source in read_chapter(ROOT / "chapters" / f"{name}.ipynb").markdown_cells()
        for found in re.findall(r"\{cite:[tp]\}`([^`]+)`", source)
        for key in found.split(",")
    }
    citations = Citations()
    citations.textual(",".join(sorted(keys)))
    [references] = [cell.source for cell in made[0][name].cells if cell.source.startswith("## References")]
    assert references.split("\n\n", 1)[1].splitlines() == [f"- {work}" for work in citations.listed()]
    assert len(citations.listed()) == len(keys)


@each_chapter
def test_terms_and_pages_lead_to_the_site_the_repository_or_nowhere(made, name):
    notebooks, address = made
    links = set(re.findall(r"\]\((https?://[^)\s]+)\)", text_of(notebooks[name])))
    ours = {link for link in links if "ada" in link}
    if "OWNER" in address:
        assert not ours
        assert not [link for link in links if "OWNER" in link]
    elif address == REPOSITORY:
        assert f"{SITE}chapters/{name}.html" in ours
        pages = {link.removeprefix(SITE).partition("#")[0] for link in ours if link.startswith(SITE)}
        assert all((ROOT / link).with_suffix(suffix).is_file() for link in pages for suffix in [source_suffix(link)])
    else:
        files = [link.removeprefix(f"{address}/blob/main/") for link in ours]
        assert files
        assert all((ROOT / file).is_file() for file in files)


def source_suffix(link):
    return ".ipynb" if link.startswith("chapters/") else ".md"


def test_a_second_run_writes_the_same_bytes_and_drops_what_left_the_book(tmp_path):
    editions.write_editions(Addresses(REPOSITORY), output=tmp_path / "colab")
    (tmp_path / "colab" / "99-gone.ipynb").write_text("{}")
    before = {path.name: path.read_bytes() for path in (tmp_path / "colab").glob("[0a]*.ipynb")}
    editions.write_editions(Addresses(REPOSITORY), output=tmp_path / "colab")
    assert {path.name: path.read_bytes() for path in (tmp_path / "colab").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["colab"]


def test_the_program_says_what_it_wrote_and_that_no_address_is_set(tmp_path, capsys):
    assert editions.main(["--output", str(tmp_path / "colab")]) == 0
    printed = capsys.readouterr().out
    assert all(f"{path.stem}: " in printed for path in CHAPTERS)
    assert f"{len(CHAPTERS)} editions in" in printed
    assert ("No address is set" in printed) == ("OWNER" in read_addresses().repository)


def test_an_address_that_is_none_is_refused(tmp_path, capsys):
    assert editions.main(["--repository", "ada/book", "--output", str(tmp_path / "colab")]) == 2
    assert "expected an address like" in capsys.readouterr().err
    assert not (tmp_path / "colab").exists()
