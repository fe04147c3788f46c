"""Which texts the rivals of the own-text section learn from, and what is told of them; mini-bert is stood in for."""

import json

import numpy as np
import pytest

from tools.measure import own_text as measure_own_text
from tools.measure.own_text import COUNTING, MAJORITY, Task

SMALL = Task("support", 60, (2, 8))


def test_rivals_learn_from_as_many_texts_as_asked_and_are_tested_on_others():
    learn, held_out = measure_own_text.parts(Task("phenomenon", 500, (8,)), seed=3)
    whole, _ = measure_own_text.parts(Task("phenomenon", 0, (8,)), seed=3)
    assert (len(learn), len(held_out), len(whole)) == (500, 1000, 4000)
    assert not set(whole.texts) & set(held_out.texts)
    assert set(learn.texts) <= set(whole.texts)


def test_another_seed_draws_other_texts():
    first, second = (measure_own_text.parts(SMALL, seed)[0].texts for seed in (1, 2))
    assert first != second


def test_majority_answers_with_one_class_and_finds_nothing_else():
    found = measure_own_text.answer(SMALL, MAJORITY, seed=0)
    held_out = measure_own_text.parts(SMALL, 0)[1]
    share = max(held_out.counts().values()) / len(held_out)
    assert found["accuracy"] == pytest.approx(share)
    assert found["macro_f1"] == pytest.approx(2 * share / (1 + share) / 2)  # the other class has an F1 of 0


@pytest.mark.slow
def test_counting_learns_the_phenomenon():
    found = measure_own_text.answer(Task("phenomenon", 300, (8,)), COUNTING, seed=0)
    assert 0.6 < found["accuracy"] < 1


def test_mini_bert_gets_the_passes_that_its_name_tells(monkeypatch):
    asked = []

    def fine_tuned(learn, held_out, epochs, seed):
        asked.append((len(learn), epochs, seed))
        return held_out.labels

    monkeypatch.setattr(measure_own_text, "fine_tuned", fine_tuned)
    assert measure_own_text.answer(SMALL, measure_own_text.rivals(SMALL)[3], seed=4)["accuracy"] == 1.0
    assert asked == [(60, 8, 4)]


def test_row_holds_mean_and_sample_deviation():
    found = [{"accuracy": 0.8, "macro_f1": 0.5}, {"accuracy": 0.9, "macro_f1": 0.7}]
    row = measure_own_text.summary(Task("support", 0, (8,)), COUNTING, found)
    assert (row["labels"], row["accuracy"], row["accuracy_deviation"]) == ("all", 0.85, 0.0707)
    assert row["macro_f1s"] == [0.5, 0.7]


def run(tmp_path, *options):
    return measure_own_text.main(["--work", str(tmp_path / "work.json"), "--results", str(tmp_path), *options])


def test_every_rival_of_every_task_gets_a_row_and_nothing_is_done_twice(tmp_path, monkeypatch):
    asked = []

    def answer(task, rival, seed):
        asked.append((rival, seed))
        return {"accuracy": np.mean(seed) / 10, "macro_f1": 0.0}

    monkeypatch.setattr(measure_own_text, "answer", answer)
    monkeypatch.setattr(measure_own_text, "TASKS", (SMALL,))
    for _ in range(2):
        assert run(tmp_path, "--seeds", "1", "2") == 0
    assert len(asked) == 8
    rows = json.loads((tmp_path / "own-text.json").read_text())["rows"]
    assert [row["rival"] for row in rows] == [MAJORITY, COUNTING, "mini-bert, 2 passes", "mini-bert, 8 passes"]
    assert {row["accuracy"] for row in rows} == {0.15}


def test_interruption_keeps_what_is_finished(tmp_path, monkeypatch, capsys):
    def answer(task, rival, seed):
        if rival == COUNTING:
            raise KeyboardInterrupt
        return {"accuracy": 0.5, "macro_f1": 0.5}

    monkeypatch.setattr(measure_own_text, "answer", answer)
    assert run(tmp_path) == 130
    assert "kept" in capsys.readouterr().err
    assert len(json.loads((tmp_path / "work.json").read_text())["found"]) == 5


def test_one_seed_shows_no_spread_and_is_refused(capsys):
    with pytest.raises(SystemExit):
        measure_own_text.main(["--seeds", "3", "3"])
    assert "two different ones" in capsys.readouterr().err


def test_missing_file_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(measure_own_text, "FILE", tmp_path / "nowhere.csv")
    assert run(tmp_path) == 2
    assert "nowhere.csv" in capsys.readouterr().err
