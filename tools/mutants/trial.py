"""Run the source of a notebook's cell in its kernel, apart from the notebook's own variables, under a mutant.

Called inside the kernel by `tools/mutants/run.py`. A trial leaves the notebook as it found it: names that the cell
binds vanish, arrays and containers that it names are copies, and random generators return to their state. Objects that
only functions of the notebook reach (not named in the cell) are shared: a cell that changes them in place would show.
"""

import ast
import contextlib
import copy
import io
import json
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from tools.mutants.mutants import Mutant
from tools.mutants.mutation import MutantError, applied

MARK = "trial-result "
PASSED, CAUGHT, SURVIVED, OTHER_ERROR, CANNOT = "passed", "caught", "survived", "other error", "cannot be made"


def report_trial(shell: InteractiveShell, source: str, mutant: dict[str, str] | None = None) -> None:
    """Print one marked line of JSON with the `verdict`, the `error` and whether the mutated function was `called`.

    Args:
        shell: the kernel's shell.
        source: of the cell.
        mutant: the fields of a Mutant; without one the cell must pass as it stands.
    """
    result = try_mutant(shell, source, Mutant(**mutant)) if mutant else _control(shell, source)
    print(MARK + json.dumps(result))


def _control(shell: InteractiveShell, source: str) -> dict[str, Any]:
    error = run_apart(shell, source)
    return {"verdict": PASSED if error is None else OTHER_ERROR, "error": _describe(error), "called": None}


def try_mutant(shell: InteractiveShell, source: str, mutant: Mutant) -> dict[str, Any]:
    """Return the verdict on one mutant at one cell."""
    called = None
    try:
        with applied(mutant) as code:
            error = run_apart(shell, source)
            if error is None:
                called = _is_called(code, lambda: run_apart(shell, source))
    except MutantError as problem:
        return {"verdict": CANNOT, "error": str(problem), "called": None}
    if error is None:
        verdict = SURVIVED
    else:
        names = {kind.__name__ for kind in type(error).__mro__}
        verdict = CAUGHT if names & {mutant.raises, "AssertionError"} else OTHER_ERROR
    return {"verdict": verdict, "error": _describe(error), "called": called}


def run_apart(shell: InteractiveShell, source: str) -> Exception | None:
    """Run a cell's source on copies of the variables that it names; return what it raised, or None."""
    code = shell.transform_cell(source)
    try:
        tree = ast.parse(code)
    except SyntaxError as error:
        return error
    namespace = {**shell.user_ns, **_copies(shell.user_ns, tree)}
    silent = io.StringIO()
    with (
        _generators_kept(shell.user_ns),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(silent),
        contextlib.redirect_stderr(silent),
    ):
        try:
            exec(compile(tree, "<the checking cell>", "exec"), namespace)
        except Exception as error:
            return error
    return None


def _copies(variables: dict[str, Any], tree: ast.AST) -> dict[str, Any]:
    """Copy the plain data that a cell names; what is one object under two names stays one."""
    memo: dict[int, Any] = {}
    copies = {}
    for name in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & variables.keys():
        value = variables[name]
        if isinstance(value, list | dict | set | bytearray) or type(value).__module__.partition(".")[0] == "numpy":
            with contextlib.suppress(Exception):  # what cannot be copied is shared
                copies[name] = copy.deepcopy(value, memo)
    return copies


@contextlib.contextmanager
def _generators_kept(variables: dict[str, Any]) -> Iterator[None]:
    """Return the random generators of the notebook, NumPy and Python to their state afterwards."""
    python_state = random.getstate()
    numpy = sys.modules.get("numpy")
    numpy_state = numpy.random.get_state() if numpy else None
    found = [value for value in variables.values() if numpy and isinstance(value, numpy.random.Generator)]
    states = [(generator, generator.bit_generator.state) for generator in found]
    try:
        yield
    finally:
        random.setstate(python_state)
        if numpy:
            numpy.random.set_state(numpy_state)
        for generator, state in states:
            generator.bit_generator.state = state


def _is_called(code: CodeType, run: Callable[[], object]) -> bool:
    """Run something and return whether a code object was entered meanwhile."""
    called = False

    def watch(frame: FrameType, event: str, argument: object) -> None:
        nonlocal called
        called = called or frame.f_code is code

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        run()
    finally:
        sys.setprofile(before)
    return called


def _describe(error: Exception | None) -> str:
    if error is None:
        return ""
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {first}"[:200]
