"""`train --folds` with a stand-in for the training: what is held out, what is told, kept and refused."""

import json
import os
import signal

import numpy as np
import pytest

from tests.support.finetuning_fakes import ROWS, FakeClassifier, train
from utils.checkpoints import verify_checkpoint

TEXTS = [row.rpartition(",")[0] for row in ROWS]


def told(capsys):
    return capsys.readouterr().err.splitlines()


def test_every_text_is_held_out_once_and_the_last_training_has_them_all(place, tuning):
    assert train("--folds", "4") == 0
    *folds, last = (made["texts"] for made in tuning.made)
    assert sorted(text for fold in folds for text in set(TEXTS) - set(fold)) == sorted(TEXTS)
    assert [len(fold) for fold in folds] == [45] * 4
    assert [sum("good" in text for text in fold) for fold in folds] == [30] * 4
    assert sorted(last) == sorted(TEXTS)
    assert [made["validation"] for made in tuning.made] == [None] * 5
    assert verify_checkpoint(place / "out")
    assert not (place / "out.unfinished").exists()


def test_mean_and_spread_stand_beside_the_majoritys_share(place, tuning, capsys, monkeypatch):
    seen = []

    def answer(self, texts, progress=False):  # all right in the first fold, always "good" in the second
        seen.append(len(texts))
        rows = [[0.1, 0.9] if "good" in text or len(seen) > 1 else [0.9, 0.1] for text in texts]
        return np.array(rows)

    monkeypatch.setattr(FakeClassifier, "predict_probability", answer)
    assert train("--folds", "2") == 0
    printed = capsys.readouterr()
    assert "held-out accuracy 0.83 ± 0.24 over 2 folds (always 'good': 0.67)" in printed.err.splitlines()
    assert "recall: 'bad' 0.50 of 20, 'good' 1.00 of 40" in printed.err.splitlines()
    result = json.loads(printed.out)
    assert (result["training_texts"], result["validation_texts"], result["folds"]) == (60, 60, 2)
    assert result["fold_accuracies"] == [1.0, 0.6667]
    assert (result["accuracy_mean"], result["accuracy_spread"]) == (0.8333, 0.2357)
    assert result["majority_share"] == 0.6667


def test_temperature_is_fitted_on_answers_about_texts_that_were_held_out(place, tuning, capsys):
    """The stand-in says 0.75 and 0.875 and is always right: colder is better, down to the coldest that is tried."""
    rows = [*ROWS, "a bad film,good"]
    (place / "own.csv").write_text("\n".join(["text,label", *rows]))
    assert train("--folds", "3") == 0
    result = json.loads(capsys.readouterr().out)
    assert 0 < result["temperature"] < 0.6
    assert json.loads((place / "out" / "classifier.json").read_text())["temperature"] == pytest.approx(
        result["temperature"], abs=1e-4
    )


def test_equal_texts_are_held_out_together(place, tuning):
    (place / "own.csv").write_text("\n".join(["text,label", *ROWS, *ROWS]))
    assert train("--folds", "3") == 0
    for made in tuning.made[:3]:
        held_out = set(TEXTS) - set(made["texts"])
        assert len(held_out) == 20
        assert len(made["texts"]) == 80


@pytest.mark.parametrize(("at", "kept"), [(4, "1 of 3 folds, 1 of 3 epochs"), (10, "3 of 3 folds, 1 of 3 epochs")])
def test_interrupted_folds_are_kept_and_the_same_command_goes_on(place, tuning, capsys, at, kept):
    done = []

    def epoch(number):
        done.append(number)
        if len(done) == at + 1:
            os.kill(os.getpid(), signal.SIGINT)

    tuning.epoch = staticmethod(epoch)
    assert train("--folds", "3") == 130
    message = f"train: interrupted: {kept} finished and kept in {place / 'out.unfinished'}; the same command goes on"
    assert told(capsys)[-1] == f"{message} from there"
    before = len(tuning.made)
    assert train("--folds", "3") == 0
    assert f"going on after {kept}" in told(capsys)
    assert len(done) == 3 * 4 + 1  # nothing but the epoch that was interrupted is done again
    assert len(tuning.made) - before == 5 - before
    assert not (place / "out.unfinished").exists()


def test_another_number_of_folds_does_not_go_on_with_them(place, tuning, capsys):
    tuning.epoch = staticmethod(lambda at: at and os.kill(os.getpid(), signal.SIGINT))
    assert train("--folds", "3") == 130
    for options, change in ((("--folds", "4"), "folds was 3, now 4"), ((), "folds was 3, now None")):
        assert train(*options) == 2
        assert change in told(capsys)[-1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--folds", "21"], "for 21 folds; 'bad' has 20: add texts of 'bad', or make 20 folds"),
        (["--folds", "3", "--validation", "0.1"], "expected either --folds or --validation; received both"),
        (["--folds", "3", "--validation", "held.csv"], "expected either --folds or --validation; received both"),
    ],
)
def test_folds_that_cannot_be_made_are_refused_before_anything_is_trained(place, tuning, capsys, options, message):
    assert train(*options) == 2
    assert message in told(capsys)[-1]
    assert tuning.made == ()


@pytest.mark.parametrize("word", ["1", "0", "-2", "many"])
def test_fewer_than_two_folds_are_wrong_use(place, capsys, word):
    with pytest.raises(SystemExit):
        train(f"--folds={word}")
    assert f"expected an integer, at least 2; received {word!r}" in capsys.readouterr().err


def test_a_class_with_one_text_gets_no_advice_to_make_one_fold(place, capsys):
    (place / "own.csv").write_text("\n".join(["text,label", *ROWS, "so so,fair"]))
    assert train("--folds", "2") == 2
    assert told(capsys)[-1].endswith("'fair' has 1: add texts of 'fair'")
