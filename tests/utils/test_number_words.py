"""Numbers in words: known spellings, round trips, alignments that name each digit once, splits that share no group."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.number_words import (
    END_ID,
    LANGUAGES,
    LIMIT,
    PAD_ID,
    START_ID,
    VOCABULARY,
    WORDS,
    draw_numbers,
    encode_numbers,
    exact_matches,
    join_words,
    number_words,
    read_number,
    spell,
    split_numbers,
    token_names,
)

SPELLINGS = {
    0: ("zero", "null"),
    1: ("one", "eins"),
    16: ("sixteen", "sechzehn"),
    17: ("seventeen", "siebzehn"),
    21: ("twenty-one", "einundzwanzig"),
    30: ("thirty", "dreißig"),
    76: ("seventy-six", "sechsundsiebzig"),
    100: ("one hundred", "einhundert"),
    101: ("one hundred and one", "einhunderteins"),
    111: ("one hundred and eleven", "einhundertelf"),
    1_000: ("one thousand", "eintausend"),
    1_001: ("one thousand and one", "eintausendeins"),
    4_207: ("four thousand two hundred and seven", "viertausendzweihundertsieben"),
    10_010: ("ten thousand and ten", "zehntausendzehn"),
    21_100: ("twenty-one thousand one hundred", "einundzwanzigtausendeinhundert"),
    101_000: ("one hundred and one thousand", "einhunderteintausend"),
    999_999: (
        "nine hundred and ninety-nine thousand nine hundred and ninety-nine",
        "neunhundertneunundneunzigtausendneunhundertneunundneunzig",
    ),
}
VALUES = {"hundred": 100, "hundert": 100, "thousand": 1000, "tausend": 1000}
any_number, any_language = st.integers(0, LIMIT - 1), st.sampled_from(LANGUAGES)


@pytest.mark.parametrize("number", SPELLINGS)
def test_known_spellings(number):
    for language, expected in zip(LANGUAGES, SPELLINGS[number], strict=True):
        assert spell(number, language) == expected
        assert read_number(expected, language) == number


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_number_below_ten_thousand_and_every_97th_above_comes_back(language):
    numbers = [*range(10_000), *range(10_000, LIMIT, 97)]
    texts = [spell(number, language) for number in numbers]
    assert len(set(texts)) == len(numbers)
    assert [read_number(text, language) for text in texts] == numbers


@given(any_number, any_language)
def test_each_digit_but_zero_is_named_once_by_a_word_of_its_value(number, language):
    words, places = number_words(number, language)
    digits = str(number)
    named = sorted(place for each in places for place in each)
    assert len(named) == len(set(named))
    assert all(digits[place] == "0" for place in set(range(len(digits))) - set(named))
    for word, each in zip(words, places, strict=True):
        assert not each or list(each) == sorted(each)
        value = int("".join(digits[place] for place in each) or "0")
        assert bool(each) == (word not in VALUES and word not in ("and", "und"))
        index = WORDS[language].index(word)
        expected = index if index < 20 else index - 18 if each and word != "ein" else 1 if word == "ein" else 0
        assert value == expected


@given(any_number, any_language)
def test_german_names_the_ones_before_the_tens_and_english_after(number, language):
    places = [each[0] for each in number_words(number, language)[1] if each]
    turned = [place for place, after in itertools.pairwise(places) if after < place]
    last = len(str(number)) - 1
    assert all(place in (last, last - 3) for place in turned)
    assert language == "de" or not turned
    assert number % 100 < 21 or number % 10 == 0 or bool(last in turned) == (language == "de")


@given(st.lists(st.tuples(any_number, any_language), min_size=1, max_size=7))
def test_rows_of_ids_hold_the_texts(pairs):
    numbers, languages = zip(*pairs, strict=True)
    source, target = encode_numbers(numbers, languages)
    for row, (number, language) in enumerate(pairs):
        assert token_names(source[row]) == [f"[{language}]", *str(number)]
        words = token_names(target[row])
        assert words.pop() == "[end]"
        assert read_number(join_words(words, language), language) == number
    assert (source[:, 0] > END_ID).all()


def test_the_vocabulary_names_each_token_once():
    assert len(set(VOCABULARY)) == len(VOCABULARY)
    assert [VOCABULARY[at] for at in (PAD_ID, START_ID, END_ID)] == ["[pad]", "[start]", "[end]"]


@given(st.integers(0, 2**32 - 1), st.integers(1, 900))
def test_what_is_kept_apart_shares_no_group_of_three_digits(seed, held_out):
    learnt, apart = split_numbers(30_000, held_out=held_out, seed=seed)
    groups = [set(part % 1000) | set(part[part >= 1000] // 1000) for part in (learnt, apart)]
    assert not groups[0] & groups[1]
    assert len(groups[1]) <= held_out
    assert 0 in learnt


def test_numbers_of_each_length_are_as_likely():
    numbers = draw_numbers(np.arange(1, 10_000), 4000, np.random.default_rng(0))
    shares = np.bincount(np.char.str_len(numbers.astype(str)), minlength=5)[1:] / 4000
    assert np.abs(shares - 0.25).max() < 0.03


def test_a_match_is_exact_to_the_end():
    _, target = encode_numbers([7, 42], "en")
    start = np.full((2, 1), START_ID)
    assert exact_matches(np.hstack([start, target, np.zeros((2, 2), int)]), target).tolist() == [True, True]
    longer = np.hstack([start, target])
    longer[1, 3] = longer[1, 2]  # one word more where the end should be
    assert exact_matches(longer, target).tolist() == [True, False]
    assert exact_matches(np.hstack([start, target])[:, :-1], target).tolist() == [True, False]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: spell(LIMIT, "en"), "from 0 to 999,999; received 1,000,000"),
        (lambda: spell(-1, "en"), "`number` must be an integer of at least 0; got -1"),
        (lambda: spell(1.5, "en"), "`number` must be an integer of at least 0; got 1.5"),
        (lambda: spell(1, "fr"), "one of en, de; received 'fr'"),
        (lambda: join_words(["one"], "fr"), "one of en, de; received 'fr'"),
        (lambda: read_number("forty two", "en"), "received 'forty two'"),
        (lambda: read_number("", "de"), "received ''"),
        (lambda: read_number("eintausendeintausend", "de"), "spelling of a number"),
        (lambda: split_numbers(2_000_000), "at most 1,000,000; received 2,000,000"),
        (lambda: split_numbers(held_out=999), "at most 998"),
        (lambda: encode_numbers([1, 2], ["en"]), "each of 2 numbers; received 1"),
        (lambda: token_names([78]), "from 0 to 77; received 78"),
    ],
)
def test_what_cannot_be_meant_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
