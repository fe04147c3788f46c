"""The classifier that runs in the page, in Python: its arrays as web/live/encoder.js names them, and what it says.

The hidden states come from the book's own `Encoder`; pooler and last layer are two matrix products.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tools.measure.recipe import ENCODER
from tools.measure.results import ROOT

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from utils.transformer import Encoder

WEIGHTS = ROOT / "data" / "checkpoints" / "live.safetensors"
BATCH = 64
# Parts of a layer as the page's file names them, and as Hugging Face's does.
PARTS = {
    **{f"attention.{name}": f"attention.self.{name}" for name in ("query", "key", "value")},
    "attention.attention_output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "feed_forward.intermediate": "intermediate.dense",
    "feed_forward.output": "output.dense",
    "feed_forward_norm": "output.LayerNorm",
}
TABLES = {
    "embedding.tokens": "bert.embeddings.word_embeddings.weight",
    "embedding.positions": "bert.embeddings.position_embeddings.weight",
    "embedding.types": "bert.embeddings.token_type_embeddings.weight",
}
PADDING = 4  # the most [PAD] tokens that the page puts after a text


def page_weights(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return the arrays of a saved classifier, by the page's names, and what else the page must know of it.

    A kernel has a row for each output. Positions that no text of the page reaches are left out.

    Raises:
        OSError, ValueError: the folder holds no classifier of BERT's kind.
    """
    from utils.checkpoints import load_checkpoint
    from utils.weights.from_bert import pytorch_name

    checkpoint = load_checkpoint(folder)
    theirs = dict(pytorch_name(*item) for item in checkpoint.weights.items())
    config, details = json.loads(checkpoint.files["config.json"]), checkpoint.details
    layers = config["num_hidden_layers"]
    if missing := [name for name in names(layers).values() if name not in theirs]:
        raise ValueError(f"expected a classifier of BERT's kind in {folder}; it has no {missing[0]}")
    weights = {ours: np.asarray(theirs[name], "float32") for ours, name in names(layers).items()}
    weights["embedding.positions"] = weights["embedding.positions"][: details["max_length"] + PADDING]
    about = {
        "epsilon": str(config["layer_norm_eps"]),
        "num_heads": str(config["num_attention_heads"]),
        "classes": json.dumps(details["classes"]),
        "max_length": str(details["max_length"]),
    }
    return weights, about


def names(layers: int) -> dict[str, str]:
    """Return {name of an array in the page's file: Hugging Face's} for a classifier of so many layers."""
    parts = {"embedding.norm": "bert.embeddings.LayerNorm", "pooler": "bert.pooler.dense", "head": "classifier"}
    for number in range(layers):
        parts |= {f"blocks.{number}.{ours}": f"bert.encoder.layer.{number}.{theirs}" for ours, theirs in PARTS.items()}
    found = dict(TABLES)
    for ours, theirs in parts.items():
        kinds = ("gamma", "beta") if ours.endswith("norm") else ("kernel", "bias")
        found |= {f"{ours}.{kind}": f"{theirs}.{part}" for kind, part in zip(kinds, ("weight", "bias"), strict=True)}
    return found


def dequantized(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the float32 weights that the arrays of the file stand for."""
    weights = {
        name: array.astype("float32") * arrays[f"{name}.scale"][:, None] if array.dtype == np.int8 else array
        for name, array in arrays.items()
        if not name.endswith(".scale")
    }
    if "embedding.finer" in weights:  # what is to be added to the rows of some tokens
        weights["embedding.tokens"][weights.pop("embedding.finer_ids")] += weights.pop("embedding.finer")
    return weights


class LiveClassifier:
    """The page's classifier on the book's own layers.

    Args:
        weights: float32 arrays, as `page_weights` names them.
        about: as `page_weights` returns it.
    """

    def __init__(self, weights: Mapping[str, np.ndarray], about: Mapping[str, str]):
        self.weights = dict(weights)
        self.classes, self.max_length = json.loads(about["classes"]), int(about["max_length"])
        self.encoder, self.tokenizer = _load_encoder(self.weights, about)
        self.tokenizer.enable_truncation(self.max_length)

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> LiveClassifier:
        """Return the classifier of the file that the book ships."""
        from safetensors import safe_open

        with safe_open(path, "numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return cls(dequantized(arrays), file.metadata())

    def predict_probability(self, texts: Iterable[str]) -> np.ndarray:
        """Return probabilities (N, C) of the classes of N texts."""
        encoded = [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]
        order = np.argsort([len(ids) for ids in encoded], kind="stable")
        found = np.zeros((len(encoded), len(self.classes)))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            ids = np.zeros((len(rows), self.max_length), "int32")  # one shape for all batches; 0 is [PAD]
            for row, place in zip(ids, rows, strict=True):
                row[: len(encoded[place])] = encoded[place]
            found[rows] = self.probabilities(ids, ids != 0)
        return found

    def probabilities(self, ids: np.ndarray, allowed: np.ndarray) -> np.ndarray:
        """Return probabilities (B, C) of token ids (B, T); allowed (B, T) says which may be attended to."""
        from keras import ops

        hidden = ops.convert_to_numpy(self.encoder(ids, attention_mask=allowed))
        pooled = np.tanh(hidden[:, 0] @ self.weights["pooler.kernel"].T + self.weights["pooler.bias"])
        scores = pooled @ self.weights["head.kernel"].T + self.weights["head.bias"]
        shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)


def _load_encoder(weights: Mapping[str, np.ndarray], about: Mapping[str, str]) -> tuple[Encoder, Tokenizer]:
    """Return the book's `Encoder` with these weights, and mini-bert's tokenizer."""
    from safetensors.numpy import save_file

    from utils.weights.from_bert import load_bert

    layers = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blocks."))
    config = json.loads((ENCODER / "config.json").read_text(encoding="utf-8"))
    config |= {"num_hidden_layers": layers, "max_position_embeddings": len(weights["embedding.positions"])}
    config |= {"num_attention_heads": int(about["num_heads"]), "layer_norm_eps": float(about["epsilon"])}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(ENCODER / name, folder)
        Path(folder, "config.json").write_text(json.dumps(config), encoding="utf-8")
        arrays = {theirs: np.ascontiguousarray(weights[ours]) for ours, theirs in names(layers).items()}
        save_file(arrays, Path(folder, "model.safetensors"))
        return load_bert(folder)
