"""Training repeats bit for bit, goes on after an interruption, and leaves nothing behind."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.support.finetuning_toys import CHOICES, HELD_OUT, LABELS, PEAK, TEXTS, write_bert
from utils.finetuning import FineTuning, fine_tune

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def calm_bert(tmp_path_factory):
    """The same network without dropout, so that nothing but order and schedule decides."""
    return write_bert(tmp_path_factory.mktemp("models") / "calm", dropout=0.0)


def weights_of(classifier):
    return classifier.model.get_weights()


def assert_same_weights(one, other):
    for mine, theirs in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def assert_same_training(one, other):
    assert_same_weights(one, other)
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert other.details["history"][name] == pytest.approx(one.details["history"][name], rel=1e-6)


def test_same_seed_repeats_bit_for_bit_and_another_does_not(bert):
    def trained(seed):
        return fine_tune(TEXTS, LABELS, bert, learning_rate=PEAK, epochs=2, seed=seed, progress=False, **CHOICES)

    first, again, other = trained(3), trained(3), trained(4)
    assert_same_weights(first, again)
    assert first.details["history"]["loss"] == again.details["history"]["loss"]
    assert any((a != b).any() for a, b in zip(weights_of(first), weights_of(other), strict=True))


@pytest.mark.full
def test_search_for_a_learning_rate_leaves_no_trace_in_what_is_trained(bert):
    plain = FineTuning(TEXTS, LABELS, bert, **CHOICES)
    searched = FineTuning(TEXTS, LABELS, bert, **CHOICES)
    found = searched.find_learning_rate(epochs=3)
    assert_same_weights(plain.classifier(), searched.classifier())
    assert_same_weights(plain.fit(PEAK, 2, progress=False), searched.fit(PEAK, 2, progress=False))
    assert len(found.rates) == len(found.losses) > 30
    assert (np.diff(found.rates) > 0).all()
    assert found.rates[0] == pytest.approx(1e-7)
    assert found.rates[0] < found.suggested < 1


def test_interrupted_training_goes_on_as_if_nothing_had_happened(calm_bert, tmp_path):
    whole = fine_tune(TEXTS, LABELS, calm_bert, learning_rate=PEAK, epochs=3, progress=False, **CHOICES)
    tuning, part = FineTuning(TEXTS, LABELS, calm_bert, **CHOICES), tmp_path / "part"

    from tf_keras.callbacks import LambdaCallback

    def interrupt(batch, logs):
        if len(tuning.history.get("loss", [])) == 2 and batch == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tuning.fit(PEAK, 3, checkpoints=part, progress=False, callbacks=[LambdaCallback(on_train_batch_end=interrupt)])
    record = json.loads((part / "progress.json").read_text())
    assert (record["finished"], record["batches"]) == (2, 8)
    assert sorted(path.name for path in part.iterdir()) == ["epoch-002-batch-000008.safetensors", "progress.json"]
    again = FineTuning(TEXTS, LABELS, calm_bert, **CHOICES)
    with pytest.raises(FileExistsError, match="finished epochs, 2 of 3: pass resume=True"):
        again.fit(PEAK, 3, checkpoints=part, progress=False)
    with pytest.raises(ValueError, match=r"learning_rate was 0.01, now 0.02\. Use them, or another folder"):
        again.fit(2 * PEAK, 3, checkpoints=part, resume=True, progress=False)
    other = shutil.copytree(calm_bert, tmp_path / "other")
    (other / "notes.txt").write_text("this is not the encoder that the training began with")
    with pytest.raises(ValueError, match="encoder was"):
        FineTuning(TEXTS, LABELS, other, **CHOICES).fit(PEAK, 3, checkpoints=part, resume=True, progress=False)
    resumed = again.fit(PEAK, 3, checkpoints=part, resume=True, progress=False)
    assert_same_training(whole, resumed)
    rates = np.array(again.learner.history.history["lr"])
    assert len(rates) == 60
    assert rates.argmax() in (29, 30, 31)
    finished = FineTuning(TEXTS, LABELS, calm_bert, **CHOICES).fit(PEAK, 3, checkpoints=part, resume=True)
    assert_same_weights(whole, finished)


@pytest.mark.full
def test_a_long_epoch_is_kept_from_time_to_time_and_goes_on_in_its_middle(calm_bert, tmp_path):
    whole = fine_tune(TEXTS, LABELS, calm_bert, learning_rate=PEAK, epochs=2, progress=False, **CHOICES)
    tuning, states = FineTuning(TEXTS, LABELS, calm_bert, **CHOICES), []

    from tf_keras.callbacks import LambdaCallback

    def fail(batch, logs):
        states.append(json.loads((tmp_path / "progress.json").read_text()))
        if batch == 4:
            raise RuntimeError("the power goes")

    callbacks = [LambdaCallback(on_train_batch_end=fail)]
    options = {"checkpoints": tmp_path, "progress": False}
    with pytest.raises(RuntimeError, match="the power goes"):
        tuning.fit(PEAK, 2, callbacks=callbacks, seconds_between_states=0, **options)
    assert [(state["finished"], state["batches"]) for state in states] == [(0, number) for number in range(1, 6)]
    again = FineTuning(TEXTS, LABELS, calm_bert, **CHOICES)
    resumed = again.fit(PEAK, 2, resume=True, **options)
    assert_same_training(whole, resumed)
    assert len(again.learner.history.history["lr"]) == 40


def test_state_that_is_broken_is_told(calm_bert, tmp_path):
    tuning = FineTuning(TEXTS, LABELS, calm_bert, **CHOICES)
    tuning.fit(PEAK, 1, checkpoints=tmp_path, progress=False)
    (tmp_path / "epoch-001.safetensors").write_bytes(b"short")
    with pytest.raises(ValueError, match=r"expected the weights of the last epoch in .*remove the folder"):
        tuning.fit(PEAK, 1, checkpoints=tmp_path, resume=True, progress=False)
    (tmp_path / "progress.json").write_text("{")
    with pytest.raises(ValueError, match=r"expected the record of a fine-tuning in .*remove the folder"):
        tuning.fit(PEAK, 1, checkpoints=tmp_path, resume=True, progress=False)


def test_random_weights_have_the_shape_of_the_pretrained_and_nothing_of_their_content(bert):
    pretrained = FineTuning(TEXTS, LABELS, bert, **CHOICES).classifier()
    drawn = FineTuning(TEXTS, LABELS, bert, pretrained=False, **CHOICES).classifier()
    again = FineTuning(TEXTS, LABELS, bert, pretrained=False, **CHOICES).classifier()
    assert_same_weights(drawn, again)
    told = load_file(bert / "model.safetensors")["bert/embeddings/word_embeddings/weight:0"]
    np.testing.assert_array_equal(weights_of(pretrained)[0], told)
    for variable, mine, theirs in zip(drawn.model.weights, weights_of(drawn), weights_of(pretrained), strict=True):
        assert mine.shape == theirs.shape
        assert "classifier/bias" in variable.name or (mine != theirs).any(), variable.name


@pytest.mark.full
def test_padding_everything_to_one_length_is_ktrains_own_way_and_learns_the_same(calm_bert):
    padded = FineTuning(TEXTS, LABELS, calm_bert, pad_to_max_length=True, **CHOICES)
    own = FineTuning(TEXTS, LABELS, calm_bert, **CHOICES)
    theirs, ours = (next(iter(t.learner.train_data.to_tfdataset())) for t in (padded, own))
    assert theirs[0]["input_ids"].shape == (8, 16)
    assert ours[0]["input_ids"].shape[1] == int(ours[0]["attention_mask"].numpy().sum(axis=1).max()) < 16
    assert padded.fit(PEAK, 6, progress=False).evaluate(*HELD_OUT).accuracy > 0.9


def test_training_and_predicting_print_nothing_unless_asked(bert, capfd):
    tuning = FineTuning(TEXTS, LABELS, bert, **CHOICES)
    capfd.readouterr()
    classifier = tuning.fit(PEAK, 1, progress=False)
    classifier.predict(TEXTS[:3])
    tuning.find_learning_rate(epochs=2)
    assert capfd.readouterr() == ("", "")
    tuning.fit(PEAK, 1)
    out, err = capfd.readouterr()
    assert out == ""
    assert "epoch 1 of 1: 100%" in err
    assert "20/20" in err


def test_nothing_is_left_in_the_folder_of_temporary_files(bert, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    tuning = FineTuning(TEXTS, LABELS, bert, **CHOICES)
    tuning.find_learning_rate(epochs=2)
    tuning.learner.reset_weights(verbose=0)  # ktrain's own, which needs the file until then
    assert list(tmp_path.iterdir())
    tuning._scratch.cleanup()
    assert not list(tmp_path.iterdir())


@pytest.mark.full
def test_numbered_labels_give_the_names_of_their_classes(calm_bert):
    numbers = [["down", "level", "up"].index(label) for label in LABELS]
    named = FineTuning(TEXTS, LABELS, calm_bert, **CHOICES)
    choices = {**CHOICES, "validation": None, "classes": ["down", "level", "up"]}
    counted = FineTuning(TEXTS, numbers, calm_bert, **choices)
    classifier = counted.fit(PEAK, 2, progress=False)
    assert_same_weights(named.fit(PEAK, 2, progress=False), classifier)
    assert counted.history.keys() == {"loss", "accuracy", "seconds"}
    assert set(classifier.predict(TEXTS)) <= {"down", "level", "up"}
    assert classifier.evaluate(TEXTS, numbers).accuracy == classifier.evaluate(TEXTS, LABELS).accuracy
