"""The Keras engine: the same network in other files, training that repeats and resumes, and the command line."""

import concurrent.futures
import copy
import dataclasses
import io
import json
import os
import re
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as numbers
from safetensors.numpy import load_file, save_file

from tests.conftest import ROOT
from tests.support.finetuning_toys import (
    CHOICES,
    HELD_OUT,
    LABELS,
    LAYERS,
    PEAK,
    TEXTS,
    WIDTH,
    pytorch_weights,
    write_bert,
)
from utils.checkpoints import CheckpointError
from utils.classification import KerasClassifier, KerasFineTuning, PlainTokenizer, export_onnx, run_onnx
from utils.classification.keras_classifier import padded
from utils.finetuning.command import main
from utils.transformer import TransformerConfig
from utils.tuning.lora import enable_lora, merge_lora
from utils.weights.bert_classifier import HEAD, bert_arrays, load_bert_classifier

SAVED = ROOT / "tests" / "support" / "saved"
SIX = {"max_length": 16, "batch_size": 32}


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return write_bert(tmp_path_factory.mktemp("models") / "bert", written_by="pt")


@pytest.fixture(scope="module")
def tuned(bert):
    tuning = KerasFineTuning(TEXTS, LABELS, bert, **CHOICES)
    return tuning.fit(PEAK, epochs=3, progress=False)


def test_weights_that_go_in_come_out_bit_for_bit_under_their_own_names(bert):
    model, _ = load_bert_classifier(bert, 3)
    arrays = bert_arrays(model)
    for name, array in pytorch_weights().items():
        np.testing.assert_array_equal(arrays.pop(f"bert.{name}"), array, err_msg=name)
    assert arrays.keys() == set(HEAD)
    assert arrays["classifier.weight"].shape == (3, WIDTH)


def test_a_classifier_that_ktrain_trained_answers_the_same_here():
    expected = json.loads((SAVED / "classifier-expected.json").read_text(encoding="utf-8"))
    classifier = KerasClassifier.load(SAVED / "classifier")
    found = classifier.predict_probability(expected["texts"])
    np.testing.assert_allclose(found, expected["probabilities"], atol=2e-6)
    assert classifier.classes == ["down", "level", "up"]


def test_training_learns_and_writes_down_each_epoch(tuned):
    evaluation = tuned.evaluate(*HELD_OUT)
    assert evaluation.accuracy > 0.9
    history = tuned.details["history"]
    assert {name: len(values) for name, values in history.items()} == dict.fromkeys(
        ("loss", "accuracy", "val_loss", "val_accuracy", "seconds"), 3
    )
    assert history["val_accuracy"][-1] == pytest.approx(evaluation.accuracy)
    assert history["loss"][-1] < history["loss"][0]


def test_saved_and_loaded_it_answers_bit_for_bit_the_same(tuned, tmp_path):
    before = tuned.predict_probability(HELD_OUT[0])
    tuned.save(tmp_path / "kept")
    again = KerasClassifier.load(tmp_path / "kept")
    np.testing.assert_array_equal(again.predict_probability(HELD_OUT[0]), before)
    details = json.loads((tmp_path / "kept" / "classifier.json").read_text())
    assert details["engine"] == "keras"
    assert again.details["history"] == tuned.details["history"]
    settings = json.loads((tmp_path / "kept" / "config.json").read_text())
    assert settings["architectures"] == ["BertForSequenceClassification"]
    assert settings["num_hidden_layers"] == LAYERS


def test_as_onnx_it_gives_the_same_probabilities_cut_padded_and_at_its_temperature(tuned, tmp_path, monkeypatch):
    texts = [*TEXTS[:60], "", "unknownword " * 40]
    monkeypatch.setitem(tuned.details, "temperature", 1.7)
    folder = export_onnx(tuned, tmp_path / "mine", texts)
    found = run_onnx(folder, texts, batch_size=7)
    np.testing.assert_allclose(found, tuned.predict_probability(texts), atol=1e-4)
    assert np.ptp(found[:, 0]) > 0.3
    assert json.loads((folder / "config.json").read_text())["inputs"] == ["input_ids"]
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    code = code.replace('["a text", "another, longer text"]', repr(texts[:3]))
    told = subprocess.run([sys.executable, "-I", "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert told.stdout == f"{tuned.predict(texts[:3])}\n"


def test_as_onnx_it_is_written_on_tensorflow_alone(tuned, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="expected Keras on TensorFlow, whose graph becomes ONNX; received jax: save"):
        export_onnx(tuned, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_compiled_it_follows_its_weights_and_adapters_that_come_and_go(bert):
    texts = TEXTS[:5]
    classifier = KerasFineTuning(TEXTS, LABELS, bert, **CHOICES).classifier()

    def check_as_the_model_itself():
        ids = padded(classifier.tokenizer(texts)["input_ids"], classifier.model.config)
        expected = numbers(classifier.model(ids, training=False))
        np.testing.assert_allclose(numbers(classifier.network_logits({"input_ids": ids})), expected, atol=1e-5)
        return expected

    first = check_as_the_model_itself()
    for adapter in enable_lora(classifier.model.encoder, rank=2):
        check_as_the_model_itself()
        adapter.lora_b.assign(adapter.lora_b + 1.0)
    second = check_as_the_model_itself()
    assert abs(second - first).max() > 0.01
    merge_lora(classifier.model.encoder)
    np.testing.assert_allclose(check_as_the_model_itself(), second, atol=1e-3)


def test_other_changes_of_the_network_count_after_recompile(bert):
    classifier = KerasFineTuning(TEXTS, LABELS, bert, **CHOICES).classifier()
    (adapter, *_) = enable_lora(classifier.model.encoder, rank=2)
    adapter.lora_b.assign(adapter.lora_b + 1.0)
    with_it = classifier.predict_probability(TEXTS[:5])
    adapter.scale = 0.0
    classifier.recompile()
    assert abs(classifier.predict_probability(TEXTS[:5]) - with_it).max() > 1e-3


def test_it_can_be_copied_after_it_has_answered(tuned):
    expected = tuned.predict_probability(TEXTS[:5])
    np.testing.assert_allclose(copy.deepcopy(tuned).predict_probability(TEXTS[:5]), expected, atol=1e-6)


def test_threads_get_the_same_answers(tuned):
    texts = [TEXTS[:7], TEXTS[7:9], [TEXTS[9] * 4]]
    expected = [tuned.predict_probability(some) for some in texts]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(tuned.predict_probability, texts * 10))
    for at, answers in enumerate(found):
        np.testing.assert_array_equal(answers, expected[at % 3])


def test_a_word_that_is_added_is_read_where_texts_are_cut_too(bert):
    tokenizer = PlainTokenizer(bert)
    before = tokenizer(["tokamak good"], truncation=True, max_length=4)["input_ids"]
    tokenizer.tokenizer.add_tokens(["tokamak"])
    (after,) = tokenizer(["tokamak good"], truncation=True, max_length=4)["input_ids"]
    assert [after] != before
    assert tokenizer.tokenizer.token_to_id("tokamak") in after


def test_answers_do_not_depend_on_the_company_of_longer_texts(tuned):
    texts = ["good", "the film was bad and " * 4]
    alone = np.concatenate([tuned.predict_probability([text]) for text in texts])
    np.testing.assert_allclose(tuned.predict_probability(texts), alone, atol=1e-6)


@pytest.mark.full
@pytest.mark.slow
def test_interrupted_between_two_steps_and_resumed_it_ends_with_the_same_bits(bert, tmp_path, monkeypatch):
    few = {"max_length": 16, "batch_size": 32}
    whole = KerasFineTuning(TEXTS, LABELS, bert, **few)
    whole.fit(PEAK, epochs=2, progress=False)
    part, step = KerasFineTuning(TEXTS, LABELS, bert, **few), KerasFineTuning._learn
    done = []

    def learn(tuning, rows, rate):
        done.append(step(tuning, rows, rate))
        return done[-1]

    class Bar:
        """A progress bar that presses Ctrl-C after two steps of the second epoch."""

        def __init__(self, *_, **__):
            self.set_description = self.set_postfix = lambda *_, **__: None

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def update(self, _):
            if len(done) == 7:
                raise KeyboardInterrupt

    monkeypatch.setattr(KerasFineTuning, "_learn", learn)
    monkeypatch.setattr("utils.classification.keras_tuning.progress_bar", Bar)
    with pytest.raises(KeyboardInterrupt):
        part.fit(PEAK, epochs=2, checkpoints=tmp_path, progress=False)
    monkeypatch.undo()
    record = json.loads((tmp_path / "progress.json").read_text())
    assert (record["finished"], record["batches"]) == (1, 2)
    resumed = KerasFineTuning(TEXTS, LABELS, bert, **few)
    with pytest.raises(FileExistsError, match="pass resume=True"):
        resumed.fit(PEAK, epochs=2, checkpoints=tmp_path, progress=False)
    resumed.fit(PEAK, epochs=2, checkpoints=tmp_path, resume=True, progress=False)
    for one, other in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert resumed.history["loss"] == pytest.approx(whole.history["loss"], abs=1e-12)


def test_seed_decides_the_head(bert):
    heads = [load_bert_classifier(bert, 2, seed=seed)[0].head.get_weights()[0] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(heads[0], heads[1])
    assert abs(heads[0] - heads[2]).max() > 0


@pytest.mark.slow
def test_training_with_another_seed_is_not_gone_on_with(bert, tmp_path):
    first = KerasFineTuning(TEXTS[:8], LABELS[:8], bert, **SIX)
    first.fit(PEAK, checkpoints=tmp_path, progress=False)
    other = KerasFineTuning(TEXTS[:8], LABELS[:8], bert, **SIX, seed=1)
    with pytest.raises(ValueError, match="seed was 0, now 1"):
        other.fit(PEAK, checkpoints=tmp_path, resume=True, progress=False)


def test_weights_drawn_afresh_are_not_those_of_the_file(bert):
    fresh = KerasFineTuning(TEXTS[:8], LABELS[:8], bert, **SIX, pretrained=False).model
    table = np.asarray(keras.ops.convert_to_numpy(fresh.encoder.embedding.weights[0]))
    assert 0.015 < table.std() < 0.025
    norm = fresh.encoder.blocks[0].attention_norm.get_weights()
    np.testing.assert_array_equal(norm[0], np.ones(WIDTH))
    np.testing.assert_array_equal(norm[1], np.zeros(WIDTH))


def changed(folder, target, change):
    """Return a copy of a folder of weights in which `change` was applied to the arrays."""
    shutil.copytree(folder, target)
    arrays = load_file(target / "model.safetensors")
    save_file(change(arrays), target / "model.safetensors", metadata={"format": "pt"})
    return target


def test_a_head_that_is_missing_or_of_another_size_is_refused(bert, tmp_path):
    with pytest.raises(ValueError, match=r"expected a head, classifier.weight and classifier.bias, in .*train first"):
        load_bert_classifier(bert, 3, fresh_head=False)
    head = {"classifier.weight": np.ones((2, WIDTH), "float32"), "classifier.bias": np.zeros(2, "float32")}
    other = changed(bert, tmp_path / "two", lambda arrays: arrays | head)
    with pytest.raises(ValueError, match=r"expected a head of 3 classes in .*it has 2"):
        load_bert_classifier(other, 3, fresh_head=False)
    assert load_bert_classifier(other, 3)[0].num_classes == 3  # training draws its own


def test_a_file_without_pooler_gets_one(bert, tmp_path):
    without = changed(bert, tmp_path / "bare", lambda a: {n: v for n, v in a.items() if "pooler" not in n})
    model, _ = load_bert_classifier(without, 2)
    kernel, bias = model.pooler.get_weights()
    assert 0.01 < kernel.std() < 0.03
    assert not bias.any()


def test_too_long_texts_and_labels_without_texts_are_refused(bert):
    with pytest.raises(ValueError, match="max_length of at most 40, the positions of bert; received 41"):
        KerasFineTuning(TEXTS, LABELS, bert, max_length=41)
    with pytest.raises(ValueError, match="as many labels as texts"):
        KerasFineTuning(TEXTS, LABELS[:-1], bert, max_length=16)


def test_rows_are_filled_up_no_further_than_there_are_positions():
    config = TransformerConfig(vocabulary_size=9, pad_id=0, max_length=11)
    assert padded([[1] * 9], config).shape == (1, 11)
    assert padded([[1] * 7], config).shape == (1, 8)
    assert padded([[1] * 13], dataclasses.replace(config, max_length=11)).shape == (1, 13)  # the network refuses it


def test_plain_tokenizer_gives_the_ids_of_transformers(bert):
    from transformers import BertTokenizerFast

    theirs, ours = BertTokenizerFast.from_pretrained(bert), PlainTokenizer(bert)
    for choices in ({}, {"truncation": True, "max_length": 5}, {"add_special_tokens": False}):
        assert ours(TEXTS[:20], **choices)["input_ids"] == theirs(TEXTS[:20], **choices)["input_ids"]
    assert (ours.unk_token_id, ours.pad_token_id) == (theirs.unk_token_id, theirs.pad_token_id)
    assert ours.model_max_length == theirs.model_max_length


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The current folder, with labelled texts and an encoder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
    lines = [f"{text},{label}" for text, label in zip(TEXTS, LABELS, strict=True)]
    (tmp_path / "own.csv").write_text("\n".join(["text,label", *lines, ""]))
    write_bert(tmp_path / "bert")
    return tmp_path


TRAIN = ("train", "--data", "own.csv", "--model", "bert", "--output", "mine", "--engine", "keras", "--epochs", "4")
QUICK = ("--learning-rate", "1e-2", "--batch-size", "8")


@pytest.mark.slow
def test_command_line_trains_and_answers_with_the_keras_engine(place, capsys, monkeypatch):
    assert main([*TRAIN, *QUICK, "--export", "onnx"]) == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert result["engine"] == "keras"
    assert run_onnx(result["onnx"], ["bad plot"]).argmax() == 0
    assert result["accuracy"] > 0.7
    assert os.environ["TF_USE_LEGACY_KERAS"] == "0"
    assert not (place / "mine.unfinished").exists()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"the film was good\nbad plot\n")))
    assert main(["predict", "--model", "mine", "--quiet"]) == 0
    answers = [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()]
    assert answers == ["up", "down"]
    from utils.finetuning import Classifier

    with pytest.raises(CheckpointError, match=r"trained with --engine keras: load it with utils.classification"):
        Classifier.load(place / "mine")


@pytest.mark.parametrize(
    ("options", "kind", "backend", "message"),
    [
        (
            ("--export", "onnx"),
            "bert",
            "jax",
            "--export: expected TensorFlow, whose graph becomes ONNX; received KERAS_",
        ),
        ((), "distilbert", "jax", "expected model_type bert with --engine keras; its config.json says 'distilbert'"),
    ],
)
def test_what_the_keras_engine_does_not_do_is_said_before_training(
    place, capsys, monkeypatch, options, kind, backend, message
):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    config = json.loads((place / "bert" / "config.json").read_text()) | {"model_type": kind}
    (place / "bert" / "config.json").write_text(json.dumps(config))
    assert main([*TRAIN, *options]) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


ALONE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("ktrain", "tf_keras", "transformers"):
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Refuse())
from utils.finetuning.command import main

status = main(sys.argv[1:])
loaded = sorted({"ktrain", "tf_keras", "transformers", "torch"}.intersection(sys.modules))
sys.exit(f"imported: {loaded}" if loaded else status)
"""


@pytest.mark.full
@pytest.mark.slow
def test_without_ktrain_tf_keras_and_transformers_the_keras_engine_trains_answers_and_measures(place):
    def run(*arguments, given=""):
        command = [sys.executable, "-c", ALONE, *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "tensorflow"}
        done = subprocess.run(
            command, cwd=place, env=environment, input=given, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert json.loads(run(*TRAIN, *QUICK))["accuracy"] > 0.7
    assert run("predict", "--model", "mine", given="good\n").startswith("up\t")
    assert json.loads(run("evaluate", "--model", "mine", "--data", "own.csv", "--json"))["accuracy"] > 0.8
