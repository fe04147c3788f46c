"""What the four recipes have in common, what is counted, and what is kept. Nothing here is timed."""

import itertools

import numpy as np
import pytest

from tests.support.finetuning_toys import HELD_OUT, POSITIONS, texts_and_labels, write_bert
from tools.files import Kept
from tools.measure import time_to_accuracy as race
from utils.corpora import Corpus

CLASSES = ("down", "level", "up")


def corpus(texts, labels):
    return Corpus(list(texts), [CLASSES.index(label) for label in labels], CLASSES)


@pytest.fixture(scope="module")
def contestant(tmp_path_factory):
    """The tutorials' recipe on a tiny encoder, whose positions are all filled with padding."""
    folder = write_bert(tmp_path_factory.mktemp("models") / "bert")
    recipe = race.Recipe("padded", POSITIONS, 6, 1e-2)
    return race.Contestant(recipe, 0, corpus(*texts_and_labels(400)), folder, 16)


def test_a_target_counts_as_reached_when_it_was_met_twice_running():
    assert race.turns_to([0.8, 0.86, 0.84, 0.85, 0.87], 0.85) == 5
    assert race.turns_to([0.9, 0.9], 0.85) == 2
    assert race.turns_to([0.9, 0.8, 0.9], 0.85) is None
    assert race.turns_to([], 0.85) is None


def test_each_recipe_changes_one_thing_and_batches_divide_a_turn():
    ways = [(recipe.padded_to, recipe.batch_size, recipe.learning_rate) for recipe in race.RECIPES]
    for before, after in itertools.pairwise(ways):
        assert sum(one != other for one, other in zip(before, after, strict=True)) == 1
    assert [recipe.padded_to for recipe in race.RECIPES] == [500, None, None, None]
    assert {race.TURN % recipe.batch_size for recipe in race.RECIPES} == {0}


def test_padding_leaves_gradients_the_same_and_the_program_notices_when_it_does_not(contestant, monkeypatch):
    assert race.gradient_gap(contestant) < 1e-5
    whole = contestant.inputs

    def without_mask(rows, cut=None):
        return {**(found := whole(rows, cut)), "attention_mask": np.ones_like(found["attention_mask"])}

    monkeypatch.setattr(contestant, "inputs", without_mask)
    with pytest.raises(RuntimeError, match=r"expected padding to leave gradients the same to 0.0001; they differ by"):
        race.measure_pace(contestant)


def test_pace_counts_every_token_that_is_computed(contestant):
    contestant.seconds.clear(), contestant.tokens.clear()
    figures = race.measure_pace(contestant)
    assert figures["tokens_per_sentence"] == POSITIONS
    assert figures["examples_per_second"] == pytest.approx(race.PACE_BATCHES * 6 / sum(contestant.seconds))


def test_batches_of_a_turn_hold_each_of_its_sentences_once_and_are_cut_to_their_longest(contestant):
    rows = np.concatenate(contestant.batches(1))
    assert sorted(rows) == sorted(contestant.order[race.TURN : 2 * race.TURN])
    first = contestant.batches(1)[0]
    assert contestant.inputs(first)["input_ids"].shape == (6, POSITIONS)
    longest = contestant.data.x[first, 1].sum(axis=1).max()
    assert contestant.inputs(first, cut=True)["input_ids"].shape == (6, longest) < (6, POSITIONS)


def test_training_ends_when_the_target_is_reached_or_the_turns_are_over(contestant):
    contestant.seconds.clear()
    short = race.run(contestant, corpus(*HELD_OUT), target=2.0, turns=1)
    assert [point["examples"] for point in short["curve"]] == [race.TURN]
    found = race.run(contestant, corpus(*HELD_OUT), target=0.0, turns=9)
    assert [point["examples"] for point in found["curve"]] == [race.TURN, 2 * race.TURN]
    first, last = (point["seconds"] for point in found["curve"])
    assert first < last == pytest.approx(sum(contestant.seconds), abs=0.01)


def finished_runs(accuracies):
    """Return {"name/seed": figures}; the pace of a recipe is its place plus one."""
    curve, found = [{"dev_accuracy": value} for value in accuracies], {}
    for place, recipe in enumerate(race.RECIPES):
        figures = {"tokens_per_sentence": 10.0, "examples_per_second": place + 1.0}
        for seed in race.SEEDS:
            found[f"{recipe.name}/{seed}"] = figures if recipe.padded_to else {**figures, "curve": curve}
    return found


def test_sentences_of_the_recipe_that_is_not_run_whole_are_those_of_its_batches_elsewhere():
    table = race.rows(finished_runs([0.5, 0.9, 0.9]), 0.85)
    assert [row["examples_to_target"]["mean"] for row in table] == [576] * 4
    assert [row["seconds_to_target"]["mean"] for row in table] == [576, 288, 192, 144]
    assert [row["measured"] for row in table] == ["pace", "whole", "whole", "whole"]
    assert [ratio["times_sooner_at_target"] for ratio in race.ratios(table)] == [2.0, 1.5, 1.33]


def test_a_recipe_with_a_run_that_missed_the_target_has_no_mean():
    found = finished_runs([0.5, 0.9, 0.9])
    found["batches of 32/1"] = {**found["batches of 32/1"], "curve": [{"dev_accuracy": 0.9}]}
    table = race.rows(found, 0.85)
    assert table[2]["examples_to_target"] == {"mean": None, "spread": None, "seeds": [576, None, 576]}
    assert race.ratios(table)[1]["times_sooner_at_target"] is None


def test_finished_runs_are_not_run_again(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(race, "length_for", lambda *_: 16)
    monkeypatch.setattr(race, "Contestant", lambda recipe, seed, *_: (recipe.name, seed))
    monkeypatch.setattr(race, "measure_pace", lambda each: asked.append(each) or {})
    monkeypatch.setattr(race, "run", lambda each, *_: asked.append(each) or {})
    for expected in (12, 12):
        race.measure(Kept(tmp_path / "kept.json", {"target": 0.85}), corpus([], []), None, tmp_path, 0.85, 9)
        assert len(set(asked)) == len(asked) == expected


def test_without_the_data_the_remedy_is_named(monkeypatch, capsys):
    monkeypatch.delenv("BOOK_DATA_DIR", raising=False)
    assert race.main([]) == 2
    assert "expected BOOK_DATA_DIR to name a folder with sst2/" in capsys.readouterr().err
