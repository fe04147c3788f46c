"""The bar that the checkpoint must clear, and that finished trainings are kept."""

import pytest

from tools.measure import checkpoint as measure_checkpoint


def rows(tuned, random):
    made = zip(measure_checkpoint.NAMES.values(), (tuned, random), strict=True)
    runs = [(name, [{"test": accuracy, "seconds": 1.0} for accuracy in accuracies]) for name, accuracies in made]
    return [measure_checkpoint.summary(*pair) for pair in runs]


def test_bar_is_met_when_the_worst_seed_leads_the_best_random_one_by_two_points():
    assert measure_checkpoint.shortfalls(rows([0.83, 0.85], [0.79, 0.81])) == []


def test_mean_below_words_counted_falls_short():
    (told,) = measure_checkpoint.shortfalls(rows([0.81, 0.82], [0.70, 0.71]))
    assert told == "expected a mean test accuracy of at least 0.819; it is 0.815"


def test_lead_within_the_spread_falls_short():
    (told,) = measure_checkpoint.shortfalls(rows([0.82, 0.86], [0.79, 0.805]))
    assert told.endswith("0.02 above the best one from random weights; it is +0.0150")


def test_finished_training_is_found_again_and_another_recipe_is_not(tmp_path, monkeypatch):
    asked = []

    def measure(pretrained, seed, recipe, train, held_out):
        asked.append((pretrained, seed, recipe["epochs"]))
        return {"seconds": 1.0, "dev": 0.5}

    monkeypatch.setattr(measure_checkpoint, "measure", measure)
    recipe = {"epochs": 3, "folder": tmp_path / "anywhere"}
    for _ in range(2):
        assert measure_checkpoint.measure_once(tmp_path, "ab", True, 0, recipe, [], {"dev": []})["dev"] == 0.5
    assert asked == [(True, 0, 3)]
    for changed in (("cd", True, 0, recipe), ("ab", False, 0, recipe), ("ab", True, 1, recipe)):
        measure_checkpoint.measure_once(tmp_path, *changed, [], {"dev": []})
    measure_checkpoint.measure_once(tmp_path, "ab", True, 0, recipe | {"epochs": 4}, [], {"dev": []})
    measure_checkpoint.measure_once(tmp_path, "ab", True, 0, recipe, [], {"dev": [], "test": []})
    assert len(asked) == 6


def test_missing_checkpoint_is_named(tmp_path, capsys):
    assert measure_checkpoint.main(["--checkpoint", str(tmp_path)]) == 2
    assert "run `make pretrain` first" in capsys.readouterr().err


def test_missing_data_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("BOOK_DATA_DIR", raising=False)
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert measure_checkpoint.main(["--checkpoint", str(tmp_path)]) == 2
    assert "BOOK_DATA_DIR" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--seeds", "--epochs"])
def test_options_take_numbers(option, capsys):
    with pytest.raises(SystemExit):
        measure_checkpoint.parse([option, "many"])
    assert "invalid int value" in capsys.readouterr().err
