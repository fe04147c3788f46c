"""Lengths in tokens, what is cut, and batches that are padded no further than they need."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.finetuning_toys import write_bert
from utils.classification.tokens import (
    batches_by_length,
    choose_max_length,
    count_truncated,
    token_counts,
)
from utils.finetuning.tokens import pad_each_batch


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    from transformers import BertTokenizerFast

    return BertTokenizerFast.from_pretrained(write_bert(tmp_path_factory.mktemp("models") / "bert"))


TEXTS = ["good", "the film was good", "", "good " * 50]


def test_token_counts_include_the_special_ones_and_what_would_be_cut(tokenizer):
    assert token_counts(tokenizer, TEXTS).tolist() == [3, 6, 2, 52]
    assert token_counts(tokenizer, []).shape == (0,)


def test_texts_are_truncated_only_beyond_the_length(tokenizer):
    assert [count_truncated(tokenizer, TEXTS, length) for length in (1, 2, 5, 6, 51, 52)] == [4, 3, 2, 1, 1, 0]


def test_chosen_length_holds_the_share_that_was_asked_for(tokenizer):
    texts = ["good " * count for count in range(1, 21)]  # 3 to 22 tokens
    assert choose_max_length(tokenizer, texts, quantile=1) == 24
    assert choose_max_length(tokenizer, texts, quantile=0.5, multiple=1) == 12
    assert choose_max_length(tokenizer, texts, quantile=0.95, multiple=1) == 21
    assert count_truncated(tokenizer, texts, 21) == 1
    assert choose_max_length(tokenizer, ["good " * 99]) == tokenizer.model_max_length == 40


def test_length_cannot_be_chosen_from_nothing(tokenizer):
    with pytest.raises(ValueError, match="expected at least one text to choose a length from; received none"):
        choose_max_length(tokenizer, [])
    for quantile in (0, 1.01, -1):
        with pytest.raises(ValueError, match=f"expected quantile above 0 and at most 1; received {quantile}"):
            choose_max_length(tokenizer, TEXTS, quantile)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(1, 60), max_size=400), st.integers(1, 9), st.integers(0, 99))
def test_batches_hold_every_row_once_and_are_full_but_for_one(lengths, size, seed):
    batches = batches_by_length(lengths, size, seed)
    rows = np.concatenate([np.zeros(0, int), *batches])
    assert sorted(rows.tolist()) == list(range(len(lengths)))
    sizes = sorted(len(batch) for batch in batches)
    assert sizes[1:] == [size] * (len(sizes) - 1)
    again = batches_by_length(lengths, size, seed)
    assert all((one == other).all() for one, other in zip(batches, again, strict=True))


def test_batches_of_like_lengths_need_far_less_padding_than_random_ones():
    lengths = np.random.default_rng(0).integers(5, 50, size=4000)

    def padding(batches):
        return sum(lengths[rows].max() * len(rows) - lengths[rows].sum() for rows in batches)

    ours = batches_by_length(lengths, 20, 0)
    assert padding(ours) < 0.15 * padding(np.array_split(np.random.default_rng(1).permutation(4000), 200))
    means = [lengths[rows].mean() for rows in ours]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.3  # short ones do not come first


def test_other_epoch_has_another_order():
    lengths = list(range(100))
    first, second = (np.concatenate(batches_by_length(lengths, 8, [0, epoch])) for epoch in (0, 1))
    assert (first != second).any()


class Dataset:
    """What of a ktrain dataset is used."""

    def __init__(self, count=23, width=10, segments=True):
        rng = np.random.default_rng(5)
        lengths = rng.integers(1, width - 1, size=count)
        mask = np.arange(width) < lengths[:, None]
        tokens = np.where(mask, rng.integers(5, 99, size=(count, width)), 0)
        self.x = np.stack([tokens, mask.astype(int), np.zeros_like(tokens)], axis=1)
        self.y = np.eye(3, dtype=int)[rng.integers(3, size=count)]
        self.batch_size, self.use_token_type_ids = 4, segments


def rows_of(dataset, inputs):
    """Return the numbers of the rows that inputs are, told by their tokens."""
    known = {tuple(row[row > 0]): number for number, row in enumerate(dataset.x[:, 0])}
    return [known[tuple(row[row > 0])] for row in inputs["input_ids"].numpy()]


@pytest.mark.parametrize("segments", [True, False])
def test_padded_batches_are_the_rows_with_their_labels_and_not_a_column_more(segments):
    dataset = Dataset(segments=segments)
    pad_each_batch(dataset, seed=1)
    seen = []
    for inputs, labels in dataset.to_tfdataset(train=False):
        rows = rows_of(dataset, inputs)
        seen += rows
        np.testing.assert_array_equal(labels, dataset.y[rows])
        assert inputs["input_ids"].shape[1] == dataset.x[rows, 1].sum(axis=1).max()
        np.testing.assert_array_equal(inputs["attention_mask"], inputs["input_ids"].numpy() > 0)
        assert ("token_type_ids" in inputs) == segments
    assert seen == list(range(23))


def test_training_batches_have_every_row_in_every_epoch_and_can_begin_at_any():
    dataset = Dataset()

    def epochs(first, count):
        pad_each_batch(dataset, 1, first_epoch=first)
        taken = dataset.to_tfdataset().take(6 * count)
        rows = [row for inputs, _ in taken for row in rows_of(dataset, inputs)]
        return [rows[start : start + 23] for start in range(0, len(rows), 23)]

    zero, one, two = epochs(0, 3)
    assert sorted(zero) == sorted(one) == sorted(two) == list(range(23))
    assert zero != one != two
    assert epochs(1, 2) == [one, two]
