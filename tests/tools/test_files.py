"""Files that are whole or not there; figures that outlive an interruption, and no change of what they depend on."""

import json
import os

import pytest

from tools.files import Kept
from utils.files import write_whole


def test_a_new_file_gets_its_folder_and_an_old_one_keeps_its_permissions(tmp_path):
    path = write_whole(tmp_path / "deep" / "own.txt", "é\n")
    assert path.read_bytes() == "é\n".encode()
    path.chmod(0o640)
    write_whole(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o640)
    assert list(path.parent.iterdir()) == [path]


def test_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "a.ipynb"
    path.write_text("old")

    def refuse(source, target):
        raise OSError("disk is full")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="disk is full"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_each_figure_is_in_the_file_as_soon_as_it_is_known(tmp_path):
    kept = Kept(tmp_path / "kept.json", {"seeds": (1, 2)})
    kept["1"] = [0.5]
    assert json.loads((tmp_path / "kept.json").read_text())["found"] == {"1": [0.5]}
    assert Kept(tmp_path / "kept.json", {"seeds": [1, 2]}) == {"1": [0.5]}, "a tuple is a list once it is stored"
    assert Kept(tmp_path / "kept.json", {"seeds": [1, 3]}) == {}
