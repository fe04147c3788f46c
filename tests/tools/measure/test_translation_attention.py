"""Whether attention finds the words that it translates: the sentences, and what is counted."""

import dataclasses
import json

import numpy as np
import pytest

from tools.measure import translation, translation_attention
from tools.measure.results import RESULTS
from utils.transformer import Transformer, TransformerConfig
from utils.translation.fitting import Settings
from utils.translation.translator import Translator
from utils.translation.vocabulary import Vocabulary

PAIRS = translation_attention.read_pairs()


@pytest.fixture(scope="module")
def translator():
    vocabulary = Vocabulary.train([" ".join(pair[side]) for pair in PAIRS for side in ("english", "german")], 120)
    sizes = {"d_model": 8, "num_layers": 2, "num_heads": 2, "intermediate_dim": 11, "max_length": 97}
    model = Transformer(TransformerConfig(vocabulary_size=len(vocabulary), pad_id=0, start_id=1, **sizes))
    return Translator(model, vocabulary)


def test_every_german_word_is_linked_within_its_sentence(tmp_path):
    assert len(PAIRS) >= 20
    assert all(link < len(pair["english"]) for pair in PAIRS for links in pair["links"] for link in links)
    path = tmp_path / "pairs.toml"
    for links in ("0", "0 2"):
        path.write_text(f'[[pairs]]\nenglish = "A dog."\ngerman = "Ein Hund."\nlinks = "{links}"\n', encoding="utf-8")
        with pytest.raises(ValueError, match="expected a link for each German word of 'Ein Hund"):
            translation_attention.read_pairs(path)


def test_weights_of_a_words_pieces_are_added_and_the_end_token_is_left_out(translator):
    english, german = ["A", "woman", "reads."], ["Eine", "Frau", "liest."]
    found = translation_attention.word_weights(translator, english, german)
    assert found.shape == (2, 2, 3, 3)
    ids = [*translator.vocabulary.encode("A woman reads."), 2]
    shown = [1, *translator.vocabulary.encode("Eine Frau liest.")]
    whole = translation_attention.memory_weights(translator.model, np.array([ids]), np.array([shown]))
    assert np.allclose(whole.sum(axis=-1), 1, atol=1e-5)
    before = len(translator.vocabulary.encode("Eine"))  # the place that is about to write "Frau"
    pieces = [len(translator.vocabulary.encode(word)) for word in english]
    assert pieces[1] > 1
    expected = whole[:, 0, :, before, pieces[0] : pieces[0] + pieces[1]].sum(axis=-1)
    assert np.allclose(found[:, :, 1, 1], expected, atol=1e-6)
    assert np.allclose(found[:, :, 0].sum(axis=-1), 1 - whole[:, 0, :, 0, -1], atol=1e-6)


def test_right_words_are_counted_by_layer_and_head_and_apart_where_the_order_differs():
    pair = {"english": list("abcde"), "german": list("vwxyz"), "links": [[0], [3, 4], [1], [], [4]]}
    right = np.eye(5)[[0, 4, 1, 0, 4]]
    heads = np.array([[right, right], [right, np.eye(5)]])  # layer 2: one head looks at the same place
    found = translation_attention.count_hits([pair], [heads * [[[[1.0]], [[1.1]]]]])
    rows = {(row["layer"], row["head"]): row for row in found}
    assert {row["words"] for row in rows.values()} == {4}
    assert {row["words_moved"] for row in rows.values()} == {2}
    assert rows[1, "mean"]["right"] == rows[2, 1]["right"] == 1
    assert rows[2, "mean"]["right"] == rows[2, 2]["right"] == rows[None, "same place"]["right"] == 0.5
    assert rows[2, 2]["right_of_moved"] == rows[None, "same place"]["right_of_moved"] == 0
    assert rows[1, 2]["right_of_moved"] == 1


def test_likeness_is_measured_after_every_layer_and_is_one_for_an_encoder_that_writes_one_vector(translator):
    state = {"about": {"settings": {}}, "curve": []}
    about = translation_attention.about_run(state, translator, PAIRS[:2])
    assert len(about["translations"]) == 2
    found = about["likeness"]
    assert len(found) == 3
    assert max(map(abs, found)) < 0.9
    last = translator.model.encoder.blocks[-1].feed_forward_norm
    kept = last.get_weights()
    last.set_weights([np.zeros_like(kept[0]), np.arange(1.0, 9.0)])
    collapsed = translation_attention.about_run(state, translator, PAIRS[:2])["likeness"]
    last.set_weights(kept)
    assert collapsed[:-1] == found[:-1]
    assert collapsed[-1] == 1


def test_a_missing_run_is_told_with_its_remedy(tmp_path, capsys):
    assert translation_attention.main(["--folder", str(tmp_path)]) == 1
    assert "`make translation` begins a run" in capsys.readouterr().err


def test_figures_are_written_with_the_epochs_of_the_run(translator, tmp_path, monkeypatch):
    monkeypatch.setattr(translation_attention, "BEAM", 1)
    state = {"about": {"settings": {"seed": 3}}, "curve": [{}, {}]}
    monkeypatch.setattr("utils.translation.fitting.read_run", lambda _: (state, translator))
    folders = ["--folder", str(tmp_path), "--beside", str(tmp_path / "other"), "--results", str(tmp_path)]
    assert translation_attention.main(folders) == 0
    record = json.loads((tmp_path / "translation-attention.json").read_text(encoding="utf-8"))
    assert (record["seed"], record["epochs"]) == (3, 2)
    assert [one["english"] for one in record["sentences"]] == [" ".join(pair["english"]) for pair in PAIRS]
    assert np.shape(record["sentences"][0]["weights"]) == (7, 7)
    means = {row["right"]: row["layer"] for row in record["rows"] if row["head"] == "mean"}
    assert record["best_layer"] == means[max(means)]
    assert record["command"] == "python tools/measure/translation_attention.py"
    assert [run["curve"] for run in record["runs"]] == [[{}, {}]] * 2
    assert len(record["rows"]) == 2 * 3 + 1


def test_the_stored_runs_are_those_that_the_program_trains():
    stored = json.loads((RESULTS / "translation-attention.json").read_text(encoding="utf-8"))
    programs = [Settings(), Settings(**translation.NORM_LAST)]
    assert [run["settings"] for run in stored["runs"]] == [dataclasses.asdict(settings) for settings in programs]
    assert translation.parse(["--norm-last"]).folder == translation.NORM_LAST_FOLDER != translation.parse([]).folder
