"""A run that resumes: the same weights as one that was never stopped, and a good file whatever goes wrong."""

import dataclasses
import errno
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from keras import ops

from tests.utils.translation.small import PAIRS, SMALL, EagerFitting, vocabulary
from tools.notebooks.chapters import ROOT
from utils.translation.fitting import LAST, Fitting, TrainingError, held_back_interrupt, read_run, validation
from utils.translation.translator import Translator

EPOCHS = 2
FEW = dataclasses.replace(PAIRS, source=PAIRS.source[:5], target=PAIRS.target[:5])


def trained(kind, folder):
    """Train in a folder to the end."""
    fitting = kind(folder, PAIRS, SMALL)
    fitting.fit(epochs=EPOCHS, progress=False, after_epoch=lambda translator: validation(translator, FEW))
    return fitting


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that was never stopped."""
    return trained(EagerFitting, tmp_path_factory.mktemp("whole"))


@pytest.fixture
def copy(whole, tmp_path):
    """The folder of that run, to be changed."""
    shutil.copytree(whole.folder, tmp_path / "run")
    return tmp_path / "run"


def stop_at(monkeypatch, steps):
    """Let Ctrl-C come in the middle of the last of so many steps."""
    learn, taken = Fitting._learn, []

    def learn_and_interrupt(self, rows):
        taken.append(rows)
        if len(taken) == steps:
            os.kill(os.getpid(), signal.SIGINT)
        learn(self, rows)

    monkeypatch.setattr(Fitting, "_learn", learn_and_interrupt)


def test_it_learns(whole):
    assert [line["epoch"] for line in whole.curve] == [1, 2]
    assert whole.curve[1]["loss"] < whole.curve[0]["loss"]
    assert whole.curve[1]["validation_loss"] < whole.curve[0]["validation_loss"]


@pytest.fixture
def interruptible():
    """Python's own answer to Ctrl-C, which a test that runs in the background may not have."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def check_that_it_resumes(kind, whole, folder, monkeypatch):
    """Stop a run amid an epoch, go on, and compare all that it ends with with a run that was never stopped."""
    steps = 4
    with monkeypatch.context() as patch:
        stop_at(patch, steps)
        with pytest.raises(KeyboardInterrupt):
            kind(folder, PAIRS, SMALL).fit(epochs=EPOCHS, progress=False)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    again = kind(folder, PAIRS, SMALL)
    assert int(again.model.optimizer.iterations) == steps
    assert 0 < again.batch < steps < int(whole.model.optimizer.iterations)  # amid the second epoch
    again.fit(epochs=EPOCHS, progress=False)
    for expected, found in zip(whole._variables(), again._variables(), strict=True):
        assert np.array_equal(ops.convert_to_numpy(expected), ops.convert_to_numpy(found)), expected.path
    assert [line["loss"] for line in again.curve] == [line["loss"] for line in whole.curve]
    for expected, found in zip(
        whole.translator().model.get_weights(), read_run(folder)[1].model.get_weights(), strict=True
    ):
        assert np.array_equal(expected, found)


def test_stopped_and_resumed_it_has_the_weights_of_one_that_was_never_stopped(
    whole, tmp_path, monkeypatch, interruptible
):
    check_that_it_resumes(EagerFitting, whole, tmp_path, monkeypatch)


@pytest.mark.full
@pytest.mark.slow
def test_so_it_does_with_compiled_steps_which_meet_their_shapes_in_another_order(tmp_path, monkeypatch, interruptible):
    check_that_it_resumes(Fitting, trained(Fitting, tmp_path / "whole"), tmp_path / "again", monkeypatch)


def test_the_translator_has_the_mean_of_the_last_epochs_weights(whole):
    assert len(whole.recent) == EPOCHS
    kept = Translator.load(whole.folder).model.get_weights()
    state, translator = read_run(whole.folder)
    assert state["epoch"] == EPOCHS
    assert state["curve"] == whole.curve
    for at, weight in enumerate(kept):
        np.testing.assert_allclose(weight, (whole.recent[0][at] + whole.recent[1][at]) / 2, rtol=1e-6, atol=1e-8)
        assert np.array_equal(weight, translator.model.get_weights()[at])


def test_a_finished_run_trains_no_further(copy):
    fitting = EagerFitting(copy, PAIRS, SMALL)
    before = [np.array(weight) for weight in fitting.model.get_weights()]
    fitting.fit(epochs=EPOCHS, progress=False)
    assert all(np.array_equal(a, b) for a, b in zip(before, fitting.model.get_weights(), strict=True))


def test_a_loss_that_is_no_number_stops_with_step_rate_and_rows_and_keeps_the_last_file(copy, monkeypatch):
    kept = (copy / LAST).read_bytes()
    fitting = EagerFitting(copy, PAIRS, SMALL)
    monkeypatch.setattr(fitting.model, "train_on_batch", lambda inputs, labels: np.nan)
    says = (
        r"the loss is nan at step \d+, learning rate [\d.e-]+, rows \[\d+(, \d+)*\] and \d+ more.*Begin in a new folder"
    )
    with pytest.raises(TrainingError, match=says):
        fitting.fit(epochs=EPOCHS + 1, progress=False)
    assert (copy / LAST).read_bytes() == kept


def test_weights_that_are_no_numbers_are_not_kept(copy, monkeypatch):
    kept = (copy / LAST).read_bytes()
    fitting = EagerFitting(copy, PAIRS, SMALL)

    def spoil(inputs, labels):
        fitting.model.set_weights([np.full_like(weight, np.nan) for weight in fitting.model.get_weights()])
        return 1.0

    monkeypatch.setattr(fitting.model, "train_on_batch", spoil)
    with pytest.raises(TrainingError, match="a weight is no longer a number"):
        fitting.fit(epochs=EPOCHS + 1, keep_every=0.0, progress=False)
    assert (copy / LAST).read_bytes() == kept


def test_a_full_disk_stops_with_the_file_and_the_last_one_is_whole(copy, monkeypatch):
    kept = (copy / LAST).read_bytes()
    fitting = EagerFitting(copy, PAIRS, SMALL)
    monkeypatch.setattr(fitting.model, "train_on_batch", lambda inputs, labels: 1.0)
    real = os.fsync

    def full(descriptor):
        real(descriptor)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TrainingError, match=r"last\.npz: the run cannot be written \(No space left"):
        fitting.fit(epochs=EPOCHS + 1, keep_every=0.0, progress=False)
    assert (copy / LAST).read_bytes() == kept
    assert not list(copy.glob("*.draft"))


def test_other_settings_and_pairs_are_refused_by_what_differs(copy):
    with pytest.raises(TrainingError, match=r"same settings.*'dropout': 0.3.*Begin in a new folder"):
        Fitting(copy, PAIRS, dataclasses.replace(SMALL, dropout=0.2))
    with pytest.raises(TrainingError, match="pairs 16, not 15"):
        Fitting(copy, dataclasses.replace(PAIRS, source=PAIRS.source[1:], target=PAIRS.target[1:]), SMALL)


def test_the_vocabulary_of_another_run_is_refused(copy):
    (copy / "vocabulary.json").write_text(vocabulary(60).to_json(), encoding="utf-8")
    with pytest.raises(TrainingError, match="vocabulary"):
        Fitting(copy, PAIRS, SMALL)
    with pytest.raises(TrainingError, match="expected the vocabulary that the run began with"):
        read_run(copy)


@pytest.mark.parametrize("size", [0, 100, -100])
def test_a_broken_file_is_refused_by_its_name(size, copy):
    content = (copy / LAST).read_bytes()
    (copy / LAST).write_bytes(content[:size])
    for read in (lambda: Fitting(copy, PAIRS, SMALL), lambda: read_run(copy)):
        with pytest.raises(TrainingError, match=r"last\.npz: expected a run that training wrote"):
            read()


def test_a_run_that_has_not_begun_or_ended_no_epoch_is_told(tmp_path):
    with pytest.raises(TrainingError, match="there is no such file; `make translation`"):
        read_run(tmp_path)
    Fitting(tmp_path, PAIRS, SMALL).keep()
    with pytest.raises(TrainingError, match="has not ended its first epoch"):
        read_run(tmp_path)


def test_ctrl_c_that_is_ignored_stays_ignored(interruptible):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with held_back_interrupt() as check:
        os.kill(os.getpid(), signal.SIGINT)
        check()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_the_first_ctrl_c_waits_and_the_second_does_not(interruptible):
    steps = []

    def interrupted(times):
        with held_back_interrupt() as check:
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.01)  # a signal is handled between two instructions
                steps.append(times)
            check()
            steps.append("not reached")

    for times in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            interrupted(times)
    assert steps == [1, 2]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_validation_counts_every_token_once(whole):
    translator = whole.translator()
    together, apart = (validation(translator, FEW, tokens) for tokens in (10_000, 40))
    assert together == pytest.approx(apart, abs=2e-4)
    assert 0 < together["validation_accuracy"] < 1


PROGRAM = """
import sys
from tests.utils.translation.small import PAIRS, SMALL
from utils.translation.fitting import Fitting
fitting = Fitting(sys.argv[1], PAIRS, SMALL)
print("begun", flush=True)
fitting.fit(epochs=100_000, keep_every=0.0, progress=False)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "waits", [(0.3,), pytest.param((0.3, 1.1, 2.3), marks=pytest.mark.full)], ids=["once", "thrice"]
)
def test_killed_at_any_moment_it_leaves_a_run_that_goes_on(tmp_path, waits):
    steps = 0

    def kept_at(path):
        return path.stat().st_mtime_ns if path.exists() else None

    for wait in waits:
        before = kept_at(tmp_path / LAST)
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout.readline() == b"begun\n"
            # At least one step is kept, and then the kill comes anywhere.
            while kept_at(tmp_path / LAST) == before and process.poll() is None:
                time.sleep(0.05)
            time.sleep(wait)
            process.kill()
        resumed = Fitting(tmp_path, PAIRS, SMALL)
        assert int(resumed.model.optimizer.iterations) > steps
        steps = int(resumed.model.optimizer.iterations)
        assert np.isfinite(resumed.model.get_weights()[0]).all()
