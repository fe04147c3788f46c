"""A task that needs the first token of a sequence at its end, and two models of nearly equal size that may learn it.

Used to compare attention with recurrence: Vaswani et al. (2017), arXiv:1706.03762, section 4.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np

from utils import runtime
from utils.checks import positive_integer
from utils.transformer.config import TransformerConfig
from utils.transformer.models import Encoder

LETTERS = 8  # kinds of first tokens; as many other tokens fill the way to the end
WIDTH = 32
KINDS = ("LSTM", "Transformer")


def recall_sequences(rng: np.random.Generator, count: int, distance: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw sequences whose first token is asked for at the last.

    Args:
        rng: NumPy generator.
        count: how many sequences.
        distance: places from the first token to the last.

    Returns:
        (token_ids, answers): integers (count, distance + 1), the first below LETTERS and the others not, and the first
        tokens again, (count,).

    Raises:
        ValueError: distance is no positive integer.

    Example:
        >>> token_ids, answers = recall_sequences(np.random.default_rng(0), 3, distance=5)
        >>> token_ids.shape, bool((token_ids[:, 0] == answers).all())
        ((3, 6), True)
    """
    answers = rng.integers(LETTERS, size=count)
    others = rng.integers(LETTERS, 2 * LETTERS, size=(count, positive_integer("distance", distance)))
    token_ids = np.concatenate([answers[:, None], others], axis=1)
    return token_ids.astype("int32"), answers.astype("int32")


def recall_model(kind: str) -> keras.Model:
    """Build a compiled model that reads a sequence and answers at its last place.

    Both have an embedding and a linear output of the same sizes; between them stands one LSTM layer, or one encoder
    layer with four heads and feed-forward networks of twice the width.

    Args:
        kind: "LSTM" or "Transformer".

    Raises:
        ValueError: the kind is another.
    """
    if kind not in KINDS:
        raise ValueError(f"expected kind to be one of {', '.join(KINDS)}; received {kind!r}")
    token_ids = keras.Input((None,), dtype="int32")
    hidden = _last_vector_of_encoder(token_ids) if kind == "Transformer" else _last_vector_of_lstm(token_ids)
    model = keras.Model(token_ids, keras.layers.Dense(LETTERS)(hidden))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.003), loss, metrics=["accuracy"], jit_compile=runtime.jit_compile())
    return model


def recall_accuracy(model: keras.Model, rng: np.random.Generator, distance: int, steps: int, batch: int = 64) -> float:
    """Train a model on fresh sequences and return its share of right answers on 512 others.

    Args:
        model: as `recall_model` builds it.
        rng: where the sequences come from.
        distance: as in `recall_sequences`.
        steps: batches to train on.
        batch: sequences in each.
    """
    for _ in range(steps):
        model.train_on_batch(*recall_sequences(rng, batch, distance))
    token_ids, answers = recall_sequences(rng, 512, distance)
    logits = keras.ops.convert_to_numpy(model(token_ids, training=False))
    return float(np.mean(logits.argmax(axis=-1) == answers))


def median_accuracies(rows: Iterable[Mapping[str, Any]]) -> tuple[list[int], dict[str, list[float]]]:
    """Sum up what `tools/measure/recurrence.py` measured: the median over seeds.

    Args:
        rows: each with "model", "distance" and "accuracy".

    Returns:
        (distances, medians): the distances in rising order, and for each kind of model its accuracy at each of them.

    Example:
        >>> rows = [{"model": "LSTM", "distance": 8, "accuracy": share} for share in (0.5, 0.75, 1.0)]
        >>> median_accuracies(rows)
        ([8], {'LSTM': [0.75]})
    """
    measured: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        measured.setdefault(row["model"], {}).setdefault(row["distance"], []).append(row["accuracy"])
    distances = sorted({distance for found in measured.values() for distance in found})
    return distances, {kind: [float(np.median(found[at])) for at in distances] for kind, found in measured.items()}


def _last_vector_of_lstm(token_ids: Any) -> Any:
    return keras.layers.LSTM(WIDTH)(keras.layers.Embedding(2 * LETTERS, WIDTH)(token_ids))


def _last_vector_of_encoder(token_ids: Any) -> Any:
    config = TransformerConfig(
        **{"vocabulary_size": 2 * LETTERS, "d_model": WIDTH, "num_layers": 1, "num_heads": 4, "dropout": 0.0},
        **{"intermediate_dim": 2 * WIDTH, "norm_first": True, "pad_id": None},
    )
    return Encoder(config)(token_ids)[:, -1]
