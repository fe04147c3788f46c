"""Read the code that a page includes: whole, or its first lines and those from `:start-at:` on."""

import ast
import textwrap

from sphinx.directives.code import LiteralIncludeReader


class CodeReader(LiteralIncludeReader):
    """Read a file as `literalinclude` does; part of a function or method comes below its signature, and dedented."""

    def read(self, location: tuple[str, int] | None = None) -> tuple[str, int]:
        """Return the lines shown and their number.

        Raises:
            ValueError: `:pyobject:` names nothing in the file, or `:start-at:` no line of it.
        """
        text, count = super().read(location)
        name = self.options.get("pyobject")
        if not name:
            return text, count
        lines = "".join(self.read_file(self.filename)).splitlines()
        *owners, definition = _definitions(lines, name)
        shown = [line for owner in owners for line in _signature(lines, owner)]
        depth = definition.col_offset
        if {"start-at", "start-after"} & self.options.keys():
            depth = definition.body[0].col_offset
            shown += _signature(lines, definition)
            if text.splitlines()[0].strip() != lines[_first_line(definition) - 1].strip():
                shown.append(" " * depth + "...")
        shown.append(textwrap.indent(textwrap.dedent(text).strip("\n"), " " * depth))
        whole = "\n".join(shown) + "\n"
        return whole, whole.count("\n")


def _definitions(lines: list[str], name: str) -> list[ast.ClassDef | ast.FunctionDef]:
    """Return the definition that a dotted name leads to, after those that it stands in."""
    found: list[ast.ClassDef | ast.FunctionDef] = []
    inside: ast.AST = ast.parse("\n".join(lines))
    for part in name.split("."):
        inside = next(node for node in ast.iter_child_nodes(inside) if getattr(node, "name", None) == part)
        found.append(inside)
    return found


def _signature(lines: list[str], definition: ast.ClassDef | ast.FunctionDef) -> list[str]:
    """Return the lines of a definition before its docstring or first statement, without decorators."""
    return lines[definition.lineno - 1 : definition.body[0].lineno - 1]


def _first_line(definition: ast.ClassDef | ast.FunctionDef) -> int:
    """Return the number of the first line that does something."""
    first, *others = definition.body
    documented = isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str)
    return (others[0] if documented and others else first).lineno
