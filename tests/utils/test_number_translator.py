"""The stored translator of numbers: it is the one that was measured, and it writes numbers."""

import dataclasses

import numpy as np
import pytest

from tools.measure import training
from utils import number_translator
from utils.number_words import END_ID, PAD_ID, VOCABULARY, encode_numbers, spell
from utils.transformer.decoding import beam_search, greedy


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


def test_its_best_tokens_are_those_that_a_beam_keeps(trained):
    source, _ = encode_numbers([131], "de")
    _, (nodes,) = beam_search(trained, source, 9, beam_size=3, end_id=END_ID, return_tree=True)
    paths = {0: []}
    for at, node in enumerate(nodes[1:], start=1):
        paths[at] = [*paths[node.parent], node.token_id]
    inner = [at for at in paths if not nodes[at].ended]
    best = number_translator.best_tokens(trained, source, [paths[at] for at in inner], len(VOCABULARY) - 1)
    for at, found in zip(inner, best, strict=True):
        chances = dict(found)
        assert list(chances.values()) == sorted(chances.values(), reverse=True)
        assert abs(sum(chances.values()) - 1) < 1e-6  # all tokens but padding
        assert VOCABULARY[PAD_ID] not in chances
        for node in nodes:
            if node.parent == at:
                ours = np.exp(node.log_probability - nodes[at].log_probability)
                assert abs(chances[VOCABULARY[node.token_id]] - ours) < 1e-5
