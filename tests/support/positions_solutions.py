"""Model solutions of the exercises on positions, as the chapter folds them under the exercises."""

import math

import numpy as np


# positions-shift
def shift_matrix(distance, width):
    matrix = np.zeros((width, width))
    for i in range(0, width, 2):
        angle = distance / 10_000 ** (i / width)
        cos, sin = np.cos(angle), np.sin(angle)
        matrix[i : i + 2, i : i + 2] = [[cos, sin], [-sin, cos]]
    return matrix


# positions-rotate
def rotate_pairs(x, positions):
    width = x.shape[1]
    angles = positions[:, None] / 10_000 ** (np.arange(0, width, 2) / width)
    cos, sin = np.cos(angles), np.sin(angles)
    result = np.empty(x.shape)
    result[:, 0::2] = x[:, 0::2] * cos - x[:, 1::2] * sin
    result[:, 1::2] = x[:, 0::2] * sin + x[:, 1::2] * cos
    return result


# positions-slopes
def slopes_of_heads(num_heads):
    below = 2 ** math.floor(math.log2(num_heads))
    slopes = [2 ** (-8 * h / below) for h in range(1, below + 1)]
    above = [2 ** (-4 * h / below) for h in range(1, 2 * below + 1)]
    return np.array(slopes + above[::2][: num_heads - below])


BY_ID = {
    "positions-shift": shift_matrix,
    "positions-rotate": rotate_pairs,
    "positions-slopes": slopes_of_heads,
}
