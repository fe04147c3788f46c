"""Masked-language modelling: hide pieces of a text, and the rival of every model that names them: counts of neighbours.

Source: Devlin et al. (2019), arXiv:1810.04805, section 3.1, task 1, and appendix A.1. Letters in shapes: B batch,
T tokens, V vocabulary, N hidden pieces.
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


class NeighbourCounts:
    """Guess hidden pieces by what stood between the same neighbours, and how often: a table, and no network.

    Five ways of counting are mixed: how frequent a piece is; how frequent after its left neighbour, before its right
    one, and between both; and all pieces alike. In a context that was never seen each is as frequent as anywhere.

    Args:
        ids: (B, T), whole texts, each from CLS to SEP and then padding, whose id is 0.
        size: V, above every id.

    Attributes:
        weights: (5,), the part of each way in the mixture, equal until `choose_weights`.

    Example:
        >>> counts = NeighbourCounts(np.array([[2, 5, 6, 3], [2, 5, 6, 3], [2, 5, 7, 3]]), 8)
        >>> read = np.array([[2, 5, 4, 3]])
        >>> counts.probabilities(read, read == MASK)[0].argmax()
        np.int64(6)
    """

    def __init__(self, ids: np.ndarray, size: int):
        row, column = np.nonzero(ids > SEP)
        left, piece, right = ids[row, column - 1], ids[row, column], ids[row, column + 1]
        self.frequency = np.bincount(piece, minlength=size) / len(piece)
        self.after, self.before = (self._shares(neighbour, piece, size) for neighbour in (left, right))
        places = left * size + right
        self.places = np.unique(places)
        self.between = self._shares(np.searchsorted(self.places, places), piece, size, len(self.places))
        self.weights = np.full(5, 0.2)

    def _shares(self, context: np.ndarray, piece: np.ndarray, size: int, contexts: int = 0) -> np.ndarray:
        """Return how often each piece stands in each context, as shares (contexts, V); those of all where unseen."""
        table = np.zeros((contexts or size, size), "float32")
        np.add.at(table, (context, piece), 1)
        seen = table.sum(axis=1, keepdims=True)
        return np.where(seen > 0, table / np.maximum(seen, 1), self.frequency).astype("float32")

    def _ways(self, read: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        """Return the probabilities (5, N, V) of each way of counting."""
        row, column = np.nonzero(hidden)
        left, right = read[row, column - 1], read[row, column + 1]
        size = len(self.frequency)
        at = np.minimum(np.searchsorted(self.places, left * size + right), len(self.places) - 1)
        known = self.places[at] == left * size + right
        between = np.where(known[:, None], self.between[at], self.frequency)
        everywhere = np.broadcast_to(self.frequency, between.shape)
        return np.stack([everywhere, self.after[left], self.before[right], between, np.full(between.shape, 1 / size)])

    def choose_weights(self, read: np.ndarray, hidden: np.ndarray, ids: np.ndarray, steps: int = 30) -> None:
        """Fit the weights to hidden pieces of texts that were not counted, by expectation maximisation."""
        right = self._ways(read, hidden)[:, np.arange(hidden.sum()), ids[hidden]]  # (5, N)
        for _ in range(steps):
            blame = right * self.weights[:, None]
            self.weights = (blame / blame.sum(axis=0)).mean(axis=1)

    def probabilities(self, read: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        """Return the probability (N, V) of each piece at each hidden place of what is read, (B, T)."""
        return np.einsum("w,wnv->nv", self.weights, self._ways(read, hidden))
