"""Rules that tie every equation to a cell that checks it, and every check to a mutant that it catches."""

import ast
from collections import defaultdict
from collections.abc import Iterator

from tools.lint.findings import Book, Finding
from tools.mutants.mutation import MutantError, check_applies
from tools.notebooks.cells import assertions, parse_cell
from tools.notebooks.chapters import CHECK_TAG, Chapter, checked_labels, labelled_equations, numbered_environments

PREFIX = "eq-"
MUTANTS_FILE = "tools/mutants/mutants.py"


def equations_have_labels(chapter: Chapter) -> Iterator[Finding]:
    """Ask that labels begin with eq-, and that no equation is numbered without one."""
    for label, place in labelled_equations(chapter):
        if not label.startswith(PREFIX):
            yield Finding(chapter.name, place, f"the equation label {label!r}", f"Call it `{PREFIX}{label}`")
    for place, source in chapter.markdown_cells():
        for environment in numbered_environments(source):
            problem = f"\\begin{{{environment}}} is numbered without a label of the book"
            yield Finding(chapter.name, place, problem, f"Write `$$ ... $$ ({PREFIX}name)`")


def equations_are_checked(chapter: Chapter) -> Iterator[Finding]:
    """Ask for a cell tagged checks:<label> for every label."""
    checked = {label for _, cell in chapter.code_cells() for label in checked_labels(cell)}
    for label, place in labelled_equations(chapter):
        if label not in checked:
            remedy = f"Tag the cell that asserts it `{CHECK_TAG}{label}`"
            yield Finding(chapter.name, place, f"no cell checks the equation {label}", remedy)


def checks_check_something(chapter: Chapter) -> Iterator[Finding]:
    """Ask that every tag names an equation of this chapter, and that its cell asserts something."""
    labels = {label for label, _ in labelled_equations(chapter)}
    for number, cell in chapter.code_cells():
        place = f"cell [{number}]"
        for label in checked_labels(cell):
            if label not in labels:
                remedy = f"Mend the tag; the labels are: {', '.join(sorted(labels)) or 'none'}"
                yield Finding(chapter.name, place, f"it claims to check {label}, which is no equation here", remedy)
        if checked_labels(cell) and not assertions(parse_cell(cell.source) or ast.Module([], [])):
            remedy = "Add `assert ...` or `np.testing.assert_allclose(...)` against an independent computation"
            yield Finding(chapter.name, place, "it is tagged as a check and asserts nothing when it runs", remedy)


def labels_are_unique(book: Book) -> Iterator[Finding]:
    """Refuse an equation label that is used twice, in one chapter or in two."""
    places: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for chapter in book.chapters:
        for label, place in labelled_equations(chapter):
            places[label].append((chapter.name, place))
    for label, found in places.items():
        for file, place in found[1:]:
            first = ", ".join(found[0])
            yield Finding(
                file, place, f"the label {label} is used again; first in {first}", "Give it a name of its own"
            )


def equations_have_mutants(book: Book) -> Iterator[Finding]:
    """Ask for at least one mutant of every equation, and that each mutant's edit still fits its function."""
    mutated = {mutant.equation for mutant in book.mutants}
    for chapter in book.chapters:
        for label, place in labelled_equations(chapter):
            if label not in mutated:
                remedy = f"Name in {MUTANTS_FILE} an edit of the code that its check must catch"
                yield Finding(chapter.name, place, f"no mutant proves that the check of {label} can fail", remedy)
    for mutant in book.mutants:
        try:
            check_applies(mutant, book.package.parent)
        except MutantError as error:
            yield Finding(MUTANTS_FILE, mutant.name, str(error), "Mend the mutant")


RULES = (equations_have_labels, equations_are_checked, checks_check_something)
BOOK_RULES = (labels_are_unique, equations_have_mutants)
