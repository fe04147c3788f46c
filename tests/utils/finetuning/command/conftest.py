"""A folder in which `train` runs without TensorFlow."""

import pytest

from tests.support.finetuning_fakes import GOOD, FakeFineTuning, fake_tokenizer
from tests.support.finetuning_toys import write_bert
from utils.finetuning.command import teacher as finetuning_command_teacher
from utils.finetuning.command import train as finetuning_command_train


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The current folder, with own.csv, the encoder bert, and stand-ins for all that needs TensorFlow."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(finetuning_command_teacher, "FineTuning", type("Fake", (FakeFineTuning,), {}))
    monkeypatch.setattr(finetuning_command_train, "load_encoder_tokenizer", fake_tokenizer)
    (tmp_path / "own.csv").write_text(GOOD)
    write_bert(tmp_path / "bert")
    return tmp_path


@pytest.fixture
def tuning(place):
    """The class that stands in for FineTuning."""
    return finetuning_command_teacher.FineTuning
