"""The errors of the translator, read row by row: random rows of the test set, each with one kind."""

import csv
import json
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parents[2] / "data"
KINDS = {"right", "word", "left out", "invented", "agreement", "order", "compound"}


def test_a_hundred_rows_drawn_by_chance_have_one_known_kind_each():
    with (DATA / "translation" / "errors.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    tested = json.loads((DATA / "results" / "translation.json").read_text(encoding="utf-8"))
    drawn = np.random.default_rng(0).choice(len(tested["row_chrf"]), 100, replace=False)
    assert [int(row["row"]) for row in rows] == sorted(drawn)
    assert {row["kind"] for row in rows} == KINDS
