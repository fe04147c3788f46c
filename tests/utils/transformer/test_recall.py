"""The task of remembering the first token, its two models, and the program that measures them."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from tools.measure import recurrence as measure_recurrence
from tools.measure import results
from utils.transformer.recall import (
    KINDS,
    LETTERS,
    median_accuracies,
    recall_accuracy,
    recall_model,
    recall_sequences,
)


def test_the_answer_is_the_first_token_and_stands_nowhere_else():
    token_ids, answers = recall_sequences(np.random.default_rng(0), 200, distance=7)
    assert token_ids.shape == (200, 8)
    assert (token_ids[:, 0] == answers).all()
    assert set(answers) == set(range(LETTERS))
    assert token_ids[:, 1:].min() == LETTERS
    assert token_ids.max() == 2 * LETTERS - 1


def test_the_models_are_of_nearly_equal_size():
    sizes = [recall_model(kind).count_params() for kind in KINDS]
    assert max(sizes) < 1.05 * min(sizes)


@pytest.mark.slow
def test_a_transformer_learns_a_distance_that_an_untrained_one_does_not_know():
    rng = np.random.default_rng(0)
    model = recall_model("Transformer")
    assert recall_accuracy(model, rng, distance=5, steps=0) < 0.5
    assert recall_accuracy(model, rng, distance=5, steps=120) > 0.9


def test_another_kind_and_a_distance_of_zero_are_refused():
    with pytest.raises(ValueError, match="expected kind to be one of LSTM, Transformer; received 'GRU'"):
        recall_model("GRU")
    with pytest.raises(ValueError, match="argument `distance` must be a positive integer; got 0"):
        recall_sequences(np.random.default_rng(0), 2, distance=0)


def test_every_model_distance_and_seed_has_a_row(monkeypatch):
    sizes = {kind: SimpleNamespace(count_params=lambda: 7) for kind in KINDS}
    monkeypatch.setattr(measure_recurrence, "recall_model", sizes.__getitem__)
    monkeypatch.setattr(measure_recurrence, "recall_accuracy", lambda model, rng, distance, steps: distance / steps)
    rows = measure_recurrence.measure([2, 5], 10, [1, 2])
    assert [(row["distance"], row["model"], row["seed"], row["accuracy"]) for row in rows[:3]] == [
        (2, "LSTM", 1, 0.2),
        (2, "LSTM", 2, 0.2),
        (2, "Transformer", 1, 0.2),
    ]
    assert len(rows) == 8


def test_medians_are_taken_over_seeds_for_each_model_and_distance():
    shares = {("LSTM", 16): (0.9, 0.1, 0.5), ("LSTM", 8): (1.0, 0.7, 0.8), ("Transformer", 8): (0.2, 0.3, 0.4)}
    shares["Transformer", 16] = (0.6, 0.6, 0.1)
    rows = [{"model": m, "distance": d, "accuracy": share} for (m, d), found in shares.items() for share in found]
    assert median_accuracies(rows) == ([8, 16], {"LSTM": [0.8, 0.5], "Transformer": [0.3, 0.6]})


def test_the_program_refuses_a_distance_of_zero_and_writes_nothing_when_interrupted(monkeypatch, capsys):
    with pytest.raises(SystemExit) as stopped:
        measure_recurrence.main(["--distances", "0"])
    assert stopped.value.code == 2

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(measure_recurrence, "measure", interrupt)
    assert measure_recurrence.main([]) == 130
    assert "nothing was written" in capsys.readouterr().err


def test_the_stored_figures_are_of_the_program_as_it_stands():
    stored = json.loads((results.RESULTS / "recurrence.json").read_text(encoding="utf-8"))
    assert {row["distance"] for row in stored["rows"]} == set(measure_recurrence.DISTANCES)
    assert {row["seed"] for row in stored["rows"]} == set(measure_recurrence.SEEDS)
    assert stored["steps"] == measure_recurrence.STEPS
    assert len({row["parameters"] for row in stored["rows"] if row["model"] == "LSTM"}) == 1
