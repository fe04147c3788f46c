"""The language model's measurements: n-grams by hand, the writer that is kept, figures of the program as it stands."""

import json

import keras
import numpy as np
import pytest

from tools.measure import language
from tools.measure.results import RESULTS
from utils import corpora
from utils.corpora.sentences import sentence_rows

SENTENCES = np.array([[1, 3, 4, 2, 0], [1, 3, 5, 2, 0]])


def test_n_grams_by_hand():
    # Tokens stand after 1, 1, 2 and 1 different ones: 3, 4, 2 and 5; discount ½ of four kinds goes to 1/6 each.
    single = language.NGrams(SENTENCES, 6, 2, 0.5)
    shares = {3: 1, 4: 1, 2: 2, 5: 1, 1: 0.5, 0: 0.5}
    for token, count in shares.items():
        assert single.probability([], token) == pytest.approx((count - 0.5 + 0.5 * 4 / 6) / 5)
    # After 3 came 4 and 5, once each.
    assert single.probability([1, 3], 4) == pytest.approx((0.5 + 0.5 * 2 * (0.5 + 1 / 3) / 5) / 2)
    assert single.probability([9], 4) == single.probability([], 4)  # a history never seen


@pytest.mark.parametrize("order", language.ORDERS)
def test_probabilities_of_n_grams_sum_to_one(order):
    rng = np.random.default_rng(order)
    rows = np.concatenate([np.ones((50, 1), int), rng.integers(3, 7, (50, 5)), np.full((50, 1), 2)], axis=1)
    grams = language.NGrams(rows, 7, order, 0.7)
    for history in ([1], [1, 3], [1, 4, 4, 6], [1, 6, 5, 4, 3, 3]):
        found = [grams.probability(history, token) for token in range(7)]
        assert sum(found) == pytest.approx(1)
        assert min(found) > 0


def test_a_longer_history_pays_where_it_tells_and_not_where_it_does_not():
    rng = np.random.default_rng(0)
    first = rng.integers(3, 9, (400, 1))
    rows = np.concatenate([np.ones_like(first), first, rng.integers(3, 9, (400, 1)), first, 2 + 0 * first], axis=1)
    losses = language.n_gram_losses(rows[:300], rows[300:], 9)
    assert losses["3"] < losses["2"] - 0.3  # the third token repeats the first, two places before
    assert abs(losses["5"] - losses["4"]) < 0.1  # four tokens tell where the sentence ends; a fifth tells nothing


def test_the_writer_is_kept_as_it_was_measured(tmp_path):
    model = language.untrained_writer(11)
    weights = language.in_half_precision(model)
    language.keep_writer(tmp_path / "writer.npz", weights, [f"w{at}" for at in range(11)])
    other = language.untrained_writer(11)
    with np.load(tmp_path / "writer.npz") as stored:
        names = sorted(set(stored.files) - {"vocabulary"})
        assert stored["vocabulary"].tolist()[3] == "w3"
        other.set_weights([stored[name].astype("float32") for name in names])
    ids = np.array([[1, 5, 7]])
    np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(each(ids)) for each in (model, other)))
    assert [path.name for path in tmp_path.iterdir()] == ["writer.npz"]


def test_an_interrupted_run_goes_on_with_the_seeds_that_it_has(tmp_path, monkeypatch):
    trained = []

    def train(learnt, held_out, size):
        trained.append(len(learnt))
        if len(trained) == 2:
            raise KeyboardInterrupt
        return language.untrained_writer(size), [3.0]

    for name, value in {"train_writer": train, "n_gram_losses": lambda *given: {"1": 4.0}}.items():
        monkeypatch.setattr(language, name, value)
    monkeypatch.setattr(language, "writing", lambda *given: {})
    places = tmp_path / "work" / "language.json", tmp_path / "writer.npz"
    with pytest.raises(KeyboardInterrupt):
        language.measure([4, 7], *places)
    rows, about = language.measure([4, 7], *places)
    assert [row["seed"] for row in rows] == [4, 7]
    assert len(trained) == 3  # seed 4 once, seed 7 twice
    assert about["epochs"] == language.EPOCHS


def test_the_stored_figures_are_of_the_program_and_the_corpus_as_they_stand():
    stored = json.loads((RESULTS / "language.json").read_text(encoding="utf-8"))
    rows, vocabulary = sentence_rows(corpora.load("reviews", "train").texts)
    assert [row["seed"] for row in stored["rows"]] == list(language.SEEDS)
    assert (stored["sentences"], stored["vocabulary"]) == (len(rows), len(vocabulary))
    assert (stored["epochs"], stored["batch"], stored["written"]) == (5, 32, 200)
    learnt, held_out = language.split(rows, language.SEEDS[0])
    model = language.untrained_writer(len(vocabulary))
    with np.load(language.WRITER) as kept:
        assert kept["vocabulary"].tolist() == list(vocabulary)
        model.set_weights([kept[name].astype("float32") for name in sorted(set(kept.files) - {"vocabulary"})])
    first = stored["rows"][0]
    assert language.held_out_loss(model, held_out) == pytest.approx(first["loss"], abs=1e-3)
    assert language.n_gram_losses(learnt, held_out, len(vocabulary))["2"] == first["n-grams"]["2"]
