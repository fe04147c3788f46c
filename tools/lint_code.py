"""Rules about the code: each thing defined once, the backend chosen outside, every assertion able to fail."""

import ast
from collections import defaultdict
from collections.abc import Iterator

from tools.cell_code import assertions, definitions, parse_cell, why_it_cannot_fail
from tools.chapters import Chapter
from tools.findings import Book, Finding

BACKENDS = frozenset({"torch", "tensorflow", "jax", "tf_keras"})
NAIVE = "naive_"


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


def defined_once(book: Book) -> Iterator[Finding]:
    """Ask that each function and class has one home; deliberately naive versions are called `naive_...`."""
    homes: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path in sorted(book.package.rglob("*.py")):
        names = {node.name for node in definitions(ast.parse(path.read_text(encoding="utf-8")))}
        for name in names:
            homes[name].append((path.relative_to(book.package.parent).as_posix(), ""))
    for chapter in book.chapters:
        for number, cell in chapter.code_cells():
            for node in definitions(parse_cell(cell.source) or ast.Module([], [])):
                homes[node.name].append((chapter.name, f"cell [{number}]"))
    for name, places in sorted(homes.items()):
        if len(places) > 1 and not name.startswith(NAIVE):
            yield _defined_twice(name, places)


def _defined_twice(name: str, places: list[tuple[str, str]]) -> Finding:
    first = " ".join(filter(None, places[0]))
    others = [" ".join(filter(None, place)) for place in places[1:]]
    problem = f"{name!r} is defined again; {first} defines it first" + (f", also: {others}" if others[1:] else "")
    remedy = f"Keep one in utils/ and import it, or call a deliberately simple version `{NAIVE}{name}`"
    return Finding(*places[-1], problem, remedy)


RULES = (cells_are_python, backend_is_chosen_outside, assertions_can_fail)
BOOK_RULES = (defined_once,)
