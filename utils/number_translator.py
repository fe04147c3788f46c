"""The small translator of chapter 5, from digits to words: its sizes, its stored weights, and what it writes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from utils.number_words import END_ID, PAD_ID, START_ID, VOCABULARY, encode_numbers, join_words, token_names
from utils.transformer import Transformer, TransformerConfig
from utils.transformer.decoding import Choice, greedy, token_probabilities, translate

CONFIG = TransformerConfig(
    vocabulary_size=len(VOCABULARY),
    d_model=64,
    num_heads=4,
    num_layers=2,
    intermediate_dim=128,
    start_id=START_ID,
)


def stored_translator(path: Path, name: str) -> Transformer:
    """Return the translator with weights that `tools/measure/training.py` has stored.

    Args:
        path: of the file, data/checkpoints/numbers.npz.
        name: "third" for the weights after 300 of 900 steps, "end" for the mean of the last five checkpoints.

    Raises:
        ValueError: the file has no weights of this name, or those of another model.
    """
    with np.load(path) as stored:
        weights = [stored[key].astype("float32") for key in sorted(stored) if key.startswith(f"{name}_")]
        if not weights:
            names = ", ".join(sorted({key.partition("_")[0] for key in stored}))
            raise ValueError(f"{path}: expected name to be one of {names}; received {name!r}")
    model = Transformer(CONFIG)
    model.set_weights(weights)
    return model


def write_number(model: Transformer, number: int, language: str, num_tokens: int = 14, choose: Choice = greedy) -> str:
    """Return the words that a model writes for a number, special tokens left out.

    Args:
        model: a translator of numbers.
        number: from 0 to 999,999.
        language: "en" or "de".
        num_tokens: longest text.
        choose: picks each token, see `utils.transformer.decoding`.

    Raises:
        ValueError: as `encode_numbers` and `translate`.
    """
    source, _ = encode_numbers([number], language)
    row = translate(model, source, num_tokens, end_id=END_ID, choose=choose)[0]
    return join_words((word for word in token_names(row) if not word.startswith("[")), language)


def best_tokens(
    model: Transformer, source: Any, beginnings: Sequence[Sequence[int]], count: int
) -> list[list[tuple[str, float]]]:
    """Return the most probable next tokens after several beginnings of one text.

    Args:
        model: a translator of numbers.
        source: integers (1, S), the digits, as `encode_numbers` returns them.
        beginnings: the token ids of each, without the start token.
        count: how many tokens for each beginning.

    Returns:
        For each beginning, (token, its probability), the best first. Padding is never written.
    """
    longest = max(map(len, beginnings))
    shown = np.full((len(beginnings), 1 + longest), PAD_ID)
    for row, beginning in zip(shown, beginnings, strict=True):
        row[: 1 + len(beginning)] = [START_ID, *beginning]
    logits = np.array(ops.convert_to_numpy(model((np.repeat(source, len(beginnings), axis=0), shown))))
    logits[..., PAD_ID] = -np.inf
    found = []
    for rows, beginning in zip(logits, beginnings, strict=True):
        probabilities = token_probabilities(rows[len(beginning)])
        best = np.argsort(-probabilities, kind="stable")[:count]
        found.append([(VOCABULARY[token], float(probabilities[token])) for token in best])
    return found
