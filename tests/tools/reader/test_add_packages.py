"""What a chapter adds to the packages that are there: what is missing, and second copies of what will not do."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.notebooks.chapters import ROOT
from tools.reader import add_packages

LINES = "# why\nktrain>=0.41.4\ntransformers>=4.57,<5\nhuggingface-hub>=0.34,<1\n"
FINE = {"ktrain": "0.41.4", "transformers": "4.57.6", "huggingface-hub": "0.36.2"}


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A book in a folder of its own, a Python with chosen packages {name: version}, and the commands that pip got."""
    (tmp_path / "wanted.txt").write_text(LINES, encoding="utf-8")
    packages, commands, answer = {}, [], {"code": 0, "words": ""}

    def pip(command, **_):
        at = command.index("--constraint")
        commands.append((command[at + 2 :], Path(command[at + 1]).read_text().split()))
        return subprocess.CompletedProcess(command, answer["code"], stdout="", stderr=answer["words"])

    monkeypatch.setattr(add_packages, "version_of", packages.get)
    monkeypatch.setattr(add_packages, "installed_versions", lambda: [f"{n}=={v}" for n, v in packages.items()])
    monkeypatch.setattr(subprocess, "run", pip)
    monkeypatch.setattr(sys, "path", [str(tmp_path), "elsewhere"])
    monkeypatch.setenv("PYTHONPATH", "before")
    for name in ("transformers", "huggingface_hub"):
        monkeypatch.delitem(sys.modules, name, raising=False)

    def add(fetched=True):
        add_packages.add_packages(tmp_path, tmp_path / "wanted.txt", fetched=fetched)

    return packages, commands, answer, add


@pytest.mark.parametrize("fetched", [True, False])
def test_nothing_happens_where_all_is_there(machine, fetched, capsys):
    packages, commands, _, add = machine
    packages.update(FINE)
    add(fetched)
    assert commands == []
    assert sys.path[1:] == ["elsewhere"]
    assert capsys.readouterr().out == ""


def test_what_is_missing_is_installed_and_the_rest_unmoved(machine, capsys):
    packages, commands, _, add = machine
    packages.update({name: version for name, version in FINE.items() if name != "ktrain"})
    add()
    assert commands == [(["ktrain>=0.41.4"], ["transformers==4.57.6", "huggingface-hub==0.36.2"])]
    assert "ktrain>=0.41.4 is missing" in capsys.readouterr().out


def test_an_unfit_package_stays_and_a_second_copy_comes_first(machine, tmp_path):
    packages, commands, _, add = machine
    packages.update({**FINE, "transformers": "5.23.0", "huggingface-hub": "1.2.0"})
    add()
    own = str(tmp_path / add_packages.FOLDER)
    wanted = ["--no-deps", "--target", own, "transformers>=4.57,<5", "huggingface-hub>=0.34,<1"]
    assert commands == [(wanted, [])]
    assert sys.path == [str(tmp_path), own, "elsewhere"]
    assert os.environ["PYTHONPATH"].split(os.pathsep) == [own, "before"]


def test_the_folder_of_an_earlier_run_is_found_again(machine, tmp_path):
    packages, commands, _, add = machine
    packages.update(FINE)
    (tmp_path / add_packages.FOLDER).mkdir()
    add()
    add()
    assert commands == []
    assert sys.path == [str(tmp_path), str(tmp_path / add_packages.FOLDER), "elsewhere"]


@pytest.mark.parametrize(
    ("below", "files"),
    [
        ("", "-r requirements.txt -r wanted.txt"),
        ("chapters", "-r ../requirements.txt -r ../wanted.txt"),
        ("reading/my own", "-r ../../requirements.txt -r ../../wanted.txt"),
    ],
)
def test_in_a_clone_nothing_is_installed_and_the_remedy_finds_its_files(machine, tmp_path, monkeypatch, below, files):
    packages, commands, _, add = machine
    (tmp_path / below).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(tmp_path / below)
    packages.update({"transformers": "5.23.0", "huggingface-hub": "0.36.2"})
    words = r"ktrain>=0.41.4 is missing; transformers 5.23.0 will not do, transformers>=4.57,<5 is needed"
    with pytest.raises(RuntimeError, match=rf"{words}. Run `%pip install {files}`, restart"):
        add(fetched=False)
    assert commands == []
    assert Path(files.rpartition(" ")[2]).is_file()


def test_names_with_spaces_are_quoted(tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    assert add_packages.pip_line(tmp_path / "my own" / "a.txt") == "%pip install -r '../my own/a.txt'"


def test_a_package_that_was_imported_too_early_is_named(machine, monkeypatch):
    packages, commands, _, add = machine
    packages.update({**FINE, "transformers": "5.23.0"})
    monkeypatch.setitem(sys.modules, "transformers", sys)
    with pytest.raises(RuntimeError, match=r"imported before this cell\. Restart"):
        add()
    assert commands == []


def test_a_failing_installation_shows_the_words_of_pip(machine):
    _, _, answer, add = machine
    answer.update(code=1, words="No matching distribution")
    with pytest.raises(RuntimeError, match=r"could not install ktrain>=0.41.4(.|\n)*No matching distribution"):
        add()


@pytest.mark.parametrize(
    ("version", "fine"),
    [("4.57.6", True), ("4.57", True), ("4.56.9", False), ("5.0.0", False), ("5.0.0rc1", False), ("10.1", False)],
)
def test_bounds_are_compared_as_numbers(monkeypatch, version, fine):
    monkeypatch.setattr(add_packages, "version_of", lambda name: version)
    assert add_packages.fits("transformers", ">=4.57,<5") == fine


def test_versions_found_here_are_those_of_pip():
    kept = dict(line.split("==") for line in add_packages.installed_versions())
    assert kept["numpy"] == add_packages.version_of("numpy")
    assert add_packages.version_of("no-such-package") is None


def test_what_the_project_chapter_needs_is_fit_here():
    bounds = add_packages.read_bounds(ROOT / "requirements-fine-tuning.txt")
    assert {"ktrain", "transformers", "tf-keras", "setuptools"} <= set(bounds)
    lines = [line for line in (ROOT / "requirements-fine-tuning.txt").read_text().splitlines() if line[0] != "#"]
    assert len(bounds) == len(lines)
    assert all(re.fullmatch(r"((>=|<|==)[\d.]+,?)+", each) for each in bounds.values())
    assert {
        name: add_packages.version_of(name) for name, each in bounds.items() if not add_packages.fits(name, each)
    } == {}
