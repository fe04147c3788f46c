"""Batches of like lengths: each row once, within the budget, little filled up."""

import itertools

import numpy as np
import pytest

from tests.utils.translation.small import PAIRS, vocabulary
from utils.translation.batches import PairRows, pad_rows, token_batches


def drawn(seed=0, rows=400):
    return np.random.default_rng(seed).integers(3, 40, (rows, 2))


def test_each_row_is_in_one_batch_and_every_batch_within_the_budget():
    lengths = drawn()
    batches = token_batches(lengths, 256, np.random.default_rng(1))
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    assert all(len(batch) * lengths[batch].max() <= 256 for batch in batches)


def test_no_batch_could_take_the_next_row():
    lengths = drawn().max(axis=1)
    batches = token_batches(lengths, 256, np.random.default_rng(1))
    batches.sort(key=lambda batch: (lengths[batch].max(), lengths[batch].min(), -len(batch)))
    for batch, following in itertools.pairwise(batches):
        assert (len(batch) + 1) * lengths[following].min() > 256


def test_little_is_filled_up():
    lengths = np.random.default_rng(0).integers(3, 40, 2000)
    batches = token_batches(lengths, 512, np.random.default_rng(0))
    filled = sum(len(batch) * lengths[batch].max() for batch in batches)
    assert filled < 1.05 * lengths.sum()
    assert len(lengths) * lengths.max() > 1.6 * lengths.sum()  # to the longest of all


def test_a_row_longer_than_the_budget_is_a_batch_of_its_own():
    batches = [sorted(batch.tolist()) for batch in token_batches([3, 90, 3], 10, np.random.default_rng(0))]
    assert sorted(batches) == [[0, 2], [1]]


def test_chance_decides_and_its_state_repeats():
    first, again, other = (token_batches(drawn(), 256, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert [batch.tolist() for batch in first] != [batch.tolist() for batch in other]


@pytest.mark.parametrize(("lengths", "tokens"), [([], 10), ([[[1]]], 10), ([3], 0), ([3], 1.5)])
def test_what_cannot_be_put_into_batches_is_refused(lengths, tokens):
    with pytest.raises(ValueError, match=r"lengths of some rows|`tokens`"):
        token_batches(lengths, tokens, np.random.default_rng(0))


def test_rows_are_filled_up_on_the_right_to_a_multiple():
    assert pad_rows([[5, 6, 7], [8]]).tolist() == [[5, 6, 7], [8, 0, 0]]
    assert pad_rows([[5, 6, 7], [8]], pad_id=9, multiple=4).tolist() == [[5, 6, 7, 9], [8, 9, 9, 9]]


def test_a_batch_of_pairs_shows_the_decoder_what_it_must_write_moved_by_one():
    words = vocabulary()
    rows = PairRows(PAIRS, words)
    (source, shown), labels = rows.batch([3, 9])
    for row, place in enumerate((3, 9)):
        for found, text, length in zip(
            (source, labels), (PAIRS.source, PAIRS.target), rows.lengths[place], strict=True
        ):
            assert found[row, :length].tolist() == [*words.encode(text[place]), words.end_id]
            assert (found[row, length:] == words.pad_id).all()
    assert (shown[:, 0] == words.start_id).all()
    assert np.array_equal(shown[:, 1:], labels[:, :-1])
    assert rows.count([3, 9]) == (labels != words.pad_id).sum()
    assert {array.shape[1] % 4 for array in (source, labels)} == {0}
    assert rows.count(slice(None)) == sum(rows.count([place]) for place in range(len(PAIRS)))
