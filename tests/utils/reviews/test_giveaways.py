"""Nothing but the opinion tells the label: not the other words, not the length, not the punctuation, not the frame."""

import collections
import re

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from tests.utils.reviews.test_reviews import NAMES, SPLITS, opinion_tokens, tokens
from utils import reviews

OPINIONS = opinion_tokens()
POSITIVE = {split: np.array([row.true_label == "positive" for row in rows]) for split, rows in SPLITS.items()}
# Chance on 5,000 rows has a standard deviation of 0.007; three of them and a little.
CHANCE = pytest.approx(0.5, abs=0.025)


def without_opinions(row):
    """Return the words of a review that are no opinion, in order."""
    return " ".join(token for token in tokens(row.text) if token not in OPINIONS)


def accuracy(features):
    """Return the accuracy on the test of a logistic regression that learned the true labels of training."""
    model = LogisticRegression(max_iter=2000).fit(features["train"], POSITIVE["train"])
    return model.score(features["test"], POSITIVE["test"])


def counted(read, **options):
    """Return TF-IDF features of what `read` keeps of each review."""
    vectorizer = TfidfVectorizer(token_pattern=r"\S+", **options)
    train = vectorizer.fit_transform([read(row) for row in SPLITS["train"]])
    return {"train": train, "test": vectorizer.transform([read(row) for row in SPLITS["test"]])}


def test_words_that_are_no_opinion_do_not_tell_the_verdict():
    assert accuracy(counted(without_opinions)) == CHANCE


def test_pairs_of_words_that_are_no_opinion_do_not_tell_the_verdict():
    assert accuracy(counted(without_opinions, ngram_range=(1, 2))) == CHANCE


def test_lengths_and_punctuation_do_not_tell_the_verdict():
    def measures(row):
        marks = [row.text.count(mark) for mark in ".,;:!?\"'()-"]
        return [len(row.text.split()), len(row.text), len(row.deciding), *marks, sum(map(str.isupper, row.text))]

    features = {split: np.array([measures(row) for row in rows], float) for split, rows in SPLITS.items()}
    scale = features["train"].std(axis=0) + 1e-9
    assert accuracy({split: array / scale for split, array in features.items()}) == CHANCE


def test_the_same_measure_finds_the_verdict_in_opinion_words_of_plain_reviews():
    features = counted(lambda row: " ".join(token for token in tokens(row.text) if token in OPINIONS))
    model = LogisticRegression(max_iter=2000).fit(features["train"], POSITIVE["train"])
    plain = np.array([row.phenomenon == "plain" and row.unseen == "no" for row in SPLITS["test"]])
    assert model.score(features["test"][plain], POSITIVE["test"][plain]) > 0.8


@pytest.mark.parametrize("split", reviews.SPLITS)
@pytest.mark.parametrize("name", NAMES)
def test_words_of_the_phenomenon_stand_as_often_with_either_verdict(split, name):
    counts = collections.Counter()
    for row in SPLITS[split]:
        if row.phenomenon == name:
            counts.update({(token, row.true_label) for token in set(tokens(without_opinions(row)))})
    frequent = {token for token, _ in counts if counts[token, "positive"] + counts[token, "negative"] >= 60}
    for token in frequent:
        positive, negative = counts[token, "positive"], counts[token, "negative"]
        assert abs(positive - negative) <= 4.5 * (positive + negative) ** 0.5, (token, positive, negative)


@pytest.mark.parametrize("split", reviews.SPLITS)
def test_every_frame_stands_as_often_with_either_verdict(split):
    for phenomenon in reviews.PHENOMENA:
        for frame in (frame for each in reviews.SPLITS for frame in reviews.frames(phenomenon.name, each)):
            known = pattern(frame)
            found = [row for row in SPLITS[split] if row.phenomenon == phenomenon.name and known.search(row.text)]
            share = np.mean([row.true_label == "positive" for row in found]) if found else 0.5
            assert share == pytest.approx(0.5, abs=0.5 / max(1, len(found)) ** 0.5 * 3.5), (frame, len(found))


def pattern(frame):
    """Return what finds a frame, its slots open, at the beginning of a sentence or after an opening."""
    text = re.sub(r"\\{\w+\\}", r"[^.]+?", re.escape(frame.replace("[", "").replace("]", "")))
    return re.compile(rf"(^|[.!?:] ){text}".replace("a\\ ", "an?\\ "), re.IGNORECASE)


def test_topics_of_both_splits_are_the_same_so_that_no_subject_is_new():
    known = {token for row in SPLITS["train"] for token in tokens(without_opinions(row))}
    other = collections.Counter(
        token for row in SPLITS["test"] if row.unseen == "no" for token in tokens(without_opinions(row))
    )
    assert sum(count for token, count in other.items() if token not in known) / other.total() < 0.01
