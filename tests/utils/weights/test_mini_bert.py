"""mini-bert in our encoder is mini-bert in Hugging Face's: hidden states, pooled output, padding, segments."""

import keras
import numpy as np
import pytest

from tools.measure.recipe import ENCODER
from tools.reference import write as reference
from utils.reference import reference_cases
from utils.weights.from_bert import load_bert
from utils.weights.pooler import load_pooler, pooled_output

STORED = reference_cases(reference.FOLDER / "mini-bert.npz")["mini-bert"]


@pytest.fixture(scope="module")
def loaded():
    return load_bert(ENCODER)


def test_hidden_states_and_pooled_output_are_the_librarys(loaded):
    given = {name: STORED[name] for name in ("token_ids", "attention_mask", "token_type_ids")}
    states = [keras.ops.convert_to_numpy(state) for state in loaded[0](**given, return_hidden_states=True)]
    assert (STORED["attention_mask"] == 0).any()
    assert (STORED["token_type_ids"] == 1).any()
    np.testing.assert_allclose(states, STORED["hidden_states"], atol=1e-5)
    np.testing.assert_allclose(pooled_output(states[-1], *load_pooler(ENCODER)), STORED["pooled"], atol=1e-5)


def test_tokens_are_the_librarys(loaded):
    pair = loaded[1].encode("Was it good?", "It was not.")
    assert pair.ids == STORED["token_ids"][2].tolist()
    assert pair.type_ids == STORED["token_type_ids"][2].tolist()


def test_a_folder_without_pooler_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"expected weights in model\.safetensors"):
        load_pooler(tmp_path)


def test_torch_still_says_the_same(require):
    require("torch")
    assert reference.differences("mini-bert") == []
