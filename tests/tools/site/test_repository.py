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
        "http://github.com/ada/book",
        "https://github.com/ada",
        "https://github.com/ada/book; rm -rf ~",
        "https://github.com/ada/bo'ok",
        "https://github.com/ada/book?x=1",
        "https://github.com/ada/..",
        "https://github.com/orgs/ada/repositories",
        "https://github.com/settings/profile",
        "https://gist.github.com/ada/0123456789abcdef",
        "https://colab.research.google.com/drive/1a2b3c",
        "https://mybinder.org/v2/gh/ada/book/main",
        "https://raw.githubusercontent.com/ada/book/main/README.md",
        "https://github.dev/ada/book",
        "https://ada:secret@github.com/ada/book",
        "git@github.com:book",
        "git@github.com:ada/book;ls",
    ],
)
def test_nonsense_is_refused_and_changes_nothing(book, capsys, nonsense):
    before = (book / "_config.yml").read_bytes()
    assert repository.main([nonsense, "--root", str(book)]) == 2
    assert "expected an address like https://github.com/OWNER/NAME" in capsys.readouterr().err
    assert (book / "_config.yml").read_bytes() == before
    assert first_cells(book) == ["old", "old"]


@pytest.mark.parametrize(
    "form",
    [
        f"{NEW}/",
        f" {NEW}.git ",
        f"{NEW}.git/",
        f"{NEW}/tree/main",
        f"{NEW}/tree/main/chapters?tab=readme-ov-file",
        f"{NEW}/blob/main/chapters/01-attention.ipynb#L1",
        f"{NEW}/issues/7",
        f"{NEW}/actions",
        "github.com/ada/transformer",
        "https://www.github.com/ada/transformer",
        "git@github.com:ada/transformer.git",
        "git@github.com:ada/transformer",
        "ssh://git@github.com/ada/transformer.git",
        "ssh://git@github.com:22/ada/transformer.git",
        "https://colab.research.google.com/github/ada/transformer/blob/gh-pages/editions/colab/01-attention.ipynb",
        "https://colab.research.google.com/github/ada/transformer",
    ],
)
def test_the_forms_in_which_people_copy_an_address_become_one(book, form):
    assert repository.main([form, "--root", str(book)]) == 0
    assert read_addresses(book / "_config.yml").repository == NEW
    assert first_cells(book) == [set_up_text(NEW)] * 2


@pytest.mark.parametrize(
    ("form", "address"),
    [
        ("https://gitlab.com/group/sub/book/-/tree/main", "https://gitlab.com/group/sub/book"),
        ("https://gitlab.com/ada/book/tree/main", "https://gitlab.com/ada/book"),
        ("git@gitlab.com:group/sub/book.git", "https://gitlab.com/group/sub/book"),
        ("https://codeberg.org/ada/book/src/branch/main", "https://codeberg.org/ada/book"),
        ("https://git.example.org:8443/ada/book/src/branch/main", "https://git.example.org:8443/ada/book"),
        ("https://bitbucket.org/ada/book/src/main/", "https://bitbucket.org/ada/book"),
        ("https://github.com/ada/ada.github.io", "https://github.com/ada/ada.github.io"),
    ],
)
def test_addresses_of_other_hosts_are_cut_where_the_repository_ends(form, address):
    assert checked_address(form) == address


@pytest.mark.parametrize(
    ("site", "likely"),
    [
        ("https://ada.github.io/transformer/", NEW),
        ("https://ada.github.io/transformer/chapters/01-attention.html", NEW),
        ("http://ada.github.io", "https://github.com/ada/ada.github.io"),
    ],
)
def test_the_address_of_the_site_is_refused_with_the_likely_repository(book, capsys, site, likely):
    assert repository.main([site, "--root", str(book)]) == 2
    assert f"received a published site's; is it {likely}?" in capsys.readouterr().err
    assert first_cells(book) == ["old", "old"]


@pytest.mark.parametrize("address", ["file:///srv/git/book.git", " file:///srv/book/", "file://book"])
def test_a_folder_with_which_the_site_cannot_be_built_is_refused_and_never_advertised(book, capsys, address):
    assert repository.main([address, "--root", str(book)]) == 2
    errors = capsys.readouterr().err
    assert "expected an address that readers can reach, such as https://github.com/OWNER/NAME" in errors
    assert first_cells(book) == ["old", "old"]
    assert repository.main(["nonsense", "--root", str(book)]) == 2
    assert "file:" not in capsys.readouterr().err


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
