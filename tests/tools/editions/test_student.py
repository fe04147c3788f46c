"""The student edition: cells for answers in place of solutions, kind until solved; and the key, with solutions."""

import ast
import functools
import hashlib
import json
import math
import re
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest

from tools.editions import write as editions
from tools.editions.answers import answer_cells
from tools.editions.syntax import EditionError
from tools.notebooks.chapters import find_chapters, is_code, read_chapter, tags
from tools.site.addresses import EDITIONS, Addresses
from utils import clinic
from utils.exercises import Verdict, check_answer
from utils.exercises.engine.checker import EXERCISES
from utils.exercises.engine.forms import FindTheBug

ADDRESSES = Addresses("https://github.com/ada/transformer")
NAMES = [path.name for path in find_chapters()]
WITHOUT_EXERCISES = "a3-questions.ipynb"  # answers, and sentences to judge
each_chapter = pytest.mark.parametrize("name", NAMES)


@functools.cache
def notebooks(edition):
    """Return the notebooks of one edition, {file: notebook}."""
    texts = editions.edition_texts(ADDRESSES, edition=edition)
    return {name: nbformat.reads(text, as_version=4) for name, text in texts.items()}


@pytest.fixture(scope="module")
def made():
    """The notebooks of all editions, {edition: {file: notebook}}."""
    return {edition: notebooks(edition) for edition in EDITIONS}


def exercises():
    """Yield (exercise, source of the answer's cell, source of the cell that checks it, source of the solution)."""
    for path in find_chapters():
        cells = notebooks("student")[path.name].cells
        pairs = [(cell, cells[i + 1]) for i, cell in enumerate(cells) if "answer" in tags(cell)]
        solutions = [cell.source for cell in read_chapter(path).notebook.cells if "solution" in tags(cell)]
        for (answer, check), solution in zip(pairs, solutions, strict=True):
            last = ast.parse(check.source).body[-1]
            yield pytest.param(answer.source, check.source, solution, id=last.value.args[0].value)


SET = list(exercises())


def run(cells, **names):
    """Run the cells of a notebook one after another; return what the last one shows."""
    names |= {"np": np, "math": math, "hashlib": hashlib, "clinic": clinic}
    for source in cells:
        *lines, last = ast.parse(source).body
        exec(compile(ast.Module(lines, []), "cell", "exec"), names)
        if not isinstance(last, ast.Expr):
            exec(compile(ast.Module([last], []), "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)


def test_every_exercise_of_every_chapter_has_its_cells():
    assert {one.id for one in SET} == set(EXERCISES)
    assert len(SET) == len(EXERCISES)


@pytest.mark.parametrize(("answer", "check", "solution"), SET)
def test_a_cell_is_kind_until_it_is_solved_and_passes_with_the_solution(answer, check, solution):
    for before, said in (([], ("not answered yet",)), ([answer], ("not written yet", "no answer yet"))):
        verdict = run([*before, check])
        assert verdict.passed is False
        assert verdict.hint
        assert any(text in verdict.message for text in said), verdict
    lines, _, handed_in = solution.removesuffix(")").rpartition("\ncheck(")
    _, _, names = check.removesuffix(")").rpartition("lambda: ")
    verdict = run([f"{lines}\n{names} = {handed_in.partition(', ')[2]}", check])
    assert verdict.passed is True, verdict


@pytest.mark.parametrize(("answer", "check", "solution"), SET)
def test_a_bug_has_its_listing_to_mend_and_other_answers_begin_with_nothing(answer, check, solution, request):
    exercise = EXERCISES[request.node.callspec.id]
    if isinstance(exercise, FindTheBug):
        assert answer == f"line = ...  # the number of the wrong line\n\n\n{exercise.numbered}"
        assert "no answer yet: which line" in run([answer, check]).message
    elif exercise.asks_for_value:
        assert re.fullmatch(r"(\w+) = \.\.\.  # your answer", answer)
    else:
        assert answer == f"def {exercise.signature}:\n    ...  # your answer; end with return"


@each_chapter
def test_nothing_of_a_solution_is_left_and_no_answer_has_an_output(made, name):
    student = made["student"][name].cells
    texts = "\n".join(cell.source for cell in student)
    assert "olution to exercise" not in texts
    assert "solutions fold out" not in texts
    for cell in filter(is_code, student):
        if {"answer", "check-answer"}.intersection(tags(cell)):
            assert (cell.outputs, cell.execution_count) == ([], None)
            assert "source_hidden" not in cell.metadata.get("jupyter", {})
    for cell in made["colab"][name].cells:
        if "solution" in tags(cell):
            assert cell.source not in texts
    folded = "\n".join(cell.source for cell in made["colab"][name].cells)
    words = re.findall(
        r"<summary>Solution to exercise [\dA-C.]+: the words</summary>\n\n(.*?)\n\n</details>", folded, re.S
    )
    key = "\n".join(cell.source for cell in made["key"][name].cells)
    assert words or name == WITHOUT_EXERCISES
    assert all(text in key and text not in texts for text in words)
    nbformat.validate(made["student"][name])


@each_chapter
def test_all_other_cells_are_those_of_the_edition_for_colab(made, name):
    def others(edition):
        return [
            (cell.source, json.dumps(cell.outputs), cell.metadata)
            for cell in filter(is_code, made[edition][name].cells)
            if not {"answer", "check-answer", "solution"}.intersection(tags(cell))
        ]

    assert others("student") == others("colab") == others("key")


@each_chapter
def test_the_key_shows_solutions_with_their_words_and_outputs(made, name):
    folded, shown = (
        [cell for cell in made[edition][name].cells if "solution" in tags(cell)] for edition in ("colab", "key")
    )
    assert [(cell.source, cell.outputs) for cell in shown] == [(cell.source, cell.outputs) for cell in folded]
    assert len(shown) == sum("answer" in tags(cell) for cell in made["student"][name].cells)
    assert shown or name == WITHOUT_EXERCISES
    assert not any("jupyter" in cell.metadata or "cellView" in cell.metadata for cell in shown)
    assert not [cell.source for cell in made["key"][name].cells if "<summary>Solution" in cell.source]


def test_make_editions_writes_all_three_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(editions, "OUTPUT", tmp_path)
    seen = []
    monkeypatch.setattr(
        editions, "write_editions", lambda *given: seen.append(given[2:]) or [tmp_path / given[3] / "01-one.ipynb"]
    )
    monkeypatch.setattr(editions, "_report", lambda written: print(written[0].parent.name))
    assert editions.main([]) == 0
    assert seen == [(tmp_path / edition, edition) for edition in EDITIONS]
    assert editions.main(["--edition", "key"]) == 0
    assert seen[3:] == [(tmp_path / "key", "key")]
    assert capsys.readouterr().out.split()[:3] == list(EDITIONS)


ASKED = 'Write it. Check it with `check("toy", table)`.'


@pytest.mark.parametrize(
    ("solution", "asked", "reason"),
    [
        ("x = 1", ASKED, "does not end with check"),
        ('check("toy", x)\nx', ASKED, "does not end with check"),
        ('check("other", x)', ASKED, 'does not say `check("other", …)`'),
        ('check("toy", x)', 'Hand in `check("toy", 2 * x)`.', "no name and no tuple of names"),
        ('check("toy", x)', 'Hand in `check("toy", (2, x))`.', "no name and no tuple of names"),
    ],
)
def test_an_exercise_that_does_not_say_what_is_handed_in_is_refused(solution, asked, reason):
    with pytest.raises(EditionError, match=reason.replace("(", r"\(").replace(")", r"\)")):
        answer_cells(solution, asked)


def test_an_answer_has_the_parameters_asked_for_and_what_helps_is_left_out():
    solution = 'def helper(a):\n    return a\n\n\ndef table(a, *, b=2):\n    return helper(a)\n\n\ncheck("toy", table)'
    answer, check = answer_cells(solution, ASKED)
    assert answer == "def table(a, *, b=2):\n    ...  # your answer; end with return"
    assert check == 'from utils.exercises import check_answer\n\ncheck_answer("toy", lambda: table)'


def test_an_answer_that_is_not_there_is_said_to_be_missing_and_another_error_is_not_hidden():
    there = SimpleNamespace()
    verdict = check_answer("attention-shapes", lambda: shapes)  # noqa: F821
    assert verdict == Verdict(
        False,
        "attention-shapes: not answered yet: there is no `shapes`",
        "Write your answer in the cell above, and run that cell first.",
    )
    with pytest.raises(AttributeError):
        check_answer("attention-shapes", lambda: there.shapes)
    with pytest.raises(ValueError, match="expected the id of an exercise"):
        check_answer("attention-shape", lambda: shapes)  # noqa: F821
