"""Keep a classifier in files that cannot carry code: safetensors, JSON, and a manifest of what belongs there.

`utils.weights.from_bert.load_bert`, which gives a checkpoint's weights to the book's own `Encoder`, is found here too.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from utils.checkpoints.manifest import CheckpointError, digest_of_manifest, read_verified, write_manifest
from utils.checkpoints.places import new_draft, put_in_place, read_settled, remove, settled
from utils.files import safetensors_fault

__all__ = ["Checkpoint", "CheckpointError", "fingerprint", "load_checkpoint", "save_checkpoint", "verify_checkpoint"]
DETAILS = "classifier.json"
WEIGHTS = "model.safetensors"
SIZES = "config.json"
NEEDED = (DETAILS, SIZES, WEIGHTS)
# Counts in config.json that decide how large a network is built: none is larger than the largest axis of a weight.
COUNTS = (
    *("vocab_size", "hidden_size", "intermediate_size", "num_attention_heads", "max_position_embeddings"),
    *("type_vocab_size", "dim", "hidden_dim", "n_heads", "embedding_size"),
)
LAYERS = ("num_hidden_layers", "n_layers")  # as many weights at least
# Parts of the names of such counts in all families (num_labels, n_embd, encoder_layers): none may be larger either.
OF_COUNTS = ("size", "dim", "embd", "head", "inner", "position", "d_model", "d_ff", "labels", "lang")
OF_LAYERS = ("layer", "group")
FLOATS = ("float16", "bfloat16", "float32", "float64")
_HEAD = re.compile(r"(?:^|[/.])(?:classifier|classifier[/.]out_proj|head)[/.]bias(?::0)?$")


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
    """Write a classifier to a folder, all or nothing: a process killed at any moment leaves the earlier one or this.

    Between two moves the folder may be missing; `load_checkpoint`, or the next save, then brings the earlier one back.
    Of several processes that save to one place at a time, the last wins.

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
        CheckpointError: model or tokenizer wrote a file of a kind that is not allowed, or other processes keep writing
            to this place.
        TypeError: details hold what JSON cannot.
    """
    folder = Path(folder).absolute()
    settled(folder)
    _check_place(folder, overwrite)
    content = json.dumps(details, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = new_draft(folder)
    try:
        model.save_pretrained(draft, safe_serialization=True)
        tokenizer.save_pretrained(draft)
        (draft / DETAILS).write_text(content, encoding="utf-8")
        write_manifest(draft)
        put_in_place(draft, folder, lambda: _check_place(folder, overwrite))
    finally:
        remove(draft)
    return folder


def _check_place(folder: Path, overwrite: bool) -> None:
    """Raise FileExistsError if something stands at a place that may not be replaced."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        names = ["a file"]
    if not overwrite:
        raise FileExistsError(f"expected no file or folder at {folder}; choose another, or pass overwrite=True")
    if names and DETAILS not in names:
        raise FileExistsError(f"expected a checkpoint to overwrite at {folder}; what is there is something else")


def fingerprint(folder: str | Path) -> str:
    """Return the SHA-256 of a checkpoint's manifest: one short word for the content of all its files.

    Raises:
        CheckpointError: there is no manifest.
    """
    return read_settled(Path(folder).absolute(), digest_of_manifest)


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
    return sorted(_read_files(folder, expected_fingerprint))


def _read_files(folder: str | Path, expected_fingerprint: str | None) -> dict[str, bytes]:
    """Return {name: content} of one whole version, whatever other processes do to the folder."""
    return read_settled(Path(folder).absolute(), lambda place: read_verified(place, expected_fingerprint, NEEDED))


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
    files = _read_files(folder, expected_fingerprint)
    folder = Path(folder)
    weights = _read_weights(files.pop(WEIGHTS), folder / WEIGHTS)
    objects = {name: _read_object(content, folder / name) for name, content in files.items() if name.endswith(".json")}
    _check_sizes(objects[SIZES], weights, folder / SIZES)
    _check_details(objects[DETAILS], objects[SIZES], folder / DETAILS)
    _check_head(objects[DETAILS]["classes"], weights, folder)
    return Checkpoint(weights, objects[DETAILS], files)


def _read_weights(content: bytes, path: Path) -> dict[str, np.ndarray]:
    """Return {name: array} of finite numbers."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        weights = load(content)
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError) as error:
        told = safetensors_fault(content, error)
        raise CheckpointError(f"expected weights in safetensors format in {path}: {told}") from error
    for name, array in weights.items():
        if array.dtype.name not in FLOATS and "position_ids" not in name:
            raise CheckpointError(
                f"expected floats in {path}; {name} holds {array.dtype.name}. Quantised weights mean nothing without "
                "their scales: save the model as it was before"
            )
        if not np.isfinite(array).all():
            raise CheckpointError(f"expected finite numbers in {path}; {name} holds NaN or infinity")
    return weights


def _read_object(content: bytes, path: Path) -> dict[str, Any]:
    """Return the JSON object of a file, without NaN and infinity, which JSON does not know."""
    try:
        value = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"expected JSON in {path}: {error}") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"expected a JSON object in {path}; received {type(value).__name__}")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _is_count(value: Any, largest: int | None = None) -> bool:
    return type(value) is int and value >= 1 and (largest is None or value <= largest)


def _check_sizes(sizes: dict[str, Any], weights: dict[str, np.ndarray], path: Path) -> None:
    """Raise CheckpointError where config.json asks for a network that its weights cannot fill."""
    if not isinstance(sizes.get("model_type", ""), str):
        raise CheckpointError(f"expected model_type to be a name in {path}; received {sizes['model_type']!r}")
    longest = max((max(array.shape, default=1) for array in weights.values()), default=1)
    for name, size in sizes.items():
        known = name in COUNTS or name in LAYERS
        largest = len(weights) if any(part in name for part in OF_LAYERS) else longest
        counts = any(part in name for part in (*OF_COUNTS, *OF_LAYERS))
        if known and not _is_count(size, largest) and not (name == "type_vocab_size" and size == 0):
            told = f"an integer from 1 to {largest}"
        elif counts and type(size) is int and size > largest:
            told = f"at most {largest}"
        else:
            continue
        raise CheckpointError(f"expected {name} in {path} to be {told}, as its weights allow; received {size!r:.80}")


def _check_details(details: dict[str, Any], sizes: dict[str, Any], path: Path) -> None:
    """Raise CheckpointError unless the details are those of a classifier."""
    classes, max_length = details.get("classes"), details.get("max_length")
    if not isinstance(classes, list) or not all(isinstance(name, str | int) for name in classes):
        classes = None
    if classes is None or len(set(classes)) < max(2, len(classes)):
        raise CheckpointError(
            f"expected at least two classes in {path}, all different; received {details.get('classes')!r}"
        )
    positions = sizes.get("max_position_embeddings")
    if not _is_count(max_length, positions):
        bound = "" if positions is None else f", and at most {positions}, the positions of the network,"
        raise CheckpointError(f"expected max_length of at least 1{bound} in {path}; received {max_length!r}")


def _check_head(classes: list[Any], weights: dict[str, np.ndarray], folder: Path) -> None:
    """Raise CheckpointError where the last layer, under the names that the libraries give it, has other classes."""
    for name, array in weights.items():
        if _HEAD.search(name) and array.shape != (len(classes),):
            raise CheckpointError(
                f"expected a head of {len(classes)} classes in {folder / WEIGHTS}, as many as {DETAILS} names; {name} "
                f"has shape {array.shape}. Use the {DETAILS} that was saved with it, or train a new head."
            )


def __getattr__(name: str) -> Any:
    """Find `load_bert` in its own file when it is asked for: it needs Keras, which a checkpoint does not."""
    if name == "load_bert":
        from utils.weights.from_bert import load_bert

        return load_bert
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
