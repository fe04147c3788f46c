"""Answers to the exercises of chapter 7 that are right on most inputs, and wrong on some."""

import numpy as np
import pytest

from utils.exercises import check


def merged(weight):
    """Make an answer that gives the correction this weight."""
    return lambda kernel, a, b, alpha: kernel + weight(alpha, a.shape[1]) * (a @ b)


@pytest.mark.parametrize(
    "weight",
    [
        lambda alpha, rank: int(alpha) / rank,
        lambda alpha, rank: round(alpha) / rank,
        lambda alpha, rank: max(alpha, 1) / rank,
        lambda alpha, rank: min(alpha, 16) / rank,
        lambda alpha, rank: alpha / min(rank, 4),
        lambda alpha, rank: alpha / max(rank, 2),
    ],
    ids=["whole", "rounded", "1 at least", "16 at most", "rank of 4 at most", "rank of 2 at least"],
)
def test_merging_that_is_right_for_some_weights_and_ranks_alone_does_not_pass(weight):
    assert check("custom-merge", merged(lambda alpha, rank: alpha / rank))
    assert not check("custom-merge", merged(weight))


def same_outputs(tolerance=1e-5, columns=slice(None)):
    """Make a test of conversions: outputs of these columns may differ by this much."""

    def answer(convert):
        rng = np.random.default_rng(5)
        for outputs, inputs in ((5, 5), (3, 8), (8, 3)):
            weight, bias = rng.normal(size=(outputs, inputs)), rng.normal(size=outputs)
            x = rng.normal(size=(9, inputs))
            kernel, added = convert(weight.copy(), bias.copy())
            if kernel.shape != (inputs, outputs):
                return False
            gaps = np.abs(x @ kernel + added - (x @ weight.T + bias))
            if gaps[:, columns].max() > tolerance:
                return False
        return True

    return answer


@pytest.mark.parametrize("tolerance", [1e-4, 2e-4, 1e-3])
def test_a_test_of_conversions_that_lets_outputs_differ_by_more_than_asked_does_not_pass(tolerance):
    assert check("custom-test-convert", same_outputs())
    assert not check("custom-test-convert", same_outputs(tolerance))


@pytest.mark.parametrize("columns", [[0, -1], [0, 1], [-2, -1], slice(1, None), slice(None, -1)], ids=str)
def test_a_test_of_conversions_that_looks_at_some_outputs_alone_does_not_pass(columns):
    assert not check("custom-test-convert", same_outputs(columns=columns))


def test_a_mean_over_the_larger_of_two_counts_is_no_mean():
    def extended(table, pieces):
        rows = [table[list(ids)].sum(axis=0) / max(len(ids), len(pieces)) for ids in pieces]
        return np.concatenate([table, rows])

    assert not check("custom-bug-extend", (9, extended))
