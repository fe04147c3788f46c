"""What chapter 5 says of the trial on one batch: which mistakes its loss shows, and which the writing."""

import dataclasses

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as to_numpy

from tools.measure.training import forget_causal_mask
from utils import number_translator, number_words, training
from utils.transformer import Transformer, decoding


def count_padding(labels, logits):
    """Return the loss of all places, padding too."""
    return training.masked_loss(labels, logits, pad_id=-1)


def trial(mistake, seed):
    """Train on one batch for 60 steps; return the last loss and how many of its 16 numbers are then written right."""
    rng = np.random.default_rng(seed)
    keras.utils.set_random_seed(seed)
    learnt, _ = number_words.split_numbers(seed=0)
    source, labels = number_words.encode_numbers(rng.choice(learnt, 16, replace=False), "de")
    shifted = mistake != "shift"
    shown = to_numpy(training.shift_right(labels, number_words.START_ID)) if shifted else labels
    start_id = number_words.START_ID if shifted else None
    model = Transformer(dataclasses.replace(number_translator.CONFIG, dropout=0.0, start_id=start_id))
    if mistake == "causal mask":
        forget_causal_mask(model)
    model.compile(keras.optimizers.Adam(0.003), count_padding if mistake == "padding" else training.masked_loss)
    losses = model.fit((source, shown), labels, batch_size=16, epochs=60, verbose=0).history["loss"]
    ends = {"start_id": number_words.START_ID, "end_id": number_words.END_ID}
    rows = decoding.translate(model, source, labels.shape[1], **ends)
    return losses[-1], int(number_words.exact_matches(rows, labels).sum())


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize(
    ("mistake", "seed", "right"),
    [("none", 0, 16), ("shift", 0, 0), ("causal mask", 0, 0), *(("padding", seed, 16) for seed in range(3))],
)
def test_the_loss_falls_whatever_the_mistake_and_the_writing_shows_two_of_three(mistake, seed, right):
    loss, written = trial(mistake, seed)
    assert loss < 0.02
    assert written == right
