"""The manifest of a checkpoint: which files belong to it, with length and SHA-256."""

import hashlib
import json
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
ALLOWED = (".safetensors", ".json", ".txt", ".model")  # formats of numbers and text; none of them can carry code
# What file managers and notebooks leave in folders; never read, and never in a manifest.
LEFT_BY_OTHERS = (".DS_Store", ".directory", ".ipynb_checkpoints", "Thumbs.db", "desktop.ini")
LARGEST_MANIFEST = 1_000_000  # bytes
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class CheckpointError(ValueError):
    """A checkpoint that is not what was saved. The message names the file and what is wrong with it."""


def write_manifest(folder: Path) -> None:
    """Write manifest.json over the files of a folder.

    Raises:
        CheckpointError: the folder holds a file of a kind that is not allowed, or another folder.
    """
    entries = {}
    for path in sorted(folder.iterdir()):
        _check_kind(path)
        content = path.read_bytes()
        entries[path.name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / MANIFEST).write_text(json.dumps({"files": entries}, indent=1) + "\n", encoding="utf-8")


def digest_of_manifest(folder: Path) -> str:
    """Return the SHA-256 of a checkpoint's manifest.

    Raises:
        CheckpointError: there is no manifest.
    """
    return hashlib.sha256(_read_manifest(folder)).hexdigest()


def read_verified(folder: Path, expected_fingerprint: str | None, needed: Sequence[str]) -> dict[str, bytes]:
    """Read the files of a checkpoint once, and return what was read only if all is as the manifest says.

    Args:
        folder: the checkpoint.
        expected_fingerprint: what `digest_of_manifest` must give; not compared if None.
        needed: names that must be among the files.

    Returns:
        {name: content}, without the manifest.

    Raises:
        CheckpointError: something differs.
    """
    raw = _read_manifest(folder)
    found = hashlib.sha256(raw).hexdigest()
    if expected_fingerprint is not None and found != expected_fingerprint:
        raise CheckpointError(f"expected a checkpoint with fingerprint {expected_fingerprint}; {folder} has {found}")
    entries = _entries(raw, folder)
    if lacking := sorted(set(needed) - entries.keys()):
        raise CheckpointError(f"expected {', '.join(lacking)} among the files of {folder / MANIFEST}")
    try:
        present = set(os.listdir(folder)) - {MANIFEST, *LEFT_BY_OTHERS}
    except OSError as error:
        raise CheckpointError(f"expected a readable folder {folder}: {error}") from error
    if present != entries.keys():
        differences = {
            "missing": sorted(entries.keys() - present),
            "not in the manifest": sorted(present - entries.keys()),
        }
        raise CheckpointError(f"expected exactly the files of {folder / MANIFEST}; {differences}")
    return {name: _read_file(folder / name, entry) for name, entry in entries.items()}


def _read_manifest(folder: Path) -> bytes:
    path = folder / MANIFEST
    if path.is_symlink() or not path.is_file():
        raise CheckpointError(f"expected a checkpoint with {MANIFEST} in {folder}; there is none")
    return _read_plain_file(path, LARGEST_MANIFEST)


def _entries(raw: bytes, folder: Path) -> dict[str, dict[str, Any]]:
    """Return the manifest's entries, refusing names that lead elsewhere and anything but a length and a digest."""
    try:
        manifest = json.loads(raw, object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"expected JSON in {folder / MANIFEST}: {error}") from error
    entries = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(entries, dict):
        raise CheckpointError(f'expected an object "files" in {folder / MANIFEST}')
    for name, entry in entries.items():
        if not _NAME.fullmatch(name) or name == MANIFEST:
            raise CheckpointError(f"expected plain names of files in {folder / MANIFEST}; received {name!r}")
        if not _is_entry(entry):
            raise CheckpointError(f"expected bytes and sha256 for {name} in {folder / MANIFEST}; received {entry!r}")
        _check_kind(folder / name)
    return entries


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError(f"a name occurs twice among {names}")
    return dict(pairs)


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict) or entry.keys() != {"bytes", "sha256"}:
        return False
    size, digest = entry["bytes"], entry["sha256"]
    return type(size) is int and size >= 0 and isinstance(digest, str) and bool(_DIGEST.fullmatch(digest))


def _check_kind(path: Path) -> None:
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise CheckpointError(f"expected plain files in a checkpoint; {path} is a link, a folder, a pipe or a device")
    if path.suffix not in ALLOWED:
        raise CheckpointError(f"expected files that cannot carry code ({', '.join(ALLOWED)}); received {path}")


def _read_file(path: Path, entry: dict[str, Any]) -> bytes:
    content = _read_plain_file(path, entry["bytes"], exactly=True)
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise CheckpointError(f"expected {path} as it was saved; its content has changed: fetch it again")
    return content


def _read_plain_file(path: Path, size: int, exactly: bool = False) -> bytes:
    """Return the content of a file of at most, or exactly, that many bytes; anything else than a file is refused."""
    # A named pipe would wait for its writer, a link lead elsewhere: neither is followed, even if put there just now.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise CheckpointError(f"expected plain files in a checkpoint; {path} is something else")
            found = status.st_size
            content = file.read(found) if found == size or (found < size and not exactly) else None
    except OSError as error:
        raise CheckpointError(f"expected a readable file {path}: {error}") from error
    if content is None:
        bound = "" if exactly else "at most "
        raise CheckpointError(f"expected {path} to have {bound}{size:,} bytes; it has {found:,}: fetch it again")
    return content
