"""`make validate` judges what a run left: what was not run or not compared, and what each chapter is for."""

import json
from pathlib import Path

import pytest

from tests.support.broken import code
from tests.support.validation_chapters import write_chapter
from tools.notebooks.chapters import read_chapter
from tools.validate import run as validate_run
from tools.validate.run import Trial


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
