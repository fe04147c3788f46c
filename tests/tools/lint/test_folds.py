"""The story of a chapter runs without its checks: the lint sees what running it would show, and more."""

import ast
import builtins
import contextlib
import io

import pytest

from tests.support.broken import code, imports, notebook, opening, proof
from tests.tools.lint.test_lint import found_in
from tools.notebooks.cells import parse_cell
from tools.notebooks.chapters import find_chapters, read_chapter
from tools.notebooks.folds import is_proof, line_of, story
from tools.notebooks.names import names_of

HELPER = "def helper(x):\n    return scale * x"

# Cells with "| " before a line are checks. What the lint says of the story, None where it runs with the same outcome.
STORIES = {
    "assigned in a check": (["| a = 1", "print(a)"], "needs 'a', which the check of cell [3] alone defines"),
    "imported in a check": (["| import math", "print(math.pi)"], "'math'"),
    "imported from": (["| from math import pi as tau", "print(tau)"], "'tau'"),
    "defined in a check": (["| def f():\n|     return 1", "print(f())"], "'f'"),
    "a class": (["| class A:\n|     x = 1", "print(A.x)"], "'A'"),
    "loop variable": (["| for a in range(3):\n|     assert a < 3", "print(a)"], "'a'"),
    "bound by with": (["| import io\n| with io.StringIO() as f:\n|     pass", "print(f.closed)"], "'f'"),
    "bound by a walrus": (["| assert (a := 3) == 3", "print(a)"], "'a'"),
    "in a comprehension": (["| a = [1]", "print([b + 1 for b in a])"], "'a'"),
    "in the body of a loop": (["| a = 1", "for b in range(2):\n    print(a + b)"], "'a'"),
    "in a default": (["| a = 1", "def f(x=a):\n    return x"], "'a'"),
    "in a lambda": (["| a = 1", "print((lambda x: x + a)(2))"], "'a'"),
    "in an f-string": (["| a = 1", 'print(f"{a:.1f}")'], "'a'"),
    "in a subscript": (["| a = 0", "b = [1, 2]\nb[a] = 3"], "'a'"),
    "added to": (["| a = 1", "a += 1"], "'a'"),
    "in a function that is called": (["| scale = 2", HELPER, "print(helper(3))"], "'scale'"),
    "in a function defined before the check": ([HELPER, "| scale = 2", "print(helper(3))"], "'scale'"),
    "in a function of a function": (
        [HELPER, "def outer(x):\n    return helper(x)", "| scale = 2", "print(outer(3))"], "'scale'",
    ),
    "in a method": (["class A:\n    def f(self):\n        return a", "o = A()", "| a = 1", "print(o.f())"], "'a'"),
    "bound in one branch": (["| a = 1", "if len([]) == 1:\n    a = 2\nprint(a)"], "'a'"),
    "in an except clause": (["| a = 1", "try:\n    raise KeyError\nexcept KeyError:\n    print(a)"], "'a'"),
    "in a match": (["| a = 1", "match [2]:\n    case [b]:\n        print(a + b)"], "'a'"),
    "bound before its use": (["| a = 1", "a = 2\nprint(a)"], None),
    "bound in both branches": (["| a = 1", "if len([]) == 1:\n    a = 2\nelse:\n    a = 3\nprint(a)"], None),
    "used by checks alone": (["| a = 1", "b = 2", "| assert a == 1"], None),
    "name of a comprehension": (["| a = 1", "print([a for a in range(2)])"], None),
    "parameter": (["| a = 1", "def f(a):\n    return a\nprint(f(2))"], None),
    "attribute of that name": (["| pi = 1", "import math\nprint(math.pi)"], None),
    "keyword of that name": (["| end = 1", 'print(1, end="")'], None),
    "bound between": (["| a = 1", "a = 2", "print(a)"], None),
    "read by a check": (["a = 1", "| assert a == 1", "print(a)"], None),
    "imported again": (["import math", "| import math\n| assert math.pi > 3", "print(math.pi)"], None),
    "caught as": (["| e = 1", "try:\n    raise KeyError\nexcept KeyError as e:\n    print(repr(e))"], None),
}  # fmt: skip

# The story runs, and what it prints is other than on the page.
CHANGED = {
    "set anew": (["a = 1", "| a = 2", "print(a)"], "'a', which the check of cell [4] sets anew"),
    "loop variable of both": (["a = 1", "| for a in range(3):\n|     assert a < 3", "print(a)"], "sets anew"),
    "element": (["a = [1]", "| a[0] = 2", "print(a)"], "'a', which the check of cell [4] changes"),
    "attribute": (["import types\na = types.SimpleNamespace(b=1)", "| a.b = 2", "print(a.b)"], "changes"),
    "added in place": (["a = 1", "| a += 2", "print(a)"], "sets anew"),
    "appended": (["a = [1]", "| a.append(2)", "print(a)"], "changes"),
    "in a module": (
        ["import math", "| math.tau = 1", "print(math.tau)\nmath.tau = 2 * math.pi"], "'math', which the check",
    ),
    "setattr": (["import types\na = types.SimpleNamespace(b=1)", "| setattr(a, 'b', 2)", "print(a.b)"], "changes"),
    "used by a function": (["scale = 3", HELPER, "| scale = 2", "print(helper(3))"], "'scale'"),
    "an operation of that name": (
        ["import operator", "| assert operator.add(1, 2) == 3", "print(operator.neg(1))"], None,
    ),
    "its own list": (["a = [1]", "| b = []\n| b.append(2)\n| assert b", "print(a)"], None),
    "changed and not used again": (["a = [1]", "print(a)", "| a.append(2)\n| assert a"], None),
}  # fmt: skip


def cells_of(sources):
    """Make the cells of a story, each line of a check marked."""
    for source in sources:
        lines = [line.removeprefix("| ") for line in source.splitlines()]
        yield proof("\n".join(lines)) if source.startswith("| ") else code(source, tags=["solution"])


def told(sources):
    return notebook([*opening("import os"), imports("import json"), *cells_of(sources)])


def outcome(content):
    """Run the cells of a notebook; return what they print and the name of the error."""
    printed, names = io.StringIO(), {}
    try:
        with contextlib.redirect_stdout(printed):
            for cell in content.cells:
                if cell.cell_type == "code":
                    exec(cell.source, names)
    except Exception as error:
        return printed.getvalue(), type(error).__name__
    return printed.getvalue(), None


@pytest.mark.parametrize("name", [*STORIES, *CHANGED])
def test_the_lint_finds_what_running_the_story_finds(tmp_path, name):
    sources, expected = (STORIES | CHANGED)[name]
    whole, alone = outcome(told(sources)), outcome(story(told(sources)))
    assert whole[1] is None
    assert (alone == whole) is (expected is None), "the example is not what it is meant to be"
    assert (alone[1] is not None) is (expected is not None and name in STORIES)
    found = found_in(tmp_path, told(sources), mutants=()).get("story_needs_no_check")
    assert (found is None) is (expected is None), found
    assert (expected or "") in str(found)


def test_the_story_is_all_but_the_checks_and_leaves_the_notebook_as_it_is():
    content = told(["| a = 1", "b = 2"])
    kept = story(content)
    assert [cell.source for cell in kept.cells[1:]] == ["import os", "import json", "b = 2"]
    assert [is_proof(cell) for cell in content.cells] == [False, False, False, True, False]
    assert [line_of(cell) for cell in content.cells if cell.cell_type == "code"][1:3] == [
        "Imports and seeds", proof().metadata.mystnb.code_prompt_show,
    ]  # fmt: skip


@pytest.mark.parametrize("path", find_chapters(), ids=lambda path: path.stem)
def test_no_cell_of_the_book_needs_a_name_before_it_is_bound(path):
    bound, imported, missing = {*vars(builtins), "get_ipython"}, frozenset(), {}
    for number, cell in read_chapter(path).code_cells():
        names = names_of(parse_cell(cell.source) or ast.Module([], []), imported)
        missing |= {number: names.needs - bound} if names.needs - bound else {}
        bound, imported = bound | names.binds, imported | names.imported
    assert not missing, "either the chapter is wrong, or tools/notebooks/names.py"
