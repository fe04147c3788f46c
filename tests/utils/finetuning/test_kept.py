"""Classifiers on disk after something went wrong: a save that was killed, files that do not belong together."""

import json
import shutil

import pytest

from tests.conftest import ROOT
from utils.checkpoints import CheckpointError
from utils.checkpoints.manifest import write_manifest
from utils.finetuning import Classifier
from utils.finetuning.command.errors import InputError
from utils.finetuning.command.train import check_output

SAVED = ROOT / "tests" / "support" / "saved" / "classifier"


def changed(place, name, **values):
    """Copy the saved classifier, change one of its JSON files, and write a manifest that agrees."""
    folder = shutil.copytree(SAVED, place / "classifier")
    content = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(content | values))
    (folder / "manifest.json").unlink()
    write_manifest(folder)
    return folder


def test_a_version_that_a_killed_save_set_aside_is_found_and_not_written_over(tmp_path):
    shutil.copytree(SAVED, tmp_path / f".kept.earlier-{'0' * 16}")
    assert Classifier.load(tmp_path / "kept").classes == ["down", "level", "up"]
    shutil.move(tmp_path / "kept", tmp_path / f".kept.earlier-{'1' * 16}")
    with pytest.raises(InputError, match="holds a classifier"):
        check_output(str(tmp_path / "kept"), overwrite=False)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("config.json", {"hidden_size": "sixteen"}),
        ("config.json", {"model_type": "no-such-model"}),
        ("config.json", {"num_attention_heads": 0}),
        ("config.json", {"num_labels": 10**9}),
        ("config.json", {"layer_norm_eps": -1.0}),  # the network then answers NaN
        ("config.json", {"return_dict": False}),
        ("classifier.json", {"temperature": 10**400}),
        ("classifier.json", {"classes": None}),
        ("classifier.json", {"max_length": "long"}),
        ("tokenizer.json", {"model": {"type": "WordPiece"}}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_files_that_are_sound_each_and_no_classifier_together_are_refused(tmp_path, name, values):
    folder = changed(tmp_path, name, **values)
    with pytest.raises(CheckpointError, match=r"expected .*(the files of a classifier|config\.json|classifier\.json)"):
        Classifier.load(folder)
