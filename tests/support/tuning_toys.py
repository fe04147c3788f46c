"""A small encoder with a vocabulary, and texts of two people and a verb that every kind of head can be taught on."""

import keras
import numpy as np
from keras import ops

from utils import wordpiece
from utils.transformer import Encoder, TransformerConfig

PEOPLE = ["ada", "ben", "cleo", "dan", "eve", "finn", "gus"]
VERBS = ["calls", "meets", "sees"]
PIECES = [*wordpiece.SPECIAL_TOKENS, *PEOPLE, *VERBS, "to", "##ka", "##mak", "un", "."]
SIZES = {"d_model": 14, "num_heads": 2, "num_layers": 2, "intermediate_dim": 22, "dropout": 0.0}
IDS = np.array([[2, 5, 12, 6, 3], [2, 7, 13, 3, 0], [2, 8, 8, 14, 3]], "int32")


def tokenizer():
    """Return the tokenizer of PIECES."""
    return wordpiece.build(PIECES)


def new_encoder(seed=0, **changes):
    """Return an encoder with random weights, biases and scales among them."""
    keras.utils.set_random_seed(seed)
    sizes = SIZES | {"vocabulary_size": len(PIECES), "positions": "learned", "max_length": 23, "num_token_types": 2}
    encoder = Encoder(TransformerConfig(**sizes | changes))
    rng = np.random.default_rng(seed)
    encoder.set_weights([array + 0.2 * rng.standard_normal(array.shape) for array in encoder.get_weights()])
    return encoder


def outputs(model, *inputs):
    """Return what a model makes of IDS, or of other inputs, as an array."""
    return ops.convert_to_numpy(model(*(inputs or (IDS,))))
