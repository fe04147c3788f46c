"""The tokenizer of the page gives Python's tokens."""

import pytest

from tests.support.live_node import ROOT, VOCABULARY, in_node
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


def test_a_word_is_cut_in_these_tries():
    vocabulary = set(VOCABULARY.read_text(encoding="utf-8").split("\n")[:-1])
    words = ["unaffordable", "snowboarders", "gruße", "q" * 12, "clean", "x" * 101]
    cuts = in_node("return given.words.flatMap((word) => tokenizer.cuts(word));", words=words)
    for word, cut in zip(words, cuts, strict=True):
        tries, start = [], 0
        while start < len(word) <= 100:
            ends = range(len(word), start, -1)
            candidates = [("##" if start else "") + word[start:end] for end in ends]
            fitting = [piece for piece in candidates if piece in vocabulary]
            tries += candidates[: candidates.index(fitting[0]) + 1] if fitting else candidates
            start += len(fitting[0].removeprefix("##")) if fitting else len(word)
        assert [one["piece"] for one in cut["tries"]] == tries, word
        assert [one["known"] for one in cut["tries"]] == [piece in vocabulary for piece in tries]
        assert all(one["piece"].removeprefix("##") == word[one["start"] : one["end"]] for one in cut["tries"])
    assert [cut["pieces"] for cut in cuts if cut["word"] in ("gruße", "x" * 101)] == [["[UNK]"]] * 2


@pytest.mark.slow
@pytest.mark.full
def test_every_character_that_there_is_gets_pythons_words(tokenizer):
    points = [point for point in range(0x110000) if point not in characters.SURROGATES]
    texts = [f"x{chr(point)}y" for point in points]
    found = in_node("return given.texts.map((text) => tokenizer.cuts(text).map(({ word }) => word));", texts=texts)
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
