"""What the measuring programs count, fit and compare. Nothing here is timed."""

import csv

import numpy as np
import pytest
from scipy.special import softmax

from tools.measure import attention_cost as measure_attention_cost
from tools.measure import attention_scale as measure_attention_scale
from tools.measure import learning_curve as measure_learning_curve


def test_slope_of_a_power_law_is_its_exponent():
    rows = [{"sweep": "length", "num_keys": n, "milliseconds": 3e-5 * n**1.7} for n in (512, 64, 4096, 2048)]
    rows += [
        {"sweep": "length", "num_keys": 2, "milliseconds": 50.0},
        {"sweep": "other", "num_keys": 9, "milliseconds": 1},
    ]
    assert measure_attention_cost.fitted_slope(rows, "length", "num_keys", points=4) == pytest.approx(1.7, abs=1e-3)
    assert measure_attention_cost.fitted_slope(rows, "length", "num_keys", points=5) < 1.6


def test_configurations_count_what_attention_does():
    rows = measure_attention_cost.configurations()
    first = rows[0]
    assert (first["sweep"], first["num_queries"], first["num_keys"], first["key_dim"]) == ("length", 128, 128, 64)
    assert first["multiplications"] == 128 * 64 + 2 * 128 * 128 * 64
    assert first["weight_bytes"] == 4 * 128 * 128
    assert [row["num_keys"] for row in rows if row["sweep"] == "length"] == [128, 256, 512, 1024, 2048, 4096]
    assert [row["key_dim"] for row in rows if row["sweep"] == "key_dim"] == [16, 32, 64, 128, 256]


def test_each_row_gets_the_median_of_its_own_calls(monkeypatch):
    rows = measure_attention_cost.configurations()[:2]
    ticks = iter(range(1000))
    monkeypatch.setattr(measure_attention_cost.time, "perf_counter", lambda: next(ticks) ** 2)
    measure_attention_cost.measure(rows, repeats=3)
    # Call n starts at tick 2n and ends at 2n + 1, so it lasts 4n + 1 s. After two warm-up rounds come n = 4, 6, 8.
    assert [row["milliseconds"] for row in rows] == [1e3 * (4 * 6 + 1), 1e3 * (4 * 7 + 1)]


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_sizes_are_those_of_the_derivatives_that_difference_quotients_find(scale):
    rng = np.random.default_rng(3)
    query, key, step = rng.normal(size=(5, 7)), rng.normal(size=(5, 11, 7)), 1e-6
    scores = np.einsum("qd,qsd->qs", query, key) * scale

    def quotients(weights_at, point):
        return np.stack(
            [(weights_at(point + step * axis) - weights_at(point)) / step for axis in np.eye(point.shape[1])]
        )

    by_scores = quotients(lambda at: softmax(at, axis=1), scores)
    by_query = quotients(lambda at: softmax(np.einsum("qd,qsd->qs", at, key) * scale, axis=1), query)
    sizes = measure_attention_scale.gradient_sizes(query, key, scale)
    np.testing.assert_allclose(sizes["by_scores"], np.linalg.norm(by_scores, axis=(0, 2)), rtol=1e-4)
    np.testing.assert_allclose(sizes["by_query"], np.linalg.norm(by_query, axis=(0, 2)), rtol=1e-4)


def test_size_of_a_saturated_row_is_as_small_as_its_second_weight():
    query, key = np.ones((1, 1)), np.array([[[0.0], [-10.0], [-900.0]]])
    small = np.exp(-10) / (1 + np.exp(-10)) ** 2  # w (1 - w), four times among two keys
    sizes = measure_attention_scale.gradient_sizes(query, key, 1.0)
    np.testing.assert_allclose(sizes["by_scores"], 2 * small, rtol=1e-6)
    assert measure_attention_scale.gradient_sizes(query, key, 100.0)["by_scores"] < 1e-7


@pytest.mark.parametrize("part", [1, 77, 2**20])
def test_keys_in_parts_are_those_of_one_draw(monkeypatch, part):
    whole = measure_attention_scale.compare(np.random.default_rng(0), (5, 7, 0.5), queries=11)
    monkeypatch.setattr(measure_attention_scale, "PART", part)
    assert measure_attention_scale.compare(np.random.default_rng(0), (5, 7, 0.5), queries=11) == pytest.approx(whole)


def test_shares_of_queries_compare_the_same_draw_with_and_without_the_division():
    alike, wide, small = measure_attention_scale.measure([(3, 1, 1.0), (3, 256, 1.0), (3, 256, 1e-4)], 2, queries=50)
    for name in ("by_scores", "by_query"):
        for share in ("share_larger_undivided", "share_below_a_tenth"):  # at key_dim 1 nothing is divided
            assert alike[name][share] == {"mean": 0.0, "spread": 0.0}
        assert alike[name]["median_divided"] == alike[name]["median_undivided"]
        assert wide[name]["share_below_a_tenth"]["mean"] > 0.4
        assert small[name]["share_below_a_tenth"]["mean"] == 0  # small scores saturate nothing
    # Where nothing is saturated, the way to the query keeps the factor √key_dim = 16.
    ratio = small["by_query"]["median_undivided"]["mean"] / small["by_query"]["median_divided"]["mean"]
    assert ratio == pytest.approx(16, rel=0.1)


def test_a_learning_curve_is_tested_on_reviews_that_no_sentence_gives_away():
    test = measure_learning_curve.tested_reviews()
    with (measure_learning_curve.REVIEWS / "test.csv").open(encoding="utf-8", newline="") as lines:
        given_away = {row["text"] for row in csv.DictReader(lines) if row["support"] == "yes"}
    assert given_away
    assert not given_away & set(test.texts)
    assert len(test) > 4000
    assert list(test.classes) == ["negative", "positive"]


def test_on_all_labels_the_curve_takes_what_the_lever_of_the_same_settings_answered(monkeypatch):
    rows = measure_learning_curve.levers.read_reviews(measure_learning_curve.REVIEWS, "test")
    asked = []

    def train_once(work, read, lever, checkpoint, seed, known, texts):
        asked.append((lever, seed, len(known)))
        wrong = next(row["text"] for row in rows if row["support"] == "no")
        return {"predicted": [row["label"] if row["text"] != wrong else "neither" for row in rows]}

    monkeypatch.setattr(measure_learning_curve.levers, "train_once", train_once)
    test = measure_learning_curve.tested_reviews()
    train = range(5000)
    pretrained, fresh, _ = measure_learning_curve.KINDS
    found = [measure_learning_curve.accuracy(kind, 5000, 3, train, test, 24) for kind in (pretrained, fresh)]
    assert found == [1 - 1 / len(test)] * 2
    known = measure_learning_curve.levers.LEVERS
    assert asked == [(known["8 epochs"], 3, 5000), (known["8 epochs, random weights"], 3, 5000)]


def test_a_learning_curve_goes_on_only_with_figures_of_the_same_files(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(measure_learning_curve, "SIZES", (100,))
    monkeypatch.setattr(measure_learning_curve, "accuracy", lambda *call: asked.append(call[:3]) or len(asked) / 10)
    first = measure_learning_curve.measure(tmp_path / "kept.json", {"train_sha256": "a"})
    assert len(asked) == len(first) == 9
    assert measure_learning_curve.measure(tmp_path / "kept.json", {"train_sha256": "a"}) == first
    assert len(asked) == 9
    assert measure_learning_curve.measure(tmp_path / "kept.json", {"train_sha256": "b"}) != first
