"""A new reader's first hour: one downloaded notebook in an empty folder, a fresh Python, and it runs to the end."""

import functools
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from tests.conftest import missing_is_failure
from tests.support.book_copies import bare_repository
from tests.utils.finetuning.test_ktrain_mends import HERE, ORDERS, check_order
from tools.editions import write as editions
from tools.notebooks.chapters import ROOT, find_chapters, read_chapter
from tools.notebooks.folds import is_proof, story

pytestmark = pytest.mark.slow
CHAPTERS = [path.name for path in find_chapters()]
STORIES = [name for name in CHAPTERS if name.startswith(("01", "08"))]  # a reader's first, and what installs most
PARTS = ("tools", "utils", "data", "web", "chapters", "requirements.txt", "requirements-fine-tuning.txt")
PYTHONS = ("3.11", "3.13")
COLAB = "3.13"  # what Colab runs today
OTHER_PYTHONS = [version for version in PYTHONS if version != "{}.{}".format(*sys.version_info)]
KEPT = ("numpy", "keras", "tensorflow")
SET_UP_SECONDS = 90
# Set by make and by tests; a reader's machine has none of them.
OURS = ("PYTHONPATH", "IPYTHONDIR", "KERAS_BACKEND", "TF_CPP_MIN_LOG_LEVEL", "MPLBACKEND", "COVERAGE_PROCESS_START")

RUN = """
import json, sys
from datetime import datetime
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": "."}}).execute()
code = [cell for cell in notebook.cells if cell.cell_type == "code"]
times = {key: datetime.fromisoformat(time.replace("Z", "+00:00")) for key, time in code[0].metadata.execution.items()}
set_up = times["shell.execute_reply"] - times["iopub.status.busy"]
print(json.dumps({"cells": len(code), "run": sum(cell.execution_count is not None for cell in code),
                  "set_up": set_up.total_seconds()}))
"""
VERSIONS = """
import importlib.metadata, json, sys
print(json.dumps({name: importlib.metadata.version(name) for name in sys.argv[1:]}))
"""


def find_python(version):
    """Return the path of a Python of this version, on the path or among pyenv's, or None."""
    roots = [os.environ.get("PYENV_ROOT"), Path.home() / ".pyenv"]
    installed = [path for root in roots if root for path in Path(root).glob(f"versions/{version}.*/bin/python")]
    for candidate in [shutil.which(f"python{version}"), *installed]:
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return str(candidate)
    return None


def run(command, folder, limit):
    """Run a command as on a reader's machine; return what it prints."""
    environment = {name: value for name, value in os.environ.items() if name not in OURS}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=limit, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with the editions of all chapters, which fetch the book from a local bare repository."""
    place = tmp_path_factory.mktemp("remote")
    address = bare_repository(place, parts=PARTS)
    assert editions.main(["--repository", address, "--output", str(place / "colab")]) == 0
    return place / "colab"


def install(version, folder):
    """Return the interpreter of a new environment with what requirements.txt asks for, less matplotlib; or None."""
    python = find_python(version)
    if python is None:
        return None
    begun = time.monotonic()
    run([python, "-m", "venv", "environment"], folder, 120)
    ours = folder / "environment" / "bin" / "python"
    pip = [ours, "-m", "pip", "--disable-pip-version-check"]
    required = ["-r", ROOT / "requirements.txt", "nbclient", "ipykernel"]
    run([*pip, "install", "--quiet", "--no-compile", *required], folder, 900)
    run([*pip, "uninstall", "--quiet", "--yes", "matplotlib"], folder, 120)
    print(f"Python {version}: installed in {time.monotonic() - begun:.0f} s", file=sys.stderr)
    return ours


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Return a function from a version to an interpreter, installed once, or None where there is no such Python."""
    folders = []

    @functools.cache
    def installed(version):
        folders.append(tmp_path_factory.mktemp(f"python-{version}-"))
        return install(version, folders[-1])

    yield installed
    for folder in folders:
        shutil.rmtree(folder)  # 2 GB each


@pytest.fixture
def fresh(request, environment):
    """The interpreter of a fresh environment; without such a Python skip, or fail where BOOK_REQUIRE names it."""
    python = environment(request.param)
    if python is None:
        name = f"python{request.param}"
        reason = f"{name} is neither on the path nor among pyenv's versions"
        (pytest.fail if missing_is_failure(name) else pytest.skip)(
            f"{reason} (BOOK_REQUIRE={name} makes this a failure)"
        )
    return python


def versions(python, *names):
    return json.loads(run([python, "-c", VERSIONS, *names], python.parent, 60))


def run_chapter(python, notebook, folder, cells=None, checks=True):
    """Run a notebook, its first code cells, or all but its checks, alone in a folder; return the report of its run."""
    folder.mkdir()
    content = nbformat.read(notebook, as_version=4)
    content = content if checks else story(content)
    starts = [index for index, cell in enumerate(content.cells) if cell.cell_type == "code"]
    del content.cells[starts[cells] if cells else len(content.cells) :]
    nbformat.write(content, folder / notebook.name)
    (python.parents[1] / "run.py").write_text(RUN, encoding="utf-8")
    begun = time.monotonic()
    report = json.loads(run([python, python.parents[1] / "run.py", notebook.name], folder, 1800).splitlines()[-1])
    print(f"{notebook.stem}: {report} in {time.monotonic() - begun:.0f} s", file=sys.stderr)
    return report


def number_of_cells(name, checks):
    """Return how many code cells a chapter has, with its checks or without."""
    cells = [cell for _, cell in read_chapter(ROOT / "chapters" / name).code_cells()]
    return len(cells) if checks else sum(not is_proof(cell) for cell in cells)


# Every change runs two stories here, all of the chapter but its checks: `make test` has run and compared every cell,
# and the set-up, which is what a fresh environment is most likely to break, is one text in all chapters. The nightly
# run adds every chapter, with its checks and without.
@pytest.mark.parametrize(
    ("fresh", "names", "checks"),
    [
        (COLAB, STORIES, False),
        pytest.param(COLAB, CHAPTERS, False, marks=pytest.mark.full),
        *(pytest.param(one, CHAPTERS, True, marks=pytest.mark.full) for one in PYTHONS),
    ],
    indirect=["fresh"],
    ids=["two stories", "every story", *(f"every cell, Python {one}" for one in PYTHONS)],
)
def test_each_chapter_runs_in_an_empty_folder_and_changes_no_package(fresh, names, checks, made, tmp_path):
    before = versions(fresh, *KEPT)
    for name in names:
        folder = tmp_path / name
        report = run_chapter(fresh, made / name, folder, checks=checks)
        assert report["run"] == report["cells"] == number_of_cells(name, checks)
        assert report["set_up"] < SET_UP_SECONDS
        assert (folder / "the-book" / "utils").is_dir()
    assert versions(fresh, *KEPT) == before
    assert versions(fresh, "matplotlib")["matplotlib"]


@pytest.mark.parametrize("fresh", [one for one in PYTHONS if one != COLAB], indirect=True)
def test_the_set_up_alone_fetches_the_book_and_changes_no_package_on_the_other_python(fresh, made, tmp_path):
    before = versions(fresh, *KEPT)
    report = run_chapter(fresh, made / CHAPTERS[0], tmp_path / "alone", cells=2)
    assert report["run"] == report["cells"] == 2, "the set-up, and the imports that need what it installed"
    assert report["set_up"] < SET_UP_SECONDS
    assert versions(fresh, *KEPT) == before


@pytest.mark.parametrize(
    "orders",
    [
        pytest.param([order for order in ORDERS if order != HERE], id="all but one"),
        pytest.param([HERE], marks=pytest.mark.full, id="that one"),
    ],
)
@pytest.mark.parametrize("fresh", OTHER_PYTHONS, indirect=True)
def test_ktrain_trains_in_every_order_of_imports_on_another_python_too(fresh, orders, tmp_path):
    required = ["-r", ROOT / "requirements-fine-tuning.txt", "matplotlib", "jax"]
    run([fresh, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *required], tmp_path, 900)
    for order in orders:
        folder = tmp_path / order
        folder.mkdir()
        check_order(order, folder, str(fresh))
