"""Hidden words: shares of the recipe, the head against NumPy, a head kept and found again."""

from math import erf

import keras
import numpy as np
import pytest

from utils import masked_words
from utils.masked_words import CLS, MASK, SEP, MaskedWordHead, hide, load_head, save_head

numbers = keras.ops.convert_to_numpy


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


def random_head(vocabulary, width, seed=2):
    rng = np.random.default_rng(seed)
    head = MaskedWordHead(vocabulary)
    head.build((None, width))
    head.dense.set_weights([rng.normal(size=(width, width)), rng.normal(size=width)])
    head.norm.set_weights([rng.normal(size=width), rng.normal(size=width)])
    head.bias.assign(rng.normal(size=vocabulary))
    return head


def test_head_is_dense_gelu_normalisation_and_the_table():
    rng = np.random.default_rng(3)
    head, states, table = random_head(13, 7), rng.normal(size=(3, 5, 7)), rng.normal(size=(13, 7))
    (kernel, shift), (scale, offset) = head.dense.get_weights(), head.norm.get_weights()
    wide = states @ kernel + shift
    wide = wide / 2 * (1 + np.vectorize(erf)(wide / np.sqrt(2)))
    wide = (wide - wide.mean(-1, keepdims=True)) / wide.std(-1, keepdims=True) * scale + offset
    expected = wide @ table.T + numbers(head.bias)
    received = numbers(head(states.astype("float32"), table.astype("float32")))
    np.testing.assert_allclose(received, expected, atol=1e-4)


def test_a_kept_head_is_found_again_and_leaves_no_draft(tmp_path):
    head = random_head(13, 7)
    save_head(head, np.arange(20, 33), tmp_path / "head.npz")
    found, pieces = load_head(tmp_path / "head.npz")
    assert pieces.tolist() == list(range(20, 33))
    for one, other in zip(head.get_weights(), found.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)
    assert [path.name for path in tmp_path.iterdir()] == ["head.npz"]


def test_a_missing_or_foreign_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"expected a head in .*nothing\.npz; fetch the repository"):
        load_head(tmp_path / "nothing.npz")
    np.savez(tmp_path / "other.npz", kernel=np.ones((2, 2)), shift=np.ones(2))
    with pytest.raises(ValueError, match=r"expected arrays .* in other\.npz; missing: scale, offset, bias, pieces"):
        load_head(tmp_path / "other.npz")


def test_head_can_be_made_again_from_its_configuration():
    assert MaskedWordHead.from_config(MaskedWordHead(13).get_config()).vocabulary_size == 13
    assert masked_words.HIDDEN_SHARE == 0.15
