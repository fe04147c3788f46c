"""The program that measures positions: what it sums up, and that it trains each seed by itself, on JAX."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tools.measure import positions
from tools.measure.results import RESULTS, ROOT

SMALL = """
import json
from tools.measure import positions
positions.STEPS, positions.CAR_STEPS, positions.TUNED_STEPS, positions.TEST_LOGS = 2, 2, 1, 16
cars = positions.measure_cars("none", (1, 2))
both = positions.measure_reader("two hours ago", "rotary", 2, (4, 2))
alone = positions.measure_reader("two hours ago", "ALiBi", 2, (2,))
pair = positions.measure_reader("two hours ago", "ALiBi", 2, (4, 2))
print(json.dumps([cars, both, alone, pair]))
"""


def test_a_curve_is_summed_up_by_blocks_and_by_the_hour_up_to_which_it_holds():
    curve = np.r_[np.nan, np.ones(40), np.zeros(215)]
    assert positions.summed_up(curve) == {"shares": [1.0, round(9 / 32, 4), 0.0, 0.0], "holds_until": 41}
    assert positions.summed_up(np.ones(256))["holds_until"] == 256
    assert positions.summed_up(np.full(256, 0.8))["holds_until"] == 0


def test_yarn_sharpens_and_the_others_do_not():
    assert positions.stretched("none") == {}
    assert positions.stretched("ntk")["sharpness"] == 1
    assert positions.stretched("yarn")["sharpness"] == pytest.approx((1 + np.log(8) / 10) ** 2)


@pytest.mark.full
@pytest.mark.slow
def test_each_seed_is_trained_by_itself():
    pytest.importorskip("jax")
    environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", SMALL], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    cars, both, alone, pair = json.loads(done.stdout.splitlines()[-1])
    assert [(row["seed"], row["share"]) for row in cars] == [(1, 0.5), (2, 0.5)]
    forms = {(row.get("window"), row.get("stretched"), row.get("tuned_steps")) for row in both["rows"]}
    assert len(forms) == 9
    assert len(both["rows"]) == 18
    assert len(both["curve"]) == 32
    assert pair["rows"][1] == alone["rows"][0]
    assert pair["rows"][0]["shares"] != pair["rows"][1]["shares"]


def test_the_file_of_results_holds_every_training():
    found = json.loads((RESULTS / "positions.json").read_text(encoding="utf-8"))
    names = {(row["task"], row["way"], row["steps"]) for row in found["rows"]}
    for task in positions.TASKS:
        assert {(task, way, positions.STEPS) for way in positions.WAYS} <= names
        assert {(task, way, positions.LONG_STEPS) for way in positions.LONG} <= names
    assert len(found["seeds"]) >= 5
    for name in names:
        rows = [row for row in found["rows"] if (row["task"], row["way"], row["steps"]) == name]
        assert {row["seed"] for row in rows} == set(found["seeds"])
