"""Hold the appendix of questions to its list, and write its table of all questions from it.

`data/questions.json` lists each question with its number, label, verdict, the articles that ask it and the places of
the book that bear its answer out. `chapters/a3-questions.ipynb` answers them, each under a heading of its own. This
program compares the two, sees that each place exists, and writes the table; `--check` writes nothing.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.notebooks.chapters import (
    CHAPTERS,
    ROOT,
    Chapter,
    equation_labels,
    find_chapters,
    is_code,
    read_chapter,
    without_code,
)
from utils.files import write_whole

PAGE = CHAPTERS / "a3-questions.ipynb"
LIST = ROOT / "data" / "questions.json"
RESULTS = ROOT / "data" / "results"
VERDICTS = ("true", "true with a condition", "wrong", "not shown")
ARTICLES = range(1, 6)
HEAD = "| number | question | verdict | articles | in chapter |"

_HEADING = re.compile(r"^(?:\((?P<label>[\w-]+)\)=\n)?#{1,3} (?:Q(?P<number>\d+)\. )?(?P<title>.+)$", re.M)
_LABEL = re.compile(r"^\(([\w-]+)\)=$", re.M)
_LINK = re.compile(r"\]\(#([\w-]+)\)|\{ref\}`[^`<]*<([\w-]+)>`")
_CALLED = re.compile(r"\[Q(\d+)\]\(#(question-[\w-]+)\)")
_VERDICT = re.compile(r"\*\*([A-Z][a-z ]+)")
_RECORD = re.compile(r'\brecord\("([\w-]+)"\)')


@dataclass(frozen=True)
class Question:
    """One question, as the list has it or as the page answers it.

    Attributes:
        number: counted from 1.
        label: of its heading on the page, "question-...".
        question: the heading without its number.
        verdict: one of VERDICTS.
        articles: numbers of the articles that ask it; empty for a page, which does not name them.
        targets: labels of the places in other chapters that its answer leads to, in order.
        results: names of the files of data/results that its answer reads.
        evidence: how many code cells and citations its answer has; 0 for the list, which does not count them.
        called: number and label of each other question that its answer names; none in the list.
    """

    number: int
    label: str
    question: str
    verdict: str
    articles: tuple[int, ...]
    targets: tuple[str, ...]
    results: tuple[str, ...]
    evidence: int = 0
    called: tuple[tuple[int, str], ...] = ()


def read_list(path: Path = LIST) -> list[Question]:
    """Read the list of questions."""
    entries = json.loads(path.read_text(encoding="utf-8"))["questions"]
    listed = []
    for entry in entries:
        sequences = {name: tuple(entry[name]) for name in ("articles", "targets", "results")}
        listed.append(Question(**{**entry, **sequences, "targets": tuple(map(_label_of, sequences["targets"]))}))
    return listed


def _label_of(target: str) -> str:
    """Return the label of a target such as chapters/01-attention.ipynb#fig-causal."""
    return target.partition("#")[2]


def read_answers(chapter: Chapter) -> list[Question]:
    """Return the questions that a page answers: headings such as "Q3. ...", with what stands below each of them."""
    sections: list[tuple[re.Match[str] | None, list[str], list[str]]] = [(None, [], [])]  # heading, texts, code
    for cell in chapter.notebook.cells:
        if is_code(cell):
            sections[-1][2].append(cell.source)
            continue
        start = 0
        for heading in _HEADING.finditer(cell.source):
            sections[-1][1].append(cell.source[start : heading.start()])
            sections.append((heading, [], []))
            start = heading.end()
        sections[-1][1].append(cell.source[start:])
    return [
        _answer(heading, "\n".join(texts), code) for heading, texts, code in sections if heading and heading["number"]
    ]


def _answer(heading: re.Match[str], text: str, code: list[str]) -> Question:
    verdict = _VERDICT.search(text)
    links = [first or second for first, second in _LINK.findall(text)]
    return Question(
        number=int(heading["number"]),
        label=heading["label"] or "",
        question=heading["title"].strip(),
        verdict=verdict[1].strip().lower() if verdict else "",
        articles=(),
        targets=tuple(dict.fromkeys(link for link in links if not link.startswith("question-"))),
        results=tuple(dict.fromkeys(name for source in code for name in _RECORD.findall(source))),
        evidence=len(code) + len(re.findall(r"\{cite:[pt]\}`", text)),
        called=tuple((int(number), label) for number, label in _CALLED.findall(text)),
    )


def labels_of(chapter: Chapter) -> set[str]:
    """Return the labels that a chapter gives: of sections, equations, and figures with a caption."""
    found: set[str] = set()
    for _, source in chapter.markdown_cells():
        found |= {*_LABEL.findall(without_code(source)), *equation_labels(source)}
    for cell in chapter.notebook.cells:
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        if figure.get("caption"):
            found.add(figure.get("name", ""))
    return found - {""}


def homes(chapters: Iterable[Chapter]) -> dict[str, str]:
    """Return for each label of the chapters the path of the chapter that gives it."""
    return {label: f"chapters/{chapter.path.name}" for chapter in chapters for label in labels_of(chapter)}


def problems(listed: Sequence[Question], answers: Sequence[Question], places: Mapping[str, str]) -> list[str]:
    """Say in which ways list, page and book disagree.

    Args:
        listed: the questions of the list.
        answers: those of the page.
        places: path of the chapter of each label, as `homes` returns it.

    Returns:
        A sentence for each disagreement; none if all is well.
    """
    found = []
    numbers = [each.number for each in answers]
    if numbers != list(range(1, len(answers) + 1)):
        found.append(f"expected the headings of the page to count 1, 2, 3 and so on; found {numbers}")
    by_label = {each.label: each for each in answers}
    for label in sorted(by_label.keys() ^ {each.label for each in listed}):
        found.append(f"{label} stands {'on the page' if label in by_label else 'in the list'} alone")
    if len({each.label for each in listed}) < len(listed) or len(by_label) < len(answers):
        found.append("expected each label once; one is there twice")
    for each in answers:
        for number, label in each.called:
            if label not in by_label or by_label[label].number != number:
                right = f"which is Q{by_label[label].number}" if label in by_label else "which is not there"
                found.append(f"Q{each.number}: it calls {label} Q{number}, {right}")
    for each in listed:
        if each.label in by_label:
            found += [f"Q{each.number}: {problem}" for problem in _differences(each, by_label[each.label])]
        found += [
            f"Q{each.number}: {target} is no label of a chapter" for target in each.targets if target not in places
        ]
        if not set(each.articles) <= set(ARTICLES) or not each.articles:
            found.append(f"Q{each.number}: expected articles of 1 to {ARTICLES[-1]}; found {list(each.articles)}")
    return found


def _differences(listed: Question, answer: Question) -> Iterable[str]:
    for name in ("number", "question", "verdict", "targets", "results"):
        if getattr(listed, name) != getattr(answer, name):
            yield f"its {name} is {getattr(listed, name)!r} in the list, {getattr(answer, name)!r} on the page"
    if answer.verdict not in VERDICTS:
        yield f"expected one of {VERDICTS} as the first bold words of the answer; found {answer.verdict!r}"
    elif answer.verdict != VERDICTS[-1] and not (answer.evidence or answer.targets):
        yield "its answer has no evidence: a cell, a citation, or a link to another chapter"


def table(listed: Sequence[Question], places: Mapping[str, str]) -> str:
    """Return the table of all questions: MyST Markdown, with a link to each answer and to what bears it out."""
    lines = [HEAD, "|---|---|---|---|---|"]
    for each in listed:
        shown = ", ".join(f"[{_short_name(places[target])}](#{target})" for target in each.targets)
        here = [] if not each.results else ["measured"]
        cells = [
            f"{each.number}",
            f"[{each.question}](#{each.label})",
            each.verdict,
            ", ".join(map(str, each.articles)),
            ", ".join(filter(None, [shown, *here])) or ("" if each.verdict == VERDICTS[-1] else "the answer"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _short_name(path: str) -> str:
    """Return what a table calls a chapter: its number, or its letter."""
    stem = Path(path).stem.partition("-")[0]
    return f"{int(stem)}" if stem.isdigit() else stem.upper()


def written(notebook_text: str, new: str) -> str:
    """Return the text of the notebook with another table in the place of its own.

    Raises:
        LookupError: the page has no cell with such a table.
    """
    notebook = json.loads(notebook_text)
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown" and HEAD in source:
            before, _, after = source.partition(HEAD)
            rest = "\n".join(line for line in after.splitlines() if not line.startswith("|")).strip("\n")
            source = before + new + (f"\n\n{rest}" if rest else "")
            cell["source"] = source.splitlines(keepends=True)
            return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    raise LookupError(f"expected a Markdown cell with the table {HEAD!r}; found none")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0 if list, page and book agree, 1 if not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; a table that would change is a fault")
    options = parser.parse_args(arguments)
    places = homes(map(read_chapter, find_chapters()))
    listed, answers = read_list(), read_answers(read_chapter(PAGE))
    found = problems(listed, answers, places)
    if not found:
        before = PAGE.read_text(encoding="utf-8")
        after = written(before, table(listed, places))
        if before != after and options.check:
            found.append("the table is not that of the list; run python tools/site/questions.py")
        elif before != after:
            write_whole(PAGE, after)
    print(*found, sep="\n", end="\n" * bool(found))
    print(f"{len(listed)} questions, {len(found)} to mend")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
