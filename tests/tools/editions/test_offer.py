"""Readers get editions: a folder to work in, which keeps their changes, and the notebooks that the site links to."""

import re
import subprocess

import pytest

from tools.editions import offer
from tools.editions.syntax import EditionError
from tools.notebooks.chapters import ROOT
from tools.site import build

TEXTS = {"01-one.ipynb": "one", "02-two.ipynb": "two"}


def read(folder):
    return {path.name: path.read_text() for path in folder.glob("*.ipynb")}


def test_the_folder_is_made_and_holds_every_edition(tmp_path):
    assert offer.place(TEXTS, tmp_path / "reading") == []
    assert read(tmp_path / "reading") == TEXTS
    assert not list((tmp_path / "reading").glob("*.part"))


def test_what_the_reader_changed_stays_and_what_not_follows_the_book(tmp_path):
    offer.place(TEXTS, tmp_path)
    (tmp_path / "01-one.ipynb").write_text("mine")
    assert offer.place(TEXTS, tmp_path) == []  # the book has not changed: nothing to tell
    assert offer.place({"01-one.ipynb": "newer", "02-two.ipynb": "newer"}, tmp_path) == ["01-one.ipynb"]
    assert read(tmp_path) == {"01-one.ipynb": "mine", "02-two.ipynb": "newer"}


def test_a_renamed_file_makes_way_for_the_newer_one_and_other_files_stay(tmp_path):
    offer.place(TEXTS, tmp_path)
    (tmp_path / "01-one.ipynb").write_text("mine")
    (tmp_path / "01-one.ipynb").rename(tmp_path / "mine.ipynb")
    assert offer.place({"01-one.ipynb": "newer"}, tmp_path) == []
    assert read(tmp_path) == {"mine.ipynb": "mine", "01-one.ipynb": "newer", "02-two.ipynb": "two"}


def test_a_file_that_was_there_before_the_editions_is_not_overwritten(tmp_path):
    (tmp_path / "01-one.ipynb").write_text("mine")
    assert offer.place(TEXTS, tmp_path) == ["01-one.ipynb"]
    assert read(tmp_path)["01-one.ipynb"] == "mine"


def test_notebooks_that_the_site_links_to_become_editions_and_nothing_else_does(tmp_path):
    names = (
        "_downloads/0a1b/01-one.ipynb",
        "_sources/chapters/01-one.ipynb",
        "_sources/pages/01-one.ipynb",
        "02-two.ipynb",
    )
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("source")
    assert offer.link(TEXTS, tmp_path) == 2
    assert [(tmp_path / name).read_text() for name in names] == ["one", "one", "source", "source"]


def test_the_program_fills_the_folder_and_says_what_stays(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(offer, "edition_texts", lambda addresses: TEXTS)
    (tmp_path / "01-one.ipynb").write_text("mine")
    assert offer.main(["--folder", str(tmp_path)]) == 0
    assert "01-one.ipynb stays as you changed it; rename it" in capsys.readouterr().out


def test_the_build_puts_editions_behind_the_buttons_and_names_a_chapter_that_has_none(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(build, "SITE", tmp_path)
    for name in ("_downloads/0a1b/01-attention.ipynb", "_sources/chapters/01-attention.ipynb"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(":::{admonition}")
    assert build.link_editions() == ""
    assert ":::{" not in (tmp_path / name).read_text(encoding="utf-8")

    def refuse(addresses):
        raise EditionError("chapters/01-attention.ipynb: the picture is gone")

    monkeypatch.setattr("tools.editions.write.edition_texts", refuse)
    assert build.link_editions() == "chapters/01-attention.ipynb: the picture is gone"


def test_make_read_opens_the_folder_in_an_environment_made_from_the_requirements_files():
    done = subprocess.run(["make", "--dry-run", "read"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.search(r"pip .*install .*-r requirements.txt -r requirements-fine-tuning.txt", done.stdout)
    assert re.search(r"tools/editions/offer.py && exec .*jupyter lab --notebook-dir=reading", done.stdout)
    assert "jupyterlab" in (ROOT / "requirements.txt").read_text()


@pytest.mark.parametrize("name", ["README.md", "intro.md"])
def test_no_reading_route_leads_to_the_sources(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "make read" in text
    assert not re.search(r"jupyter lab chapters", text)
