"""Run chapters with nbval on chosen Keras backends, and judge what came of each."""

import importlib.util
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.gate.steps import Command, Runner, Step
from tools.lint.outputs import is_taken_out
from tools.notebooks.chapters import ROOT, Chapter, is_code, read_chapter
from tools.notebooks.counts import count_chapter
from tools.notebooks.kernels import CELL_TIMEOUT, kernel_environment
from tools.validate.plugin import QUESTION

BACKENDS = ("tensorflow", "jax", "torch")
REPORTS = ROOT / "_build" / "reports"
START = 180.0  # seconds for a kernel to start on a busy machine
# What keeps each backend on a device, or keeps one from taking all of a GPU's memory.
ENVIRONMENT = {
    "cpu": {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu", "KERAS_TORCH_DEVICE": "cpu"},
    "gpu": {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"},
}


@dataclass(frozen=True)
class Trial:
    """A chapter on a backend and a device ("cpu" or "gpu"); its files are in `reports`."""

    path: Path
    backend: str
    device: str = "cpu"
    reports: Path = REPORTS

    @property
    def name(self) -> str:
        """The name of the step and of its log."""
        return f"validate-{self.path.stem}-{self.backend}"

    @property
    def record(self) -> Path:
        """What the plugin writes."""
        return self.reports / f"{self.name}.json"


@dataclass(frozen=True)
class Verdict:
    """What came of a trial.

    Attributes:
        row: the line of the table: counts, seconds, and what the kernel said of itself.
        differences: for each cell that failed or printed something else, which and how.
        faults: why the row proves nothing: cells that were not run, another backend than was asked for.
    """

    row: dict[str, Any]
    differences: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def backends_of(chapter: Chapter) -> tuple[str, ...]:
    """Return the backends a chapter is for: all, unless its metadata say otherwise in `book: {backends: [...]}`.

    Raises:
        ValueError: the metadata name none, or one that is unknown.
    """
    named = chapter.notebook.metadata.get("book", {}).get("backends", BACKENDS)
    if isinstance(named, str) or not named or not set(named) <= set(BACKENDS):
        raise ValueError(f"expected book.backends of {chapter.name} to list some of {BACKENDS}; received {named!r}")
    return tuple(name for name in BACKENDS if name in named)


def plan(paths: Sequence[Path], backends: Sequence[str], device: str) -> list[Trial]:
    """Return the trials of these chapters, each on those of the backends that it is for."""
    fit = {path: backends_of(read_chapter(path)) for path in paths}
    return [Trial(path, backend, device) for path in paths for backend in backends if backend in fit[path]]


def installed(backend: str) -> bool:
    """Return whether the package of a backend can be found by this interpreter."""
    return importlib.util.find_spec(backend) is not None


def step(trial: Trial, question: str = QUESTION, timeout: float = CELL_TIMEOUT) -> Step:
    """Return the run of nbval for a trial, in a process of its own."""
    junit = trial.record.with_suffix(".xml")
    options = [
        *("-p", "tools.validate.plugin", "-p", "no:cacheprovider"),
        *("-c", str(ROOT / "pyproject.toml"), f"--rootdir={ROOT}", "--color=no", "-rN", f"--junitxml={junit}"),
        *("--nbval", "--nbval-current-env", f"--nbval-cell-timeout={timeout:g}"),
        *(f"--nbval-kernel-startup-timeout={START:g}", f"--validate-record={trial.record}"),
        f"--validate-question={question}",
    ]
    environment = {"KERAS_BACKEND": trial.backend, **ENVIRONMENT[trial.device]}
    return Step(trial.name, [Command([sys.executable, "-m", "pytest", *options, str(trial.path)], junit, environment)])


def run(trials: Sequence[Trial], jobs: int, question: str = QUESTION, timeout: float = CELL_TIMEOUT) -> list[Verdict]:
    """Run trials, `jobs` at a time, with a line for each that begins and ends; judge them.

    Raises:
        KeyboardInterrupt: interrupted; nothing is left running.
    """
    os.environ.update(kernel_environment())
    os.environ.pop("MPLBACKEND", None)  # figures belong in the notebooks
    for trial in trials:
        trial.record.unlink(missing_ok=True)
    Runner(ROOT, trials[0].reports, jobs).run([step(trial, question, timeout) for trial in trials])
    return [judge(trial, read_record(trial)) for trial in trials]


def read_record(trial: Trial) -> dict[str, Any]:
    """Return what the plugin wrote, or an empty record where pytest never came to that."""
    if trial.record.exists():
        return json.loads(trial.record.read_text(encoding="utf-8"))
    return {"cells": [], "kernel": {"error": "pytest stopped before it ran a cell; its log says why"}}


def judge(trial: Trial, record: Mapping[str, Any]) -> Verdict:
    """Compare what was run with what the chapter holds and with what was asked for."""
    chapter, counts = read_chapter(trial.path), count_chapter(trial.path)
    numbered = [cell for cell in chapter.notebook.cells if cell.cell_type == "code"]  # by nbval, empty ones among them
    cells = {index: cell for index, cell in enumerate(numbered) if is_code(cell)}
    run_cells = {note["index"]: note for note in record["cells"] if note["index"] in cells}
    ended = {index: note for index, note in run_cells.items() if note["outcome"] != "skipped"}
    numbers = {index: number for number, index in enumerate(cells, start=1)}
    failed = {numbers[index]: note["message"] for index, note in ended.items() if note["outcome"] == "failed"}
    row = {
        "chapter": counts.name,
        "backend": trial.backend,
        "device": trial.device,
        "cells": len(ended),
        "compared": sum(not is_taken_out(cells[index]) for index in ended),
        "different": len(failed),
        "seconds": round(sum(note["seconds"] for note in record["cells"])),
        "reported": record["kernel"],
        "sha256": counts.sha256,
    }
    where = f"{chapter.name} on {trial.backend}"
    differences = [f"{where}, cell [{number}]: {message}" for number, message in failed.items()]
    missed = [number for index, number in numbers.items() if index not in ended]
    reasons = {note["message"] for note in run_cells.values() if note["outcome"] == "skipped"}
    unexecuted = [numbers[index] for index, cell in cells.items() if cell.execution_count is None]
    faults = [*_faults_of_cells(missed, reasons, unexecuted), *_faults_of_kernel(trial, record["kernel"])]
    return Verdict(row, differences, [f"{where}: {fault}" for fault in faults])


def _faults_of_cells(missed: Sequence[int], reasons: set[str], unexecuted: Sequence[int]) -> list[str]:
    """Say which cells prove nothing: those not run, and those stored without ever having been run."""
    faults = []
    if missed:
        why = "; ".join(sorted(reasons)) or "the log says why"
        faults.append(f"expected every cell to be run; {len(missed)} were not, from cell [{missed[0]}] on ({why})")
    if unexecuted:
        faults.append(f"cell [{unexecuted[0]}] is stored unexecuted, so nothing was compared. Run `make execute`")
    return faults


def _faults_of_kernel(trial: Trial, reported: Mapping[str, Any]) -> list[str]:
    """Say where the kernel did not run on what was asked for, or did not say."""
    if "error" in reported:
        return [f"the kernel did not say what it ran on: {reported['error']}"]
    wanted = {"backend": trial.backend, "device": trial.device}
    return [
        f"expected {key} {asked}; the kernel that ran the cells reported {reported[key]}"
        for key, asked in wanted.items()
        if reported[key] != asked
    ]
