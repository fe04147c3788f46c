"""Probes: ridge regression in closed form, sentences whose answers are known, classes that can be told apart."""

import numpy as np
import pytest

from utils import probing


def test_ridge_of_one_number_by_hand():
    # w = Σ x y / (Σ x² + strength) = (1·2 + 2·3) / (5 + 3)
    assert probing.ridge(np.array([[1.0], [2.0]]), np.array([[2.0], [3.0]]), 3.0) == pytest.approx(np.array([[1.0]]))


def test_slope_of_the_penalised_error_is_zero():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(23, 5)), rng.normal(size=(23, 3))
    kernel = probing.ridge(x, y, 7.0)
    np.testing.assert_allclose(x.T @ (x @ kernel - y) + 7.0 * kernel, 0, atol=1e-10)


def test_a_strong_penalty_leaves_little_and_more_features_than_examples_are_no_trouble():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(7, 13)), rng.normal(size=(7, 2))
    assert np.abs(probing.ridge(x, y, 1e6)).max() < 1e-4
    assert np.isfinite(probing.ridge(x, y, 0.1)).all()


@pytest.mark.parametrize(
    ("strength", "rows", "message"),
    [
        (0, 4, "expected strength above 0, so that one kernel is best; received 0"),
        (-1.0, 4, "received -1.0"),
        (float("nan"), 4, "received nan"),
        (1.0, 3, "expected one row of targets for each of 4 inputs; received 3"),
    ],
)
def test_ridge_refuses_what_has_no_answer(strength, rows, message):
    with pytest.raises(ValueError, match=message):
        probing.ridge(np.ones((4, 2)), np.ones((rows, 2)), strength)


def test_a_probe_tells_what_a_line_can_tell_and_no_more():
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(3000, 6)) * [1, 100, 1, 0.01, 1, 1] + 5
    straight = (vectors[:, 3] > 5).astype(int)
    crossed = ((vectors[:, 0] > 5) ^ (vectors[:, 2] > 5)).astype(int)
    for labels, least, most in ((straight, 0.95, 1), (crossed, 0.4, 0.6)):
        probe = probing.fit_probe(vectors[:2000], labels[:2000], 2)
        assert least < (probe.predict(vectors[2000:]) == labels[2000:]).mean() <= most


def test_a_probe_without_information_says_the_more_frequent_class():
    rng = np.random.default_rng(3)
    labels = (rng.random(500) < 0.2).astype(int)
    probe = probing.fit_probe(np.ones((500, 3)), labels, 2)
    assert not probe.predict(np.ones((9, 3))).any()


def test_sentences_say_of_each_noun_what_they_are_marked_with():
    sentences = probing.two_opinions(300, np.random.default_rng(4))
    for marks in ("negated", "plural"):
        shares = np.mean([getattr(one, marks) for one in sentences], axis=0)
        assert (np.abs(shares - 0.5) < 0.1).all()
    for one in sentences:
        first, second = one.nouns
        assert {one.words[at] for at in one.adjectives} <= set(probing.ADJECTIVES)
        for which, (at, end) in enumerate(((first, second), (second, len(one.words)))):
            assert one.words[at].removesuffix("s") in probing.NOUNS
            assert one.words[at].endswith("s") == one.plural[which]
            verb = max(place for place in range(at, end) if one.words[place] == probing.VERB)
            assert (one.words[verb + 1] == "not") == one.negated[which]


def test_a_not_nearby_does_not_tell():
    sentences = probing.two_opinions(2000, np.random.default_rng(5))
    told = [("not" in one.words[one.nouns[0] : one.nouns[1]]) == one.negated[0] for one in sentences]
    assert 0.7 < np.mean(told) < 0.9


def test_only_the_noun_tells_its_number():
    sentences = probing.two_opinions(4000, np.random.default_rng(6))
    others = {True: set(), False: set()}
    for one in sentences:
        if one.plural[0] == one.plural[1]:
            others[one.plural[0]] |= set(one.words) - {one.words[at] for at in one.nouns}
    assert others[True] == others[False]
