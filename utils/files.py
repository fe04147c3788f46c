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


# How files begin that are often taken for safetensors.
_BEGINNINGS = {
    b"\x80\x02": "a pickle, which can run code when it is opened",
    b"\x80\x03": "a pickle, which can run code when it is opened",
    b"\x80\x04": "a pickle, which can run code when it is opened",
    b"\x80\x05": "a pickle, which can run code when it is opened",
    b"PK\x03\x04": "a zip archive, as torch.save and Keras write, which can run code when it is opened",
    b"\x89HDF\r\n": "an HDF5 file, as Keras writes",
    b"\x93NUMPY": "an array of NumPy",
    b"version https://git-lfs": "a pointer of Git LFS, not the file that it points to",
    b"<!DOCTYPE": "a page of a website",
    b"<html": "a page of a website",
}


def foreign_weights(content: bytes) -> str:
    r"""Return what a file of weights is instead of safetensors, in words; "" where it begins as safetensors does.

    Args:
        content: the file, or its first 64 bytes at least.

    Example:
        >>> import pickle
        >>> foreign_weights(pickle.dumps({"kernel": [1.0, 2.0]}))
        'a pickle, which can run code when it is opened'
        >>> foreign_weights(b'\x02\0\0\0\0\0\0\0{}')
        ''
    """
    for beginning, kind in _BEGINNINGS.items():
        # The first two bytes of a header's length can look like a pickle; the brace behind the length cannot.
        if content.startswith(beginning) and content[8:9] != b"{":
            return kind
    return (
        "" if content[8:9] == b"{" else "something else: safetensors begins with the length of its header and a brace"
    )


def safetensors_fault(source: bytes | Path, error: Exception) -> str:
    """Return why a file is no safetensors, and what to do, from its content or its path and the library's error."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            source = file.read(64)
    if kind := foreign_weights(source):
        return f"it is {kind}. Save the model anew with safe_serialization=True, or fetch its model.safetensors."
    return f"{error}. It was cut short or changed: fetch it again, or save the model anew."
