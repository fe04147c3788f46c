"""Encoders of either format: found, converted once and exactly, and refused when they lack something."""

import json
import re
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.support.finetuning_toys import WORDS, pytorch_weights, tensorflow_weights, write_bert
from tests.utils.finetuning.test_ktrain_mends import run
from utils.finetuning import encoders as finetuning_models
from utils.finetuning.encoders import default_cache, find_encoder, tensorflow_folder, weights_format


def test_folder_in_tensorflow_format_is_used_as_it_is(tmp_path):
    folder = write_bert(tmp_path / "bert")
    assert weights_format(folder) == "tf"
    assert tensorflow_folder(folder, tmp_path / "cache") == folder.resolve()
    assert not (tmp_path / "cache").exists()


def test_conversion_keeps_every_number_and_is_done_once(tmp_path):
    source = write_bert(tmp_path / "bert", "pt")
    folder = tensorflow_folder(source, tmp_path / "cache")
    found, expected = load_file(folder / "model.safetensors"), tensorflow_weights(pytorch_weights())
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    assert (folder / "vocab.txt").read_text() == (source / "vocab.txt").read_text()
    assert json.loads((folder / "config.json").read_text())["hidden_size"] == 16
    written = (folder / "model.safetensors").stat().st_mtime_ns
    assert tensorflow_folder(source, tmp_path / "cache") == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == written
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [folder.name]


def test_other_weights_are_converted_to_another_folder(tmp_path):
    first = tensorflow_folder(write_bert(tmp_path / "bert", "pt"), tmp_path / "cache")
    changed = write_bert(tmp_path / "bert", "pt", **{"pooler.dense.bias": np.ones(16, "float32")})
    assert tensorflow_folder(changed, tmp_path / "cache") != first


@pytest.mark.parametrize("kind", ["BertModel", "BertForMaskedLM", "DistilBertForMaskedLM"])
def test_converted_encoder_gives_the_hidden_states_of_pytorch(tmp_path, require, kind):
    torch = require("torch")
    transformers = finetuning_models.load_transformers()
    torch.manual_seed(0)
    sizes = {"vocab_size": 40, "max_position_embeddings": 12}
    bert = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12}
    distilled = {"dim": 8, "n_layers": 2, "n_heads": 2, "hidden_dim": 12}
    config_of = transformers.DistilBertConfig if kind.startswith("Distil") else transformers.BertConfig
    model = getattr(transformers, kind)(config_of(**sizes, **(distilled if kind.startswith("Distil") else bert)))
    model.save_pretrained(tmp_path / "source")
    theirs = model.base_model.eval()
    ours = transformers.TFAutoModel.from_pretrained(tensorflow_folder(tmp_path / "source", tmp_path / "cache"))
    tokens = np.random.default_rng(3).integers(5, 5 + len(WORDS), size=(3, 7))
    mask = np.arange(7) < np.array([[7], [4], [1]])
    with torch.no_grad():
        expected = theirs(torch.as_tensor(tokens), attention_mask=torch.as_tensor(mask.astype("int64")))
    found = ours({"input_ids": tokens, "attention_mask": mask.astype("int32")})
    np.testing.assert_allclose(found.last_hidden_state[mask], expected.last_hidden_state.numpy()[mask], atol=1e-5)
    if kind == "BertModel":
        np.testing.assert_allclose(found.pooler_output, expected.pooler_output.numpy(), atol=1e-5)


def test_missing_weight_is_named_and_a_missing_pooler_is_allowed(tmp_path):
    name = "encoder.layer.1.output.dense.bias"
    with pytest.raises(ValueError, match=rf"expected all weights of the network in .*lacks .*{re.escape(name)}"):
        tensorflow_folder(write_bert(tmp_path / "one", "pt", **{name: None}), tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())
    without = {"pooler.dense.weight": None, "pooler.dense.bias": None}
    folder = tensorflow_folder(write_bert(tmp_path / "two", "pt", **without), tmp_path / "cache")
    found, expected = load_file(folder / "model.safetensors"), tensorflow_weights(pytorch_weights())
    kept = [name for name in expected if "pooler" not in name]
    assert all((found[name] == expected[name]).all() for name in kept)


OUTPUT = "encoder.layer.1.output.dense.bias"
STRANGE = {
    "int8": ({OUTPUT: np.ones(16, "int8")}, r"floats in .*model\.safetensors; .*output.dense.bias.* is int8"),
    "NaN": ({OUTPUT: np.full(16, np.nan, "float32")}, r"finite numbers in .*; .*output.dense.bias.* holds NaN or inf"),
    "infinity": ({OUTPUT: np.full(16, -np.inf, "float16")}, r"finite numbers in .*output.dense.bias"),
    "more layers": (
        {name.replace(".1.", ".2."): array for name, array in pytorch_weights().items() if ".layer.1." in name},
        r"expected 2 layers in .*model\.safetensors, as .*config\.json says; found one of number 2, counted from 0",
    ),
}


@pytest.mark.parametrize("written_by", ["tf", "pt"])
@pytest.mark.parametrize(("changes", "told"), STRANGE.values(), ids=STRANGE)
def test_weights_that_would_be_trained_on_as_others_are_refused(tmp_path, changes, told, written_by):
    folder = write_bert(tmp_path / "bert", written_by, **changes)
    with pytest.raises(ValueError, match=told):
        tensorflow_folder(folder, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_whole_numbers_that_are_no_weights_are_left_alone(tmp_path):
    extra = {"embeddings.position_ids": np.arange(40)[None]}
    assert tensorflow_folder(write_bert(tmp_path / "bert", "pt", **extra), tmp_path / "cache").is_dir()


@pytest.mark.slow
def test_loading_needs_no_torch(tmp_path):
    write_bert(tmp_path / "bert", "pt")
    code = f"""
import importlib.abc, sys
class NoTorch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
sys.meta_path.insert(0, NoTorch())
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name.split(".")[0] == "torch" else find(name, package)
from utils.finetuning.encoders import tensorflow_folder, load_transformers
folder = tensorflow_folder({str(tmp_path / "bert")!r}, {str(tmp_path / "cache")!r})
transformers = load_transformers()
model = transformers.TFAutoModelForSequenceClassification.from_pretrained(folder)
assert not transformers.is_torch_available() and "torch" not in sys.modules
print("logits", model(model.dummy_inputs).logits.shape[-1])
try:
    transformers.TFAutoModel.from_pretrained({str(tmp_path / "bert")!r})
except Exception as error:
    print("needed:", type(error).__name__, error)
else:
    print("transformers reads PyTorch's format without torch: remove mend 3")
"""
    done = run(code)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "logits 2" in done.stdout
    assert "needed:" in done.stdout, done.stdout


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/folder", "~/bert", "a/b/c", "c:\\bert"])
def test_folder_that_is_not_there_is_not_looked_for_on_the_hub(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises((FileNotFoundError, ImportError)) as caught:
        find_encoder(name)
    assert "there is none at" in str(caught.value)


def test_name_on_the_hub_is_fetched_and_failure_is_told(monkeypatch, tmp_path):
    import huggingface_hub

    folder = write_bert(tmp_path / "fetched")
    asked = []

    def fetch(name, allow_patterns):
        asked.append((name, allow_patterns))
        if name == "no/such-model":
            raise OSError("no network")
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    monkeypatch.chdir(tmp_path)
    assert find_encoder("some/bert") == folder.resolve()
    assert asked[0][0] == "some/bert"
    assert "model.safetensors" in asked[0][1]
    assert not [pattern for pattern in asked[0][1] if pattern.endswith((".bin", ".py", ".pkl"))]
    with pytest.raises(FileNotFoundError, match="'no/such-model' is not a folder, and the hub gave: OSError: no net"):
        find_encoder("no/such-model")


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_folder_without_a_needed_file_is_told(tmp_path, missing):
    folder = write_bert(tmp_path / "bert")
    (folder / missing).unlink()
    with pytest.raises(FileNotFoundError, match=f"expected {missing} in .*it holds .*vocab.txt"):
        find_encoder(folder)


def test_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("BOOK_CACHE_DIR", raising=False)
    assert default_cache() == tmp_path / "executable-transformer"
    monkeypatch.setenv("BOOK_CACHE_DIR", str(tmp_path / "own"))
    assert default_cache() == tmp_path / "own"
