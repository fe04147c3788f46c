"""The pooler of a BERT: one vector of a text, from the last hidden state of [CLS]. `Encoder` leaves it behind.

Source: Devlin et al. (2019), arXiv:1810.04805; the pooler is part of their program and of Hugging Face's.
"""

from pathlib import Path

import numpy as np

from utils.weights.from_bert import BertArrays


def load_pooler(folder: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Return (kernel (d, d), bias (d,)) of the pooler of a Hugging Face model's folder.

    Raises:
        FileNotFoundError: there are no weights.
        ValueError: they have no pooler.
    """
    arrays = BertArrays(Path(folder) / "model.safetensors")
    return arrays["pooler.dense.weight"].T, arrays["pooler.dense.bias"]


def pooled_output(hidden_states: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return tanh of a dense layer of the first token's last hidden state: (B, d) from (B, T, d).

    Example:
        >>> pooled_output(np.ones((1, 3, 2)), np.eye(2), np.zeros(2)).round(3).tolist()
        [[0.762, 0.762]]
    """
    return np.tanh(hidden_states[:, 0] @ kernel + bias)
