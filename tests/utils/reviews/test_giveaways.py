"""Nothing but the construction tells the label: no word, no pair of words, not the length, not the punctuation.

In plain reviews alone, opinion words tell it, and then nearly all of it.
"""

import collections
import re

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from tests.utils.reviews.test_reviews import NAMES, SPLITS, VERDICTS, opinion_tokens, tokens
from utils import reviews
from utils.reviews.grammar import groups

OPINIONS = opinion_tokens()
POSITIVE = {split: np.array([row.true_label == "positive" for row in rows]) for split, rows in SPLITS.items()}
# Chance on 5,000 rows has a standard deviation of 0.007; three of them and a little.
CHANCE = pytest.approx(0.5, abs=0.025)
HARD = [name for name in NAMES if name != "plain"]


def own_rows(split, name):
    """Return the reviews of one phenomenon in which no sentence states the verdict."""
    return [row for row in SPLITS[split] if row.phenomenon == name and row.support == "no"]


def without_opinions(row):
    """Return the words of a review that are no opinion, in order; a last sentence that states the verdict is one."""
    text = VERDICTS[row.true_label].sub("", row.text)
    return " ".join(token for token in tokens(text) if token not in OPINIONS)


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


@pytest.fixture(scope="module")
def bag_of_words():
    """Return for words, and for words and pairs, which test reviews a classifier that learned from all gets right."""
    found = {}
    for longest in (1, 2):
        features = counted(lambda row: " ".join(tokens(row.text)), ngram_range=(1, longest))
        model = LogisticRegression(C=4, max_iter=2000).fit(features["train"], POSITIVE["train"])
        found[longest] = model.predict(features["test"]) == POSITIVE["test"]
    return found


@pytest.mark.parametrize("name", HARD)
def test_words_learned_from_everything_are_at_chance_where_a_construction_decides(bag_of_words, name):
    own = np.array([row.phenomenon == name and row.support == "no" for row in SPLITS["test"]])
    assert bag_of_words[1][own].mean() == pytest.approx(0.5, abs=3.5 * 0.5 / own.sum() ** 0.5)


def test_pairs_learned_from_everything_help_little_on_negation(bag_of_words):
    for name, most in (("negation", 0.6), ("double-negation", 0.57)):
        own = np.array([row.phenomenon == name and row.support == "no" for row in SPLITS["test"]])
        assert bag_of_words[2][own].mean() < most


def test_words_learned_from_everything_tell_plain_reviews_and_those_with_support(bag_of_words):
    plain = np.array([row.phenomenon == "plain" and row.unseen == "no" for row in SPLITS["test"]])
    support = np.array([row.support == "yes" for row in SPLITS["test"]])
    assert bag_of_words[1][plain].mean() > 0.9
    assert bag_of_words[1][support].mean() > 0.9


def label_counts(rows):
    """Return {word: (reviews with it that are negative, positive)}."""
    counts = collections.defaultdict(lambda: [0, 0])
    for row in rows:
        for token in set(tokens(row.text)):
            counts[token][row.true_label == "positive"] += 1
    return counts


@pytest.mark.parametrize("split", reviews.SPLITS)
@pytest.mark.parametrize("name", HARD)
def test_every_word_stands_about_as_often_with_either_label(split, name):
    for word, (negative, positive) in label_counts(own_rows(split, name)).items():
        assert abs(negative - positive) <= 4.5 * (negative + positive) ** 0.5, (word, negative, positive)


@pytest.mark.parametrize("split", reviews.SPLITS)
@pytest.mark.parametrize("opinion", [True, False])
@pytest.mark.parametrize("name", HARD)
def test_words_together_lean_to_either_label_no_more_than_chance_would_have_it(split, opinion, name):
    counts = label_counts(own_rows(split, name))
    leaning = [
        (n - p) ** 2 / (n + p) for word, (n, p) in counts.items() if (word in OPINIONS) == opinion and n + p >= 5
    ]
    assert len(leaning) >= 5
    assert np.mean(leaning) < 1 + 5 * (2 / len(leaning)) ** 0.5  # chi-squared, one degree of freedom each


def test_a_held_out_part_of_training_is_at_chance_and_not_below():
    rows = np.array(SPLITS["train"], dtype=object)
    scores = []
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(rows))
        held_out, known = rows[order[:500]], rows[order[500:]]
        vectorizer = TfidfVectorizer(token_pattern=r"\S+")
        features = vectorizer.fit_transform([" ".join(tokens(row.text)) for row in known])
        model = LogisticRegression(C=4, max_iter=2000).fit(features, [row.true_label for row in known])
        hard = [row for row in held_out if row.phenomenon != "plain" and row.support == "no"]
        answers = model.predict(vectorizer.transform([" ".join(tokens(row.text)) for row in hard]))
        scores += list(answers == [row.true_label for row in hard])
    assert np.mean(scores) == pytest.approx(0.5, abs=4 * 0.5 / len(scores) ** 0.5)


@pytest.mark.parametrize("split", reviews.SPLITS)
def test_lengths_are_the_same_for_either_label(split):
    for name in HARD:
        positive, negative = (
            np.array([len(row.text.split()) for row in own_rows(split, name) if row.true_label == label])
            for label in ("positive", "negative")
        )
        error = np.sqrt(positive.var() / len(positive) + negative.var() / len(negative))
        assert abs(positive.mean() - negative.mean()) < 4.5 * error, name


def test_all_frames_of_a_group_use_the_same_opinions_so_that_words_balance():
    opinion = re.compile(r"{([sowc][12]|mild1|strong2)}")
    names = {"mild1": "o1", "strong2": "s2", "c1": "w1"}
    for name in HARD:
        for group in groups(name):
            used = {
                frozenset(names.get(slot, slot) for slot in opinion.findall(frame))
                for turned in (True, False)
                for structure in (True, False)
                for frame in group.frames(turned, structure)
            }
            assert len(used) == 1, (name, used)
            expected = {"w1"} if group.turned else {"o1", "s1"} if group.same else None
            assert expected is None or used == {frozenset(expected)}, (name, used)


def test_topics_of_both_splits_are_the_same_so_that_no_subject_is_new():
    known = {token for row in SPLITS["train"] for token in tokens(without_opinions(row))}
    other = collections.Counter(
        token for row in SPLITS["test"] if row.unseen == "no" for token in tokens(without_opinions(row))
    )
    assert sum(count for token, count in other.items() if token not in known) / other.total() < 0.01
