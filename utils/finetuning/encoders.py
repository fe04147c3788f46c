"""Where the encoder comes from: a folder or a hub's name, in either format of weights. Its code never runs."""

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from utils.finetuning.ktrain_mends import load_transformers
from utils.hub import default_cache

WEIGHTS = "model.safetensors"
DEFAULT_POSITIONS = 512  # where config.json does not say
UNWRITABLE = ("EACCES", "EPERM", "EEXIST", "EROFS", "ENOSPC", "EDQUOT", "ENOTDIR")  # what a folder may answer
UNTRUSTED = {"local_files_only": True, "trust_remote_code": False}  # for every call of from_pretrained
FLOATS = ("float16", "bfloat16", "float32", "float64")
_LAYER = re.compile(r"(?:^|[./])(?:encoder|transformer)[./]layer(?:\.|_\._)(\d+)[./]")  # in both libraries
_NOT_IN_EVERY_CHECKPOINT = ("pooler", "position_ids")
# Of these networks the first token's position is pad_token_id + 1, so that the positions before it are never used.
_POSITIONS_AFTER_PAD = (
    *("camembert", "data2vec-text", "ibert", "longformer", "mpnet", "roberta", "roberta-prelayernorm"),
    *("xlm-roberta", "xlm-roberta-xl"),
)


class CacheError(OSError):
    """A folder of ours, or of the hub's client, that cannot be written. It is not the encoder's fault."""


@contextmanager
def _writing(folder: Path, variable: str) -> Iterator[None]:
    """Say which folder could not be written, and which variable names another."""
    try:
        yield
    except OSError as error:
        if errno.errorcode.get(error.errno) not in UNWRITABLE:
            raise
        raise CacheError(
            f"expected to be able to write in {folder}, where encoders are kept: {error.strerror}. "
            f"Set {variable} to a folder on a disk with room that you may write"
        ) from error


def find_encoder(name: str | Path) -> Path:
    """Return the folder of an encoder, fetching it from the Hugging Face hub if there is no such folder.

    Args:
        name: a folder with config.json, model.safetensors and a tokenizer, or a name on the hub such as
            "distilbert-base-uncased".

    Returns:
        The folder, absolute.

    Raises:
        FileNotFoundError: the folder lacks a file, or there is neither a folder nor a hub's model of this name.
        CacheError: what the hub sends cannot be kept.
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
    from huggingface_hub import constants, snapshot_download

    try:
        with _writing(Path(constants.HF_HUB_CACHE), "HF_HOME"):
            return Path(snapshot_download(name, allow_patterns=["*.json", "*.txt", "*.model", WEIGHTS]))
    except CacheError:
        raise
    except Exception as error:  # of the network, of the hub, or of its name; each in a class of its own
        raise FileNotFoundError(
            f"expected a folder with an encoder, or its name on the Hugging Face hub; {name!r} is not a folder, "
            f"and the hub gave: {type(error).__name__}: {error}"
        ) from error


def weights_format(folder: str | Path) -> str:
    """Return "tf" or "pt": who wrote the weights of a folder, from the header of its safetensors file."""
    from safetensors import safe_open

    with safe_open(Path(folder) / WEIGHTS, framework="numpy") as file:
        return (file.metadata() or {}).get("format", "pt")


def load_config(folder: str | Path) -> Any:
    """Return the configuration of an encoder, of a kind that transformers itself knows.

    Raises:
        ValueError: its kind is defined by code that comes with the folder, which is never run.
    """
    with _without_its_code(folder, "config.json"):
        return load_transformers().AutoConfig.from_pretrained(str(folder), **UNTRUSTED)


def load_encoder_tokenizer(folder: str | Path) -> Any:
    """Return the tokenizer of an encoder; it pads at the end, as the encoder is trained here.

    Args:
        folder: as `find_encoder` returns it.

    Raises:
        ValueError: it is defined by code that comes with the folder, which is never run.
    """
    with _without_its_code(folder, "tokenizer_config.json"):
        return load_transformers().AutoTokenizer.from_pretrained(str(folder), padding_side="right", **UNTRUSTED)


@contextmanager
def _without_its_code(folder: str | Path, name: str) -> Iterator[None]:
    """Where a file names code ("auto_map") and nothing else serves, say that such code is never run."""
    try:
        yield
    except Exception as error:
        path = Path(folder) / name
        if path.is_file() and "auto_map" in (json.loads(path.read_text(encoding="utf-8")) or {}):
            raise ValueError(
                f"expected an encoder of a kind that transformers knows, such as BERT; {path} names code of its own "
                '("auto_map"), which is never run: choose another encoder'
            ) from error
        raise


def usable_positions(config: dict[str, Any]) -> int:
    """Return how many tokens a text may have, from an encoder's config.json.

    Example:
        >>> usable_positions({"model_type": "bert", "max_position_embeddings": 512})
        512
        >>> usable_positions({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1})
        512
    """
    positions = int(config.get("max_position_embeddings", DEFAULT_POSITIONS))
    if config.get("model_type") in _POSITIONS_AFTER_PAD:
        positions -= max(1, int(config.get("pad_token_id", 1))) + 1  # 1 is fixed in TensorFlow's networks
    return positions


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
        CacheError: the cache cannot be written.
        ValueError: the file lacks weights that the network needs, has more layers than its configuration, or holds
            what are no finite floats; or the network's kind is defined by code.
    """
    folder = find_encoder(name)
    _check_weights(folder)
    if weights_format(folder) == "tf":
        return folder
    target = Path(cache or default_cache()).resolve() / f"{folder.name}-{folder_digest(folder)[:12]}"
    if not target.is_dir():
        with _writing(target.parent, "BOOK_CACHE_DIR"):
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=target.parent) as staging:
                _convert(folder, Path(staging) / "converted")
                try:
                    os.replace(Path(staging) / "converted", target)
                except OSError:  # another process was first
                    if not target.is_dir():
                        raise
    return target


def _check_weights(folder: Path) -> None:
    """Raise ValueError for weights that the libraries would take for others, or leave out, without a word."""
    from safetensors.numpy import load_file

    config, path = read_config(folder), folder / WEIGHTS
    layers = next((config[name] for name in ("num_hidden_layers", "n_layers") if type(config.get(name)) is int), None)
    for name, array in load_file(path).items():
        if "position_ids" not in name and array.dtype.name not in FLOATS:
            raise ValueError(
                f"expected floats in {path}; {name} is {array.dtype.name}. Quantised weights mean nothing without "
                "their scales: save the model as it was before"
            )
        if array.dtype.name in FLOATS and not np.isfinite(array.astype("float32")).all():
            raise ValueError(f"expected finite numbers in {path}; {name} holds NaN or infinity: fetch the file again")
        number = _LAYER.search(name)
        if number and layers is not None and int(number[1]) >= layers:
            raise ValueError(
                f"expected {layers} layers in {path}, as {folder / 'config.json'} says; found one of number "
                f"{number[1]}, counted from 0: use the config.json that was saved with it"
            )


def _convert(source: Path, target: Path) -> None:
    """Write source's encoder to target in TensorFlow's format, and its tokenizer's files beside it."""
    from safetensors.numpy import load_file

    transformers, config = load_transformers(), load_config(source)
    from transformers.modeling_tf_pytorch_utils import load_pytorch_state_dict_in_tf2_model

    model = transformers.TFAutoModel.from_config(config, trust_remote_code=False)
    model.build_in_name_scope()
    arrays = load_file(source / WEIGHTS)
    _, report = load_pytorch_state_dict_in_tf2_model(
        model, arrays, tf_inputs=False, allow_missing_keys=True, output_loading_info=True, skip_logger_warnings=True
    )
    missing = [key for key in report["missing_keys"] if not any(part in key for part in _NOT_IN_EVERY_CHECKPOINT)]
    if missing:
        raise ValueError(f"expected all weights of the network in {source / WEIGHTS}; it lacks {missing}")
    model.save_pretrained(target, safe_serialization=True)
    for path in _own_files(source):
        if path.name != WEIGHTS and not (target / path.name).exists():
            shutil.copy(path, target)


def _own_files(folder: Path) -> list[Path]:
    """Return the files of an encoder, sorted; not what file managers and notebooks leave beside them."""
    return sorted(
        p for p in folder.iterdir() if p.suffix in (".json", ".txt", ".model", ".safetensors") and p.is_file()
    )


def folder_digest(folder: Path) -> str:
    """Return a short word for the files of an encoder, weights and tokenizer alike."""
    digest = hashlib.sha256()
    for path in _own_files(folder):
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def read_config(folder: str | Path) -> dict[str, Any]:
    """Return config.json of a folder."""
    return json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
