"""A kept classifier: written all or nothing, refused when anything about it has changed."""

import hashlib
import json
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save, save_file

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


def forge(folder, name, content):
    """Change a file and its entry in the manifest, as somebody would who can write to the folder."""
    (folder / name).write_bytes(content)
    rewrite_manifest(folder, lambda files: files.update({name: entry(content)}))


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
    forge(kept, "vocab.txt", b"[PAD]\nbad\n")
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


@pytest.mark.parametrize("name", ["tf_model.preproc", "pytorch_model.bin", "module.py", "more.json", ".hidden", "more"])
def test_added_file_or_folder_is_refused_by_name(kept, name):
    (kept / name).mkdir() if name == "more" else (kept / name).write_bytes(b"{}")
    with pytest.raises(CheckpointError, match=rf"'not in the manifest': \['{name}'\]"):
        load_checkpoint(kept)


@pytest.mark.parametrize(
    "name", ["weights.pkl", "pytorch_model.bin", "code.py", "tf_model.h5", "model.safetensors.exe", "x"]
)
def test_file_of_a_kind_that_may_carry_code_is_refused_even_where_the_manifest_lists_it(kept, name):
    content = pickle.dumps([1])
    forge(kept, name, content)
    with pytest.raises(CheckpointError, match=rf"expected files that cannot carry code \(.*\); received .*{name}"):
        load_checkpoint(kept)


PLACES = ("../secret.json", "/etc/hostname.json", "a/b.json", "a\\b.json", "..", "", "C:x.json", "\x00.json", "~.json")


@pytest.mark.parametrize("name", [*PLACES, "manifest.json"])
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
    forge(kept, name, content)
    with pytest.raises(CheckpointError, match=rf"expected .* in .*{name}"):
        load_checkpoint(kept)
    assert os.environ["STRANGER"] == ""
    pickle.loads(content)
    assert os.environ["STRANGER"] == "was here"  # so the pickle was a working one


@pytest.mark.parametrize(
    ("details", "told"),
    [
        ([], r"expected a JSON object in .*classifier\.json; received list"),
        ({"max_length": 3}, r"expected at least two classes in .*classifier\.json, all different; received None"),
        ({"classes": ["one"], "max_length": 3}, "expected at least two classes"),
        ({"classes": [{}, {}], "max_length": 3}, "expected at least two classes"),
        ({"classes": ["a", "b", "a"], "max_length": 3}, "expected at least two classes .*, all different"),
        ({"classes": {"a": 1, "b": 2}, "max_length": 3}, "expected at least two classes"),
        ({"classes": ["a", "b"]}, r"expected max_length of at least 1 in .*classifier\.json; received None"),
        ({"classes": ["a", "b"], "max_length": True}, "expected max_length of at least 1"),
        ({"classes": ["a", "b"], "max_length": 2.5}, "expected max_length of at least 1"),
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
    before, move = fingerprint(kept), os.rename

    def rename(source, target):
        if ".draft-" in Path(source).name and not Path(target).exists() and Path(target).name in ("kept", "new"):
            raise KeyboardInterrupt
        move(source, target)

    monkeypatch.setattr(os, "rename", rename)
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


def weights_with(value):
    return save({"kernel": np.array([[1.0, value]], "float32"), "bias": np.zeros(2, "float32")})


def weights_named(name, array):
    return save({name: array})


HUGE = '{"num_hidden_layers": 1000000000}'
FORGED = {
    "NaN among the weights": ("model.safetensors", weights_with(np.nan), "finite numbers in .*; kernel holds NaN"),
    "infinity among the weights": ("model.safetensors", weights_with(np.inf), "finite numbers in .*; kernel holds NaN"),
    "eight bits without their scales": (
        *("model.safetensors", weights_named("kernel", np.ones((3, 2), "int8"))),
        "expected floats in .*; kernel holds int8. Quantised weights mean nothing without their scales",
    ),
    "truth values for weights": (
        *("model.safetensors", weights_named("kernel", np.ones((3, 2), bool))),
        "expected floats in .*; kernel holds bool",
    ),
    **{
        f"a head of another size, {name}": (
            *("model.safetensors", weights_named(name, np.zeros(3, "float32"))),
            f"a head of 2 classes in .*, as many as classifier.json names; {name} has shape .3,..* train a new head",
        )
        for name in ("classifier/bias:0", "bert.classifier.bias", "classifier/out_proj/bias:0", "head/bias")
    },
    "a file cut short": ("model.safetensors", weights_with(1.0)[:-3], "safetensors format in .*cut short or changed"),
    "an HDF5 file": ("model.safetensors", b"\x89HDF\r\n\x1a\n" + bytes(99), "it is an HDF5 file"),
    "a pickle": ("model.safetensors", pickle.dumps([1.0] * 40), "it is a pickle, .* safe_serialization=True"),
    "a header beyond the file": ("model.safetensors", b"\xff" * 7 + b"\x7f{}", "weights in safetensors format"),
    "no header": ("model.safetensors", b"", "weights in safetensors format"),
    "sizes that are no object": ("config.json", b"[1]", "a JSON object in .*; received list"),
    "sizes nested without end": ("config.json", b"[" * 100_000, "expected JSON in"),
    "sizes that are no text": ("config.json", b"\xff\xfe\xfa", "expected JSON in"),
    "a size with a point": ("config.json", b'{"hidden_size": 3.0}', "hidden_size in .* an integer from 1 to 3, .* 3.0"),
    "a size of another type": (
        "config.json",
        b'{"vocab_size": "3"}',
        "vocab_size in .* an integer from 1 to 3, .* '3'",
    ),
    "a size below 1": ("config.json", b'{"hidden_size": -3}', "hidden_size in .* an integer from 1 to 3, .* -3"),
    "a size beyond the weights": ("config.json", b'{"vocab_size": 4}', "vocab_size in .* an integer from 1 to 3"),
    "more layers than weights": ("config.json", HUGE.encode(), "num_hidden_layers in .* an integer from 1 to 2, .* 10"),
    "more classes than weights": ("config.json", b'{"num_labels": 1000000000}', "num_labels in .* at most 3, .* 10000"),
    "a width of another family": (
        "config.json",
        b'{"model_type": "gpt2", "n_embd": 9}',
        "n_embd in .* at most 3, .* 9",
    ),
    "layers of another family": ("config.json", b'{"encoder_layers": 3}', "encoder_layers in .* at most 2, .* 3"),
    "a size that is NaN": ("config.json", b'{"hidden_size": NaN}', "expected JSON in .*NaN is no number of JSON"),
    "a kind that is no name": ("config.json", b'{"model_type": ["bert"]}', "model_type to be a name in"),
    "a tokenizer that is no JSON": ("tokenizer.json", b"{", "expected JSON in"),
    "details with infinity": ("classifier.json", b'{"loss": -Infinity}', "expected JSON in .*-Infinity is no number"),
    "details of too many digits": ("classifier.json", b'{"max_length": 1' + b"0" * 5000 + b"}", "expected JSON in"),
    "details nested without end": ("classifier.json", b'{"a":' * 100_000, "expected JSON in"),
    "more tokens than positions": (
        *("config.json", b'{"max_position_embeddings": 3}'),
        "max_length of at least 1, and at most 3, the positions of the network, in .*classifier.json; received 7",
    ),
}


@pytest.mark.parametrize(("name", "content", "told"), FORGED.values(), ids=FORGED)
def test_what_a_forged_file_says_is_refused_by_its_name(kept, name, content, told):
    forge(kept, name, content)
    with pytest.raises(CheckpointError, match=told) as refusal:
        load_checkpoint(kept)
    assert name in str(refusal.value) or "classifier.json" in str(refusal.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize("name", ["vocab.txt", "model.safetensors", "manifest.json"])
def test_a_named_pipe_is_refused_and_nobody_waits_for_its_writer(kept, name):
    (kept / name).unlink()
    os.mkfifo(kept / name)
    with pytest.raises(CheckpointError, match=rf"{name}"):
        load_checkpoint(kept)
    if name != "manifest.json":
        rewrite_manifest(kept, lambda files: files[name].update(bytes=0))
        with pytest.raises(CheckpointError, match=rf"expected plain files in a checkpoint; .*{name} is"):
            load_checkpoint(kept)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_named_pipe_that_takes_a_files_place_after_the_check_is_refused_too(kept, monkeypatch):
    (kept / "vocab.txt").unlink()
    os.mkfifo(kept / "vocab.txt")
    monkeypatch.setattr("utils.checkpoints.manifest._check_kind", lambda path: None)
    with pytest.raises(CheckpointError, match=r"expected plain files in a checkpoint; .*vocab\.txt is something else"):
        load_checkpoint(kept)


@pytest.mark.parametrize("size", [10**30, 2**63, 10**9])
def test_an_oversized_length_in_the_manifest_is_refused_by_the_files_name(kept, size):
    rewrite_manifest(kept, lambda files: files["vocab.txt"].update(bytes=size))
    with pytest.raises(CheckpointError, match=rf"vocab\.txt to have {size:,} bytes; it has 10"):
        load_checkpoint(kept)


def test_a_file_instead_of_a_folder_is_no_checkpoint(tmp_path):
    (tmp_path / "file").write_text("{}")
    for look in (load_checkpoint, fingerprint, verify_checkpoint):
        with pytest.raises(
            CheckpointError, match=r"expected a checkpoint with manifest\.json in .*file; there is none"
        ):
            look(tmp_path / "file")


def test_bert_loader_is_found_here_and_nothing_else():
    from utils.weights.from_bert import load_bert

    assert checkpoints.load_bert is load_bert
    with pytest.raises(AttributeError, match=r"module 'utils\.checkpoints' has no attribute 'load_gpt'"):
        checkpoints.load_gpt  # noqa: B018
