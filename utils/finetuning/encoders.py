"""Where the encoder comes from: a folder or a hub's name, in TensorFlow's format or in PyTorch's."""

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from utils.finetuning.ktrain_mends import load_transformers

WEIGHTS = "model.safetensors"
_NOT_IN_EVERY_CHECKPOINT = ("pooler", "position_ids")


def default_cache() -> Path:
    """Return the folder that keeps converted encoders: BOOK_CACHE_DIR, or one in the user's cache."""
    if folder := os.environ.get("BOOK_CACHE_DIR"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "executable-transformer"


def find_encoder(name: str | Path) -> Path:
    """Return the folder of an encoder, fetching it from the Hugging Face hub if there is no such folder.

    Args:
        name: a folder with config.json, model.safetensors and a tokenizer, or a name on the hub such as
            "distilbert-base-uncased".

    Returns:
        The folder, absolute.

    Raises:
        FileNotFoundError: the folder lacks a file, or there is neither a folder nor a hub's model of this name.
    """
    folder = Path(name)
    if not folder.is_dir():
        folder = _fetch(str(name))
    for needed in ("config.json", WEIGHTS):
        if not (folder / needed).is_file():
            raise FileNotFoundError(
                f"expected {needed} in {folder}; it holds {sorted(p.name for p in folder.iterdir())}"
            )
    return folder.resolve()


def _fetch(name: str) -> Path:
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name:
        raise FileNotFoundError(f"expected a folder with an encoder; there is none at {name}")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.txt", "*.model", WEIGHTS]))
    except Exception as error:  # of the network, of the hub, or of its name; each in a class of its own
        raise FileNotFoundError(
            f"expected a folder with an encoder, or its name on the Hugging Face hub; {name!r} is no folder, "
            f"and the hub gave: {type(error).__name__}: {error}"
        ) from error


def weights_format(folder: str | Path) -> str:
    """Return "tf" or "pt": who wrote the weights of a folder, from the header of its safetensors file."""
    from safetensors import safe_open

    with safe_open(Path(folder) / WEIGHTS, framework="numpy") as file:
        return (file.metadata() or {}).get("format", "pt")


def tensorflow_folder(name: str | Path, cache: str | Path | None = None) -> Path:
    """Mend 3: return a folder whose weights TensorFlow's models can read, converting PyTorch's once, without torch.

    transformers reads PyTorch's safetensors into a TensorFlow model only where torch is installed. Here the arrays
    go from one to the other as they are, so that the conversion is exact.

    Args:
        name: folder or hub's name, as `find_encoder` takes it.
        cache: where converted encoders are kept; `default_cache()` if None.

    Returns:
        The folder itself if it is in TensorFlow's format, else one in the cache, named after its content.

    Raises:
        FileNotFoundError: as `find_encoder`.
        ValueError: the file lacks weights that the network needs.
    """
    folder = find_encoder(name)
    if weights_format(folder) == "tf":
        return folder
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes() + (folder / "config.json").read_bytes()).hexdigest()
    target = Path(cache or default_cache()).resolve() / f"{folder.name}-{digest[:12]}"
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as staging:
            _convert(folder, Path(staging) / "converted")
            try:
                os.replace(Path(staging) / "converted", target)
            except OSError:  # another process was first
                if not target.is_dir():
                    raise
    return target


def _convert(source: Path, target: Path) -> None:
    """Write source's encoder to target in TensorFlow's format, and its tokenizer's files beside it."""
    from safetensors.numpy import load_file

    transformers = load_transformers()
    from transformers.modeling_tf_pytorch_utils import load_pytorch_state_dict_in_tf2_model

    config = transformers.AutoConfig.from_pretrained(source, local_files_only=True)
    model = transformers.TFAutoModel.from_config(config)
    model.build_in_name_scope()
    arrays = load_file(source / WEIGHTS)
    _, told = load_pytorch_state_dict_in_tf2_model(
        model, arrays, tf_inputs=False, allow_missing_keys=True, output_loading_info=True, skip_logger_warnings=True
    )
    missing = [key for key in told["missing_keys"] if not any(part in key for part in _NOT_IN_EVERY_CHECKPOINT)]
    if missing:
        raise ValueError(f"expected all weights of the network in {source / WEIGHTS}; it lacks {missing}")
    model.save_pretrained(target, safe_serialization=True)
    for path in source.iterdir():
        if path.suffix in (".json", ".txt", ".model") and path.is_file() and not (target / path.name).exists():
            shutil.copy(path, target)


def read_config(folder: str | Path) -> dict[str, Any]:
    """Return config.json of a folder."""
    return json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
