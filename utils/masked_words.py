"""Masked-language modelling: hide pieces of a text.

Source: Devlin et al. (2019), arXiv:1810.04805, section 3.1, task 1, and appendix A.1. Letters in shapes: B batch,
T tokens.
"""

import numpy as np

CLS, SEP, MASK = 2, 3, 4  # ids of the special tokens, as `utils.wordpiece` numbers them; words come after them
HIDDEN_SHARE = 0.15  # of the pieces; of these 80 % become [MASK], 10 % another piece, 10 % stay


def hide(
    ids: np.ndarray, mask: np.ndarray, vocabulary_size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Hide some pieces, as for masked-language modelling.

    Args:
        ids: (B, T).
        mask: (B, T), True for a piece.
        vocabulary_size: pieces to draw replacements from.
        rng: draws what is hidden.

    Returns:
        (ids to read (B, T), where something is hidden (B, T)).

    Example:
        >>> read, hidden = hide(np.full((1, 9), 7), np.ones((1, 9), bool), 50, np.random.default_rng(3))
        >>> bool((read == 7)[~hidden].all())
        True
    """
    hidden = mask & (ids != CLS) & (ids != SEP) & (rng.random(ids.shape) < HIDDEN_SHARE)
    way = rng.random(ids.shape)
    read = np.where(hidden & (way < 0.8), MASK, ids)
    others = rng.integers(MASK + 1, vocabulary_size, size=ids.shape)
    return np.where(hidden & (way >= 0.9), others, read), hidden
