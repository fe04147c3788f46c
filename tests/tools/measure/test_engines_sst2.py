"""Both engines on SST-2: what is trained, kept, written and missing, without training."""

import json

import numpy as np
import pytest

from tests.conftest import ROOT
from tools.measure import engines_sst2
from utils import corpora
from utils.finetuning.command import options

SENTENCES = {"train": ["good", "bad", "fine"], "dev": ["so so", "good"], "test": ["bad"]}


def run(tmp_path, *options):
    return engines_sst2.main(["--work", str(tmp_path / "work.json"), "--results", str(tmp_path), *options])


@pytest.fixture
def asked(monkeypatch):
    """What was trained, in order, without a process."""
    found = []

    def elsewhere(engine, program, *options):
        assert program.endswith("engines_sst2.py")
        found.append((engine, *options))
        return {"dev_accuracy": 0.5, "test_accuracy": (80 + len(found)) / 100}

    def load(name, split):
        texts = SENTENCES[split]
        return corpora.Corpus(texts, np.zeros(len(texts), "int64"), ("no", "yes"), name=name, split=split)

    monkeypatch.setattr(engines_sst2, "run_elsewhere", elsewhere)
    monkeypatch.setattr(engines_sst2.corpora, "load", load)
    return found


def test_each_engine_and_seed_is_trained_once_in_its_own_process(tmp_path, asked, capsys):
    assert run(tmp_path, "--seeds", "3", "4") == 0
    assert run(tmp_path, "--seeds", "3", "4") == 0
    assert asked == [(one, "--one", one, "--seeds", seed) for seed in ("3", "4") for one in ("keras", "ktrain")]
    written = json.loads((tmp_path / "engines-sst2.json").read_text())
    assert written["sentences"] == {"train": 3, "dev": 2, "test": 1}
    assert [(row["engine"], row["seed"], row["test_accuracy"]) for row in written["rows"]] == [
        ("keras", 3, 0.81),
        ("ktrain", 3, 0.82),
        ("keras", 4, 0.83),
        ("ktrain", 4, 0.84),
    ]
    assert "keras: 0.820 of the test sentences, 0.810 to 0.830" in capsys.readouterr().out


def test_interruption_keeps_what_is_finished(tmp_path, asked, monkeypatch, capsys):
    whole = engines_sst2.run_elsewhere

    def elsewhere(engine, *options):
        if engine == "ktrain":
            raise KeyboardInterrupt
        return whole(engine, *options)

    monkeypatch.setattr(engines_sst2, "run_elsewhere", elsewhere)
    assert run(tmp_path, "--seeds", "0") == 130
    assert "finished trainings are kept" in capsys.readouterr().err
    assert list(json.loads((tmp_path / "work.json").read_text())["found"]) == ["keras 0"]
    assert not (tmp_path / "engines-sst2.json").exists()


def test_missing_sentences_are_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BOOK_DATA_DIR", str(tmp_path))
    assert run(tmp_path) == 2
    assert "sst2" in capsys.readouterr().err


def test_the_recipe_is_that_of_the_card():
    written = json.loads((ROOT / "data" / "results" / "mini-bert-sst2.json").read_text(encoding="utf-8"))
    assert written["recipe"] == engines_sst2.RECIPE


def test_what_the_help_says_of_both_engines_was_measured():
    written = json.loads((ROOT / "data" / "results" / "engines-sst2.json").read_text(encoding="utf-8"))
    means = [
        np.mean([row["test_accuracy"] for row in written["rows"] if row["engine"] == engine])
        for engine in engines_sst2.ENGINES
    ]
    assert len(written["rows"]) == 2 * 5
    assert abs(means[0] - means[1]) < 0.01
    assert "lay within 0.01 of each other (five seeds each" in " ".join(options.TRAIN.split())
