"""The command line of `make validate`: what it prints, records and refuses, and how it finds a GPU."""

import inspect
import json
import re
import subprocess
import sys

import pytest

from tests.support.broken import code, plain_environment
from tests.support.validation_chapters import write_chapter
from tools.measure import results
from tools.notebooks.chapters import ROOT
from tools.validate import gpu as validate_gpu
from tools.validate import report as validate_report
from tools.validate import run as validate_run
from tools.validate import validate
from tools.validate.run import Verdict


def verdict_for(trial, different=0, faults=()):
    """Return a verdict as `run` would, without running."""
    told = {"backend": trial.backend, "device": trial.device, "device_name": f"{trial.device}:0", "versions": {}}
    row = {"chapter": trial.path.stem, "backend": trial.backend, "device": trial.device, "cells": 5, "compared": 4}
    row |= {"different": different, "seconds": 3, "reported": told, "sha256": "0"}
    return Verdict(row, ["a on b, cell [1]: differs\nsix\nseven"] * different, list(faults))


@pytest.fixture
def book(tmp_path, monkeypatch):
    """Two chapters, three backends and no real runs; what the fixture holds decides what comes of them."""
    settings = {"different": 0, "faults": (), "trials": []}

    def run(trials, jobs):
        settings["trials"] = trials
        return [verdict_for(trial, settings["different"], settings["faults"]) for trial in trials]

    paths = [write_chapter(tmp_path / "chapters", f"0{number}-x", [code("a = 1")]) for number in (1, 2)]
    monkeypatch.setattr("tools.notebooks.chapters.find_chapters", lambda wanted: paths[: 1 if wanted else 2])
    monkeypatch.setattr(validate_run, "run", run)
    monkeypatch.setattr(validate_run, "installed", lambda name: name not in settings.get("missing", ()))
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")
    return settings


def stored(name):
    """Return what was recorded, or None."""
    path = results.RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def test_all_backends_give_one_table_which_is_recorded(book, capsys):
    assert validate.main(["--all"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.split(r" {2,}", lines[1]) == list(validate.HEADER)
    assert re.split(r" {2,}", lines[2]) == ["01-x", "tensorflow", "5", "4", "0", "3", "tensorflow on cpu:0"]
    assert "validated: 30 cells run, 0 different, 0 other faults" in lines
    record = stored("backends")
    assert [(row["chapter"], row["backend"]) for row in record["rows"]] == [
        (chapter, backend) for chapter in ("01-x", "02-x") for backend in ("tensorflow", "jax", "torch")
    ]
    assert record["command"] == "python tools/validate/validate.py --all"
    assert {"date", "versions", "machine"} <= record.keys()


def test_one_backend_or_one_chapter_is_not_recorded(book):
    assert validate.main(["--backend", "jax"]) == 0
    assert [trial.backend for trial in book["trials"]] == ["jax", "jax"]
    assert validate.main(["--all", "--chapter", "1"]) == 0
    assert stored("backends") is None


def test_difference_fails_is_shown_and_is_recorded_as_it_is(book, capsys):
    book["different"] = 1
    assert validate.main(["--all"]) == 1
    assert "\na on b, cell [1]: differs\n    six\n    seven\n" in capsys.readouterr().out
    assert [row["different"] for row in stored("backends")["rows"]] == [1] * 6


def test_fault_fails_and_keeps_the_record_as_it_was(book, capsys):
    book["faults"] = ("c on d: expected backend d; the kernel that ran the cells reported e",)
    assert validate.main(["--all"]) == 1
    printed = capsys.readouterr().out
    assert "the kernel that ran the cells reported e" in printed
    assert "data/results/backends.json was left as it was" in printed
    assert stored("backends") is None


def test_missing_backend_is_an_error_or_left_out_and_named(book, capsys):
    book["missing"] = ("torch",)
    assert validate.main(["--backend", "torch"]) == 2
    assert "torch not found. Run: " in capsys.readouterr().err
    assert validate.main(["--all"]) == 2
    assert validate.main(["--all", "--available"]) == 0
    assert "left out: torch is not installed" in capsys.readouterr().out
    assert {trial.backend for trial in book["trials"]} == {"tensorflow", "jax"}
    assert stored("backends") is None
    book["missing"] = validate_run.BACKENDS
    assert validate.main(["--all", "--available"]) == 2


def test_missing_package_is_named_before_anything_is_run(book, capsys, monkeypatch):
    monkeypatch.setattr(validate, "NEEDED", ("json", "nosuchpackage"))
    assert validate.main(["--all"]) == 2
    assert "nosuchpackage not installed. Run: " in capsys.readouterr().err


def answers(monkeypatch, **told):
    """Let each backend answer where its tensors land."""
    monkeypatch.setattr(validate_gpu, "installed", lambda name: name in told)
    monkeypatch.setattr(validate_gpu, "ask", lambda name: told[name])


def answer(device, model=""):
    """Return a backend's answer."""
    return {"device": device, "device_name": f"{device}:0", "accelerator": model}


def test_without_a_gpu_status_is_three_and_nothing_is_written(book, capsys, monkeypatch):
    answers(monkeypatch, jax=answer("cpu"), torch={"error": "it failed: ImportError: libcudart"})
    assert validate.main(["--gpu"]) == 3
    message = capsys.readouterr().err
    assert "none does (tensorflow: not installed; jax: cpu:0; torch: it failed: ImportError: libcudart)" in message
    assert (stored("gpu"), book["trials"]) == (None, [])


def test_backends_that_see_the_gpu_run_on_it_and_are_recorded_with_its_driver(book, capsys, monkeypatch):
    answers(monkeypatch, jax=answer("cpu"), torch=answer("gpu", "Fake GPU 7"))
    monkeypatch.setattr(validate_gpu, "_nvidia", lambda: ("", "123.45"))
    assert validate.main(["--gpu"]) == 0
    record = stored("gpu")
    assert (record["gpu"], record["driver"]) == ("Fake GPU 7", "123.45")
    assert [(row["chapter"], row["backend"], row["device"]) for row in record["rows"]] == [
        ("01-x", "torch", "gpu"),
        ("02-x", "torch", "gpu"),
    ]
    assert "torch on gpu:0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("print('native noise'); print('{\"device\": \"gpu\"}')", {"device": "gpu"}),
        ("raise ImportError('libcudart is missing')", {"error": "it failed: ImportError: libcudart is missing"}),
        ("import time; time.sleep(60)", {"error": "it gave no answer within 2 s"}),
    ],
)
def test_each_backend_is_asked_in_a_process_of_its_own(tmp_path, monkeypatch, body, expected):
    (tmp_path / "tools" / "validate").mkdir(parents=True)
    (tmp_path / "tools" / "validate" / "report.py").write_text(body)
    monkeypatch.setattr(validate_gpu, "ROOT", tmp_path)
    monkeypatch.setattr(validate_gpu, "PATIENCE", 2.0)
    assert validate_gpu.ask("jax") == expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [("echo 'Fake GPU 7, 123.45'; echo 'Other, 1'", ("Fake GPU 7", "123.45")), ("echo broken; exit 9", ("", ""))],
)
def test_driver_is_what_nvidias_program_says(tmp_path, monkeypatch, script, expected):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(validate_gpu.shutil, "which", lambda name: str(program))
    assert validate_gpu._nvidia() == expected
    monkeypatch.setattr(validate_gpu.shutil, "which", lambda name: None)
    assert validate_gpu._nvidia() == ("", "")


def test_report_is_what_the_backend_itself_says(monkeypatch):
    import keras

    from utils import runtime

    told = json.loads(validate_report.report())
    assert told["backend"] == keras.backend.backend()
    assert told["device_name"] == runtime.device().name
    assert told["versions"]["keras"] == keras.__version__
    assert told["versions"].keys() >= {"python", "numpy", told["backend"]}
    assert not {"tensorflow", "jax", "torch"} - {told["backend"]} & told["versions"].keys()


def test_seed_of_the_record_is_the_one_that_chapters_begin_with():
    from utils.runtime import prepare

    assert inspect.signature(prepare).parameters["seed"].default == validate.SEED


def test_interrupt_has_its_own_status(monkeypatch, capsys):
    def interrupted(options, arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(validate, "validate", interrupted)
    assert validate.main(["--all"]) == 130
    assert "all that was running has been stopped" in capsys.readouterr().err


def test_command_line_asks_for_one_thing():
    assert validate.parse(["--gpu"]).gpu
    for arguments in ([], ["--all", "--gpu"], ["--backend", "theano"]):
        with pytest.raises(SystemExit):
            validate.parse(arguments)


def test_makefile_calls_the_program_as_it_is():
    makefile = (ROOT / "Makefile").read_text()
    for arguments in ("--backend $(BACKEND)", "--all", "--gpu"):
        assert f"tools/validate/validate.py {arguments}\n" in makefile


def test_no_package_is_imported_beyond_those_that_are_asked_for():
    absent = ("tensorflow", "jax", "torch", "jupytext", "sphinx", "bs4", "playwright", "hypothesis", "yaml")
    blocked = f"import sys; sys.modules.update(dict.fromkeys({absent}))"
    modules = ", ".join(f"tools.validate.{name}" for name in ("validate", "gpu", "plugin", "report"))
    program = f"{blocked}; import {modules}"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, env=plain_environment()
    )
    assert done.returncode == 0, done.stderr
