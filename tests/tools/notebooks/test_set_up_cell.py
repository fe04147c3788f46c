"""The set-up cell finds the book or fetches it, once; says clearly what stands in its way; and is in every chapter."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.support.book_copies import bare_repository
from tools.notebooks import set_up_cell
from tools.notebooks.chapters import find_chapters, read_chapter, tags
from tools.notebooks.set_up_cell import set_up_text, stamp, stamp_chapters
from tools.site.addresses import read_addresses

ROOT = Path(__file__).resolve().parents[3]
UNSET = "https://github.com/OWNER/the-executable-transformer"
REPORT = """
import json
import utils
print(json.dumps([str(root), sys.path[:2], sys.path.count(str(root)), utils.__file__]))
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of a bare repository with what the set-up cell needs."""
    return bare_repository(tmp_path_factory.mktemp("remote"))


def run(folder, *sources, **settings):
    """Run pieces of Python in one fresh process in a folder, with nothing of this process on its path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", "\n".join(["import sys", *sources])]
    return subprocess.run(
        command, cwd=folder, env={**environment, **settings}, capture_output=True, text=True, timeout=120, check=False
    )


def reported(result):
    assert result.returncode == 0, result.stderr
    root, first, times, utils = json.loads(result.stdout.splitlines()[-1])
    return Path(root), first, times, Path(utils)


@pytest.fixture
def empty(tmp_path):
    """An empty folder, as a reader has it who downloaded one notebook."""
    folder = tmp_path / "empty folder"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("path", find_chapters(), ids=lambda path: path.stem)
def test_every_chapter_begins_with_the_set_up_cell_of_the_address(path):
    first = read_chapter(path).code_cells()[0][1]
    assert first.source == set_up_text(read_addresses().repository), "run: python tools/notebooks/set_up_cell.py"
    assert {"set-up", "hide-cell"} <= set(tags(first))
    assert first.outputs == []


def test_the_cell_is_short_and_plain():
    lines = set_up_text(UNSET).splitlines()
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if line.lstrip().startswith(("%", "!"))]


@pytest.mark.parametrize("below", [".", "chapters", "chapters/deeper"])
def test_inside_a_clone_its_root_is_first_and_nothing_else_happens(tmp_path, address, below):
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", address, str(clone)], check=True)
    folder = clone / below
    folder.mkdir(parents=True, exist_ok=True)
    before = sorted(clone.rglob("*"))
    root, first, times, utils = reported(run(folder, set_up_text(UNSET), REPORT, PYTHONDONTWRITEBYTECODE="1"))
    assert root == clone
    assert first == [str(clone), ""]
    assert times == 1
    assert utils == clone / "utils" / "__init__.py"
    assert sorted(path for path in clone.rglob("*") if "__pycache__" not in path.parts) == before


def test_in_an_empty_folder_the_book_is_fetched_once_and_used_again(empty, address):
    result = run(empty, set_up_text(address), set_up_text(address), REPORT)
    root, first, times, utils = reported(result)
    assert root == empty / "the-book"
    assert (first[0], times) == (str(root), 1)
    assert utils.is_relative_to(root)
    assert [path.name for path in empty.iterdir()] == ["the-book"]
    (root / "mine.txt").write_text("kept")
    gone = set_up_text(address.replace("the-book", "gone/the-book"))  # cannot be fetched: what is there must do
    assert reported(run(empty, gone, REPORT))[0] == root
    assert (root / "mine.txt").read_text() == "kept"


def test_a_clone_that_was_interrupted_is_removed(empty, address):
    half = empty / "the-book.part"
    (half / "utils").mkdir(parents=True)
    (half / "utils" / "attention.py").write_text("half of it")
    assert reported(run(empty, set_up_text(address), REPORT))[0] == empty / "the-book"
    assert not half.exists()


def test_a_failing_fetch_leaves_nothing_and_names_the_address(empty, address):
    wrong = address + "-gone"
    result = run(empty, set_up_text(wrong))
    assert result.returncode == 1
    assert f"ConnectionError: Could not fetch {wrong}" in result.stderr
    assert "does not" in result.stderr  # git's own reason
    assert list(empty.iterdir()) == []
    assert run(empty, set_up_text(address)).returncode == 0


def test_without_git_the_error_says_so(empty, address, tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "rm"):
        (programs / name).symlink_to(shutil.which(name))
    result = run(empty, set_up_text(address), PATH=str(programs))
    assert "ConnectionError" in result.stderr
    assert "git" in result.stderr.splitlines()[-1]


def test_without_an_address_the_error_says_how_to_set_one(empty):
    result = run(empty, set_up_text(UNSET))
    assert result.returncode == 1
    assert "LookupError: The notebook is outside the book and has no address" in result.stderr
    assert "make repository URL=" in result.stderr
    assert "Open it in a clone" in result.stderr


def test_a_folder_in_the_way_is_left_alone_and_named(empty, address):
    (empty / "the-book").mkdir()
    (empty / "the-book" / "thesis.txt").write_text("years of work")
    result = run(empty, set_up_text(address))
    assert result.returncode == 1
    assert "not empty" in result.stderr
    assert (empty / "the-book" / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("other", ["utils.py", "utils/__init__.py"])
def test_another_utils_beside_the_notebook_does_not_win(empty, address, other):
    (empty / other).parent.mkdir(exist_ok=True)
    (empty / other).write_text("raise SystemExit('the wrong one')")
    assert reported(run(empty, set_up_text(address), REPORT))[3].is_relative_to(empty / "the-book")


def test_another_utils_among_the_packages_does_not_win(empty, address, tmp_path):
    packages = tmp_path / "site-packages"
    packages.mkdir()
    (packages / "utils.py").write_text("raise SystemExit('the wrong one')")
    result = run(empty, set_up_text(address), REPORT, PYTHONPATH=str(packages))
    assert reported(result)[3].is_relative_to(empty / "the-book")


@pytest.mark.parametrize("other", ["utils.py", "utils/__init__.py", "utils/module.py"])
def test_another_utils_that_was_imported_before_is_named_with_the_remedy(empty, address, other):
    (empty / other).parent.mkdir(exist_ok=True)
    (empty / other).write_text("")
    result = run(empty, "import utils", set_up_text(address))
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith("ImportError: expected `utils` to be the book's")
    assert str((empty / other) if "module" not in other else empty / "utils") in last
    assert "Restart the kernel and run this cell first" in last


def test_stamping_keeps_outputs_and_counts_and_changes_nothing_the_second_time(tmp_path):
    cell = new_code_cell("old", metadata={"tags": ["set-up"]}, execution_count=1)
    other = new_code_cell("print(1)", execution_count=2, outputs=[nbformat.v4.new_output("stream", text="1\n")])
    path = tmp_path / "01-one.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("# One"), cell, other]), path)
    assert stamp_chapters(UNSET, tmp_path) == [path]
    first, second = (found for _, found in read_chapter(path).code_cells())
    assert (first.source, first.execution_count) == (set_up_text(UNSET), 1)
    assert (second.execution_count, second.outputs[0].text) == (2, "1\n")
    stored = path.read_bytes()
    assert stamp_chapters(UNSET, tmp_path) == []
    assert path.read_bytes() == stored


@pytest.mark.parametrize(("tagged", "found"), [([], "none"), ([2], r"\[2\]"), ([1, 2], r"\[1\], \[2\]")])
def test_a_chapter_without_its_set_up_cell_first_is_refused(tagged, found):
    cells = [new_code_cell(f"x = {n}", metadata={"tags": ["set-up"] if n in tagged else []}) for n in (1, 2)]
    with pytest.raises(LookupError, match=rf"tag `set-up` on the first code cell and no other; it is on: {found}"):
        stamp(new_notebook(cells=cells), UNSET)


def test_a_chapter_that_cannot_be_stamped_keeps_all_as_they_are(tmp_path, capsys):
    good = new_notebook(cells=[new_code_cell("old", metadata={"tags": ["set-up"]})])
    nbformat.write(good, tmp_path / "01-good.ipynb")
    nbformat.write(new_notebook(cells=[new_code_cell("x = 1")]), tmp_path / "02-bad.ipynb")
    before = (tmp_path / "01-good.ipynb").read_bytes()
    assert set_up_cell.main(["--chapters", str(tmp_path)]) == 2
    assert "02-bad.ipynb: expected the tag" in capsys.readouterr().err
    assert (tmp_path / "01-good.ipynb").read_bytes() == before
