"""Each case of the clinic: the shapes are alike, the property fails for the sick one and holds of the sound one."""

import ast
import inspect
import re

import numpy as np
import pytest

from tests.support.naive_attention import attend_by_loops
from tools.notebooks.chapters import CHAPTERS, read_chapter
from utils.clinic import CASES, find_case
from utils.clinic.attentions import plain_attention
from utils.clinic.blocks import causal_rows, normalised
from utils.clinic.heads import plain_heads
from utils.clinic.models import label_loss

EACH = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
TEXT = "\n".join(source for _, source in read_chapter(CHAPTERS / "a2-clinic.ipynb").markdown_cells())


@EACH
def test_a_case_passes_the_test_of_shapes_fails_its_property_and_the_sound_version_passes_both(case):
    assert case.shape(case.sick) == case.shape(case.sound)
    assert case.holds(case.sound)
    assert not case.holds(case.sick)


@EACH
def test_a_number_that_is_not_one_fails_the_property(case):
    nan_case = type(case)(**{**vars(case), "measure": lambda function: float("nan")})
    assert not nan_case.holds(case.sound)


@EACH
def test_a_sick_function_differs_from_the_sound_one_and_is_short_enough_to_be_read(case):
    assert case.sick is not case.sound
    source = inspect.getsource(case.sick if inspect.isfunction(case.sick) else type(case.sick))
    body = ast.unparse(ast.parse(source).body[0].body[1:])
    assert 1 <= len(body.splitlines()) <= 10


@EACH
def test_the_chapter_shows_the_code_and_cites_each_report_of_a_case_with_its_address(case):
    name = case.sick.__name__ if inspect.isfunction(case.sick) else f"{type(case.sick).__name__}.__call__"
    assert f":pyobject: {name}\n" in TEXT
    for report in case.reports:
        repository, number = report.split("#")
        assert re.search(
            rf"\[{re.escape(report)}\]\(https://github\.com/{re.escape(repository)}/(issues|pull)/{number}\)", TEXT
        )


def test_there_are_twelve_cases_at_least_and_the_chapter_counts_them():
    assert len(CASES) >= 12
    assert f"{len(CASES)} mistakes" in TEXT


def test_an_unknown_case_is_refused_with_those_there_are():
    assert find_case("no-scale").title == "no division by √d_k"
    with pytest.raises(ValueError, match=r"one of keys-as-values, .*received 'scale'"):
        find_case("scale")


def test_the_sound_attention_is_the_equation_computed_by_loops():
    rng = np.random.default_rng(3)
    query, key, value = rng.normal(size=(2, 3, 7)), rng.normal(size=(2, 5, 7)), rng.normal(size=(2, 5, 4))
    mask = np.arange(5) != np.array([[0], [2], [4]])
    output, _ = attend_by_loops(query, key, value, np.broadcast_to(mask, (2, 3, 5)), np.zeros((2, 3, 5)))
    np.testing.assert_allclose(plain_attention(query, key, value, mask), output, atol=1e-12)


def test_sound_heads_norm_rows_and_loss_are_what_they_are_by_hand():
    rng = np.random.default_rng(4)
    x, kernels = rng.normal(size=(1, 3, 5)), rng.normal(size=(3, 5, 2, 7))
    out = rng.normal(size=(2, 7, 5))
    heads = [plain_attention(*(x @ kernel[:, h] for kernel in kernels)) @ out[h] for h in range(2)]
    np.testing.assert_allclose(plain_heads(x, [*kernels, out]), sum(heads), atol=1e-12)
    np.testing.assert_allclose(normalised(np.array([[3.0, 1.0]]), 0.0), [[1.0, -1.0]])
    np.testing.assert_allclose(causal_rows(x[0])[0], x[0, 0])
    even = np.zeros((1, 2, 4))
    assert label_loss(even, np.array([[1, 3]]), np.array([[True, False]])) == pytest.approx(np.log(4))
