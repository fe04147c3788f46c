"""The command line on real files and a tiny BERT, in processes of its own where a process matters: an interruption."""

import csv
import io
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.support.broken import take_interrupts
from tests.support.finetuning_toys import LABELS, TEXTS, texts_and_labels, write_bert
from tools.notebooks.chapters import ROOT
from utils.checkpoints import fingerprint, verify_checkpoint
from utils.finetuning import run_onnx
from utils.finetuning.command import main

QUICK = ("--epochs", "6", "--batch-size", "8", "--learning-rate", "1e-2")
NATIVE = re.compile(r"^[IWEF]\d{4} |^\d{4}-\d\d-\d\d |absl::|oneDNN|cuda", re.M)  # lines of TensorFlow's own log
LIMIT = 1500  # seconds; only what hangs takes so long


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the encoder, whose weights are in PyTorch's format."""
    folder = tmp_path_factory.mktemp("command")
    write_bert(folder / "bert", written_by="pt")
    return folder


def start(place, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "BOOK_CACHE_DIR": str(place / "cache")}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)  # as in a reader's shell
    command = [sys.executable, "-m", "utils.finetuning", *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    settings = {"env": environment, "text": True, "encoding": "utf-8", "preexec_fn": take_interrupts}
    return subprocess.Popen(command, cwd=place, **settings, **pipes)


def run(place, *arguments, given=""):
    """Return (status, output, messages)."""
    process = start(place, *arguments)
    out, err = process.communicate(given, timeout=LIMIT)
    return process.returncode, out, err


@pytest.fixture
def run_here(place, monkeypatch, capsys):
    """A function that does as `run` in this process, which has imported TensorFlow; no native log is seen."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("BOOK_CACHE_DIR", str(place / "cache"))

    def call(*arguments, given=""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        capsys.readouterr()
        return main([str(word) for word in arguments]), *capsys.readouterr()

    return call


def train(place, data, output, *options):
    return "train", "--data", data, "--model", "bert", "--output", output, *QUICK, *options


def write_rows(path, delimiter, header):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *zip(TEXTS, LABELS, strict=True)])


def checked_result(place, output, status, out, err):
    """Return the result of a training that must have succeeded, told as it should be."""
    assert status == 0, err
    assert "Traceback" not in err
    assert not NATIVE.search(err), err
    (line,) = out.splitlines()
    result = json.loads(line)
    assert result["output"] == str(place / output)
    assert result["fingerprint"] == fingerprint(place / output)
    assert [row["class"] for row in result["classes"]] == ["down", "level", "up"]
    assert verify_checkpoint(place / output)
    assert not (place / f"{output}.unfinished").exists()
    return result


@pytest.fixture(scope="module")
def trained(place):
    """The name of a classifier, its result and the messages; trained on own.csv."""
    write_rows(place / "own.csv", ",", ("text", "label"))
    status, out, err = run(place, *train(place, "own.csv", "from-csv"))
    return "from-csv", checked_result(place, "from-csv", status, out, err), err


@pytest.mark.slow
def test_a_csv_file_becomes_a_classifier_with_a_bar_and_a_line_of_json(trained):
    _, result, err = trained
    assert (result["training_texts"], result["validation_texts"], result["max_length"]) == (144, 16, 16)
    assert result["accuracy"] > 0.8  # 16 texts of three classes; by chance 0.38
    assert sum(map(sum, result["confusion"])) == 16
    assert "epoch 6 of 6" in err
    assert "108/108" in err  # the bar's batches: 6 epochs of 18


@pytest.mark.slow
def test_lines_are_classified_by_what_was_trained(place, trained, run_here):
    output, result, _ = trained
    lines = "the film was good\n\na plot so bad\n"
    status, out, err = run_here("predict", "--model", output, "--fingerprint", result["fingerprint"], given=lines)
    assert status == 0, err
    assert [line.partition("\t")[0] for line in out.splitlines()] == ["up", "", "down"]
    status, out, err = run(place, "predict", "--model", output, "--json", "--quiet", given=lines)
    rows = [json.loads(line) for line in out.splitlines()]
    assert (status, err) == (0, "")
    assert [row["label"] for row in rows] == ["up", None, "down"]
    assert sum(rows[0]["probabilities"].values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_a_tsv_file_with_columns_of_its_own_becomes_a_classifier(place, run_here):
    write_rows(place / "own.tsv", "\t", ("body", "stars"))
    options = ("--text-column", "body", "--label-column", "stars", "--validation", "0.25", "--max-length", "12")
    status, out, err = run_here(*train(place, "own.tsv", "from-tsv", *options, "--quiet"))
    result = checked_result(place, "from-tsv", status, out, err)
    assert (result["validation_texts"], result["max_length"]) == (40, 12)
    assert result["accuracy"] > 0.8
    assert err == ""


@pytest.mark.full
@pytest.mark.slow
def test_folds_are_measured_and_the_classifier_trained_on_all_is_exported(place, run_here):
    write_rows(place / "own.csv", ",", ("text", "label"))
    status, out, err = run_here(*train(place, "own.csv", "folded", "--folds", "3", "--export", "onnx"))
    result = checked_result(place, "folded", status, out, err)
    assert (result["training_texts"], result["validation_texts"], result["folds"]) == (160, 160, 3)
    assert len(result["fold_accuracies"]) == 3
    assert 0.8 < result["accuracy_mean"] == pytest.approx(sum(result["fold_accuracies"]) / 3, abs=1e-4)
    assert [f"fold {fold} of 3: " in err for fold in (1, 2, 3, 4)] == [True, True, True, False]
    texts, labels = texts_and_labels(200, seed=3)
    probability = run_onnx(result["onnx"], texts)
    names = json.loads((place / "folded-onnx" / "config.json").read_text())["id2label"]
    assert np.mean([names[str(at)] for at in probability.argmax(axis=1)] == np.array(labels)) > 0.9
    status, out, err = run_here("predict", "--model", "folded", "--json", "--quiet", given="\n".join(texts))
    rows = [list(json.loads(line)["probabilities"].values()) for line in out.splitlines()]
    assert abs(probability - rows).max() < 1e-4


@pytest.mark.full  # every change kills a training in test_killed.py and goes on bit for bit in test_training.py
@pytest.mark.slow
def test_an_interrupted_training_goes_on_where_it_was(place):
    write_rows(place / "own.csv", ",", ("text", "label"))
    output = "after-interruption"
    command = (*train(place, "own.csv", output), "--epochs", "40")
    process = start(place, *command)
    progress, end = place / f"{output}.unfinished" / "progress.json", time.monotonic() + LIMIT
    while not progress.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    record = json.loads(progress.read_text())
    assert record["finished"] < 40
    kept = f"{record['finished']} of 40 epochs" + (f" and {record['batches']} batches" if record["batches"] else "")
    assert f"train: interrupted: {kept} finished and kept in {progress.parent}" in err
    status, out, err = run(place, *command)
    assert checked_result(place, output, status, out, err)["accuracy"] > 0.8
    assert f"going on after {kept}" in err
    history = json.loads((place / output / "classifier.json").read_text())["history"]
    assert len(history["loss"]) == 40


def cpu_seconds(number):
    """Return what a running process has computed, in seconds, from the kernel's books."""
    fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.full
@pytest.mark.slow
def test_an_interruption_in_the_first_epoch_keeps_its_batches_and_ends_in_seconds(place):
    with (place / "long.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *zip(TEXTS * 20, LABELS * 20, strict=True)])
    options = ("--epochs", "1", "--batch-size", "4", "--learning-rate", "3e-3")  # at 1e-2 so many steps may diverge
    command = (*train(place, "long.csv", "long"), *options)
    process, seen, end = start(place, *command), "", time.monotonic() + LIMIT
    while not re.search(r" [1-9]\d*/720 .*loss=", seen) and time.monotonic() < end:
        seen += process.stderr.read(20)
    before = cpu_seconds(process.pid)
    process.send_signal(signal.SIGINT)
    others = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    _, err = process.communicate(timeout=LIMIT)
    seconds = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - others - before
    record = json.loads((place / "long.unfinished" / "progress.json").read_text())
    assert process.returncode == 130, err
    assert record["finished"] == 0
    assert 0 < record["batches"] < 720
    assert f"0 of 1 epochs and {record['batches']:,} batches finished and kept in" in err
    assert seconds < 8, "of computing between Ctrl-C and the end: on a busy machine the clock says little"
    status, out, err = run(place, *command)
    assert checked_result(place, "long", status, out, err)["accuracy"] > 0.6  # by chance 0.33
    assert f"going on after 0 of 1 epochs and {record['batches']:,} batches" in err
