"""Hidden words: what is never hidden, and the shares of the recipe."""

import numpy as np
import pytest

from utils.masked_words import CLS, MASK, SEP, hide


def test_ends_and_padding_are_never_hidden_and_what_is_not_hidden_stays():
    rng = np.random.default_rng(0)
    ids = rng.integers(5, 90, (200, 11))
    ids[:, 0], ids[:, 7], ids[:, 8:] = CLS, SEP, 0
    read, hidden = hide(ids, ids > 0, 90, rng)
    assert not hidden[:, [0, 7, 8, 9, 10]].any()
    assert hidden[:, 1:7].any(axis=0).all()
    assert (read == ids)[~hidden].all()


def test_shares_are_fifteen_and_eighty_ten_ten():
    rng = np.random.default_rng(1)
    ids = rng.integers(5, 9_000, (500, 400))
    read, hidden = hide(ids, ids > 0, 9_000, rng)
    assert hidden.mean() == pytest.approx(0.15, abs=0.005)
    assert (read[hidden] == MASK).mean() == pytest.approx(0.8, abs=0.01)
    assert (read[hidden] == ids[hidden]).mean() == pytest.approx(0.1, abs=0.01)
    others = read[hidden & (read != ids) & (read != MASK)]
    assert others.min() > MASK
    assert np.abs(np.mean(others) - 4_500) < 150
