"""How far a training is: the bar, and the state on disk from which it goes on."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from utils.files import write_whole

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # a notebook without ipywidgets gets a bar of text, and a warning that it does
    from tqdm.auto import tqdm

PROGRESS = "progress.json"
SECONDS_BETWEEN_STATES = 120.0


def progress_bar(wanted: bool, **options: Any) -> tqdm:
    """Return a progress bar of tqdm, hidden if it is not wanted; TQDM_DISABLE=1 in the environment hides all."""
    return tqdm(**options) if wanted else tqdm(**options, disable=True)


def write_progress(
    folder: str | Path,
    arrays: Mapping[str, np.ndarray],
    finished: int,
    history: Mapping[str, list],
    settings: Mapping[str, Any],
    *,
    batches: int = 0,
    partial: Mapping[str, float] | None = None,
) -> None:
    """Keep the state of a training, so that an interruption at any moment leaves the last one that was kept intact.

    Args:
        folder: is made if need be; holds one training.
        arrays: all that a step changes: weights, and what the optimizer keeps. In safetensors format.
        finished: number of finished epochs.
        history: figures of each finished epoch.
        settings: what must be the same when training goes on.
        batches: how many batches of the next epoch are done.
        partial: its figures so far.
    """
    from safetensors.numpy import save

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"epoch-{finished:03d}{f'-batch-{batches:06d}' if batches else ''}.safetensors"
    write_whole(folder / name, save(dict(arrays)))
    record = {"finished": finished, "batches": batches, "partial": dict(partial or {}), "weights": name}
    record |= {"settings": dict(settings), "history": dict(history)}
    write_whole(folder / PROGRESS, json.dumps(record, indent=1).encode())
    for earlier in folder.glob("epoch-*.safetensors"):
        if earlier.name != name:
            earlier.unlink()


def read_progress(folder: str | Path, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what `write_progress` kept, or None if nothing has been kept there.

    Raises:
        ValueError: the fine-tuning in the folder had other settings, or its record is broken.
    """
    path = Path(folder) / PROGRESS
    if not path.is_file():
        return None
    try:
        record = {"batches": 0, "partial": {}, **json.loads(path.read_text(encoding="utf-8"))}
        before = record["settings"]
        if not all(type(record[name]) is int and record[name] >= 0 for name in ("finished", "batches")):
            raise ValueError("the numbers of epochs and batches are not whole numbers")
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"expected the record of a fine-tuning in {path}: {error}; remove the folder") from error
    now = json.loads(json.dumps(dict(settings)))
    if before != now:
        differ = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
        changes = "; ".join(f"{name} was {before.get(name)!r}, now {now.get(name)!r}" for name in differ)
        raise ValueError(
            f"expected the settings of the fine-tuning in {folder}: {changes}. Use them, or another folder"
        )
    return record


def read_state(folder: str | Path, record: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the arrays that `write_progress` kept last.

    Args:
        folder: as for `write_progress`.
        record: as `read_progress` returns it.

    Raises:
        ValueError: the file is gone or broken.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(Path(folder) / record["weights"])
    except (OSError, SafetensorError) as error:
        raise ValueError(f"expected the weights of the last epoch in {folder}: {error}; remove the folder") from error
