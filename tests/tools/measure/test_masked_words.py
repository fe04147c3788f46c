"""What the masked-language model is trained and tested on; the stored figures are of the program as it stands."""

import json

import numpy as np

from tools.measure import masked_words
from tools.measure.recipe import REVIEWS, digest
from tools.measure.results import RESULTS


def test_test_reviews_use_known_pieces_and_every_row_ends():
    own, known, asked = masked_words.review_ids()
    assert len(asked) == masked_words.TESTED
    for ids in (known, asked):
        assert ids.max() < len(own)
        assert ((ids == 3).sum(axis=1) == 1).all()  # [SEP] is not cut off
    assert own[:5].tolist() == [0, 1, 2, 3, 4]


def test_examples_ask_for_hidden_pieces_alone():
    ids = np.random.default_rng(0).integers(5, 90, (70, 9))
    read, labels = masked_words.examples(ids, 90, 3, np.random.default_rng(1))
    assert read.shape == labels.shape == (3 * masked_words.BATCH, 9)
    assert 0.1 < (labels > 0).mean() < 0.2
    assert (labels[read == 4] > 0).all()


def test_figures_by_hand():
    log_p = np.log([[0.5, 0.5 - 1e-9, 1e-9], [0.2, 0.8 - 1e-9, 1e-9], [0.1, 0.2, 0.7]])
    found = masked_words.figures(log_p, np.array([0, 0, 2]), np.array([True, True, False]))
    assert found["loss"] == round(float(-np.log([0.5, 0.2, 0.7]).mean()), 4)
    assert (found["right"], found["right, common"], found["right, other"]) == (0.6667, 0.5, 1)


def test_stored_figures_are_of_the_program_as_it_stands():
    stored = json.loads((RESULTS / "masked-words.json").read_text(encoding="utf-8"))
    assert [row["seed"] for row in stored["rows"]] == [0, 1, 2, 3, 4]
    assert stored["sizes"] == masked_words.SIZES
    for name in ("rate", "batch", "longest", "tested", "held_out", "common"):
        assert stored[name] == getattr(masked_words, name.upper())
    for split in ("train", "test"):
        assert stored[f"{split}_sha256"] == digest(REVIEWS / f"{split}.csv")
    for row in stored["rows"]:
        assert list(row["network"]) == [str(step) for step in masked_words.ASKED]
