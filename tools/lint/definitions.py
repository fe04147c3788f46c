"""Rules about the code: set up alike, each thing defined once, the backend chosen outside, assertions able to fail."""

import ast
import itertools
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tools.lint.findings import Book, Finding
from tools.lint.prose import SET_UP_TAG, SOLUTION_TAG
from tools.notebooks.cells import assertions, definitions, parse_cell, why_it_cannot_fail
from tools.notebooks.chapters import Chapter, tags

BACKENDS = frozenset({"torch", "tensorflow", "jax", "tf_keras"})
NAIVE = "naive_"
EXERCISES = "exercises"  # the folder of the package that holds the exercises

Homes = dict[str, list[tuple[str, str]]]  # name: (file, place) of each definition


def cells_are_python(chapter: Chapter) -> Iterator[Finding]:
    """Refuse a cell that no rule could read."""
    for number, cell in chapter.code_cells():
        if parse_cell(cell.source) is None:
            yield Finding(chapter.name, f"cell [{number}]", "it is not Python", "Mend its syntax")


def backend_is_chosen_outside(chapter: Chapter) -> Iterator[Finding]:
    """Refuse all that sets the Keras backend or imports one: the same cells run on TensorFlow, JAX and PyTorch."""
    for number, cell in chapter.code_cells():
        for what in sorted(set(_backend_uses(cell.source))):
            remedy = "Use `keras.ops` and utils.runtime; KERAS_BACKEND is set before the kernel starts"
            yield Finding(chapter.name, f"cell [{number}]", f"{what} ties the chapter to one backend", remedy)


def _backend_uses(source: str) -> Iterator[str]:
    if "KERAS_BACKEND" in source:
        yield "KERAS_BACKEND"
    for node in ast.walk(parse_cell(source) or ast.Module([], [])):
        if isinstance(node, ast.Import):
            yield from (f"importing {name.name}" for name in node.names if _is_backend(name.name))
        elif isinstance(node, ast.ImportFrom) and _is_backend(node.module or ""):
            yield f"importing {node.module}"
        elif isinstance(node, ast.Name | ast.Attribute | ast.alias):
            name = getattr(node, "attr", getattr(node, "id", getattr(node, "name", "")))
            if name == "set_backend":
                yield "set_backend"
        elif isinstance(node, ast.Call):
            yield from _imported_by_call(node)


def _imported_by_call(node: ast.Call) -> Iterator[str]:
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    first = node.args[0] if node.args else None
    if name in {"__import__", "import_module"} and isinstance(first, ast.Constant) and _is_backend(str(first.value)):
        yield f"importing {first.value}"


def _is_backend(module: str) -> bool:
    return module.partition(".")[0] in BACKENDS


def assertions_can_fail(chapter: Chapter) -> Iterator[Finding]:
    """Refuse an assertion that passes whatever the code does."""
    for number, cell in chapter.code_cells():
        for assertion in assertions(parse_cell(cell.source) or ast.Module([], [])):
            if why := why_it_cannot_fail(assertion):
                shown = ast.unparse(assertion).splitlines()[0][:80]
                remedy = "Compare a computed value with an independent one, or remove the line"
                yield Finding(chapter.name, f"cell [{number}]", f"`{shown}` {why}, so it cannot fail", remedy)


def set_up_comes_first(chapter: Chapter) -> Iterator[Finding]:
    """Ask that the first code cell, and no other, is the set-up cell."""
    tagged = [number for number, cell in chapter.code_cells() if SET_UP_TAG in tags(cell)]
    if chapter.code_cells() and tagged != [1]:
        found = ", ".join(f"[{number}]" for number in tagged) or "none"
        problem = f"expected the tag {SET_UP_TAG!r} on the first code cell alone, found it on {found}"
        remedy = f"Begin with the set-up cell of the other chapters and tag it `{SET_UP_TAG}`"
        yield Finding(chapter.name, "cell [1]", problem, remedy)


def set_up_is_one_text(book: Book) -> Iterator[Finding]:
    """Ask that the set-up cell is the same text in all chapters."""
    cells = [(chapter, *pair) for chapter in book.chapters for pair in chapter.code_cells()]
    tagged = [(chapter, number, cell.source) for chapter, number, cell in cells if SET_UP_TAG in tags(cell)]
    for chapter, number, source in tagged[1:]:
        first, _, expected = tagged[0]
        pairs = itertools.zip_longest(source.splitlines(), expected.splitlines(), fillvalue="nothing")
        for line, (one, other) in enumerate(pairs, start=1):
            if one != other:
                problem = f"line {line} of the set-up is {one!r}; in {first.name} it is {other!r}"
                yield Finding(chapter.name, f"cell [{number}]", problem, "Make the two the same text")
                break


def defined_once(book: Book) -> Iterator[Finding]:
    """Ask that each function and class has one home; deliberately naive versions are called `naive_...`.

    Cells tagged `solution` do not count: a reader's answer may be called what it is. For the same reason the modules
    of `utils/exercises/`, whose references and known mistakes carry the names of what they check, are compared with
    neither the chapters nor the rest of `utils/`, but among themselves, for public names.
    """
    told, exercises = _homes_of_the_book(book), _homes_of_exercises(book)
    for name, places in itertools.chain(sorted(told.items()), sorted(exercises.items())):
        if len(places) > 1 and not name.startswith(NAIVE):
            yield _defined_twice(name, places)


def _homes_of_the_book(book: Book) -> Homes:
    """Find what the package, its exercises aside, and the chapters, their solutions aside, define."""
    homes: Homes = defaultdict(list)
    for path in sorted(book.package.rglob("*.py")):
        if not path.is_relative_to(book.package / EXERCISES):
            for name in _defined_in(path):
                homes[name].append((path.relative_to(book.package.parent).as_posix(), ""))
    for chapter in book.chapters:
        for number, cell in chapter.code_cells():
            for node in definitions(parse_cell(cell.source) or ast.Module([], [])):
                if SOLUTION_TAG not in tags(cell):
                    homes[node.name].append((chapter.name, f"cell [{number}]"))
    return homes


def _homes_of_exercises(book: Book) -> Homes:
    """Find the public names that the exercises define."""
    homes: Homes = defaultdict(list)
    for path in sorted((book.package / EXERCISES).rglob("*.py")):
        for name in _defined_in(path):
            if not name.startswith("_"):
                homes[name].append((path.relative_to(book.package.parent).as_posix(), ""))
    return homes


def _defined_in(path: Path) -> set[str]:
    return {node.name for node in definitions(ast.parse(path.read_text(encoding="utf-8")))}


def _defined_twice(name: str, places: list[tuple[str, str]]) -> Finding:
    first = " ".join(filter(None, places[0]))
    others = [" ".join(filter(None, place)) for place in places[1:]]
    problem = f"{name!r} is defined again; {first} defines it first" + (f", also: {others}" if others[1:] else "")
    remedy = f"Keep one in utils/ and import it, or call a deliberately simple version `{NAIVE}{name}`"
    return Finding(*places[-1], problem, remedy)


RULES = (cells_are_python, set_up_comes_first, backend_is_chosen_outside, assertions_can_fail)
BOOK_RULES = (set_up_is_one_text, defined_once)
