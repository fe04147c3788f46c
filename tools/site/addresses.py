"""Where the book is found: its repository, its published site, its notebooks on Colab. All from `_config.yml`."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from tools.notebooks.chapters import ROOT

CONFIG = ROOT / "_config.yml"
UNSET_OWNER = "/OWNER/"
PUBLISHED = "gh-pages"
COLAB_FOLDER = "editions/colab"

_HOST = re.compile(r"https://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~-]+){2,}")
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
    """Return the addresses that a `_config.yml` gives; ValueError if it names no repository."""
    settings = yaml.safe_load(config.read_text(encoding="utf-8")) or {}
    repository = settings.get("repository", {})
    if not repository.get("url"):
        raise ValueError(
            f"expected `repository: url:` in {config.name}, found none; write https://github.com/OWNER/NAME"
        )
    return Addresses(
        repository["url"].rstrip("/"),
        repository.get("branch", "main"),
        (settings.get("html") or {}).get("baseurl") or "",
    )


def checked_address(url: str) -> str:
    """Return a repository's address in the form that the book keeps: without `.git`, without a slash at the end.

    Raises:
        ValueError: it is neither https://HOST/OWNER/NAME nor file:///FOLDER.
    """
    plain = url.strip().rstrip("/")
    if _HOST.fullmatch(plain):
        return plain.removesuffix(".git")
    if _LOCAL.fullmatch(plain):
        return plain
    raise ValueError(f"expected an address like https://github.com/OWNER/NAME (or file:///FOLDER), received {url!r}")
