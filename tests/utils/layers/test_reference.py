"""MultiHeadAttention beside PyTorch's nn.MultiheadAttention, by the values stored in data/reference."""

import numpy as np
import pytest

from tests.support.naive_heads import numbers, slopes
from tools.reference import write as reference
from utils.layers import MultiHeadAttention

NAME = "multi-head-attention"
H, E = 4, 12


def load(path=reference.FOLDER / f"{NAME}.npz"):
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


STORED = load()
CASES = sorted({key.split("/")[0] for key in STORED} - {"meta"})


def stored(case):
    return {key.split("/")[1]: array for key, array in STORED.items() if key.startswith(f"{case}/")}


def in_our_layout(found, prefix=""):
    """Return PyTorch's parameters, or their gradients, as `set_weights` takes them: query, key, value, output."""
    packed = found.get(f"{prefix}in_proj_weight")
    kernels = [found[f"{prefix}{name}_proj_weight"] for name in "qkv"] if packed is None else np.split(packed, 3)
    kernels = [kernel.T.reshape(-1, H, E // H) for kernel in kernels]  # (width, H, D): row h·D + d belongs to head h
    output = found[f"{prefix}out_proj_weight"].T.reshape(H, E // H, E)  # (H, D, E)
    if f"{prefix}in_proj_bias" not in found:
        return [*kernels, output]
    biases = found[f"{prefix}in_proj_bias"].reshape(3, H, E // H)
    pairs = [array for pair in zip(kernels, biases, strict=True) for array in pair]
    return [*pairs, output, found[f"{prefix}out_proj_bias"]]


def allowed(found):
    """Return the masks, turned round: PyTorch says where attention may not go, ours where it may."""
    pairs, padding = found.get("attn_mask"), found.get("key_padding_mask")
    masks = {} if pairs is None else {"attention_mask": ~pairs}
    return masks if padding is None else masks | {"key_mask": ~padding}


def prepared(case):
    """Return the stored arrays, the layer with PyTorch's parameters, and the inputs in our order."""
    found = stored(case)
    layer = MultiHeadAttention(H, E // H, use_bias="in_proj_bias" in found)
    inputs = [found[name] for name in ("query", "value", "key")]
    layer.build(*(array.shape for array in inputs))
    layer.set_weights(in_our_layout(found))
    return found, layer, inputs


def test_stored_cases_are_those_that_the_chapter_relies_on():
    assert CASES == ["boolean_mask", "causal", "cross_attention", "no_bias", "padding", "self_attention"]
    assert {"meta/torch", "meta/numpy", "meta/seed", "meta/dtype"} <= STORED.keys()
    assert {array.dtype.name for key, array in STORED.items() if "meta" not in key} == {"float32", "bool"}
    assert (reference.FOLDER / f"{NAME}.npz").stat().st_size < 100_000


@pytest.mark.parametrize("case", CASES)
def test_output_weights_and_gradients_equal_those_of_torch(case):
    found, layer, inputs = prepared(case)
    output, weights = (numbers(part) for part in layer(*inputs, **allowed(found), return_attention_scores=True))
    np.testing.assert_allclose(output, found["output"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(weights, found["weights"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(weights.mean(1), found["average_weights"], rtol=1e-5, atol=1e-5)
    received = slopes(layer, inputs, found["cotangent"], **allowed(found))
    expected = [found[f"grad_{name}"] for name in ("query", "value", "key")] + in_our_layout(found, "grad_")
    for at, (got, want) in enumerate(zip(received, expected, strict=True)):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5, err_msg=f"gradient {at}")


def test_causal_flag_equals_the_mask_of_torch():
    found, layer, inputs = prepared("causal")
    np.testing.assert_allclose(numbers(layer(*inputs, use_causal_mask=True)), found["output"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", ["boolean_mask", "causal", "padding", "cross_attention"])
def test_a_mask_that_is_not_turned_round_is_seen(case):
    found, layer, inputs = prepared(case)
    inverted = {name: ~mask for name, mask in allowed(found).items()}
    assert np.abs(numbers(layer(*inputs, **inverted)) - found["output"]).max() > 0.1
    assert np.abs(numbers(layer(*inputs)) - found["output"]).max() > 0.1


@pytest.mark.parametrize("slip", ["key is value", "heads interleaved", "output not transposed"])
def test_known_slips_in_moving_parameters_are_seen(slip):
    found, layer, inputs = prepared("self_attention")
    weights = in_our_layout(found)
    if slip == "key is value":
        weights[4:6] = weights[2:4]
    elif slip == "heads interleaved":
        weights[0] = np.split(found["in_proj_weight"], 3)[0].T.reshape(E, E // H, H).swapaxes(1, 2)
    else:
        weights[6] = found["out_proj_weight"].reshape(H, E // H, E)
    layer.set_weights(weights)
    assert np.abs(numbers(layer(*inputs)) - found["output"]).max() > 0.1


def test_torch_still_says_the_same(require):
    require("torch")
    assert reference.differences(NAME) == []


def test_writing_again_gives_the_same_bytes(require, tmp_path):
    require("torch")
    first, second = (reference.write_set(NAME, tmp_path / name) for name in ("one", "two"))
    assert first.read_bytes() == second.read_bytes()


def test_a_stored_value_that_is_off_is_named(require, tmp_path):
    require("torch")
    off = STORED | {"padding/weights": STORED["padding/weights"] + np.float32(1e-5)}
    np.savez(tmp_path / f"{NAME}.npz", **off)
    assert reference.differences(NAME, tmp_path) == [
        "padding/weights differs from what PyTorch computes now by more than 1e-06"
    ]
