"""What is kept of the five trainings of chapter 8, and how; the trainings themselves are stood in for."""

import json

import numpy as np
import pytest

from tools.measure import answers as measure_answers
from utils import corpora


def network(scale=1.0):
    """Arrays by name, as the model of transformers names them."""
    prefix = "tf_bert_for_sequence_classification"
    return {
        f"{prefix}/bert/embeddings/word_embeddings/weight:0": np.array([3.0, 4.0]) * scale,
        f"{prefix}/bert/encoder/layer_._0/output/dense/kernel:0": np.array([1.0, 0.0]) * scale,
        f"{prefix}/bert/encoder/layer_._0/output/dense/bias:0": np.array([0.0, 1.0]) * scale,
        f"{prefix}/bert/encoder/layer_._3/attention/self/query/kernel:0": np.array([2.0]) * scale,
        f"{prefix}/bert/pooler/dense/kernel:0": np.array([5.0]) * scale,
        f"{prefix}/classifier/kernel:0": np.array([0.1]) * scale,
    }


def test_each_array_belongs_to_its_part():
    parts = [measure_answers.part_of(name) for name in network()]
    assert parts == ["embeddings", "layer 1", "layer 1", "layer 4", "pooler", "fresh layer"]


def test_part_moves_by_the_length_of_its_change_over_its_own():
    after = network()
    after["tf_bert_for_sequence_classification/bert/encoder/layer_._0/output/dense/bias:0"] = np.array([0.0, 1.5])
    found = measure_answers.moved(network(), after)
    assert found["layer 1"] == pytest.approx(0.5 / 2**0.5, abs=1e-4)
    assert found["embeddings"] == found["fresh layer"] == 0.0
    assert set(measure_answers.moved(network(), network(1.25)).values()) == {0.25}


def test_logit_gives_its_probability_back():
    chances = np.array([[0.2, 0.8], [0.999, 0.001], [0.5, 0.5]])
    logits = measure_answers.logits(chances)
    assert np.allclose(1 / (1 + np.exp(-logits)), chances[:, 1])
    assert np.isfinite(measure_answers.logits(np.array([[1.0, 0.0]]))).all()


def test_written_numbers_are_read_again_to_a_hundredth():
    values = np.array([-3.14159, 0.0, -0.001, 12.342])
    line = measure_answers.written(values)
    assert "\n" not in line
    assert "-0.00" not in line
    assert np.abs(np.array(line.split(), float) - values).max() <= 0.005


def test_probed_reviews_are_some_of_each_phenomenon_without_support():
    test = corpora.load("reviews", "test")
    rows = measure_answers.probed(test)
    names = test.columns["phenomenon"][rows]
    assert {np.sum(names == name) for name in set(test.columns["phenomenon"])} == {measure_answers.PROBED}
    assert set(test.columns["support"][rows]) == {"no"}


def test_sentences_read_aloud_are_in_neither_split():
    texts = {text for split in ("train", "test") for text in corpora.load("reviews", split).texts}
    assert not texts & set(measure_answers.SENTENCES)


def stand_in(seed, parts, test):
    truth = np.asarray(test.columns["true_label"])
    signs = np.where(truth == 1, 1.0, -1.0) * (1 if seed else -1)
    return {"test_logits": measure_answers.written(signs), "dev_logits": "0.00"}


def run(tmp_path, *options):
    return measure_answers.main(["--work", str(tmp_path / "work.json"), "--results", str(tmp_path), *options])


def test_each_seed_is_trained_once_and_told(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(measure_answers, "train", lambda *given: asked.append(given[0]) or stand_in(*given))
    assert run(tmp_path, "--seeds", "0", "1") == 0
    assert run(tmp_path, "--seeds", "0", "1") == 0
    assert asked == [0, 1]
    told = capsys.readouterr().out
    assert "seed 0: 0.000 of the true labels" in told
    assert "seed 1: 1.000 of the true labels" in told
    written = json.loads((tmp_path / "answers.json").read_text())
    assert [row["seed"] for row in written["rows"]] == [0, 1]
    assert (written["training_reviews"], written["validation_reviews"]) == (4500, 500)


def test_other_reviews_are_trained_on_anew(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(measure_answers, "train", lambda *given: asked.append(given[0]) or stand_in(*given))
    run(tmp_path, "--seeds", "1")
    monkeypatch.setattr(measure_answers, "digest", lambda *files: "other")
    run(tmp_path, "--seeds", "1")
    assert asked == [1, 1]


def test_interruption_keeps_what_is_finished(tmp_path, monkeypatch, capsys):
    def train(seed, *rest):
        if seed == 2:
            raise KeyboardInterrupt
        return stand_in(seed, *rest)

    monkeypatch.setattr(measure_answers, "train", train)
    assert run(tmp_path, "--seeds", "1", "2") == 130
    assert "kept" in capsys.readouterr().err
    assert list(json.loads((tmp_path / "work.json").read_text())["found"]) == ["1"]


def test_missing_encoder_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(measure_answers, "ENCODER", tmp_path / "nowhere")
    assert run(tmp_path) == 2
    assert "model.safetensors" in capsys.readouterr().err
