"""A classifier as ONNX: run, not only written; whole or not there; and used by the lines that stand beside it."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest

from tests.support.finetuning_toys import CHOICES, LABELS, PEAK, TEXTS, texts_and_labels
from tools.notebooks.chapters import ROOT
from utils import corpora
from utils.classification import onnx_export as onnx_exporting
from utils.classification.packages import MissingPackageError
from utils.finetuning import Classifier, FineTuning, export_onnx, run_onnx

MANY, _ = texts_and_labels(200, seed=2)


@pytest.fixture(scope="module")
def classifier(bert):
    """Three classes, a temperature, and texts longer than it reads."""
    tuning = FineTuning(TEXTS, LABELS, bert, **{**CHOICES, "max_length": 8, "validation": None})
    found = tuning.fit(PEAK, epochs=6, progress=False)
    found.details["temperature"] = 1.7
    return found


@pytest.fixture(scope="module")
def exported(classifier, tmp_path_factory):
    """The export of what was kept and loaded again."""
    place = tmp_path_factory.mktemp("onnx")
    return export_onnx(Classifier.load(classifier.save(place / "kept")), place / "here" / "mine", MANY)


def test_probabilities_are_the_classifiers_on_200_texts_cut_and_padded_and_at_its_temperature(classifier, exported):
    texts = [*MANY[:198], "", "unknownword " * 30]
    assert len(texts) == 200
    expected = classifier.predict_probability(texts)
    found = run_onnx(exported, texts, batch_size=32)
    assert found.shape == expected.shape == (200, 3)
    assert abs(found - expected).max() < 1e-4
    assert expected.max() - expected.min() > 0.3
    classifier.details["temperature"] = 1.0
    try:
        assert abs(found - classifier.predict_probability(texts)).max() > 0.02
    finally:
        classifier.details["temperature"] = 1.7


@pytest.mark.slow
def test_the_books_own_encoder_is_exported_and_gives_the_same_on_200_reviews(tmp_path):
    train, test = (corpora.load("reviews", split) for split in ("train", "test"))
    encoder = ROOT / "data" / "checkpoints" / "mini-bert"
    tuning = FineTuning(train.texts[:64], train.labels[:64], encoder, classes=train.classes, max_length=24)
    classifier, texts = tuning.classifier(), corpora.stratified_sample(test, 200).texts
    folder = export_onnx(classifier, tmp_path / "mine")
    assert abs(run_onnx(folder, texts) - classifier.predict_probability(texts)).max() < 1e-4


def test_folder_names_classes_inputs_and_temperature_and_nothing_of_this_machine(exported, tmp_path_factory):
    assert {path.name for path in exported.iterdir()} == {"model.onnx", "tokenizer.json", "config.json", "README.md"}
    about = json.loads((exported / "config.json").read_text(encoding="utf-8"))
    assert about == {
        "id2label": {"0": "down", "1": "level", "2": "up"},
        "label2id": {"down": 0, "level": 1, "up": 2},
        "max_length": 8,
        "temperature": 1.7,
        "inputs": ["input_ids", "attention_mask", "token_type_ids"],
        "output": "probability",
    }
    written = b"".join(path.read_bytes() for path in exported.iterdir())
    assert str(tmp_path_factory.getbasetemp()).encode() not in written
    assert str(ROOT).encode() not in written


def test_lines_of_the_readme_classify_without_this_book(classifier, exported):
    (code,) = re.findall(r"```python\n(.*?)```", (exported / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(code.splitlines()) < 15
    texts = ["the film was good", "bad"]
    code = code.replace('["a text", "another, longer text"]', repr(texts))
    code += "import sys\nassert not {'tensorflow', 'keras', 'tf_keras', 'transformers', 'utils'} & set(sys.modules)\n"
    told = subprocess.run([sys.executable, "-I", "-c", code], cwd=exported, capture_output=True, text=True, check=True)
    assert told.stdout == f"{classifier.predict(texts)}\n"


def test_a_file_that_computes_something_else_is_not_kept(classifier, tmp_path, monkeypatch):
    def wrong(context, node, name, arguments):
        node.type = "Erf"  # the other half of erfc(x) = 1 - erf(x)

    monkeypatch.setattr(onnx_exporting, "_write_erfc", wrong)
    with pytest.raises(RuntimeError, match=r"to give the classifier's probabilities to 0.0001; they differ by"):
        export_onnx(classifier, tmp_path / "mine")
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_export_is_replaced_only_when_asked(classifier, exported, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_exporting, "_convert", lambda _: pytest.fail("converted before the check"))
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("years of work")
    for folder, overwrite, told in ((exported, False, "pass overwrite=True"), (other, True, "is something else")):
        with pytest.raises(FileExistsError, match=told):
            export_onnx(classifier, folder, overwrite=overwrite)
    assert (other / "thesis.tex").read_text() == "years of work"


def test_replacing_leaves_the_new_export_alone(classifier, exported, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_exporting, "_convert", lambda _: onnx.load(exported / "model.onnx"))
    shutil.copytree(exported, tmp_path / "mine")
    (tmp_path / "mine" / "model.onnx").write_bytes(b"old")
    folder = export_onnx(classifier, tmp_path / "mine", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert np.isfinite(run_onnx(folder, ["good"])).all()


def test_missing_package_is_named_with_what_installs_it(classifier, tmp_path, monkeypatch):
    find = onnx_exporting.importlib.util.find_spec
    monkeypatch.setattr(
        onnx_exporting.importlib.util, "find_spec", lambda name: None if name == "tf2onnx" else find(name)
    )
    with pytest.raises(MissingPackageError, match=r"needs tf2onnx: run pip install onnx onnxruntime tf2onnx"):
        export_onnx(classifier, tmp_path / "mine")


def test_tokenizer_written_in_python_and_no_text_at_all_are_refused(classifier, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="expected at least one text"):
        export_onnx(classifier, tmp_path / "mine", [])
    monkeypatch.setattr(type(classifier.tokenizer), "is_fast", False)
    monkeypatch.setattr(onnx_exporting, "_convert", lambda _: pytest.fail("converted before the tokenizer"))
    with pytest.raises(ValueError, match="which is written in Python"):
        export_onnx(classifier, tmp_path / "mine")
    assert list(tmp_path.iterdir()) == []
