"""Reading cells: which assertions can fail, which outputs are computed, where equations stand."""

import itertools
from pathlib import Path

import pytest
from nbformat import v4

from tests.support.broken import code, figure, notebook, text
from tools.lint.outputs import has_computed_output
from tools.notebooks.cells import assertions, parse_cell, why_it_cannot_fail
from tools.notebooks.chapters import Chapter, equation_labels, labelled_equations


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


def test_places_count_as_jupyter_does():
    chapter = Chapter(Path("a.ipynb"), notebook([code(""), text("a"), code("x"), text("b")]), 1)
    assert list(map(chapter.place, itertools.islice(itertools.count(), 1, 4))) == [
        "text before cell [1]",
        "cell [1]",
        "text after the last cell",
    ]
