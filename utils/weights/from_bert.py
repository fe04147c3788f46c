"""Weights of Hugging Face's BERT and DistilBERT for our `Encoder`, which then computes the same hidden states.

Source of the models: Devlin et al. (2019), arXiv:1810.04805; Sanh et al. (2019), arXiv:1910.01108. Read are
`config.json` and `model.safetensors`, with the names of PyTorch's or of TensorFlow's classes; neither those classes nor
PyTorch are needed.
"""

import json
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from tokenizers import Tokenizer

from utils import wordpiece
from utils.files import safetensors_fault
from utils.layers.blocks import EncoderLayer
from utils.reference import arrays_under
from utils.transformer import Encoder
from utils.transformer.config import TransformerConfig
from utils.weights.from_torch import set_all_weights, split_heads

ACTIVATIONS = {
    **{"gelu": "gelu", "relu": "relu", "silu": "silu", "swish": "silu"},
    **{"gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh"},
}


class BertFamily(NamedTuple):
    """How one family of models names its settings and its weights."""

    settings: dict[str, tuple[str, Any]]  # ours to theirs, with the value that a configuration need not state
    layer: str  # what stands before the names of one layer
    parts: dict[str, str]  # of one layer, ours to theirs
    fixed: dict[str, Any]  # what this family does not leave to its settings


_COMMON = {
    "vocabulary_size": ("vocab_size", 30_522),
    "max_length": ("max_position_embeddings", 512),
    "pad_id": ("pad_token_id", 0),
}
FAMILIES = {
    "bert": BertFamily(
        {
            **_COMMON,
            "d_model": ("hidden_size", 768),
            "num_layers": ("num_hidden_layers", 12),
            "num_heads": ("num_attention_heads", 12),
            "intermediate_dim": ("intermediate_size", 3072),
            "activation": ("hidden_act", "gelu"),
            "epsilon": ("layer_norm_eps", 1e-12),
            "dropout": ("hidden_dropout_prob", 0.1),
            "attention_dropout": ("attention_probs_dropout_prob", 0.1),
            "num_token_types": ("type_vocab_size", 2),
        },
        "encoder.layer.",
        {"query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value"}
        | {"output": "attention.output.dense", "attention_norm": "attention.output.LayerNorm"}
        | {"wide": "intermediate.dense", "narrow": "output.dense", "feed_forward_norm": "output.LayerNorm"},
        {},
    ),
    "distilbert": BertFamily(
        {
            **_COMMON,
            "d_model": ("dim", 768),
            "num_layers": ("n_layers", 6),
            "num_heads": ("n_heads", 12),
            "intermediate_dim": ("hidden_dim", 3072),
            "activation": ("activation", "gelu"),
            "dropout": ("dropout", 0.1),
            "attention_dropout": ("attention_dropout", 0.1),
        },
        "transformer.layer.",
        {"query": "attention.q_lin", "key": "attention.k_lin", "value": "attention.v_lin"}
        | {"output": "attention.out_lin", "attention_norm": "sa_layer_norm"}
        | {"wide": "ffn.lin1", "narrow": "ffn.lin2", "feed_forward_norm": "output_layer_norm"},
        {"epsilon": 1e-12, "num_token_types": 0},
    ),
}
FLOATS = ("float16", "bfloat16", "float32", "float64")
PICKLES = (".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth")


def load_bert(folder: str | Path, **kwargs: Any) -> tuple[Encoder, Tokenizer]:
    """Make an `Encoder` with the weights of a Hugging Face model, and its tokenizer.

    Its hidden states are those of the model to 1e-5 of their size in float32, padding included. They differ in rows of
    nothing but padding, where Hugging Face's attention mixes all values evenly and ours gives nothing (see `Encoder`).
    The pooler and the heads of the model are left behind. The tokenizer gives the ids of `transformers.AutoTokenizer`
    (see `utils.wordpiece.load_tokenizer`). No code of the folder is run.

    Args:
        folder: holds `config.json`, `model.safetensors`, and `tokenizer.json` or `vocab.txt`. What a configuration
            does not state has the value that the library gives it.
        **kwargs: name, dtype, trainable of the encoder.

    Returns:
        (encoder, tokenizer): call the first with the ids that the second's `encode` gives, and, if texts were filled
        up, with its attention mask.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: the model is of another family or does what `Encoder` does not; a weight is missing, has another
            shape than the configuration says, is no floating-point array or is not finite; the file has more layers
            than the configuration; the tokenizer has ids beyond the model's table, or files that contradict each
            other.
    """
    folder = Path(folder)
    settings = _read_settings(folder)
    family = _family(settings)
    config, tokenizer = _configuration(settings, family), wordpiece.load_tokenizer(folder)
    _check_ids_have_rows(tokenizer, config.vocabulary_size)
    arrays = BertArrays(folder / "model.safetensors")
    _check_no_layer_is_left_out(arrays, config.num_layers, family)
    encoder = Encoder(config, **kwargs)
    planned = [(encoder.embedding, _embedding_arrays(arrays, encoder.config.num_token_types > 0))]
    for at, block in enumerate(encoder.blocks):
        planned += _planned_layer(block, arrays, f"{family.layer}{at}.", family.parts)
    set_all_weights(planned, str(arrays.path.name))
    return encoder, tokenizer


def write_bert_files(case: Mapping[str, np.ndarray], folder: str | Path) -> None:
    """Write a stored BERT as Hugging Face's library writes it: settings, weights, and a vocabulary of its size.

    Args:
        case: "bert" of `data/reference/bert.npz`: its settings and weights under "setting." and "weight.".
        folder: where to write; it exists.

    Example:
        >>> from utils.reference import reference_cases
        >>> import tempfile
        >>> stored = reference_cases(Path(__file__).parents[2] / "data" / "reference" / "bert.npz")["bert"]
        >>> with tempfile.TemporaryDirectory() as name:
        ...     write_bert_files(stored, name)
        ...     encoder, tokenizer = load_bert(name)
        >>> encoder.config.num_layers, tokenizer.get_vocab_size()
        (2, 17)
    """
    from safetensors.numpy import save_file

    settings = {"model_type": "bert", "hidden_act": "gelu", "layer_norm_eps": 1e-12}
    settings |= {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
    settings |= {name: array.item() for name, array in arrays_under(case, "setting.").items()}
    (Path(folder) / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    save_file(arrays_under(case, "weight."), Path(folder) / "model.safetensors")
    letters = string.ascii_lowercase[: settings["vocab_size"] - len(wordpiece.SPECIAL_TOKENS)]
    wordpiece.save(wordpiece.build([*wordpiece.SPECIAL_TOKENS, *letters]), folder)


class BertArrays:
    """The weights of a safetensors file under PyTorch's names, whichever library wrote it.

    Args:
        path: the file. The name of the whole model, such as "bert.", may stand before its names.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: it is no file of weights of this family.
    """

    def __init__(self, path: Path):
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        if not path.is_file():
            pickles = sorted(file.name for file in path.parent.glob("*") if file.suffix in PICKLES)
            found = f"only {pickles[0]}, which can run code when it is opened" if pickles else "none"
            raise FileNotFoundError(
                f"expected weights in {path.name} in {path.parent}; found {found}. Load the model with its library and "
                "save it with save_pretrained(folder, safe_serialization=True)."
            )
        try:
            pairs = [pytorch_name(*item) for item in load_file(path).items()]
        except (SafetensorError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"expected weights in safetensors format in {path}: {safetensors_fault(path, error)}"
            ) from error
        arrays = dict(pairs)
        if len(arrays) < len(pairs):
            twice = next(name for name, _ in pairs if sum(name == other for other, _ in pairs) > 1)
            raise ValueError(f"expected each weight once in {path.name}; found {twice} under two names")
        first = "embeddings.word_embeddings.weight"
        prefixes = [name.removesuffix(first) for name in arrays if name.endswith(first)]
        if len(prefixes) != 1:
            raise ValueError(f"expected one array named [...]{first} in {path.name}; found {len(prefixes)}")
        self.path, self._arrays, self._prefix = path, arrays, prefixes[0]

    def __getitem__(self, name: str) -> np.ndarray:
        full = f"{self._prefix}{name}"
        if full not in self._arrays:
            raise ValueError(f"expected an array named {full!r} in {self.path.name}; found none")
        return self._checked(full)

    def _checked(self, full: str) -> np.ndarray:
        """Return an array as float32, refusing what is no float or not finite."""
        array = self._arrays[full]
        if array.dtype.name not in FLOATS:
            raise ValueError(
                f"expected {full} in {self.path.name} as {', '.join(FLOATS)}; received {array.dtype.name}. "
                "Quantised weights mean nothing without their scales: save the model as it was before."
            )
        with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite, and is refused
            array = np.asarray(array, "float32")
        if not np.isfinite(array).all():
            count = int((~np.isfinite(array)).sum())
            raise ValueError(
                f"expected finite numbers in {self.path.name}; {full} has {count} of {array.size} that are NaN or "
                "infinite in float32. Fetch the file again, or train anew."
            )
        return array

    def head(self, name: str) -> np.ndarray | None:
        """Return an array that stands beside the encoder, such as "classifier.weight", or None where there is none."""
        full = next((found for found in (name, f"{self._prefix}{name}") if found in self._arrays), None)
        return None if full is None else self._checked(full)

    def layers(self, prefix: str) -> set[int]:
        """Return the numbers of the layers whose names begin with prefix."""
        start = f"{self._prefix}{prefix}"
        names = (name.removeprefix(start) for name in self._arrays if name.startswith(start))
        return {int(number) for name in names if (number := name.partition(".")[0]).isdecimal()}


def pytorch_name(name: str, array: np.ndarray) -> tuple[str, np.ndarray]:
    """Return a weight as PyTorch's classes name and lay it out, from their names or those of TensorFlow's classes.

    Example:
        >>> name, array = pytorch_name("encoder/layer_._0/output/dense/kernel:0", np.zeros((3, 2)))
        >>> name, array.shape
        ('encoder.layer.0.output.dense.weight', (2, 3))
    """
    path, _, last = name.removesuffix(":0").replace("/", ".").replace("layer_._", "layer.").rpartition(".")
    if last == "kernel":
        array = array.T  # PyTorch multiplies by the transpose
    known = {"kernel": "weight", "gamma": "weight", "embeddings": "weight", "beta": "bias"}
    return f"{path}.{known.get(last, last)}", array


def _planned_layer(block: EncoderLayer, arrays: BertArrays, prefix: str, parts: Mapping[str, str]) -> list:
    """Return (layer, its arrays) for each part of an encoder layer."""

    def weight_and_bias(part: str) -> list[np.ndarray]:
        return [arrays[f"{prefix}{parts[part]}.{kind}"] for kind in ("weight", "bias")]

    heads = block.num_heads
    attention = [split_heads(array, heads) for part in ("query", "key", "value") for array in weight_and_bias(part)]
    output, bias = weight_and_bias("output")
    attention += [output.T.reshape(heads, output.shape[1] // heads, -1), bias]  # (H·D, d_model), then (H, D, d_model)
    planned: list[tuple[keras.Layer, list[np.ndarray]]] = [(block.attention, attention)]
    feed_forward = block.feed_forward
    for part, dense in (("wide", feed_forward.intermediate_dense), ("narrow", feed_forward.output_dense)):
        kernel, bias = weight_and_bias(part)
        planned.append((dense, [kernel.T, bias]))
    return planned + [(getattr(block, part), weight_and_bias(part)) for part in ("attention_norm", "feed_forward_norm")]


def _embedding_arrays(arrays: BertArrays, has_types: bool) -> list[np.ndarray]:
    """Return the weights of `TokenEmbedding`: tokens, types, positions, and scale and shift of the normalisation."""
    tables = ["word_embeddings", *(["token_type_embeddings"] if has_types else []), "position_embeddings"]
    names = [f"{table}.weight" for table in tables] + ["LayerNorm.weight", "LayerNorm.bias"]
    return [arrays[f"embeddings.{name}"] for name in names]


def _read_settings(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"expected config.json, the model's settings, in {folder}; found none")
    return wordpiece.read_json_object(path)


def _family(settings: Mapping[str, Any]) -> BertFamily:
    """Return how the model names its parts, refusing what `Encoder` cannot be."""
    kind = settings.get("model_type")
    if kind not in FAMILIES:
        raise ValueError(f"expected model_type to be one of {', '.join(FAMILIES)}; received {kind!r}")
    positions = settings.get("position_embedding_type") or "absolute"
    if positions != "absolute" or settings.get("is_decoder"):
        raise ValueError(
            "expected an encoder with absolute positions; received "
            f"position_embedding_type={positions!r}, is_decoder={bool(settings.get('is_decoder'))}"
        )
    return FAMILIES[kind]


def _configuration(settings: Mapping[str, Any], family: BertFamily) -> TransformerConfig:
    """Return our configuration of the model."""
    chosen = {ours: settings.get(theirs, usual) for ours, (theirs, usual) in family.settings.items()}
    activation = chosen["activation"]
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise ValueError(f"expected the activation to be one of {', '.join(ACTIVATIONS)}; received {activation!r}")
    chosen["activation"] = ACTIVATIONS[activation]
    always = {"positions": "learned", "scale_embedding": False, "embedding_norm": True}
    return TransformerConfig(**always, **family.fixed, **chosen)


def _check_ids_have_rows(tokenizer: Tokenizer, rows: int) -> None:
    """Raise ValueError where the tokenizer gives ids for which the model has no vector."""
    piece, largest = max(tokenizer.get_vocab(with_added_tokens=True).items(), key=lambda item: item[1])
    if largest >= rows:
        raise ValueError(
            f"expected token ids below {rows}, the vocab_size of config.json; the tokenizer gives {piece!r} the id "
            f"{largest}. Use the tokenizer that was saved with the model."
        )


def _check_no_layer_is_left_out(arrays: BertArrays, num_layers: int, family: BertFamily) -> None:
    """Raise ValueError where the file has layers that the configuration does not count."""
    beyond = {number for number in arrays.layers(family.layer) if number >= num_layers}
    if beyond:
        raise ValueError(
            f"expected {num_layers} layers in {arrays.path.name}, as {family.settings['num_layers'][0]} of config.json "
            f"says; found one of number {max(beyond)}, counted from 0. Use the config.json that was saved with it."
        )
