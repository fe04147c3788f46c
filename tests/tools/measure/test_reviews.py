"""The measured baselines: what they are measured on, that the card repeats them, and what they say."""

import json

import numpy as np
import pytest

from tools.measure import reviews as measure_reviews
from tools.notebooks.chapters import ROOT
from tools.reviews import card as reviews_card
from utils import reviews

CARD = (ROOT / "data" / "reviews" / "README.md").read_text(encoding="utf-8")
RESULT = json.loads((ROOT / "data" / "results" / "reviews-baselines.json").read_text(encoding="utf-8"))
ROWS = {row["part"]: row for row in RESULT["rows"]}


def test_baselines_were_measured_on_the_reviews_that_the_book_ships():
    assert RESULT["corpus_sha256"] == measure_reviews.corpus_digest()
    assert RESULT["ceiling"] == reviews.ceiling()
    assert set(RESULT["classifiers"]) == set(measure_reviews.CLASSIFIERS)


def test_card_shows_every_measured_accuracy():
    names = list(RESULT["classifiers"])
    for part, row in ROWS.items():
        assert f"| {part} | " + " | ".join(f"{row[name]:.3f}" for name in names) + " |" in CARD
    assert RESULT["command"] in CARD
    assert RESULT["date"] in CARD


def test_parts_cover_the_test_and_their_counts_add_up():
    masks = measure_reviews.parts(reviews.generate("test"))
    assert list(masks) == list(ROWS)
    assert {part: int(mask.sum()) for part, mask in masks.items()} == {part: row["count"] for part, row in ROWS.items()}
    phenomena = np.array([masks[each.name] for each in reviews.PHENOMENA])
    unseen = np.array([masks[name] for name in ("nothing unseen", "unseen words", "unseen structure")])
    assert (phenomena.sum(axis=0) == 1).all()
    assert (unseen.sum(axis=0) == 1).all()


def test_accuracy_of_all_is_the_mean_over_the_phenomena_weighted_by_their_counts():
    for name in RESULT["classifiers"]:
        weighted = sum(ROWS[each.name][name] * ROWS[each.name]["count"] for each in reviews.PHENOMENA) / 5000
        assert ROWS["all"][name] == pytest.approx(weighted, abs=2e-4)


def test_attention_is_clearly_better_than_bags_of_words_on_negation_and_contrast():
    for phenomenon in ("negation", "contrast"):
        for baseline in ("words", "words and pairs"):
            assert ROWS[phenomenon]["mini-bert"] > ROWS[phenomenon][baseline] + 0.08


def test_pre_training_knows_words_that_training_never_showed_and_counting_does_not():
    assert ROWS["unseen words"]["words"] == pytest.approx(0.5, abs=0.05)
    assert ROWS["unseen words"]["mini-bert"] > 0.75


def test_hard_phenomena_stay_visible():
    assert ROWS["irony"]["mini-bert"] < ROWS["plain"]["mini-bert"] - 0.1


def test_nothing_beats_the_ceiling_beyond_chance():
    for row in RESULT["rows"]:
        spread = (reviews.ceiling() * (1 - reviews.ceiling()) / row["count"]) ** 0.5
        assert all(row[name] <= reviews.ceiling() + 4 * spread for name in RESULT["classifiers"])


def test_counting_words_gives_the_stored_accuracies_again():
    rows = measure_reviews.measure(["words"], seeds=1, progress=False)
    assert {row["part"]: row["words"] for row in rows} == pytest.approx(
        {part: row["words"] for part, row in ROWS.items()}, abs=0.003
    )


def test_card_without_a_result_says_how_to_measure(tmp_path):
    splits = {split: reviews.generate(split) for split in reviews.SPLITS}
    text = reviews_card.card(splits, tmp_path / "none.json")
    assert "Not measured yet: `python tools/measure/reviews.py`." in text
    assert "0.96" in text


def test_missing_checkpoint_is_named_before_anything_is_trained(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(measure_reviews, "CHECKPOINT", tmp_path / "mini-bert")
    assert measure_reviews.main(["--only", "mini-bert", "--folder", str(tmp_path)]) == 2
    assert "data/checkpoints/mini-bert is missing" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_finished_run_is_kept_and_read_back_and_an_interrupted_one_is_not(monkeypatch, tmp_path):
    labels = [row.label for row in reviews.generate("test")]
    monkeypatch.setattr(measure_reviews, "train", lambda *_: lambda texts: labels)
    first = measure_reviews.measure(["words"], seeds=1, progress=False, keep=tmp_path)
    monkeypatch.setattr(measure_reviews, "train", interrupted)
    assert measure_reviews.measure(["words"], seeds=1, progress=False, keep=tmp_path) == first
    assert {row["words"] for row in first} == {1.0}
    with pytest.raises(KeyboardInterrupt):
        measure_reviews.measure(["words and pairs"], seeds=1, progress=False, keep=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def interrupted(*_):
    """Stand for a training that is stopped from the keyboard."""
    raise KeyboardInterrupt


def test_no_seed_at_all_is_refused(capsys):
    with pytest.raises(SystemExit):
        measure_reviews.main(["--seeds", "0"])
    assert "expected --seeds of at least 1; received 0" in capsys.readouterr().err
