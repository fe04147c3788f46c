"""Scores of a translator and of a dictionary, and a whole small run: trained, resumed, scored, no sentence written."""

import dataclasses
import json

import numpy as np
import pytest

from tests.utils.translation.small import PAIRS, SMALL
from tools.measure import translation, translation_scores, word_dictionary
from utils.translation import fitting, translator


def test_dictionary_finds_the_words_that_go_together():
    learnt = word_dictionary.learn_dictionary(PAIRS.source, PAIRS.target)
    assert {word: learnt[word] for word in ("dog", "child", "reads", "sleeps")} == {
        "dog": "Hund",
        "child": "Kind",
        "reads": "liest",
        "sleeps": "schläft",
    }


def test_expectation_and_maximisation_by_hand():
    """By round 1 p(a | y) = 2/7 and p(b | y) = 5/7, p(a | x) = p(b | x) = 1/2, of which the first in order is taken."""
    assert word_dictionary.learn_dictionary(["x y", "y"], ["a b", "b"], rounds=1) == {"x": "a", "y": "b"}
    # In round 2 y and no word at all claim more of "b" than of "a", so that x has 0.47 of "a" and 0.26 of "b".
    assert word_dictionary.learn_dictionary(["x y", "y"], ["b a", "b"], rounds=1)["x"] == "b"
    assert word_dictionary.learn_dictionary(["x y", "y"], ["b a", "b"], rounds=2)["x"] == "a"


@pytest.mark.parametrize(("source", "target", "rounds"), [([], [], 5), (["a"], [], 5), (["a"], ["b"], 0)])
def test_dictionary_refuses_what_it_cannot_learn_from(source, target, rounds):
    with pytest.raises(ValueError, match="expected sentences and as many translations"):
        word_dictionary.learn_dictionary(source, target, rounds)


def test_words_without_an_entry_stay_and_punctuation_closes_up():
    written = word_dictionary.translate_words({"the": "der"}, ["The Zebu, the end (or not)?"])
    assert written == ["Der Zebu, der end ( or not)?"]


def test_bleu_by_hand():
    """Precisions 4/5, 3/4, 2/3, 1/2 of equal length: their geometric mean."""
    score, signature = translation_scores.bleu(["a b c d X"], ["a b c d e"])
    assert score == pytest.approx(100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25, abs=0.01)
    assert "tok:13a" in signature
    assert "case:mixed" in signature


def test_case_counts_but_where_it_is_told_not_to():
    texts = ["Der Hund läuft im Gras ."], ["der hund läuft im gras ."]
    assert translation_scores.bleu(*texts)[0] < 60
    assert translation_scores.bleu(*texts, lowercase=True)[0] == 100


def test_bleu_refuses_unequal_numbers():
    with pytest.raises(ValueError, match="as many references"):
        translation_scores.bleu(["a"], ["a", "b"])


def test_rows_stand_at_their_percentiles():
    scores = np.random.default_rng(0).permutation(101).astype(float)
    found = translation_scores.rows_at_percentiles(scores)
    assert {name: [scores[row] for row in rows] for name, rows in found.items()} == {
        "10": [9, 10, 11],
        "50": [49, 50, 51],
        "90": [89, 90, 91],
    }


def test_rows_of_a_set_smaller_than_asked_for():
    assert translation_scores.rows_at_percentiles([1.0, 0.0]) == {"10": [1, 0], "50": [1, 0], "90": [1, 0]}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two epochs in two calls, and its scores."""
    place = tmp_path_factory.mktemp("translation")
    for split in ("train", "val", "test_2016_flickr"):
        (place / "multi30k").mkdir(exist_ok=True)
        for language, lines in {"en": PAIRS.source, "de": PAIRS.target}.items():
            (place / "multi30k" / f"{split}.{language}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOOK_DATA_DIR", str(place))
        patch.setattr(translation, "SCORED_EPOCHS", 2)
        patch.setattr(translator, "EXTRA", 3)
        patch.setattr(fitting, "Settings", lambda **options: dataclasses.replace(SMALL, **options))
        folder = ["--folder", str(place / "run")]
        codes = [translation.main([*folder, "--epochs", epochs]) for epochs in ("1", "2")]
        codes.append(translation.main([*folder, "--score", "--results", str(place)]))
    return codes, place


@pytest.mark.full
@pytest.mark.slow
def test_it_is_trained_resumed_and_scored(run):
    codes, place = run
    assert codes == [0, 0, 0]
    result = json.loads((place / "translation.json").read_text(encoding="utf-8"))
    assert [(row["system"], row["search"]) for row in result["rows"]] == [
        ("dictionary", "word by word"),
        ("Transformer", "greedy"),
        ("Transformer", "beam 4"),
    ]
    assert result["rows"][0]["bleu"] > 10 > result["rows"][1]["bleu"]  # two epochs of a small model teach nothing
    assert [row["epochs"] for row in result["rows"][1:]] == [2, 2]
    assert [row["seeds"] for row in result["rows"][1:]] == [[0], [0]]
    assert ["validation_bleu" in line for line in result["curve"]] == [False, True]
    assert len(result["row_chrf"]) == len(PAIRS)
    assert result["command"] == "python tools/measure/translation.py --score"
    assert result["settings"]["d_model"] == SMALL.d_model


@pytest.mark.full
@pytest.mark.slow
def test_no_sentence_of_the_corpus_is_in_the_file(run):
    text = (run[1] / "translation.json").read_text(encoding="utf-8")
    for word in ("dog", "woman", "Hund", "schläft", "grass"):
        assert word not in text


def test_without_the_corpus_it_says_what_to_fetch(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("BOOK_DATA_DIR", raising=False)
    assert translation.main(["--folder", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert told.startswith("translation: 'multi30k' is not part of the book")
    assert told.count("\n") == 1


def test_scoring_what_was_never_trained_names_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("utils.translation.pairs.load_multi30k", lambda split: PAIRS)
    assert translation.main(["--folder", str(tmp_path), "--score"]) == 1
    assert "`make translation` begins a run" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--epochs", "0"], ["--minutes", "0"], ["--minutes", "nan"]])
def test_options_out_of_range_are_refused(option, capsys):
    with pytest.raises(SystemExit) as stopped:
        translation.main(option)
    assert stopped.value.code == 2
    assert "at least 1 and --minutes above 0" in capsys.readouterr().err
