"""A checkpoint that is replaced: killed at any step, or by several processes at once, one whole version is there."""

import errno
import json
import os
import subprocess
import sys
import time

import pytest

from tests.conftest import ROOT
from tests.support.checkpoint_processes import load, save
from utils.checkpoints import CheckpointError, fingerprint, places, save_checkpoint, verify_checkpoint
from utils.checkpoints.places import remove

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def run(kind, folder):
    command = [sys.executable, "-m", "tests.support.checkpoint_processes", kind, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def kept(tmp_path):
    save(tmp_path / "kept", 1)
    return tmp_path / "kept"


@needs_fork
def test_killed_at_any_of_its_steps_saving_leaves_the_old_or_the_new_version_whole(tmp_path):
    told = run("kill", tmp_path)
    assert told["kills"] >= 12
    assert told["gaps"] >= 1  # so at least one kill came between the two moves
    assert told["loaded"] == sorted(told["loaded"])
    assert set(told["loaded"]) == {1, 2}


@needs_fork
def test_two_writers_and_two_readers_at_once_end_in_one_whole_version(tmp_path):
    told = run("race", tmp_path)
    assert set(told["statuses"]) == {0}
    assert min(told["reads"]) >= 1
    assert told["last"] in (111, 211)
    assert told["hidden"] == []


def test_a_version_that_another_writer_moves_away_just_then_is_no_error(kept, monkeypatch):
    rename, moves = os.rename, []

    def rename_after_another(source, target):
        if target == kept and not moves:
            moves.append(source)
            remove(kept)  # another writer set it aside, put its own there, and so on: for a moment there is nothing
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))
        rename(source, target)

    monkeypatch.setattr(os, "rename", rename_after_another)
    save(kept, 2)
    assert len(moves) == 1
    assert load(kept) == 2
    assert [path.name for path in kept.parent.iterdir()] == ["kept"]


def set_aside(folder, at=0):
    """Leave a checkpoint as a kill between the two moves leaves it."""
    path = folder.with_name(f".{folder.name}.earlier-{at:016x}")
    os.rename(folder, path)
    return path


@pytest.mark.parametrize("look", [load, fingerprint, verify_checkpoint])
def test_a_version_that_a_kill_left_aside_is_brought_back(kept, look):
    expected = look(kept)
    set_aside(kept)
    assert look(kept) == expected
    assert [path.name for path in kept.parent.iterdir()] == ["kept"]


def test_the_version_that_was_written_last_is_brought_back(kept):
    for number in (2, 3):
        path = set_aside(kept, 9 - number)
        os.utime(path / "manifest.json", (number, number))
        save(kept.with_name("other"), number)
        os.rename(kept.with_name("other"), kept)
    path = set_aside(kept, 5)
    os.utime(path / "manifest.json", (4, 4))
    assert load(kept) == 3


def test_a_version_that_cannot_be_moved_is_read_where_it_stands(kept, monkeypatch):
    path = set_aside(kept)

    def refuse(source, target):
        raise PermissionError(f"no right to move {source}")

    monkeypatch.setattr(os, "rename", refuse)
    assert load(kept) == 1
    assert path.is_dir()


def test_a_neighbour_whose_name_begins_alike_is_not_taken_for_a_version_set_aside(tmp_path):
    for name in (".kept.earlier-", ".kept.earlier-0123456789abcdefg", ".kept-2.earlier-0123456789abcdef"):
        save(tmp_path / name, 7)
    with pytest.raises(CheckpointError, match=r"expected a checkpoint with manifest\.json in .*kept; there is none"):
        load(tmp_path / "kept")


def test_a_version_set_aside_is_not_replaced_unless_asked(kept):
    set_aside(kept)
    with pytest.raises(FileExistsError, match=r"expected no file or folder at .*kept; choose another"):
        save_checkpoint(kept, None, None, {})
    assert load(kept) == 1


def test_a_draft_that_a_kill_left_is_deleted_after_a_day_and_not_before(kept):
    drafts = [kept.with_name(f".kept.draft-{at:016x}") for at in range(2)]
    for path, age in zip(drafts, (60, 90_000), strict=True):
        path.mkdir()
        os.utime(path, (time.time() - age,) * 2)
    save(kept, 2)
    assert [path.exists() for path in drafts] == [True, False]


def test_writers_without_end_are_told(kept, monkeypatch):
    monkeypatch.setattr(places, "PAUSE", 0)
    move = os.rename

    def someone_else_saves(source, target):
        if target == kept:
            raise OSError("not empty")
        move(source, target)
        if ".earlier-" in target.name:
            save_elsewhere(source)

    def save_elsewhere(folder):
        folder.mkdir()
        (folder / "classifier.json").write_text("{}")

    monkeypatch.setattr(os, "rename", someone_else_saves)
    with pytest.raises(CheckpointError, match=r"expected to save to .*kept; other processes keep writing there"):
        save(kept, 2)


def test_readers_of_a_folder_that_is_replaced_without_end_are_told(kept, monkeypatch):
    monkeypatch.setattr(places, "PAUSE", 0)

    def read(place):
        os.utime(place / "manifest.json", ns=(0, time.time_ns()))
        raise CheckpointError("its content has changed")

    with pytest.raises(CheckpointError, match=r"expected to read .*kept; other processes keep replacing it"):
        places.read_settled(kept, read)


def test_a_folder_without_a_manifest_is_back_when_its_replacement_cannot_be_moved(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "PAUSE", 0)
    folder, draft = tmp_path / "export", places.new_draft(tmp_path / "export")
    for path, content in ((folder, "old"), (draft, "new")):
        path.mkdir(exist_ok=True)
        (path / "model.onnx").write_text(content)
    move = os.rename

    def refuse_drafts(source, target):
        if source == draft:
            raise OSError("disk is full")
        move(source, target)

    monkeypatch.setattr(os, "rename", refuse_drafts)
    with pytest.raises(CheckpointError):
        places.put_in_place(draft, folder, lambda: None)
    assert (folder / "model.onnx").read_text() == "old"
