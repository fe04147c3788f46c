"""What probes are fitted to and tested on; the stored figures are of the program and the weights as they stand."""

import json

import numpy as np
import pytest

from tools.measure import probes
from tools.measure.recipe import ENCODER, digest
from tools.measure.results import RESULTS
from utils import probing, runtime, wordpiece


def test_probe_is_scored_on_what_it_was_not_fitted_to():
    rng = np.random.default_rng(1)
    labels = rng.integers(2, size=400).astype(bool)
    vectors = rng.normal(size=(400, 5)) + 4 * labels[:, None]
    tested = np.arange(400) >= 200
    assert probes.score(vectors, labels, tested) > 0.98
    assert 0.3 < probes.score(rng.normal(size=(400, 5)), labels, tested) < 0.7


def test_most_frequent_label_is_that_of_what_was_fitted():
    labels, tested = np.array([1, 1, 0, 0, 0, 1]), np.array([False, False, False, True, True, True])
    assert probes.frequent(labels, tested) == pytest.approx(1 / 3, abs=1e-4)


def test_words_around_a_noun_know_where_they_stand():
    sentences = probing.two_opinions(50, np.random.default_rng(2))
    nouns = {one.words[at] for one in sentences for at in one.nouns}
    found = probes.words_around(sentences)
    assert len(found) == 100
    for row in (0, 41, 99):
        one, which = sentences[row // 2], row % 2
        near = sum(
            abs(at - one.nouns[which]) <= probes.AROUND and word not in nouns for at, word in enumerate(one.words)
        )
        assert found[row].sum() == near


def test_nearest_not_is_misled_by_asides_alone():
    sentences = probing.two_opinions(500, np.random.default_rng(3))
    negated = probing.both_nouns(sentences).negated
    found = probes.nearest_not(sentences)
    assert found[negated].all()
    assert 0.2 < found[~negated].mean() < 0.6


def test_number_of_nots_is_of_the_sentence_and_alike_for_both_nouns():
    sentences = probing.two_opinions(500, np.random.default_rng(3))
    found = probes.number_of_nots(sentences).reshape(-1, 2)
    assert (found[:, 0] == found[:, 1]).all()
    assert found[:3, 0].tolist() == [" ".join(one.words).split().count("not") for one in sentences[:3]]
    assert set(found[:, 0]) == {0, 1, 2, 3, 4}


def test_every_word_of_the_made_sentences_is_one_piece():
    tokenizer = wordpiece.load_tokenizer(ENCODER)
    ids, mask = probing.encode_sentences(probing.two_opinions(400, np.random.default_rng(3)), tokenizer)
    assert ids.shape == mask.shape
    assert (ids[:, 0] == 2).all()
    words = ("the", "snowboarders", "seemed", "good")
    cut = probing.Sentence(words, (1, 1), (3, 3), (True, True), (False, False))
    with pytest.raises(ValueError, match="expected every word of the made sentences to be one piece"):
        probing.encode_sentences([cut], tokenizer)


def test_stored_figures_are_of_these_weights_and_of_five_seeds():
    stored = json.loads((RESULTS / "probes.json").read_text(encoding="utf-8"))
    assert stored["weights_sha256"] == digest(ENCODER / "model.safetensors")
    assert [row["seed"] for row in stored["rows"]] == [0, 1, 2, 3, 4]
    assert (stored["sentences"], stored["words_apart"]) == (probes.SENTENCES, probes.APART)
    for row in stored["rows"]:
        sentences = probing.two_opinions(probes.SENTENCES, runtime.prepare(row["seed"]))
        asked = probing.both_nouns(sentences)
        of_all_nouns = ((probes.number_of_nots(sentences) > 0) == asked.negated).mean()  # stored are the new ones
        assert row["any not"] == pytest.approx(of_all_nouns, abs=0.06)
