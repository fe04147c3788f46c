"""Wrong answers to the exercises of chapter 2 that ask for a number, in the words that learners might choose.

In formulas: q, v, e widths of query, value and output; h and g heads; d key_dim, w value_dim; b use_bias; n layers.
"""

import numpy as np


def self_attention_parameters(query_width, value_width, num_heads, key_dim, value_dim, output_width, use_bias):
    """Let all projections into heads read the query input."""
    total = 0
    for width, head_size in ((query_width, key_dim), (query_width, key_dim), (query_width, value_dim)):
        total += width * num_heads * head_size + (num_heads * head_size if use_bias else 0)
    return total + num_heads * value_dim * output_width + (output_width if use_bias else 0)


def parameters_without_output(query_width, value_width, num_heads, key_dim, value_dim, output_width, use_bias):
    kernels = [np.zeros((query_width, num_heads, key_dim)), np.zeros((value_width, num_heads, key_dim))]
    kernels += [np.zeros((value_width, num_heads, value_dim))]
    return float(sum(kernel.size + use_bias * kernel[0].size for kernel in kernels))


def bytes_of_weights(num_layers, batch, length, num_kv_heads, key_dim, value_dim, bytes_per_number):
    return num_layers * np.zeros((batch, num_kv_heads, length, length), dtype=bool).size * bytes_per_number


def cache_as_two_equal_halves(num_layers, batch, length, num_kv_heads, key_dim, value_dim, bytes_per_number):
    head_size = key_dim
    return 2 * num_layers * bytes_per_number * batch * length * num_kv_heads * head_size


def error_with(scale):
    """Find the best weights for a given c by bisection: they are what of the coefficients lies above a threshold."""

    def answer(coefficients):
        total = scale(coefficients)
        target = coefficients if total >= 0 else -coefficients
        low, high = target.min() - abs(total), target.max()
        for _ in range(80):
            middle = (low + high) / 2
            above = np.maximum(target - middle, 0)
            low, high = (middle, high) if above.sum() > abs(total) else (low, middle)
        return np.sum((target - above) ** 2)

    return answer


COUNT_SLIPS = [  # id, name of the mistake, answer
    ("heads-parameters", "output projection forgotten", parameters_without_output),
    (
        "heads-parameters",
        "output kernel forgotten",
        lambda q, v, h, d, w, e, b: q * h * d + v * h * d + v * h * w + b * (2 * h * d + h * w + e),
    ),
    (
        "heads-parameters",
        "biases forgotten",
        lambda q, v, h, d, w, e, b: np.int64(h * (q * d + v * d + v * w + w * e)),
    ),
    (
        "heads-parameters",
        "biases always counted",
        lambda q, v, h, d, w, e, b: h * ((q + 1) * d + (v + 1) * (d + w)) + (h * w + 1) * e,
    ),
    (
        "heads-parameters",
        "output bias forgotten",
        lambda q, v, h, d, w, e, b: h * ((q + b) * d + (v + b) * (d + w)) + h * w * e,
    ),
    (
        "heads-parameters",
        "one bias for all heads",
        lambda q, v, h, d, w, e, b: h * (q * d + v * d + v * w + w * e) + (d + d + w + e if b else 0),
    ),
    (
        "heads-parameters",
        "key_dim for value_dim",
        lambda q, v, h, d, _, e, b: h * d * (q + 2 * v + e) + (3 * h * d + e) * b,
    ),
    (
        "heads-parameters",
        "key_dim into the output projection",
        lambda q, v, h, d, w, e, b: h * ((q + b) * d + (v + b) * (d + w)) + (h * d + b) * e,
    ),
    (
        "heads-parameters",
        "heads forgotten",
        lambda q, v, h, d, w, e, b: (q + v) * d + v * w + w * e + (2 * d + w + e if b else 0),
    ),
    (
        "heads-parameters",
        "one head into the output projection",
        lambda q, v, h, d, w, e, b: h * ((q + b) * d + (v + b) * (d + w)) + (w + b) * e,
    ),
    (
        "heads-parameters",
        "query_width for the keys",
        lambda q, v, h, d, w, e, b: h * (2 * (q + b) * d + (v + b) * w) + (h * w + b) * e,
    ),
    ("heads-parameters", "query_width for keys and values", self_attention_parameters),
    (
        "heads-parameters",
        "query_width for the output",
        lambda q, v, h, d, w, e, b: h * ((q + b) * d + (v + b) * (d + w)) + (h * w + b) * q,
    ),
    ("heads-cache", "values forgotten", lambda n, b, t, g, d, w, size: float(np.prod([n, b, t, g, d, size]))),
    ("heads-cache", "keys forgotten", lambda n, b, t, g, d, w, size: float(np.prod([n, b, t, g, w, size]))),
    ("heads-cache", "keys twice", cache_as_two_equal_halves),
    ("heads-cache", "layers forgotten", lambda n, b, t, g, d, w, size: b * t * g * size * (w + d)),
    ("heads-cache", "batch forgotten", lambda n, b, t, g, d, w, size: n * t * g * size * (w + d)),
    ("heads-cache", "length forgotten", lambda n, b, t, g, d, w, size: n * b * g * size * (w + d)),
    ("heads-cache", "heads forgotten", lambda n, b, t, g, d, w, size: n * b * t * size * (w + d)),
    ("heads-cache", "numbers, not bytes", lambda n, b, t, g, d, w, size: n * b * t * g * (w + d)),
    ("heads-cache", "bits", lambda n, b, t, g, d, w, size: n * b * t * g * (d + w) * (8 * size)),
    ("heads-cache", "factor of two", lambda n, b, t, g, d, w, size: n * b * t * g * (2 * d + 2 * w) * size),
    ("heads-cache", "weights", bytes_of_weights),
    ("heads-cache", "square of the length", lambda n, b, t, g, d, w, size: n * b * t * t * g * (w + d) * size),
    ("heads-cache", "widths multiplied", lambda n, b, t, g, d, w, size: n * b * t * g * w * d * size),
    ("heads-one-head-error", "larger of the two", lambda a: max(sum(a[a < 0] ** 2), sum(a[a > 0] ** 2))),
    ("heads-one-head-error", "negative ones always lost", lambda a: np.sum(np.minimum(a, 0) ** 2)),
    ("heads-one-head-error", "positive ones always lost", lambda a: np.sum(np.maximum(a, 0) ** 2)),
    ("heads-one-head-error", "nothing gained", lambda a: np.linalg.norm(a) ** 2),
    ("heads-one-head-error", "no error", lambda a: 0),
    ("heads-one-head-error", "largest coefficient kept", lambda a: np.sum(np.sort(a**2)[:-1])),
    ("heads-one-head-error", "even weights", lambda a: ((a - a.mean()) ** 2).sum()),
    ("heads-one-head-error", "c fixed to 1", error_with(lambda a: 1.0)),
    ("heads-one-head-error", "c fixed to the sum", error_with(np.sum)),
    ("heads-one-head-error", "not squared", lambda a: min(abs(a[a < 0]).sum(), abs(a[a > 0]).sum())),
    ("heads-one-head-error", "square of the sum", lambda a: min(a[a < 0].sum() ** 2, a[a > 0].sum() ** 2)),
    (
        "heads-one-head-error",
        "divided by n",
        lambda a: min(np.mean(np.maximum(a, 0) ** 2), np.mean(np.minimum(a, 0) ** 2)),
    ),
    (
        "heads-one-head-error",
        "square root",
        lambda a: min(np.linalg.norm(np.maximum(a, 0)), np.linalg.norm(np.minimum(a, 0))),
    ),
]
