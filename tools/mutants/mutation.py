"""Make a mutant of a function: edit its source, and swap its code while it runs.

The function object stays the same and only its `__code__` and defaults change, so every module and notebook that has
imported the function runs the mutant, and the original again afterwards.
"""

import __future__

import ast
import functools
import importlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from tools.mutants.mutants import Mutant

Definition = ast.FunctionDef | ast.AsyncFunctionDef
_FUTURE_FLAGS = functools.reduce(
    lambda flags, name: flags | getattr(__future__, name).compiler_flag, __future__.all_feature_names, 0
)


class MutantError(Exception):
    """A mutant that cannot be made; the message says what to do."""


def find_definition(tree: ast.Module, qualified: list[str]) -> ast.AST | None:
    """Return the last definition of a function or a method in a module's tree, or None."""
    found: ast.AST | None = tree
    for name in qualified:
        found = _last_called(found, name)
    return found


def _last_called(parent: ast.AST | None, name: str) -> ast.AST | None:
    found = None
    for node in ast.iter_child_nodes(parent) if parent is not None else ():
        if isinstance(node, Definition | ast.ClassDef):
            found = node if node.name == name else found
        elif isinstance(node, ast.stmt | ast.ExceptHandler):  # a definition under `if` or `try`
            found = _last_called(node, name) or found
    return found


def edited_definition(text: str, qualified: list[str], mutant: Mutant) -> Definition:
    """Return the mutant's definition as a tree, its line numbers those of the module.

    Args:
        text: source of the module.
        qualified: the function's name in the module, split at the dots.
        mutant: the edit.

    Raises:
        MutantError: there is no such function, the text to find is not there exactly once, or the edit is not Python.
    """
    node = find_definition(ast.parse(text), qualified)
    if not isinstance(node, Definition):
        raise MutantError(_no_longer(mutant, "there is no such function; name one that exists"))
    lines = text.splitlines(keepends=True)
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
    source = "".join(lines[first : node.end_lineno])
    if (count := source.count(mutant.find)) != 1:
        problem = f"expected {mutant.find!r} exactly once in its source, found it {count} times"
        raise MutantError(_no_longer(mutant, f"{problem}; bring `find` up to date with the source"))
    new_source = source.replace(mutant.find, mutant.replace)
    new_text = "".join([*lines[:first], new_source, *lines[node.end_lineno :]])
    try:
        new_node = find_definition(ast.parse(new_text), qualified)
    except SyntaxError as error:
        problem = f"with the edit it is not Python ({error.msg}); mend `replace`"
        raise MutantError(_no_longer(mutant, problem)) from error
    if not isinstance(new_node, Definition):
        raise MutantError(_no_longer(mutant, "the edit removes the function; edit within it"))
    if ast.dump(new_node) == ast.dump(node):
        raise MutantError(_no_longer(mutant, "the edit changes nothing; choose another `replace`"))
    return new_node


def _no_longer(mutant: Mutant, problem: str) -> str:
    return f"mutant {mutant.name} of {mutant.equation} no longer applies to {mutant.function}: {problem}"


def check_applies(mutant: Mutant, root: Path) -> None:
    """Raise MutantError unless the mutant's edit can be made in the source files below `root`; imports nothing."""
    parts = mutant.function.split(".")
    for count in range(len(parts) - 1, 0, -1):
        base = root.joinpath(*parts[:count])
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                edited_definition(path.read_text(encoding="utf-8"), parts[count:], mutant)
                return
    raise MutantError(_no_longer(mutant, f"no file below {root.name}/ holds it; name a function that exists"))


@contextmanager
def applied(mutant: Mutant) -> Iterator[CodeType]:
    """Let a function run as the mutant inside the `with` block; gives the mutant's code object.

    Raises:
        MutantError: the mutant cannot be made.
    """
    module, qualified = _import_module(mutant)
    outer, function = _find_function(module, qualified, mutant)
    text = Path(inspect.getsourcefile(module)).read_text(encoding="utf-8")
    changed = _compile(edited_definition(text, qualified, mutant), qualified, function)
    if changed.__code__.co_freevars != function.__code__.co_freevars:
        raise MutantError(_no_longer(mutant, "the edit adds or removes a use of super() or of an outer variable"))
    saved = function.__code__, function.__defaults__, function.__kwdefaults__
    try:
        function.__code__ = changed.__code__
        function.__defaults__, function.__kwdefaults__ = changed.__defaults__, changed.__kwdefaults__
        _forget_results(outer)
        yield function.__code__
    finally:
        function.__code__, function.__defaults__, function.__kwdefaults__ = saved
        _forget_results(outer)


def _import_module(mutant: Mutant) -> tuple[ModuleType, list[str]]:
    parts = mutant.function.split(".")
    for count in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:count])
        try:
            return importlib.import_module(name), parts[count:]
        except ModuleNotFoundError as error:
            if not f"{name}.".startswith(f"{error.name}."):
                raise
    raise MutantError(_no_longer(mutant, "no such module can be imported; name a function that exists"))


def _find_function(module: ModuleType, qualified: list[str], mutant: Mutant) -> tuple[object, FunctionType]:
    found: object = module
    for name in qualified:
        try:
            found = inspect.getattr_static(found, name)
        except AttributeError as error:
            raise MutantError(_no_longer(mutant, f"there is no {name}; name a function that exists")) from error
    found = getattr(found, "fget", None) or getattr(found, "__func__", found)  # property, class or static method
    function = inspect.unwrap(found)
    if not isinstance(function, FunctionType) or function.__code__.co_name != qualified[-1]:
        raise MutantError(_no_longer(mutant, f"it is a {type(function).__name__}, not a function written in Python"))
    return found, function


def _compile(node: Definition, qualified: list[str], original: FunctionType) -> FunctionType:
    """Return a function made from the definition alone, with the names and the defaults of its module."""
    node.decorator_list, node.returns = [], None
    arguments = node.args
    for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]:
        if argument is not None:
            argument.annotation = None  # the code does not need them, and their names may be for type checkers only
    shell = ast.parse("")
    shell.body = [node]
    for owner in reversed(qualified[:-1]):  # a class around it gives super() its cell and __names their prefix
        outer = ast.parse(f"class {owner}: pass")
        outer.body[0].body = shell.body
        shell = outer
    flags = original.__code__.co_flags & _FUTURE_FLAGS
    code = compile(shell, original.__code__.co_filename, "exec", flags=flags, dont_inherit=True)
    local: dict[str, object] = {}
    exec(code, original.__globals__, local)
    made = local[qualified[0]]
    return functools.reduce(inspect.getattr_static, qualified[1:], made)


def _forget_results(function: object) -> None:
    """Empty the caches (functools.cache) around a function, so that no result outlives its code."""
    while function is not None:
        if hasattr(function, "cache_clear"):
            function.cache_clear()
        function = getattr(function, "__wrapped__", None)
