"""How large the random numbers should be that a network begins with.

Source: He et al. (2015), "Delving Deep into Rectifiers", arXiv:1502.01852, section 2.2.
"""

import math

import numpy as np

from utils.checks import positive_integer


def relu_spread(num_inputs: int) -> float:
    """Return the standard deviation of weights at which a layer with ReLU keeps the size of its input, on average.

    A sum of N products has N times the mean square of one; the ReLU throws half of it away. So N · σ² / 2 = 1.

    Args:
        num_inputs: N, what each output sums over.

    Raises:
        ValueError: num_inputs is not a positive integer.

    Example:
        >>> relu_spread(200)
        0.1
    """
    return math.sqrt(2 / positive_integer("num_inputs", num_inputs))


def sizes_by_depth(x: np.ndarray, spread: float, num_layers: int, rng: np.random.Generator) -> np.ndarray:
    """Send vectors through square layers with random weights and ReLU; return their size after each.

    Args:
        x: float array (B, N).
        spread: standard deviation of the weights.
        num_layers: L.
        rng: draws the weights, new ones for each layer.

    Returns:
        Float array (L,): the root of the mean square of all B·N numbers.
    """
    width, sizes = x.shape[-1], []
    for _ in range(num_layers):
        weights = spread * rng.normal(size=(width, width))
        x = np.maximum(x @ weights, 0)
        sizes.append(np.sqrt((x**2).mean()))
    return np.array(sizes)
