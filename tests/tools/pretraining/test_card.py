"""The card is written from the results: it says what they say, and nothing of other weights."""

import json

import pytest

from tools.pretraining import card

TRAINING = {
    "sha256": "ab12",
    "bytes": 1_500_000,
    "parameters": 1234,
    "vocabulary": 567,
    "items": 8901,
    "pieces": 23456,
    "teacher_seconds": 180,
    "steps": 700,
    "seconds": 300,
    "items_read": 10_000,
    "date": "2001-02-03",
    "seed": 7,
    "machine": {"cores": 3},
    "rows": [{"step": step, **dict.fromkeys(card.LOSSES, loss)} for step, loss in ((100, 0.987), (700, 0.123))],
}
MEASURED = {
    "sha256": "ab12",
    "sentences": {"train": 6543, "test": 210},
    "seeds": [0, 1],
    "recipe": {"learning_rate": 0.0005, "epochs": 9},
    "rows": [
        {"name": "tuned", "test_accuracy": 0.8, "test_accuracies": [0.75, 0.85]},
        {"name": "words", "test_accuracy": 0.7, "test_accuracies": [0.7]},
    ],
}


@pytest.fixture
def places(tmp_path):
    """A checkpoint's folder and one of results, with a training but no measurement."""
    config = {"num_hidden_layers": 2, "num_attention_heads": 3, "hidden_size": 24}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "mini-bert-training.json").write_text(json.dumps(TRAINING))
    return tmp_path, tmp_path


def test_card_tells_sizes_times_and_losses(places):
    told = " ".join(card.write_card(*places).read_text().split())
    assert "2 layers of width 24, 3 heads, 567 pieces, 1,234 parameters, 1.5 MB" in told
    assert "700 steps with AdamW, 10,000 items read, 5 minutes of student and 3 of teacher on 3 processor cores" in told
    assert "| to 100 | 0.99 | 0.99 | 0.99 | 0.99 | 0.99 | | to 700 | 0.12 | 0.12 |" in told
    assert "SST-2:" not in told


def test_card_tells_what_was_measured_with_these_weights(places):
    (places[1] / "mini-bert-sst2.json").write_text(json.dumps(MEASURED))
    told = " ".join(card.model_card(*places).split())
    assert "the 6,543 training sentences of SST-2 and tested on its 210 test sentences: 2 seeds each, 9 epochs" in told
    assert "learning rate 0.0005 at its peak" in told
    assert "| tuned | 0.800 | 0.750 to 0.850 | | words | 0.700 | |" in told


def test_card_keeps_silent_on_what_was_measured_with_other_weights(places):
    (places[1] / "mini-bert-sst2.json").write_text(json.dumps(MEASURED | {"sha256": "cd34"}))
    assert "6,543" not in card.model_card(*places)


def test_card_tells_of_twins_if_the_text_had_some_and_is_silent_else(places):
    assert "have a twin" not in card.model_card(*places)
    (places[1] / "mini-bert-training.json").write_text(json.dumps(TRAINING | {"twins": 40}))
    told = " ".join(card.model_card(*places).split())
    assert "no text of SST-2. Of 100 sentences that rules can negate or turn back, 40 have a twin" in told
