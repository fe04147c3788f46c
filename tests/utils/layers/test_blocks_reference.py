"""EncoderLayer and DecoderLayer beside PyTorch's, weight for weight, by the values stored in data/reference."""

import numpy as np
import pytest

from tests.support.naive_blocks import numbers, slopes_of
from tools.reference import write as reference
from utils.layers.blocks import DecoderLayer, EncoderLayer
from utils.reference import reference_cases
from utils.weights.from_torch import gap_to_torch, largest_gap, load_torch_layer, split_heads

NAME = "encoder-decoder"
H, WIDE = 4, 14
STORED = reference_cases(reference.FOLDER / f"{NAME}.npz")
OPTIONS = {
    "encoder_layer_post_norm": {},
    "encoder_layer_pre_norm": {"norm_first": True, "activation": "gelu"},
    "encoder_layer_causal": {},
    "decoder_layer_post_norm": {},
    "decoder_layer_pre_norm": {"norm_first": True},
    "decoder_layer_without_masks": {"activation": "gelu"},
}


def part(case, prefix):
    return {name.removeprefix(prefix): array for name, array in STORED[case].items() if name.startswith(prefix)}


def allowed(case):
    """Return the masks, turned round: PyTorch says where attention may not go, ours where it may."""
    found = STORED[case]
    masks = {} if "src_key_padding_mask" not in found else {"attention_mask": ~found["src_key_padding_mask"][:, None]}
    masks |= {} if "src_mask" not in found else {"attention_mask": ~found["src_mask"]}
    masks |= {} if "tgt_mask" not in found else {"attention_mask": ~found["tgt_mask"]}
    if "memory_key_padding_mask" in found:
        masks["memory_mask"] = ~found["memory_key_padding_mask"][:, None]
    return masks | ({"use_causal_mask": False} if case.startswith("decoder") else {})


def prepared(case, **changes):
    """Return our layer with PyTorch's parameters, and its inputs."""
    found, decodes = STORED[case], case.startswith("decoder")
    layer = (DecoderLayer if decodes else EncoderLayer)(H, WIDE, **(OPTIONS[case] | changes))
    inputs = [found["target"], found["source"]] if decodes else [found["source"]]
    layer.build(*(array.shape for array in inputs))
    load_torch_layer(layer, part(case, "parameter."))
    return layer, inputs


def test_stored_cases_are_those_that_the_chapter_relies_on():
    assert set(OPTIONS) | {"transformer_post_norm", "transformer_pre_norm"} == STORED.keys()
    assert {array.dtype.name for arrays in STORED.values() for array in arrays.values()} == {"float32", "bool"}
    assert (reference.FOLDER / f"{NAME}.npz").stat().st_size < 300_000


@pytest.mark.parametrize("case", OPTIONS)
def test_output_and_gradients_equal_those_of_torch(case):
    layer, inputs = prepared(case)
    found = STORED[case]
    output = numbers(layer(*inputs, **allowed(case)))
    np.testing.assert_allclose(output, found["output"], rtol=1e-5, atol=1e-5)
    received = slopes_of(layer, inputs, found["cotangent"], **allowed(case))
    # Gradients take the way of the weights: load them as if they were weights, and read them back in our order.
    as_ours, _ = prepared(case)
    load_torch_layer(as_ours, part(case, "grad."))
    names = ("target", "source") if case.startswith("decoder") else ("source",)
    expected = [*(found[f"grad.{name}"] for name in names), *as_ours.get_weights()]
    for at, (got, want) in enumerate(zip(received, expected, strict=True)):
        limit = 1e-5 * max(1, np.abs(want).max())
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=limit, err_msg=f"gradient {at}")


def test_the_causal_flag_equals_the_mask_of_torch():
    layer, inputs = prepared("encoder_layer_causal")
    output = numbers(layer(*inputs, use_causal_mask=True))
    np.testing.assert_allclose(output, STORED["encoder_layer_causal"]["output"], rtol=1e-5, atol=1e-5)
    layer, inputs = prepared("decoder_layer_post_norm")
    output = numbers(layer(*inputs, memory_mask=allowed("decoder_layer_post_norm")["memory_mask"]))
    np.testing.assert_allclose(output, STORED["decoder_layer_post_norm"]["output"], rtol=1e-5, atol=1e-5)


WRONG = {
    "the other order of norm and sum": "norm_first",
    "another activation": "activation",
    "Keras's epsilon": "epsilon",
}


@pytest.mark.parametrize("option", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("case", OPTIONS)
def test_another_option_than_that_of_torch_is_seen(case, option):
    activation = {"relu": "gelu", "gelu": "relu"}[OPTIONS[case].get("activation", "relu")]
    changed = {"norm_first": not OPTIONS[case].get("norm_first"), "activation": activation, "epsilon": 1e-3}
    layer, inputs = prepared(case, **{option: changed[option]})
    assert np.abs(numbers(layer(*inputs, **allowed(case))) - STORED[case]["output"]).max() > 1e-4


@pytest.mark.parametrize("case", [case for case in OPTIONS if case != "decoder_layer_without_masks"])
def test_a_mask_that_is_left_out_is_seen(case):
    layer, inputs = prepared(case)
    given = allowed(case)
    for name in given.keys() - {"use_causal_mask"}:
        rest = {other: mask for other, mask in given.items() if other != name}
        assert np.abs(numbers(layer(*inputs, **rest)) - STORED[case]["output"]).max() > 1e-2


def test_norms_and_projections_that_are_swapped_are_seen():
    case = "decoder_layer_post_norm"
    layer, inputs = prepared(case)
    arrays = part(case, "parameter.")
    for one, other in (("norm1", "norm2"), ("self_attn", "multihead_attn")):
        swap = {one: other, other: one}
        load_torch_layer(
            layer,
            {".".join([swap.get(n.split(".")[0], n.split(".")[0]), *n.split(".")[1:]]): a for n, a in arrays.items()},
        )
        assert np.abs(numbers(layer(*inputs, **allowed(case))) - STORED[case]["output"]).max() > 1e-2


def test_rows_of_one_head_stay_together():
    matrix = np.arange(6 * 5).reshape(6, 5)  # two heads of 3, inputs of width 5
    assert split_heads(matrix, 2).shape == (5, 2, 3)
    np.testing.assert_array_equal(split_heads(matrix, 2)[4, 1], matrix[3:, 4])
    np.testing.assert_array_equal(split_heads(np.arange(6), 2), [[0, 1, 2], [3, 4, 5]])


def test_weights_that_do_not_fit_are_named_and_change_nothing():
    case = "encoder_layer_post_norm"
    layer, _ = prepared(case)
    before, arrays = layer.get_weights(), part(case, "parameter.")
    with pytest.raises(ValueError, match=r"expected an array named 'linear2.bias', as PyTorch's layer has"):
        load_torch_layer(layer, {name: array for name, array in arrays.items() if name != "linear2.bias"})
    message = r"expected weights of shape \(8, 14\) for .*intermediate/kernel; received \(8, 15\) from the given arrays"
    with pytest.raises(ValueError, match=message):
        load_torch_layer(layer, {**arrays, "self_attn.out_proj.bias": np.ones(8), "linear1.weight": np.ones((15, 8))})
    for now, then in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_torch_still_says_the_same_of_layers(require):
    require("torch")
    assert reference.differences(NAME) == []


@pytest.mark.parametrize("case", [case for case in OPTIONS if case.endswith("_norm")])
def test_the_gap_to_torch_is_small_and_grows_with_another_option_or_mask_or_gradient(case):
    kind = DecoderLayer if case.startswith("decoder") else EncoderLayer
    found, options = STORED[case], OPTIONS[case]
    assert gap_to_torch(kind(H, WIDE, **options), found) < 1e-5
    assert gap_to_torch(kind(H, WIDE, **(options | {"norm_first": not options.get("norm_first")})), found) > 1e-2
    padding = "memory_key_padding_mask" if kind is DecoderLayer else "src_key_padding_mask"
    for name in (padding, "grad.linear1.bias", "grad.source"):
        changed = ~found[name] if found[name].dtype == bool else found[name] + 0.01 * np.abs(found[name]).max()
        assert gap_to_torch(kind(H, WIDE, **options), found | {name: changed}) > 1e-3


def test_the_largest_gap_is_a_share_of_large_numbers_and_refuses_other_shapes():
    assert largest_gap([np.array([1.0, 2.5]), np.array([30.0])], [np.array([1.0, 2.0]), np.array([40.0])]) == 0.25
    assert largest_gap([np.array([0.5])], [np.array([0.25])]) == 0.25
    with pytest.raises(ValueError, match=r"expected an array of shape \(2,\); received \(1,\)"):
        largest_gap([np.ones(1)], [np.ones(2)])
    with pytest.raises(ValueError, match="zip"):
        largest_gap([np.ones(1)], [])
