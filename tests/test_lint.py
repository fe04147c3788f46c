"""The chapter lint: each rule refuses a notebook broken for it, says what to do, and lets the sound one pass."""

import copy
import itertools
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from broken import (
    ALT,
    CAPTION,
    CAUGHT_MUTANT,
    LABEL,
    PIXEL,
    code,
    figure,
    notebook,
    plain_environment,
    sound_cells,
    text,
    with_cell,
    with_more,
    write_book,
)
from nbformat import v4

from tools import lint
from tools.cell_code import assertions, parse_cell, why_it_cannot_fail
from tools.chapters import ROOT, Chapter, equation_labels, labelled_equations
from tools.findings import Book
from tools.lint_outputs import has_computed_output

HOME = "/".join(["", "home", "anna", "book"])  # assembled, so that this file itself names no machine's path
RESULT = v4.new_output("execute_result", data={"text/plain": "<Line2D at 0x7f51c0ffee>"}, execution_count=5)
STDERR = v4.new_output("stream", name="stderr", text="UserWarning: beware\n")
ERROR = v4.new_output("error", ename="ValueError", evalue="no", traceback=["ValueError: no"])
IMAGE = v4.new_output("display_data", data={"image/png": PIXEL})


def found_in(folder, *notebooks, mutants=(CAUGHT_MUTANT,)):
    """Lint notebooks beside the small package; return {rule: finding} of all that fails."""
    write_book(folder)
    chapters = [
        Chapter(Path(f"0{number}.ipynb"), content, len(nbformat.writes(content)))
        for number, content in enumerate(notebooks, start=1)
    ]
    found = lint.lint(Book(chapters, folder / "tinypackage", mutants))
    return {finding.rule: finding for finding in found if not finding.advice}


def check(label=LABEL, source="assert doubled_sum(3, 4) == 14"):
    """Return the sound chapter with another checking cell."""
    return with_cell(5, source=source, metadata={"tags": [f"checks:{label}"]})


def unexecuted():
    """Return the sound chapter as it is before it has ever run."""
    content = notebook()
    for cell in content.cells:
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = None, []
    return content


def out_of_order():
    """Return the sound chapter after its second cell ran again."""
    content = notebook()
    content.cells[3].execution_count = 5
    return content


def long_median():
    """Return a chapter of cells that are all of seven lines."""
    return notebook([text("Seven lines."), code("x = 1\n" * 6 + "print(x)", "1\n")])


def without_prose():
    """Return the sound chapter with a heading alone before a cell."""
    return with_cell(4, source="## Only a heading\n\n(anchor)=")


BROKEN = {
    "unexecuted": (unexecuted, "counts_run_from_one", "expected execution count 1, found None", "make execute CH=01"),
    "run out of order": (out_of_order, "counts_run_from_one", "expected execution count 2, found 5", "make execute"),
    "stderr": (lambda: with_more(code("1", STDERR)), "no_stderr", "UserWarning: beware", "Mend what warns"),
    "error": (lambda: with_more(code("1", ERROR)), "no_error", "ValueError is stored", "catch it and print"),
    "path in a source": (
        lambda: with_more(code(f"open('{HOME}')")), "no_machine_path", "the source names", "relative to the repository",
    ),
    "path in the text": (
        lambda: with_more(text(f"See {HOME}.")), "no_machine_path", "text after the last cell", "relative",
    ),
    "path in an output": (
        lambda: with_more(code("print(p)", f"{HOME}\n")), "no_machine_path", "an output shows", "its last part only",
    ),
    "Windows path": (
        lambda: with_more(code("print(p)", "C:\\Users\\anna\n")), "no_machine_path", "an output shows", "relative",
    ),
    "address in memory": (
        lambda: with_more(code("plot()", RESULT)), "no_memory_address", "at 0x7f51c0ffee", "assign the result",
    ),
    "nbval comment": (
        lambda: with_more(code("# NBVAL_IGNORE_OUTPUT\nprint('x')", "x\n")),
        "no_nbval_comment", "NBVAL_IGNORE_OUTPUT steers nbval", "the tag `nbval-ignore-output`",
    ),
    "skipped cell": (
        lambda: with_more(code("x = 1", tags=["nbval-skip"])), "no_skipped_cell", "'nbval-skip' takes it out", "Remove",
    ),
    "cell not executed": (
        lambda: with_more(code("x = 1", tags=["skip-execution"])), "no_skipped_cell", "'skip-execution'", "Remove",
    ),
    "cell that may raise": (
        lambda: with_more(code("x = 1", tags=["raises-exception"])), "no_skipped_cell", "'raises-exception'", "Remove",
    ),
    "too little compared": (
        lambda: with_more(code("print(y)", "7\n", tags=["nbval-ignore-output"])),
        "enough_is_compared", "2 of 3 cells with a computed output", "Print what must hold",
    ),
    "nothing compared": (
        lambda: notebook([text("A literal."), code("print('fine')", "fine\n")]),
        "enough_is_compared", "0 of 0 cells", "Print what must hold",
    ),
    "long cell": (
        lambda: with_more(code("x = 1\n" * 25 + "y = 1")), "short_cells", "26 lines, expected 25 at most", "Split it",
    ),
    "long median": (long_median, "short_cells", "median code cell has 7 lines", "Split the longer cells"),
    "no prose": (without_prose, "prose_before_each_cell", "cell [3]: no prose", "Say in a Markdown cell before it"),
    "code after code": (lambda: with_more(code("x = 1"), code("y = 1")), "prose_before_each_cell", "[6]", "Say in"),
    "large file": (lambda: with_more(text("a" * 300_000)), "small_file", "expected 300 kB at most", "fewer figures"),
    "no alt": (lambda: with_more(figure(alt="")), "alt_on_every_figure", "alt text is missing", "Say in the cell's"),
    "a path as alt": (
        lambda: with_more(figure(alt="_images/cb31f0a0e1b2c3d4e5f60718293a4b5c.png")),
        "alt_on_every_figure", "is a file name", "what the picture shows",
    ),
    "caption repeated": (
        lambda: with_more(figure(alt="scores,  before AND after scaling")),
        "alt_on_every_figure", "only repeats the caption", "what the picture shows",
    ),
    "short alt": (lambda: with_more(figure(alt="A bar chart of scores.")), "alt_on_every_figure", "22 char", "Say"),
    "no caption": (lambda: with_more(figure(caption=" ")), "alt_on_every_figure", "has no caption", "figure: {caption"),
    "no metadata": (lambda: with_more(code("draw()", IMAGE)), "alt_on_every_figure", "alt text is missing", "mystnb"),
    "two figures": (
        lambda: with_more(code("draw()", IMAGE, IMAGE, **figure().metadata)),
        "alt_on_every_figure", "2 images share one alt text", "one figure per cell",
    ),
    "Markdown image": (
        lambda: with_more(text("![](mask.png)")), "alt_on_every_picture", "a picture is missing", "![the finding]",
    ),
    "image in HTML": (
        lambda: with_more(text('<img src="mask.png" alt="mask.png">')), "alt_on_every_picture", "a file name", "alt=",
    ),
    "image in a directive": (
        lambda: with_more(text("```{figure} mask.png\n:name: fig-mask\n\nThe mask.\n```")),
        "alt_on_every_picture", "a picture is missing", ":alt:",
    ),
    "image in a link": (
        lambda: with_more(text("[![](badge.svg)](page)")), "alt_on_every_picture", "a picture is missing", "State what",
    ),
    "not Python": (lambda: with_more(code("x = = 1")), "cells_are_python", "it is not Python", "Mend its syntax"),
    "backend in the environment": (
        lambda: with_more(code("import os\nos.environ['KERAS_BACKEND'] = 'jax'")),
        "backend_is_chosen_outside", "KERAS_BACKEND ties the chapter", "before the kernel starts",
    ),
    "backend by a magic": (
        lambda: with_more(code("%env KERAS_BACKEND=jax")), "backend_is_chosen_outside", "KERAS_BACKEND", "keras.ops",
    ),
    "backend by a call": (
        lambda: with_more(code("import keras\nkeras.config.set_backend('jax')")),
        "backend_is_chosen_outside", "set_backend ties", "keras.ops",
    ),
    "backend's function imported": (
        lambda: with_more(code("from keras.config import set_backend as choose")),
        "backend_is_chosen_outside", "set_backend ties", "keras.ops",
    ),
    "torch": (
        lambda: with_more(code("import numpy, torch.nn as nn")), "backend_is_chosen_outside", "torch.nn", "keras.ops",
    ),
    "TensorFlow": (
        lambda: with_more(code("def f():\n    from tensorflow.math import exp")),
        "backend_is_chosen_outside", "importing tensorflow.math", "keras.ops",
    ),
    "JAX by name": (
        lambda: with_more(code("import importlib\nimportlib.import_module('jax.numpy')")),
        "backend_is_chosen_outside", "importing jax.numpy", "keras.ops",
    ),
    "assertion of a constant": (
        lambda: with_more(code("assert True")), "assertions_can_fail", "only, so it cannot fail", "independent",
    ),
    "defined in the package": (
        lambda: with_more(code("def doubled_sum(a, b):\n    return 2 * (a + b)")),
        "defined_once", "tinypackage/sums.py defines it first", "naive_doubled_sum",
    ),
    "class of the package": (
        lambda: with_more(code("class Layer:\n    pass")), "defined_once", "'Layer' is defined again", "naive_Layer",
    ),
    "defined twice in a chapter": (
        lambda: with_more(code("def f():\n    pass"), text("Again."), code("if 1:\n    def f():\n        pass")),
        "defined_once", "01.ipynb cell [5] defines it first", "import it",
    ),
    "label without prefix": (
        lambda: with_more(text("$$a = b$$ (sum)")), "equations_have_labels", "label 'sum'", "Call it `eq-sum`",
    ),
    "numbered without label": (
        lambda: with_more(text("\\begin{align}\na &= b\n\\end{align}")),
        "equations_have_labels", "\\begin{align} is numbered", "$$ ... $$ (eq-name)",
    ),
    "unchecked equation": (
        lambda: with_cell(5, metadata={}), "equations_are_checked", "no cell checks the equation eq-sum", "checks:",
    ),
    "check of no equation": (
        lambda: with_more(code("assert total == 6", tags=["checks:eq-som"])),
        "checks_check_something", "eq-som, which is no equation here", "the labels are: eq-sum",
    ),
    "check without assertion": (
        lambda: check(source="print(doubled_sum(3, 4) == 14)"),
        "checks_check_something", "asserts nothing when it runs", "Add `assert ...`",
    ),
    "label twice": (
        lambda: with_more(text("$$a = b$$ (eq-sum)")), "labels_are_unique", "eq-sum is used again", "a name of its own",
    ),
}  # fmt: skip

FOLLOWS = {  # rules that are broken with it
    "unexecuted": {"enough_is_compared"},
    "label without prefix": {"equations_are_checked", "equations_have_mutants"},
}


def test_sound_chapter_breaks_no_rule(tmp_path):
    assert found_in(tmp_path, notebook()) == {}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_chapter_is_refused_with_a_remedy(tmp_path, name):
    make, rule, problem, remedy = BROKEN[name]
    found = found_in(tmp_path, make())
    assert found.keys() == {rule} | FOLLOWS.get(name, set())
    message = str(found[rule])
    assert message.startswith("01.ipynb: ")
    assert problem in message
    assert remedy in message


def test_every_rule_has_a_broken_chapter():
    covered = {rule for _, rule, _, _ in BROKEN.values()} | {"equations_have_mutants", "usual_number_of_cells"}
    assert covered == {rule.__name__ for rule in (*lint.CHAPTER_RULES, *lint.BOOK_RULES)}


def test_equation_without_a_mutant_is_refused(tmp_path):
    finding = found_in(tmp_path, notebook(), mutants=())["equations_have_mutants"]
    assert "text before cell [2]: no mutant proves that the check of eq-sum can fail" in str(finding)
    assert "Name in tools/mutants.py an edit" in str(finding)


def test_mutant_that_no_longer_fits_its_function_is_refused(tmp_path):
    stale = replace(CAUGHT_MUTANT, find="one + other")
    finding = found_in(tmp_path, notebook(), mutants=(stale,))["equations_have_mutants"]
    assert "no longer applies" in str(finding)
    assert "bring `find` up to date" in str(finding)


def test_number_of_cells_is_advice_only(tmp_path):
    write_book(tmp_path)
    (finding,) = lint.lint(Book([Chapter(Path("01.ipynb"), notebook(), 1)], tmp_path / "tinypackage", [CAUGHT_MUTANT]))
    assert (finding.rule, finding.advice) == ("usual_number_of_cells", True)
    assert "advice" in str(finding)
    many = [cell for n in range(24) for cell in (text(f"Step {n}."), code(f"x{n} = 1"))]
    usual = Chapter(Path("01.ipynb"), notebook([*sound_cells(), *many]), 1)
    assert lint.lint(Book([usual], tmp_path / "tinypackage", [CAUGHT_MUTANT])) == []


def test_definition_in_two_chapters_is_refused_and_naive_ones_are_not(tmp_path):
    one = notebook([text("It prints."), code("def shared(x):\n    print(x)\nshared(1)", "1\n")])
    found = found_in(tmp_path, one, one, mutants=())
    assert list(found) == ["defined_once"]
    assert str(found["defined_once"]).startswith("02.ipynb: cell [1]: 'shared' is defined again; 01.ipynb cell [1]")
    naive = notebook([text("It prints."), code("def naive_shared(x):\n    print(x)\nnaive_shared(1)", "1\n")])
    assert found_in(tmp_path, naive, naive, mutants=()) == {}


def test_definition_in_two_files_of_the_package_is_refused(tmp_path):
    write_book(tmp_path)
    (tmp_path / "tinypackage" / "inner").mkdir()
    source = "try:\n    def doubled_sum(): ...\nexcept ImportError: ...\n"
    (tmp_path / "tinypackage" / "inner" / "more.py").write_text(source)
    found = found_in(tmp_path, notebook())
    assert "'doubled_sum' is defined again; tinypackage/inner/more.py" in str(found["defined_once"])


def test_inner_functions_and_methods_are_no_definitions_of_the_chapter(tmp_path):
    cell = code("class naive_A:\n    def call(self):\n        def Layer(): ...\n        return Layer")
    assert found_in(tmp_path, with_more(cell)) == {}


def test_label_in_two_chapters_is_refused(tmp_path):
    found = found_in(tmp_path, notebook(), notebook())
    assert list(found) == ["labels_are_unique"]
    assert "first in 01.ipynb, text before cell [2]" in str(found["labels_are_unique"])


SOUND_MORE = {
    "solution after solution": lambda: with_more(code("x = 1"), code("y = 1", tags=["solution"])),
    "picture that says what it shows": lambda: with_more(text(f"![{ALT}](mask.png)")),
    "directive with alt": lambda: with_more(text(f"```{{figure}} mask.png\n:alt: {ALT}\n\n{CAPTION}\n```")),
    "badge": lambda: with_more(text("[![Open in Colab](badge.svg)](page)")),
    "image shown as code": lambda: with_more(text("Write `![](a.png)`:\n\n```\n![](b.png)\n$$x$$ (eq-code)\n```")),
    "equation in a directive": lambda: with_cell(2, source="Doubled:\n\n```{math}\n:label: eq-sum\ns = 2 (a + b)\n```"),
    "environment in dollars": lambda: with_more(text("$$\n\\begin{align}\na &= b\n\\end{align}\n$$")),
    "web address": lambda: with_more(text("See https://example.org/home/tmp/page and the ratio a/root.")),
    "mapping in LaTeX": lambda: with_more(text("A map $F:\\mathbb{R} \\to \\mathbb{R}$.")),
    "exception shown as text": lambda: with_more(code("try:\n    f()\nexcept E as e:\n    print(e)", "no mask\n")),
    "numpy assertion": lambda: check(source="import numpy as np\nnp.testing.assert_allclose(doubled_sum(1, 2), 6)"),
    "naive version": lambda: with_more(code("def naive_doubled_sum(a, b):\n    return a + b + a + b")),
    "magic": lambda: with_more(code("%config InlineBackend.figure_format = 'retina'")),
}


@pytest.mark.parametrize("name", SOUND_MORE)
def test_sound_variation_passes(tmp_path, name):
    assert found_in(tmp_path, SOUND_MORE[name]()) == {}


@pytest.mark.parametrize(
    "source",
    [
        "assert True",
        "assert 1 + 1 == 2, x",
        "assert not False",
        "assert (x == 2, 'message')",
        "assert f'{x}'",
        "assert x == x",
        "assert f(x) <= f(x)",
        "assert (x == x).all()",
        "assert np.allclose(a.b, a.b, atol=1)",
        "assert x == 3 or True",
        "assert x == x and y == y",
        "np.testing.assert_allclose(x, x, rtol=1e-5)",
    ],
)
def test_assertion_that_cannot_fail_is_seen(source):
    (assertion,) = assertions(parse_cell(source))
    assert why_it_cannot_fail(assertion)


@pytest.mark.parametrize(
    "source",
    [
        "assert x",
        "assert x == y",
        "assert x == 3 and True",
        "assert f(x) == f(y)",
        "assert np.allclose(x, x.T)",
        "assert not np.array_equal(x, y)",
        "assert_array_equal(x, y)",
        "for x in y:\n    assert x > 0",
        "def close(a):\n    assert a\nclose(3)",
        "try:\n    f()\nexcept ValueError:\n    pass\nelse:\n    assert x",
        "with quiet():\n    assert x",
        "while True:\n    assert x",
    ],
)
def test_assertion_that_can_fail_is_accepted(source):
    (assertion,) = assertions(parse_cell(source))
    assert not why_it_cannot_fail(assertion)


@pytest.mark.parametrize(
    "source",
    [
        "x == y",
        "if False:\n    assert x",
        "if 0:\n    assert x\nelse:\n    f(x)",
        "def never():\n    assert x",
        "try:\n    assert x\nexcept AssertionError:\n    pass",
        "try:\n    assert x\nexcept:\n    print('oh')",
        "with contextlib.suppress(AssertionError):\n    assert x",
    ],
)
def test_assertion_that_never_speaks_does_not_count(source):
    assert assertions(parse_cell(source)) == []


@pytest.mark.parametrize(
    ("cell", "computed"),
    [
        (code("print(x)", "3\n"), True),
        (code("print('sum', x)", "sum 3\n"), True),
        (code("x", v4.new_output("execute_result", data={"text/plain": "3"}, execution_count=1)), True),
        (code("print('equal' if x else 'not')", "equal\n"), True),
        (code("print('title')\nprint(x)", "title\n3\n"), True),
        (code("print('equal')", "equal\n"), False),
        (code("assert x\nprint('a', 1)\nprint('b')", "a 1\nb\n"), False),
        (code("'text'", v4.new_output("execute_result", data={"text/plain": "'text'"}, execution_count=1)), False),
        (code("import keras"), False),
        (figure(), False),
    ],
)
def test_output_that_depends_on_a_computation(cell, computed):
    assert has_computed_output(cell) is computed


def test_labels_are_read_in_every_form_and_not_from_code():
    markdown = (
        "$$a$$ (eq-one)\n\n$$\nb\n$$ (eq-two)\n\n$$c$$\n\n(and $$d$$ (eq-three))\n\n"
        ":::{math}\n:label: eq-four\ne\n:::\n\n```python\n$$f$$ (eq-five)\n```"
    )
    assert equation_labels(markdown) == ["eq-one", "eq-two", "eq-three", "eq-four"]
    chapter = Chapter(Path("a.ipynb"), notebook(), 1)
    assert labelled_equations(chapter) == [("eq-sum", "text before cell [2]")]


def run_lint(*arguments):
    """Run the command; return (exit code, what it printed)."""
    command = [sys.executable, str(ROOT / "tools" / "lint.py"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=plain_environment(), timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_command_prints_every_finding_and_a_count(tmp_path):
    printing = notebook([text("It prints."), code("x = 6\nprint(x)", "6\n")])
    folder = write_book(tmp_path, good=printing, bad=with_more(code("1", STDERR), code("1", ERROR)))
    status, printed = run_lint(folder, "--package", tmp_path / "tinypackage")
    assert status == 1
    assert "02-bad.ipynb: cell [5]: stderr is stored" in printed
    assert "02-bad.ipynb: cell [6]: ValueError is stored" in printed
    assert printed.endswith("lint: 2 chapters, 4 to mend, 2 to consider\n")  # also: prose, mutant
    assert run_lint(folder / "01-good.ipynb", "--package", tmp_path / "tinypackage")[0] == 0


def test_command_fails_where_there_is_nothing_to_lint_or_no_notebook(tmp_path):
    assert run_lint(tmp_path) == (2, f"lint: expected a chapter called '*' in {tmp_path}; there are: none\n")
    (tmp_path / "01-odd.ipynb").write_text("not json")
    status, printed = run_lint(tmp_path)
    assert status == 2
    assert "not a Jupyter notebook of format 4" in printed
    assert "counts_run_from_one: Refuse" in run_lint("--rules")[1]


def run_nbval(folder):
    """Re-run and compare a folder of chapters as `make test` does; return (exit code, what it printed)."""
    options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=20", "-p", "no:cacheprovider"]
    environment = plain_environment(PYTHONPATH=os.pathsep.join([str(folder.parent), str(ROOT)]))
    command = [sys.executable, "-m", "pytest", *options, "-c", str(ROOT / "pyproject.toml"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, timeout=120)
    return done.returncode, done.stdout


def test_nbval_passes_true_outputs_and_fails_a_wrong_one(tmp_path):
    cells = [
        text("The sum."),
        code("from tinypackage.sums import doubled_sum"),
        code("print(doubled_sum(1, 2))", "6.0\n"),
    ]
    wrong = copy.deepcopy(cells)
    wrong[2].outputs[0].text = "6.5\n"
    status, printed = run_nbval(write_book(tmp_path, good=notebook(cells), bad=notebook(wrong)))
    assert status == 1
    assert "1 failed, 3 passed" in printed
    assert "02-bad.ipynb::Cell 1" in printed.split("short test summary")[1]
    assert "6.5" in printed


def test_places_count_as_jupyter_does():
    chapter = Chapter(Path("a.ipynb"), notebook([code(""), text("a"), code("x"), text("b")]), 1)
    assert list(map(chapter.place, itertools.islice(itertools.count(), 1, 4))) == [
        "text before cell [1]",
        "cell [1]",
        "text after the last cell",
    ]
