"""Commit the built site and the editions to the branch gh-pages, and push it to origin."""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import yaml

from tools.notebooks.chapters import ROOT
from tools.site.addresses import EDITIONS, EDITIONS_FOLDER, PUBLISHED

WRITTEN = ".published"  # lists what was published, so that the next time nothing else is deleted
SUBJECT = "Publish the site and the editions of"
SOURCES = ("chapters", "pages", "utils", "data", "intro.md", "references.bib", "_config.yml", "_toc.yml")
REMOTE = "origin"


class PublishError(Exception):
    """The site cannot be published; the message says why and what to do."""


class Repository:
    """A git repository, through its own commands."""

    def __init__(self, root: Path):
        self.root = root

    def git(self, *arguments: str, input: str | None = None, **settings: str) -> str:
        """Return what a git command prints; PublishError with git's own words if it fails."""
        done = self.attempt(*arguments, input=input, **settings)
        if done.returncode:
            raise PublishError(f"`git {' '.join(arguments)}` failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout.strip()

    def attempt(self, *arguments: str, input: str | None = None, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a git command on some input, with some environment variables set, never asking for a password."""
        environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", **settings}
        command = ["git", *arguments]
        return subprocess.run(
            command, cwd=self.root, env=environment, input=input, capture_output=True, text=True, check=False
        )

    def tip(self) -> str | None:
        """Return the commit that the remote's published branch is at, or None while it has none."""
        found = self.attempt("ls-remote", "--exit-code", "--heads", REMOTE, PUBLISHED)
        if found.returncode not in (0, 2):  # 2: no such branch yet
            raise PublishError(f"{REMOTE} cannot be reached: {found.stderr.strip()}; see `git remote -v`")
        if found.returncode == 2:
            return None
        self.git("fetch", "--quiet", "--depth=1", REMOTE, f"refs/heads/{PUBLISHED}")
        return found.stdout.split()[0]

    def store(self, folder: Path, parent: str | None = None) -> str:
        """Return a tree, stored without touching the index or the working tree.

        Args:
            folder: its files are in the tree.
            parent: a published commit; its files are in the tree too, but for those that were published by this
                program, as the list `.published` in it says. So all stays that the owner keeps beside them (CNAME,
                robots.txt, .well-known/, ...).
        """
        with tempfile.TemporaryDirectory() as place:
            settings = {"GIT_INDEX_FILE": str(Path(place, "index")), "GIT_WORK_TREE": str(folder)}
            settings["GIT_DIR"] = self.git("rev-parse", "--absolute-git-dir")
            if parent:
                self.git("read-tree", parent, **settings)
                gone = [name for name in self.published(parent) if not (folder / name).exists()]
                self.git("update-index", "--force-remove", "-z", "--stdin", input="\0".join(gone), **settings)
            self.git("-c", "core.autocrlf=false", "add", "--no-all", "--force", ".", **settings)
            return self.git("write-tree", **settings)

    def published(self, commit: str) -> list[str]:
        """Return the names of the files that a published commit has from this program."""
        present = self.git("ls-tree", "-r", "-z", "--name-only", commit).split("\0")
        listed = self.attempt("show", f"{commit}:{WRITTEN}")
        if listed.returncode == 0:
            return sorted(set(listed.stdout.splitlines()) & set(present))
        # Before there was such a list, a publication held nothing else.
        subject = self.git("log", "-1", "--format=%s", commit)
        return [name for name in present if name and subject.startswith(SUBJECT)]


def uncommitted(repository: Repository) -> list[str]:
    """Return the sources that differ from the last commit by more than the repository's address.

    A workflow sets the address of its own fork and publishes at once, without a commit in between.
    """
    listed = repository.git("status", "--porcelain", "--untracked-files=all", "-z", "--", *SOURCES).split("\0")
    names = [entry[3:] if entry[2:3] == " " else entry[2:] for entry in listed if entry]
    return [name for name in names if not _differs_by_address(repository, name)]


def _differs_by_address(repository: Repository, name: str) -> bool:
    config = repository.attempt("show", "HEAD:_config.yml")
    before, path = repository.attempt("show", f"HEAD:{name}"), repository.root / name
    if config.returncode or before.returncode or not path.is_file():
        return False
    committed = yaml.safe_load(config.stdout)["repository"]["url"]
    present = yaml.safe_load((repository.root / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
    return before.stdout.replace(committed, present) == path.read_text(encoding="utf-8")


@contextlib.contextmanager
def gathered(root: Path) -> Iterator[Path]:
    """Yield a folder that holds what is to be published; PublishError if it was not all built."""
    site, editions = root / "_build" / "html", root / "_build" / EDITIONS_FOLDER
    expected = [site / "index.html"]
    for chapter in sorted((root / "chapters").glob("[!.]*.ipynb")):
        expected += [site / "chapters" / f"{chapter.stem}.html", *(editions / one / chapter.name for one in EDITIONS)]
    if absent := [path.relative_to(root).as_posix() for path in expected if not path.is_file()]:
        raise PublishError(f"not built: {', '.join(absent)}; run `make book editions`")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "site")
        shutil.copytree(site, folder)
        shutil.copytree(editions, folder / EDITIONS_FOLDER)
        (folder / ".nojekyll").touch()  # GitHub would drop folders that begin with an underscore
        names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        (folder / WRITTEN).write_text("".join(f"{name}\n" for name in [*names, WRITTEN]), encoding="utf-8")
        yield folder


def publish(root: Path = ROOT, *, dry_run: bool = False) -> str:
    """Commit what was built and push it; return what was done.

    Raises:
        PublishError: sources are not committed, something is not built, or the remote refuses.
    """
    repository = Repository(root)
    source = repository.git("rev-parse", "--short", "HEAD")
    if names := uncommitted(repository):
        raise PublishError(
            f"not committed: {', '.join(names)}; commit first, so that the site shows a state to return to"
        )
    parent = repository.tip()
    with gathered(root) as folder:
        tree = repository.store(folder, parent)
        count = sum(path.is_file() for path in folder.rglob("*"))
    if parent and repository.git("rev-parse", f"{parent}^{{tree}}") == tree:
        return f"Nothing to publish: {PUBLISHED} holds this state already."
    message = f"{SUBJECT} {source}"
    commit = repository.git("commit-tree", tree, "-m", message, *(["-p", parent] if parent else []))
    if dry_run:
        return f"Would push {count} files of {source} to {PUBLISHED} at {REMOTE}."
    repository.git("push", "--quiet", REMOTE, f"{commit}:refs/heads/{PUBLISHED}")  # refused if another was faster
    return f"Pushed {count} files of {source} to {PUBLISHED} at {REMOTE}."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 if the remote holds what was built, 1 if it cannot be published."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="say what would be pushed, and push nothing")
    parser.add_argument("--root", type=Path, default=ROOT, help="of the book (default: this repository)")
    options = parser.parse_args(arguments)
    try:
        print(publish(options.root, dry_run=options.dry_run))
    except PublishError as error:
        print(f"publish: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"publish: interrupted; {PUBLISHED} is as it was or as it should be, never between", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
