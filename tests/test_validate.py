"""`make validate`: a difference, another backend, a cell not run, a dead or a hung kernel: each is found and named.

Five small chapters that need no Keras are really run by nbval; what stands in for the kernel's report is a module of
one function. What follows from a record is then tried on records.
"""

import argparse
import copy
import json
import re
import time
from pathlib import Path

import nbformat
import pytest
from broken import code, notebook, text

from tools import results, validate, validate_gpu, validate_run
from tools.chapters import ROOT, read_chapter
from tools.validate_run import Trial, Verdict

FAKE = """
import json, os
PID = os.getpid()
def report(): return json.dumps({"backend": os.environ["KERAS_BACKEND"], "device": DEVICE, "device_name": DEVICE + ":0",
    "accelerator": "", "versions": {os.environ["KERAS_BACKEND"]: "9.8"}, "pid": os.getpid(), "cells": seen})
seen, DEVICE = [], "cpu"
"""
QUESTION = "__import__('fakereport').report()"
BEGIN = code("import fakereport\nimport os\nfakereport.seen.append(1)")
TIMEOUT = 4.0  # seconds that a cell of these chapters may take
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


def write_chapter(folder, name, cells):
    """Write a chapter with prose; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.ipynb"
    nbformat.write(notebook([text(f"# The chapter that {name}"), *copy.deepcopy(cells)]), path)
    return path


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
    assert "cell [2]: Timeout of 4 seconds exceeded" in difference
    assert "expected every cell to be run; 1 were not, from cell [3] on" in verdicts["hangs"].faults[0]
    assert verdicts["seconds"] < 100


def record_of(cells, kernel=None, **changes):
    """Return the record of a run in which every cell passed, with changes to single cells."""
    notes = [{"index": index, "outcome": "passed", "seconds": 1.2, "message": ""} for index in range(cells)]
    for index, outcome in changes.pop("outcomes", {}).items():
        notes[index]["outcome"] = outcome
    told = {"backend": "jax", "device": "cpu", "device_name": "cpu:0", "versions": {"jax": "9"}}
    return {"cells": notes, "kernel": told if kernel is None else kernel}


def test_cell_stored_unexecuted_is_a_fault_although_nbval_passes_it(tmp_path):
    path = write_chapter(tmp_path, "fresh", [code("a = 1"), code("b = 2")])
    stored = json.loads(path.read_text())
    stored["cells"][-1]["execution_count"] = None
    path.write_text(json.dumps(stored))
    (fault,) = validate_run.judge(Trial(path, "jax"), record_of(2)).faults
    assert "cell [2] is stored unexecuted, so nothing was compared. Run `make execute`" in fault


def test_empty_cells_count_neither_as_run_nor_as_missed(tmp_path):
    path = write_chapter(tmp_path, "gaps", [code("a = 1"), code("  "), code("b = 2")])
    verdict = validate_run.judge(Trial(path, "jax"), record_of(3, outcomes={2: "failed"}))
    assert (verdict.row["cells"], verdict.row["compared"], verdict.row["seconds"]) == (2, 2, 4)
    assert [difference.split(":")[0][-8:] for difference in verdict.differences] == ["cell [2]"]
    assert verdict.faults == []


@pytest.mark.parametrize("outcomes", [{0: "skipped", 1: "skipped"}, {1: "skipped"}])
def test_cells_that_were_not_run_are_a_fault(tmp_path, outcomes):
    path = write_chapter(tmp_path, "short", [code("a = 1"), code("b = 2")])
    verdict = validate_run.judge(Trial(path, "jax"), record_of(2, outcomes=outcomes))
    assert verdict.row["cells"] == 2 - len(outcomes)
    assert f"{len(outcomes)} were not, from cell [{3 - len(outcomes)}] on" in verdict.faults[0]


def test_run_that_left_no_record_proves_nothing(tmp_path):
    trial = Trial(write_chapter(tmp_path, "none", [code("a = 1")]), "jax", reports=tmp_path)
    verdict = validate_run.judge(trial, validate_run.read_record(trial))
    assert verdict.row["cells"] == 0
    assert "expected every cell to be run; 1 were not" in verdict.faults[0]
    assert "pytest stopped before it ran a cell; its log says why" in verdict.faults[1]


def with_backends(tmp_path, named):
    """Return the path of a chapter whose metadata name backends."""
    path = write_chapter(tmp_path, "older", [code("a = 1")])
    stored = json.loads(path.read_text())
    stored["metadata"]["book"] = {"backends": named}
    path.write_text(json.dumps(stored))
    return path


def test_chapter_is_run_on_the_backends_that_it_is_for(tmp_path):
    older = with_backends(tmp_path, ["tensorflow"])
    every = write_chapter(tmp_path, "newer", [code("a = 1")])
    planned = [
        (trial.path.stem, trial.backend) for trial in validate_run.plan([older, every], ["jax", "tensorflow"], "cpu")
    ]
    assert planned == [("older", "tensorflow"), ("newer", "jax"), ("newer", "tensorflow")]


@pytest.mark.parametrize("named", [[], "jax", ["theano"]])
def test_unknown_backends_in_the_metadata_are_refused(tmp_path, named):
    with pytest.raises(ValueError, match=r"expected book\.backends of .*older\.ipynb to list some of"):
        validate_run.backends_of(read_chapter(with_backends(tmp_path, named)))


def test_each_backend_is_held_to_its_device():
    step = validate_run.step(Trial(Path("a.ipynb"), "torch"))
    environment = step.commands[0].environment
    assert environment["KERAS_BACKEND"] == "torch"
    assert (environment["JAX_PLATFORMS"], environment["KERAS_TORCH_DEVICE"]) == ("cpu", "cpu")
    assert environment["CUDA_VISIBLE_DEVICES"] == "-1"
    on_gpu = validate_run.step(Trial(Path("a.ipynb"), "torch", "gpu")).commands[0].environment
    assert not {"JAX_PLATFORMS", "KERAS_TORCH_DEVICE", "CUDA_VISIBLE_DEVICES"} & on_gpu.keys()


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
    monkeypatch.setattr("tools.chapters.find_chapters", lambda wanted: paths[: 1 if wanted else 2])
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
    assert record["command"] == "python tools/validate.py --all"
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
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "validate_report.py").write_text(body)
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

    from tools import validate_report
    from utils import runtime

    told = json.loads(validate_report.report())
    assert told["backend"] == keras.backend.backend()
    assert told["device_name"] == runtime.device().name
    assert told["versions"]["keras"] == keras.__version__
    assert told["versions"].keys() >= {"python", "numpy", told["backend"]}
    assert not {"tensorflow", "jax", "torch"} - {told["backend"]} & told["versions"].keys()


def test_seed_of_the_record_is_the_one_that_chapters_begin_with():
    import inspect

    from utils.runtime import prepare

    assert inspect.signature(prepare).parameters["seed"].default == validate.SEED


def test_interrupt_has_its_own_status(monkeypatch, capsys):
    def interrupted(options, arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(validate, "validate", interrupted)
    assert validate.main(["--all"]) == 130
    assert "all that was running has been stopped" in capsys.readouterr().err


def test_command_line_asks_for_one_thing():
    assert isinstance(validate.parse(["--gpu"]), argparse.Namespace)
    for arguments in ([], ["--all", "--gpu"], ["--backend", "theano"]):
        with pytest.raises(SystemExit):
            validate.parse(arguments)


def test_makefile_calls_the_program_as_it_is():
    makefile = (ROOT / "Makefile").read_text()
    for arguments in ("--backend $(BACKEND)", "--all", "--gpu"):
        assert f"tools/validate.py {arguments}\n" in makefile
