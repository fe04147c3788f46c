"""A pytest plugin for nbval: note how each cell ended, and ask the kernel that ran them what it ran on.

The question is put to the chapter's own kernel after its last cell and before nbval stops it. Loaded with
`-p tools.validate.plugin`; everything is written to the file that --validate-record names.
"""

import ast
import json
import re
import time
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell

QUESTION = "__import__('tools.validate.report', fromlist=['report']).report()"
PATIENCE = 120.0  # seconds for the kernel's answer
GLANCE = 1.0  # seconds between two looks at whether the kernel lives

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_RECORD = pytest.StashKey[dict[str, Any]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's options."""
    group = parser.getgroup("validate", "Validation of the book's chapters")
    group.addoption("--validate-record", type=Path, required=True, help="JSON file to write")
    group.addoption("--validate-question", default=QUESTION, help="expression whose value, JSON text, is the report")


def pytest_configure(config: pytest.Config) -> None:
    """Begin an empty record."""
    config.stash[_RECORD] = {"cells": [], "kernel": {"error": "no cell was run"}}


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Once the kernel runs, see to it that its death is noticed at once; run no cell in a dead one."""
    if isinstance(item, IPyNbCell):
        if not item.parent.kernel.is_alive():
            pytest.skip("the kernel was gone")
        _watch(item.parent.kernel)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """After the last cell of a chapter, ask its kernel."""
    if isinstance(item, IPyNbCell) and (nextitem is None or nextitem.parent is not item.parent):
        item.config.stash[_RECORD]["kernel"] = _ask(item.parent.kernel, item.config.option.validate_question)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Note how a cell ended: "passed", "failed" or "skipped", with the reason."""
    report = yield
    if isinstance(item, IPyNbCell) and (report.when == "call" or not report.passed):
        cell = {"index": item.cell_num, "outcome": report.outcome, "seconds": report.duration}
        item.config.stash[_RECORD]["cells"].append(
            cell | {"message": _reason(call.excinfo.value if call.excinfo else "")}
        )
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the record."""
    text = json.dumps(session.config.stash[_RECORD], indent=1)
    session.config.option.validate_record.write_text(text + "\n", encoding="utf-8")


def _reason(error: BaseException | str) -> str:
    """Return what went wrong, without the cell's source and without colours."""
    traceback = getattr(error, "inner_traceback", None) or ""
    lines = [line.rstrip() for line in _COLOUR.sub("", f"{error}\n{traceback}").splitlines()]
    return "\n".join(line for line in lines if line)


def _watch(kernel: RunningKernel) -> None:
    """Make the kernel's waiting end when it dies; nbval would wait until the cell's time is up."""
    if "get_message" in vars(kernel):
        return
    plain = kernel.get_message

    def get_message(stream: str, timeout: float | None = None) -> Any:
        end = time.monotonic() + (float("inf") if timeout is None else timeout)
        while True:
            try:
                return plain(stream, timeout=max(0.0, min(GLANCE, end - time.monotonic())))
            except Empty:
                if not kernel.is_alive():
                    raise RuntimeError("the kernel died while it ran this cell") from None
                if time.monotonic() >= end:
                    raise

    kernel.get_message = get_message


def _ask(kernel: RunningKernel | None, question: str) -> dict[str, Any]:
    """Return the kernel's answer, or an object whose only entry, error, says why there is none."""
    if kernel is None or not kernel.is_alive():
        return {"error": "it was gone by the end of the chapter"}
    try:
        reply = kernel.kc.execute("", silent=True, user_expressions={"it": question}, reply=True, timeout=PATIENCE)
    except (TimeoutError, Empty):
        return {"error": f"it gave no answer within {PATIENCE:g} s"}
    answer = reply["content"].get("user_expressions", {}).get("it", {"ename": "no answer", "evalue": ""})
    if answer.get("status") != "ok":
        return {"error": f"{answer['ename']}: {answer['evalue']}"}
    return json.loads(ast.literal_eval(answer["data"]["text/plain"]))
