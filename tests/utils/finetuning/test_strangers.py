"""Code in a stranger's folder never runs, whatever stands on standard input; each trap is shown to work first."""

import builtins
import contextlib
import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.support.finetuning_toys import texts_and_labels, write_bert
from tools.notebooks.chapters import ROOT
from utils.checkpoints import load_bert
from utils.checkpoints.manifest import write_manifest
from utils.finetuning import (
    Classifier,
    FineTuning,
    fine_tune,
    load_encoder_tokenizer,
    load_transformers,
    tensorflow_folder,
)
from utils.finetuning.encoders import load_config

TEXTS, LABELS = texts_and_labels(40)
TRAP = """
from transformers import BertConfig, BertTokenizer, TFBertForSequenceClassification

open({marker!r}, "w").close()

class StrangerConfig(BertConfig):
    model_type = "stranger"

class StrangerTokenizer(BertTokenizer):
    pass
"""
KINDS = {  # what config.json and tokenizer_config.json say besides "auto_map"
    "an unknown kind of network": ({"model_type": "stranger"}, {}),
    "a known kind of network": ({}, {}),
    "an unknown tokenizer": ({}, {"tokenizer_class": "StrangerTokenizer"}),
}


def change(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def set_trap(folder, kind, written_by="tf"):
    """Write an encoder whose configuration names code of its folder, which writes the file `marker` beside it."""
    write_bert(folder, written_by)
    (folder / "stranger.py").write_text(TRAP.format(marker=str(folder.parent / "marker")))
    name_code(folder, kind)
    return folder


def name_code(folder, kind, home=""):
    """Let the configuration of a folder name the code that lies there, or in the folder `home`."""
    config, tokenizer = KINDS[kind]
    home = home and f"{home}--"
    classes = {"AutoConfig": f"{home}stranger.StrangerConfig"}
    for name in ("AutoModel", "TFAutoModel", "TFAutoModelForSequenceClassification"):
        classes[name] = f"{home}stranger.TFBertForSequenceClassification"
    change(folder / "config.json", auto_map=classes, **config)
    names = [f"{home}stranger.StrangerTokenizer", None]
    change(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": names}, **tokenizer)


@pytest.fixture
def marker(tmp_path, monkeypatch):
    """The file that a stranger's code writes; whoever asks gets "yes" for an answer."""
    load_transformers()
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(builtins, "input", lambda *_: "yes")
    return tmp_path / "marker"


@pytest.mark.parametrize("kind", KINDS)
def test_the_trap_runs_where_a_folder_is_trusted(marker, tmp_path, kind):
    folder, transformers = set_trap(tmp_path / "stranger", kind), load_transformers()
    load = transformers.AutoConfig if kind == "an unknown kind of network" else transformers.AutoTokenizer
    load.from_pretrained(folder, trust_remote_code=True)
    assert marker.exists()


@pytest.mark.parametrize("written_by", ["tf", "pt"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_encoder_that_names_code_is_refused_or_used_without_it(marker, tmp_path, kind, written_by):
    folder = set_trap(tmp_path / "stranger", kind, written_by=written_by)

    def begin():
        return FineTuning(TEXTS, LABELS, folder, max_length=16, cache=tmp_path / "cache").classifier()

    if kind == "a known kind of network":
        assert len(begin().predict(TEXTS[:2])) == 2
    else:
        with pytest.raises(ValueError, match=r'names code of its own \("auto_map"\), which is never run'):
            begin()
    assert not marker.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_no_way_of_opening_a_folder_runs_its_code(marker, tmp_path, kind):
    folder = set_trap(tmp_path / "stranger", kind, written_by="pt")
    options = {"max_length": 16, "learning_rate": 1e-3, "cache": tmp_path / "cache", "progress": False}
    for act in (
        lambda: load_config(folder),
        lambda: load_encoder_tokenizer(folder),
        lambda: tensorflow_folder(folder, tmp_path / "cache"),
        lambda: load_bert(folder),
        lambda: fine_tune(TEXTS, LABELS, folder, **options) if "unknown" in kind else None,
        lambda: load_transformers().AutoTokenizer.from_pretrained(folder),  # as a reader may write it
        lambda: load_transformers().AutoConfig.from_pretrained(folder),
    ):
        with contextlib.suppress(ValueError):  # some are refused, none may run the code
            act()
        assert not marker.exists()


@pytest.mark.parametrize("kind", ["an unknown kind of network", "an unknown tokenizer"])
def test_a_classifier_whose_files_name_code_elsewhere_is_refused(marker, tmp_path, kind):
    trap = set_trap(tmp_path / "stranger", kind)
    classifier = FineTuning(TEXTS, LABELS, write_bert(tmp_path / "bert"), max_length=16).classifier()
    folder = classifier.save(tmp_path / "classifier")
    name_code(folder, kind, home=trap)
    (folder / "manifest.json").unlink()
    write_manifest(folder)
    with pytest.raises(ValueError, match="which is never run"):
        Classifier.load(folder)
    assert not marker.exists()


@pytest.mark.slow
@pytest.mark.parametrize(  # a known kind is trained and asked in two processes, each night; above in one, always
    "kind",
    [pytest.param(kind, marks=pytest.mark.full if kind == "a known kind of network" else ()) for kind in KINDS],
)
def test_the_command_line_runs_no_code_though_yes_stands_on_its_input(tmp_path, kind):
    folder = set_trap(tmp_path / "stranger", kind, written_by="pt")
    rows = [f"{text},{label}" for text, label in zip(TEXTS, LABELS, strict=True)]
    (tmp_path / "own.csv").write_text("\n".join(["text,label", *rows]))
    shutil.copytree(folder, tmp_path / "classifier")
    for command in (
        ("train", "--data", "own.csv", "--model", "stranger", "--output", "out", "--epochs", "1"),
        ("predict", "--model", "out" if kind == "a known kind of network" else "classifier"),
    ):
        places = {"HF_MODULES_CACHE": "modules", "BOOK_CACHE_DIR": "cache", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-m", "utils.finetuning", *command],
            input="yes\n" * 1000,
            env={**os.environ, **places},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not (tmp_path / "marker").exists()
        assert done.returncode == (0 if kind == "a known kind of network" else 2), done.stderr
        assert "Traceback" not in done.stderr
