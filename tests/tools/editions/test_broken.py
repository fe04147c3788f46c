"""What each construct of MyST becomes in an edition, and what a chapter that cannot be shown is told."""

import base64
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.support.broken import LINE, imports, proof
from tools.editions import write as editions
from tools.editions.check import problems
from tools.editions.labels import chapter_number, read_labels
from tools.editions.notebook import Edition
from tools.editions.syntax import EditionError
from tools.notebooks.chapters import read_chapter
from tools.notebooks.drawings import IMAGE_COLOURS
from tools.site.addresses import Addresses
from utils import drawing

ADDRESSES = Addresses("https://github.com/ada/transformer")
SITE = "https://ada.github.io/transformer/"
SET_UP = new_code_cell("old", metadata={"tags": ["set-up"]})
SOLUTION = ":::{exercise} One\n:label: ex-one\n\nDo it.\n:::\n\n:::{solution-start} ex-one\n:::"


def write(folder, *cells, name="01-one.ipynb"):
    """Write a chapter of these cells, texts being Markdown, after its title and its set-up cell."""
    made = [cell if isinstance(cell, nbformat.NotebookNode) else new_markdown_cell(cell) for cell in cells]
    nbformat.write(new_notebook(cells=[new_markdown_cell("# One"), SET_UP, *made]), folder / name)
    return folder / name


def edition(folder, *cells):
    """Return the cells of the edition of such a chapter, after the three that every edition begins with."""
    chapter = read_chapter(write(folder, *cells))
    return Edition(chapter, read_labels([chapter]), ADDRESSES).notebook().cells[3:]


def converted(folder, *cells):
    return "\n\n".join(cell.source for cell in edition(folder, *cells))


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (":::{note}\nMind the gap.\n:::", "> **Note**\n>\n> Mind the gap."),
        ("```{margin}\nAn *aside*.\n```", "> An *aside*."),
        ("::::{admonition} A title\n:::{tip}\nDeep.\n:::\n::::", "> **A title**\n>\n> > **Tip**\n> >\n> > Deep."),
        (":::{dropdown} More\nHidden.\n:::", "<details>\n<summary>More</summary>\n\nHidden.\n\n</details>"),
        (
            "::::{tab-set}\n:::{tab-item} One\n:sync: one\nFirst.\n:::\n"
            ":::{tab-item} Two\n```python\nx = 2\n```\n:::\n::::",
            "**One**\n\nFirst.\n\n**Two**\n\n```python\nx = 2\n```",
        ),
        ("- item\n  ```{margin}\n  Inside.\n  ```", "- item\n  > Inside."),
        ("Term\n: one\n  two", "**Term:** one\ntwo"),
        ("Term\n: - a\n  - b\n\nOther\n: c", "**Term:**\n\n- a\n- b\n\n**Other:** c"),
        ("{.lead}\nWords.", "Words."),
        ("% hidden\nShown.\n\n+++\n\n(here)=\n\nMore.", "Shown.\n\nMore."),
        ("$$\nx\n$$ (eq-x)\n\nSee {eq}`eq-x`.", "$$\nx\n\\tag{1.1}\n$$\n\nSee (1.1)."),
        ("$$\na \\\\ b\n$$", "$$\n\\begin{split}\na \\\\ b\n\\end{split}\n$$"),
        ("```{math}\n:label: eq-y\ny\n```", "$$\ny\n\\tag{1.1}\n$$"),
        ("```{code-block} python\n:caption: Short\nx = 1\n```", "**Listing 1.1.** Short\n\n```python\nx = 1\n```"),
        (
            "A {term}`keys <key>` of `{term}` in ``{x}`y` ``.",
            f"A [keys]({SITE}pages/glossary.html#term-key) of `{{term}}`",
        ),
        ("[](../pages/notation.md)", f"[Notation]({SITE}pages/notation.html)"),
        ("[code](../utils/attention.py)", f"[code]({ADDRESSES.repository}/blob/main/utils/attention.py)"),
        (
            "[Keras](https://keras.io) {cite:p}`vaswani2017attention`",
            "[Keras](https://keras.io) (Vaswani *et al.*, 2017)",
        ),
        ("{cite:t}`nadaraya1964estimating,watson1964smooth`", "Nadaraya (1964) and Watson (1964)"),
        ("(sec)=\n## Two\n\nSee {ref}`sec`, {numref}`sec`.", "## 1.1. Two\n\nSee Two, Section 1.1."),
        ("{ref}`masks-elsewhere`", f"]({SITE}pages/notation.html#masks-elsewhere)"),
        ("A {math}`x^2` of {download}`this <01-one.ipynb>`.", "A $x^2$ of ."),
        ("```python\n{eq}`eq-gone` and $$x$$ (eq-x)\n```", "```python\n{eq}`eq-gone` and $$x$$ (eq-x)\n```"),
        ("| a | b |\n|---|---|\n| {eq}`eq-z` | 2 |\n\n$$z$$ (eq-z)", "| (1.1) | 2 |"),
        ('<a href="../pages/notation.md#x">n</a>', f'<a href="{SITE}pages/notation.html#x">n</a>'),
        (
            "A <a class='b' href='../pages/notation.html'>n</a>.",
            f"A <a class='b' href=\"{SITE}pages/notation.html\">n</a>",
        ),
        (
            "<p>\n<a href=../utils/attention.py>code</a>\n</p>",
            f'href="{ADDRESSES.repository}/blob/main/utils/attention.py">',
        ),
        ('(here)=\n## Two\n\n<a href="#here">there</a>', "<a>there</a>"),
        ('<a href="https://keras.io?a=1&amp;b=2">k</a>', '<a href="https://keras.io?a=1&amp;b=2">k</a>'),
        ('- <a href="../intro.md">i</a>', f'- <a href="{SITE}intro.html">i</a>'),
        ('<!-- <a href="gone.md">x</a> --> Words.', '<!-- <a href="gone.md">x</a> --> Words.'),
        ("<live-heads>\n<p>On the site.</p>\n</live-heads>\n\nWords.", "<p>On the site.</p>\n\nWords."),
        ('`<a href="gone.md">` in code', '`<a href="gone.md">` in code'),
        ('<img alt="a" src="data:image/png;base64,AA==">', '<img alt="a" src="data:image/png;base64,AA==">'),
        ("### Deep\n\n## Two\n\n### Three", "## 1.1. Two\n\n### 1.1.1. Three"),
    ],
)
def test_construct_becomes_plain_markdown(tmp_path, written, shown):
    text = converted(tmp_path, written)
    assert shown in text
    assert not [problem for cell in edition(tmp_path, written) for problem in problems(cell.source)]


def test_shown_source_has_exactly_the_selected_lines(tmp_path):
    written = (
        ":::{literalinclude} ../utils/attention.py\n:pyobject: causal_mask\n:start-at: return\n:end-at: return\n:::"
    )
    block = converted(tmp_path, written)
    signature, gap, line = block.splitlines()[1:4]
    assert signature.startswith("def causal_mask(num_queries")
    assert (gap, line[:11]) == ("    ...", "    return ")
    assert block.count("\n") == 6
    assert block.endswith(f"*From `causal_mask` in [`utils/attention.py`]({ADDRESSES.file('utils/attention.py')}).*")


def test_caption_and_words_of_a_figure_follow_it(tmp_path):
    shown = {"figure": {"caption": "Up, by {eq}`eq-x`.", "name": "fig-up"}, "image": {"alt": "It goes up."}}
    cells = edition(tmp_path, "$$x$$ (eq-x)\n\n{numref}`fig-up`", new_code_cell("plot()", metadata={"mystnb": shown}))
    assert cells[0].source.endswith("Figure 1.1")
    assert cells[1].source == "plot()"
    assert cells[2].source.startswith("**Figure 1.1.** Up, by (1.1).")
    assert "<summary>The figure in words</summary>\n\nIt goes up." in cells[2].source


def test_a_check_is_folded_with_its_output_below_what_it_established(tmp_path):
    cells = edition(
        tmp_path, imports("import os"), proof("assert x == 3", line=LINE), proof("print(x)", "3\n", line=LINE)
    )
    assert [cell.source for cell in cells] == [
        "# @title Imports and seeds\nimport os",
        f"# @title {LINE}\nassert x == 3",
        f"# @title {LINE}\nprint(x)",
    ]
    assert [cell.metadata.cellView for cell in cells] == ["form"] * 3
    assert [cell.metadata.jupyter.source_hidden for cell in cells] == [True] * 3
    assert [cell.metadata.get("collapsed", False) for cell in cells] == [False, False, True]
    assert [cell.metadata.jupyter.get("outputs_hidden", False) for cell in cells] == [False, False, True]
    assert "mystnb" not in cells[1].metadata


def test_a_figure_of_a_check_is_folded_with_its_caption_and_counted(tmp_path):
    shown = {"figure": {"caption": "Up.", "name": "fig-up"}, "image": {"alt": "It goes up."}}
    check = proof("plot()")
    check.metadata.mystnb.update(shown)
    cells = edition(tmp_path, check, "After.", new_code_cell("plot()", metadata={"mystnb": shown}))
    assert cells[1].source.startswith("<details>\n<summary>Figure 1.1 is folded in the cell above</summary>")
    assert "**Figure 1.1.** Up." in cells[1].source
    assert cells[4].source.startswith("**Figure 1.2.** Up.")


def test_words_of_a_solution_are_folded_on_both_sides_of_its_code(tmp_path):
    code = new_code_cell("x = 1", metadata={"tags": ["solution"]})
    cells = edition(tmp_path, f"{SOLUTION}\nFirst think.", code, "Then check.\n\n:::{solution-end}\n:::\n\nAfter.")
    before, solution, after = cells
    assert before.source.startswith("### Exercise 1.1: One\n\nDo it.\n\n**Solution to exercise 1.1**")
    assert "<details>\n<summary>Solution to exercise 1.1: the words</summary>\n\nFirst think." in before.source
    assert solution.metadata.jupyter.source_hidden is True
    assert after.source.startswith("<details>")
    assert after.source.endswith("Then check.\n\n</details>\n\nAfter.")


def test_without_works_there_is_no_list_of_references(tmp_path):
    assert "References" not in converted(tmp_path, "Words.")


PICTURE = {"image/png": "iVBORw0KGgo="}


@pytest.mark.parametrize(
    "text",
    [
        "![A line](attachment:my%20line.png)",
        "Words ![A line][l].\n\n[l]: <attachment:my%20line.png>",
        '<img alt="A line" src="attachment:my%20line.png">',
        ":::{note}\n![A line](attachment:my%20line.png)\n:::",
    ],
)
def test_attached_pictures_that_are_shown_are_kept_and_no_others(tmp_path, text):
    attachments = {"my line.png": PICTURE, "unused.png": PICTURE}
    (cell,) = edition(tmp_path, new_markdown_cell(text, attachments=attachments))
    assert cell.attachments == {"my line.png": PICTURE}
    assert "attachment:my%20line.png" in cell.source


def test_cells_without_attached_pictures_hold_none(tmp_path):
    assert "attachments" not in edition(tmp_path, "Words.")[0]


def test_links_of_raw_html_lead_nowhere_where_no_address_is_set(tmp_path):
    chapter = read_chapter(write(tmp_path, '<a class="b" href="../pages/notation.md">n</a>'))
    notebook = Edition(chapter, read_labels([chapter]), Addresses("https://github.com/OWNER/book")).notebook()
    assert notebook.cells[3].source == '<a class="b">n</a>'


BROKEN = {
    "unknown directive": (
        ":::{carousel}\nx\n:::",
        "the directive {carousel} is unknown to editions; they know: admonition",
    ),
    "unknown directive inside another": ("::::{note}\n:::{grid}\nx\n:::\n::::", "directive {grid} is unknown"),
    "unknown role": ("A {kbd}`Ctrl`.", "the role {kbd} is unknown to editions"),
    "unknown equation": ("{eq}`eq-gone`", "the label 'eq-gone' leads to nothing; expected equation"),
    "label of another kind": ("(sec)=\n## Two\n\n{eq}`sec`", "leads to a section; expected equation"),
    "unknown reference": ("{ref}`gone`", "the label 'gone' leads to nothing"),
    "unknown work": ("{cite:t}`nobody1900`", "the citation 'nobody1900' is not in references.bib"),
    "unknown term": ("{term}`phlogiston`", "the term 'phlogiston' is not in the glossary"),
    "unknown page": ("[x](../pages/gone.md)", "the link to '../pages/gone.md' leads to no file of the book"),
    "unknown document": ("{doc}`gone`", "the link to 'gone' leads to no file"),
    "picture": (
        "![A rising line, seen from afar](line.png)",
        "the picture 'line.png' would not be found beside an edition",
    ),
    "substitution": ("{{ gone }}", "the substitution {{ gone }} is not defined"),
    "footnote": ("Text[^a].\n\n[^a]: Note.", "a footnote"),
    "bare environment": ("\\begin{align}\nx\n\\end{align}", "an equation without $$"),
    "colons": (":::\nx\n:::", "a block of colons without a directive"),
    "missing member": (
        ":::{literalinclude} ../utils/attention.py\n:pyobject: gone\n:::",
        "utils/attention.py cannot be read",
    ),
    "missing file": (":::{literalinclude} ../utils/gone.py\n:::", "utils/gone.py cannot be read"),
    "wrong option": (":::{literalinclude} ../utils/attention.py\n:member: x\n:::", "cannot be read: 'member'"),
    "solution of nothing": (":::{solution-start} ex-gone\n:::\n\n:::{solution-end}\n:::", "'ex-gone' leads to nothing"),
    "open solution": (SOLUTION, "the solution to exercise 1.1 has no {solution-end}"),
    "raw HTML link to nothing": ('<a href="gone.md">x</a>', "the link to 'gone.md' leads to no file of the book"),
    "raw HTML link in a line": (
        'Go <a href="gone.html">x</a>.',
        "the link to 'gone.html' leads to no file of the book",
    ),
    "raw HTML link to no label": ('<a href="#gone">x</a>', "the label 'gone' leads to nothing"),
    "raw HTML picture": ('<img src="line.png">', "the picture 'line.png' would not be found beside an edition"),
    "raw HTML picture in a line": ("A <img alt='>' src=line.png> b", "the picture 'line.png' would not be found"),
    "raw HTML film": ('<video poster="a.png" src="https://x.org/b"></video>', "the picture 'a.png' would not be found"),
    "raw HTML script": ('<a href="javascript:go()">x</a>', "leads to no file of the book"),
    "attachment that is not there": ("![A line](attachment:line.png)", "the cell holds no attachment 'line.png'; add"),
    "raw markup": ("Text ::: more", "':::' is shown raw"),
    "link by reference": ("[x]: y\n\n[x]", "the link 'y' leads nowhere"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_chapter_that_cannot_be_shown_is_named_with_cell_and_reason(tmp_path, capsys, name):
    written, reason = BROKEN[name]
    write(tmp_path, "Fine.", new_code_cell("1"), written, new_code_cell("2"))
    output = tmp_path / "colab"
    output.mkdir()
    (output / "01-one.ipynb").write_text("the last run")
    assert editions.main(["--chapters", str(tmp_path), "--output", str(output)]) == 1
    errors = capsys.readouterr().err
    assert reason in errors
    assert "01-one.ipynb: " in errors
    assert name == "open solution" or "text before cell [3]: " in errors
    assert [path.read_text() for path in output.iterdir()] == ["the last run"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["01-one.ipynb", "colab"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("```{note}\nx\n```", "the directive {note} is shown as code"),
        ("A {term}`key`.", "the role {term} is shown raw before `key`"),
        ("See (eq-x).", "'(eq-' is shown raw"),
        ("Term\n: definition", "the line ': definition' is shown raw"),
        ("(label)=\nx", "the line '(label)=' is shown raw"),
        ("Words {.lead} more", "'{.lead}' is shown raw"),
        ("[x](page.md)", "the link 'page.md' leads nowhere"),
        ("![x](a.png)", "the link 'a.png' leads nowhere"),
        (":label: x", "the line ':label: x' is shown raw"),
        ('<a href="page.md">x</a>', "the link 'page.md' leads nowhere"),
        ("Words <img src=a.png>", "the link 'a.png' leads nowhere"),
        ("![x](attachment:a.png)", "the cell holds no attachment 'a.png'"),
    ],
)
def test_check_sees_what_is_left(text, problem):
    assert [found for found in problems(text) if problem in found], list(problems(text))


def test_check_leaves_code_formulas_and_prose_alone():
    text = "`{term}` and ``:::``, $f_{x}$, a set {1, 2}, (1.2): yes.\n\n```python\nx[::2]  # {eq}`x`\n```\n\n[k](https://k.io)"
    assert list(problems(text)) == []


def test_chapter_without_set_up_cell_is_refused(tmp_path, capsys):
    nbformat.write(new_notebook(cells=[new_markdown_cell("# One"), new_code_cell("1")]), tmp_path / "01-one.ipynb")
    assert editions.main(["--chapters", str(tmp_path), "--output", str(tmp_path / "colab")]) == 1
    assert "01-one.ipynb: expected the tag `set-up` on the first code cell" in capsys.readouterr().err


def test_chapter_without_number_is_refused(tmp_path, capsys):
    nbformat.write(new_notebook(cells=[new_markdown_cell("# One")]), tmp_path / "one.ipynb")
    assert editions.main(["--chapters", str(tmp_path), "--output", str(tmp_path / "colab")]) == 1
    assert "one.ipynb has no number; name it like 01-attention.ipynb" in capsys.readouterr().err


@pytest.mark.parametrize(("file", "number"), [("01-one", "1"), ("12-one", "12"), ("a1-one", "A"), ("a3-one", "C")])
def test_a_chapter_has_the_number_of_its_file_and_an_appendix_a_letter(file, number):
    assert chapter_number(Path(f"{file}.ipynb")) == number


def test_folder_without_chapters_is_refused(tmp_path, capsys):
    assert editions.main(["--chapters", str(tmp_path), "--output", str(tmp_path / "colab")]) == 2
    assert "there are: none" in capsys.readouterr().err


def test_a_drawing_becomes_an_image_with_its_words_and_a_caption_with_its_number(tmp_path):
    title, description = 'Q & "K"', "The score of <a> is larger than that of the other key."
    shown = drawing.figure(drawing.grid([[0.5, -2]]), name="fig-scores", title=title, description=description)
    output = new_output("execute_result", data={"text/html": shown.svg, "text/plain": repr(shown)}, execution_count=1)
    settings = {"figure": {"caption": "Two scores.", "name": "fig-scores"}}
    cell = new_code_cell("draw()", outputs=[output], metadata={"mystnb": settings})
    code, caption = edition(tmp_path, cell)
    image = BeautifulSoup(code.outputs[0].data["text/html"], "html.parser").img
    assert image["alt"] == f"{title}. {description}"
    kind, data = image["src"].split(",")
    assert kind == "data:image/svg+xml;base64"
    svg = base64.b64decode(data).decode()
    assert svg.replace(IMAGE_COLOURS, "") == shown.svg
    assert ElementTree.fromstring(svg).get("style").startswith(IMAGE_COLOURS)
    assert code.outputs[0].data["text/plain"] == repr(shown)
    assert caption.source.startswith("**Figure 1.1.** Two scores.")
    assert description in caption.source
    assert "<svg" in cell.outputs[0].data["text/html"]


def test_svg_that_is_no_drawing_is_refused(tmp_path):
    output = new_output("display_data", data={"text/html": "<svg></svg>"})
    with pytest.raises(EditionError, match=r"cell .*an output with SVG is not an <svg> with .*; show what"):
        edition(tmp_path, new_code_cell("draw()", outputs=[output]))


def test_a_drawing_of_links_stays_as_it_is(tmp_path):
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" role="group" aria-labelledby="m-title m-desc"><title id="m-title">Map'
        '</title><desc id="m-desc">Where things are.</desc><a href="#here"><text>here</text></a></svg>'
    )
    output = new_output("display_data", data={"text/html": svg})
    (code,) = edition(tmp_path, new_code_cell("draw()", outputs=[output]))
    assert code.outputs[0].data["text/html"] == svg
