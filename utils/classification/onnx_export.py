"""A classifier for a server that has neither this book nor Keras: one ONNX file, and what its inputs are made with."""

import importlib.util
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from utils.checkpoints.places import new_draft, put_in_place, remove
from utils.classification.base import BaseClassifier
from utils.classification.packages import MissingPackageError
from utils.classification.tokenizer import PlainTokenizer

PACKAGES = ("onnx", "onnxruntime", "tf2onnx")
NETWORK, TOKENIZER, ABOUT, GUIDE = "model.onnx", "tokenizer.json", "config.json", "README.md"
FILES = (NETWORK, TOKENIZER, ABOUT, GUIDE)
OUTPUT = "probability"
OPSET = 17
LARGEST_GAP = 1e-4  # between a probability from the file and one from the classifier
TRIED = ("good", "not bad at all", "a longer text, so that the others are padded, and then some words more")
README = """# A text classifier, as ONNX

It needs no code but `pip install onnxruntime tokenizers numpy`. Give it at least one text. From this folder:

```python
import json
import numpy as np, onnxruntime, tokenizers

config = json.load(open("config.json", encoding="utf-8"))
tokenizer = tokenizers.Tokenizer.from_file("tokenizer.json")  # it cuts and pads, too
session = onnxruntime.InferenceSession("model.onnx")
rows = tokenizer.encode_batch(["a text", "another, longer text"])
fields = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
inputs = {name: np.array([getattr(row, fields[name]) for row in rows], np.int32) for name in config["inputs"]}
(probability,) = session.run(["probability"], inputs)  # (N, C); the temperature of config.json is in it already
print([config["id2label"][str(number)] for number in probability.argmax(axis=-1)])
```
"""
FIELDS = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}


def export_onnx(
    classifier: BaseClassifier, folder: str | Path, texts: Sequence[str] = TRIED, *, overwrite: bool = False
) -> Path:
    """Write a classifier as ONNX, run what was written, and keep it only if it gives the same probabilities.

    The folder holds model.onnx; tokenizer.json, which also cuts and pads; config.json with the names of classes and
    inputs; and README.md with ten lines that use them. The network takes int32 arrays (N, T), N and T at least 1, and
    returns float32 probabilities (N, C), the classifier's temperature included. (An array without a text ends the whole
    process in onnxruntime 1.32.)

    Args:
        classifier: what is exported, of ktrain or of the Keras engine; the latter on TensorFlow.
        folder: where to; it appears when all is written and has been run with onnxruntime.
        texts: on which the probabilities are compared.
        overwrite: whether an earlier export at this place may be replaced.

    Returns:
        The folder.

    Raises:
        FileExistsError: the folder exists, and is no export or may not be replaced.
        MissingPackageError: tf2onnx, onnx or onnxruntime is not installed.
        ValueError: the tokenizer cannot be written as tokenizer.json, there is no text to compare, or Keras computes
            with another library than TensorFlow.
        RuntimeError: the file computes something else than the classifier.
    """
    require_onnx()
    folder = Path(folder).absolute()
    check_onnx_place(folder, overwrite)
    if not texts:
        raise ValueError("expected at least one text to compare the probabilities on; received none")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = new_draft(folder)
    try:
        (draft / TOKENIZER).write_text(_tokenizer(classifier), encoding="utf-8")
        (draft / NETWORK).write_bytes(_convert(classifier).SerializeToString())
        (draft / ABOUT).write_text(_about(classifier), encoding="utf-8")
        (draft / GUIDE).write_text(README, encoding="utf-8")
        gap = float(abs(run_onnx(draft, texts) - classifier.predict_probability(texts)).max())
        if not gap < LARGEST_GAP:
            told = f"expected the ONNX file to give the classifier's probabilities to {LARGEST_GAP}"
            raise RuntimeError(f"{told}; they differ by {gap:.1e}")
        put_in_place(draft, folder, lambda: check_onnx_place(folder, overwrite))
    finally:
        remove(draft)
    return folder


def run_onnx(folder: str | Path, texts: Sequence[str], batch_size: int = 64) -> np.ndarray:
    """Return the probabilities (N, C) that an exported folder gives for N texts; nothing but its files is used.

    Args:
        folder: as `export_onnx` wrote it.
        texts: N strings, at least one.
        batch_size: texts that go through the network together.
    """
    import onnxruntime
    from tokenizers import Tokenizer

    folder = Path(folder)
    names = json.loads((folder / ABOUT).read_text(encoding="utf-8"))["inputs"]
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    session = onnxruntime.InferenceSession(str(folder / NETWORK), providers=["CPUExecutionProvider"])
    found = []
    for start in range(0, len(texts), batch_size):
        rows = tokenizer.encode_batch(list(texts[start : start + batch_size]))
        inputs = {name: np.array([getattr(row, FIELDS[name]) for row in rows], np.int32) for name in names}
        found += session.run([OUTPUT], inputs)
    return np.concatenate(found)


def require_onnx() -> None:
    """Raise MissingPackageError, with the command that installs them, where a package that writes ONNX is missing."""
    if missing := [name for name in PACKAGES if importlib.util.find_spec(name) is None]:
        raise MissingPackageError(f"an export to ONNX needs {', '.join(missing)}: run pip install {' '.join(PACKAGES)}")


def check_onnx_place(folder: Path, overwrite: bool) -> None:
    """Raise FileExistsError if something stands at the place of an export that may not be replaced."""
    if not os.path.lexists(folder):
        return
    if not overwrite:
        raise FileExistsError(f"expected no file or folder at {folder}; choose another, or pass overwrite=True")
    if not folder.is_dir() or folder.is_symlink() or set(os.listdir(folder)) != set(FILES):
        raise FileExistsError(f"expected an export to overwrite at {folder}; what is there is something else")


def _about(classifier: BaseClassifier) -> str:
    """Return what config.json says."""
    names = {str(number): str(name) for number, name in enumerate(classifier.classes)}
    about = {"id2label": names, "label2id": {name: int(number) for number, name in names.items()}}
    about |= {"max_length": classifier.max_length, "temperature": classifier.temperature}
    about |= {"inputs": list(classifier.inputs), "output": OUTPUT}
    return json.dumps(about, indent=1, ensure_ascii=False) + "\n"


def _tokenizer(classifier: BaseClassifier) -> str:
    """Return the tokenizer as JSON that cuts to the classifier's length and pads a batch to its longest text.

    Raises:
        ValueError: it is one of those that transformers writes in Python.
    """
    from tokenizers import Tokenizer

    kept = classifier.tokenizer
    if isinstance(kept, PlainTokenizer):
        tokenizer = Tokenizer.from_str(kept.tokenizer.to_str())
        padding = {"pad_id": kept.pad_token_id, "pad_token": tokenizer.id_to_token(kept.pad_token_id)}
    elif kept.is_fast:
        tokenizer = Tokenizer.from_str(kept.backend_tokenizer.to_str())
        padding = {"pad_id": kept.pad_token_id, "pad_token": kept.pad_token, "pad_type_id": kept.pad_token_type_id}
        padding |= {"direction": kept.padding_side}
    else:
        told = f"received {type(kept).__name__}, which is written in Python"
        raise ValueError(f"expected a tokenizer of the package tokenizers, which can be written as JSON; {told}")
    tokenizer.enable_truncation(classifier.max_length)
    tokenizer.enable_padding(**padding)
    return tokenizer.to_str(pretty=True) + "\n"


def _convert(classifier: BaseClassifier) -> Any:
    """Return the ONNX model: inputs named as the tokenizer names them, one output."""
    import tensorflow as tf
    import tf2onnx

    names = classifier.inputs
    sizes = [tf.TensorSpec((None, None), tf.int32, name=name) for name in names]

    @tf.function(input_signature=sizes, autograph=False)
    def probability(*arrays):
        logits = classifier.compute_logits(dict(zip(names, arrays, strict=True)))
        return tf.nn.softmax(logits / classifier.temperature)

    handlers = {"Erfc": (_write_erfc, []), "SelectV2": (_write_where, [])}
    logging.getLogger("tf2onnx.optimizer").setLevel(logging.CRITICAL)  # it tells of each rewriting that it gives up
    model, _ = tf2onnx.convert.from_function(probability, sizes, opset=OPSET, custom_op_handlers=handlers)
    _rename_output(model, OUTPUT)
    return model


def _write_erfc(context: Any, node: Any, name: str, arguments: Any) -> None:
    """Write 1 − erf(x) where TensorFlow has erfc(x), as in an exact GELU: ONNX has no such operation."""
    dtype, shape = context.get_dtype(node.output[0]), context.get_shape(node.output[0])
    inputs, outputs = list(node.input), list(node.output)
    context.remove_node(node.name)
    one = context.make_const(f"{name}/one", np.ones((), np.float32))
    erf = context.make_node("Erf", inputs, dtypes=[dtype], shapes=[shape])
    context.make_node("Sub", [one.output[0], erf.output[0]], outputs=outputs, name=name, dtypes=[dtype], shapes=[shape])


def _write_where(context: Any, node: Any, name: str, arguments: Any) -> None:
    """Write a choice as ONNX's own; tf2onnx writes products with 0 and 1, and 0 times the -inf of a mask is NaN."""
    node.type = "Where"


def _rename_output(model: Any, name: str) -> None:
    """Give the only output of a model a name."""
    (output,) = model.graph.output
    for node in model.graph.node:
        node.output[:] = [name if one == output.name else one for one in node.output]
        node.input[:] = [name if one == output.name else one for one in node.input]
    output.name = name
