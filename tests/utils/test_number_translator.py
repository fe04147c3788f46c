"""The stored translator of numbers: it is the one that was measured, and it writes numbers."""

import dataclasses

import pytest

from tools.measure import training
from utils import number_translator
from utils.number_words import spell
from utils.transformer.decoding import greedy


@pytest.fixture(scope="module")
def trained():
    return number_translator.stored_translator(training.WEIGHTS, "end")


def test_its_sizes_are_those_that_were_measured():
    sizes = dataclasses.asdict(number_translator.CONFIG)
    assert {name: sizes[name] for name in training.SIZES} == training.SIZES


def test_it_writes_numbers_in_words(trained):
    for number, language in ((42, "en"), (42, "de")):
        assert number_translator.write_number(trained, number, language, 5) == spell(number, language)


def test_its_tokens_are_those_that_are_chosen(trained):
    def third_best(scores):
        return greedy(-abs(scores - sorted(scores[0])[-3]))

    assert number_translator.write_number(trained, 42, "en", 1, third_best) not in ("", spell(42, "en"))
    assert number_translator.write_number(trained, 42, "en", 1) == "forty"


def test_weights_of_no_such_name_are_refused_with_those_there_are():
    with pytest.raises(ValueError, match="expected name to be one of end, third; received 'half'"):
        number_translator.stored_translator(training.WEIGHTS, "half")
