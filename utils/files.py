"""Files that are whole or not there, and folders of state that a kill leaves usable."""

import contextlib
import os
import shutil
from pathlib import Path

DRAFT = ".draft"


def write_whole(path: Path, content: bytes | str) -> Path:
    """Write a file so that at any moment the old or the new content is there; return its path.

    Its folder is made if need be. A file that is replaced keeps its permissions.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + DRAFT)
    try:
        with draft.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            draft.chmod(path.stat().st_mode & 0o777)
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    return path


def holds_state(folder: Path, record: str) -> bool:
    """Return whether a folder holds more than a process leaves that was killed before it wrote the record."""
    try:
        return not set(os.listdir(folder)) <= {record + DRAFT}
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        return True


def remove_state(folder: Path, record: str, progress: str = "") -> None:
    """Delete a folder of state in an order that a kill may break off anywhere.

    Args:
        folder: may be missing.
        record: name of the file that says whose state it is; goes last, so that what is left can be told.
        progress: name of the file that says what there is; goes first, so that it never names what is gone.
    """
    if not folder.is_dir():
        return
    # Of numbered parts the last goes first, so that those that are left are the first ones.
    names = sorted(os.listdir(folder), reverse=True)
    for name in sorted(names, key=lambda name: (name == record, name != progress)):
        remove = shutil.rmtree if (folder / name).is_dir() else os.remove
        remove(folder / name)
    folder.rmdir()
