"""A kept classifier: written all or nothing, refused when anything about it has changed."""

import hashlib
import json
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from utils import checkpoints
from utils.checkpoints import CheckpointError, fingerprint, load_checkpoint, save_checkpoint, verify_checkpoint

DETAILS = {"classes": ["no", "yes"], "max_length": 7, "note": "größer"}
WEIGHTS = {"kernel": np.arange(6, dtype="float32").reshape(2, 3), "bias": np.array([0.5], "float16")}


class Model:
    """Writes what a model of transformers writes."""

    weights = WEIGHTS
    extra = ()

    def save_pretrained(self, folder, safe_serialization):
        assert safe_serialization
        save_file(self.weights, folder / "model.safetensors")
        (folder / "config.json").write_text('{"hidden_size": 3}')
        for name in self.extra:
            (folder / name).write_bytes(pickle.dumps([1]))


class Tokenizer:
    def save_pretrained(self, folder):
        (folder / "vocab.txt").write_text("[PAD]\ngut\n")


@pytest.fixture
def kept(tmp_path):
    return save_checkpoint(tmp_path / "kept", Model(), Tokenizer(), DETAILS)


def rewrite_manifest(folder, change):
    """Change the manifest's entries as somebody would who can write to the folder."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest["files"])
    path.write_text(json.dumps(manifest))


def entry(content):
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_what_is_loaded_is_what_was_saved(kept):
    found = load_checkpoint(kept)
    assert found.details == DETAILS
    assert found.weights.keys() == WEIGHTS.keys()
    for name, array in WEIGHTS.items():
        assert found.weights[name].dtype == array.dtype
        np.testing.assert_array_equal(found.weights[name], array)
    assert found.files["vocab.txt"] == b"[PAD]\ngut\n"
    assert sorted(found.files) == ["classifier.json", "config.json", "vocab.txt"]
    assert verify_checkpoint(kept) == ["classifier.json", "config.json", "model.safetensors", "vocab.txt"]


def test_manifest_gives_length_and_sha256_of_every_file(kept):
    told = json.loads((kept / "manifest.json").read_text())["files"]
    assert told == {path.name: entry(path.read_bytes()) for path in kept.iterdir() if path.name != "manifest.json"}


def test_fingerprint_is_the_same_for_the_same_content_and_tells_a_rewritten_manifest(kept, tmp_path):
    expected = fingerprint(kept)
    assert fingerprint(save_checkpoint(tmp_path / "twin", Model(), Tokenizer(), DETAILS)) == expected
    load_checkpoint(kept, expected)
    (kept / "vocab.txt").write_text("[PAD]\nbad\n")
    rewrite_manifest(kept, lambda files: files.update({"vocab.txt": entry(b"[PAD]\nbad\n")}))
    verify_checkpoint(kept)  # the manifest alone cannot know
    with pytest.raises(CheckpointError, match=f"expected a checkpoint with fingerprint {expected}; .* has "):
        verify_checkpoint(kept, expected)


@pytest.mark.parametrize("name", ["classifier.json", "config.json", "model.safetensors", "vocab.txt"])
@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda data: data[:-1], "bytes; it has .*: fetch it again"),
        (lambda data: data + b" ", "bytes; it has .*: fetch it again"),
        (lambda data: b"", "bytes; it has 0: fetch it again"),
        (lambda data: bytes([data[0] ^ 1]) + data[1:], "as it was saved; its content has changed"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 128]), "as it was saved; its content has changed"),
    ],
    ids=["truncated", "longer", "empty", "first bit", "last bit"],
)
def test_damaged_file_is_refused_by_name(kept, name, damage, told):
    path = kept / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CheckpointError, match=rf"expected .*{name} .*{told}"):
        load_checkpoint(kept)


@pytest.mark.parametrize("name", ["classifier.json", "config.json", "model.safetensors", "vocab.txt"])
def test_missing_file_is_refused_by_name(kept, name):
    (kept / name).unlink()
    with pytest.raises(CheckpointError, match=rf"'missing': \['{name}'\]"):
        load_checkpoint(kept)


@pytest.mark.parametrize("name", ["tf_model.preproc", "pytorch_model.bin", "module.py", "more.json", ".hidden"])
def test_added_file_is_refused_by_name(kept, name):
    (kept / name).write_bytes(b"{}")
    with pytest.raises(CheckpointError, match=rf"'not in the manifest': \['{name}'\]"):
        load_checkpoint(kept)


def test_added_folder_is_refused(kept):
    (kept / "more").mkdir()
    with pytest.raises(CheckpointError, match=r"'not in the manifest': \['more'\]"):
        load_checkpoint(kept)


@pytest.mark.parametrize(
    "name", ["weights.pkl", "pytorch_model.bin", "code.py", "tf_model.h5", "model.safetensors.exe", "x"]
)
def test_file_of_a_kind_that_may_carry_code_is_refused_even_where_the_manifest_lists_it(kept, name):
    content = pickle.dumps([1])
    (kept / name).write_bytes(content)
    rewrite_manifest(kept, lambda files: files.update({name: entry(content)}))
    with pytest.raises(CheckpointError, match=rf"expected files that cannot carry code \(.*\); received .*{name}"):
        load_checkpoint(kept)


@pytest.mark.parametrize(
    "name",
    [
        "../secret.json",
        "/etc/hostname.json",
        "a/b.json",
        "a\\b.json",
        "..",
        "",
        "C:x.json",
        "\x00.json",
        "manifest.json",
        "~.json",
    ],
)
def test_name_that_leads_elsewhere_is_refused(kept, name):
    (kept.parent / "secret.json").write_bytes(b"{}")
    rewrite_manifest(kept, lambda files: files.update({name: entry(b"{}")}))
    with pytest.raises(CheckpointError, match=r"expected plain names of files in .*; received"):
        load_checkpoint(kept)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_link_is_refused_even_to_the_right_content(kept):
    elsewhere = kept.parent / "vocab.txt"
    elsewhere.write_bytes((kept / "vocab.txt").read_bytes())
    (kept / "vocab.txt").unlink()
    (kept / "vocab.txt").symlink_to(elsewhere)
    with pytest.raises(CheckpointError, match=r"expected plain files in a checkpoint; .*vocab\.txt is a link"):
        load_checkpoint(kept)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_manifest_that_is_a_link_is_refused(kept):
    (kept / "manifest.json").rename(kept.parent / "manifest.json")
    (kept / "manifest.json").symlink_to(kept.parent / "manifest.json")
    with pytest.raises(CheckpointError, match=r"expected a checkpoint with manifest\.json"):
        load_checkpoint(kept)


GOOD = "0" * 64


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected JSON in .*manifest.json"),
        ("{", "expected JSON in .*manifest.json"),
        ("[" * 100_000, "expected JSON in .*manifest.json"),
        ("[]", 'expected an object "files"'),
        ('{"files": []}', 'expected an object "files"'),
        ('{"files": {"config.json": {}, "config.json": {}}}', "a name occurs twice"),
        ('{"files": {"config.json": 3}}', "expected bytes and sha256 for config.json"),
        (f'{{"files": {{"config.json": {{"bytes": -1, "sha256": "{GOOD}"}}}}}}', "expected bytes and sha256"),
        (f'{{"files": {{"config.json": {{"bytes": true, "sha256": "{GOOD}"}}}}}}', "expected bytes and sha256"),
        ('{"files": {"config.json": {"bytes": 1, "sha256": "00"}}}', "expected bytes and sha256"),
        (f'{{"files": {{"config.json": {{"bytes": 1, "sha256": "{GOOD}", "x": 1}}}}}}', "expected bytes and sha256"),
        ('{"files": {}}', "expected classifier.json, config.json, model.safetensors among the files"),
        (" " * 1_000_001, "to have at most 1,000,000 bytes; it has 1,000,001"),
    ],
)
def test_broken_manifest_is_refused(kept, text, told):
    (kept / "manifest.json").write_text(text)
    with pytest.raises(CheckpointError, match=told):
        load_checkpoint(kept)


def test_folder_without_a_manifest_is_no_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match=r"expected a checkpoint with manifest\.json in .*nowhere; there is none"):
        load_checkpoint(tmp_path / "nowhere")


class Stranger:
    """What a pickle may hold: a call, made while it is read."""

    def __reduce__(self):
        return exec, ("import os; os.environ['STRANGER'] = 'was here'",)


@pytest.mark.parametrize("name", ["model.safetensors", "classifier.json", "config.json"])
def test_pickle_in_a_file_of_an_innocent_name_is_never_unpickled(kept, name, monkeypatch):
    monkeypatch.setenv("STRANGER", "")
    content = pickle.dumps(Stranger())
    (kept / name).write_bytes(content)
    rewrite_manifest(kept, lambda files: files.update({name: entry(content)}))
    with pytest.raises(CheckpointError, match=rf"expected .* in .*{name}"):
        load_checkpoint(kept)
    assert os.environ["STRANGER"] == ""
    pickle.loads(content)
    assert os.environ["STRANGER"] == "was here"  # so the pickle was a working one


@pytest.mark.parametrize(
    ("details", "told"),
    [
        ([], r"expected a JSON object in classifier\.json; received list"),
        ({"max_length": 3}, "expected at least two classes in classifier.json; received None"),
        ({"classes": ["one"], "max_length": 3}, "expected at least two classes"),
        ({"classes": [{}, {}], "max_length": 3}, "expected at least two classes"),
        ({"classes": ["a", "b"]}, "expected max_length of at least 1 in classifier.json; received None"),
        ({"classes": ["a", "b"], "max_length": 0}, "expected max_length of at least 1"),
        ({"classes": ["a", "b"], "max_length": "7"}, "expected max_length of at least 1"),
    ],
)
def test_details_that_describe_no_classifier_are_refused(tmp_path, details, told):
    folder = save_checkpoint(tmp_path / "kept", Model(), Tokenizer(), details)
    with pytest.raises(CheckpointError, match=told):
        load_checkpoint(folder)


class Failing(Tokenizer):
    def save_pretrained(self, folder):
        super().save_pretrained(folder)
        raise OSError("disk full")


def test_failure_while_saving_leaves_nothing_and_keeps_what_was_there(kept):
    before = fingerprint(kept)
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(kept, Model(), Failing(), DETAILS, overwrite=True)
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(kept.parent / "new", Model(), Failing(), DETAILS)
    with pytest.raises(TypeError):
        save_checkpoint(kept.parent / "new", Model(), Tokenizer(), {"classes": {1, 2}})
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_checkpoint(kept.parent / "new", Model(), Tokenizer(), {"loss": float("nan")})
    assert [path.name for path in kept.parent.iterdir()] == ["kept"]
    load_checkpoint(kept, before)


def test_what_is_replaced_comes_back_if_the_new_one_cannot_be_put_in_place(kept, monkeypatch):
    before, move = fingerprint(kept), os.replace

    def replace(source, target):
        if Path(source).name == "draft":
            raise KeyboardInterrupt
        move(source, target)

    monkeypatch.setattr("utils.checkpoints.os.replace", replace)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(kept, Model(), Tokenizer(), {**DETAILS, "max_length": 9}, overwrite=True)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(kept.parent / "new", Model(), Tokenizer(), DETAILS)
    assert [path.name for path in kept.parent.iterdir()] == ["kept"]
    load_checkpoint(kept, before)


def test_earlier_checkpoint_is_replaced_only_when_asked(kept):
    with pytest.raises(
        FileExistsError, match=r"expected no file or folder at .*kept; choose another, or pass overwrite"
    ):
        save_checkpoint(kept, Model(), Tokenizer(), DETAILS)
    (kept / "stray.json").write_text("{}")
    save_checkpoint(kept, Model(), Tokenizer(), {**DETAILS, "max_length": 9}, overwrite=True)
    assert load_checkpoint(kept).details["max_length"] == 9
    assert [path.name for path in kept.parent.iterdir()] == ["kept"]


def test_only_a_checkpoint_or_an_empty_folder_is_overwritten(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    (tmp_path / "file").write_text("")
    for name in ("thesis", "file"):
        with pytest.raises(FileExistsError, match=f"expected a checkpoint to overwrite at .*{name}; what is there is"):
            save_checkpoint(tmp_path / name, Model(), Tokenizer(), DETAILS, overwrite=True)
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years of work"
    save_checkpoint(tmp_path / "empty", Model(), Tokenizer(), DETAILS, overwrite=True)
    assert load_checkpoint(tmp_path / "empty").details == DETAILS


def test_model_that_writes_a_pickle_is_not_kept(tmp_path):
    model = Model()
    model.extra = ("optimizer.pt",)
    with pytest.raises(CheckpointError, match=r"cannot carry code .*optimizer\.pt"):
        save_checkpoint(tmp_path / "kept", model, Tokenizer(), DETAILS)
    assert not list(tmp_path.iterdir())


def test_bert_loader_is_found_here_and_only_when_asked_for():
    from utils.weights import from_bert as checkpoints_bert

    assert checkpoints.load_bert is checkpoints_bert.load_bert
    with pytest.raises(AttributeError, match=r"module 'utils\.checkpoints' has no attribute 'load_gpt'"):
        checkpoints.load_gpt  # noqa: B018
