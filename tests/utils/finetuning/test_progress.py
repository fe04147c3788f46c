"""What a training keeps of a long epoch, by a clock of the test's own."""

from types import SimpleNamespace

import pytest

from utils.classification.progress import SECONDS_BETWEEN_STATES
from utils.finetuning import progress
from utils.finetuning.progress import Recorder

BATCH_SECONDS = 2.0
BATCHES = 300  # an epoch of ten minutes


@pytest.fixture
def clock(monkeypatch):
    """The seconds that have gone by, in a list of one number."""
    now = [1000.0]
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_ctrl_c_late_in_a_long_first_epoch_and_a_kill_at_any_time_lose_little_of_it(clock):
    kept, model = [], SimpleNamespace(optimizer=SimpleNamespace(iterations=0), metrics=[])
    recorder = Recorder(model, {}, lambda *state: kept.append((clock[0], *state)), lambda epoch: [8] * BATCHES)
    callback = recorder.callback()
    callback.on_epoch_begin(0, {})
    for batch in range(BATCHES - 1):
        clock[0] += BATCH_SECONDS
        model.optimizer.iterations += 1
        callback.on_batch_end(batch, {"loss": 1.0})
    times, finished, batches, figures = zip(*kept, strict=True)
    gaps = [after - before for before, after in zip((1000.0, *times), times, strict=False)]
    assert set(finished) == {0}
    assert set(gaps) == {SECONDS_BETWEEN_STATES}  # a kill loses no more, and not every batch pays for a state
    assert [number * BATCH_SECONDS for number in batches] == [figure["seconds"] for figure in figures]
    recorder.keep_interrupted()
    assert kept[-1][1:3] == (0, BATCHES - 1)
