"""The measurement of cut heads: what it trains and keeps, what it sums up, how it goes on after an interruption."""

import json

import numpy as np
import pytest

from tools.measure import head_cutting
from utils.layers import pruning


def test_summary_counts_spread_and_what_was_solved():
    rows = [{"seed": n, "error_a": error, "errors_without_each": [1, 2]} for n, error in enumerate((0.0, 0.02, 0.04))]
    assert head_cutting.summary(rows) == {
        "error_a": {"mean": 0.02, "std": 0.02, "least": 0.0, "most": 0.04, "solved": 1},
    }


@pytest.mark.slow
def test_the_useful_half_is_made_of_the_heads_whose_loss_costs_most(monkeypatch):
    kept = []
    monkeypatch.setattr(pruning, "errors_without_each", lambda *_: [0.5, 0.1, 0.9, 0.2])
    keep = pruning.keep_heads
    monkeypatch.setattr(pruning, "keep_heads", lambda kernels, heads: kept.append([*heads]) or keep(kernels, heads))
    row = head_cutting.measure(seed=1, steps=2, more_steps=1)
    assert kept == [[0, 2], [1, 3]]
    assert row["seed"] == 1
    assert row["errors_without_each"] == [0.5, 0.1, 0.9, 0.2]


@pytest.mark.slow
def test_each_number_of_heads_is_trained_and_each_half_is_measured_twice(monkeypatch):
    trained = []
    train = pruning.train_heads
    monkeypatch.setattr(
        pruning, "train_heads", lambda kernels, examples, steps: trained.append((kernels[0].shape[1], steps)) or train(
            kernels, examples, min(steps, 2)
        )
    )  # fmt: skip
    row = head_cutting.measure(seed=2)
    assert trained == [(1, 300), (2, 300), (4, 300), (4, 0), (2, 0), (2, 100), (2, 0), (2, 100)]
    names = {"error_1_heads", "error_2_heads", "error_4_heads"}
    names |= {f"error_{half}_half_{when}" for half in ("useful", "other") for when in ("at_once", "after")}
    assert names <= row.keys()
    assert len({row[name] for name in names}) == len(names)


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """Measure two seeds at once, write into tmp_path; return the seeds that were measured."""
    asked = []

    def measure(seed):
        asked.append(seed)
        if seed == 5 and asked.count(5) == 1:
            raise KeyboardInterrupt
        return {"seed": seed, "error_4_heads": seed / 1000}

    def write(name, rows, command, seed, **about):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"command": command, "rows": rows, **about}))
        return path

    monkeypatch.setattr(head_cutting, "SEEDS", (4, 5))
    monkeypatch.setattr(head_cutting, "measure", measure)
    monkeypatch.setattr(head_cutting, "write_result", write)
    return asked


def test_an_interrupted_run_goes_on_with_the_seeds_it_has(quick, tmp_path, capsys):
    arguments = ["--work", str(tmp_path / "kept.json")]
    assert head_cutting.main(arguments) == 130
    assert "goes on with the seeds it has" in capsys.readouterr().err
    assert not (tmp_path / "head-cutting.json").exists()
    assert head_cutting.main(arguments) == 0
    assert quick == [4, 5, 5]
    written = json.loads((tmp_path / "head-cutting.json").read_text())
    assert [row["seed"] for row in written["rows"]] == written["seeds"] == [4, 5]
    assert written["summary"]["error_4_heads"]["solved"] == 2
    assert (written["steps"], written["more_steps"], written["solved_below"]) == (300, 100, 0.01)


def test_figures_of_other_settings_are_measured_again(quick, tmp_path, monkeypatch):
    arguments = ["--work", str(tmp_path / "kept.json")]
    quick.append(5)  # no interruption
    assert head_cutting.main(arguments) == 0
    monkeypatch.setattr(head_cutting, "TRAINED_ON", 7)
    assert head_cutting.main(arguments) == 0
    assert quick == [5, 4, 5, 4, 5]


def test_the_bound_of_one_head_holds_in_what_is_stored():
    path = head_cutting.ROOT / "data" / "results" / "head-cutting.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    errors = np.array([row["error_1_heads"] for row in stored["rows"]])
    assert len(errors) == 20
    assert (errors > 4 / 6 - 0.06).all()  # 2,000 sequences estimate the bound to a few hundredths
    assert stored["summary"] == head_cutting.summary(stored["rows"])
