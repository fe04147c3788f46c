"""Corpora and their parts: shares of the classes, nesting, repeatability, texts in common."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from utils import corpora
from utils.corpora import Corpus, CorpusError
from utils.corpora.samples import stratified_order

STEADY = settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=60).map(np.array)


def corpus_of(labels, name="own"):
    texts = [f"text {at}" for at in range(len(labels))]
    return Corpus(texts, labels, tuple("abcde"), {"at": np.arange(len(labels))}, name=name, source="here")


@STEADY
@given(labels=LABELS, seed=st.integers(0, 99))
def test_order_is_a_permutation_that_its_seed_fixes(labels, seed):
    order = stratified_order(labels, seed)
    assert sorted(order) == list(range(len(labels)))
    np.testing.assert_array_equal(order, stratified_order(labels, seed))


@STEADY
@given(labels=LABELS, seed=st.integers(0, 99))
def test_beginnings_hold_the_shares_of_websters_method(labels, seed):
    # Webster's method, by hand: each seat goes to the class with the largest count / (seats so far + 1/2).
    totals = np.bincount(labels, minlength=5)
    seats = np.zeros(5, dtype=int)
    for label in labels[stratified_order(labels, seed)]:
        quotients = totals / (seats + 0.5)
        assert quotients[label] == pytest.approx(quotients.max())
        seats[label] += 1
    np.testing.assert_array_equal(seats, totals)


def test_ties_are_broken_at_random():
    firsts = {int(np.array([0, 1])[stratified_order(np.array([0, 1]), seed)[0]]) for seed in range(20)}
    assert firsts == {0, 1}


def test_another_seed_draws_other_rows():
    labels = np.repeat([0, 1], 50)
    assert set(stratified_order(labels, 0)[:20]) != set(stratified_order(labels, 1)[:20])


def test_the_sample_is_the_beginning_of_a_larger_one_with_labels_and_columns_beside_their_texts():
    corpus = corpus_of(np.random.default_rng(3).integers(0, 5, 101))
    large = corpora.stratified_sample(corpus, 67, seed=2)
    for size in (1, 13, 66):
        small = corpora.stratified_sample(corpus, size, seed=2)
        assert small.texts == large.texts[:size]
        np.testing.assert_array_equal(small.labels, large.labels[:size])
    assert large.texts == [f"text {at}" for at in large.columns["at"]]
    np.testing.assert_array_equal(large.labels, corpus.labels[large.columns["at"]])
    assert (large.name, large.source, large.classes, large.split) == ("own", "here", tuple("abcde"), "all")


@pytest.mark.parametrize("size", [0, -1, 8])
def test_a_sample_has_one_text_at_least_and_all_at_most(size):
    with pytest.raises(CorpusError, match=f"expected size from 1 to 7, the texts that there are; received {size}"):
        corpora.stratified_sample(corpus_of([0, 1, 0, 1, 0, 1, 1]), size)


def test_a_negative_seed_is_refused():
    with pytest.raises(CorpusError, match="expected seed of at least 0; received -1"):
        corpora.stratified_sample(corpus_of([0, 1]), 1, seed=-1)


@STEADY
@given(labels=st.lists(st.integers(0, 1), min_size=4, max_size=60), seed=st.integers(0, 9))
def test_a_split_divides_and_loses_nothing(labels, seed):
    train, validation = corpora.split(corpus_of(labels), 0.3, seed)
    assert sorted(train.texts + validation.texts) == sorted(f"text {at}" for at in range(len(labels)))
    assert len(validation) == round(0.3 * len(labels))
    assert (train.split, validation.split) == ("train", "validation")


def test_a_split_keeps_the_shares_in_both_parts_however_the_file_is_sorted():
    train, validation = corpora.split(corpus_of(np.repeat([0, 1, 2], [500, 300, 200])), 0.2, seed=1)
    assert validation.counts() == {"a": 100, "b": 60, "c": 40, "d": 0, "e": 0}
    assert train.counts() == {"a": 400, "b": 240, "c": 160, "d": 0, "e": 0}
    assert len(set(train.labels[:20].tolist())) == 3


def test_a_part_that_lacks_a_class_says_so():
    corpus = Corpus(list("abcdef"), [0, 0, 0, 0, 0, 1], ("no", "yes"), name="own.csv")
    train, validation = corpora.split(corpus, 0.34)
    assert train.warnings == ()
    assert validation.warnings == ("own.csv: the validation part has no text of 'yes'; add some",)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_a_fraction_out_of_range_is_refused(fraction):
    with pytest.raises(CorpusError, match=f"expected fraction between 0 and 1; received {fraction}"):
        corpora.split(corpus_of([0, 1, 0, 1]), fraction)


def test_a_fraction_that_leaves_a_part_empty_is_refused():
    with pytest.raises(
        CorpusError, match=r"at least one text in each part; a fraction of 0.1 of 4 texts leaves a part"
    ):
        corpora.split(corpus_of([0, 1, 0, 1]), 0.1)


def test_shared_texts_are_given_with_all_their_places():
    first = Corpus(["a", "b ", "c", "b"], [0, 1, 0, 1], ("no", "yes"))
    second = Corpus(["B", "d", " b", "c"], [0, 1, 0, 1], ("no", "yes"))
    assert corpora.shared_texts(first, second) == {"b": ([1, 3], [2]), "c": ([2], [3])}
    assert list(corpora.shared_texts(first, second)) == ["b", "c"]
    assert corpora.shared_texts(first, Corpus(["x", "y"], [0, 1], ("no", "yes"))) == {}


def test_a_corpus_cannot_be_changed_by_way_of_its_labels():
    labels = np.array([0, 1])
    corpus = Corpus(["a", "b"], labels, ("no", "yes"), {"n": np.array([1, 2])})
    labels[0] = 1
    assert corpus.labels.tolist() == [0, 1]
    with pytest.raises(ValueError, match="read-only"):
        corpus.labels[0] = 1
    with pytest.raises(TypeError):
        corpus.columns["more"] = labels
    with pytest.raises(AttributeError):
        corpus.texts = []


@pytest.mark.parametrize(
    ("labels", "columns", "message"),
    [
        ([0, 1, 1], {}, r"expected 2 labels, one for each text; received \(3,\)"),
        ([0, 1], {"id": np.arange(5)}, r"expected 2 id, one for each text; received \(5,\)"),
        ([0, 2], {}, "expected labels from 0 to 1, one for each class; received labels from 0 to 2"),
        ([-1, 1], {}, "received labels from -1 to 1"),
    ],
)
def test_labels_and_columns_must_fit(labels, columns, message):
    with pytest.raises(CorpusError, match=message):
        Corpus(["a", "b"], labels, ("no", "yes"), columns)


@STEADY
@given(labels=st.lists(st.integers(0, 2), min_size=6, max_size=60), folds=st.integers(2, 5), seed=st.integers(0, 99))
def test_folds_deal_every_class_as_evenly_as_it_can_be(labels, folds, seed):
    corpus = Corpus([f"text {at}" for at in range(len(labels))], labels, ("a", "b", "c"))
    counts = np.bincount(labels, minlength=3)
    if counts.min() < folds:
        with pytest.raises(CorpusError, match=f"at least {folds} different texts of each class"):
            corpora.stratified_folds(corpus, folds, seed)
        return
    dealt = corpora.stratified_folds(corpus, folds, seed)
    np.testing.assert_array_equal(dealt, corpora.stratified_folds(corpus, folds, seed))
    sizes = np.bincount(dealt, minlength=folds)
    assert sizes.max() - sizes.min() <= 1
    for number in range(3):
        of_class = np.bincount(dealt[np.array(labels) == number], minlength=folds)
        assert of_class.max() - of_class.min() <= 1


def test_folds_keep_equal_texts_together_whatever_their_labels():
    corpus = Corpus(["a", "b", "c", "d", " a", "b "], [0, 0, 1, 1, 1, 0], ("no", "yes"))
    for seed in range(20):
        dealt = corpora.stratified_folds(corpus, 2, seed)
        assert (dealt[0], dealt[1]) == (dealt[4], dealt[5])
    assert len({tuple(corpora.stratified_folds(corpus, 2, seed)) for seed in range(20)}) > 1


@pytest.mark.parametrize(("folds", "seed"), [(1, 0), (0, 0), (2, -1)])
def test_folds_out_of_range_are_refused(folds, seed):
    with pytest.raises(CorpusError, match=f"at least 2 folds and a seed of at least 0; received {folds} and {seed}"):
        corpora.stratified_folds(corpus_of([0, 0, 1, 1]), folds, seed)
