"""Training that can be interrupted: after every epoch its whole state goes to disk, and training goes on from there."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from utils.finetuning.classifier import assign_weights, weight_name

PROGRESS = "progress.json"
_OPTIMIZER = "optimizer/"


def save_progress(
    folder: str | Path, model: Any, finished: int, history: Mapping[str, list], settings: Mapping[str, Any]
) -> None:
    """Keep the state after an epoch, so that an interruption at any moment leaves the last finished one intact.

    Args:
        folder: is made if need be; holds one fine-tuning.
        model: compiled Keras 2 model; its weights and its optimizer's are kept, in safetensors format.
        finished: number of finished epochs.
        history: figures of each epoch so far.
        settings: what must be the same when training goes on.
    """
    from safetensors.numpy import save

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {weight_name(variable): variable.numpy() for variable in model.weights}
    for place, array in enumerate(model.optimizer.get_weights()):
        arrays[f"{_OPTIMIZER}{place:04d}"] = np.array(array)
    name = f"epoch-{finished:03d}.safetensors"
    _write(folder / name, save(arrays))
    record = {"finished": finished, "weights": name, "settings": dict(settings), "history": dict(history)}
    _write(folder / PROGRESS, json.dumps(record, indent=1).encode())
    for earlier in folder.glob("epoch-*.safetensors"):
        if earlier.name != name:
            earlier.unlink()


def _write(path: Path, content: bytes) -> None:
    """Write a file so that at any moment the old or the new content is there."""
    draft = path.with_name(path.name + ".draft")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


def read_progress(folder: str | Path, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what `save_progress` kept, or None if no epoch has been finished there.

    Raises:
        ValueError: the fine-tuning in the folder had other settings, or its record is broken.
    """
    path = Path(folder) / PROGRESS
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        found = record["settings"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"expected the record of a fine-tuning in {path}: {error}; remove the folder") from error
    asked = json.loads(json.dumps(dict(settings)))
    if found != asked:
        differ = sorted(name for name in found.keys() | asked.keys() if found.get(name) != asked.get(name))
        told = "; ".join(f"{name} was {found.get(name)!r}, now {asked.get(name)!r}" for name in differ)
        raise ValueError(f"expected the settings of the fine-tuning in {folder}: {told}. Use them, or another folder")
    return record


def restore_progress(folder: str | Path, model: Any, record: Mapping[str, Any]) -> None:
    """Give a model and its optimizer the state of the last finished epoch.

    Args:
        folder: as for `save_progress`.
        model: compiled, with the same network.
        record: as `read_progress` returns it.

    Raises:
        ValueError: the file is gone or does not fit the network.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(Path(folder) / record["weights"])
    except (OSError, SafetensorError) as error:
        raise ValueError(f"expected the weights of the last epoch in {folder}: {error}; remove the folder") from error
    state = [arrays.pop(name) for name in sorted(arrays) if name.startswith(_OPTIMIZER)]
    assign_weights(model, arrays)
    model.optimizer._create_all_weights(model.trainable_variables)
    model.optimizer.set_weights(state)
