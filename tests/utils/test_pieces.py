"""Pieces learnt in plain Python: by hand, against the library, and cut greedily."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils import pieces, wordpiece

TEXT = "a cook cooks, he cooked: cook, cooks; the book is a cookbook, the books are cookbooks"
COUNTS = Counter(re.findall("[a-z]+", TEXT))


def test_pairs_count_once_for_each_time_that_their_word_stands_in_the_text():
    cut = {"cook": ("c", "##o", "##o", "##k"), "oo": ("o", "##o")}
    found = pieces.count_pairs(cut, {"cook": 3, "oo": 2})
    assert found == {("c", "##o"): 3, ("##o", "##o"): 3, ("##o", "##k"): 3, ("o", "##o"): 2}


@pytest.mark.parametrize(
    ("cut", "pair", "joined"),
    [
        (("a", "##a", "##a", "##a"), ("##a", "##a"), ("a", "##aa", "##a")),
        (("a", "##b", "##a", "##b"), ("a", "##b"), ("ab", "##a", "##b")),
        (("a",), ("a", "##b"), ("a",)),
        (("a", "##bc"), ("##b", "##c"), ("a", "##bc")),
    ],
)
def test_a_pair_is_joined_from_left_to_right_wherever_it_stands(cut, pair, joined):
    assert pieces.join_pair(cut, pair) == joined


def test_first_steps_by_hand():
    steps = pieces.learn_merges(COUNTS, 3)
    assert steps[0].piece == "##ok"  # as often as ##oo, and before it in order
    assert steps[0].count == sum(count for word, count in COUNTS.items() for _ in re.findall("ok", word))
    assert steps[1].words["cook"] == ("c", "##ook")


def test_training_ends_where_every_word_is_one_piece():
    steps = pieces.learn_merges({"ab": 1, "b": 4}, 10)
    assert [step.piece for step in steps] == ["ab"]
    assert steps[-1].words == {"ab": ("ab",), "b": ("b",)}
    assert pieces.vocabulary_of({"ab": 1, "b": 4}, steps) == {"a", "##b", "b", "ab"}


def test_of_equally_frequent_pairs_the_first_in_order_is_joined():
    assert pieces.learn_merges({"cd": 2, "ab": 2}, 1)[0].piece == "ab"


@given(st.lists(st.text("abc", min_size=1, max_size=6), min_size=1, max_size=8), st.integers(0, 12))
def test_words_stay_whole_and_a_step_never_makes_more_pieces(words, num_merges):
    counts = Counter(words)
    total = [sum(map(len, counts))]
    for step in pieces.learn_merges(counts, num_merges):
        assert all("".join(piece.removeprefix("##") for piece in cut) == word for word, cut in step.words.items())
        total.append(sum(map(len, step.words.values())))
    assert total == sorted(total, reverse=True)


@given(st.text("abcd", min_size=1, max_size=9), st.sets(st.text("abc", min_size=1, max_size=3), max_size=9))
def test_words_are_cut_as_the_library_cuts_them(word, parts):
    known = [*wordpiece.SPECIAL_TOKENS, *sorted(parts), *sorted("##" + part for part in parts)]
    expected = wordpiece.build(known).encode(word, add_special_tokens=False).tokens
    assert pieces.longest_match(word, set(known)) == tuple(expected)


def test_a_word_that_does_not_come_out_is_unknown_as_a_whole():
    assert pieces.longest_match("lowx", {"low", "l", "##o", "##w"}) == ("[UNK]",)
    assert pieces.longest_match("low", ["l", "lo", "##w", "##ow"]) == ("lo", "##w")
