"""Weights of eight bits: half a step at most, a quarter of the file, and a model that is whole or as it was."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import load_file, save_file

from tests.conftest import ROOT
from tests.support.tuning_toys import SIZES, new_encoder, outputs
from utils.tuning.heads import EncoderWithHead
from utils.tuning.int8 import dequantize_rows, load_int8, quantize_rows, save_int8


@settings(max_examples=60, deadline=None)
@given(arrays("float32", (3, 5), elements=st.floats(-1e6, 1e6, width=32, allow_subnormal=False)))
def test_every_number_is_at_most_half_a_step_off_and_the_largest_of_a_row_is_exact(rows):
    codes, scales = quantize_rows(rows)
    back = dequantize_rows(codes, scales)
    assert codes.dtype == np.int8
    assert np.abs(codes.astype(int)).max() <= 127
    assert (np.abs(back - rows) <= scales * 0.5 * (1 + 1e-5) + 1e-30).all()
    largest = np.abs(rows).argmax(axis=1)
    np.testing.assert_allclose(back[range(3), largest], rows[range(3), largest], rtol=1e-5, atol=1e-30)
    np.testing.assert_array_equal(quantize_rows(-rows)[0], -codes)


def test_a_row_has_its_own_scale():
    codes, scales = quantize_rows(np.array([[1000.0, -1000.0], [0.001, 0.0005], [0.0, 0.0]]))
    np.testing.assert_allclose(scales[:, 0], [1000 / 127, 0.001 / 127, 0], rtol=1e-6)
    assert codes.tolist() == [[127, -127], [127, 64], [0, 0]]


@pytest.mark.parametrize("rows", [np.ones(3), np.ones((2, 2, 2)), [[np.nan, 1.0]], [[np.inf, 1.0]]])
def test_what_is_no_table_of_finite_numbers_is_refused(rows):
    with pytest.raises(ValueError, match="finite numbers in rows"):
        quantize_rows(rows)


def test_a_model_keeps_its_answers_to_a_hundredth_in_a_quarter_of_the_file(tmp_path):
    model, same = (EncoderWithHead(new_encoder(seed, d_model=38), 3) for seed in (0, 1))
    before = outputs(model)
    path = save_int8(model, tmp_path / "model.safetensors")
    np.testing.assert_array_equal(outputs(model), before)  # saving changes nothing
    load_int8(same, path)
    shift = np.abs(outputs(same) - before).max() / np.abs(before).max()
    assert 0 < shift < 0.05
    for one, other in zip(model.weights, same.weights, strict=True):
        if one.name in ("bias", "gamma", "beta"):  # those of attention, too, which have an axis of heads
            np.testing.assert_array_equal(one.numpy(), other.numpy(), err_msg=one.path)
    stored = load_file(path)
    large = sum(array.size for array in stored.values() if array.dtype == np.int8)
    assert path.stat().st_size < 4 * model.count_params() - 3 * large + 20_000  # names take the rest
    # By hand: the rows of a query kernel (d_model, heads, head size) are its outputs.
    kernel = model.encoder.blocks[0].attention.query_dense.kernel.numpy().reshape(38, -1).T
    expected = np.abs(kernel).max(1) / 127
    name = next(name for name in stored if name.endswith("layer_0/attention/query/kernel.scale"))
    np.testing.assert_allclose(stored[name][:, 0], expected, rtol=1e-6)
    table = next(name for name in stored if name.endswith("embedding/tokens.scale"))
    assert stored[table].shape == (model.encoder.config.vocabulary_size, 1)
    save_int8(same, tmp_path / "again.safetensors")  # rounded weights are rounded to themselves
    load_int8(model, tmp_path / "again.safetensors")
    np.testing.assert_allclose(outputs(model), outputs(same), rtol=1e-5, atol=1e-6)


@pytest.fixture(scope="module")
def small():
    return EncoderWithHead(new_encoder(num_layers=1), 3)


def damaged(path, change):
    stored = load_file(path)
    change(stored)
    save_file(stored, path)


def with_one_row_less(stored):
    name = next(name for name in stored if name.endswith("query/kernel"))
    stored[name] = stored[name][:-1].copy()


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (lambda path: path.unlink(), FileNotFoundError, "Write them with save_int8"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), ValueError, "cut short"),
        (lambda path: path.write_bytes(pickle.dumps([1.0] * 30)), ValueError, "it is a pickle"),
        (lambda path: damaged(path, lambda s: s.pop("head/kernel.scale")), ValueError, "expected head/kernel in"),
        (lambda path: damaged(path, lambda s: s.pop("head/bias")), ValueError, "expected head/bias in .*received none"),
        (lambda path: damaged(path, with_one_row_less), ValueError, "query/kernel in .*int8 of shape"),
        (lambda path: damaged(path, lambda s: s.update(more=s["head/bias"])), ValueError, "it also has more"),
        (lambda path: damaged(path, lambda s: s["head/bias"].fill(np.nan)), ValueError, "expected head/bias"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_and_the_model_stays(tmp_path, small, damage, error, message):
    path = save_int8(small, tmp_path / "model.safetensors")
    damage(path)
    before = small.get_weights()
    with pytest.raises(error, match=message):
        load_int8(small, path)
    for one, other in zip(small.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_head_of_another_size_is_refused_by_name(tmp_path, small):
    path = save_int8(small, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"head/kernel in .*of shape \(2, 14\); received int8 of shape \(3, 14\)"):
        load_int8(EncoderWithHead(small.encoder, 2), path)


def test_weights_that_are_not_finite_are_not_written_over_those_that_were(tmp_path, small):
    path = save_int8(small, tmp_path / "model.safetensors")
    content, kernel = path.read_bytes(), small.get_weights()[-2]
    small.head.kernel.assign(np.full((SIZES["d_model"], 3), np.nan))
    with pytest.raises(ValueError, match="finite weights to save; head/kernel"):
        save_int8(small, path)
    assert path.read_bytes() == content
    small.head.kernel.assign(kernel)


@pytest.mark.slow
def test_mini_bert_in_a_quarter_of_its_bytes_gives_nearly_the_same_vectors(tmp_path):
    from utils.weights.from_bert import load_bert

    folder = ROOT / "data" / "checkpoints" / "mini-bert"
    encoder, tokenizer = load_bert(folder)
    ids = np.array([tokenizer.encode("the film was not bad at all").ids])
    before = outputs(encoder, ids)
    path = save_int8(encoder, tmp_path / "int8.safetensors")
    load_int8(encoder, path)
    after = outputs(encoder, ids)
    ratio = path.stat().st_size / (4 * encoder.count_params())
    cosines = (before * after).sum(-1) / np.linalg.norm(before, axis=-1) / np.linalg.norm(after, axis=-1)
    print(f"bytes {path.stat().st_size:,}, ratio {ratio:.3f}, least cosine {cosines.min():.5f}")
    assert ratio < 0.27
    assert cosines.min() > 0.999
