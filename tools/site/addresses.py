"""Where the book is found: its repository, its published site, its notebooks on Colab. All from `_config.yml`."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from tools.notebooks.chapters import ROOT

CONFIG = ROOT / "_config.yml"
UNSET_OWNER = "/OWNER/"
PUBLISHED = "gh-pages"
EDITIONS = ("colab", "student", "key")  # for readers, for a class, for who teaches it
EDITIONS_FOLDER = "editions"

_HOST = re.compile(r"https://[A-Za-z0-9.-]+(:\d+)?(/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+){2,}")
_SSH = re.compile(r"(?:ssh://)?git@(?P<host>[A-Za-z0-9.-]+)(?::\d+/|[:/])(?P<path>[^:]+)")
_COLAB = re.compile(r"https://colab\.research\.google\.com/github/(?P<path>[^/]+/[^/?#]+)(?:[/?#].*)?")
_PAGES = re.compile(r"https?://(?P<owner>[A-Za-z0-9-]+)\.github\.io(?:/(?P<name>[A-Za-z0-9._-]+))?(?:/.*)?")
_SHORT_PATHS = ("github.com", "codeberg.org", "bitbucket.org")  # hosts on which a repository is OWNER/NAME, no more
_NO_OWNERS = ("orgs", "settings", "topics", "marketplace", "features", "sponsors", "collections", "users", "search")
_NO_REPOSITORIES = ("colab.", "gist.", "raw.", "nbviewer.", "mybinder.", "github.dev", "vscode.dev")
_WITHIN = re.compile(r"/(?:-/.*|(?:tree|blob|raw|commit|src)/.*)$")  # what follows a repository's own address
_LOCAL = re.compile(r"file:///[A-Za-z0-9._~/+@-]+")
_GITHUB = re.compile(r"https://github\.com/(?P<owner>[^/]+)/(?P<name>[^/]+)")


@dataclass(frozen=True)
class Addresses:
    """The address of the repository and what follows from it.

    Attributes:
        repository: as it stands in `_config.yml`; with the owner OWNER it is not set.
        branch: holds the sources.
        baseurl: of the site, where it is not the one that GitHub Pages gives a repository.
    """

    repository: str
    branch: str = "main"
    baseurl: str = ""

    @property
    def known(self) -> bool:
        """Whether the repository can be reached over the network by a reader."""
        return self.repository.startswith("https://") and UNSET_OWNER not in self.repository

    @property
    def site(self) -> str:
        """The site's address with a slash at its end, or an empty string."""
        if self.baseurl:
            return self.baseurl.rstrip("/") + "/"
        found = _GITHUB.fullmatch(self.repository) if self.known else None
        if found is None:
            return ""
        host = f"{found['owner'].lower()}.github.io"
        return f"https://{host}/" if found["name"].lower() == host else f"https://{host}/{found['name']}/"

    def page(self, source: str, fragment: str = "") -> str:
        """Return the address of a page by its source ("pages/notation.md"), in the repository if there is no site."""
        if not self.site:
            return self.file(source)
        return f"{self.site}{source.rpartition('.')[0]}.html" + (f"#{fragment}" if fragment else "")

    def file(self, name: str) -> str:
        """Return the address of a file of the repository, or an empty string."""
        return f"{self.repository}/blob/{self.branch}/{name}" if self.known else ""


def read_addresses(config: Path = CONFIG) -> Addresses:
    """Return the addresses that a `_config.yml` gives; ValueError if it names none."""
    settings = yaml.safe_load(config.read_text(encoding="utf-8")) or {}
    repository = settings.get("repository", {})
    if not repository.get("url"):
        raise ValueError(
            f"expected `repository: url:` in {config.name}, found none; write https://github.com/OWNER/NAME"
        )
    return Addresses(
        checked_address(repository["url"]),
        repository.get("branch", "main"),
        (settings.get("html") or {}).get("baseurl") or "",
    )


def checked_address(url: str) -> str:
    """Return a repository's address in the form that the book keeps: https://HOST/OWNER/NAME.

    The forms that people copy are brought into it: with `.git` or a slash at the end, as `git@HOST:OWNER/NAME`, from a
    page within the repository (`/tree/main`), and from Colab. An address file:///FOLDER stays, for trials on one
    machine; the site cannot be built with it.

    Raises:
        ValueError: it is none of these, or the address of a published site.
    """
    plain = url.strip().rstrip("/")
    if _LOCAL.fullmatch(plain):
        return plain
    if found := _PAGES.fullmatch(plain):
        host = f"{found['owner']}.github.io"
        likely = f"https://github.com/{found['owner']}/{found['name'] or host}"
        raise ValueError(f"expected the address of the repository, received a published site's; is it {likely}?")
    if found := _SSH.fullmatch(plain):
        plain = f"https://{found['host']}/{found['path']}"
    if found := _COLAB.fullmatch(plain):
        plain = f"https://github.com/{found['path']}"
    plain = plain.replace("https://www.github.com/", "https://github.com/")
    host, *parts = plain.removeprefix("https://").split("/")
    if host in _SHORT_PATHS:
        plain = "/".join(["https:/", host, *parts[:2]])
    elif len(parts) > 2:
        head = "/".join(["https:/", host, *parts[:2]])
        plain = head + _WITHIN.sub("", plain.removeprefix(head))
    plain = plain.removesuffix(".git")
    known_owner = host != "github.com" or (parts and parts[0] not in _NO_OWNERS)
    if _HOST.fullmatch(plain) and known_owner and not host.startswith(_NO_REPOSITORIES):
        return plain
    raise ValueError(f"expected an address like https://github.com/OWNER/NAME, received {url!r}")
