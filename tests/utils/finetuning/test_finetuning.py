"""Fine-tuning a tiny BERT with ktrain: it learns, repeats, goes on after an interruption, is kept without pickles."""

import json
import os
import pickle
import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from tests.support.finetuning_toys import CHOICES, HELD_OUT, LABELS, PEAK, TEXTS, write_bert
from tests.utils.finetuning.test_ktrain_mends import run
from utils import finetuning
from utils.checkpoints import CheckpointError, verify_checkpoint
from utils.finetuning import Classifier, FineTuning, at_temperature, fit_temperature
from utils.finetuning.encoders import folder_digest, usable_positions


@pytest.fixture(scope="module")
def tuned(bert):
    tuning = FineTuning(TEXTS, LABELS, bert, **CHOICES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return tuning, tuning.fit(PEAK, epochs=8, progress=False)


def test_classifier_of_three_classes_learns_and_generalises(tuned):
    tuning, classifier = tuned
    assert classifier.classes == ["down", "level", "up"]
    assert classifier.evaluate(*HELD_OUT).accuracy > 0.95
    assert classifier.predict(["the film was good", "bad", "it was dull"]) == ["up", "down", "level"]
    history = tuning.history
    assert all(len(figures) == 8 for figures in history.values())
    assert history.keys() == {"loss", "accuracy", "val_loss", "val_accuracy", "seconds"}
    assert history["loss"][-1] < 0.2 * history["loss"][0]


def test_figures_of_the_last_epoch_are_those_of_the_classifier(tuned):
    tuning, classifier = tuned
    found = classifier.evaluate(*HELD_OUT)
    assert found.accuracy == pytest.approx(tuning.history["val_accuracy"][-1])
    assert found.loss == pytest.approx(tuning.history["val_loss"][-1], rel=1e-4)


def test_ktrain_learner_and_predictor_agree_with_the_classifier(tuned):
    tuning, classifier = tuned
    predictor = finetuning.load_ktrain().get_predictor(tuning.learner.model, tuning.transformer)
    theirs = predictor.predict_proba(HELD_OUT[0])
    np.testing.assert_allclose(classifier.predict_probability(HELD_OUT[0]), theirs, atol=1e-5)
    np.testing.assert_allclose(tuning.learner.predict(tuning.learner.val_data), theirs, atol=1e-5)
    assert predictor.predict(HELD_OUT[0]) == classifier.predict(HELD_OUT[0])


def test_top_losses_of_ktrain_are_the_worst_of_the_evaluation(tuned):
    tuning, classifier = tuned
    wrong = ["down" if label == "up" else label for label in HELD_OUT[1]]
    found = classifier.evaluate(HELD_OUT[0], wrong)
    theirs = tuning.learner.top_losses(n=5, val_data=tuning.dataset(HELD_OUT[0], wrong), preproc=tuning.transformer)
    assert [row[0] for row in theirs] == found.worst(5)
    np.testing.assert_allclose([row[1] for row in theirs], found.losses[found.worst(5)], rtol=1e-3)


def test_schedule_is_one_cycle(tuned):
    tuning, _ = tuned
    rates, momenta = (np.array(tuning.learner.history.history[name], float) for name in ("lr", "momentum"))
    steps = 8 * 20
    assert len(rates) == steps
    assert rates[0] == pytest.approx(PEAK / 10)
    assert abs(int(rates.argmax()) - steps // 2) <= 1
    assert rates.max() == pytest.approx(PEAK, rel=0.02)
    assert rates[-1] < PEAK / 20
    assert momenta.argmin() == pytest.approx(steps // 2, abs=2)
    assert momenta.min() == pytest.approx(0.85, abs=0.002)


def test_probabilities_do_not_depend_on_the_company_of_a_text(tuned):
    _, classifier = tuned
    together = classifier.predict_probability(TEXTS)
    alone = np.concatenate([classifier.predict_probability([text]) for text in TEXTS[:9]])
    np.testing.assert_allclose(together[:9], alone, atol=1e-6)
    np.testing.assert_allclose(together.sum(axis=1), 1)
    assert classifier.predict_probability([]).shape == (0, 3)
    assert classifier.predict_probability(["", "unknownword", "good " * 99]).shape == (3, 3)


def test_occlusion_finds_the_word_that_decides(tuned):
    _, classifier = tuned
    drops = finetuning.occlusion(classifier.predict_probability, "the plot of the film is good")
    assert max(drops, key=lambda pair: pair[1])[0] == "good"


def test_saved_classifier_predicts_the_same_in_this_process_and_holds_no_pickle(tuned, tmp_path):
    _, classifier = tuned
    folder = classifier.save(tmp_path / "kept")
    loaded = Classifier.load(folder)
    np.testing.assert_array_equal(loaded.predict_probability(TEXTS), classifier.predict_probability(TEXTS))
    assert (loaded.classes, loaded.max_length) == (classifier.classes, 16)
    assert loaded.details == classifier.details
    assert {path.suffix for path in folder.iterdir()} == {".safetensors", ".json", ".txt"}
    assert str(tmp_path) not in "".join(path.read_text() for path in folder.glob("*.json"))
    again = loaded.save(tmp_path / "again")
    assert (again / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_saved_classifier_predicts_the_same_in_a_fresh_process(tuned, tmp_path):
    _, classifier = tuned
    classifier.save(tmp_path / "kept")
    np.save(tmp_path / "probability.npy", classifier.predict_probability(HELD_OUT[0]))
    code = """
import sys
import numpy as np
from tests.support.finetuning_toys import texts_and_labels
from utils.finetuning import Classifier
found = Classifier.load(sys.argv[1] + "/kept").predict_probability(texts_and_labels(60, seed=1)[0])
print(np.array_equal(found, np.load(sys.argv[1] + "/probability.npy")), "ktrain" in sys.modules)
"""
    done = run(code, tmp_path)
    assert done.stdout.split() == ["True", "False"], done.stdout + done.stderr[-2000:]


def test_weights_of_another_network_are_refused(tuned, tmp_path):
    from safetensors.numpy import save_file

    from utils.checkpoints.manifest import write_manifest

    folder = tuned[1].save(tmp_path / "kept")
    weights = load_file(folder / "model.safetensors")
    name, kernel = "classifier/bias:0", "classifier/kernel:0"
    for changed, told in [
        ({**weights, name: np.zeros(5, "float32")}, r"head of 3 classes .* classifier/bias:0 has shape \(5,\)"),
        ({**weights, kernel: np.zeros((2, 3), "float32")}, r"kernel:0 of shape \(.*, 3\); received \(2, 3\)"),
        ({key: value for key, value in weights.items() if key != name}, "missing or unknown: .*classifier/bias:0"),
        (weights, r"head of 2 classes .* as many as classifier.json names; classifier/bias:0 has shape \(3,\)"),
    ]:
        save_file(changed, folder / "model.safetensors")
        if changed is weights:
            (folder / "classifier.json").write_text('{"classes": ["a", "b"], "max_length": 9}')
        (folder / "manifest.json").unlink()
        write_manifest(folder)
        with pytest.raises(CheckpointError, match=told):
            Classifier.load(folder)


class Stranger:
    """What a pickle may hold: a call, made while it is read."""

    def __reduce__(self):
        return exec, ("import os; os.environ['STRANGER'] = 'was here'",)


def test_ktrain_runs_code_of_a_saved_predictor_and_our_check_refuses_it(tuned, tmp_path, monkeypatch):
    tuning, _ = tuned
    ktrain, folder = finetuning.load_ktrain(), tmp_path / "predictor"
    ktrain.get_predictor(tuning.learner.model, tuning.transformer).save(str(folder))
    assert (folder / "tf_model.preproc").read_bytes().startswith(b"\x80")  # a pickle
    monkeypatch.setenv("STRANGER", "")
    (folder / "tf_model.preproc").write_bytes(pickle.dumps(Stranger()))
    with pytest.raises(ValueError, match="Either preproc or train_data is required"):  # after the damage
        ktrain.load_predictor(str(folder))
    assert os.environ["STRANGER"] == "was here"
    with pytest.raises(CheckpointError, match=r"expected a checkpoint with manifest\.json"):
        verify_checkpoint(folder)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"max_length": 41},
            "expected max_length of at most 40, the positions of bert that texts can have; received 41",
        ),
        ({"max_length": 0}, "expected max_length to be an integer of at least 1; received 0"),
        ({"batch_size": 2.5}, "expected batch_size to be an integer of at least 1; received 2.5"),
        ({"classes": ["up", "down"]}, r"expected labels among \['up', 'down'\]; received \['level'\]"),
        ({"labels": LABELS[:-1]}, "expected as many labels as texts, at least one; received 159 labels, 160 texts"),
        ({"labels": ["up"] * 160}, r"expected at least two different classes; received \['up'\]"),
        ({"validation": (["fine"], ["sideways"])}, r"expected labels among .*; received \['sideways'\]"),
    ],
)
def test_what_cannot_be_trained_on_is_told(bert, changes, told):
    labels = changes.get("labels", LABELS)
    choices = {**CHOICES, **{name: value for name, value in changes.items() if name != "labels"}}
    with pytest.raises(ValueError, match=told):
        FineTuning(TEXTS, labels, bert, **choices)


def test_predict_takes_any_iterable_and_refuses_tables_and_mappings(tuned, tmp_path):
    _, classifier = tuned
    texts = ["the film was good", "bad", "it was dull"]
    (tmp_path / "lines.txt").write_text("\n".join(texts))
    assert classifier.predict(text for text in texts) == ["up", "down", "level"]
    with (tmp_path / "lines.txt").open() as lines:
        assert classifier.predict(lines) == ["up", "down", "level"]
    assert classifier.predict([]) == classifier.predict(iter([])) == []
    assert classifier.evaluate(iter(texts), iter(["up", "down", "up"])).accuracy == pytest.approx(2 / 3)
    for table in (pd.DataFrame({"text": texts}), np.array([texts]), {"text": texts}, b"good", "good"):
        with pytest.raises(TypeError, match="expected texts as a list or another iterable, one element a text"):
            classifier.predict(table)


def test_names_of_the_classes_stand_in_the_saved_configuration(tuned, tmp_path):
    folder = tuned[1].save(tmp_path / "kept")
    config = json.loads((folder / "config.json").read_text())
    assert config["id2label"] == {"0": "down", "1": "level", "2": "up"}
    assert config["label2id"] == {"down": 0, "level": 1, "up": 2}
    assert Classifier.load(folder).model.config.id2label == {0: "down", 1: "level", 2: "up"}


def test_what_file_managers_and_notebooks_leave_in_a_folder_is_ignored(tuned, bert, tmp_path):
    folder = tuned[1].save(tmp_path / "kept")
    copy = Path(shutil.copytree(bert, tmp_path / "bert"))
    before = folder_digest(copy)
    for place in (folder, copy):
        (place / ".DS_Store").write_bytes(b"\0")
        (place / "desktop.ini").write_text("[.ShellClassInfo]")
        (place / "Thumbs.db").write_bytes(b"\0")
        (place / ".ipynb_checkpoints").mkdir()
    assert Classifier.load(folder).classes == ["down", "level", "up"]
    assert folder_digest(copy) == before
    (folder / "notes.txt").write_text("not of the classifier")
    with pytest.raises(CheckpointError, match=r"notes\.txt"):
        Classifier.load(folder)


def test_too_few_batches_for_the_learning_rate_finder_are_told_with_the_remedy(tuned, bert):
    with pytest.raises(ValueError, match=r"at least 40 batches .* received 20 a pass and epochs=1: pass epochs=2"):
        tuned[0].find_learning_rate()
    few = FineTuning(TEXTS[:5], LABELS[:5], bert, max_length=16, batch_size=8)
    for epochs in (1, 50):
        with pytest.raises(
            ValueError, match=r"at least one full batch .* received 5 texts and batch_size 8: make batch_s"
        ):
            few.find_learning_rate(epochs)


def distilbert(folder):
    """Write a tiny DistilBERT, which takes no segments, with BERT's tokenizer, which gives some."""
    write_bert(folder)
    transformers = finetuning.load_transformers()
    sizes = {"vocab_size": 21, "max_position_embeddings": 40, "dim": 8, "n_layers": 1, "n_heads": 2, "hidden_dim": 8}
    network = transformers.TFDistilBertModel(transformers.DistilBertConfig(**sizes))
    network.build_in_name_scope()
    network.save_pretrained(folder, safe_serialization=True)
    return folder


def test_an_encoder_whose_tokenizer_gives_one_input_too_many_can_be_trained_and_saved(tmp_path):
    tuning = FineTuning(TEXTS[:40], LABELS[:40], distilbert(tmp_path / "distilbert"), max_length=16)
    classifier = tuning.classifier()
    assert "token_type_ids" in classifier.tokenizer.model_input_names
    probability = classifier.predict_probability(TEXTS[:5])
    loaded = Classifier.load(classifier.save(tmp_path / "kept"))
    np.testing.assert_array_equal(loaded.predict_probability(TEXTS[:5]), probability)


def test_a_tokenizer_with_more_tokens_than_the_encoder_has_is_refused_before_training(bert, tmp_path):
    folder = Path(shutil.copytree(bert, tmp_path / "bert"))
    (folder / "vocab.txt").write_text((folder / "vocab.txt").read_text() + "one\ntwo\n")
    with pytest.raises(ValueError, match="ids below 21, the rows of the encoder's vocabulary; its largest is 22"):
        FineTuning(TEXTS, LABELS, folder, **CHOICES)


def test_positions_that_texts_can_have_are_fewer_in_roberta():
    assert usable_positions({"model_type": "bert", "max_position_embeddings": 40, "pad_token_id": 0}) == 40
    assert usable_positions({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}) == 512
    assert usable_positions({"model_type": "xlm-roberta", "max_position_embeddings": 514}) == 512
    assert usable_positions({"model_type": "roberta", "max_position_embeddings": 20, "pad_token_id": 0}) == 18
    assert usable_positions({"model_type": "distilbert"}) == 512


def test_roberta_takes_as_many_tokens_as_it_has_usable_positions_and_no_more(tmp_path):
    transformers = finetuning.load_transformers()
    sizes = {"vocab_size": 21, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "pad_token_id": 0}
    config = transformers.RobertaConfig(**sizes, intermediate_size=8, max_position_embeddings=20)
    folder = write_bert(tmp_path / "roberta")
    network = transformers.TFRobertaModel(config)
    network.build_in_name_scope()
    network.save_pretrained(folder, safe_serialization=True)
    with pytest.raises(ValueError, match="expected max_length of at most 18, the positions of roberta"):
        FineTuning(TEXTS[:9], LABELS[:9], folder, max_length=19)
    tuning = FineTuning(["good " * 50, *TEXTS[:9]], ["up", *LABELS[:9]], folder, max_length=18)
    assert tuning.classifier().predict_probability(["bad " * 50]).shape == (1, 3)


def test_rates_and_epochs_that_make_no_sense_are_told(tuned):
    tuning, classifier = tuned
    for rate in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"expected learning_rate to be a positive number; received {rate}"):
            tuning.fit(rate)
    with pytest.raises(ValueError, match="expected epochs to be an integer of at least 1; received 0"):
        tuning.fit(PEAK, 0)
    with pytest.raises(ValueError, match="as many labels as texts"):
        classifier.evaluate([], [])


def test_a_fitted_temperature_changes_probabilities_alone_and_is_kept(tuned, tmp_path):
    _, classifier = tuned
    wrong = ["down" if place % 4 == 0 else label for place, label in enumerate(HELD_OUT[1])]
    before = classifier.calibrate(HELD_OUT[0], wrong)
    try:
        assert classifier.temperature == fit_temperature(before) > 1
        after = classifier.evaluate(HELD_OUT[0], wrong)
        np.testing.assert_array_equal(after.predicted, before.predicted)
        np.testing.assert_allclose(after.probability, at_temperature(before.probability, classifier.temperature))
        again = Classifier.load(classifier.save(tmp_path / "calibrated"))
        np.testing.assert_array_equal(again.predict_probability(HELD_OUT[0]), after.probability)
    finally:
        del classifier.details["temperature"]
    assert classifier.temperature == 1
    for wrong in (0, -1.0, float("nan"), float("inf"), "warm"):
        with pytest.raises(ValueError, match="expected a positive number as temperature; received"):
            Classifier(classifier.model, classifier.tokenizer, classifier.classes, 16, {"temperature": wrong})
