"""Read the Python of a cell: what it defines, and whether its assertions can fail."""

import ast
from collections.abc import Iterator

from IPython.core.inputtransformer2 import TransformerManager

Function = ast.FunctionDef | ast.AsyncFunctionDef
COMPARING_CALLS = frozenset({"allclose", "array_equal", "array_equiv", "isclose", "is_", "equal"})
SWALLOWED = frozenset({"AssertionError", "Exception", "BaseException"})


def parse_cell(source: str) -> ast.Module | None:
    """Return a cell's syntax tree, IPython's own commands turned into calls; None if it is not Python."""
    try:
        return ast.parse(TransformerManager().transform_cell(source))
    except SyntaxError:
        return None


def definitions(tree: ast.AST) -> Iterator[ast.ClassDef | Function]:
    """Yield the functions and classes that a module or a cell defines for all to see; not methods, not inner ones."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | Function):
            yield node
        elif isinstance(node, ast.stmt | ast.ExceptHandler):
            yield from definitions(node)


def assertions(tree: ast.AST) -> list[ast.Assert | ast.Call]:
    """Return the assertions that a cell makes when it runs: `assert`, and calls of functions named `assert...`.

    Those in a function count if the cell calls it. Those whose failure would be swallowed, or that stand in a branch
    never taken, do not count.
    """
    called = {_called_name(node) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return list(_live_assertions(tree, called))


def _live_assertions(node: ast.AST, called: set[str]) -> Iterator[ast.Assert | ast.Call]:
    for child in _live_children(node, called):
        if isinstance(child, ast.Assert) or (isinstance(child, ast.Call) and _called_name(child).startswith("assert")):
            yield child
        else:
            yield from _live_assertions(child, called)


def _live_children(node: ast.AST, called: set[str]) -> list[ast.AST]:
    """Return the parts of a node that can run and whose failure comes through."""
    if isinstance(node, Function | ast.ClassDef) and node.name not in called:
        return []
    if isinstance(node, ast.If | ast.While) and _is_constant(node.test):
        taken = node.test.value if isinstance(node.test, ast.Constant) else True
        return list(node.body if taken else node.orelse)
    if isinstance(node, ast.Try) and any(map(_swallows, node.handlers)):
        return [*node.orelse, *node.finalbody]
    if isinstance(node, ast.With) and any(_called_name(item.context_expr) == "suppress" for item in node.items):
        return []
    return list(ast.iter_child_nodes(node))


def _swallows(handler: ast.ExceptHandler) -> bool:
    names = {part.id for part in ast.walk(handler.type) if isinstance(part, ast.Name)} if handler.type else SWALLOWED
    return bool(names & SWALLOWED) and not any(isinstance(part, ast.Raise) for part in ast.walk(handler))


def why_it_cannot_fail(assertion: ast.Assert | ast.Call) -> str:
    """Return why an assertion passes whatever the code does, or an empty string if it can fail."""
    if isinstance(assertion, ast.Call):
        return _same_twice(assertion.args)
    return _always_true(assertion.test)


def _always_true(test: ast.expr) -> str:
    if isinstance(test, ast.BoolOp):
        reasons = [_always_true(part) for part in test.values]
        some, every = next(filter(None, reasons), ""), all(reasons)
        return some if every or isinstance(test.op, ast.Or) else ""
    if isinstance(test, ast.Tuple | ast.List | ast.Dict | ast.Set | ast.JoinedStr | ast.Lambda):
        return "is about a value that is always true, as (condition, message) in brackets is"
    if _is_constant(test):
        return "is about constants only"
    return next(filter(None, map(_compares_with_itself, ast.walk(test))), "")


def _compares_with_itself(node: ast.AST) -> str:
    if isinstance(node, ast.Compare):
        return _same_twice([node.left, *node.comparators])
    if isinstance(node, ast.Call) and _called_name(node) in COMPARING_CALLS:
        return _same_twice(node.args)
    return ""


def _same_twice(parts: list[ast.expr]) -> str:
    dumped = [ast.dump(part) for part in parts[:2]]
    return "compares an expression with itself" if len(dumped) == 2 and dumped[0] == dumped[1] else ""


def _is_constant(node: ast.expr) -> bool:
    """Return whether an expression names nothing and calls nothing."""
    return not any(isinstance(part, ast.Name | ast.Call | ast.Attribute | ast.Await) for part in ast.walk(node))


def _called_name(node: ast.AST) -> str:
    """Return the last part of the name that a call calls, or an empty string."""
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "attr", getattr(function, "id", ""))


def printed_literals(tree: ast.AST) -> set[str]:
    """Return the lines that a cell prints, or ends in, whatever it computes: literals only."""
    printed = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _called_name(node) == "print"]
    lines = {
        line
        for call in printed
        if all(isinstance(argument, ast.Constant) for argument in call.args)
        for line in " ".join(str(argument.value) for argument in call.args).splitlines()
    }
    last = tree.body[-1] if getattr(tree, "body", None) else None
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Constant):
        lines.add(repr(last.value.value))
    return lines
