"""Pairs of sentences from a local folder, in each layout, and what is wrong with files that do not fit."""

import gzip

import pytest

from utils.corpora import CorpusError
from utils.translation.pairs import LAYOUTS, SPLITS, Pairs, load_multi30k, read_pairs


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_each_layout_is_read_compressed_or_not(layout, ending, tmp_path, monkeypatch):
    folder = tmp_path / layout
    folder.mkdir(parents=True)
    for language, text in {"en": "A dog.\nA cat.\n", "de": "Ein Hund.\nEine Kätzchen-Mütze.\n"}.items():
        data = text.encode()
        (folder / f"val.{language}{ending}").write_bytes(gzip.compress(data) if ending else data)
    monkeypatch.setenv("BOOK_DATA_DIR", str(tmp_path))
    assert load_multi30k("val") == Pairs(["A dog.", "A cat."], ["Ein Hund.", "Eine Kätzchen-Mütze."])
    assert load_multi30k("val", ("de", "en")).source[0] == "Ein Hund."


@pytest.mark.parametrize(("setting", "says"), [(None, "is not set"), ("nowhere", "is no folder"), ("", "has none of")])
def test_missing_files_are_told_with_what_to_fetch_and_where_to_put_it(setting, says, tmp_path, monkeypatch):
    monkeypatch.delenv("BOOK_DATA_DIR", raising=False)
    if setting is not None:
        monkeypatch.setenv("BOOK_DATA_DIR", str(tmp_path / setting))
    with pytest.raises(CorpusError, match=says) as told:
        load_multi30k("train")
    assert "github.com/multi30k/dataset" in str(told.value)
    assert "BOOK_DATA_DIR=FOLDER" in str(told.value)


def test_unknown_split_is_refused_with_those_there_are():
    with pytest.raises(CorpusError, match=f"{', '.join(SPLITS)}.*'test'"):
        load_multi30k("test")


def test_a_target_with_one_line_fewer_is_refused_with_both_counts(tmp_path):
    (tmp_path / "a.en").write_text("one\ntwo\nthree\n", encoding="utf-8")
    (tmp_path / "a.de").write_text("eins\nzwei\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"a\.en has 3 lines and .*a\.de has 2.*Fetch both"):
        read_pairs(tmp_path / "a.en", tmp_path / "a.de")


def test_an_empty_line_is_refused_by_its_number(tmp_path):
    (tmp_path / "a.en").write_text("one\n\nthree\n", encoding="utf-8")
    (tmp_path / "a.de").write_text("eins\nzwei\ndrei\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"a\.en, line 2: the line is empty"):
        read_pairs(tmp_path / "a.en", tmp_path / "a.de")


def test_line_ends_inside_a_sentence_do_not_cut_it(tmp_path):
    (tmp_path / "a.en").write_text("one\u2028more\x0bword\ntwo\n", encoding="utf-8")
    (tmp_path / "a.de").write_text("eins\nzwei\n", encoding="utf-8")
    assert read_pairs(tmp_path / "a.en", tmp_path / "a.de").source == ["one\u2028more\x0bword", "two"]
