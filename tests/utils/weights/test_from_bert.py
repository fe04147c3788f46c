"""BERT and DistilBERT in our Encoder: every hidden state, both namings, and what is refused."""

import json
import os
import pickle
import shutil
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from keras import ops
from safetensors.numpy import save_file

from tests.support.finetuning_toys import as_tensorflow_writes
from tools.reference import write as reference
from utils import wordpiece
from utils.reference import reference_cases
from utils.weights.from_bert import FAMILIES, load_bert, pytorch_name, write_bert_files

STORED = reference_cases(reference.FOLDER / "bert.npz")
CASES = sorted(STORED)
numbers = ops.convert_to_numpy


def weights(case):
    return {name.removeprefix("weight."): array for name, array in STORED[case].items() if name.startswith("weight.")}


def settings(case):
    found = {name.removeprefix("setting."): a.item() for name, a in STORED[case].items() if name.startswith("setting.")}
    if case == "bert":
        found |= {"hidden_act": "gelu", "layer_norm_eps": 1e-12}
        return found | {"model_type": case, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
    return found | {"model_type": case, "activation": "gelu", "dropout": 0.1, "attention_dropout": 0.1}


def write(folder, case, arrays=None, **changes):
    """Write the model of a stored case as Hugging Face would, with a vocabulary of its size."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(settings(case) | changes))
    save_file(
        {name: np.ascontiguousarray(array) for name, array in (arrays or weights(case)).items()},
        folder / "model.safetensors",
    )
    wordpiece.save(wordpiece.build([*wordpiece.SPECIAL_TOKENS, *"abcdefghijkl"]), folder)
    return folder


def hidden_states(encoder, case):
    found = STORED[case]
    given = {name: found[name] for name in ("attention_mask", "token_type_ids") if name in found}
    return [numbers(state) for state in encoder(found["token_ids"], **given, return_hidden_states=True)]


NAMINGS = {
    "PyTorch's": lambda arrays: arrays,
    "PyTorch's, inside another model": lambda arrays: (
        {f"bert.{name}": a for name, a in arrays.items()} | {"cls.bias": np.ones(3)}
    ),
    "TensorFlow's": as_tensorflow_writes,
    "TensorFlow's, inside another model": lambda arrays: {
        f"tf/bert/{n}": a for n, a in as_tensorflow_writes(arrays).items()
    },
}


def test_stored_cases_are_those_that_the_chapter_relies_on():
    assert CASES == ["bert", "distilbert"] == sorted(FAMILIES)
    assert (STORED["bert"]["attention_mask"] == 0).any(1).tolist() == [False, True, True]
    assert (reference.FOLDER / "bert.npz").stat().st_size < 100_000


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("case", CASES)
def test_every_hidden_state_is_that_of_the_model_padding_included(tmp_path, case, naming):
    encoder, tokenizer = load_bert(write(tmp_path / "model", case, NAMINGS[naming](weights(case))))
    received, expected = hidden_states(encoder, case), STORED[case]["hidden_states"]
    assert len(received) == len(expected) == 3
    for at, (got, want) in enumerate(zip(received, expected, strict=True)):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5, err_msg=f"hidden state {at}")
    assert tokenizer.encode("a b").ids == [2, 5, 6, 3]


@pytest.mark.parametrize("left_out", ["attention_mask", "token_type_ids"])
def test_a_mask_or_a_type_that_is_left_out_is_seen(tmp_path, left_out):
    encoder, _ = load_bert(write(tmp_path / "model", "bert"))
    found = STORED["bert"]
    given = {name: found[name] for name in ("attention_mask", "token_type_ids") if name != left_out}
    off = np.abs(numbers(encoder(found["token_ids"], **given)) - found["hidden_states"][-1])
    assert off.max() > 0.01


def test_a_row_of_nothing_but_padding_is_finite_and_attention_adds_its_bias_alone(tmp_path):
    encoder, _ = load_bert(write(tmp_path / "model", "bert"))
    ids, nothing = np.zeros((1, 4), "int32"), np.zeros((1, 4), "int32")
    embedded, first, _ = (numbers(x) for x in encoder(ids, attention_mask=nothing, return_hidden_states=True))
    block = encoder.blocks[0]
    mixed = block.attention_norm(embedded + block.attention.get_weights()[-1])
    np.testing.assert_allclose(first, numbers(block.feed_forward_norm(mixed + block.feed_forward(mixed))), atol=1e-5)
    assert np.isfinite(first).all()


def test_names_of_both_libraries_are_known():
    kernel = np.arange(6).reshape(3, 2)
    name, array = pytorch_name("bert/encoder/layer_._11/output/dense/kernel:0", kernel)
    assert name == "bert.encoder.layer.11.output.dense.weight"
    np.testing.assert_array_equal(array, kernel.T)
    for name in ("encoder.layer.3.output.dense.weight", "embeddings.LayerNorm.bias"):
        assert pytorch_name(name, kernel)[0] == name
        np.testing.assert_array_equal(pytorch_name(name, kernel)[1], kernel)
    assert pytorch_name("embeddings/LayerNorm/gamma:0", kernel)[0] == "embeddings.LayerNorm.weight"
    assert pytorch_name("embeddings.LayerNorm.beta", kernel)[0] == "embeddings.LayerNorm.bias"


REFUSED = {
    "another family": ({"model_type": "gpt2"}, r"expected model_type to be one of bert, distilbert; received 'gpt2'"),
    "relative positions": (
        {"position_embedding_type": "relative_key"},
        "received position_embedding_type='relative_key'",
    ),
    "a decoder": ({"is_decoder": True}, "is_decoder=True"),
    "activation": ({"hidden_act": "mish?"}, r"expected the activation to be one of gelu, .*; received 'mish\?'"),
    "another width": (
        {"hidden_size": 9},
        r"weights of shape \(17, 9\) for .*tokens; received \(17, 6\) from model.safeten",
    ),
    "more layers": (
        {"num_hidden_layers": 3},
        "an array named 'encoder.layer.2.attention.self.query.weight' in model.safe",
    ),
    "heads": ({"num_attention_heads": 4}, "expected d_model to be a multiple of num_heads=4"),
}


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=REFUSED)
def test_models_that_cannot_be_loaded_are_refused_with_the_reason(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        load_bert(write(tmp_path / "model", "bert", **changes))


def test_files_that_are_missing_or_broken_are_named(tmp_path):
    folder = write(tmp_path / "model", "bert")
    (folder / "tokenizer.json").unlink()
    for name, message in (
        ("vocab.txt", "expected tokenizer.json or vocab.txt"),
        ("model.safetensors", "expected weights in model.safetensors .* safe_serialization=True"),
        ("config.json", "expected config.json, the model's settings"),
    ):
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        with pytest.raises(FileNotFoundError, match=message):
            load_bert(folder)
        (folder / name).write_bytes(content)
    for text, message in (
        ("{", "expected JSON in .*config.json"),
        ("[]", "JSON object in .*config.json; received list"),
    ):
        (folder / "config.json").write_text(text)
        with pytest.raises(ValueError, match=message):
            load_bert(folder)
    write(folder, "bert")
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ValueError, match="expected weights in safetensors format in "):
        load_bert(folder)
    for content, kind in ((pickle.dumps([1.0] * 40), "a pickle, which can run code"), (b"PK\x03\x04", "a zip archive")):
        (folder / "model.safetensors").write_bytes(content)
        with pytest.raises(ValueError, match=rf"safetensors format in .*: it is {kind}.* safe_serialization"):
            load_bert(folder)
    whole = write(folder, "bert") / "model.safetensors"
    whole.write_bytes(whole.read_bytes()[:-7])
    with pytest.raises(ValueError, match=r"safetensors format in .* cut short or changed: fetch it again"):
        load_bert(folder)
    whole.rename(folder / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match=r"found only pytorch_model.bin, which can run code .*save_pretrained"):
        load_bert(folder)
    with pytest.raises(ValueError, match=r"one array named \[...\]embeddings.word_embeddings.weight .* found 0"):
        load_bert(write(folder, "bert", {"encoder.weight": np.ones(3, "float32")}))


USUAL = {
    "bert": ("hidden_act", "layer_norm_eps", "hidden_dropout_prob", "attention_probs_dropout_prob", "type_vocab_size"),
    "distilbert": ("activation", "dropout", "attention_dropout"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_configuration_does_not_state_has_the_librarys_value(tmp_path, case):
    folder = write(tmp_path / "model", case)
    stated = json.loads((folder / "config.json").read_text())
    left = {name: value for name, value in stated.items() if name not in (*USUAL[case], "pad_token_id")}
    (folder / "config.json").write_text(json.dumps(left))
    encoder, _ = load_bert(folder)
    for got, want in zip(hidden_states(encoder, case), STORED[case]["hidden_states"], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
    assert (encoder.config.dropout, encoder.config.attention_dropout, encoder.config.pad_id) == (0.1, 0.1, 0)


def test_every_value_that_need_not_be_stated_is_that_of_the_library():
    transformers = pytest.importorskip("transformers")
    for kind, config in (("bert", transformers.BertConfig()), ("distilbert", transformers.DistilBertConfig())):
        for theirs, usual in FAMILIES[kind].settings.values():
            assert getattr(config, theirs) == usual, theirs


def layer_twice(arrays):
    """Return weights with a third layer, a copy of the second."""
    more = {name.replace(".layer.1.", ".layer.2."): array for name, array in arrays.items() if ".layer.1." in name}
    return arrays | more


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("case", CASES)
def test_a_file_with_more_layers_than_its_configuration_is_refused(tmp_path, case, naming):
    with pytest.raises(
        ValueError, match=r"expected 2 layers in model.safetensors, as n.*_layers .* found one of number 2"
    ):
        load_bert(write(tmp_path / "model", case, NAMINGS[naming](layer_twice(weights(case)))))


WRONG_ARRAYS = {
    "int8": (lambda array: array.astype("int8"), "as float16, bfloat16, float32, float64; received int8"),
    "uint8": (lambda array: array.astype("uint8"), "as float16, .*; received uint8"),
    "booleans": (lambda array: array > 0, "as float16, .*; received bool"),
    "NaN": (lambda array: np.where(array == array.max(), np.nan, array), "finite numbers .* has 1 of .* NaN or infin"),
    "infinity": (lambda array: np.where(array == array.max(), -np.inf, array), "finite numbers .* has 1 of"),
    "float64 beyond float32": (lambda array: array.astype("float64") * 1e300, "finite numbers in model.safetensors"),
}


@pytest.mark.parametrize("name", ["embeddings.word_embeddings.weight", "encoder.layer.1.output.LayerNorm.bias"])
@pytest.mark.parametrize(("change", "told"), WRONG_ARRAYS.values(), ids=WRONG_ARRAYS)
def test_weights_that_are_no_finite_floats_are_refused_by_name(tmp_path, change, told, name):
    arrays = weights("bert")
    with pytest.raises(ValueError, match=told) as refusal:
        load_bert(write(tmp_path / "model", "bert", arrays | {name: change(arrays[name])}))
    assert name in str(refusal.value)


@pytest.mark.parametrize(("dtype", "gap"), [("float16", 0.01), ("bfloat16", 0.1), ("float64", 1e-5)])
def test_weights_of_other_floats_are_read(tmp_path, dtype, gap):
    dtype = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    arrays = {name: array.astype(dtype) for name, array in weights("bert").items()}
    encoder, _ = load_bert(write(tmp_path / "model", "bert", arrays))
    np.testing.assert_allclose(hidden_states(encoder, "bert")[-1], STORED["bert"]["hidden_states"][-1], atol=gap)


def test_a_weight_under_two_names_is_refused(tmp_path):
    arrays = weights("bert")
    old = {"embeddings.LayerNorm.gamma": np.ones(6, "float32")}
    with pytest.raises(ValueError, match=r"each weight once .* embeddings.LayerNorm.weight under two names"):
        load_bert(write(tmp_path / "model", "bert", arrays | old))


def test_pruned_heads_are_refused(tmp_path):
    arrays = weights("bert")
    for part in ("query", "key", "value"):
        for kind in ("weight", "bias"):
            name = f"encoder.layer.0.attention.self.{part}.{kind}"
            arrays[name] = arrays[name][:-1]
    with pytest.raises(ValueError, match="expected a multiple of 3 rows, as many for each head; received 5"):
        load_bert(write(tmp_path / "model", "bert", arrays))


def test_ids_beyond_the_table_are_refused(tmp_path):
    folder = write(tmp_path / "model", "bert")
    wordpiece.save(wordpiece.build([*wordpiece.SPECIAL_TOKENS, *"abcdefghijklm"]), folder)
    with pytest.raises(ValueError, match=r"expected token ids below 17, .* the tokenizer gives 'm' the id 17"):
        load_bert(folder)
    wordpiece.save(wordpiece.build([*wordpiece.SPECIAL_TOKENS, *"abcdefghijkl"]), folder)
    (folder / "tokenizer_config.json").write_text('{"additional_special_tokens": ["[NEW]"]}')
    with pytest.raises(ValueError, match=r"the tokenizer gives '\[NEW\]' the id 17"):
        load_bert(folder)
    wordpiece.save(wordpiece.build([*wordpiece.SPECIAL_TOKENS, *"abcdefghijk"]), folder)  # one row has no piece
    assert load_bert(folder)[1].get_vocab_size() == 16


def test_settings_beside_the_weights_are_honoured(tmp_path):
    folder = write(tmp_path / "model", "bert")
    details = json.loads((folder / "tokenizer_config.json").read_text())
    assert load_bert(folder)[1].encode("A á").ids == [2, 5, 5, 3]
    (folder / "tokenizer_config.json").write_text(json.dumps(details | {"do_lower_case": False}))
    for _ in ("tokenizer.json", "vocab.txt"):
        assert load_bert(folder)[1].encode("A a").ids == [2, 1, 5, 3]
        (folder / "tokenizer.json").unlink(missing_ok=True)


def test_no_code_of_the_folder_is_run(tmp_path, monkeypatch):
    folder = write(tmp_path / "model", "bert", auto_map={"AutoConfig": "own.Config", "AutoModel": "own.Model"})
    details = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(
        json.dumps(details | {"auto_map": {"AutoTokenizer": ["own.T", None]}})
    )
    (folder / "own.py").write_text(f"open({str(tmp_path / 'was here')!r}, 'w')\n")
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("nobody is asked"))
    load_bert(folder)
    assert not (tmp_path / "was here").exists()


def test_a_stored_model_is_written_as_the_library_writes_it(tmp_path):
    write(tmp_path / "by hand", "bert")
    (tmp_path / "written").mkdir()
    write_bert_files(STORED["bert"], tmp_path / "written")
    assert json.loads((tmp_path / "written" / "config.json").read_text()) == settings("bert")
    assert sorted(os.listdir(tmp_path / "written")) == sorted(os.listdir(tmp_path / "by hand"))
    encoder, tokenizer = load_bert(tmp_path / "written")
    assert tokenizer.get_vocab_size() == encoder.config.vocabulary_size == 17
    for got, want in zip(hidden_states(encoder, "bert"), STORED["bert"]["hidden_states"], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def test_a_loaded_encoder_is_saved_and_loaded_like_any_other(tmp_path):
    import keras

    encoder, _ = load_bert(write(tmp_path / "model", "bert"))
    encoder.save(tmp_path / "encoder.keras")
    again = keras.saving.load_model(tmp_path / "encoder.keras")
    np.testing.assert_array_equal(hidden_states(again, "bert")[-1], hidden_states(encoder, "bert")[-1])


def test_the_libraries_still_say_the_same(require):
    require("torch")
    assert reference.differences("bert") == []


def test_a_file_that_the_library_itself_wrote_gives_its_hidden_states(require, tmp_path):
    torch = require("torch")
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 14, "num_hidden_layers": 3, "num_attention_heads": 7, "intermediate_size": 22}
    torch.manual_seed(0)
    config = transformers.BertConfig(vocab_size=17, max_position_embeddings=11, **sizes)
    model = transformers.BertForSequenceClassification(config).eval()
    model.save_pretrained(tmp_path / "written")
    write(tmp_path / "names", "bert")
    shutil.copy(tmp_path / "names" / "tokenizer.json", tmp_path / "written")
    encoder, _ = load_bert(tmp_path / "written")
    rng = np.random.default_rng(0)
    ids, mask = rng.integers(0, 17, (5, 11)), np.arange(11) < np.array([[11], [7], [5], [2], [1]])
    with torch.no_grad():
        given = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask.astype("int64"))}
        expected = model(**given, output_hidden_states=True).hidden_states
    received = encoder(ids, attention_mask=mask, return_hidden_states=True)
    for got, want in zip(received, expected, strict=True):
        np.testing.assert_allclose(numbers(got), want.numpy(), rtol=1e-5, atol=1e-5)


def real_model():
    """Return the folder of a real BERT that the reader keeps, or None."""
    folder = Path(os.environ.get("BOOK_MODEL_DIR", "nowhere"))
    found = [path.parent for path in sorted(folder.glob("**/model.safetensors"))]
    return next(
        (path for path in found if json.loads((path / "config.json").read_text())["model_type"] == "bert"), None
    )


@pytest.mark.slow
@pytest.mark.skipif(real_model() is None, reason="BOOK_MODEL_DIR names no folder with a BERT")
def test_a_real_model_gives_its_hidden_states_as_exactly_as_torch_does(require):
    torch, transformers = require("torch"), pytest.importorskip("transformers")
    encoder, tokenizer = load_bert(real_model())
    tokenizer.enable_padding()
    encoded = tokenizer.encode_batch(
        ["A short sentence.", "The lantern at the end of the pier went out before the last boat."]
    )
    ids = np.array([one.ids for one in encoded])
    mask = np.array([one.attention_mask for one in encoded])
    model = transformers.AutoModel.from_pretrained(real_model()).eval()
    given = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
    with torch.no_grad():
        single = model(**given, output_hidden_states=True).hidden_states
        exact = model.double()(**given, output_hidden_states=True).hidden_states
    # States reach 10 here, and PyTorch's own float32 is off by up to 1e-4: ours is not to be further off than that.
    received = encoder(ids, attention_mask=mask, return_hidden_states=True)
    for got, theirs, want in zip(received, single, exact, strict=True):
        off, usual = (np.abs(found - want.numpy()).max() for found in (numbers(got), theirs.numpy()))
        assert off < 1e-5 * np.abs(want.numpy()).max()
        assert off < 2 * usual
