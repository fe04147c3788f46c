"""`train --export onnx` with stand-ins: where it goes, what is refused in time, what is told when it fails."""

import json
from pathlib import Path

import pytest

from tests.support.finetuning_fakes import FakeClassifier, train
from utils.checkpoints import verify_checkpoint
from utils.classification import onnx_export as onnx_exporting
from utils.finetuning.command import train as finetuning_command_train


@pytest.fixture
def exports(place, monkeypatch):
    """The arguments of each export, which writes a file that is none."""
    found = []

    def export(classifier, folder, texts, *, overwrite):
        found.append((classifier, folder, texts, overwrite))
        folder.mkdir(exist_ok=True)
        for name in onnx_exporting.FILES:
            (folder / name).write_text("")

    monkeypatch.setattr(finetuning_command_train, "export_onnx", export)
    return found


def test_export_goes_beside_the_classifier_and_is_compared_on_held_out_texts(place, exports, capsys):
    assert train("--export", "onnx") == 0
    printed = capsys.readouterr()
    ((classifier, folder, texts, overwrite),) = exports
    assert isinstance(classifier, FakeClassifier)
    assert (folder, len(texts), overwrite) == (place / "out-onnx", 6, False)
    assert json.loads(printed.out)["onnx"] == str(folder)
    assert f"exported: {folder}, whose README.md shows how it is used" in printed.err


def test_with_folds_the_export_is_compared_on_texts_of_the_file(place, exports):
    assert train("--folds", "2", "--export", "onnx") == 0
    assert [len(texts) for _, _, texts, _ in exports] == [60]


def test_without_the_option_nothing_is_exported(place, exports, capsys):
    assert train() == 0
    assert exports == []
    assert "onnx" not in json.loads(capsys.readouterr().out)


def test_place_of_the_export_is_looked_at_before_anything_is_trained(place, tuning, exports, capsys):
    (place / "out-onnx").mkdir()
    (place / "out-onnx" / "thesis.tex").write_text("years of work")
    for options, told in (((), "choose another, or pass --overwrite"), (("--overwrite",), "is something else")):
        assert train("--export", "onnx", *options) == 2
        assert capsys.readouterr().err.splitlines()[-1].endswith(told)
    assert tuning.made == ()
    assert (place / "out-onnx" / "thesis.tex").read_text() == "years of work"


def test_earlier_export_is_replaced_with_the_classifier(place, exports):
    assert train("--export", "onnx") == 0
    assert train("--export", "onnx", "--overwrite") == 0
    assert [overwrite for *_, overwrite in exports] == [False, True]


def test_missing_package_is_told_before_anything_is_trained(place, tuning, capsys, monkeypatch):
    monkeypatch.setattr(onnx_exporting, "PACKAGES", ("onnx", "no_such_package"))
    assert train("--export", "onnx") == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told == "train: an export to ONNX needs no_such_package: run pip install onnx no_such_package"
    assert tuning.made == ()


@pytest.mark.parametrize(("error", "status"), [(RuntimeError("they differ"), 1), (KeyboardInterrupt(), 130)])
def test_export_that_fails_leaves_the_classifier_and_says_how_to_go_on(place, capsys, monkeypatch, error, status):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(finetuning_command_train, "export_onnx", fail)
    assert train("--export", "onnx") == status
    told = capsys.readouterr().err.splitlines()[-1]
    assert str(error) in told
    assert f"he classifier is kept in {place / 'out'}, and only its export is missing: python -c " in told
    assert verify_checkpoint(place / "out")
    assert not Path(place / "out-onnx").exists()


def test_the_remedy_replaces_an_earlier_export_where_that_was_asked_for(place, exports, capsys, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("they differ")

    assert train("--export", "onnx") == 0
    monkeypatch.setattr(finetuning_command_train, "export_onnx", fail)
    assert train("--export", "onnx", "--overwrite") == 1
    assert ", overwrite=True)" in capsys.readouterr().err.splitlines()[-1]


def test_another_format_is_wrong_use(place, capsys):
    with pytest.raises(SystemExit):
        train("--export", "pickle")
    assert "invalid choice: 'pickle'" in capsys.readouterr().err
