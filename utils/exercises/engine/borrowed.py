"""Which functions of the book an answer consists of, or calls."""

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

BOOK = str(Path(__file__).resolve().parents[2]) + os.sep  # utils/


def books_functions(answer: Any) -> Iterator[Callable[..., Any]]:
    """Yield the functions of the book that a callable is, wraps, or names in its code and in that of its helpers.

    Args:
        answer: what a learner hands in: a function, a method, a partial, an object that can be called.
    """
    seen: set[int] = set()
    waiting = [answer]
    while waiting:
        function = _plain(waiting.pop())
        if function is None or id(function) in seen:
            continue
        seen.add(id(function))
        if os.path.abspath(function.__code__.co_filename).startswith(BOOK):
            yield function
        else:
            waiting.extend(_named(function))


def _plain(value: Any) -> FunctionType | None:
    """Return the function within a partial, a method, a decorated function or an object that can be called."""
    while isinstance(value, functools.partial):
        value = value.func
    value = inspect.unwrap(value) if callable(value) else value
    value = getattr(value, "__func__", value)
    if not isinstance(value, FunctionType | type | ModuleType) and callable(value):
        value = getattr(type(value).__call__, "__func__", type(value).__call__)
    return value if isinstance(value, FunctionType) else None


def _named(function: FunctionType) -> list[Any]:
    """Return what the names in a function's code stand for, in modules of the book too."""
    names = set(_names(function.__code__))
    closure = inspect.getclosurevars(function).nonlocals
    found = [{**function.__globals__, **closure}.get(name) for name in names]
    modules = [value for value in found if isinstance(value, ModuleType)]
    modules += [sys.modules[name] for name in names if name in sys.modules]  # imported within the function
    inside = [vars(module).get(name) for module in modules if _is_books(module) for name in names]
    return [*found, *closure.values(), *inside]


def _is_books(module: ModuleType) -> bool:
    return (getattr(module, "__file__", None) or "").startswith(BOOK)


def _names(code: CodeType) -> Iterator[str]:
    """Yield the names in a code and in the functions and comprehensions within it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
