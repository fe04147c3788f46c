"""Sizes of axes: distinct primes, so that no two axes can be taken for each other."""

import numpy as np

PRIMES = (2, 3, 5, 7, 11, 13)


def sizes(rng: np.random.Generator, count: int) -> list[int]:
    """Draw distinct primes from 2 to 13."""
    return [int(size) for size in rng.permutation(PRIMES)[:count]]
