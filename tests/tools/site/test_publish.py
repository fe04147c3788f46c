"""`make publish`: what was built goes to the branch gh-pages of origin, commit upon commit, or nothing does."""

import json

import pytest

from tests.support.book_copies import WHO, git
from tools.site import publish
from tools.site.addresses import EDITIONS, EDITIONS_FOLDER
from tools.site.repository import with_address

CONFIG = "repository:\n  url: https://github.com/OWNER/book\n"


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A small book with a built site, whose origin is a local bare repository; returns both folders."""
    for name, value in WHO.items():
        monkeypatch.setenv(name, value)
    root, origin = tmp_path / "book", tmp_path / "origin.git"
    files = {
        "_config.yml": CONFIG,
        ".gitignore": "_build/\n*.png\n",
        "chapters/01-one.ipynb": json.dumps({"address": "https://github.com/OWNER/book"}),
        "_build/html/index.html": "front",
        "_build/html/chapters/01-one.html": "one",
        "_build/html/_static/logo.png": "picture",
        **{f"_build/{EDITIONS_FOLDER}/{one}/01-one.ipynb": f"edition: {one}" for one in EDITIONS},
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    git(root, "init", "--quiet")
    git(root, "add", "chapters", "_config.yml", ".gitignore")
    git(root, "commit", "--quiet", "-m", "Begin")
    git(tmp_path, "init", "--quiet", "--bare", str(origin))
    git(root, "remote", "add", "origin", str(origin))
    git(root, "push", "--quiet", "origin", "main")
    return root, origin


def published(origin):
    return git(origin, "ls-tree", "-r", "--name-only", "gh-pages").splitlines()


def test_site_and_editions_are_pushed_and_the_working_tree_is_left_alone(book, capsys):
    root, origin = book
    (root / ".git" / "info" / "exclude").write_text("*.png\n")  # what is built is published, whatever git ignores
    assert publish.main(["--root", str(root)]) == 0
    assert published(origin) == [
        ".nojekyll",
        ".published",
        "_static/logo.png",
        "chapters/01-one.html",
        *(f"{EDITIONS_FOLDER}/{one}/01-one.ipynb" for one in sorted(EDITIONS)),
        "index.html",
    ]
    for one in EDITIONS:
        assert git(origin, "show", f"gh-pages:{EDITIONS_FOLDER}/{one}/01-one.ipynb") == f"edition: {one}"
    source = git(root, "rev-parse", "--short", "HEAD")
    assert git(origin, "log", "-1", "--format=%s", "gh-pages") == f"Publish the site and the editions of {source}"
    assert git(root, "status", "--porcelain") == ""
    assert git(root, "branch", "--show-current") == "main"
    assert f"Pushed 8 files of {source} to gh-pages at origin." in capsys.readouterr().out


def test_publishing_again_without_a_change_says_so_and_commits_nothing(book, capsys):
    root, origin = book
    publish.main(["--root", str(root)])
    first = git(origin, "rev-parse", "gh-pages")
    capsys.readouterr()
    assert publish.main(["--root", str(root)]) == 0
    assert "Nothing to publish" in capsys.readouterr().out
    assert git(origin, "rev-parse", "gh-pages") == first


def test_history_is_one_line_even_from_another_clone_and_files_that_left_are_gone(book, tmp_path):
    root, origin = book
    publish.publish(root)
    first = git(origin, "rev-parse", "gh-pages")
    other = tmp_path / "other"
    git(tmp_path, "clone", "--quiet", "--branch", "main", str(origin), str(other))
    for path in (root / "_build").rglob("*"):
        if path.is_file() and path.name != "logo.png":
            target = other / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(path.read_text() + "!")
    publish.publish(other)
    assert git(origin, "rev-list", "--parents", "-1", "gh-pages").split()[1:] == [first]
    assert "_static/logo.png" not in published(origin)
    assert git(origin, "show", "gh-pages:index.html") == "front!"


OWNERS = {
    "CNAME": "book.example.org\n",
    "robots.txt": "User-agent: *\n",
    ".well-known/security.txt": "Contact: mailto:a@example.org\n",
    "google1234.html": "google-site-verification\n",
    "docs/çà et là.html": "mine\n",
}


def commit_to_pages(tmp_path, origin, files, *gone):
    """Commit files to the published branch as its owner does, in another clone; create the branch if there is none."""
    clone = tmp_path / "owner"
    git(tmp_path, "clone", "--quiet", str(origin), str(clone))
    if git(origin, "branch", "--list", "gh-pages"):
        git(clone, "checkout", "--quiet", "gh-pages")
    else:
        git(clone, "checkout", "--quiet", "--orphan", "gh-pages")
        git(clone, "rm", "-r", "--quiet", "--force", ".")
    for name, text in files.items():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text(text)
    for name in gone:
        git(clone, "rm", "--quiet", name)
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "-m", "Verify the domain")
    git(clone, "push", "--quiet", "origin", "gh-pages")


def owners_files(origin):
    names = git(origin, "ls-tree", "-r", "-z", "--name-only", "gh-pages").split("\0")
    return {name: git(origin, "show", f"gh-pages:{name}") + "\n" for name in names if name in OWNERS}


@pytest.mark.parametrize("before", ["a publication", "the owner"])
def test_what_the_owner_keeps_on_the_branch_stays_and_what_left_the_book_goes(book, tmp_path, before):
    root, origin = book
    if before == "a publication":
        publish.publish(root)
    commit_to_pages(tmp_path, origin, OWNERS)
    publish.publish(root)
    (root / "_build/html/_static/logo.png").unlink()
    (root / "_build/html/index.html").write_text("newer")
    publish.publish(root)
    assert owners_files(origin) == OWNERS
    assert "_static/logo.png" not in published(origin)
    assert git(origin, "show", "gh-pages:index.html") == "newer"
    assert "Nothing to publish" in publish.publish(root)


def test_what_was_published_before_there_was_a_list_goes_unless_the_owner_has_committed_since(book, tmp_path):
    root, origin = book
    old = {"_static/gone.js": "old\n", "index.html": "old\n"}
    commit_to_pages(tmp_path, origin, old)
    publish.publish(root)
    assert "_static/gone.js" in published(origin)  # who knows whose it is
    git(tmp_path / "owner", "pull", "--quiet", "origin", "gh-pages")
    git(tmp_path / "owner", "rm", "--quiet", ".published")
    git(tmp_path / "owner", "commit", "--quiet", "-m", f"{publish.SUBJECT} abc1234")
    git(tmp_path / "owner", "push", "--quiet", "origin", "gh-pages")
    publish.publish(root)
    assert "_static/gone.js" not in published(origin)


def test_a_list_that_names_what_is_not_there_or_lies_outside_does_no_harm(book, tmp_path):
    root, origin = book
    publish.publish(root)
    commit_to_pages(tmp_path, origin, OWNERS | {".published": "gone.html\n../book/chapters/01-one.ipynb\n\n/\n"})
    publish.publish(root)
    assert owners_files(origin) == OWNERS
    assert (root / "chapters" / "01-one.ipynb").is_file()


def test_dry_run_pushes_nothing(book, capsys):
    root, origin = book
    assert publish.main(["--root", str(root), "--dry-run"]) == 0
    assert "Would push 8 files" in capsys.readouterr().out
    assert git(origin, "branch", "--list", "gh-pages") == ""


@pytest.mark.parametrize("change", ["edited", "new", "staged", "deleted"])
def test_chapters_that_are_not_committed_are_refused(book, capsys, change):
    root, origin = book
    path = root / "chapters" / ("02-new.ipynb" if change == "new" else "01-one.ipynb")
    if change == "deleted":
        path.unlink()
    else:
        path.write_text("changed")
    if change == "staged":
        git(root, "add", "chapters")
    assert publish.main(["--root", str(root)]) == 1
    errors = capsys.readouterr().err
    assert f"not committed: chapters/{path.name}" in errors
    assert "commit first" in errors
    assert git(origin, "branch", "--list", "gh-pages") == ""


def test_an_address_that_was_just_stamped_need_not_be_committed(book, capsys):
    root, _ = book
    (root / "_config.yml").write_text(with_address(CONFIG, "https://github.com/ada/fork"))
    (root / "chapters" / "01-one.ipynb").write_text(json.dumps({"address": "https://github.com/ada/fork"}))
    assert publish.main(["--root", str(root)]) == 0
    (root / "chapters" / "01-one.ipynb").write_text(json.dumps({"address": "https://github.com/eve/fork"}))
    assert publish.main(["--root", str(root)]) == 1
    assert "not committed: chapters/01-one.ipynb;" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name",
    [
        "_build/html/index.html",
        "_build/html/chapters/01-one.html",
        *(f"_build/{EDITIONS_FOLDER}/{one}/01-one.ipynb" for one in EDITIONS),
    ],
)
def test_what_is_not_built_is_named(book, capsys, name):
    root, _ = book
    (root / name).unlink()
    assert publish.main(["--root", str(root)]) == 1
    assert f"not built: {name}; run `make book editions`" in capsys.readouterr().err


def test_a_remote_that_cannot_be_reached_is_named(book, capsys):
    root, _ = book
    git(root, "remote", "set-url", "origin", str(root / "gone.git"))
    assert publish.main(["--root", str(root)]) == 1
    assert "origin cannot be reached" in capsys.readouterr().err


def test_a_push_that_the_remote_refuses_is_an_error_in_its_words(book, capsys):
    root, origin = book
    hook = origin / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho the branch is protected; exit 1\n")
    hook.chmod(0o755)
    assert publish.main(["--root", str(root)]) == 1
    assert "the branch is protected" in capsys.readouterr().err
