"""Prove the book: style, spelling, the chapters, every cell, `utils/`, the gate itself, the built pages.

Steps run two at a time, each with a log in _build/reports; one failure stops nothing. The last line has the counts.
"""

import argparse
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.gate.steps import Command, Runner, Step
from tools.notebooks.chapters import ROOT, find_chapters, read_chapter
from tools.notebooks.kernels import CELL_TIMEOUT, kernel_environment
from tools.validate.run import backends_of

REPORTS = ROOT / "_build" / "reports"
COVERAGE = REPORTS / "coverage"
LEAST_COVERAGE = 95  # per cent of the lines and branches of utils/
ENVIRONMENT_TESTS = "tests/tools/reader"
PAGE_TESTS = tuple(
    f"tests/site/test_{name}.py" for name in ("pages", "browser", "exploring", "editions", "live", "tabs")
)
GATE_TESTS = (
    *("tests/test_house.py", "tests/test_workflows.py"),
    *(
        f"tests/tools/{name}"
        for name in ("editions", "gate", "lint", "mutants", "notebooks", "reader", "site", "validate")
    ),
)
BACKEND_TESTS = tuple(  # of what computes, all of it
    f"tests/utils/{name}"
    for name in ("attention", "test_runtime.py", "layers", "positions", "transformer", "test_training.py")
)
# What of them a backend can change: numbers and gradients against references, masks, compiled and functional models.
# Decoding is left to the cells of chapter 4, which write and translate with a cache on every backend, and whole
# trainings, which are slow tests, to `make test-full`.
SENSITIVE_TESTS = (
    *("tests/utils/attention", "tests/utils/test_runtime.py", "tests/utils/test_training.py"),
    *(f"tests/utils/layers/test_{name}.py" for name in ("masks", "reference", "blocks_reference")),
    *(f"tests/utils/positions/test_{name}.py" for name in ("positions", "reference")),
    *(f"tests/utils/transformer/test_{name}.py" for name in ("in_keras", "reference")),
)
OTHER_BACKENDS = ("jax", "torch")  # on which the committed outputs, those of TensorFlow, must hold too
# Chapters that they run at every change: the layers and the models that the others use, each on the backend where it
# costs least. The others run there in `make test-full`.
EVERY_CHANGE = {"jax": ("02",), "torch": ("04",)}
GROUPS = {"lint": ("style", "spelling", "chapters-lint")}


def python(*arguments: str) -> list[str]:
    """Return the command line that runs this interpreter."""
    return [sys.executable, *arguments]


def pytest(name: str, *arguments: str, covered: bool = False, **environment: str) -> Command:
    """Return a run of pytest with its report, which needs the test files among its arguments."""
    report = REPORTS / f"{name}.xml"
    runner = ("-m", "coverage", "run", "-m", "pytest") if covered else ("-m", "pytest")
    options = ("-p", "no:cacheprovider", "--color=no", f"--junitxml={report}", "--durations=10")
    needs = [ROOT / argument for argument in arguments if argument.startswith("tests/")]
    environment |= {"COVERAGE_FILE": str(COVERAGE / "data")} if covered else {}
    return Command(python(*runner, *options, *arguments), report, environment, needs)


def text_files() -> list[str]:
    """Return the files of the book that git tracks or would track; all of them where there is no git."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()] or ["."]


def style_steps() -> list[Step]:
    """Return what takes seconds: the form of the code, the spelling, the chapter lint."""
    ruff = [Command(python("-m", "ruff", *task, ".")) for task in (("check",), ("format", "--check"))]
    return [
        Step("style", ruff),
        Step("spelling", [Command(python("-m", "codespell_lib", *text_files()))]),
        Step("chapters-lint", [Command(python("tools/lint/lint.py"))]),
    ]


def cells(name: str, backend: str = "tensorflow", begin: tuple[str, ...] = ("",)) -> Command:
    """Return the run of nbval over every cell of the chapters that are for a backend, side by side.

    Args:
        name: of the step.
        backend: of Keras.
        begin: how the names of the chapters may begin; all of them unless said.
    """
    paths = [path for path in find_chapters() if path.name.startswith(begin)]
    paths = [path for path in paths if backend in backends_of(read_chapter(path))]
    chapters = [path.relative_to(ROOT).as_posix() for path in paths]
    options = ["--nbval", "--nbval-current-env", f"--nbval-cell-timeout={CELL_TIMEOUT:g}", *chapters]
    if len(chapters) > 1:
        options += ["-n", "2", "--dist", "loadscope"]
    return pytest(name, *options, KERAS_BACKEND=backend)


def missing(backend: str) -> str:
    """Return why a step on a backend is skipped: it is neither installed nor required; else an empty string."""
    required = backend in (part.strip() for part in os.environ.get("BOOK_REQUIRE", "").split(","))
    installed = importlib.util.find_spec(backend) is not None
    return "" if installed or required else f"{backend} is not installed (BOOK_REQUIRE={backend} makes this a failure)"


def cells_step(backend: str, begin: tuple[str, ...] = ("",)) -> Step:
    """Return the run of chapters' cells on another Keras backend, against the same committed outputs."""
    name = f"cells-{backend}"
    return Step(name, [cells(name, backend, begin)], skip=missing(backend))


def backend_step(backend: str, tests: Sequence[str], *options: str) -> Step:
    """Return tests of attention, positions, layers and models on another Keras backend, which take minutes there."""
    name = f"backend-{backend}"
    return Step(name, [pytest(name, *tests, *options, KERAS_BACKEND=backend)], skip=missing(backend))


def real_step(*options: str, after: Sequence[str] = ()) -> Step:
    """Return the fine-tuning on real sentences: all of it writes seconds, and has the machine to itself in the end."""
    unset = [name for name in ("BOOK_DATA_DIR", "BOOK_MODEL_DIR") if not os.environ.get(name)]
    command = Command(python("tools/measure/real.py", *options))
    return Step("real", [command], after, f"{unset[0]} is not set" if unset else "")


def coverage_step(after: Sequence[str]) -> Step:
    """Return what of `utils/` the unit tests reached, and the threshold."""
    data = {"COVERAGE_FILE": str(COVERAGE / "data")}
    tasks = (
        ("combine", "-q", "--keep"),
        ("json", "-q", "-o", str(REPORTS / "coverage.json")),
        ("report", "--precision=2", f"--fail-under={LEAST_COVERAGE}"),
    )
    return Step("coverage", [Command(python("-m", "coverage", *task), environment=data) for task in tasks], after)


def everyday_steps(covered: bool = False) -> list[Step]:
    """Return the steps of `make test`, so ordered that both slots stay busy to the end: the last two are alike long.

    Args:
        covered: whether to trace what of `utils/` the unit tests reach, which makes them half as long again.
    """
    apart = [f"--ignore={name}" for name in (*PAGE_TESTS, *GATE_TESTS)]
    units = pytest("units", "tests", "utils", "--doctest-modules", "-m", "not slow", *apart, covered=covered)
    return [
        *style_steps(),
        Step("build", [Command(python("tools/site/build.py"), needs=[ROOT / "tools" / "site" / "build.py"])]),
        Step("cells", [cells("cells")]),
        Step("units", [units]),
        Step("gate", [pytest("gate", *GATE_TESTS, "-m", "not slow")]),
        Step("pages", [pytest("pages", *PAGE_TESTS, "-m", "not slow")], after=["build"]),
        *([coverage_step(["units"])] if covered else []),
    ]


def mutants_step() -> Step:
    """Return the proof that the check of every equation can fail."""
    report = REPORTS / "mutants.xml"
    return Step("mutants", [Command(python("tools/mutants/run.py", f"--junitxml={report}"), report)])


def marked_steps(expression: str) -> list[Step]:
    """Return the tests with some marks: those that make fresh environments, and all others."""
    apart = f"--ignore={ENVIRONMENT_TESTS}"
    return [
        Step("slow", [pytest("slow", "tests", "-m", expression, apart)]),
        Step("environments", [pytest("environments", ENVIRONMENT_TESTS, "-m", expression)]),
    ]


def slow_steps() -> list[Step]:
    """Return the steps of `make test-slow`; the longest begins first."""
    steps = [
        *marked_steps("slow and not full"),
        mutants_step(),
        *(cells_step(backend, EVERY_CHANGE[backend]) for backend in OTHER_BACKENDS),
        *(backend_step(backend, SENSITIVE_TESTS, "-m", "not slow") for backend in OTHER_BACKENDS),
    ]
    return [*steps, real_step("--only", "mini-bert")]


def full_steps() -> list[Step]:
    """Return the steps of `make test-full`: all of the other two, whole where they are thinned."""
    steps = [
        *everyday_steps(covered=True),
        *marked_steps("slow"),
        mutants_step(),
        *map(cells_step, OTHER_BACKENDS),
        *(backend_step(backend, BACKEND_TESTS) for backend in OTHER_BACKENDS),
    ]
    return [*steps, real_step(after=[step.name for step in steps])]


def choose(steps: Sequence[Step], only: str) -> list[Step]:
    """Return the steps that `only` names, with commas, or all.

    Raises:
        LookupError: there is no such step; the message lists them.
    """
    wanted = [name for part in only.split(",") if part for name in GROUPS.get(part, (part,))]
    known = [step.name for step in steps]
    if unknown := [name for name in wanted if name not in known]:
        raise LookupError(f"expected steps among {', '.join([*known, *GROUPS])}; received {', '.join(unknown)}")
    return [step for step in steps if not wanted or step.name in wanted]


def times(runner: Runner, steps: Sequence[Step], slowest: int = 5) -> str:
    """Return where the time went: each step's seconds, elapsed and of the processors, and its slowest tests."""
    lines = ["  elapsed  processor  step"]
    for step in sorted(steps, key=lambda step: -runner.seconds.get(step.name, (0, 0))[1]):
        elapsed, processor = runner.seconds.get(step.name, (0.0, 0.0))
        lines.append(f"  {elapsed:7.0f}  {processor:9.0f}  {step.name}")
        reports = [command.report for command in step.commands if command.report and command.report.is_file()]
        cases = [case for report in reports for case in ElementTree.parse(report).iter("testcase")]
        seconds = [(float(case.get("time", 0)), f"{case.get('classname')}::{case.get('name')}") for case in cases]
        lines += [f"{'':21}  {value:6.1f} s {name}" for value, name in sorted(seconds, reverse=True)[:slowest]]
    return "\n".join(lines)


def prove(steps: Sequence[Step], runner: Runner, show_times: bool = False) -> int:
    """Run steps, list what was skipped and what failed, and close with the counts; 0 if nothing failed."""
    begun = time.monotonic()
    total = runner.run(steps)
    failed = [name for name, outcome in runner.outcomes.items() if outcome.failed]
    for reason, count in total.reasons.items():
        print(f"skipped {count} x {reason}")
    if failed:
        print(f"failed: {', '.join(failed)}")
    if show_times:
        print(times(runner, steps))
    print(f"in {time.monotonic() - begun:.0f} s")
    print(f"proved: {total}")  # in the form that programs may read
    return 1 if total.failed or not total.passed else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 if nothing failed, 1 if something did, 2 for an unknown step, 130 when interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--slow", action="store_true", help="what takes longer: mutants, slow tests, other backends")
    which.add_argument("--full", action="store_true", help="everything, whole: what the nightly run proves")
    parser.add_argument("--only", default="", help="steps, with commas; `lint` is style, spelling and the chapter lint")
    parser.add_argument("--times", action="store_true", help="print where the time went: steps and slowest tests")
    options = parser.parse_args(arguments)
    try:
        available = full_steps() if options.full else slow_steps() if options.slow else everyday_steps()
        steps = choose(available, options.only)
    except LookupError as error:
        print(f"prove: {error}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    if any(step.name == "units" for step in steps):
        shutil.rmtree(COVERAGE, ignore_errors=True)
    os.environ.update(kernel_environment())
    os.environ.pop("MPLBACKEND", None)  # figures belong in the notebooks
    try:
        return prove(steps, Runner(ROOT, REPORTS), options.times)
    except KeyboardInterrupt:
        print("prove: interrupted; all that was running has been stopped")
        return 130


if __name__ == "__main__":
    sys.exit(main())
