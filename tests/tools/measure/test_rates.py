"""What is read from the curves of the learning-rate finder; the finder itself is stood in for."""

import json

import numpy as np
import pytest

from tools.measure import rates as measure_rates

RATES = 10.0 ** np.arange(-7, 0, 0.05)


def curve(drop_at=5e-4, wall_at=5e-3):
    """A loss that falls around one rate and climbs beyond another."""
    fall = 0.2 / (1 + (drop_at / RATES) ** 3)
    return 0.69 - fall + np.where(wall_at < RATES, 3 * np.log10(RATES / wall_at), 0)


def found(losses, suggested=4e-4):
    return {"rates": RATES.tolist(), "losses": list(losses), "suggested": suggested}


def test_steepest_fall_is_where_the_loss_halves_its_drop():
    assert measure_rates.steepest(RATES, curve(5e-4), 4) == pytest.approx(5e-4, rel=0.2)
    assert measure_rates.steepest(RATES, curve(5e-3, 1), 4) == pytest.approx(5e-3, rel=0.2)


def test_fall_at_a_tiny_rate_and_one_beyond_the_wall_are_not_looked_at():
    noisy = curve(5e-4)
    noisy[RATES < 5e-6] += 5  # falls by 5, where no training happens
    noisy[RATES > 0.5] -= 50
    assert measure_rates.steepest(RATES, noisy, 4) == pytest.approx(5e-4, rel=0.2)


def test_curve_that_falls_nowhere_is_refused():
    with pytest.raises(ValueError, match="falls nowhere"):
        measure_rates.steepest(RATES, RATES.copy(), 4)


def test_curves_are_cut_to_the_shortest_and_each_seed_keeps_its_own():
    rows, about = measure_rates.summary({3: found(curve()), 5: found(curve()[:-20], None)})
    assert [row["seed"] for row in rows] == [3, 5]
    assert [row["valley"] for row in rows] == [4e-4, None]
    assert {len(row["losses"]) for row in rows} == {len(about["rates"])} == {len(RATES) - 20}


def run(tmp_path, *options):
    return measure_rates.main(["--work", str(tmp_path / "work.json"), "--results", str(tmp_path), *options])


def test_each_seed_is_run_once_and_found_again(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(measure_rates, "find", lambda seed, train: asked.append(seed) or found(curve()))
    assert run(tmp_path, "--seeds", "1", "2") == 0
    assert run(tmp_path, "--seeds", "1", "2", "4") == 0
    assert asked == [1, 2, 4]
    written = json.loads((tmp_path / "learning-rates.json").read_text())
    assert written["seeds"] == [1, 2, 4]
    assert written["steepest"] == pytest.approx(5e-4, rel=0.3)
    assert written["training_reviews"] == 4500


def test_interruption_keeps_what_is_finished(tmp_path, monkeypatch, capsys):
    def find(seed, train):
        if seed == 2:
            raise KeyboardInterrupt
        return found(curve())

    monkeypatch.setattr(measure_rates, "find", find)
    assert run(tmp_path, "--seeds", "1", "2") == 130
    assert "kept" in capsys.readouterr().err
    assert list(json.loads((tmp_path / "work.json").read_text())["found"]) == ["1"]


def test_missing_encoder_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(measure_rates, "ENCODER", tmp_path / "nowhere")
    assert run(tmp_path) == 2
    assert "model.safetensors" in capsys.readouterr().err
