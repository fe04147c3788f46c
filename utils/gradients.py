"""Gradients for the weights of a layer or model, on any Keras backend."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from utils import runtime


def weight_gradients(layer: keras.Layer, loss: Callable[..., Any], *arrays: np.ndarray) -> list[np.ndarray]:
    """Differentiate a loss for the inputs and for the trainable weights of a built layer.

    Args:
        layer: built; its weights keep their values.
        loss: called as loss(call, *arrays), where `call` stands for the layer; returns a scalar tensor.
        *arrays: float arrays to differentiate for as well.

    Returns:
        One array for each input, then one for each of `layer.trainable_variables`, in their order.

    Raises:
        ValueError: as `runtime.gradients`.

    Example:
        >>> dense = keras.layers.Dense(1, use_bias=False)
        >>> dense.build((None, 2))
        >>> x = np.array([[2.0, 3.0]], "float32")
        >>> [slope.tolist() for slope in weight_gradients(dense, lambda call: ops.sum(call(x)))]
        [[[2.0], [3.0]]]
    """
    weights = [ops.convert_to_numpy(variable) for variable in layer.trainable_variables]
    others = [ops.convert_to_numpy(variable) for variable in layer.non_trainable_variables]

    def scalar(*given: Any) -> Any:
        inputs, values = given[: len(arrays)], given[len(arrays) :]

        def call(*positional: Any, **named: Any) -> Any:
            return layer.stateless_call(values, others, *positional, **named)[0]

        return loss(call, *inputs)

    return runtime.gradients(scalar, *arrays, *weights)


def gradient_norms(layer: keras.Layer, loss: Callable[..., Any], ending: str) -> np.ndarray:
    """Return how long a loss's gradients are for the trainable weights whose paths end alike.

    Args:
        layer: built; its weights keep their values.
        loss: called as loss(call), as in `weight_gradients`.
        ending: of the paths, for instance "feed_forward/output/kernel".

    Returns:
        The Euclidean length of each such gradient, in the order of `layer.trainable_variables`.

    Raises:
        ValueError: no weight's path ends so; or as `runtime.gradients`.

    Example:
        >>> dense = keras.layers.Dense(1)
        >>> dense.build((None, 2))
        >>> x = np.array([[3.0, 4.0]], "float32")
        >>> gradient_norms(dense, lambda call: ops.sum(call(x)), "kernel").tolist()
        [5.0]
    """
    wanted = [variable.path.endswith(ending) for variable in layer.trainable_variables]
    if not any(wanted):
        raise ValueError(f"expected a trainable weight whose path ends with {ending!r}; found none in {layer.name}")
    slopes = weight_gradients(layer, loss)
    return np.array([np.linalg.norm(slope) for slope, counts in zip(slopes, wanted, strict=True) if counts])
