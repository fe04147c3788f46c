"""Where a checkpoint stands while it is replaced: no portable rename puts one full folder in the place of another.

So the earlier version is first set aside, under a hidden name beside its place, and then the new one moved there. Each
of the two moves is atomic. A process that is killed between them leaves nothing at the place; whoever looks for the
checkpoint then brings back the version that was set aside last. No lock is taken, so none can be left behind.
"""

import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from utils.checkpoints.manifest import MANIFEST, CheckpointError

ATTEMPTS, PAUSE = 100, 0.02  # how often another process may be in the way, and the seconds to wait for it
ABANDONED = 86_400  # seconds after which a draft belongs to nobody: its process was killed
DRAFT, EARLIER = "draft", "earlier"
Read = TypeVar("Read")


def new_draft(folder: Path) -> Path:
    """Make a hidden folder beside the place of a checkpoint, to write it in."""
    draft = _hidden(folder, DRAFT)
    draft.mkdir()
    return draft


def put_in_place(draft: Path, folder: Path, check_place: Callable[[], None]) -> None:
    """Move a draft to its place. What stands there is set aside, and discarded once the draft has taken its place.

    Args:
        draft: a whole checkpoint, as `new_draft` made its folder.
        folder: the place.
        check_place: raises an error if what stands there may not be replaced.

    Raises:
        CheckpointError: other processes kept writing to the place.
        OSError: the file system refuses the move; what was there before is there again.
    """
    replaced = set_aside(folder)
    try:
        for _ in range(ATTEMPTS):
            try:
                os.rename(draft, folder)
                break
            except OSError as error:
                was_full = error.errno in (errno.ENOTEMPTY, errno.EEXIST)  # though another process may have moved it
                if not was_full and not os.path.lexists(folder) and not set_aside(folder):
                    raise  # nobody is in the way
            check_place()
            earlier = _hidden(folder, EARLIER)
            try:
                os.rename(folder, earlier)
                replaced.append(earlier)
            except FileNotFoundError:  # another process set it aside
                time.sleep(PAUSE)
        else:
            raise CheckpointError(f"expected to save to {folder}; other processes keep writing there. Choose another")
    except BaseException:
        settled(folder)
        raise
    for path in replaced:
        _discard(path, folder)
    for path in _siblings(folder, DRAFT):
        if time.time() - _modified(path) > ABANDONED:
            remove(path)


def settled(folder: Path) -> Path:
    """Return where to read a checkpoint, after bringing back a version that was set aside if nothing is at its place.

    Where the file system does not let it be moved, this is where it was set aside.
    """
    for _ in range(ATTEMPTS):
        if os.path.lexists(folder):
            return folder
        versions = set_aside(folder)
        if not versions:
            return folder
        try:
            os.rename(versions[-1], folder)
        except FileNotFoundError:  # another process brought it back, or discarded it
            continue
        except OSError:
            if not os.path.lexists(folder):
                return versions[-1]
    return folder


def set_aside(folder: Path) -> list[Path]:
    """Return the versions of a checkpoint that were set aside and not brought back, the last written at the end."""
    manifests = [path / MANIFEST for path in _siblings(folder, EARLIER)]  # an export to ONNX has none
    return [path.parent for path in sorted(manifests, key=lambda path: (path.is_file(), _modified(path)))]


def read_settled(folder: Path, read: Callable[[Path], Read]) -> Read:
    """Return what `read` returns for the place of a checkpoint, and read again if it was replaced meanwhile.

    Raises:
        CheckpointError: as `read` does for a checkpoint that nobody replaces, or other processes keep replacing it.
    """
    for _ in range(ATTEMPTS):
        place = settled(folder)
        before = _version(place)
        try:
            return read(place)
        except CheckpointError:
            if before == _version(settled(folder)):
                raise
        time.sleep(PAUSE)
    raise CheckpointError(f"expected to read {folder}; other processes keep replacing it. Try again when they are done")


def remove(path: Path) -> None:
    """Delete a folder or a link, as far as the file system lets it."""
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)


def _discard(path: Path, folder: Path) -> None:
    """Delete a version that was set aside: first rename it, so that none is ever brought back half deleted."""
    doomed = _hidden(folder, DRAFT)
    try:
        os.rename(path, doomed)
    except OSError:  # another process brought it back or discarded it
        return
    remove(doomed)


def _hidden(folder: Path, kind: str) -> Path:
    return folder.with_name(f".{folder.name}.{kind}-{secrets.token_hex(8)}")


def _siblings(folder: Path, kind: str) -> list[Path]:
    """Return the hidden folders of that kind that belong to this place and no other."""
    pattern = re.compile(re.escape(f".{folder.name}.{kind}-") + "[0-9a-f]{16}")
    try:
        return [folder.with_name(name) for name in os.listdir(folder.parent) if pattern.fullmatch(name)]
    except OSError:
        return []


def _version(place: Path) -> tuple[int, ...] | None:
    """Return what tells one version of a checkpoint from another without reading it; None where there is none."""
    try:
        found = os.stat(place / MANIFEST)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _modified(path: Path) -> float:
    """Return when a file was last written, in seconds; now, if it is gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()
