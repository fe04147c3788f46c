"""PyTorch's stored values: unchanged, reproducible, and equal to ours on the backend at hand."""

import keras
import numpy as np
import pytest
from keras import ops

from tools.reference import write as reference
from utils import runtime
from utils.attention import scaled_dot_product_attention

INPUTS = ("query", "key", "value")
OPTIONS = ("attention_mask", "attention_bias", "use_causal_mask", "scale")


def load(path=reference.FOLDER / "attention.npz"):
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


STORED = load()
CASES = sorted({key.split("/")[0] for key in STORED} - {"meta"})


def test_stored_cases_are_those_that_chapters_rely_on():
    assert CASES == ["boolean_mask", "causal", "cross_attention", "float_mask", "grouped_heads", "plain", "scale"]
    assert STORED["cross_attention/query"].shape[-2] != STORED["cross_attention/key"].shape[-2]
    assert STORED["grouped_heads/query"].shape[1] == 2 * STORED["grouped_heads/key"].shape[1]
    assert {"meta/torch", "meta/numpy", "meta/seed", "meta/dtype"} <= STORED.keys()
    assert (reference.FOLDER / "attention.npz").stat().st_size < 100_000


def options(case):
    found = {name: STORED[f"{case}/{name}"] for name in OPTIONS if f"{case}/{name}" in STORED}
    return {name: value.item() if value.ndim == 0 else value for name, value in found.items()}


@pytest.mark.parametrize("case", CASES)
def test_attention_equals_torch_and_so_do_its_gradients(case):
    inputs = [STORED[f"{case}/{name}"] for name in INPUTS]
    cotangent = ops.convert_to_tensor(STORED[f"{case}/cotangent"])
    found = scaled_dot_product_attention(*inputs, **options(case))
    for name, part in zip(("output", "weights"), found, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(part), STORED[f"{case}/{name}"], atol=1e-5, err_msg=name)

    def loss(query, key, value):
        return ops.sum(scaled_dot_product_attention(query, key, value, **options(case))[0] * cotangent)

    for name, slope in zip(INPUTS, runtime.gradients(loss, *inputs), strict=True):
        np.testing.assert_allclose(slope, STORED[f"{case}/grad_{name}"], rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("case", ["boolean_mask", "float_mask", "causal", "scale"])
def test_stored_options_change_the_result(case):
    inputs = [STORED[f"{case}/{name}"] for name in INPUTS]
    plain = keras.ops.convert_to_numpy(scaled_dot_product_attention(*inputs)[0])
    assert np.abs(plain - STORED[f"{case}/output"]).max() > 0.1


def test_torch_still_says_the_same(require):
    require("torch")
    assert reference.differences("attention") == []


def test_writing_twice_gives_the_same_bytes_and_no_leftovers(require, tmp_path):
    require("torch")
    first = reference.write_set("attention", tmp_path / "one")
    second = reference.write_set("attention", tmp_path / "two")
    assert first.read_bytes() == second.read_bytes()
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["attention.npz"]


def test_check_names_what_is_off(require, tmp_path, capsys):
    require("torch")
    off = dict(STORED)
    off["plain/output"] = off["plain/output"] + np.float32(1e-5)
    off["causal/weights"] = off["causal/weights"][0]
    off["stray/query"] = off.pop("scale/query")
    np.savez(tmp_path / "attention.npz", **off)
    assert reference.main(["--check", "--folder", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "plain/output differs from what PyTorch computes now by more than 1e-06" in said
    assert "causal/weights: expected float32 (2, 4, 5, 5); the file holds float32 (4, 5, 5)" in said
    assert "stray/query is only in the file" in said
    assert "scale/query is only in the program" in said
    assert reference.main(["attention", "--check", "--folder", str(tmp_path / "nowhere")]) == 1
    assert "attention.npz is missing: write it with `make reference`" in capsys.readouterr().out


def test_without_torch_the_program_says_what_to_do(monkeypatch, tmp_path, capsys):
    def build_set(name):
        raise ModuleNotFoundError("No module named 'torch'")

    monkeypatch.setattr(reference, "build_set", build_set)
    assert reference.main(["--folder", str(tmp_path)]) == 2
    assert "`make reference` installs PyTorch" in capsys.readouterr().err


def test_unknown_sets_are_refused(capsys):
    with pytest.raises(SystemExit) as exit_:
        reference.main(["attentoin"])
    assert exit_.value.code == 2
    assert f"expected sets among {', '.join(reference.SETS)}; received attentoin" in capsys.readouterr().err
