"""`make repository URL=...`: one address, in the settings and in every chapter, all or nothing."""

import shutil

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tools.notebooks.chapters import ROOT, read_chapter
from tools.notebooks.set_up_cell import set_up_text
from tools.site import repository
from tools.site.addresses import Addresses, checked_address, read_addresses

NEW = "https://github.com/ada/transformer"


@pytest.fixture
def book(tmp_path):
    """A copy of this book's settings with two tiny chapters."""
    shutil.copy(ROOT / "_config.yml", tmp_path)
    (tmp_path / "chapters").mkdir()
    for name in ("01-one", "02-two"):
        cell = new_code_cell("old", metadata={"tags": ["set-up"]}, execution_count=1, id="a")
        nbformat.write(new_notebook(cells=[cell]), tmp_path / "chapters" / f"{name}.ipynb")
    return tmp_path


def first_cells(book):
    return [read_chapter(path).notebook.cells[0].source for path in sorted((book / "chapters").glob("*.ipynb"))]


def test_the_address_is_set_in_settings_and_chapters_and_nothing_else_changes(book, capsys):
    before = (book / "_config.yml").read_text()
    assert repository.main([NEW, "--root", str(book)]) == 0
    after = (book / "_config.yml").read_text()
    assert read_addresses(book / "_config.yml").repository == NEW
    changed = [(a, b) for a, b in zip(before.splitlines(), after.splitlines(), strict=True) if a != b]
    assert [new for _, new in changed] == [f"  url: {NEW}"]
    assert first_cells(book) == [set_up_text(NEW)] * 2
    printed = capsys.readouterr().out
    assert printed.count("changed ") == 3
    assert "changed _config.yml" in printed
    assert "changed chapters/02-two.ipynb" in printed


def test_setting_the_same_address_again_changes_nothing(book, capsys):
    repository.main([NEW, "--root", str(book)])
    files = {path: path.read_bytes() for path in book.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert repository.main([f"{NEW}.git/", "--root", str(book)]) == 0
    assert "Nothing to change" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in book.rglob("*") if path.is_file()} == files


def test_without_an_address_the_present_one_is_shown_with_the_usage(book, capsys):
    assert repository.main(["", "--root", str(book)]) == 0
    printed = capsys.readouterr().out
    assert "is not set yet: https://github.com/OWNER/" in printed
    assert "make repository URL=https://github.com/OWNER/NAME" in printed
    repository.main([NEW, "--root", str(book)])
    repository.main(["--root", str(book)])
    assert f"is set: {NEW}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "nonsense",
    [
        "github.com/ada/book",
        "http://github.com/ada/book",
        "https://github.com/ada",
        "git@github.com:ada/book.git",
        "https://github.com/ada/book; rm -rf ~",
        "https://github.com/ada/bo'ok",
        "https://github.com/ada/book?x=1",
        "file://book",
    ],
)
def test_nonsense_is_refused_and_changes_nothing(book, capsys, nonsense):
    before = (book / "_config.yml").read_bytes()
    assert repository.main([nonsense, "--root", str(book)]) == 2
    assert "expected an address like https://github.com/OWNER/NAME" in capsys.readouterr().err
    assert (book / "_config.yml").read_bytes() == before
    assert first_cells(book) == ["old", "old"]


@pytest.mark.parametrize(
    "address",
    ["https://gitlab.com/group/sub/book", "https://git.example.org:8443/ada/book", "file:///srv/git/book.git"],
)
def test_other_hosts_and_local_repositories_are_accepted(address):
    assert checked_address(address) == address


def test_a_chapter_without_a_set_up_cell_keeps_everything_as_it_was(book, capsys):
    nbformat.write(new_notebook(cells=[new_code_cell("x = 1")]), book / "chapters" / "02-two.ipynb")
    before = {path: path.read_bytes() for path in book.rglob("*") if path.is_file()}
    assert repository.main([NEW, "--root", str(book)]) == 2
    assert "02-two.ipynb: expected the tag `set-up`" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in book.rglob("*") if path.is_file()} == before


def test_settings_without_a_place_for_the_address_are_refused(book, capsys):
    (book / "_config.yml").write_text("title: A book\nhtml:\n  url: no\n")
    assert repository.main([NEW, "--root", str(book)]) == 2
    assert "under `repository:` in _config.yml" in capsys.readouterr().err


def test_comments_and_order_around_the_address_stay():
    text = "a: 1\nrepository:\n  branch: main # here\n\n  # why\n  url: https://x.org/a/b # old\nother:\n  url: stay\n"
    expected = text.replace("https://x.org/a/b", NEW)
    assert repository.with_address(text, NEW) == expected


@pytest.mark.parametrize(
    ("repository_address", "site"),
    [
        (NEW, "https://ada.github.io/transformer/"),
        ("https://github.com/Ada/ada.github.io", "https://ada.github.io/"),
        ("https://gitlab.com/ada/book", ""),
        ("https://github.com/OWNER/the-executable-transformer", ""),
        ("file:///srv/book", ""),
    ],
)
def test_the_site_follows_from_the_repository(repository_address, site):
    addresses = Addresses(repository_address)
    assert addresses.site == site
    assert addresses.page("pages/glossary.md", "term-key").startswith(site)


def test_pages_are_linked_on_the_site_else_in_the_repository_else_not_at_all():
    page = "pages/glossary.md"
    assert Addresses(NEW).page(page, "term-key") == "https://ada.github.io/transformer/pages/glossary.html#term-key"
    assert Addresses(NEW, baseurl="https://book.org/t").page(page) == "https://book.org/t/pages/glossary.html"
    assert Addresses("https://gitlab.com/ada/book").page(page, "x") == f"https://gitlab.com/ada/book/blob/main/{page}"
    assert Addresses("https://github.com/OWNER/book").page(page) == ""
    assert (
        Addresses(NEW, "trunk").file("utils/layers/multi_head_attention.py")
        == f"{NEW}/blob/trunk/utils/layers/multi_head_attention.py"
    )
