"""Mutants: a check that cannot fail is found out, and the running function is whole again afterwards."""

import copy
import importlib
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from tests.support.broken import (
    CAUGHT_MUTANT,
    FUNCTION,
    LABEL,
    code,
    notebook,
    proof,
    sound_cells,
    text,
    with_cell,
    write_book,
)
from tools.mutants import run as run_mutants
from tools.mutants.mutants import MUTANTS
from tools.mutants.mutation import MutantError, applied, check_applies
from tools.mutants.run import try_chapter, try_chapters
from tools.mutants.verdicts import strays, table, write_junit
from tools.notebooks.chapters import ROOT

METHOD = "tinypackage.sums.Layer.call"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Give the module of the small package, imported afresh."""
    write_book(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("tinypackage", "tinypackage.sums"):
        monkeypatch.delitem(__import__("sys").modules, name, raising=False)
    return importlib.import_module("tinypackage.sums")


def verdicts_of(tmp_path, content, *mutants, **settings):
    """Run one chapter under mutants; return {mutant: (verdict, remedy)}."""
    folder = write_book(tmp_path, one=content)
    verdicts = try_chapter(folder / "01-one.ipynb", mutants, search=[tmp_path], **settings)
    return {verdict.mutant: (verdict.verdict, verdict.remedy) for verdict in verdicts}


def checking(source, *before):
    """Return the sound chapter with another checking cell, and cells before it."""
    cells = sound_cells()
    cells[5] = code(source, tags=["checks:eq-sum"])
    return notebook([*cells[:4], *before, *cells[4:]])


def test_mutant_reaches_every_name_of_the_function_and_is_undone(package):
    imported = package.doubled_sum
    with applied(CAUGHT_MUTANT):
        assert imported(1, 2) == -2.0
        assert package.doubled_sum is imported
    assert imported(1, 2) == 6.0


def test_mutant_is_undone_when_the_block_raises(package):
    with pytest.raises(KeyError), applied(CAUGHT_MUTANT):
        raise KeyError
    assert package.doubled_sum(1, 2) == 6.0


def test_mutant_of_a_default_value(package):
    with applied(replace(CAUGHT_MUTANT, find="scale=2.0", replace="scale=5.0")):
        assert package.doubled_sum(1, 2) == 15.0
    assert package.doubled_sum(1, 2) == 6.0


@pytest.mark.parametrize(
    ("find", "new", "value"), [("2 * super()", "3 * super()", 15), ("call(number)\n", "call(0)\n", 2)]
)
def test_mutant_of_a_method_that_uses_super(package, find, new, value):
    layer = package.Layer()
    with applied(replace(CAUGHT_MUTANT, function=METHOD, find=find, replace=new)):
        assert layer.call(4) == value
    assert layer.call(4) == 10


def test_mutant_of_decorated_functions(tmp_path, monkeypatch):
    source = """
from __future__ import annotations
import functools

@functools.cache
def square(number: Unknown) -> Unknown:
    return number * number

class Shape:
    __side = 3

    @property
    def area(self):
        return self.__side * self.__side

    @staticmethod
    def name():
        return "a shape"
"""
    (tmp_path / "shapes.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    shapes = importlib.import_module("shapes")
    assert shapes.square(3) == 9
    with applied(replace(CAUGHT_MUTANT, function="shapes.square", find="number * number", replace="number + 1")):
        assert shapes.square(3) == 4
    assert shapes.square(3) == 9
    with applied(
        replace(CAUGHT_MUTANT, function="shapes.Shape.area", find="return self.__side *", replace="return 2 *")
    ):
        assert shapes.Shape().area == 6
    with applied(replace(CAUGHT_MUTANT, function="shapes.Shape.name", find="a shape", replace="a form")):
        assert shapes.Shape.name() == "a form"
    assert (shapes.Shape().area, shapes.Shape.name()) == (9, "a shape")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"find": "first * second"}, "exactly once in its source, found it 0 times"),
        ({"find": "first"}, "exactly once in its source, found it 2 times"),
        ({"replace": "first +"}, "it is not Python"),
        ({"replace": "(first + second)"}, "changes nothing"),
        ({"function": "tinypackage.sums.missing"}, "no such function"),
        ({"function": "nopackage.sums.missing"}, "name a function that exists"),
    ],
)
def test_mutant_that_no_longer_applies_says_what_to_mend(package, tmp_path, changes, message):
    mutant = replace(CAUGHT_MUTANT, **changes)
    with pytest.raises(MutantError, match=f"mutant minus of eq-sum no longer applies.*{message}"):
        check_applies(mutant, tmp_path)
    with pytest.raises(MutantError, match="mutant minus of eq-sum no longer applies"), applied(mutant):
        pass
    assert package.doubled_sum(1, 2) == 6.0


def test_mutant_that_drops_super_is_refused(package):
    mutant = replace(CAUGHT_MUTANT, function=METHOD, find="super().call(number)", replace="number")
    with pytest.raises(MutantError, match="adds or removes a use of super"), applied(mutant):
        pass


def test_check_that_computes_catches_its_mutants(tmp_path):
    scale = replace(CAUGHT_MUTANT, name="scale", find="scale * (", replace="1.5 * (")
    found = verdicts_of(tmp_path, notebook(), CAUGHT_MUTANT, scale)
    assert found == {"minus": ("caught", ""), "scale": ("caught", "")}


def test_numpy_assertions_and_methods_count(tmp_path):
    source = (
        "import numpy as np\nfrom tinypackage.sums import Layer\n"
        "np.testing.assert_allclose(Layer().call(np.arange(3.0)), [2, 4, 6])"
    )
    triple = replace(CAUGHT_MUTANT, name="triple", function=METHOD, find="2 * super()", replace="3 * super()")
    assert verdicts_of(tmp_path, checking(source), triple) == {"triple": ("caught", "")}


def test_check_of_earlier_variables_survives_and_is_told_to_compute(tmp_path):
    ((verdict, remedy),) = verdicts_of(tmp_path, checking("assert total == 6.0"), CAUGHT_MUTANT).values()
    assert verdict == "survived"
    assert f"cell [3] never calls {FUNCTION}: compute what it checks inside the cell" in remedy


def test_check_that_calls_but_asserts_nothing_of_it_survives(tmp_path):
    source = "value = doubled_sum(1, 2)\nassert isinstance(value, float)"
    ((verdict, remedy),) = verdicts_of(tmp_path, checking(source), CAUGHT_MUTANT).values()
    assert verdict == "survived"
    assert "cell [3] calls the mutant and passes: assert its value" in remedy


def test_other_exception_counts_only_if_the_mutant_says_so(tmp_path):
    crash = replace(CAUGHT_MUTANT, name="crash", find="first + second", replace="first + second[0]")
    said = replace(crash, name="said", raises="TypeError")
    found = verdicts_of(tmp_path, notebook(), CAUGHT_MUTANT, crash, said)
    assert found["said"] == ("caught", "")
    assert found["crash"][0] == "other error"
    assert "raised TypeError" in found["crash"][1]
    assert "not AssertionError: choose a mutant that runs" in found["crash"][1]


def test_equation_without_mutant_or_without_check_fails(tmp_path):
    assert verdicts_of(tmp_path, notebook()) == {"-": ("no mutant", "name a mutant of it in tools/mutants/mutants.py")}
    unchecked = with_cell(5, metadata={})
    assert verdicts_of(tmp_path, unchecked, CAUGHT_MUTANT)["-"][0] == "no check"


def test_cell_that_catches_nothing_beside_one_that_does_is_named(tmp_path):
    idle = code("assert doubled_sum(0, 0) == 0", tags=["checks:eq-sum"])
    content = notebook([*sound_cells(), text("A check that zero passes whatever the sign."), idle])
    found = verdicts_of(tmp_path, content, CAUGHT_MUTANT)
    assert found["minus"] == ("caught", "")
    assert found["cell [5]"] == ("catches none", "add a mutant that it catches, or drop `checks:eq-sum`")


def test_nothing_runs_after_the_last_checking_cell(tmp_path):
    content = notebook([*sound_cells(), code("raise SystemError")])
    assert verdicts_of(tmp_path, content, CAUGHT_MUTANT) == {"minus": ("caught", "")}
    prepare = code("raise SystemError")
    found = verdicts_of(tmp_path, checking("assert doubled_sum(1, 2) == 6", prepare), CAUGHT_MUTANT)
    assert found["minus"][0] == "not run"


def test_trial_leaves_variables_arrays_and_generators_as_they_were(tmp_path):
    prepare = code(
        "import numpy as np\nrng, array, box, total = np.random.default_rng(7), np.zeros(3), [1], 6.0\n"
        "np.random.seed(3)\ndef draw():\n    return rng.integers(10**9)"
    )
    source = (
        "assert 'again' not in globals()\nagain = total\ntotal += 1\narray += 1\nbox.append(2)\n"
        "drawn, legacy = draw(), np.random.rand()\nassert doubled_sum(1, 2) == 6"
    )
    after = code(
        "assert (total, list(array), box) == (7.0, [1, 1, 1], [1, 2])\n"
        "assert drawn == np.random.default_rng(7).integers(10**9)\n"
        "assert legacy == np.random.RandomState(3).rand()\nassert doubled_sum(1, 1) == 4",
        tags=["checks:eq-sum"],
    )
    content = checking(source, prepare)
    content.cells.append(after)
    found = verdicts_of(tmp_path, content, CAUGHT_MUTANT)
    assert found == {"minus": ("caught", "")}


def test_cell_that_fails_as_it_stands_voids_its_trials(tmp_path):
    prepare = code("shared = []\ndef note():\n    shared.append(1)\n    return len(shared)")
    found = verdicts_of(tmp_path, checking("assert note() == 1 and doubled_sum(1, 2) == 6", prepare), CAUGHT_MUTANT)
    stopped = ("not run", "the run stopped in cell [4]: AssertionError: ; see `make execute`")
    assert found == {"minus": stopped, "-": stopped}


def test_cell_that_fails_when_tried_without_a_mutant_is_no_proof(tmp_path):
    found = verdicts_of(tmp_path, checking("assert doubled_sum(1, 2) == 7"), CAUGHT_MUTANT)
    assert {verdict for verdict, _ in found.values()} == {"not run"}
    alive = "assert get_ipython().user_ns is globals() and doubled_sum(1, 2) == 6"  # only the trial fails
    verdict, remedy = verdicts_of(tmp_path, checking(alive), CAUGHT_MUTANT)["minus"]
    assert verdict == "other error"
    assert "cell [3] fails when it is tried with no mutant (AssertionError" in remedy


def test_mutant_that_hangs_is_reported_by_name(tmp_path):
    endless = replace(CAUGHT_MUTANT, name="endless", find="return scale", replace="while True: pass\n    return scale")
    found = verdicts_of(tmp_path, notebook(), CAUGHT_MUTANT, endless, timeout=2)
    assert found["minus"] == ("caught", "")
    assert found["endless"][0] == "not run"
    assert "stopped at mutant endless in cell [3]: it ran for more than 2 seconds" in found["endless"][1]
    assert found["-"] == found["endless"]


def test_several_chapters_run_side_by_side_and_strays_are_named(tmp_path):
    folder = write_book(tmp_path, one=notebook(), two=notebook())
    lost = replace(CAUGHT_MUTANT, name="lost", equation="eq-elsewhere")
    paths = sorted(folder.glob("*.ipynb"))
    verdicts = try_chapters(paths, [CAUGHT_MUTANT, lost], jobs=2, search=[tmp_path])
    assert [(v.chapter, v.verdict) for v in verdicts] == [("01-one", "caught"), ("02-two", "caught")]
    (stray,) = strays([CAUGHT_MUTANT, lost], verdicts)
    assert (stray.mutant, stray.verdict) == ("lost", "not run")
    assert "no chapter has this equation" in stray.remedy


def test_verdicts_do_not_depend_on_the_fold(tmp_path):
    idle = code("assert doubled_sum(0, 0) == 0", tags=["checks:eq-sum"])
    visible = notebook([*sound_cells(), text("A check that zero passes whatever the sign."), idle])
    folded = copy.deepcopy(visible)
    checking_cells = [cell for cell in folded.cells if "checks:eq-sum" in cell.metadata.get("tags", [])]
    for cell in checking_cells:
        cell.metadata.update(proof(tags=["check", "hide-cell", "checks:eq-sum"]).metadata)
    assert len(checking_cells) == 2
    crash = replace(CAUGHT_MUTANT, name="crash", find="first + second", replace="first + second[0]")
    same = replace(CAUGHT_MUTANT, name="same", find="first + second", replace="second + first")
    mutants = [CAUGHT_MUTANT, crash, same]
    found = verdicts_of(tmp_path / "folded", folded, *mutants)
    assert found == verdicts_of(tmp_path / "visible", visible, *mutants)
    kinds = {"minus": "caught", "crash": "other error", "same": "survived", "cell [5]": "catches none"}
    assert {name: verdict for name, (verdict, _) in found.items()} == kinds


def test_table_and_report_hold_every_verdict(tmp_path):
    folder = write_book(tmp_path, one=checking("assert total == 6.0"))
    report = tmp_path / "mutants.xml"
    arguments = ["--folder", str(folder), "--search", str(tmp_path), "--junitxml", str(report)]
    assert run_mutants.main(arguments, [CAUGHT_MUTANT]) == 1
    suite = ElementTree.parse(report).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    verdicts = try_chapter(folder / "01-one.ipynb", [CAUGHT_MUTANT], search=[tmp_path])
    rows = table(verdicts).splitlines()
    assert rows[0].split() == ["chapter", "equation", "mutant", "verdict"]
    assert rows[1].split() == ["01-one", LABEL, "minus", "survived"]
    assert rows[2].startswith("    -> cell [3] never calls")
    write_junit(verdicts, report)
    assert "survived: cell [3]" in ElementTree.parse(report).getroot()[0][0].get("message")


def test_exit_code_is_zero_when_all_are_caught_and_one_when_there_are_none(tmp_path, capsys):
    folder = write_book(tmp_path, one=notebook())
    arguments = ["--folder", str(folder), "--search", str(tmp_path)]
    assert run_mutants.main(arguments, [CAUGHT_MUTANT]) == 0
    assert "mutants: 1 caught, 0 to mend" in capsys.readouterr().out
    empty = write_book(tmp_path / "other", one=notebook([]))
    assert run_mutants.main(["--folder", str(empty)], []) == 1
    assert "expected some, found none" in capsys.readouterr().out


def test_the_books_own_mutants_apply_and_have_distinct_names():
    for mutant in MUTANTS:
        check_applies(mutant, ROOT)
    names = [(mutant.equation, mutant.name) for mutant in MUTANTS]
    assert len(set(names)) == len(names)
