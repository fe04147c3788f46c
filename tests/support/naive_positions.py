"""Positions written a second time, number by number in float64, for tests to compare with."""

import math

import numpy as np
from keras import ops

numbers = ops.convert_to_numpy


def wave(position, feature, width, base=10_000.0):
    """Return one entry of the sinusoidal table, from the formula of the paper."""
    angle = position / base ** (2 * (feature // 2) / width)
    return math.cos(angle) if feature % 2 else math.sin(angle)


def rotation_matrix(position, width, base=10_000.0, pairing="interleaved"):
    """Return the block matrix R of Su et al. (2021), equation 15, for one position: a rotated row x is R x."""
    matrix = np.zeros((width, width))
    for pair in range(width // 2):
        angle = position * base ** (-2 * pair / width)
        first, second = (2 * pair, 2 * pair + 1) if pairing == "interleaved" else (pair, pair + width // 2)
        matrix[first, first] = matrix[second, second] = math.cos(angle)
        matrix[second, first] = math.sin(angle)
        matrix[first, second] = -math.sin(angle)
    return matrix


def slopes_of_the_authors(num_heads):
    """Return ALiBi's slopes by the recursion of the authors' code, attention_with_linear_biases on GitHub."""
    if math.log2(num_heads).is_integer():
        start = 2 ** (-(2 ** -(math.log2(num_heads) - 3)))
        return [start * start**head for head in range(num_heads)]
    below = 2 ** math.floor(math.log2(num_heads))
    return slopes_of_the_authors(below) + slopes_of_the_authors(2 * below)[0::2][: num_heads - below]
