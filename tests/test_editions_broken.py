"""What each construct of MyST becomes in an edition, and what a chapter that cannot be shown is told."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import editions
from tools.addresses import Addresses
from tools.chapters import read_chapter
from tools.edition_check import problems
from tools.edition_labels import read_labels
from tools.edition_notebook import Edition

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


BROKEN = {
    "unknown directive": (
        ":::{carousel}\nx\n:::",
        "the directive {carousel} is unknown to editions; they know: admonition",
    ),
    "unknown directive inside another": ("::::{note}\n:::{tab-set}\nx\n:::\n::::", "directive {tab-set} is unknown"),
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
    "raw markup": ("Text ::: more", "':::' is shown raw"),
    "html link": ("<a href='x'>x</a>\n\n[x]: y\n\n[x]", "the link 'y' leads nowhere"),
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


def test_folder_without_chapters_is_refused(tmp_path, capsys):
    assert editions.main(["--chapters", str(tmp_path), "--output", str(tmp_path / "colab")]) == 2
    assert "there are: none" in capsys.readouterr().err
