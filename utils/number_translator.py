"""The small translator of chapter 5, from digits to words: its sizes, its stored weights, and what it writes."""

from pathlib import Path

import numpy as np

from utils.number_words import END_ID, START_ID, VOCABULARY, encode_numbers, join_words, token_names
from utils.transformer import Transformer, TransformerConfig
from utils.transformer.decoding import Choice, greedy, translate

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
