"""Random kernels from NumPy: the same numbers on every backend, which Keras's own initial values are not."""

import keras
import numpy as np


def draw_kernels(layer: keras.Layer, rng: np.random.Generator) -> keras.Layer:
    """Give a built layer or model normal random kernels of variance 2 / (rows + columns), and return it.

    The variance is that of Glorot and Bengio (2010). A projection to or from heads counts as the d × d matrix that it
    is, folded. The table of token embeddings is drawn alike; biases and normalisations keep their values.

    Args:
        layer: a built `keras.Layer` or model; its kernels are replaced.
        rng: where the numbers come from.

    Returns:
        The layer.

    Raises:
        ValueError: the layer has no kernel, for instance because it is not built.

    Example:
        >>> dense = keras.layers.Dense(2)
        >>> dense.build((None, 3))
        >>> draw_kernels(dense, np.random.default_rng(0)).get_weights()[0].shape
        (3, 2)
    """
    drawn = [weight for weight in layer.trainable_weights if weight.name in ("kernel", "tokens")]
    if not drawn:
        raise ValueError(f"expected a built layer with kernels; {layer.name} has none: build it, or call it once")
    for weight in drawn:
        shape = tuple(weight.shape)
        sides = sum(shape) if len(shape) == 2 else 2 * np.prod(shape) ** 0.5  # (d, H, d / H) is d × d, folded
        weight.assign(rng.standard_normal(shape, dtype="float32") * np.sqrt(2 / sides))
    return layer
