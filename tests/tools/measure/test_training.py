"""The measurements of chapter 5: what each setting changes, the leak of each mistake, the weights that are kept."""

import json

import numpy as np
import pytest

from tools.measure import training
from tools.measure.results import RESULTS
from utils import number_words
from utils.number_words import LANGUAGES, START_ID
from utils.schedules import InverseSquareRoot
from utils.transformer.decoding import translate


def test_rates_differ_where_their_names_say():
    steps = 3 * training.WARM_UP
    kinds = ("inverse square root", "no warm-up", "constant", "constant 0.002", "ten times")
    paper, flat, constant, low, high = (training.rates(kind, steps) for kind in kinds)
    schedule = InverseSquareRoot(training.SIZES["d_model"], training.WARM_UP)
    np.testing.assert_allclose(paper, [float(schedule(step)) for step in range(steps)], rtol=1e-5)
    np.testing.assert_allclose(high, 10 * paper)
    assert paper.max() == pytest.approx(training.PEAK, rel=1e-4)
    np.testing.assert_allclose(constant, training.PEAK)
    np.testing.assert_allclose(low, training.LOW)
    assert training.LOW < training.PEAK / 3
    np.testing.assert_allclose(flat[: training.WARM_UP - 1], training.PEAK)
    np.testing.assert_allclose(flat[training.WARM_UP :], paper[training.WARM_UP :])


def test_every_setting_changes_one_part_of_the_recipe():
    for name, change in training.SETTINGS.items():
        assert set(change) <= set(training.RECIPE)
        assert len(change) == (name != "recipe")
        assert all(training.RECIPE[part] != value for part, value in change.items())


def test_a_decoder_without_its_causal_mask_sees_what_comes_later_and_another_does_not():
    source, target = number_words.encode_numbers([42, 7], "de")
    later = target.copy()
    later[:, -1] = 9
    for mistake, sees in (("causal mask", True), (None, False)):
        model = training.new_model(0.0, "shift")  # which takes targets without a start
        if mistake:
            training.forget_causal_mask(model)
        first = [np.array(model((source, shown)))[:, 0] for shown in (target, later)]
        assert (np.abs(first[0] - first[1]).max() > 1e-6) == sees
        assert translate(model, source, 3, start_id=START_ID).shape == (2, 4)


@pytest.mark.full
@pytest.mark.slow
def test_a_short_training_leaves_its_figures_and_weights(tmp_path, monkeypatch):
    sizes = {"d_model": 8, "num_heads": 2, "num_layers": 1, "intermediate_dim": 16}
    small = {"BATCH": 4, "RECORD": 1, "TRY": 2, "AVERAGED": 2, "HELD_OUT": 3, "LONGER": 2, "LONGEST": 1, "SIZES": sizes}
    for name, value in {**small, "BEAMS": (1, 2)}.items():
        monkeypatch.setattr(training, name, value)
    row, kept = training.train("recipe", seed=1, steps=3)
    assert len(row["loss"]) == 3
    assert len(row["held-out loss"]) == len(row["held-out exact"]) == 1
    assert set(row["last"]) == set(row["averaged"]) == set(row["six digits"]) == set(LANGUAGES)
    assert set(row["beams"]) == {str(size) for size in training.BEAMS}
    training.keep_weights(tmp_path / "numbers.npz", kept)
    with np.load(tmp_path / "numbers.npz") as stored:
        found = [stored[name] for name in sorted(stored) if name.startswith("end")]
    model = training.new_model(0.0, None)
    model.set_weights([weight.astype("float32") for weight in found])
    assert [path.name for path in tmp_path.iterdir()] == ["numbers.npz"]


def test_a_loss_that_is_no_number_can_be_written():
    assert training.finite(float("nan")) == 1e9 == training.finite(float("inf"))
    assert training.finite(0.123456) == 0.1235


def test_figures_are_those_of_the_program_as_it_stands():
    stored = json.loads((RESULTS / "training.json").read_text(encoding="utf-8"))
    assert stored["settings"] == training.SETTINGS
    assert stored["recipe"] == training.RECIPE
    assert (stored["steps"], stored["batch"], stored["warm-up"]) == (training.STEPS, training.BATCH, training.WARM_UP)
    found = {(row["setting"], row["seed"]) for row in stored["rows"]}
    assert found == {(setting, seed) for setting in training.SETTINGS for seed in training.SEEDS}
