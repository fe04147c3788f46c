"""Fetch the files of a model by name and revision, each checked against the SHA-256 that was written down beforehand.

The addresses are those of the Hugging Face hub. A revision is a commit, which cannot move; a digest says which bytes
are meant, whoever sends them. Only formats of numbers and text are fetched, so that nothing of a model can run. What is
in the cache has been checked, and is checked again each time it is used.
"""

import contextlib
import fnmatch
import hashlib
import http.client
import os
import re
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from utils.checkpoints.manifest import ALLOWED
from utils.files import foreign_weights, write_whole

ENDPOINT = "https://huggingface.co"
HUB_HOSTS = ("huggingface.co", "*.huggingface.co", "*.hf.co")  # where the hub sends readers on to for large files
LARGEST = 4 * 2**30  # bytes; refused beyond
CHUNK = 2**20  # bytes
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MEANING = {
    401: "there is no such model, or its owner lets in only readers with a licence. Check the name",
    403: "its owner lets in only readers with a licence. Choose an open model",
    404: "the model has no such file at this revision. Check the name of the file and the commit",
    429: "the server was asked too often. Wait a minute and try again",
}


class DownloadError(OSError):
    """A file that could not be fetched. The message names it, what came instead, and what to do."""


def fetch_model(
    repository: str, revision: str, digests: Mapping[str, str], cache: str | Path | None = None, **options: Any
) -> Path:
    """Return a folder with the named files of a model, such as `load_bert` reads.

    Args:
        repository: "owner/name", or "name" alone.
        revision: the commit, 40 hexadecimal digits.
        digests: {name of a file: its SHA-256 in hexadecimal}.
        cache: as `fetch_file`.
        **options: endpoint, allowed_hosts, timeout, time_limit of `fetch_file`.

    Raises:
        DownloadError, ValueError: as `fetch_file`. The files that came before stay in the cache, whole.
    """
    if not digests:
        raise ValueError('expected digests of at least one file, such as {"config.json": "9f86d0…"}; received none')
    for name, digest in digests.items():
        _check_pin(repository, revision, name, digest)  # all of them before the first is fetched
    paths = [fetch_file(repository, revision, *pin, cache=cache, **options) for pin in digests.items()]
    return paths[0].parent


def fetch_file(
    repository: str,
    revision: str,
    name: str,
    sha256: str,
    cache: str | Path | None = None,
    *,
    endpoint: str = ENDPOINT,
    allowed_hosts: Sequence[str] = HUB_HOSTS,
    timeout: float = 20.0,
    time_limit: float = 3600.0,
) -> Path:
    """Return the path of one file of a model, fetched if the cache does not hold it.

    Args:
        repository: "owner/name", or "name" alone.
        revision: the commit, 40 hexadecimal digits. A branch or a tag can come to mean something else.
        name: of the file: .safetensors, .json, .txt or .model.
        sha256: of its content, in hexadecimal; the hub shows it beside each large file.
        cache: a folder, made if need be; `default_cache()` when omitted.
        endpoint: the server.
        allowed_hosts: other hosts to which the server may redirect; `*` stands for any characters.
        timeout: seconds of silence after which the server is given up.
        time_limit: seconds for the whole file.

    Returns:
        cache/models/repository/revision/name.

    Raises:
        ValueError: the file is of a kind that can carry code, or is named .safetensors and is something else; or an
            argument is not of its form.
        DownloadError: no network, an answer other than the file, silence, an end before the end, other content, or a
            redirect to a host that is not allowed. Nothing is kept then, and the next call begins anew.

    Example:
        >>> fetch_file("bert-base-uncased", "0" * 40, "pytorch_model.bin", "0" * 64)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: expected a file of numbers or text (.safetensors, .json, .txt, .model); pytorch_model.bin can ...
    """
    _check_pin(repository, revision, name, sha256)
    folder = Path(cache or default_cache()) / "models" / repository.replace("/", "--") / revision
    path = folder / name
    if _digest_of(path) == sha256:
        return path
    url = f"{endpoint.rstrip('/')}/{repository}/resolve/{revision}/{name}"
    content = _download(url, f"{name} of {repository} at {revision[:8]}", allowed_hosts, timeout, time_limit)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise DownloadError(
            f"expected {name} of {repository} with SHA-256 {sha256}; received {len(content):,} bytes with {found}. "
            "Nothing of it was kept. Try again; if it stays so, compare the digest with the one that the model's page "
            "shows."
        )
    if name.endswith(".safetensors") and (kind := foreign_weights(content)):
        raise ValueError(
            f"expected weights in safetensors format in {name} of {repository}; it is {kind}. Choose another model."
        )
    return _keep(content, path)


def default_cache() -> Path:
    """Return the folder that keeps what was fetched: BOOK_CACHE_DIR, or one in the user's cache."""
    if folder := os.environ.get("BOOK_CACHE_DIR"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "executable-transformer"


def _check_pin(repository: str, revision: str, name: str, sha256: str) -> None:
    """Raise ValueError unless all four say without doubt which bytes are meant, and none leads out of the cache."""
    parts = repository.split("/")
    if len(parts) > 2 or not all(_NAME.fullmatch(part) for part in parts):
        raise ValueError(f'expected repository as "owner/name" or "name"; received {repository!r}')
    if not _COMMIT.fullmatch(revision):
        raise ValueError(
            f"expected revision to be a commit of 40 hexadecimal digits, which cannot move; received {revision!r}. "
            "The page of the model shows it under its history."
        )
    if not _NAME.fullmatch(name):
        raise ValueError(f"expected the plain name of a file; received {name!r}")
    if Path(name).suffix not in ALLOWED:
        raise ValueError(
            f"expected a file of numbers or text ({', '.join(ALLOWED)}); {name} can carry code that runs when it is "
            "opened. Fetch model.safetensors, or save the model anew with safe_serialization=True."
        )
    if not _DIGEST.fullmatch(sha256):
        raise ValueError(f"expected the SHA-256 of {name} as 64 hexadecimal digits; received {sha256!r}")


def _digest_of(path: Path) -> str | None:
    """Return the SHA-256 of a file, or None where there is none."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _keep(content: bytes, path: Path) -> Path:
    """Write what was checked. Several processes may fetch one file at a time: each has a draft of its own."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        write_whole(draft, content)
        os.replace(draft, path)
    except OSError as error:
        raise DownloadError(
            f"expected to be able to keep {path.name} in {path.parent}: {error.strerror or error}. "
            "Set BOOK_CACHE_DIR to a folder on a disk with room that you may write."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    return path


def _download(url: str, what: str, allowed_hosts: Sequence[str], timeout: float, time_limit: float) -> bytes:
    """Return the body of an answer of status 200, all of it, or raise DownloadError."""
    deadline = time.monotonic() + time_limit
    opener = urllib.request.build_opener(_SameHost(allowed_hosts))
    request = urllib.request.Request(url, headers={"User-Agent": "executable-transformer"})
    try:
        with opener.open(request, timeout=timeout) as answer:
            if answer.status != 200:
                raise DownloadError(f"expected {what}; the server gives status {answer.status}. Try again later.")
            return _read_all(answer, what, deadline)
    except DownloadError:
        raise
    except urllib.error.HTTPError as error:
        with error:  # closes the connection
            meaning = _MEANING.get(error.code, "the fault is the server's. Try again later")
            raise DownloadError(f"expected {what}; {url} gives status {error.code}: {meaning}.") from error
    except TimeoutError as error:
        raise DownloadError(f"expected {what}; {url} was silent for {timeout:g} seconds. Try again later.") from error
    except (OSError, http.client.HTTPException, ValueError) as error:  # the last from an address that is none
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            reason = f"no answer within {timeout:g} seconds"
        raise DownloadError(
            f"expected {what}; {url} cannot be reached or broke off: {reason!s:.200}. "
            "Check the network and try again, or copy the files to a folder and load that."
        ) from error


def _read_all(answer: http.client.HTTPResponse, what: str, deadline: float) -> bytes:
    """Return the whole body, however it is cut into pieces."""
    announced = answer.headers.get("Content-Length", "")
    content = bytearray()
    while chunk := answer.read1(CHUNK):  # returns what there is, so that a trickle cannot outlast the deadline
        content += chunk
        if time.monotonic() > deadline:
            raise DownloadError(f"expected {what} in time; {len(content):,} bytes came. Try again later.")
        if len(content) > LARGEST:
            raise DownloadError(f"expected {what} with at most {LARGEST:,} bytes; more came. Choose a smaller model.")
    if announced.isdecimal() and len(content) < int(announced):
        raise DownloadError(
            f"expected {what} with {int(announced):,} bytes, as announced; {len(content):,} came. Try again."
        )
    return bytes(content)


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follow a redirect only to the host that was asked, or to one that is allowed, and never away from https."""

    def __init__(self, allowed_hosts: Sequence[str]):
        self.allowed_hosts = allowed_hosts

    def redirect_request(self, request: Any, body: Any, code: int, message: str, headers: Any, url: str) -> Any:
        """Return the request for the new address, or raise DownloadError."""
        old, new = urllib.parse.urlsplit(request.full_url), urllib.parse.urlsplit(url)
        allowed = any(fnmatch.fnmatchcase(new.hostname or "", pattern) for pattern in self.allowed_hosts)
        if (old.hostname, old.port) != (new.hostname, new.port) and not allowed:
            raise DownloadError(
                f"expected {request.full_url} to answer itself; it redirects to the host {new.netloc}. "
                f"If you trust that host, name it: allowed_hosts=({new.hostname!r},)."
            )
        if new.scheme not in ("https", old.scheme):
            raise DownloadError(
                f"expected {request.full_url} to stay with {old.scheme}; it redirects to {url}. Choose another server."
            )
        return super().redirect_request(request, body, code, message, headers, url)
