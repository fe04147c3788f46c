"""Files that an earlier version wrote: the present code loads them, and computes what that version computed."""

import json

import keras
import numpy as np
import pytest
from keras import ops

import utils.transformer  # noqa: F401  (its classes are found by their registered names)
from tests.conftest import ROOT
from utils.checkpoints import load_checkpoint

SAVED = ROOT / "tests" / "support" / "saved"
INPUTS = {
    "MultiHeadAttention": (["vectors", "memory"],),
    "FeedForward": ("vectors",),
    "EncoderLayer": ("vectors",),
    "DecoderLayer": (["vectors", "memory"],),
    "LearnedPositions": ("vectors",),
    "TokenEmbedding": ("token_ids",),
    "FunctionalEncoder": (["token_ids", "mask"],),
    "Encoder": ("token_ids", "mask"),
    "Decoder": ("token_ids", "memory"),
    "Transformer": (["token_ids", "target_ids"],),
    "CausalLanguageModel": ("token_ids",),
    "TextClassifier": ("token_ids",),
}


def stored():
    with np.load(SAVED / "expected.npz") as arrays:
        found = dict(arrays)
    return found | {"target_ids": found["token_ids"][:, :3]}


def test_every_saved_file_is_loaded_by_a_test():
    assert sorted(INPUTS) == sorted(path.stem for path in SAVED.glob("*.keras"))


@pytest.mark.parametrize("name", INPUTS)
def test_a_model_saved_by_an_earlier_version_computes_the_same(name):
    arrays = stored()
    given = [[arrays[part] for part in one] if isinstance(one, list) else arrays[one] for one in INPUTS[name]]
    model = keras.saving.load_model(SAVED / f"{name}.keras")
    np.testing.assert_allclose(
        ops.convert_to_numpy(model(*given)), arrays[f"output.{name}"], rtol=1e-5, atol=1e-5, err_msg=name
    )


def test_a_checkpoint_saved_by_an_earlier_version_is_read():
    found = load_checkpoint(SAVED / "classifier")
    assert found.details["classes"] == ["down", "level", "up"]
    assert sum(array.size for array in found.weights.values()) == 5283
    assert json.loads(found.files["config.json"])["hidden_size"] == 16


def test_a_classifier_saved_by_an_earlier_version_predicts_the_same():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("classifiers run on TensorFlow")
    pytest.importorskip("transformers")
    from utils.finetuning import Classifier

    expected = json.loads((SAVED / "classifier-expected.json").read_text(encoding="utf-8"))
    classifier = Classifier.load(SAVED / "classifier")
    assert classifier.predict(expected["texts"]) == expected["predictions"]
    np.testing.assert_allclose(
        classifier.predict_probability(expected["texts"]), expected["probabilities"], rtol=1e-4, atol=1e-5
    )
