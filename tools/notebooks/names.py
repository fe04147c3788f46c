"""Which names a cell needs from the cells before it, which it binds, and which objects of theirs it changes."""

import ast
import symtable
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tools.notebooks.cells import Function

# Methods that change what they are called on, of Python's containers, of arrays, of layers and models.
CHANGING = frozenset(
    {
        *("add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "reverse"),
        *("setdefault", "sort", "update", "fill", "assign", "assign_add", "assign_sub"),
        *("compile", "fit", "load_weights", "set_weights", "train_on_batch"),
    }
)


@dataclass
class CellNames:
    """The names of one cell.

    Attributes:
        needs: looked up when the cell runs, before the cell has bound them itself.
        binds: bound when the cell has run.
        may_bind: those, and what it binds in one branch only or deletes.
        changes: bound by an earlier cell, and changed in place.
        imported: bound by an import.
        inside: for each function or class that it defines, the names that its body looks up, when it is called.
    """

    needs: set[str] = field(default_factory=set)
    binds: set[str] = field(default_factory=set)
    may_bind: set[str] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)
    imported: set[str] = field(default_factory=set)
    inside: dict[str, frozenset[str]] = field(default_factory=dict)


def names_of(tree: ast.Module, imported: frozenset[str] = frozenset()) -> CellNames:
    """Return the names of a cell.

    Loops are taken to run once at least, and what is tried to succeed. What is changed through another name, or by a
    function, is not seen; nor is the state of a random generator.

    Args:
        tree: of the cell.
        imported: names that earlier cells import: `np.add(...)` does not change what `np` is.
    """
    reader = _Reader(imported)
    reader.read_all(tree.body)
    return reader.names


class _Reader:
    """Goes through statements in the order in which they run."""

    def __init__(self, imported: frozenset[str]) -> None:
        self.names = CellNames()
        self.imported = imported

    def read_all(self, statements: Iterable[ast.stmt]) -> None:
        for statement in statements:
            self._read(statement)

    def _read(self, node: ast.stmt) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self._definition(node)
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    name = alias.asname or alias.name.partition(".")[0]
                    self._bind(name)
                    self.names.imported.add(name)
            case ast.Assign():
                self._need(node.value)
                self._targets(node.targets)
            case ast.AnnAssign() | ast.AugAssign():
                self._need(node.value, *([node.target] if isinstance(node, ast.AugAssign) else []))
                if node.value is not None:
                    self._targets([node.target])
            case ast.For() | ast.AsyncFor():
                self._need(node.iter)
                self._targets([node.target])
                self.read_all([*node.body, *node.orelse])
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    self._need(item.context_expr)
                    self._targets(filter(None, [item.optional_vars]))
                self.read_all(node.body)
            case ast.While():
                self._need(node.test)
                self.read_all([*node.body, *node.orelse])
            case ast.If():
                self._need(node.test)
                self._branches([([], node.body), ([], node.orelse)])
            case ast.Match():
                self._need(node.subject)
                self._need(*(case.guard for case in node.cases))
                self._branches([*((_captured(case.pattern), case.body) for case in node.cases), ([], [])])
            case ast.Try() | ast.TryStar():
                self.read_all(node.body)
                self._need(*(handler.type for handler in node.handlers))
                failed = [([handler.name] if handler.name else [], handler.body) for handler in node.handlers]
                self._branches([([], node.orelse), *failed])
                self.read_all(node.finalbody)
            case ast.Delete():
                self._targets(node.targets)
                for target in node.targets:
                    self.names.binds.discard(getattr(target, "id", ""))
            case _:
                self._need(*(child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)))

    def _definition(self, node: Function | ast.ClassDef) -> None:
        """Bind a function or a class; what stands in a class's body runs at once, a function's when it is called."""
        inside = frozenset(_global_names(ast.unparse(node)))
        if isinstance(node, ast.ClassDef):
            self._need(*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords))
            self._look_up(inside - {node.name})
        else:
            self._need(*node.decorator_list, *node.args.defaults, *node.args.kw_defaults)
        self._bind(node.name)
        self.names.inside[node.name] = inside

    def _branches(self, branches: Iterable[tuple[list[str], list[ast.stmt]]]) -> None:
        """Read parts of which one runs, each with the names bound on its way in; certain is what all of them bind."""
        before, after = set(self.names.binds), []
        for names, body in branches:
            self.names.binds = set(before)
            for name in names:
                self._bind(name)
            self.read_all(body)
            after.append(self.names.binds)
        self.names.binds = set.intersection(*after)

    def _targets(self, targets: Iterable[ast.expr]) -> None:
        """Bind the names among targets; an element or an attribute as target changes the object that has it."""
        for target in targets:
            for node in ast.walk(target):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
                    self._bind(node.id)
                elif isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
                    self._need(node)
                    self._change(node)

    def _need(self, *expressions: ast.expr | None) -> None:
        """Look up what expressions name, note what they change, bind what they bind by `:=`."""
        for expression in filter(None, expressions):
            self._look_up(_global_names(f"async def _():\n return ({ast.unparse(expression)})"))
            for node in ast.walk(expression):
                if isinstance(node, ast.NamedExpr):
                    self._bind(node.target.id)
                elif isinstance(node, ast.Call):
                    self._called(node)

    def _called(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
            if getattr(node.func.value, "id", "") not in self.imported | self.names.imported:
                self._change(node.func)
        elif getattr(node.func, "id", "") in {"setattr", "delattr"} and node.args:
            self._change(node.args[0])

    def _change(self, node: ast.expr) -> None:
        """Note the object that an expression such as `layer.kernel[0]` begins with, if an earlier cell bound it."""
        while isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        if isinstance(node, ast.Name) and node.id not in self.names.may_bind:
            self.names.changes.add(node.id)

    def _bind(self, name: str) -> None:
        self.names.binds.add(name)
        self.names.may_bind.add(name)

    def _look_up(self, names: Iterable[str]) -> None:
        """Need names, and what the functions among them look up, as far as the cell has not bound them so far."""
        called = {inner for name in names for inner in (name, *self.names.inside.get(name, ()))}
        self.names.needs |= called - self.names.binds


def _captured(pattern: ast.pattern) -> list[str]:
    """Return the names that a pattern of `match` binds."""
    parts = [(getattr(node, "name", None), getattr(node, "rest", None)) for node in ast.walk(pattern)]
    return [name for pair in parts for name in pair if name]


def _global_names(source: str) -> Iterator[str]:
    """Yield the names that functions, classes and comprehensions of a text look up outside all of them."""
    tables = list(symtable.symtable(source, "<cell>", "exec").get_children())
    while tables:
        table = tables.pop()
        yield from (symbol.get_name() for symbol in table.get_symbols() if symbol.is_global())
        tables += table.get_children()
