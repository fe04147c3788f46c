"""A task that needs two heads, and what is left of a trained attention layer when heads are cut out of it.

Cutting heads of trained models: Voita et al. (2019), arXiv:1905.09418, and Michel et al. (2019), arXiv:1905.10650.
"""

from collections.abc import Sequence

import keras
import numpy as np

from utils.layers.multi_head_attention import MultiHeadAttention
from utils.runtime import draw

PLACES = 6
KEY_DIM = 8

Examples = tuple[list[np.ndarray], np.ndarray]


def difference_examples(rng: np.random.Generator, count: int) -> Examples:
    """Draw sequences of six numbers; at each place, the answer is the number before it minus the first number.

    Args:
        rng: NumPy generator.
        count: how many sequences.

    Returns:
        ([places (count, 6, 6), one-hot; numbers (count, 6, 1)], answers (count, 6, 1)). At the first place, which has
        no number before it, the answer is 0.

    Example:
        >>> (places, numbers), answers = difference_examples(np.random.default_rng(0), 3)
        >>> bool((answers[:, 2] == numbers[:, 1] - numbers[:, 0]).all())
        True
    """
    (numbers,) = draw(rng, (count, PLACES, 1))
    places = np.tile(np.eye(PLACES, dtype="float32"), (count, 1, 1))
    before = np.concatenate([numbers[:, :1], numbers[:, :-1]], axis=1)
    return [places, numbers], before - numbers[:, :1]


def head_kernels(rng: np.random.Generator, num_heads: int) -> list[np.ndarray]:
    """Draw the kernels of a layer for the task: of queries, keys, values and output."""
    of_places = (PLACES, num_heads, KEY_DIM)
    return draw(rng, of_places, of_places, (1, num_heads, 1), (num_heads, 1, 1))


def train_heads(
    kernels: Sequence[np.ndarray], examples: Examples, steps: int
) -> tuple[keras.Model, MultiHeadAttention]:
    """Train a layer from the given kernels on, with Adam, on all examples at every step.

    Args:
        kernels: as `head_kernels` draws them, or those of a trained layer.
        examples: as `difference_examples` draws them.
        steps: of training; 0 for none.

    Returns:
        (model, layer): the model that takes places and numbers, and the one layer in it.
    """
    num_heads = kernels[0].shape[1]
    options = {"value_dim": 1, "output_shape": 1, "use_bias": False}
    layer = MultiHeadAttention(num_heads, KEY_DIM, **options)
    places, numbers = keras.Input((PLACES, PLACES)), keras.Input((PLACES, 1))
    # Scores see places alone, and values see numbers alone.
    outputs = layer(query=places, key=places, value=numbers)
    model = keras.Model([places, numbers], outputs)
    layer.set_weights(kernels)
    compiled = keras.backend.backend() == "jax"  # which is slow when it runs step by step
    model.compile(keras.optimizers.Adam(0.05), "mse", jit_compile=compiled)
    for _ in range(steps):
        model.train_on_batch(*examples)
    return model, layer


def squared_error(model: keras.Model, examples: Examples) -> float:
    """Return a model's mean squared error on examples."""
    inputs, answers = examples
    return float(np.mean((keras.ops.convert_to_numpy(model(inputs)) - answers) ** 2))


def keep_heads(kernels: Sequence[np.ndarray], kept: Sequence[int]) -> list[np.ndarray]:
    """Return the kernels of some heads alone, in a layer with as many heads as are kept.

    Args:
        kernels: of queries (M, H, K), keys, values and output (H, V, M), without biases and grouping.
        kept: indices of the heads to keep.

    Example:
        >>> kernels = head_kernels(np.random.default_rng(0), 4)
        >>> [kernel.shape for kernel in keep_heads(kernels, [1, 3])]
        [(6, 2, 8), (6, 2, 8), (1, 2, 1), (2, 1, 1)]
    """
    *into_heads, output = kernels
    return [kernel[:, list(kept)] for kernel in into_heads] + [output[list(kept)]]


def errors_without_each(kernels: Sequence[np.ndarray], examples: Examples) -> list[float]:
    """Return the squared error when head 0 is cut, when head 1 is, and so on, without further training."""
    heads = range(kernels[0].shape[1])
    model, layer = train_heads(kernels, examples, steps=0)
    errors = []
    for cut in heads:
        output = kernels[-1].copy()
        output[cut] = 0  # what the head found is thrown away
        layer.set_weights([*kernels[:-1], output])
        errors.append(squared_error(model, examples))
    return errors
