"""Masked-language modelling: hide pieces of a text, and the head that names what was hidden.

Source: Devlin et al. (2019), arXiv:1810.04805, section 3.1, task 1, and appendix A.1. Letters in shapes: B batch,
T tokens, V vocabulary.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

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


@keras.saving.register_keras_serializable(package="executable-transformer")
class MaskedWordHead(keras.Layer):
    """Score every piece of a vocabulary from a hidden state: dense, GELU, normalisation, the table of word vectors.

    Args:
        vocabulary_size: V, the rows of the table.
        **kwargs: name, dtype, trainable of `keras.Layer`.

    Example:
        >>> head = MaskedWordHead(vocabulary_size=7)
        >>> tuple(head(np.ones((2, 4), "float32"), np.ones((7, 4), "float32")).shape)
        (2, 7)
    """

    def __init__(self, vocabulary_size: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size

    def build(self, states_shape: Sequence[int], table_shape: Any = None) -> None:
        """Create a dense layer of the states' width, the normalisation, and one bias for each piece."""
        width = states_shape[-1]
        self.dense = keras.layers.Dense(width, name="dense", dtype=self.dtype_policy)
        self.norm = keras.layers.LayerNormalization(epsilon=1e-12, name="norm", dtype=self.dtype_policy)
        for layer in (self.dense, self.norm):
            layer.build((None, width))
        self.bias = self.add_weight((self.vocabulary_size,), "zeros", name="bias")

    def call(self, states: Any, table: Any) -> Any:
        """Return scores (..., V) of states (..., d) with the encoder's own table of word vectors (V, d)."""
        guess = self.norm(ops.gelu(self.dense(states), approximate=False))
        return ops.matmul(guess, ops.transpose(table)) + self.bias

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        return super().get_config() | {"vocabulary_size": self.vocabulary_size}


def load_head(path: str | Path) -> tuple[MaskedWordHead, np.ndarray]:
    """Load a head that `tools/measure/masked_words.py` has trained; return it and the ids of the V pieces it scores.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: it holds other arrays than a head's.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"expected a head in {path}; fetch the repository with its folder data/checkpoints")
    names = ("kernel", "shift", "scale", "offset", "bias", "pieces")  # dense, then normalisation, then pieces
    with np.load(path) as stored:
        if missing := [name for name in names if name not in stored.files]:
            raise ValueError(f"expected arrays {', '.join(names)} in {path.name}; missing: {', '.join(missing)}")
        arrays = {name: stored[name].astype("float32") for name in names}
    head = MaskedWordHead(len(arrays["bias"]))
    head.build((None, len(arrays["kernel"])))
    head.dense.set_weights([arrays["kernel"], arrays["shift"]])
    head.norm.set_weights([arrays["scale"], arrays["offset"]])
    head.bias.assign(arrays["bias"])
    return head, arrays["pieces"].astype("int32")


def save_head(head: MaskedWordHead, pieces: np.ndarray, path: str | Path) -> None:
    """Write a head in half precision and the ids of the pieces that it scores, all or nothing, for `load_head`."""
    path = Path(path)
    kernel, shift = head.dense.get_weights()
    scale, offset = head.norm.get_weights()
    arrays = {"kernel": kernel, "shift": shift, "scale": scale, "offset": offset}
    arrays["bias"] = ops.convert_to_numpy(head.bias)
    draft = path.with_suffix(".draft.npz")
    halves = {name: array.astype("float16") for name, array in arrays.items()}
    try:
        np.savez_compressed(draft, pieces=np.asarray(pieces, "int32"), **halves)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
