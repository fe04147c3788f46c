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

    settings: dict[str, str]  # ours to theirs
    layer: str  # what stands before the names of one layer
    parts: dict[str, str]  # of one layer, ours to theirs
    fixed: dict[str, Any]  # what this family does not leave to its settings


_COMMON = {"vocabulary_size": "vocab_size", "max_length": "max_position_embeddings", "pad_id": "pad_token_id"}
FAMILIES = {
    "bert": BertFamily(
        _COMMON
        | {"d_model": "hidden_size", "num_layers": "num_hidden_layers", "num_heads": "num_attention_heads"}
        | {"intermediate_dim": "intermediate_size", "activation": "hidden_act", "epsilon": "layer_norm_eps"}
        | {"dropout": "hidden_dropout_prob", "attention_dropout": "attention_probs_dropout_prob"}
        | {"num_token_types": "type_vocab_size"},
        "encoder.layer.",
        {"query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value"}
        | {"output": "attention.output.dense", "attention_norm": "attention.output.LayerNorm"}
        | {"wide": "intermediate.dense", "narrow": "output.dense", "feed_forward_norm": "output.LayerNorm"},
        {},
    ),
    "distilbert": BertFamily(
        _COMMON
        | {"d_model": "dim", "num_layers": "n_layers", "num_heads": "n_heads", "intermediate_dim": "hidden_dim"}
        | {"activation": "activation", "dropout": "dropout", "attention_dropout": "attention_dropout"},
        "transformer.layer.",
        {"query": "attention.q_lin", "key": "attention.k_lin", "value": "attention.v_lin"}
        | {"output": "attention.out_lin", "attention_norm": "sa_layer_norm"}
        | {"wide": "ffn.lin1", "narrow": "ffn.lin2", "feed_forward_norm": "output_layer_norm"},
        {"epsilon": 1e-12, "num_token_types": 0},
    ),
}


def load_bert(folder: str | Path, **kwargs: Any) -> tuple[Encoder, Tokenizer]:
    """Make an `Encoder` with the weights of a Hugging Face model, and its tokeniser.

    Its hidden states are those of the model to 1e-5 of their size in float32, padding included. They differ in rows of
    nothing but padding, where Hugging Face's attention mixes all values evenly and ours gives nothing (see `Encoder`).
    The pooler and the heads of the model are left behind.

    Args:
        folder: holds `config.json`, `model.safetensors`, and `tokenizer.json` or `vocab.txt`.
        **kwargs: name, dtype, trainable of the encoder.

    Returns:
        (encoder, tokenizer): call the first with the ids that the second's `encode` gives, and, if texts were filled
        up, with its attention mask.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: the model is of another family or does what `Encoder` does not, or a weight is missing or has
            another shape than its configuration says.
    """
    folder = Path(folder)
    settings = _read_settings(folder)
    family = _family(settings)
    encoder = Encoder(_configuration(settings, family), **kwargs)
    arrays = BertArrays(folder / "model.safetensors")
    planned = [(encoder.embedding, _embedding_arrays(arrays, encoder.config.num_token_types > 0))]
    for at, block in enumerate(encoder.blocks):
        planned += _planned_layer(block, arrays, f"{family.layer}{at}.", family.parts)
    set_all_weights(planned, str(arrays.path.name))
    return encoder, _tokenizer_of(folder)


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
            raise FileNotFoundError(
                f"expected weights in {path.name} in {path.parent}; found none. Load the model with its library and "
                "save it with save_pretrained(folder, safe_serialization=True)."
            )
        try:
            found = dict(pytorch_name(*item) for item in load_file(path).items())
        except SafetensorError as error:
            raise ValueError(f"expected weights in safetensors format in {path}: {error}") from error
        first = "embeddings.word_embeddings.weight"
        prefixes = [name.removesuffix(first) for name in found if name.endswith(first)]
        if len(prefixes) != 1:
            raise ValueError(f"expected one array named [...]{first} in {path.name}; found {len(prefixes)}")
        self.path, self._found, self._prefix = path, found, prefixes[0]

    def __getitem__(self, name: str) -> np.ndarray:
        full = f"{self._prefix}{name}"
        if full not in self._found:
            raise ValueError(f"expected an array named {full!r} in {self.path.name}; found none")
        return np.asarray(self._found[full], "float32")


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
    names = {ours: f"{prefix}{theirs}" for ours, theirs in parts.items()}
    heads = block.num_heads
    attention = []
    for part in ("query", "key", "value"):
        attention += [split_heads(arrays[f"{names[part]}.{kind}"], heads) for kind in ("weight", "bias")]
    output = arrays[f"{names['output']}.weight"].T  # (H·D, d_model)
    attention += [output.reshape(heads, output.shape[0] // heads, -1), arrays[f"{names['output']}.bias"]]
    planned: list[tuple[keras.Layer, list[np.ndarray]]] = [(block.attention, attention)]
    feed_forward = block.feed_forward
    for part, dense in (("wide", feed_forward.intermediate_dense), ("narrow", feed_forward.output_dense)):
        planned.append((dense, [arrays[f"{names[part]}.weight"].T, arrays[f"{names[part]}.bias"]]))
    for part in ("attention_norm", "feed_forward_norm"):
        planned.append((getattr(block, part), [arrays[f"{names[part]}.weight"], arrays[f"{names[part]}.bias"]]))
    return planned


def _embedding_arrays(arrays: BertArrays, has_types: bool) -> list[np.ndarray]:
    """Return the weights of `TokenEmbedding`: tokens, types, positions, and scale and shift of the normalisation."""
    tables = ["word_embeddings", *(["token_type_embeddings"] if has_types else []), "position_embeddings"]
    names = [f"{table}.weight" for table in tables] + ["LayerNorm.weight", "LayerNorm.bias"]
    return [arrays[f"embeddings.{name}"] for name in names]


def _read_settings(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"expected config.json, the model's settings, in {folder}; found none")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"expected JSON in {path}: {error}") from error


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
    missing = [theirs for theirs in family.settings.values() if theirs not in settings and theirs != "pad_token_id"]
    if missing:
        raise ValueError(f"expected config.json to have {', '.join(missing)}; found none of that name")
    chosen = {ours: settings.get(theirs, 0) for ours, theirs in family.settings.items()}
    if chosen["activation"] not in ACTIVATIONS:
        raise ValueError(
            f"expected the activation to be one of {', '.join(ACTIVATIONS)}; received {chosen['activation']!r}"
        )
    chosen["activation"] = ACTIVATIONS[chosen["activation"]]
    always = {"positions": "learned", "scale_embedding": False, "embedding_norm": True}
    return TransformerConfig(**always, **family.fixed, **chosen)


def _tokenizer_of(folder: Path) -> Tokenizer:
    """Return the model's tokeniser, refusing a bare vocabulary that would be read in the wrong case."""
    path = folder / "tokenizer_config.json"
    details = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if not (folder / "tokenizer.json").is_file() and details.get("do_lower_case") is False:
        raise ValueError(
            f"expected tokenizer.json in {folder}: vocab.txt alone is read in lower case, and this model is cased. "
            "Save its fast tokeniser there with save_pretrained."
        )
    return wordpiece.load_tokenizer(folder)
