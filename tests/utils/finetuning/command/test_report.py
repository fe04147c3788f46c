"""What a training says at its end: the result for a person, and each warning with its remedy."""

import numpy as np
import pytest

from tests.support.finetuning_fakes import FakeTokenizer
from utils.classification.evaluation import Evaluation
from utils.corpora import Corpus
from utils.finetuning.command.report import (
    corpus_warnings,
    majority,
    result_lines,
    result_warnings,
    schedule_warnings,
    token_warnings,
)


def corpus(**counts):
    """Return a corpus with so many texts of each class."""
    labels = np.repeat(range(len(counts)), list(counts.values()))
    return Corpus([f"text {at}" for at in range(len(labels))], labels, tuple(counts))


def evaluation(truth, predicted, classes=("bad", "good")):
    """Return an evaluation whose predictions are certain."""
    return Evaluation(classes, np.array(truth), np.eye(len(classes))[predicted])


def test_result_stands_beside_the_share_of_the_largest_class_and_recall_follows():
    found = evaluation([0, 0, 1, 1, 1, 1], [0, 1, 1, 1, 1, 0], ("bad", "good", "none"))
    assert result_lines(found) == [
        "held-out accuracy 0.67 (always 'good': 0.67)",
        "recall: 'bad' 0.50 of 2, 'good' 0.75 of 4, 'none' – of 0",
    ]
    assert majority(found) == ("good", pytest.approx(4 / 6))


@pytest.mark.parametrize(
    ("truth", "predicted", "worse", "never"),
    [
        ([0] * 5 + [1] * 450, [1] * 455, True, ["bad"]),  # the majority's share exactly
        ([0] * 50 + [1] * 50, [0] * 25 + [1] * 50 + [0] * 25, True, []),  # chance
        ([0] * 50 + [1] * 50, [0] * 49 + [1] * 51, False, []),
        ([0] * 5 + [1] * 450, [0] * 5 + [1] * 450, False, []),
        ([1], [1], True, []),  # of one held-out text: 1.0, and so is the share of its class
    ],
)
def test_a_classifier_no_better_than_its_majority_share_is_not_to_be_used(truth, predicted, worse, never):
    warnings = result_warnings(evaluation(truth, predicted))
    assert any("does no better than always answering" in line and "do not use it" in line for line in warnings) == worse
    assert [line for line in warnings if "never answers 'bad'" in line and "add training texts" in line] == (
        [warnings[-1]] if never else []
    )


def test_very_unequal_classes_are_named_with_their_counts():
    (warning,) = corpus_warnings(corpus(bad=5, good=450), corpus(bad=10, good=50), 0)
    assert warning.startswith("classes are very unequal, 450 training texts of 'good', 5 of 'bad': add texts of 'bad'")
    assert not corpus_warnings(corpus(bad=50, good=450), corpus(bad=10, good=50), 0)[1:]
    assert not corpus_warnings(corpus(bad=46, good=450), corpus(bad=10, good=50), 0)


def test_texts_in_both_parts_are_counted_in_good_english():
    one, many = (corpus_warnings(corpus(a=9, b=9), corpus(a=30, b=30), count)[0] for count in (1, 1200))
    assert one.startswith("1 text is in both parts")
    assert many.startswith("1,200 texts are in both parts")
    assert "remove repeated texts" in one


@pytest.mark.parametrize(("count", "error"), [(1, "1.00"), (16, "0.25"), (49, "0.14"), (50, None)])
def test_a_held_out_part_too_small_to_say_anything_is_told_with_its_error(count, error):
    warnings = corpus_warnings(corpus(a=9, b=9), corpus(a=count, b=0), 0)
    assert bool(warnings) == bool(error)
    assert all(f"off by {error} either way: hold out 50 or more with --validation" in line for line in warnings)


@pytest.mark.parametrize(
    ("texts", "warned"), [(["good film"] * 3 + ["电影 好看"], False), (["电影 很 good"] * 3, True), ([" "], True)]
)
def test_more_than_a_quarter_of_tokens_unknown_is_told_with_the_remedy(texts, warned):
    warnings = token_warnings(FakeTokenizer(), texts, "bert", 8, 40)
    assert [line for line in warnings if "unknown to the vocabulary of bert" in line] == (warnings if warned else [])
    assert all("choose an encoder for their language" in line for line in warnings)


def test_more_than_a_twentieth_of_texts_cut_is_told_with_the_remedy():
    texts = ["a b c d"] * 18 + ["a b c d e f g"] * 2
    (warning,) = token_warnings(FakeTokenizer(), texts, "bert", 8, 40)
    assert warning.startswith("2 of 20 training texts are cut after 8 tokens")
    assert warning.endswith("pass --max-length, up to 40")
    assert token_warnings(FakeTokenizer(), texts, "bert", 8, 8)[0].endswith("divide long texts into several")
    assert not token_warnings(FakeTokenizer(), texts[:18] + texts[-1:] + texts[:1], "bert", 8, 40)


@pytest.mark.parametrize(
    ("texts", "epochs", "warned"), [(100, 3, True), (1000, 1, False), (1, 1, True), (320, 3, False)]
)
def test_too_few_texts_for_the_schedule_are_told_with_the_remedy(texts, epochs, warned):
    warnings = schedule_warnings(texts, 32, epochs)
    assert bool(warnings) == warned
    assert all("pass a smaller --batch-size or more --epochs, or add texts" in line for line in warnings)
