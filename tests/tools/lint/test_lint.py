"""The chapter lint: each rule refuses a notebook broken for it, says what to do, and lets the sound one pass."""

import copy
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

from tests.support.broken import (
    CAUGHT_MUTANT,
    code,
    notebook,
    opening,
    plain_environment,
    text,
    with_more,
    write_book,
)
from tests.support.broken_chapters import BROKEN, ERROR, FOLLOWS, SOUND_MORE, STDERR
from tools.lint import lint
from tools.lint.findings import Book
from tools.notebooks.chapters import ROOT, Chapter
from utils import drawing


def found_in(folder, *notebooks, mutants=(CAUGHT_MUTANT,)):
    """Lint notebooks beside the small package; return {rule: finding} of all that fails."""
    write_book(folder)
    chapters = [
        Chapter(Path(f"0{number}.ipynb"), content, len(nbformat.writes(content)))
        for number, content in enumerate(notebooks, start=1)
    ]
    found = lint.lint(Book(chapters, folder / "tinypackage", mutants))
    return {finding.rule: finding for finding in found}


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
    covered = {rule for _, rule, _, _ in BROKEN.values()} | {"equations_have_mutants", "set_up_is_one_text"}
    assert covered == {rule.__name__ for rule in (*lint.CHAPTER_RULES, *lint.BOOK_RULES)}


def test_equation_without_a_mutant_is_refused(tmp_path):
    finding = found_in(tmp_path, notebook(), mutants=())["equations_have_mutants"]
    assert "text before cell [2]: no mutant proves that the check of eq-sum can fail" in str(finding)
    assert "Name in tools/mutants/mutants.py an edit" in str(finding)


def test_mutant_that_no_longer_fits_its_function_is_refused(tmp_path):
    stale = replace(CAUGHT_MUTANT, find="one + other")
    finding = found_in(tmp_path, notebook(), mutants=(stale,))["equations_have_mutants"]
    assert "no longer applies" in str(finding)
    assert "bring `find` up to date" in str(finding)


def test_definition_in_two_chapters_is_refused_and_naive_ones_are_not(tmp_path):
    one = notebook([*opening(), text("It prints."), code("def shared(x):\n    print(x)\nshared(1)", "1\n")])
    found = found_in(tmp_path, one, one, mutants=())
    assert list(found) == ["defined_once"]
    assert str(found["defined_once"]).startswith("02.ipynb: cell [2]: 'shared' is defined again; 01.ipynb cell [2]")
    naive = notebook(
        [*opening(), text("It prints."), code("def naive_shared(x):\n    print(x)\nnaive_shared(1)", "1\n")]
    )
    assert found_in(tmp_path, naive, naive, mutants=()) == {}


def test_definition_in_two_files_of_the_package_is_refused(tmp_path):
    write_book(tmp_path)
    (tmp_path / "tinypackage" / "inner").mkdir()
    source = "try:\n    def doubled_sum(): ...\nexcept ImportError: ...\n"
    (tmp_path / "tinypackage" / "inner" / "more.py").write_text(source)
    found = found_in(tmp_path, notebook())
    assert "'doubled_sum' is defined again; tinypackage/inner/more.py" in str(found["defined_once"])


def test_exercises_carry_the_names_of_what_they_check_and_share_none_among_themselves(tmp_path):
    write_book(tmp_path)
    folder = tmp_path / "tinypackage" / "exercises"
    folder.mkdir()
    source = "def doubled_sum(): ...\ndef told(): ...\ndef _draw(): ...\n"
    (folder / "one.py").write_text(source)
    (folder / "two.py").write_text("def _draw(): ...\n")
    told = with_more(code("def told():\n    print(1)\ntold()", "1\n"))
    assert found_in(tmp_path, told) == {}
    (folder / "two.py").write_text(source)
    found = found_in(tmp_path, told)
    assert list(found) == ["defined_once"]
    assert "tinypackage/exercises/two.py: 'told' is defined again; tinypackage/exercises/one.py" in str(
        found["defined_once"]
    )


def test_set_up_that_differs_between_chapters_is_refused_with_the_line(tmp_path):
    cells = [text("It prints."), code("x = 6\nprint(x)", "6\n")]
    one, same = (notebook([*opening("import sys\nimport os"), *cells]) for _ in range(2))
    other = notebook([*opening("import sys\nimport json"), *cells])
    longer = notebook([*opening("import sys\nimport os\nimport re"), *cells])
    assert found_in(tmp_path, one, same, mutants=()) == {}
    found = found_in(tmp_path, one, same, other, mutants=())
    assert list(found) == ["set_up_is_one_text"]
    expected = "03.ipynb: cell [1]: line 2 of the set-up is 'import json'; in 01.ipynb it is 'import os'"
    assert str(found["set_up_is_one_text"]).startswith(expected)
    found = found_in(tmp_path, longer, one, mutants=())
    assert "line 3 of the set-up is 'nothing'; in 01.ipynb it is 'import re'" in str(found["set_up_is_one_text"])


def test_inner_functions_and_methods_are_no_definitions_of_the_chapter(tmp_path):
    cell = code("class naive_A:\n    def call(self):\n        def Layer(): ...\n        return Layer")
    assert found_in(tmp_path, with_more(cell)) == {}


def test_label_in_two_chapters_is_refused(tmp_path):
    found = found_in(tmp_path, notebook(), notebook())
    assert list(found) == ["labels_are_unique"]
    assert "first in 01.ipynb, text before cell [2]" in str(found["labels_are_unique"])


@pytest.mark.parametrize("name", SOUND_MORE)
def test_sound_variation_passes(tmp_path, name):
    assert found_in(tmp_path, SOUND_MORE[name]()) == {}


def run_lint(*arguments):
    """Run the command; return (exit code, what it printed)."""
    command = [sys.executable, str(ROOT / "tools" / "lint" / "lint.py"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=plain_environment(), timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_command_prints_every_finding_and_a_count(tmp_path):
    printing = notebook([*opening(), text("It prints."), code("x = 6\nprint(x)", "6\n")])
    folder = write_book(tmp_path, good=printing, bad=with_more(code("1", STDERR), code("1", ERROR)))
    status, printed = run_lint(folder, "--package", tmp_path / "tinypackage")
    assert status == 1
    assert "02-bad.ipynb: cell [5]: stderr is stored" in printed
    assert "02-bad.ipynb: cell [6]: ValueError is stored" in printed
    assert printed.endswith("lint: 2 chapters, 4 to mend\n")  # also: prose, mutant
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


def drawn(found, svg):
    """Return a chapter that draws two scores, and shows `found` as this picture."""
    source = (
        "from utils import drawing\nscores = drawing.grid([[0.5, -2.0]], digits=1)\n"
        'drawing.figure(scores, name="fig-scores", title="Two scores", description="The first is larger.")'
    )
    output = v4.new_output("execute_result", data={"text/html": svg, "text/plain": repr(found)}, execution_count=1)
    return notebook([text("A drawing."), code(source, output)])


def test_nbval_passes_true_outputs_and_drawings_and_fails_a_wrong_number_in_either(tmp_path):
    cells = [
        text("The sum."),
        code("from tinypackage.sums import doubled_sum"),
        code("print(doubled_sum(1, 2))", "6.0\n"),
    ]
    wrong = copy.deepcopy(cells)
    wrong[2].outputs[0].text = "6.5\n"
    shown = drawing.figure(
        drawing.grid([[0.5, -2.0]], digits=1), name="fig-scores", title="Two scores", description="The first is larger."
    )
    assert shown.svg.count(">0.5<") == 1
    book = {"good": notebook(cells), "bad": notebook(wrong), "drawn": drawn(shown, shown.svg)}
    book["misdrawn"] = drawn(shown, shown.svg.replace(">0.5<", ">0.6<"))
    status, printed = run_nbval(write_book(tmp_path, **book))
    assert status == 1
    assert "2 failed, 4 passed" in printed
    failed = printed.split("short test summary")[1]
    assert "02-bad.ipynb::Cell 1" in failed
    assert "04-misdrawn.ipynb::Cell 0" in failed
    assert "6.5" in printed
