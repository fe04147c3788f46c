"""The page of questions and its list agree, each question has its evidence, and what does not agree is named."""

import dataclasses
import json

import nbformat.v4 as nbf
import pytest

from tools.notebooks.chapters import find_chapters, read_chapter
from tools.site import questions

PLACES = {"fig-mirror": "chapters/01-first.ipynb", "sizes": "chapters/a2-more.ipynb"}
ASKED = [
    questions.Question(1, "question-mirror", "Is it symmetric?", "wrong", (1, 3), ("fig-mirror",), (), 1),
    questions.Question(2, "question-size", "Is it *large*?", "true with a condition", (2,), ("sizes",), ("sizes",), 1),
    questions.Question(3, "question-sound", "Can it sing?", "not shown", (5,), (), ()),
]
TEXT = """# Questions

## Two
(question-mirror)=
### Q1. Is it symmetric?

**Wrong.** See [the mirror](#fig-mirror), and {ref}`again <fig-mirror>`, and [Q2](#question-size).
"""
MORE = """(question-size)=
### Q2. Is it *large*?

**True with a condition:** look at [sizes](#sizes).
"""
LAST = """(question-sound)=
### Q3. Can it sing?

**Not shown.** Nobody tried.

(all-questions)=
## All

| number | question | verdict | articles | in chapter |
|---|---|---|---|---|
| 1 | old | old | 1 | |

After the table: [elsewhere](#nowhere).
"""


def page(tmp_path, *texts, name="a3-questions"):
    """A chapter with these texts, a cell of code before each but the first."""
    cells = [nbf.new_markdown_cell(texts[0])]
    for number, text in enumerate(texts[1:]):
        source = "# Q9. no heading\nprint(1)" if number == 0 else 'found = record("sizes")'
        cells += [nbf.new_code_cell(source), nbf.new_markdown_cell(text)]
    path = tmp_path / f"{name}.ipynb"
    path.write_text(json.dumps(nbf.new_notebook(cells=cells)), encoding="utf-8")
    return path


@pytest.fixture
def answers(tmp_path):
    return questions.read_answers(read_chapter(page(tmp_path, TEXT, MORE, LAST)))


def test_the_page_of_the_book_agrees_with_its_list(capsys):
    assert questions.main(["--check"]) == 0, capsys.readouterr().out


def test_each_result_that_an_answer_reads_is_there():
    named = {name for each in questions.read_list() for name in each.results}
    assert named <= {path.stem for path in questions.RESULTS.glob("*.json")}


def test_every_article_asks_something():
    asked = {article for each in questions.read_list() for article in each.articles}
    assert asked == set(questions.ARTICLES)


def test_one_answer_has_nothing_to_show_and_says_so():
    answers = questions.read_answers(read_chapter(questions.PAGE))
    bare = {each.label: each.verdict for each in answers if not each.evidence and not each.targets}
    assert bare == {"question-outlook": "not shown"}


def test_all_answers_but_two_link_to_a_chapter_that_says_more():
    answers = questions.read_answers(read_chapter(questions.PAGE))
    assert {each.label for each in answers if not each.targets} == {"question-who", "question-outlook"}


def test_answers_are_read_from_headings_texts_and_cells(answers):
    called = [((2, "question-size"),), (), ()]
    expected = [dataclasses.replace(each, articles=(), called=c) for each, c in zip(ASKED, called, strict=True)]
    assert answers == expected
    assert questions.problems(ASKED, answers, PLACES) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"question": "Is it?"}, "Q1: its question is 'Is it?' in the list, 'Is it symmetric?' on the page"),
        ({"verdict": "true"}, "Q1: its verdict is 'true' in the list, 'wrong' on the page"),
        ({"targets": ()}, "Q1: its targets is () in the list, ('fig-mirror',) on the page"),
        ({"results": ("gate",)}, "Q1: its results is ('gate',) in the list, () on the page"),
        ({"number": 4}, "Q4: its number is 4 in the list, 1 on the page"),
        ({"articles": ()}, "Q1: expected articles of 1 to 5; found []"),
        ({"articles": (6,)}, "Q1: expected articles of 1 to 5; found [6]"),
    ],
)
def test_a_list_that_says_something_else_is_found(answers, change, problem):
    listed = [dataclasses.replace(ASKED[0], **change), *ASKED[1:]]
    assert questions.problems(listed, answers, PLACES) == [problem]


def test_a_question_that_one_of_the_two_lacks_is_found(answers):
    assert questions.problems(ASKED[:2], answers, PLACES) == ["question-sound stands on the page alone"]
    (number, alone) = questions.problems(ASKED, answers[1:], PLACES)
    assert number == "expected the headings of the page to count 1, 2, 3 and so on; found [2, 3]"
    assert alone == "question-mirror stands in the list alone"


def test_a_question_there_twice_is_found(answers):
    assert "expected each label once; one is there twice" in questions.problems([*ASKED, ASKED[0]], answers, PLACES)


def test_a_link_to_nowhere_is_found(answers):
    assert questions.problems(ASKED, answers, {"sizes": "x"}) == ["Q1: fig-mirror is no label of a chapter"]


def test_a_link_to_another_question_must_have_its_number(tmp_path):
    wrong = TEXT.replace("[Q2](#question-size)", "[Q3](#question-size)")
    answers = questions.read_answers(read_chapter(page(tmp_path, wrong, MORE, LAST)))
    assert questions.problems(ASKED, answers, PLACES) == ["Q1: it calls question-size Q3, which is Q2"]


def test_an_answer_without_evidence_is_found(answers):
    bare = dataclasses.replace(answers[0], targets=(), evidence=0)
    listed = [dataclasses.replace(ASKED[0], targets=()), *ASKED[1:]]
    (problem,) = questions.problems(listed, [bare, *answers[1:]], PLACES)
    assert problem == "Q1: its answer has no evidence: a cell, a citation, or a link to another chapter"
    cited = dataclasses.replace(bare, evidence=1)
    assert questions.problems(listed, [cited, *answers[1:]], PLACES) == []


def test_a_verdict_of_another_kind_is_found(tmp_path):
    answers = questions.read_answers(read_chapter(page(tmp_path, TEXT.replace("Wrong.", "Perhaps."), MORE, LAST)))
    listed = [dataclasses.replace(ASKED[0], verdict="perhaps"), *ASKED[1:]]
    (problem,) = questions.problems(listed, answers, PLACES)
    assert problem.endswith("as the first bold words of the answer; found 'perhaps'")


def test_labels_are_those_of_sections_equations_and_figures(tmp_path):
    text = "(a-section)=\n## A section\n\n$$ a = b $$ (eq-one)\n\n```text\n(no-label)=\n```\n"
    figures = [{"name": "fig-one", "caption": "One."}, {"name": "fig-bare"}]
    cells = [nbf.new_code_cell("1", metadata={"mystnb": {"figure": figure}}) for figure in figures]
    path = tmp_path / "01-labels.ipynb"
    path.write_text(json.dumps(nbf.new_notebook(cells=[nbf.new_markdown_cell(text), *cells])))
    chapter = read_chapter(path)
    assert questions.labels_of(chapter) == {"a-section", "eq-one", "fig-one"}
    assert questions.homes([chapter])["fig-one"] == "chapters/01-labels.ipynb"


def test_the_table_is_written_in_the_place_of_the_old_one(tmp_path):
    path = page(tmp_path, TEXT, MORE, LAST)
    before, table = path.read_text(encoding="utf-8"), questions.table(ASKED, PLACES)
    assert table.splitlines()[2:] == [
        "| 1 | [Is it symmetric?](#question-mirror) | wrong | 1, 3 | [1](#fig-mirror) |",
        "| 2 | [Is it *large*?](#question-size) | true with a condition | 2 | [A2](#sizes), measured |",
        "| 3 | [Can it sing?](#question-sound) | not shown | 5 |  |",
    ]
    after = questions.written(before, table)
    source = "".join(json.loads(after)["cells"][-1]["source"])
    assert source == LAST[: LAST.index(questions.HEAD)] + table + "\n\nAfter the table: [elsewhere](#nowhere)."
    assert questions.written(after, table) == after


def test_a_page_without_the_table_is_refused(tmp_path):
    with pytest.raises(LookupError, match="found none"):
        questions.written(page(tmp_path, TEXT).read_text(encoding="utf-8"), "")


def test_the_page_of_the_book_uses_all_four_verdicts():
    answers = questions.read_answers(read_chapter(find_chapters("a3")[0]))
    assert {each.verdict for each in answers} == {*questions.VERDICTS}
