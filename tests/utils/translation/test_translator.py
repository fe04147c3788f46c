"""A translator: texts in, texts out, in their order; and what it refuses."""

import json

import numpy as np
import pytest

from tests.utils.translation.small import SMALL, translator, vocabulary
from utils.translation.translator import Translator, TranslatorError, UnknownCharacters


@pytest.fixture(scope="module")
def untrained():
    return translator()


@pytest.fixture
def folder(untrained, tmp_path):
    untrained.save(tmp_path)
    (tmp_path / "vocabulary.json").write_text(untrained.vocabulary.to_json(), encoding="utf-8")
    return tmp_path


def test_texts_side_by_side_are_translated_as_alone_and_in_their_order(untrained):
    texts = ["A child", "A", "A dog"]
    # A model that has learnt nothing seldom ends, and the longest text gives all of them its room.
    for text, line in zip(texts, untrained.translate(texts), strict=True):
        alone = untrained.translate([text])[0]
        assert alone
        assert line.startswith(alone)
    assert untrained.translate([]) == []


def test_a_beam_of_one_is_greedy(untrained):
    assert untrained.translate(["A dog", "Two"], beam_size=1) == untrained.translate(["A dog", "Two"])


def test_saved_and_loaded_it_writes_the_same(untrained, folder):
    assert Translator.load(folder).translate(["A dog"]) == untrained.translate(["A dog"])


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_text_is_refused_by_its_number(untrained, text):
    with pytest.raises(ValueError, match="expected text 1 to hold words; it is empty"):
        untrained.translate(["A dog.", text])


def test_a_text_longer_than_the_positions_is_refused_with_both_lengths(untrained):
    with pytest.raises(ValueError, match=r"at most 255 tokens of text 0; it has \d+\. Translate each sentence"):
        untrained.translate(["A dog sleeps. " * 200])


def test_unknown_characters_are_warned_of_and_translated_all_the_same(untrained):
    with pytest.warns(UnknownCharacters, match="text 0 holds '犬'"):
        assert len(untrained.translate(["A 犬 dog."])) == 1


@pytest.mark.parametrize("texts", ["A dog.", b"A dog."])
def test_one_text_is_refused_with_the_remedy(untrained, texts):
    with pytest.raises(TypeError, match="Put it in brackets"):
        untrained.translate(texts)


def test_what_is_no_text_is_refused_by_its_number(untrained):
    with pytest.raises(TypeError, match="expected text 1 to be a str; received int"):
        untrained.translate(["A dog.", 7])


@pytest.mark.parametrize("options", [{"beam_size": 0}, {"beam_size": 2, "penalty": -1.0}, {"penalty": -1.0}])
def test_a_beam_of_none_and_a_negative_penalty_are_refused(untrained, options):
    with pytest.raises(ValueError, match=next(iter(sorted(options, key=lambda name: name != "penalty")))):
        untrained.translate(["A dog."], **options)


def test_a_model_with_another_vocabulary_is_refused():
    other = vocabulary(60)
    with pytest.raises(ValueError, match="of one training; the model knows 70 tokens; the vocabulary has 60"):
        Translator(SMALL.model(vocabulary()), other)


def test_the_vocabulary_of_another_checkpoint_is_refused_though_its_size_agrees(untrained, folder):
    data = json.loads(untrained.vocabulary.to_json())
    names = sorted(data["model"]["vocab"], key=data["model"]["vocab"].get)
    data["model"]["vocab"][names[4]], data["model"]["vocab"][names[5]] = 5, 4
    (folder / "vocabulary.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(
        TranslatorError, match=r"vocabulary\.json: expected the vocabulary that translator\.npz was trained"
    ):
        Translator.load(folder)


@pytest.mark.parametrize("name", ["translator.npz", "vocabulary.json"])
def test_a_missing_or_broken_file_is_named_with_the_remedy(folder, name):
    path = folder / name
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TranslatorError, match=name):
        Translator.load(folder)
    path.unlink()
    with pytest.raises(TranslatorError, match=f"{name}: there is no such file; `make translation`"):
        Translator.load(folder)


@pytest.mark.parametrize("change", [{"config": {"d_model": 10**9}}, {"config": {}}, {"vocabulary": 7}, {"config": 3}])
def test_a_forged_file_is_refused(folder, change):
    with np.load(folder / "translator.npz") as kept:
        arrays = {name: kept[name] for name in kept.files}
    about = json.loads(str(arrays["about"]))
    for name, value in change.items():
        about[name] = {**about[name], **value} if value and isinstance(value, dict) else value
    np.savez(folder / "translator.npz", **{**arrays, "about": json.dumps(about)})
    with pytest.raises(TranslatorError, match=r"translator\.npz"):
        Translator.load(folder)
