"""Rules about what is folded under a line: checks say what they established, and the story runs without them."""

import ast
from collections.abc import Iterator

from nbformat import NotebookNode

from tools.lint.findings import Finding
from tools.lint.outputs import has_computed_output, is_taken_out
from tools.lint.prose import SET_UP_TAG, SOLUTION_TAG
from tools.notebooks.cells import assertions, definitions, parse_cell
from tools.notebooks.chapters import Chapter, tags
from tools.notebooks.folds import FOLD_TAG, IMPORTS_TAG, PROOF_TAG, is_proof
from tools.notebooks.names import CellNames, names_of

BEGINNING = "Checked: "
ALONE = "alone defines"
LONGEST_LINE = 110  # characters
METADATA = '`"mystnb": {"code_prompt_show": "Checked: ...", "code_prompt_hide": "Checked: ..."}`'
# Shown as it is, on the page and on Colab, where braces would set the options of a form.
RAW = {"$": "a formula", "`": "code", "{": "a role", "*": "emphasis", "\n": "a second line"}


def checks_say_what_they_established(chapter: Chapter) -> Iterator[Finding]:
    """Ask that each cell tagged `check` is folded, under a line that says what it established."""
    for number, cell in chapter.code_cells():
        if not is_proof(cell):
            continue
        place, settings = f"cell [{number}]", cell.metadata.get("mystnb", {})
        line, after = (str(settings.get(f"code_prompt_{when}", "")) for when in ("show", "hide"))
        if FOLD_TAG not in tags(cell):
            yield Finding(chapter.name, place, "the check is not folded", f"Tag it `{FOLD_TAG}` too")
        if others := {SET_UP_TAG, IMPORTS_TAG, SOLUTION_TAG}.intersection(tags(cell)):
            problem = f"it is a check and tagged {', '.join(sorted(others))!r}"
            yield Finding(chapter.name, place, problem, "Keep what the story needs out of a check")
        if problem := _line_problem(line):
            yield Finding(chapter.name, place, f"its line {problem}", f"Write it in the cell's metadata: {METADATA}")
        elif after != line:
            problem = f"its line becomes {after!r} once it is open"
            yield Finding(chapter.name, place, problem, "Let `code_prompt_hide` equal `code_prompt_show`")


def _line_problem(line: str) -> str:
    """Return what is wrong with the line of a check, or an empty string."""
    if not line.startswith(BEGINNING) or not line.removeprefix(BEGINNING).strip():
        return f"is {line!r}, expected {BEGINNING!r} and what was established, with its numbers"
    if len(line) >= LONGEST_LINE:
        return f"has {len(line)} characters, expected fewer than {LONGEST_LINE}"
    return next((f"holds {what}, which is shown as it is typed" for mark, what in RAW.items() if mark in line), "")


def checks_establish_something(chapter: Chapter) -> Iterator[Finding]:
    """Ask that each cell tagged `check` asserts something, or prints what nbval compares."""
    for number, cell in chapter.code_cells():
        compared = has_computed_output(cell) and not is_taken_out(cell)
        if is_proof(cell) and not compared and not assertions(parse_cell(cell.source) or ast.Module([], [])):
            remedy = "Assert what its line says against an independent computation, or print it"
            yield Finding(chapter.name, f"cell [{number}]", "the check neither asserts nor prints a result", remedy)


def folded_cells_have_a_reason(chapter: Chapter) -> Iterator[Finding]:
    """Ask that nothing is folded but checks, solutions, the set-up and one cell of imports, the second; all of those.

    Binds a chapter that has a `check`: the project of chapter 8 folds what its long set-up installs.
    """
    cells = chapter.code_cells()
    if not any(is_proof(cell) for _, cell in cells):
        return
    known = {PROOF_TAG, SET_UP_TAG, IMPORTS_TAG, SOLUTION_TAG}
    for number, cell in cells:
        if FOLD_TAG in tags(cell) and not known.intersection(tags(cell)):
            remedy = f"Show it, or tag it `{PROOF_TAG}` with its line; only checks, set-up and imports are folded"
            yield Finding(chapter.name, f"cell [{number}]", "it is folded and says not why", remedy)
    imports = [(number, cell) for number, cell in cells if IMPORTS_TAG in tags(cell)]
    if [number for number, _ in imports] != [2]:
        found = ", ".join(f"[{number}]" for number, _ in imports) or "none"
        problem = f"expected the tag {IMPORTS_TAG!r} on the second code cell alone, found it on {found}"
        yield Finding(chapter.name, "", problem, "Gather imports and seeds in one cell after the set-up")
    for number, cell in imports:
        yield from _problems_of_imports(chapter, f"cell [{number}]", cell)


def _problems_of_imports(chapter: Chapter, place: str, cell: NotebookNode) -> Iterator[Finding]:
    if FOLD_TAG not in tags(cell):
        yield Finding(chapter.name, place, "the imports are not folded", f"Tag the cell `{FOLD_TAG}` too")
    for node in definitions(parse_cell(cell.source) or ast.Module([], [])):
        remedy = "Show it where the story first needs it: only imports and seeds are folded"
        yield Finding(chapter.name, place, f"the folded imports define {node.name!r}", remedy)


def story_needs_no_check(chapter: Chapter) -> Iterator[Finding]:
    """Ask that no cell uses what a check alone defines, sets anew or changes: readers may never unfold it."""
    story = _Story()
    for number, cell in chapter.code_cells():
        names = names_of(parse_cell(cell.source) or ast.Module([], []), frozenset(story.imported))
        if is_proof(cell):
            story.prove(number, names)
            continue
        for name, (check, done) in story.tell(number, names).items():
            problem = f"it needs {name!r}, which the check of cell [{check}] {done}"
            remedy = "Do it in a visible cell, or choose another name in the check"
            yield Finding(chapter.name, f"cell [{number}]", problem, remedy)
    for number, function, name, check in story.never_bound():
        problem = f"{function!r} needs {name!r}, which the check of cell [{check}] {ALONE}"
        yield Finding(chapter.name, f"cell [{number}]", problem, "Define it in a visible cell")


class _Story:
    """What the cells of the story have bound so far, and what checks have done to it since."""

    def __init__(self) -> None:
        self.bound: set[str] = set()
        self.imported: set[str] = set()
        self.inside: dict[str, tuple[int, frozenset[str]]] = {}  # by function: its cell, what its body looks up
        self.touched: dict[str, tuple[int, str]] = {}  # by name: the check's cell, what it did

    def prove(self, number: int, names: CellNames) -> None:
        """Note what a check does to the names of the notebook; to import once more what is imported does nothing."""
        for name in names.may_bind - (names.imported & self.imported):
            self.touched.setdefault(name, (number, "sets anew" if name in self.bound else ALONE))
        for name in names.changes & self.bound:
            self.touched.setdefault(name, (number, "changes"))

    def tell(self, number: int, names: CellNames) -> dict[str, tuple[int, str]]:
        """Note what a cell of the story binds; return what it needs that checks have touched, each name once."""
        needed, waiting = set[str](), set(names.needs)
        while waiting:
            needed |= waiting
            waiting = {inner for name in waiting if name in self.inside for inner in self.inside[name][1]} - needed
        found = {name: self.touched.pop(name) for name in sorted(needed & self.touched.keys())}
        for name in names.binds:
            self.touched.pop(name, None)
            self.inside.pop(name, None)
        self.inside |= {function: (number, inside) for function, inside in names.inside.items()}
        self.bound |= names.may_bind
        self.imported |= names.imported
        return found

    def never_bound(self) -> Iterator[tuple[int, str, str, int]]:
        """Yield (cell, function, name, check) where a function of the story looks up what checks alone define."""
        for function, (number, inside) in self.inside.items():
            for name in sorted(inside & self.touched.keys() - self.bound):
                yield number, function, name, self.touched[name][0]


RULES = (
    checks_say_what_they_established,
    checks_establish_something,
    folded_cells_have_a_reason,
    story_needs_no_check,
)
