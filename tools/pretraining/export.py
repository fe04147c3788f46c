"""Write the trained encoder as a folder that TFBertForSequenceClassification.from_pretrained loads without PyTorch."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
from transformers import BertConfig

from utils import wordpiece

WEIGHTS = "model.safetensors"
READABLE = 0o644


def export_encoder(config: BertConfig, weights: dict[str, np.ndarray], pieces: list[str], folder: Path) -> Path:
    """Write weights, configuration and tokenizer to a folder, all or nothing.

    The heads that only pre-training needs are left out: the pooler is the last layer in the file.

    Args:
        config: of the encoder.
        weights: under the names that transformers' `BertModel` in PyTorch gives them.
        pieces: the vocabulary, in the order of ids.
        folder: what was there before under the same names is replaced, other files stay.

    Returns:
        Path of the weights.

    Raises:
        ValueError: a weight is missing.
    """
    draft = folder.with_name(f".{folder.name}-draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        _tensorflow_encoder(config, weights).save_pretrained(draft, safe_serialization=True)
        wordpiece.save(wordpiece.build(pieces), draft, config.max_position_embeddings)
        _tidy_config(draft / "config.json")
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(draft.iterdir()):
            path.chmod(READABLE)
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder / WEIGHTS


def _tensorflow_encoder(config: BertConfig, weights: dict[str, np.ndarray]):
    """Return transformers' TensorFlow encoder with these weights."""
    from transformers import TFBertModel
    from transformers.modeling_tf_pytorch_utils import load_pytorch_state_dict_in_tf2_model

    if missing := [
        name for name in ("embeddings.word_embeddings.weight", "pooler.dense.weight") if name not in weights
    ]:
        raise ValueError(f"expected weights under the names of BertModel; missing: {', '.join(missing)}")
    model = TFBertModel(config)
    model.build_in_name_scope()
    return load_pytorch_state_dict_in_tf2_model(model, weights, tf_inputs=False, allow_missing_keys=False)


def _tidy_config(path: Path) -> None:
    """Leave out of config.json what only says which version wrote it, so that the same weights give the same folder."""
    content = json.loads(path.read_text(encoding="utf-8"))
    content.pop("transformers_version", None)
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
