"""A classifier for a server that has neither this book nor Keras: one ONNX file, and what its inputs are made with."""

import importlib.util
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from utils.checkpoints.places import remove
from utils.finetuning.classifier import Classifier
from utils.finetuning.ktrain_mends import MissingPackageError

PACKAGES = ("onnx", "onnxruntime", "tf2onnx")
OPSET = 17
LARGEST_GAP = 1e-4  # between a probability from the file and one from the classifier
TRIED = ("good", "not bad at all", "a longer text, so that the other one is padded, and then some words more")


def export_onnx(classifier: Classifier, folder: str | Path) -> Path:
    """Write a classifier as ONNX, run the file, and keep it only if it computes the same.

    The folder holds model.onnx, the tokenizer's files, and config.json, whose id2label names the classes. The network
    takes int32 (N, T) arrays named as the tokenizer names them and returns float32 probabilities (N, C) under the name
    "probability", the classifier's temperature included.

    Args:
        classifier: what is exported.
        folder: where to; it appears when all is written and has been run with onnxruntime.

    Returns:
        The folder.

    Raises:
        FileExistsError: there is something at the folder's place.
        MissingPackageError: tf2onnx, onnx or onnxruntime is not installed.
        RuntimeError: the file computes something else than the classifier.
    """
    if missing := [name for name in PACKAGES if importlib.util.find_spec(name) is None]:
        raise MissingPackageError(f"an export needs {', '.join(missing)}: run pip install {' '.join(PACKAGES)}")
    folder = Path(folder).absolute()
    if folder.exists():
        raise FileExistsError(f"expected no file or folder at {folder}; choose another, or remove it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        (draft / "model.onnx").write_bytes(_convert(classifier).SerializeToString())
        classifier.tokenizer.save_pretrained(draft)
        labels = {str(number): str(name) for number, name in enumerate(classifier.classes)}
        config = {**classifier.model.config.to_dict(), "id2label": labels, "max_length": classifier.max_length}
        content = json.dumps(config, indent=1, ensure_ascii=False, default=str) + "\n"
        (draft / "config.json").write_text(content, encoding="utf-8")
        _check_same(classifier, draft)
        os.rename(draft, folder)
    finally:
        remove(draft)
    folder.chmod(0o755)
    return folder


def run_onnx(classifier: Classifier, folder: str | Path, texts: list[str]) -> np.ndarray:
    """Return the probabilities (N, C) that the file in an exported folder computes for N texts, batch by batch."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(Path(folder) / "model.onnx"), providers=["CPUExecutionProvider"])
    found = np.zeros((len(texts), len(classifier.classes)))
    for rows, inputs in classifier.batches(texts):
        arrays = {name: np.asarray(values, np.int32) for name, values in inputs.items()}
        (found[rows],) = session.run(["probability"], arrays)
    return found


def _convert(classifier: Classifier) -> Any:
    """Return the ONNX model: names of the tokenizer's inputs, one output."""
    import tensorflow as tf
    import tf2onnx

    names = classifier.inputs
    sizes = [tf.TensorSpec((None, None), tf.int32, name=name) for name in names]

    @tf.function(input_signature=sizes)
    def probability(*arrays):
        logits = classifier.model(dict(zip(names, arrays, strict=True)), training=False).logits
        return tf.identity(tf.nn.softmax(logits / classifier.temperature), name="probability")

    handlers = {"Erfc": (_write_erfc, [])}
    model, _ = tf2onnx.convert.from_function(probability, sizes, opset=OPSET, custom_op_handlers=handlers)
    _rename_output(model, "probability")
    return model


def _write_erfc(context: Any, node: Any, name: str, arguments: Any) -> None:
    """Write 1 − erf(x) where TensorFlow has erfc(x), as in an exact GELU: ONNX has no such operation."""
    dtype, shape = context.get_dtype(node.output[0]), context.get_shape(node.output[0])
    inputs, outputs = list(node.input), list(node.output)
    context.remove_node(node.name)
    one = context.make_const(f"{name}/one", np.ones((), np.float32))
    erf = context.make_node("Erf", inputs, dtypes=[dtype], shapes=[shape])
    context.make_node("Sub", [one.output[0], erf.output[0]], outputs=outputs, name=name, dtypes=[dtype], shapes=[shape])


def _rename_output(model: Any, name: str) -> None:
    """Give the only output of a model a name."""
    (output,) = model.graph.output
    for node in model.graph.node:
        node.output[:] = [name if one == output.name else one for one in node.output]
        node.input[:] = [name if one == output.name else one for one in node.input]
    output.name = name


def _check_same(classifier: Classifier, folder: Path) -> None:
    """Run the file on a few texts.

    Raises:
        RuntimeError: a probability differs by more than 1e-4.
    """
    gap = float(abs(run_onnx(classifier, folder, list(TRIED)) - classifier.predict_probability(TRIED)).max())
    if not gap < LARGEST_GAP:
        raise RuntimeError(f"expected the ONNX file to give the classifier's probabilities; one differs by {gap:.1e}")
