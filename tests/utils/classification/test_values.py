"""Labels as numbers, what an evaluation tells, and explaining by occlusion: by hand and against scikit-learn."""

import math
import types

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from utils.classification.evaluation import Evaluation, occlusion
from utils.classification.labels import check_pairs, check_texts, number_classes


@pytest.mark.parametrize(
    ("labels", "classes", "numbers", "names"),
    [
        (["b", "a", "b"], None, [1, 0, 1], ["a", "b"]),
        (np.array(["b", "a"]), None, [1, 0], ["a", "b"]),
        (np.array([4, 1, 4]), None, [1, 0, 1], [1, 4]),
        ([0, 1], ("no", "yes"), [0, 1], ["no", "yes"]),
        (["yes", "yes"], ("yes", "no"), [0, 0], ["yes", "no"]),
        ([3, 5, 3], [5, 3, 4], [1, 0, 1], [5, 3, 4]),
    ],
)
def test_labels_become_numbers_of_their_classes(labels, classes, numbers, names):
    found, known = number_classes(labels, classes)
    assert (found.tolist(), known) == (numbers, names)
    assert {type(name) for name in known} <= {str, int}


@given(st.lists(st.text(max_size=3), min_size=2, max_size=30).filter(lambda labels: len(set(labels)) > 1))
def test_numbers_lead_back_to_the_labels(labels):
    numbers, classes = number_classes(labels)
    assert [classes[number] for number in numbers] == labels
    assert classes == sorted(classes)


@pytest.mark.parametrize(
    ("labels", "classes", "error", "told"),
    [
        (["a", 1], None, TypeError, r"expected labels all of one kind; received \['int', 'str'\]"),
        ([0.5, 1.0], None, TypeError, "expected labels to be words or whole numbers; received 0.5 of type float"),
        ([True, False], None, TypeError, "received True of type bool"),
        ([None, "a"], None, TypeError, "received None of type NoneType"),
        (["a", "a"], None, ValueError, r"expected at least two different classes; received \['a'\]"),
        (["a"], ["a", "a"], ValueError, r"expected at least two different classes; received \['a', 'a'\]"),
        (["a", "z"], ["a", "b"], ValueError, r"expected labels among \['a', 'b'\]; received \['z'\]"),
        ([0, 2, -1], ["a", "b"], ValueError, r"expected labels among \[0, 1\]; received \[-1, 2\]"),
    ],
)
def test_labels_that_are_no_classes_are_refused(labels, classes, error, told):
    with pytest.raises(error, match=told):
        number_classes(labels, classes)


@pytest.mark.parametrize(
    "texts",
    [
        ["a", "b"],
        ("a", "b"),
        np.array(["a", "b"]),
        np.array(["a", "b"], object),
        pd.Series(["a", "b"], index=[7, 3]),
        (text for text in "ab"),
        map(str, ["a", "b"]),
        {"a": 1, "b": 2}.keys(),
    ],
    ids=lambda texts: type(texts).__name__,
)
def test_texts_may_be_any_iterable_of_strings_read_once(texts):
    found = check_texts(texts)
    assert found == ["a", "b"]
    assert {type(text) for text in found} == {str}


def test_texts_may_be_an_open_file_or_nothing_at_all(tmp_path):
    (tmp_path / "lines.txt").write_text("one\ntwo")
    with (tmp_path / "lines.txt").open() as file:
        assert check_texts(file) == ["one\n", "two"]
    assert check_texts(iter([])) == check_texts([]) == []


TABLE = pd.DataFrame({"text": ["a", "b"]})


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ("a text", "received one string: put it into a list"),
        (b"a text", "received bytes: decode it, and put the string into a list"),
        (bytearray(b"a"), "received bytearray: decode it"),
        (TABLE, r"received a table \(DataFrame\) of shape \(2, 1\): pass one column of it, such as table\['text'\]"),
        (TABLE[["text"]].to_numpy(), r"received a table \(ndarray\) of shape \(2, 1\)"),
        (np.array("a"), r"received a table \(ndarray\) of shape \(\)"),
        ({"text": ["a", "b"]}, r"received a mapping \(dict\), which yields its keys: pass list\(mapping.values\(\)\)"),
        (types.MappingProxyType({"a": 1}), r"received a mapping \(mappingproxy\)"),
        (7, "received int"),
        (None, "received NoneType"),
        (["a", math.nan], "expected text 1 to be a string; received nan of type float"),
        ([b"a"], r"text 0 to be a string; received b'a' of type bytes: decode it, for instance text.decode\('utf-8'\)"),
        ([["a"]], r"text 0 to be a string; received \['a'\] of type list"),
    ],
)
def test_what_is_not_an_iterable_of_strings_is_refused_by_name_with_the_remedy(texts, told):
    with pytest.raises(TypeError, match=told):
        check_texts(texts)
    if isinstance(texts, list | None):
        return
    with pytest.raises(TypeError, match=told.replace("texts", "labels")):
        check_pairs(["a"], texts)


def test_half_of_a_surrogate_pair_is_refused_in_texts_and_labels():
    with pytest.raises(ValueError, match=r"text 1 to be valid Unicode; it holds '\\ud83d', half of a surrogate pair"):
        check_texts(["fine \U0001f600", "broken \ud83d here"])
    with pytest.raises(ValueError, match=r"expected labels of valid Unicode; 'a\\udc00' holds"):
        number_classes(["a\udc00", "b"])


def test_texts_and_labels_may_both_be_read_once():
    assert check_pairs(iter(["a", "b"]), iter([1, 0])) == (["a", "b"], [1, 0])
    with pytest.raises(ValueError, match="as many labels as texts, at least one; received 1 labels, 2 texts"):
        check_pairs(iter(["a", "b"]), iter([1]))


HAND = Evaluation(("no", "yes"), np.array([0, 0, 1, 1]), np.array([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.3, 0.7]]))


def test_evaluation_of_four_texts_by_hand():
    assert HAND.predicted.tolist() == [0, 1, 0, 1]
    assert HAND.accuracy == 0.5
    assert HAND.confusion.tolist() == [[1, 1], [1, 1]]
    np.testing.assert_allclose(HAND.losses, -np.log([0.9, 0.4, 0.2, 0.7]))
    assert HAND.loss == pytest.approx(HAND.losses.mean())
    assert HAND.worst(5) == [2, 1]
    assert HAND.worst(1) == [2]


def test_probability_of_zero_gives_a_large_loss_and_not_infinity():
    certain = Evaluation((0, 1), np.array([0]), np.array([[0.0, 1.0]]))
    assert 700 < certain.loss < 710


def test_figures_agree_with_scikit_learn():
    rng = np.random.default_rng(7)
    truth, probability = rng.integers(5, size=97), rng.dirichlet(np.ones(5), size=97)
    found = Evaluation(tuple("abcde"), truth, probability)
    predicted = probability.argmax(axis=1)
    np.testing.assert_array_equal(found.confusion, sklearn.metrics.confusion_matrix(truth, predicted))
    told = found.metrics()
    assert told["accuracy"] == pytest.approx(sklearn.metrics.accuracy_score(truth, predicted))
    assert told["macro_f1"] == pytest.approx(sklearn.metrics.f1_score(truth, predicted, average="macro"))
    assert told["loss"] == pytest.approx(sklearn.metrics.log_loss(truth, probability))
    recall = sklearn.metrics.recall_score(truth, predicted, average=None)
    assert [row["recall"] for row in told["classes"]] == pytest.approx(recall.tolist())
    assert [row["class"] for row in told["classes"]] == list("abcde")
    assert sum(row["texts"] for row in told["classes"]) == told["texts"] == 97


def test_class_that_never_occurs_has_figures_of_zero_without_a_warning(recwarn):
    told = Evaluation((0, 1, 2), np.array([0, 1]), np.array([[0.9, 0.1, 0], [0.1, 0.9, 0]])).metrics()
    assert told["classes"][2] == {"class": 2, "precision": 0.0, "recall": 0.0, "f1": 0.0, "texts": 0}
    assert not recwarn.list


CARRIES = {"good": 0.25, "bad": -0.125, "very": 0.0625}


def known(texts):
    """A probability that is a sum over words, so that each word's drop is what it carries."""
    return np.array([0.5 + sum(CARRIES.get(word, 0) for word in text.split()) for text in texts])


def test_occlusion_of_a_sum_gives_each_words_part():
    expected = [("a", 0.0), ("very", 0.0625), ("good", 0.25), ("film", 0.0), ("bad", -0.125)]
    assert occlusion(known, "a very  good film\nbad") == expected


def test_occlusion_masks_in_place_where_a_mask_is_given():
    seen = []

    def watch(texts):
        seen.extend(texts)
        return known(texts)

    assert occlusion(watch, "very good", mask="[MASK]") == [("very", 0.0625), ("good", 0.25)]
    assert seen == ["very good", "[MASK] good", "very [MASK]"]


def test_occlusion_follows_the_class_that_is_most_probable_for_the_whole_text():
    def two(texts):
        yes = known(texts)
        return np.stack([1 - yes, yes], axis=1)

    assert occlusion(two, "good bad") == [("good", 0.25), ("bad", -0.125)]
    bad = ("bad", 0.125)
    assert occlusion(two, "bad bad good very bad bad") == [bad, bad, ("good", -0.25), ("very", -0.0625), bad, bad]


def test_occlusion_needs_a_word():
    with pytest.raises(ValueError, match="expected a text with at least one word; received none"):
        occlusion(known, "  \n")
