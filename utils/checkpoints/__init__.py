"""Keep a classifier in files that cannot carry code: safetensors, JSON, and a manifest of what belongs there.

`utils.weights.from_bert.load_bert`, which gives a checkpoint's weights to the book's own `Encoder`, is found here too.
"""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from utils.checkpoints.manifest import CheckpointError, fingerprint, read_verified, write_manifest

__all__ = ["Checkpoint", "CheckpointError", "fingerprint", "load_checkpoint", "save_checkpoint", "verify_checkpoint"]
DETAILS = "classifier.json"
WEIGHTS = "model.safetensors"
NEEDED = (DETAILS, "config.json", WEIGHTS)


@dataclass(frozen=True)
class Checkpoint:
    """A classifier as it was found on disk, checked.

    Attributes:
        weights: {name: array}.
        details: classes, max_length and what else was saved with them.
        files: {name: content} of all other files: the network's sizes in config.json, and the tokenizer's.
    """

    weights: dict[str, np.ndarray]
    details: dict[str, Any]
    files: dict[str, bytes]


def save_checkpoint(
    folder: str | Path, model: Any, tokenizer: Any, details: dict[str, Any], *, overwrite: bool = False
) -> Path:
    """Write a classifier to a folder, all or nothing.

    Weights go to model.safetensors, the network's sizes to config.json, both in the layout of the Hugging Face
    libraries, which can read them too; `details` to classifier.json; the length and the SHA-256 of every file to
    manifest.json.

    Args:
        folder: where to; it appears when all is written.
        model: has `save_pretrained(folder, safe_serialization=True)`.
        tokenizer: has `save_pretrained(folder)`.
        details: what JSON can hold; "classes" and "max_length" at least.
        overwrite: whether an earlier checkpoint at this place may be replaced.

    Returns:
        The folder.

    Raises:
        FileExistsError: the folder exists, and is no checkpoint or may not be replaced.
        CheckpointError: model or tokenizer wrote a file of a kind that is not allowed.
        TypeError: details hold what JSON cannot.
    """
    folder = Path(folder).absolute()
    _check_place(folder, overwrite)
    content = json.dumps(details, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as staging:
        draft = Path(staging) / "draft"
        draft.mkdir()
        model.save_pretrained(draft, safe_serialization=True)
        tokenizer.save_pretrained(draft)
        (draft / DETAILS).write_text(content, encoding="utf-8")
        write_manifest(draft)
        _put_in_place(draft, folder, Path(staging) / "earlier")
    return folder


def _put_in_place(draft: Path, folder: Path, earlier: Path) -> None:
    """Move a draft to its place; what was there before is put aside, and comes back if that fails."""
    replaced = folder.exists()
    if replaced:
        os.replace(folder, earlier)
    try:
        os.replace(draft, folder)
    except BaseException:
        if replaced:
            os.replace(earlier, folder)
        raise


def _check_place(folder: Path, overwrite: bool) -> None:
    if not folder.exists():
        return
    if not overwrite:
        raise FileExistsError(f"expected no file or folder at {folder}; choose another, or pass overwrite=True")
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if not folder.is_dir() or not (folder / DETAILS).is_file():
        raise FileExistsError(f"expected a checkpoint to overwrite at {folder}; what is there is something else")


def verify_checkpoint(folder: str | Path, expected_fingerprint: str | None = None) -> list[str]:
    """Check that a folder holds exactly the files of its manifest, unchanged, and nothing that can carry code.

    The manifest finds what was damaged, lost or added on the way. Whoever can change a file can also write a new
    manifest: to know that a checkpoint is the one somebody meant, compare its `fingerprint`, learnt from them by
    another way.

    Args:
        folder: as `save_checkpoint` wrote it.
        expected_fingerprint: what `fingerprint(folder)` gave when it was saved; not compared if None.

    Returns:
        Names of the files, sorted.

    Raises:
        CheckpointError: a file is missing, added, changed or of a kind that is not allowed, or the manifest is broken.
    """
    return sorted(read_verified(folder, expected_fingerprint, NEEDED))


def load_checkpoint(folder: str | Path, expected_fingerprint: str | None = None) -> Checkpoint:
    """Read a classifier that `save_checkpoint` wrote, after checking it as `verify_checkpoint` does.

    Weights are taken from the very bytes that were checked. Nothing is unpickled, and no code of the folder is run.

    Args:
        folder: as `save_checkpoint` wrote it.
        expected_fingerprint: as for `verify_checkpoint`.

    Returns:
        Checkpoint(weights, details, files).

    Raises:
        CheckpointError: as `verify_checkpoint`, or a file does not hold what its name says.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    files = read_verified(folder, expected_fingerprint, NEEDED)
    try:
        weights = load(files.pop(WEIGHTS))
    except (SafetensorError, KeyError, ValueError) as error:
        raise CheckpointError(f"expected weights in safetensors format in {Path(folder) / WEIGHTS}: {error}") from error
    _read_object(files, "config.json")
    return Checkpoint(weights, _read_details(files), files)


def _read_object(files: dict[str, bytes], name: str) -> dict[str, Any]:
    try:
        value = json.loads(files[name])
    except ValueError as error:
        raise CheckpointError(f"expected JSON in {name}: {error}") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"expected a JSON object in {name}; received {type(value).__name__}")
    return value


def _read_details(files: dict[str, bytes]) -> dict[str, Any]:
    details = _read_object(files, DETAILS)
    classes, max_length = details.get("classes"), details.get("max_length")
    if not isinstance(classes, list) or len(classes) < 2 or not all(isinstance(name, str | int) for name in classes):
        raise CheckpointError(f"expected at least two classes in {DETAILS}; received {classes!r}")
    if not isinstance(max_length, int) or max_length < 1:
        raise CheckpointError(f"expected max_length of at least 1 in {DETAILS}; received {max_length!r}")
    return details


def __getattr__(name: str) -> Any:
    """Find `load_bert` in its own file when it is asked for: it needs Keras, which a checkpoint does not."""
    if name == "load_bert":
        from utils.weights.from_bert import load_bert

        return load_bert
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
