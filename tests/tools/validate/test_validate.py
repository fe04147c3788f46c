"""`make validate` in real kernels: a difference, another backend, a dead or a hung kernel: each is found and named.

Five small chapters that need no Keras are run by nbval; a module of one function stands in for the kernel's report.
"""

import re
import signal
import sys
import time

import pytest

from tests.support.broken import code
from tests.support.processes import interrupted, is_running
from tests.support.validation_chapters import FAKE, QUESTION, write_chapter
from tools.notebooks.chapters import ROOT
from tools.validate import run as validate_run
from tools.validate.run import Trial

BEGIN = code("import fakereport\nimport os\nfakereport.seen.append(1)")
TIMEOUT = 6.0  # seconds that a cell of these chapters may take
TRIED = {
    "sound": ("jax", [BEGIN, code("print(6)", "6\n"), code("print(os.getpid())", "0\n", tags=["nbval-ignore-output"])]),
    "differs": ("torch", [BEGIN, code("print('seven')", "six\n"), code("1 / 0"), code("print(8)", "8\n")]),
    "elsewhere": (
        "tensorflow",
        [BEGIN, code("fakereport.DEVICE = 'gpu'"), code("os.environ['KERAS_BACKEND'] = 'jax'")],
    ),
    "dies": ("jax", [BEGIN, code("os._exit(9)"), code("print(1)", "1\n"), code("print(2)", "2\n")]),
    "hangs": (
        "jax",
        [BEGIN, code("import time\ntry:\n    time.sleep(60)\nexcept BaseException:\n    time.sleep(60)"), code("2")],
    ),
}


pytestmark = pytest.mark.slow  # real kernels, which have to start, hang and die


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """Run the small chapters, each on its backend; return {name: verdict} and the seconds that all took."""
    folder = tmp_path_factory.mktemp("book")
    (folder / "fakereport.py").write_text(FAKE)
    paths = {name: write_chapter(folder, name, cells) for name, (_, cells) in TRIED.items()}
    trials = [Trial(paths[name], backend, reports=folder / "reports") for name, (backend, _) in TRIED.items()]
    begun = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        patch.setenv("MPLBACKEND", "agg")
        found = validate_run.run(trials, 3, QUESTION, TIMEOUT)
    return dict(zip(TRIED, found, strict=True)) | {"seconds": time.monotonic() - begun}


def test_sound_chapter_is_run_counted_and_answers_from_its_own_kernel(verdicts):
    verdict = verdicts["sound"]
    assert (verdict.differences, verdict.faults) == ([], [])
    assert (verdict.row["cells"], verdict.row["compared"], verdict.row["different"]) == (3, 2, 0)
    reported = verdict.row["reported"]
    assert (reported["backend"], reported["device_name"]) == ("jax", "cpu:0")
    assert reported["cells"] == [1], "the report came from another process than the one that ran the cells"


def test_difference_and_exception_name_chapter_cell_backend_and_what_differs(verdicts):
    first, second = verdicts["differs"].differences
    assert re.search(r"differs\.ipynb on torch, cell \[2\]: Cell outputs differ\n", first)
    assert "six" in first
    assert "seven" in first
    assert re.search(r"differs\.ipynb on torch, cell \[3\]: Cell execution caused an exception\n", second)
    assert "ZeroDivisionError: division by zero" in second
    assert "\x1b" not in first + second
    assert verdicts["differs"].row["different"] == 2
    assert verdicts["differs"].row["cells"] == 4
    assert verdicts["differs"].faults == []


def test_kernel_on_another_backend_or_device_is_a_fault(verdicts):
    backend, device = verdicts["elsewhere"].faults
    assert backend.endswith(
        "elsewhere.ipynb on tensorflow: expected backend tensorflow; the kernel that ran the cells reported jax"
    )
    assert "expected device cpu; the kernel that ran the cells reported gpu" in device
    assert verdicts["elsewhere"].row["different"] == 0


def test_death_of_the_kernel_is_noticed_at_once_and_ends_the_chapter(verdicts):
    (difference,) = verdicts["dies"].differences
    assert "cell [2]: the kernel died while it ran this cell" in difference
    missed, silent = verdicts["dies"].faults
    assert "2 were not, from cell [3] on (the kernel was gone)" in missed
    assert "did not say what it ran on: it was gone by the end" in silent
    assert verdicts["dies"].row["cells"] == 2


def test_cell_that_hangs_is_stopped_and_named(verdicts):
    (difference,) = verdicts["hangs"].differences
    assert f"cell [2]: Timeout of {TIMEOUT:g} seconds exceeded" in difference
    assert "expected every cell to be run; 1 were not, from cell [3] on" in verdicts["hangs"].faults[0]
    assert verdicts["seconds"] < 100


INTERRUPTED = """
import sys
from pathlib import Path
from tools.validate import validate
from tools.validate import run as validate_run
trial = validate_run.Trial(Path("long.ipynb"), "jax", reports=Path("reports"))
validate.validate = lambda options, arguments: validate_run.run([trial], 1)
sys.exit(validate.main(["--all"]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_leaves_no_kernel_behind(tmp_path, number):
    wait = "import os, pathlib, time\npathlib.Path('pid').write_text(str(os.getpid()))\ntime.sleep(300)"
    write_chapter(tmp_path, "long", [code(wait)])
    source = INTERRUPTED.replace('"long', f'"{tmp_path}/long').replace('"reports', f'"{tmp_path}/r')
    status, _, told, kernel = interrupted([sys.executable, "-c", source], tmp_path / "pid", number, ROOT)
    assert status == 130
    assert "all that was running has been stopped" in told
    assert not is_running(kernel)
