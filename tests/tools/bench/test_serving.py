"""What the benchmark of serving compares, and how it reports. Nothing here is timed."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support.finetuning_toys import CHOICES, LABELS, PEAK, TEXTS, write_bert
from tools.bench import pairs, serving
from tools.measure import results
from utils.classification import KerasFineTuning
from utils.classification.base import in_order_of_length


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    bert = write_bert(tmp_path_factory.mktemp("models") / "bert")
    return KerasFineTuning(TEXTS, LABELS, bert, **CHOICES).fit(PEAK, epochs=1, progress=False)


def test_all_ways_give_the_classifiers_probabilities_each_on_its_own_road(classifier, tmp_path):
    texts, known = TEXTS[:70], serving.networks(classifier, tmp_path / "onnx")
    assert list(known) == ["one by one", "compiled", "ONNX"]
    expected = classifier.predict_probability(texts)
    for network in known.values():
        for batches in (in_order_of_length, serving.as_they_come):
            found = serving.answer(classifier, texts, network, batches)
            np.testing.assert_allclose(found, expected, atol=1e-5)
    keras, compiled, onnx = known.values()
    ids = np.array([[2, 5, 3]], "int32")
    before, head = onnx(ids), classifier.model.head
    head.bias.assign_add([3.0, 0.0, 0.0])  # Keras follows its weights, compiled or not; the file has its own
    try:
        assert abs(keras(ids) - before).max() > 0.1
        np.testing.assert_allclose(compiled(ids), keras(ids), atol=1e-6)
        np.testing.assert_array_equal(onnx(ids), before)
    finally:
        head.bias.assign_sub([3.0, 0.0, 0.0])


def test_rows_state_paces_and_what_they_are_in_times_the_first(classifier, monkeypatch):
    ways = {name: (lambda ids: np.zeros((len(ids), 3)), in_order_of_length) for name in ("a", "b")}
    monkeypatch.setattr(classifier, "predict_probability", lambda texts: np.zeros((len(texts), 3)), raising=False)
    monkeypatch.setattr(serving, "take_turns", lambda calls, repeats: [[1_000.0, 3_000.0], [500.0, 500.0]])
    first, second = serving.rows_of(classifier, TEXTS[:4], ways, 2)
    assert (first["reviews_per_second"], second["reviews_per_second"]) == (2, 8)
    assert (first["throughput_ratio"], second["throughput_ratio"]) == (1.0, 4.0)
    assert (first["latency_ms"], second["latency_ms"], second["latency_ratio"]) == (500.0, 125.0, 4.0)


def test_ways_that_answer_differently_are_not_raced(classifier):
    ways = {"a": (lambda ids: np.full((len(ids), 3), 0.5), in_order_of_length)}
    with pytest.raises(RuntimeError, match="expected all ways to give the same probabilities; they differ by"):
        next(serving.rows_of(classifier, TEXTS[:4], ways, 1))


def test_batches_as_they_come_hold_every_row_once(monkeypatch):
    monkeypatch.setattr(serving, "PREDICTION_BATCH", 3)
    assert [batch.tolist() for batch in serving.as_they_come([[1]] * 7)] == [[0, 1, 2], [3, 4, 5], [6]]


def test_rows_are_stored_with_the_command(monkeypatch, tmp_path):
    write = results.write_result
    monkeypatch.setattr(pairs, "write_result", lambda *args, **named: write(*args, **named, folder=tmp_path))
    monkeypatch.setattr(serving, "measure", lambda repeats: iter([{"way": "a", "repeats": repeats}]))
    assert serving.main(["--repeats", "2"]) == 0
    record = json.loads((tmp_path / "serving-bench.json").read_text(encoding="utf-8"))
    assert record["rows"] == [{"way": "a", "repeats": 2}]
    assert record["command"] == "python tools/bench/serving.py --repeats 2"


def test_the_classifier_that_is_raced_is_trained_on_reviews(monkeypatch):
    asked = {}

    def tune(texts, labels, encoder, **options):
        asked.update(options, texts=len(texts), encoder=encoder.name)
        return SimpleNamespace(fit=lambda rate, epochs: (rate, epochs))

    monkeypatch.setattr("utils.classification.keras_tuning.KerasFineTuning", tune)
    assert serving.make_classifier() == (serving.LEARNING_RATE, serving.EPOCHS)
    assert (asked["texts"], asked["encoder"]) == (serving.TRAINED, "mini-bert")
