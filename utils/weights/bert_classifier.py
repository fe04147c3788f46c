"""A BERT with a classification head as our `TextClassifier`, from a Hugging Face folder and back into one.

Source of the head: Devlin et al. (2019), arXiv:1810.04805: the first token's vector through a dense layer with tanh
(the pooler), dropout, and a linear layer.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from tokenizers import Tokenizer

from utils.files import write_whole
from utils.layers.blocks import EncoderLayer
from utils.transformer import TextClassifier
from utils.weights.from_bert import ACTIVATIONS, FAMILIES, BertArrays, load_bert
from utils.weights.from_torch import set_all_weights

HEAD = ("classifier.weight", "classifier.bias")
POOLER = ("pooler.dense.weight", "pooler.dense.bias")
INITIAL_SPREAD = 0.02  # standard deviation of new weights, as BERT's: "initializer_range" in its config.json


def load_bert_classifier(
    folder: str | Path, num_classes: int, *, fresh_head: bool = True, seed: int = 0, **kwargs: Any
) -> tuple[TextClassifier, Tokenizer]:
    """Make a `TextClassifier` with the weights of a Hugging Face BERT, and its tokenizer.

    Args:
        folder: as `load_bert` takes it.
        num_classes: C, rows of the head.
        fresh_head: draw the head's weights anew, as before training; otherwise they are those of the file.
        seed: of what is drawn: the head, and the pooler where the file has none.
        **kwargs: name, dtype, trainable of the model.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: as `load_bert`; the model is no BERT; or, without `fresh_head`, the file has no head, or one for
            another number of classes.
    """
    folder = Path(folder)
    encoder, tokenizer = load_bert(folder)
    if not encoder.config.num_token_types:
        raise ValueError(
            f"expected a BERT in {folder}, whose head is a tanh layer and a linear one; its config.json says another "
            "family. Train it with ktrain, or put a head of your own on load_bert(folder)"
        )
    arrays = BertArrays(folder / "model.safetensors")
    model = TextClassifier(encoder.config, num_classes, pooling="first", **kwargs)
    model.encoder.set_weights(encoder.get_weights())
    rng, width = np.random.default_rng(seed), encoder.config.d_model
    pooler, head = ([arrays.head(name) for name in names] for names in (POOLER, HEAD))
    if any(array is None for array in pooler):
        pooler = [_normal(rng, width, width), np.zeros(width, "float32")]
    if fresh_head:
        head = [_normal(rng, num_classes, width), np.zeros(num_classes, "float32")]
    elif any(array is None for array in head):
        raise ValueError(f"expected a head, {' and '.join(HEAD)}, in {arrays.path}; found none: train first")
    elif len(head[0]) != num_classes:
        raise ValueError(f"expected a head of {num_classes} classes in {arrays.path}; it has {len(head[0])}")
    planned = [(model.pooler, [pooler[0].T, pooler[1]]), (model.head, [head[0].T, head[1]])]
    set_all_weights(planned, arrays.path.name)
    return model, tokenizer


def _normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return (INITIAL_SPREAD * rng.standard_normal(shape)).astype("float32")


def bert_arrays(model: TextClassifier) -> dict[str, np.ndarray]:
    """Return the weights of a classifier as PyTorch's `BertForSequenceClassification` names them and lays them out.

    The way back of `load_bert_classifier`: what it reads from these arrays is the same model, bit for bit.
    """
    embedding = [_array(weight) for weight in model.encoder.embedding.weights]
    tables = ("word_embeddings.weight", "token_type_embeddings.weight", "position_embeddings.weight")
    names = (*tables, "LayerNorm.weight", "LayerNorm.bias")
    arrays = {f"bert.embeddings.{name}": array for name, array in zip(names, embedding, strict=True)}
    for at, block in enumerate(model.encoder.blocks):
        arrays |= {f"bert.encoder.layer.{at}.{name}": array for name, array in _layer_arrays(block).items()}
    for name, dense in (("bert.pooler.dense", model.pooler), ("classifier", model.head)):
        arrays |= _dense_arrays(name, dense)
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _layer_arrays(block: EncoderLayer) -> dict[str, np.ndarray]:
    """Return the weights of one layer; heads stand one after the other in PyTorch's matrices, outputs first."""
    parts = FAMILIES["bert"].parts
    *projections, kernel, bias = [_array(weight) for weight in block.attention.weights]
    arrays = {}
    for place, part in enumerate(("query", "key", "value")):
        weight, shift = projections[2 * place], projections[2 * place + 1]  # (d_model, H, D), (H, D)
        arrays[f"{parts[part]}.weight"] = weight.reshape(len(weight), -1).T
        arrays[f"{parts[part]}.bias"] = shift.reshape(-1)
    arrays[f"{parts['output']}.weight"] = kernel.reshape(-1, kernel.shape[-1]).T  # of (H, D, d_model)
    arrays[f"{parts['output']}.bias"] = bias
    arrays |= _dense_arrays(parts["wide"], block.feed_forward.intermediate_dense)
    arrays |= _dense_arrays(parts["narrow"], block.feed_forward.output_dense)
    for part in ("attention_norm", "feed_forward_norm"):
        scale, shift = (_array(weight) for weight in getattr(block, part).weights)
        arrays |= {f"{parts[part]}.weight": scale, f"{parts[part]}.bias": shift}
    return arrays


def _dense_arrays(name: str, dense: keras.layers.Dense) -> dict[str, np.ndarray]:
    """Return a dense layer as PyTorch has it, which multiplies by the transpose."""
    kernel, bias = (_array(weight) for weight in dense.weights)
    return {f"{name}.weight": kernel.T, f"{name}.bias": bias}


def _array(weight: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(weight))


def bert_settings(model: TextClassifier, classes: Sequence[Any]) -> dict[str, Any]:
    """Return what config.json says of a classifier, as the Hugging Face libraries name it."""
    config = model.config
    settings = {theirs: getattr(config, ours) for ours, (theirs, _) in FAMILIES["bert"].settings.items()}
    settings["hidden_act"] = next(theirs for theirs, ours in ACTIVATIONS.items() if ours == config.activation)
    names = {number: str(name) for number, name in enumerate(classes)}
    return {
        "model_type": "bert",
        "architectures": ["BertForSequenceClassification"],
        **settings,
        "initializer_range": INITIAL_SPREAD,
        "position_embedding_type": "absolute",
        "id2label": names,
        "label2id": {name: number for number, name in names.items()},
    }


def write_bert_classifier(model: TextClassifier, classes: Sequence[Any], folder: str | Path) -> None:
    """Write config.json and model.safetensors, which our loader and the Hugging Face libraries both read."""
    from safetensors.numpy import save

    settings = json.dumps(bert_settings(model, classes), indent=1, ensure_ascii=False) + "\n"
    write_whole(Path(folder) / "config.json", settings)
    write_whole(Path(folder) / "model.safetensors", save(bert_arrays(model), metadata={"format": "pt"}))
