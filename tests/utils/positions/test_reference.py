"""Positions beside those of DistilBERT, GPT-J, Llama, Bloom, MPT and PyTorch, by the values of data/reference."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.support.naive_positions import numbers
from tools.reference import write as reference
from utils import runtime
from utils.attention import attention_weights
from utils.positions import LearnedPositions, alibi_bias, rotate, sinusoidal_positions
from utils.reference import reference_cases

PATH = reference.FOLDER / "positions.npz"
CASES = reference_cases(PATH)
ALIBI = [name for name in CASES if name.startswith("alibi_")]


def test_stored_cases_are_those_that_the_chapter_relies_on():
    assert {*CASES} == {"sinusoidal", "learned", "interleaved", "half", "alibi_1", "alibi_8", "alibi_12"}
    with np.load(PATH, allow_pickle=False) as file:
        assert {"meta/torch", "meta/transformers", "meta/numpy", "meta/seed", "meta/dtype"} <= {*file.files}
    assert PATH.stat().st_size < 100_000


def test_sinusoidal_table_is_that_of_distilbert():
    table = CASES["sinusoidal"]["table"]
    np.testing.assert_allclose(numbers(sinusoidal_positions(*table.shape)), table, atol=1e-6)


def test_learned_positions_are_an_embedding_of_torch_with_its_gradient():
    case = CASES["learned"]
    layer = LearnedPositions(max_length=len(case["table"]), d_model=case["table"].shape[1])
    layer.build(case["tokens"].shape)
    layer.set_weights([case["table"]])
    np.testing.assert_allclose(numbers(layer(case["tokens"])), case["output"], atol=1e-6)

    np.testing.assert_allclose(slope_of_table(layer, case), case["grad_table"], atol=1e-5)


def slope_of_table(layer, case):
    """Return the gradient of sum(output * cotangent) for the table of learned positions."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            total = tf.reduce_sum(layer(case["tokens"]) * case["cotangent"])
        return numbers(tape.gradient(total, layer.embeddings.value))

    cotangent = ops.convert_to_tensor(case["cotangent"])

    def loss(table):
        return ops.sum(layer.stateless_call([table], [], case["tokens"])[0] * cotangent)

    return runtime.gradients(loss, case["table"])[0]


@pytest.mark.parametrize("pairing", ["interleaved", "half"])
def test_rotated_queries_and_keys_are_those_of_gptj_and_llama(pairing):
    case = CASES[pairing]
    positions = case["positions"][:, None]
    for name in ("query", "key"):
        found = numbers(rotate(case[name], positions, pairing=pairing))
        np.testing.assert_allclose(found, case[f"rotated_{name}"], atol=1e-5)
        assert np.abs(found - case[name]).max() > 0.1
    cotangent = ops.convert_to_tensor(case["cotangent"])
    (slope,) = runtime.gradients(
        lambda rows: ops.sum(rotate(rows, positions, pairing=pairing) * cotangent), case["query"]
    )
    np.testing.assert_allclose(slope, case["grad_query"], atol=1e-5)
    other = {"interleaved": "half", "half": "interleaved"}[pairing]
    assert np.abs(numbers(rotate(case["query"], positions, pairing=other)) - case["rotated_query"]).max() > 0.1


@pytest.mark.parametrize("name", ALIBI)
def test_biases_of_bloom_and_mpt_are_ours_up_to_a_number_for_each_query(name):
    case = CASES[name]
    num_heads, _, length = case["bloom"].shape
    ours = numbers(alibi_bias(num_heads, length))
    past = np.tri(length, dtype=bool)
    for theirs in (case["bloom"], case["mpt"]):
        gap = np.where(past, ours - theirs, ours[..., :1] - theirs[..., :1])  # first key: always in the past
        np.testing.assert_allclose(gap, np.broadcast_to(gap[..., :1], gap.shape), atol=1e-6)


@pytest.mark.parametrize("name", ALIBI)
def test_causal_weights_with_alibi_are_those_with_the_bias_of_bloom(name):
    case = CASES[name]
    bias = alibi_bias(*case["query"].shape[1:3])
    weights = attention_weights(case["query"], case["key"], attention_bias=bias, use_causal_mask=True)
    np.testing.assert_allclose(numbers(weights), case["weights"], atol=1e-6)
    plain = attention_weights(case["query"], case["key"], use_causal_mask=True)
    assert np.abs(numbers(plain) - case["weights"]).max() > 1e-3


def test_torch_and_transformers_still_say_the_same(require):
    require("torch")
    require("transformers")
    assert reference.differences("positions") == []


def test_a_stored_value_that_is_off_is_named(require, tmp_path):
    require("torch")
    require("transformers")
    with np.load(PATH, allow_pickle=False) as file:
        stored = {key: file[key] for key in file.files}
    stored["half/rotated_key"] = stored["half/rotated_key"] + np.float32(1e-4)
    np.savez(tmp_path / "positions.npz", **stored)
    assert reference.differences("positions", tmp_path) == [
        "half/rotated_key differs from what PyTorch computes now by more than 1e-06"
    ]
