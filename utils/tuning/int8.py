"""Weights of eight bits: each row of a matrix as whole numbers from -127 to 127, times a scale of its own.

A row of a kernel is what makes one output; a row of an embedding is one token. What changes is the file, a quarter as
large, and each weight by at most half a step. The model still computes in float32, so it is not faster.
"""

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from utils.files import safetensors_fault, write_whole
from utils.tuning.projections import count_input_axes

STEPS = 127  # on either side of zero; -128 is left out, so that a row and its negative are treated alike
SCALE = ".scale"


def quantize_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return whole numbers (R, N) of eight bits and scales (R, 1): rows are about numbers times scales.

    Args:
        rows: finite float array (R, N).

    Returns:
        (codes, scales): int8 and float32. Of a row, codes * scale differs from it by at most half its scale, which is
        its largest size divided by 127.

    Raises:
        ValueError: the array has another number of axes, or is not finite.

    Example:
        >>> codes, scales = quantize_rows(np.array([[1.27, -0.5], [0.0, 0.0]]))
        >>> codes.tolist(), [round(float(scale), 4) for scale in scales[:, 0]]
        ([[127, -50], [0, 0]], [0.01, 0.0])
    """
    rows = np.asarray(rows, "float32")
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise ValueError(f"expected finite numbers in rows, (R, N); received an array of shape {rows.shape}")
    scales = np.abs(rows).max(axis=1, keepdims=True, initial=0.0) / STEPS
    codes = np.round(rows / np.where(scales > 0, scales, 1))
    return np.clip(codes, -STEPS, STEPS).astype("int8"), scales.astype("float32")


def dequantize_rows(codes: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Return the float32 rows (R, N) that whole numbers (R, N) and scales (R, 1) stand for."""
    return codes.astype("float32") * scales


def save_int8(model: keras.Model, path: str | Path) -> Path:
    """Write a model's weights with eight bits each, and their scales. Biases and normalisations stay as they are.

    Args:
        model: a built model; it is not changed. `load_int8` gives it the rounded weights.
        path: of the file, in safetensors format; a file that stands there is replaced only by a whole one.

    Raises:
        ValueError: a weight is not finite.
    """
    from safetensors.numpy import save

    arrays = {}
    for name, (variable, axes) in _named_weights(model).items():
        value = np.asarray(ops.convert_to_numpy(variable), "float32")
        if axes is None:
            arrays[name] = value
        else:
            try:
                arrays[name], arrays[name + SCALE] = quantize_rows(_to_rows(value, axes))
            except ValueError as error:
                raise ValueError(
                    f"expected finite weights to save; {name} has others. Train the model anew."
                ) from error
    return write_whole(Path(path), save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))


def load_int8(model: keras.Model, path: str | Path) -> None:
    """Give a model the weights of a file that `save_int8` wrote for a model of the same configuration.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is something else or was cut short, or belongs to a model of other names or sizes. The model
            then keeps the weights that it had.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"expected weights at {path}; there is no such file. Write them with save_int8.")
    try:
        arrays = load_file(path)
    except (SafetensorError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"expected weights in safetensors format in {path}: {safetensors_fault(path, error)}"
        ) from error
    values, named = [], _named_weights(model)
    for name, (variable, axes) in named.items():
        shape = tuple(variable.shape)
        rows = shape if axes is None else _to_rows(np.empty(shape, "int8"), axes).shape
        found, scales = arrays.pop(name, None), arrays.pop(name + SCALE, None)
        whole = axes is None and scales is None and _is(found, "float32", shape)
        rounded = axes is not None and _is(found, "int8", rows) and _is(scales, "float32", (rows[0], 1))
        if not whole and not rounded:
            received = "none" if found is None else f"{found.dtype.name} of shape {found.shape}"
            raise ValueError(
                f"expected {name} in {path} as save_int8 writes it for this model, of shape {rows}; received "
                f"{received}. Use the configuration and the head that the file was saved with."
            )
        values.append(found if whole else _from_rows(dequantize_rows(found, scales), shape, axes))
    if arrays:
        raise ValueError(
            f"expected only weights of this model in {path}; it also has {min(arrays)}. Use its own model."
        )
    for (variable, _), value in zip(named.values(), values, strict=True):
        variable.assign(value)


def _is(array: np.ndarray | None, dtype: str, shape: tuple) -> bool:
    """Return whether an array is there, of that type and shape, and finite."""
    return array is not None and array.dtype == dtype and array.shape == shape and bool(np.isfinite(array).all())


def _named_weights(model: keras.Model) -> dict[str, tuple[Any, int | None]]:
    """Return {name: (variable, axes)}: how many of its first axes are summed over, 0 of a table, whose rows stay rows.

    None of what is not rounded: all with one axis, and the biases of attention, which have one for heads, too.
    """
    summed = {}
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Dense | keras.layers.EinsumDense):
            summed[id(layer.kernel)] = count_input_axes(layer)
            summed[id(layer.bias)] = None
    own = f"{model.name}/"  # two models of one configuration may bear different names
    named = {
        variable.path.removeprefix(own): (variable, summed.get(id(variable), 0) if len(variable.shape) > 1 else None)
        for variable in model.weights
    }
    if len(named) < len(model.weights):
        raise ValueError(
            "expected weights with names of their own; some layers of the model share a name. Rename them."
        )
    return named


def _to_rows(array: np.ndarray, axes: int) -> np.ndarray:
    """Return a kernel (*inputs, *outputs) as (outputs, inputs), or a table as (rows, the rest)."""
    if axes == 0:
        return array.reshape(len(array), -1)
    return array.reshape(math.prod(array.shape[:axes]), -1).T


def _from_rows(rows: np.ndarray, shape: tuple, axes: int) -> np.ndarray:
    """Return what `_to_rows` made rows of."""
    return (rows if axes == 0 else rows.T).reshape(shape)
