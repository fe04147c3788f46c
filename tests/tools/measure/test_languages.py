"""Pieces of six languages: counted as they are stored."""

import json

from tools.measure import languages
from tools.measure.recipe import ENCODER
from tools.measure.results import RESULTS
from utils import wordpiece


def test_languages_are_counted_as_stored():
    stored = json.loads((RESULTS / "languages.json").read_text(encoding="utf-8"))["rows"]
    found = languages.measure({"mini-bert": wordpiece.load_tokenizer(ENCODER)})
    assert len(found) == 6
    for row, kept in zip(found, stored, strict=True):
        assert row == {name: value for name, value in kept.items() if name != "BERT"}


def test_unknown_pieces_and_words_are_counted():
    tokenizer = wordpiece.build([*wordpiece.SPECIAL_TOKENS, "a", "##b", "c"])
    assert languages.counted(["ab c x", "a"], tokenizer) == {"pieces": 5, "unknown": 1}


def test_a_missing_vocabulary_of_bert_is_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("BOOK_MODEL_DIR", str(tmp_path))
    assert languages.main([]) == 2
    assert "Set BOOK_MODEL_DIR to a folder that holds all-MiniLM-L6-v2" in capsys.readouterr().err
