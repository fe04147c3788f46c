"""Sentences as rows of ids: cut, kept and numbered as documented."""

import numpy as np
import pytest

from utils import corpora
from utils.corpora.sentences import SPECIAL, sentence_rows, unseen_pairs


def words(row, vocabulary):
    return [vocabulary[at] for at in row if at >= len(SPECIAL)]


def test_only_short_sentences_with_a_full_stop_are_kept():
    texts = ["We liked it. Did you like it? No. We liked the very long ending of it."]
    rows, vocabulary = sentence_rows(texts, longest=5, least_often=1)
    assert [words(row, vocabulary) for row in rows] == [["we", "liked", "it", "."]]


def test_a_row_is_start_tokens_end_and_padding():
    rows, vocabulary = sentence_rows(["It's well-made, too."], longest=7, least_often=1)
    assert vocabulary[:3] == SPECIAL
    assert rows.tolist() == [[1, 5, 7, 3, 6, 4, 2, 0, 0]]
    assert words(rows[0], vocabulary) == ["it's", "well-made", ",", "too", "."]


def test_a_word_in_too_few_sentences_takes_its_sentence_away():
    texts = ["We liked it. We hated it. They hated it. They liked it. Nobody liked it."]
    rows, vocabulary = sentence_rows(texts, least_often=2)
    assert len(rows) == 4
    assert "nobody" not in vocabulary


def test_the_books_reviews_give_enough_different_sentences():
    rows, vocabulary = sentence_rows(corpora.load("reviews", "train").texts)
    assert len(rows) > 1000
    assert len(np.unique(rows, axis=0)) == len(rows)
    assert rows.max() == len(vocabulary) - 1
    assert (rows[:, 0] == 1).all()
    assert ((rows == 2).sum(axis=1) == 1).all()


def test_texts_without_such_a_sentence_are_named():
    with pytest.raises(ValueError, match="expected a sentence of 4 to 10 tokens, each in 5 sentences; found none"):
        sentence_rows(["Too short."])


def test_pairs_of_words_are_compared_whatever_stands_around_them():
    known = np.array([[1, 7, 8, 9, 2, 0], [1, 9, 7, 2, 0, 0]])
    assert unseen_pairs(known, known) == 0
    assert unseen_pairs([[8, 9, 7]], known) == 0
    assert unseen_pairs([[1, 8, 7, 2], [1, 7, 8, 9, 2]], known) == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="expected rows with at least two words side by side; received none"):
        unseen_pairs([[1, 7, 2]], known)
