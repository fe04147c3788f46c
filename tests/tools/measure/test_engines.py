"""The comparison of the two engines: what is kept, what is written, what is missing, without training."""

import json

import pytest

from tools.measure import engines


def run(tmp_path, *options):
    return engines.main(["--work", str(tmp_path / "work.json"), "--results", str(tmp_path), *options])


def stand_in(seed, parts, test):
    return {"max_length": 32, "accuracy": 0.875 + seed / 100, "accuracy_true_labels": 0.9, "history": {}}


@pytest.fixture
def asked(monkeypatch):
    """What was measured, in order."""
    found = []
    monkeypatch.setattr(
        engines, "train", lambda setting, seed, *rest: found.append((setting, seed)) or stand_in(seed, *rest)
    )
    monkeypatch.setattr(engines, "run_elsewhere", lambda engine, *_: found.append(engine) or float(100 + len(found)))
    return found


def test_engines_take_turns_and_each_seed_is_trained_once(tmp_path, asked, capsys):
    assert run(tmp_path, "--seeds", "0", "1") == 0
    assert run(tmp_path, "--seeds", "0", "1") == 0
    assert asked == [(setting, seed) for setting in engines.SETTINGS for seed in (0, 1)] + ["keras", "ktrain"] * 3
    written = json.loads((tmp_path / "engines.json").read_text())
    assert written["reviews_per_second"] == {"keras": [107, 109, 111], "ktrain": [108, 110, 112]}
    assert [(row["setting"], row["seed"], row["accuracy"]) for row in written["rows"]][:3] == [
        ("all weights", 0, 0.875),
        ("all weights", 1, 0.885),
        ("adapters", 0, 0.875),
    ]
    assert (written["training_reviews"], written["test_reviews"]) == (4500, 4642)
    assert "{'keras': 109.0, 'ktrain': 110.0}" in capsys.readouterr().out


def test_some_of_the_parts_are_measured_and_what_was_measured_stays(tmp_path, asked, capsys):
    assert run(tmp_path, "--seeds", "0", "--settings", "adapters", "--turns", "0") == 0
    assert asked == [("adapters", 0)]
    written = json.loads((tmp_path / "engines.json").read_text())
    assert written["reviews_per_second"] == {"keras": [], "ktrain": []}
    assert [row["setting"] for row in written["rows"]] == ["adapters"]
    assert "reviews a second" not in capsys.readouterr().out
    assert run(tmp_path, "--seeds", "0", "--turns", "1") == 0
    assert asked[1:] == [("all weights", 0), ("adapters, same rate", 0), "keras", "ktrain"]


def test_interruption_keeps_what_is_finished(tmp_path, asked, monkeypatch, capsys):
    def train(setting, seed, *rest):
        if seed == 2:
            raise KeyboardInterrupt
        return stand_in(seed, *rest)

    monkeypatch.setattr(engines, "train", train)
    assert run(tmp_path, "--seeds", "1", "2") == 130
    assert "kept" in capsys.readouterr().err
    assert "all weights 1" in json.loads((tmp_path / "work.json").read_text())["found"]
    assert not (tmp_path / "engines.json").exists()


def test_missing_encoder_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(engines, "ENCODER", tmp_path / "nowhere")
    assert run(tmp_path) == 2
    assert "model.safetensors" in capsys.readouterr().err


def test_a_process_that_fails_is_told_with_its_words(monkeypatch):
    monkeypatch.setattr(engines.sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="expected a measurement of keras; its process ended with 1"):
        engines.run_elsewhere("keras", "program.py")
