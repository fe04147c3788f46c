"""The tokenizer of the page gives Python's tokens."""

import pytest

from tests.support.live_node import ROOT, in_node
from tests.support.live_texts import awkward_texts
from tools.live import characters
from tools.measure.recipe import ENCODER
from utils import corpora, wordpiece

TOKENS = "return given.texts.map((text) => tokenizer.encode(tokenizer.tokens(text, given.length ?? Infinity)));"


@pytest.fixture(scope="module")
def tokenizer():
    return wordpiece.load_tokenizer(ENCODER)


def texts_to_cut():
    reviews = corpora.load("reviews", "test").texts
    return [*awkward_texts(1800, seed=15), *reviews[:200]]


def differing(found, texts, tokenizer):
    """Return the texts whose ids differ, with both."""
    expected = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    return [case for case in zip(texts, found, expected, strict=True) if case[1] != case[2]]


def test_two_thousand_texts_get_pythons_tokens(tokenizer):
    texts = texts_to_cut()
    assert len(texts) == 2000
    assert differing(in_node(TOKENS, texts=texts), texts, tokenizer) == []


def test_these_texts_hold_what_is_hard(tokenizer):
    texts = texts_to_cut()
    joined = "".join(texts)
    assert len(set(texts)) > 1900
    assert len(set(joined)) > 10_000
    assert max(map(ord, joined)) > 0x100000
    tokens = [encoding.tokens for encoding in tokenizer.encode_batch(texts)]
    assert sum("[UNK]" in row for row in tokens) > 300
    assert sum(row.count("[CLS]") > 1 for row in tokens) > 20


def test_a_difference_would_be_seen(tokenizer):
    texts = texts_to_cut()[:300]
    broken = in_node(TOKENS.replace("text,", "text.toLowerCase(),"), texts=texts)
    assert len(differing(broken, texts, tokenizer)) > 2


def test_a_long_text_is_cut_where_python_cuts_it():
    tokenizer = wordpiece.load_tokenizer(ENCODER)
    tokenizer.enable_truncation(32)
    texts = [" ".join(["clean"] * count) for count in (0, 1, 29, 30, 31, 60)]
    assert differing(in_node(TOKENS, texts=texts, length=32), texts, tokenizer) == []


@pytest.mark.slow
@pytest.mark.full
def test_every_character_that_there_is_gets_pythons_words(tokenizer):
    points = [point for point in range(0x110000) if point not in characters.SURROGATES]
    texts = [f"x{chr(point)}y" for point in points]
    found = in_node("return given.texts.map((text) => tokenizer.words(text));", texts=texts)
    normalise, split = tokenizer.normalizer.normalize_str, tokenizer.pre_tokenizer.pre_tokenize_str
    for text, words in zip(texts, found, strict=True):
        assert words == [word for word, _ in split(normalise(text))], ascii(text)


@pytest.mark.slow
@pytest.mark.full
def test_the_page_knows_the_librarys_classes_of_characters():
    assert (ROOT / "web" / "live" / "characters.js").read_text(encoding="utf-8") == characters.script()


@pytest.mark.slow
@pytest.mark.full
def test_transformers_cuts_these_texts_the_same_way():
    from utils.finetuning import load_transformers

    theirs = load_transformers().AutoTokenizer.from_pretrained(ENCODER)
    texts = texts_to_cut()
    assert in_node(TOKENS, texts=texts) == theirs(texts)["input_ids"]
