"""What the set-up cell installs where the book was fetched: what is missing, and nothing that is there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.broken import code, notebook
from tools.notebooks.chapters import ROOT
from tools.notebooks.kernels import run_cells
from tools.reader import finish_set_up


@pytest.fixture
def machine(monkeypatch):
    """A Python with chosen packages, {name: version}; pip's commands are recorded with the versions to keep."""
    packages, commands = {}, []

    def pip(command, **_):
        commands.append((command, Path(command[command.index("--constraint") + 1]).read_text().split()))
        packages.update({name.partition(">=")[0]: "9" for name in command[command.index("--constraint") + 2 :]})
        return subprocess.CompletedProcess(command, machine_pip["code"], stdout="", stderr=machine_pip["words"])

    machine_pip = {"code": 0, "words": ""}
    monkeypatch.setattr(finish_set_up, "is_installed", lambda name: name in packages)
    monkeypatch.setattr(finish_set_up, "version_of", packages.get)
    monkeypatch.setattr(finish_set_up.subprocess, "run", pip)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    return packages, commands, machine_pip


ALL = {"numpy": "2.0.2", "keras": "3.10.0", "matplotlib": "3.10.0", "tensorflow": "2.19.0"}
ALL |= {"tqdm": "4.67.1", "safetensors": "0.5.3", "tokenizers": "0.22.1", "scikit-learn": "1.6.1"}


def test_a_package_is_found_by_the_name_that_it_is_imported_by():
    assert all(map(finish_set_up.is_installed, finish_set_up.IMPORTED))
    assert not finish_set_up.is_installed("no-such-package")


def test_nothing_is_installed_where_nothing_is_missing(machine):
    packages, commands, _ = machine
    packages.update(ALL)
    finish_set_up.install_missing()
    assert commands == []


def test_only_what_is_missing_is_installed_and_the_rest_is_kept(machine, capsys):
    packages, commands, _ = machine
    packages.update(ALL)
    del packages["matplotlib"]
    finish_set_up.install_missing()
    [(command, kept)] = commands
    assert command[1:5] == ["-m", "pip", "install", "--quiet"]
    assert command[5] == "--constraint"
    assert command[7:] == ["matplotlib>=3.8"]  # and no --upgrade
    assert kept == ["numpy==2.0.2", "keras==3.10.0", "tensorflow==2.19.0"]
    assert "Installing matplotlib>=3.8" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("backend", "installed"), [(None, True), ("jax", False), ("torch", False), ("tensorflow", False)]
)
def test_tensorflow_is_installed_only_where_there_is_no_backend(machine, backend, installed):
    packages, commands, _ = machine
    packages.update({name: version for name, version in ALL.items() if name != "tensorflow"})
    packages.update({backend: "2.19"} if backend else {})
    finish_set_up.install_missing()
    assert [command[-1] for command, _ in commands] == ["tensorflow>=2.18"] * installed
    expected = backend if backend in ("jax", "torch") else None
    assert os.environ.pop("KERAS_BACKEND", None) == expected


@pytest.mark.parametrize(
    ("version", "fine"), [("3.9.2", False), ("2.15.0", False), ("3.10.0", True), ("4.0.dev1", True)]
)
def test_a_keras_that_is_too_old_is_named_and_not_touched(machine, version, fine):
    packages, commands, _ = machine
    packages.update({**ALL, "keras": version})
    if fine:
        finish_set_up.install_missing()
    else:
        remedy = r"the chapters need 3.10 or later.*`%pip install --upgrade keras`, restart the kernel"
        with pytest.raises(RuntimeError, match=rf"keras {version} is installed and {remedy}"):
            finish_set_up.install_missing()
    assert commands == []


def test_a_failing_installation_shows_the_words_of_pip(machine):
    packages, _, pip = machine
    packages.update({name: version for name, version in ALL.items() if name != "keras"})
    pip.update(code=1, words="No matching distribution")
    with pytest.raises(RuntimeError, match=r"could not install keras>=3.10 beside numpy==2.0.2(.|\n)*No matching"):
        finish_set_up.install_missing()


def test_least_versions_are_those_of_the_requirements():
    least = finish_set_up.least_versions()
    assert {*finish_set_up.IMPORTED, "tensorflow"} <= set(least)
    assert all(f"{name}>={version}" in (ROOT / "requirements.txt").read_text() for name, version in least.items())


@pytest.mark.parametrize("fetched", [True, False])
def test_only_a_book_that_was_fetched_installs_anything(monkeypatch, fetched):
    calls = []
    monkeypatch.setattr(finish_set_up, "install_missing", lambda: calls.append("installed"))
    finish_set_up.finish(ROOT, fetched=fetched)
    assert calls == ["installed"] * fetched


@pytest.mark.parametrize(("below", "file"), [("", "requirements.txt"), ("chapters", "../requirements.txt")])
@pytest.mark.parametrize("absent", ["keras", "matplotlib", "tensorflow"])
def test_in_a_clone_a_missing_package_is_named_with_the_file_to_install_from(machine, monkeypatch, below, file, absent):
    packages, commands, _ = machine
    packages.update({name: version for name, version in ALL.items() if name != absent})
    monkeypatch.chdir(ROOT / below)
    monkeypatch.syspath_prepend(str(ROOT))
    with pytest.raises(ImportError, match=rf"expected {absent}, which this Python lacks. Run `%pip install -r {file}`"):
        finish_set_up.finish(ROOT, fetched=False)
    assert Path(file).is_file()
    assert commands == []


def test_in_a_clone_another_backend_will_do_and_what_one_chapter_needs_may_be_missing(machine):
    packages, commands, _ = machine
    packages.update({"numpy": "2", "keras": "3.10", "matplotlib": "3.8", "jax": "0.7"})
    finish_set_up.finish(ROOT, fetched=False)
    assert commands == []


NATIVE = "import os, sys, time\nos.write(2, b'from native code')\ntime.sleep(0.5)\nprint('said', file=sys.stderr)"


def test_what_native_code_logs_stays_out_of_the_cells_of_any_kernel(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))  # without the settings of this book
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # with which the kernel would leave such output alone
    finish = "import runpy\nfrom pathlib import Path\n"
    finish += (
        f"runpy.run_path({str(ROOT / 'tools/reader/finish_set_up.py')!r})['finish'](Path({str(ROOT)!r}), fetched=False)"
    )
    book = notebook([code(NATIVE), code(finish), code(NATIVE), code(finish), code(NATIVE)])
    run_cells(book, tmp_path)
    found = ["".join(output.text for output in cell.outputs) for cell in book.cells]
    assert "from native code" in found[0]  # so a kernel does show it
    assert found[1:] == ["", "said\n", "", "said\n"]


def test_the_watcher_of_the_kernel_still_ends(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    lines = [
        "import os, sys, zmq, ipykernel.iostream as iostream",
        "thread = iostream.IOPubThread(zmq.Context().socket(zmq.PUB)); thread.start()",
        "sys.stderr = stream = iostream.OutStream(object(), thread, 'stderr', watchfd='force', echo=None)",
        "from tools.reader.finish_set_up import keep_native_log_out",
        "keep_native_log_out(); keep_native_log_out()",
        "os.write(2, b'to the log'); stream.close(); print('ended', flush=True)",
        "os._exit(0)",
    ]
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("ended\n", "to the log")
