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
COUNTING = ("majority", "words", "words and pairs", "pairs, NOT_ marked", "list of opinion words")
ROWS = {row["part"]: row for row in RESULT["rows"]}


def mean(part, name):
    """Return the mean accuracy of a classifier on a part."""
    return ROWS[part][name]


def test_baselines_were_measured_on_the_reviews_that_the_book_ships():
    assert RESULT["corpus_sha256"] == measure_reviews.corpus_digest()
    assert RESULT["ceiling"] == reviews.ceiling()
    assert set(RESULT["classifiers"]) <= set(measure_reviews.CLASSIFIERS)
    assert set(COUNTING) <= set(RESULT["classifiers"])
    assert RESULT["corpus_seeds"] == list(measure_reviews.CORPUS_SEEDS)
    assert len(set(RESULT["corpus_seeds"])) == 5


def test_card_shows_every_measured_accuracy_with_its_spread():
    names = list(RESULT["classifiers"])
    for part, row in ROWS.items():
        figures = " | ".join(f"{row[name]:.3f} ± {row['spread'][name]:.3f}" for name in names)
        assert f"| {part} | {figures} |" in CARD
    assert RESULT["command"] in CARD
    assert RESULT["date"] in CARD


def test_parts_cover_the_test_and_their_counts_add_up():
    masks = measure_reviews.parts(reviews.generate("test"))
    assert list(masks) == list(ROWS)
    assert {part: int(mask.sum()) for part, mask in masks.items()} == {part: row["count"] for part, row in ROWS.items()}
    phenomena = np.array([masks[each.name] for each in reviews.PHENOMENA] + [masks["with support"]])
    unseen = np.array([masks[name] for name in ("nothing unseen", "unseen words", "unseen structure", "with support")])
    assert (phenomena.sum(axis=0) == 1).all()
    assert (unseen.sum(axis=0) == 1).all()
    negation = [mask for part, mask in masks.items() if part.startswith("negation, ")]
    assert (np.sum(negation, axis=0) == masks["negation"]).all()


def test_accuracy_of_all_is_the_mean_over_its_parts_weighted_by_their_counts():
    names = [each.name for each in reviews.PHENOMENA] + ["with support"]
    for name in RESULT["classifiers"]:
        weighted = sum(mean(part, name) * ROWS[part]["count"] for part in names) / 5000
        assert mean("all", name) == pytest.approx(weighted, abs=2e-4)


def test_counting_words_is_at_chance_on_negation_and_good_at_plain_reviews():
    for phenomenon in reviews.PHENOMENA[1:]:
        error = 0.5 / (len(RESULT["corpus_seeds"]) * ROWS[phenomenon.name]["count"]) ** 0.5
        assert mean(phenomenon.name, "words") == pytest.approx(0.5, abs=4 * error), phenomenon.name
    assert mean("plain, nothing unseen", "words") > 0.9


def test_marking_negated_words_is_the_fair_rival_on_negation():
    assert mean("negation", "pairs, NOT_ marked") > mean("negation", "words and pairs") + 0.03
    assert mean("negation", "pairs, NOT_ marked") < 0.7


def test_a_list_of_opinion_words_knows_plain_reviews_and_nothing_else():
    assert mean("plain", "list of opinion words") == pytest.approx(reviews.ceiling(), abs=0.005)
    for phenomenon in reviews.PHENOMENA[1:]:
        assert mean(phenomenon.name, "list of opinion words") == pytest.approx(0.5, abs=0.03)


def test_nothing_beats_the_ceiling_beyond_chance():
    for row in RESULT["rows"]:
        spread = (reviews.ceiling() * (1 - reviews.ceiling()) / row["count"]) ** 0.5
        assert all(row[name] <= reviews.ceiling() + 4 * spread for name in RESULT["classifiers"])


@pytest.mark.slow
def test_counting_words_gives_the_stored_accuracies_again():
    rows = measure_reviews.measure(["words"], progress=False)
    for row in rows:
        assert row["words"] == pytest.approx(mean(row["part"], "words"), abs=0.003)
        assert row["spread"]["words"] == pytest.approx(ROWS[row["part"]]["spread"]["words"], abs=0.003)


def test_words_are_marked_from_a_negator_to_the_next_mark():
    marked = measure_reviews.mark_negation("Nobody thought it good. I don't; it wasn't cheap (not)!")
    assert marked == ["nobody", "NOT_thought", "NOT_it", "NOT_good", "i", "don't", "it", "wasn't", "NOT_cheap", "not"]


def test_listed_words_are_counted_whole_and_as_many_of_both_count_as_negative():
    texts = [
        "Good, great, bad.",
        "The badge was good.",
        "More gripping than that.",
        "Good and bad.",
        "A killjoy ate there.",
    ]
    answers = measure_reviews.count_listed_words(texts)
    assert answers == ["positive", "positive", "positive", "negative", "negative"]


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
    seeds = [reviews.SEED]
    monkeypatch.setattr(measure_reviews, "train", lambda *_: lambda texts: labels)
    first = measure_reviews.measure(["words"], seeds, progress=False, keep=tmp_path)
    monkeypatch.setattr(measure_reviews, "train", interrupted)
    assert measure_reviews.measure(["words"], seeds, progress=False, keep=tmp_path) == first
    assert {row["words"] for row in first} == {1.0}
    with pytest.raises(KeyboardInterrupt):
        measure_reviews.measure(["words and pairs"], seeds, progress=False, keep=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def interrupted(*_):
    """Stand for a training that is stopped from the keyboard."""
    raise KeyboardInterrupt


def test_an_interrupted_program_says_how_to_go_on(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(measure_reviews, "UNFINISHED", tmp_path / "runs")
    monkeypatch.setattr(measure_reviews, "train", interrupted)
    assert measure_reviews.main(["--only", "words", "--folder", str(tmp_path / "results")]) == 130
    assert "the same command goes on with the runs it has" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()
