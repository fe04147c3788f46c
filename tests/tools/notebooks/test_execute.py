"""`make execute`: outputs are stored whole or not at all."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest

from tests.support.broken import code, notebook, plain_environment, text, write_book
from tests.support.processes import interrupted, is_running
from tools.notebooks import execute
from tools.notebooks.chapters import ROOT, find_chapters, read_chapter

COMMAND = [sys.executable, str(ROOT / "tools" / "notebooks" / "execute.py"), "--folder"]


def run(folder, *arguments):
    """Run the command on a folder of chapters; return (exit code, what it printed)."""
    command = [*COMMAND, str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=plain_environment(), timeout=60)
    return done.returncode, done.stdout + done.stderr


def only(folder):
    """Return the one chapter in a folder as a notebook."""
    (path,) = folder.glob("*.ipynb")
    return nbformat.read(path, as_version=4)


def test_outputs_are_stored_with_counts_from_one(tmp_path, capsys):
    cells = [text("# A"), code("x = 6"), code("import sys\nprint(x * 7)\nprint(sys.executable)"), code(""), code("x")]
    folder = write_book(tmp_path, good=notebook(cells))
    assert execute.main(["--folder", str(folder)]) == 0
    stored = only(folder)
    codes = [cell for cell in stored.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in codes] == [1, 2, None, 3]
    assert [output.text for output in codes[1].outputs] == [f"42\n{sys.executable}\n"]
    assert codes[3].outputs[0].data["text/plain"] == "6"
    assert capsys.readouterr().out.startswith("01-good: 3 cells in ")


def test_kernel_works_in_the_notebooks_folder_with_the_repository_on_its_path(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    source = "import os, utils, tools.notebooks.chapters\nprint(os.getcwd())\nprint(os.path.dirname(utils.__file__))"
    folder = write_book(tmp_path, good=notebook([code(source)]))
    assert execute.main(["--folder", str(folder)]) == 0
    assert only(folder).cells[0].outputs[0].text == f"{folder}\n{ROOT / 'utils'}\n"


def test_kernels_registered_on_the_machine_are_not_used(tmp_path, monkeypatch):
    registered = tmp_path / "jupyter" / "kernels" / "python3"
    registered.mkdir(parents=True)
    spec = {"argv": ["false", "{connection_file}"], "display_name": "Another Python", "language": "python"}
    (registered / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    folder = write_book(tmp_path, good=notebook([code("print(6 * 7)")]))
    assert execute.main(["--folder", str(folder)]) == 0
    assert only(folder).cells[0].outputs[0].text == "42\n"


def test_running_twice_gives_the_same_bytes_and_nothing_of_the_machine(tmp_path):
    cells = [code("import sys\nfor i in range(3):\n    print(i, flush=True)"), code("print('end')")]
    untidy = notebook(cells)
    untidy.metadata.update(widgets={"state": {}}, language_info={"name": "python", "version": "2.7.1"}, title="kept")
    untidy.cells[0].metadata.update(execution={"iopub.status.busy": "2026"}, collapsed=False, mystnb={"kept": 1})
    folder = write_book(tmp_path, good=untidy)
    ids = [cell.id for cell in only(folder).cells]
    assert execute.main(["--folder", str(folder)]) == 0
    first = (folder / "01-good.ipynb").read_bytes()
    assert execute.main(["--folder", str(folder)]) == 0
    assert (folder / "01-good.ipynb").read_bytes() == first
    stored = json.loads(first)
    assert [cell["id"] for cell in stored["cells"]] == ids
    assert stored["cells"][0]["metadata"] == {"mystnb": {"kept": 1}}
    assert stored["cells"][0]["outputs"] == [{"name": "stdout", "output_type": "stream", "text": ["0\n", "1\n", "2\n"]}]
    assert set(stored["metadata"]) == {"kernelspec", "language_info", "title"}
    assert "version" not in stored["metadata"]["language_info"]
    assert first.endswith(b"}\n")
    assert list(folder.iterdir()) == [folder / "01-good.ipynb"]


def test_cells_without_an_id_get_the_same_one_each_time(tmp_path):
    folder = write_book(tmp_path, old=notebook([text("# A"), code("1")]))
    path = folder / "01-old.ipynb"
    raw = json.loads(path.read_text())
    raw["nbformat_minor"] = 4
    for cell in raw["cells"]:
        del cell["id"]
    path.write_text(json.dumps(raw))
    assert [cell.id for cell in read_chapter(path).notebook.cells] == ["cell-000", "cell-001"]


def test_failing_hanging_and_dying_chapters_are_all_reported_and_left_alone(tmp_path):
    source = "a = 1\nb = 2\nraise KeyError('gone')\n#\n#\n#"
    folder = write_book(
        tmp_path,
        fails=notebook([code("x = 1"), code(source)]),
        hangs=notebook([code("import time\nwhile True:\n    time.sleep(0.01)")]),
        dies=notebook([code("import os"), code("x = 1"), code("os._exit(3)")]),
        good=notebook([code("print('fine')")]),
    )
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    status, printed = run(folder, "--timeout", "2")
    assert status == 1
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {name for name in after if after[name] != before.get(name)} == {"04-good.ipynb"}
    assert "01-fails: FAILED in cell [2]\n    | a = 1\n    | b = 2\n    | raise KeyError" in printed
    assert "KeyError: 'gone'" in printed
    assert "02-hangs: FAILED in cell [1]" in printed
    assert "more than 2 seconds" in printed
    assert "03-dies: FAILED in cell [3]" in printed
    assert "the kernel died" in printed
    assert "04-good: 1 cells in " in printed
    assert "3 of 4 chapters failed" in printed


def test_interrupt_leaves_the_file_alone_and_no_kernel_behind(tmp_path):
    source = "import os, pathlib, time\npathlib.Path('pid').write_text(str(os.getpid()))\ntime.sleep(60)"
    folder = write_book(tmp_path, long=notebook([code("x = 1"), code(source)]))
    before = (folder / "01-long.ipynb").read_bytes()
    status, printed, _, kernel = interrupted([*COMMAND, str(folder)], folder / "pid")
    assert status == 130
    assert "01-long: interrupted in cell [2]. The file is unchanged" in printed
    assert (folder / "01-long.ipynb").read_bytes() == before
    assert {path.name for path in folder.iterdir()} == {"01-long.ipynb", "pid"}
    assert not is_running(kernel)


@pytest.mark.parametrize("name", ["02", "2", "02-beta", "chapters/02-beta.ipynb"])
def test_a_chapter_is_found_by_number_name_or_file(tmp_path, name):
    folder = write_book(tmp_path, alpha=notebook(), beta=notebook())
    assert [path.stem for path in find_chapters(name, folder)] == ["02-beta"]


@pytest.mark.parametrize("name", ["a2", "a2-more"])
def test_an_appendix_is_found_by_its_number_and_comes_after_the_chapters(tmp_path, name):
    folder = write_book(tmp_path, alpha=notebook(), beta=notebook())
    (folder / "02-beta.ipynb").rename(folder / "a2-more.ipynb")
    assert [path.stem for path in find_chapters(name, folder)] == ["a2-more"]
    assert [path.stem for path in find_chapters("", folder)] == ["01-alpha", "a2-more"]
    with pytest.raises(LookupError, match="called '2'"):
        find_chapters("2", folder)


def test_unknown_chapter_lists_those_there_are(tmp_path, capsys):
    folder = write_book(tmp_path, alpha=notebook(), beta=notebook())
    assert execute.main(["--folder", str(folder), "07"]) == 2
    assert "called '07'" in (error := capsys.readouterr().err)
    assert "01-alpha, 02-beta" in error


def test_file_that_is_no_notebook_is_reported(tmp_path, capsys):
    folder = write_book(tmp_path)
    (folder / "01-odd.ipynb").write_text("{}")
    assert execute.main(["--folder", str(folder)]) == 1
    assert "not a Jupyter notebook of format 4" in capsys.readouterr().out


FIRST, *OTHERS = sorted((ROOT / "chapters").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [FIRST, *(pytest.param(path, marks=pytest.mark.full) for path in OTHERS)], ids=lambda path: path.stem
)
def test_committed_chapter_is_what_a_fresh_run_stores(path):
    (ROOT / "_build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "_build") as folder:  # below the repository, as the chapter is
        again = Path(shutil.copy(path, folder))
        assert execute.execute_chapter(again)
        fresh, stored = (comparable(read_chapter(each)) for each in (again, path))
    assert fresh == stored, f"run `make execute CH={path.stem}` and commit what it stores"


def comparable(chapter):
    """Return a chapter's content without pictures, which differ by platform, and outputs that are not compared."""
    content = json.loads(execute.canonical(chapter.notebook))
    for cell in content["cells"]:
        if "nbval-ignore-output" in cell["metadata"].get("tags", []):
            cell["outputs"] = []
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("image/png", None)
    return content
