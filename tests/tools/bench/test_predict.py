"""What the benchmark of prediction compares, and how it reports. Nothing here is timed."""

import json

import numpy as np
import pytest

from tools.bench import pairs, predict
from tools.measure import results


@pytest.fixture(scope="module")
def classifier():
    return predict.make_classifier(["a text", "a longer text than that"])


@pytest.mark.slow
def test_both_ways_give_the_same_probabilities_and_a_difference_is_noticed(classifier, monkeypatch):
    texts = ["not bad at all", "good", "a film of many words, most of which are cut"] * 22
    predict.check_same(classifier, texts)
    shapes, whole = [], classifier.network_logits

    def listen(inputs):
        shapes.append(tuple(inputs["input_ids"].shape))
        return whole(inputs)

    monkeypatch.setattr(classifier, "network_logits", listen)
    assert predict.padded_to_longest(classifier, texts).shape == (66, 2)
    assert shapes == [(64, classifier.max_length), (2, classifier.max_length)]
    monkeypatch.setattr(predict, "padded_to_longest", lambda *_: np.full((66, 2), 0.5))
    with pytest.raises(RuntimeError, match="expected both ways to give the same probabilities; they differ by"):
        predict.check_same(classifier, texts)


def test_joined_texts_hold_one_to_so_many():
    found = predict.joined(["a", "b", "c"], 200, 4, seed=1)
    assert {len(text.split()) for text in found} == {1, 2, 3, 4}
    assert found == predict.joined(["a", "b", "c"], 200, 4, seed=1)


def test_rows_say_how_long_texts_are_and_are_stored_with_the_command(classifier, monkeypatch, tmp_path):
    write = results.write_result
    monkeypatch.setattr(pairs, "write_result", lambda *args, **named: write(*args, **named, folder=tmp_path))
    monkeypatch.setattr(predict, "make_classifier", lambda _: classifier)
    monkeypatch.setattr(predict, "check_same", lambda *_: None)
    monkeypatch.setattr(predict, "compare", lambda calls, repeats: (1024.0, 2048.0, 2.0))
    assert predict.main(["--repeats", "2"]) == 0
    record = json.loads((tmp_path / "predict-bench.json").read_text(encoding="utf-8"))
    assert [row["texts"] for row in record["rows"]] == ["reviews", "reviews, 1 to 8 joined"]
    for row in record["rows"]:
        assert (row["like_lengths_texts_per_second"], row["padded_texts_per_second"], row["ratio"]) == (1000, 500, 2.0)
        assert 0 < row["mean_tokens"] <= row["longest"] <= classifier.max_length
    assert (record["command"], record["repeats"]) == ("python tools/bench/predict.py --repeats 2", 2)


def test_interrupted_run_writes_nothing_and_repeats_are_checked(monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(predict, "measure", interrupt)
    monkeypatch.setattr(pairs, "write_result", lambda *_, **__: pytest.fail("something was written"))
    assert predict.main([]) == 130
    assert "interrupted; nothing was written" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        predict.main(["--repeats", "0"])
    assert "expected --repeats of at least 1; received 0" in capsys.readouterr().err
