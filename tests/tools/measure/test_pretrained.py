"""The figures of chapter 6: counts by hand, probes on made vectors, stored figures of the programs as they stand."""

import json

import numpy as np
import pytest

from tools.measure import languages, masked_words, probes
from tools.measure.recipe import ENCODER, digest
from tools.measure.results import RESULTS
from utils import probing, wordpiece
from utils.masked_words import load_head


def stored(name):
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def test_counts_of_neighbours_by_hand():
    counts = masked_words.Counts([[2, 5, 6, 3], [2, 5, 7, 3], [2, 5, 6, 8, 3]], 10)
    left, piece, right = np.array([5, 5, 4]), np.array([6, 7, 9]), np.array([3, 3, 4])
    by_frequency, by_left, by_right, by_both, even = counts.shares_of(left, piece, right).T
    assert by_frequency == pytest.approx([2 / 7, 1 / 7, 0])
    assert by_left == pytest.approx([2 / 3, 1 / 3, 0])
    assert by_right == pytest.approx([1 / 3, 1 / 3, 0])
    assert by_both == pytest.approx([1 / 2, 1 / 2, 0])
    assert even == pytest.approx([0.1] * 3)


def test_shares_go_to_the_way_of_counting_that_foretells():
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(2000):
        left = rng.integers(5, 9)
        rows.append([2, left, 10 + left, rng.integers(5, 9), 3])  # the left neighbour tells all
    counts = masked_words.Counts(rows[:1500], 30)
    held = np.array(rows[1500:])
    counts.mix(held[:, 1], held[:, 2], held[:, 3])
    assert counts.shares[1] + counts.shares[3] > 0.95
    mixed, alone = counts.loss(held[:, 1], held[:, 2], held[:, 3])
    assert mixed < 0.1 < 1 < alone


def test_vectors_of_hidden_pieces_come_in_the_order_of_the_text():
    class Echo:
        config = type("Config", (), {"d_model": 1})

        def __call__(self, ids, attention_mask, training):
            return ids[..., None].astype("float32")

    ids = np.zeros((3, masked_words.LONGEST), "int32")
    for row, length in enumerate((40, 9, 20)):
        ids[row, :length] = 100 * row + np.arange(1, length + 1)
    hidden = np.zeros_like(ids, bool)
    hidden[[0, 0, 1, 2], [3, 30, 5, 11]] = True
    found = masked_words.hidden_vectors(Echo(), ids, ids > 0, hidden)
    assert found[:, 0].tolist() == [4, 31, 106, 212]


def test_probe_is_scored_on_what_it_was_not_fitted_to():
    rng = np.random.default_rng(1)
    labels = rng.integers(2, size=400)
    vectors = rng.normal(size=(400, 5)) + 4 * labels[:, None]
    trained = np.arange(400) < 200
    assert probes.score(vectors, labels, trained, ~trained, 2) > 0.98
    assert 0.3 < probes.score(rng.normal(size=(400, 5)), labels, trained, ~trained, 2) < 0.7


def test_words_around_a_noun_know_where_they_stand():
    sentences = probing.two_opinions(50, np.random.default_rng(2))
    found = probes.words_around(sentences)
    assert len(found) == 100
    for row in (0, 41, 99):
        one, which = sentences[row // 2], row % 2
        near = sum(
            abs(at - one.nouns[which]) <= probes.AROUND and word not in probing.NOUNS
            for at, word in enumerate(one.words)
        )
        assert found[row].sum() == near


def test_every_word_of_the_made_sentences_is_one_piece():
    ids, mask = probes.encode(probing.two_opinions(400, np.random.default_rng(3)), wordpiece.load_tokenizer(ENCODER))
    assert ids.shape == mask.shape
    assert (ids[:, 0] == 2).all()


def test_languages_are_counted_as_stored():
    found = languages.measure({"mini-bert": wordpiece.load_tokenizer(ENCODER)})
    for row, kept in zip(found, stored("languages")["rows"], strict=True):
        assert row == {name: value for name, value in kept.items() if name != "BERT"}


@pytest.mark.parametrize("name", ["masked-words", "probes"])
def test_figures_are_of_the_weights_that_ship_and_of_five_seeds(name):
    assert stored(name)["weights_sha256"] == digest(ENCODER / "model.safetensors")
    assert [row["seed"] for row in stored(name)["rows"]] == [0, 1, 2, 3, 4]


def test_settings_are_those_of_the_programs_as_they_stand():
    found = stored("masked-words")
    for name in ("learnt", "tested", "mixed", "epochs", "batch", "rate", "longest"):
        assert found[name] == getattr(masked_words, name.upper())
    found = stored("probes")
    assert (found["sentences"], found["words apart"]) == (probes.SENTENCES, probes.APART)


def test_the_kept_head_fits_the_vocabulary():
    head, pieces = load_head(masked_words.HEAD)
    assert head.vocabulary_size == len(pieces) == len(set(pieces.tolist()))
    assert pieces.max() < wordpiece.load_tokenizer(ENCODER).get_vocab_size() == 14_000
