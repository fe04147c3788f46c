"""What stands around attention in a layer: residual, normalisation, causal mask, dropout; sound, and one line wrong.

Letters in shapes: B texts of T tokens of width d.
"""

import numpy as np

from utils.clinic.attentions import plain_attention


def residual_sum(x, sublayer):
    """Add to the input what the sublayer makes of it."""
    return x + sublayer(x)


def doubled_output(x, sublayer):
    """Overwrite the input, then add it."""
    x = sublayer(x)
    return x + x


def normalised(x, epsilon=1e-5):
    """Give each token's vector mean 0 and variance 1: layer normalisation, arXiv:1607.06450, less scale and shift."""
    mean = x.mean(axis=-1, keepdims=True)
    variance = x.var(axis=-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon)


def normalised_by_sample_deviation(x, epsilon=1e-5):
    """Divide by the standard deviation of a sample, which has d − 1 below."""
    mean = x.mean(axis=-1, keepdims=True)
    deviation = x.std(axis=-1, keepdims=True, ddof=1)
    return (x - mean) / (deviation + epsilon)


def normalised_with_neighbours(x, epsilon=1e-5):
    """Take mean and variance over the tokens, too."""
    mean = x.mean(axis=(-2, -1), keepdims=True)
    variance = x.var(axis=(-2, -1), keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon)


def causal_rows(x):
    """Let each token attend to itself and to earlier ones; x (T, d) is query, key and value at once."""
    mask = np.tri(len(x), dtype=bool)
    return plain_attention(x, x, x, mask)


def strictly_causal_rows(x):
    """Hide the diagonal, too."""
    mask = np.tri(len(x), k=-1, dtype=bool)
    return plain_attention(x, x, x, mask)


class Dropping:
    """Drop entries while training, at a rate, and not when asked for an answer.

    Args:
        rate: the share that is dropped.
        seed: of the generator that chooses.
    """

    def __init__(self, rate=0.5, seed=0):
        self.rate, self.rng = rate, np.random.default_rng(seed)

    def __call__(self, x, training=False):
        """Return x, less what training drops."""
        if not training:
            return x
        return self.drop(x)

    def drop(self, x):
        """Drop a share of x, and make up for it."""
        return x * (self.rng.random(x.shape) >= self.rate) / (1 - self.rate)


class AlwaysDropping(Dropping):
    """Drop entries whether it is training or not."""

    def __call__(self, x, training=False):
        """Return x, less what is dropped."""
        return self.drop(x)
