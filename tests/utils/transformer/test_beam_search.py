"""Beam search: a beam of one is greedy, the cache changes the work alone, an exhaustive search finds nothing better."""

import itertools

import numpy as np
import pytest
from keras.ops import convert_to_numpy as to_numpy

from tests.support.thinning import thinned
from tests.utils.transformer.test_decoding import CONFIG, CONFIGS, SOURCE, randomised
from utils.transformer import Transformer
from utils.transformer.config import TransformerConfig
from utils.transformer.decoding import beam_search, length_penalty, translate

END = 2
SOURCES = np.random.default_rng(5).integers(3, 23, size=(11, 5))


def log_probabilities(model, source, target):
    """Return ln p of each token of a target after its start, by one call on the whole of it; padding is no token."""
    logits = to_numpy(model((source[None], np.array([target[:-1]])))).astype("float64")[0]
    logits[:, 0] = -np.inf
    logits -= logits.max(-1, keepdims=True)
    logits -= np.log(np.exp(logits).sum(-1, keepdims=True))
    return logits[np.arange(len(target) - 1), target[1:]]


def row_of(target):
    """Return a row without its padding."""
    return [int(token) for token in target if token != 0]


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("config", thinned(CONFIGS.items(), every=len(CONFIGS)))
def test_a_beam_of_one_writes_what_greedy_writes(config, ends):
    model = randomised(Transformer(config))
    expected = translate(model, SOURCES, 8)
    end_id = int(expected[0, 4]) if ends else None  # a token that is written
    if ends:
        expected = translate(model, SOURCES, 8, end_id=end_id)
    np.testing.assert_array_equal(beam_search(model, SOURCES, 8, beam_size=1, end_id=end_id), expected)


@pytest.mark.parametrize("config", thinned(CONFIGS.items(), every=len(CONFIGS)))
def test_beams_are_the_same_with_a_cache_and_without(config):
    model = randomised(Transformer(config))
    for beam_size in (2, 5):
        options = {"beam_size": beam_size, "end_id": END, "return_tree": True}
        kept, kept_trees = beam_search(model, SOURCES, 8, **options)
        again, trees = beam_search(model, SOURCES, 8, use_cache=False, **options)
        np.testing.assert_array_equal(kept, again)
        for one, other in zip(kept_trees, trees, strict=True):
            assert [node[:2] for node in one] == [node[:2] for node in other]
            totals = [[node.log_probability for node in tree] for tree in (one, other)]
            np.testing.assert_allclose(*totals, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("penalty", [0.0, 0.6, 3.0])
def test_a_beam_as_wide_as_all_texts_finds_the_best_of_all(penalty):
    """Five tokens, three steps: all targets are scored by hand, and the best ended one is the answer."""
    sizes = {"d_model": 8, "num_layers": 1, "num_heads": 2, "intermediate_dim": 8, "start_id": 1}
    model = randomised(Transformer(TransformerConfig(vocabulary_size=5, **sizes)), seed=3)
    source = np.array([3, 4, 4])
    texts = [
        [1, *middle, END]
        for length in range(3)
        for middle in itertools.product((1, 3, 4), repeat=length)  # 0 is padding, 2 the end
    ]
    scores = [log_probabilities(model, source, text).sum() / length_penalty(len(text) - 1, penalty) for text in texts]
    expected = texts[int(np.argmax(scores))]
    target, (tree,) = beam_search(model, source[None], 3, beam_size=200, penalty=penalty, end_id=END, return_tree=True)
    assert row_of(target[0]) == expected
    assert max(node.score for node in tree if node.ended) == pytest.approx(max(scores), rel=1e-4)


def test_a_strong_penalty_prefers_longer_targets():
    model = randomised(Transformer(CONFIG), seed=2)
    lengths = [
        (beam_search(model, SOURCES, 8, beam_size=6, penalty=penalty, end_id=END) != 0).sum() for penalty in (0, 5)
    ]
    assert lengths[0] < lengths[1]


def test_the_score_of_every_node_is_that_of_its_path():
    model = randomised(Transformer(CONFIG))
    targets, trees = beam_search(model, SOURCE, 5, beam_size=3, end_id=END, return_tree=True)
    for source, target, tree in zip(SOURCE, targets, trees, strict=True):
        paths = []
        for node in tree:
            paths.append([*(paths[node.parent] if node.parent >= 0 else []), node.token_id])
            if node.parent >= 0:
                total = log_probabilities(model, source, paths[-1]).sum()
                assert node.log_probability == pytest.approx(total, rel=1e-4, abs=1e-4)
                assert node.score == pytest.approx(total / length_penalty(len(paths[-1]) - 1, 0.6), rel=1e-4, abs=1e-4)
        assert row_of(target) in paths
        assert 0 not in itertools.chain(*paths)


def test_rows_do_not_depend_on_their_neighbours():
    model = randomised(Transformer(CONFIG))
    together = beam_search(model, SOURCES, 8, beam_size=3, end_id=END)
    for source, target in zip(SOURCES, together, strict=True):
        alone = beam_search(model, source[None], 8, beam_size=3, end_id=END)
        assert row_of(alone[0]) == row_of(target)


def test_no_source_gives_no_target():
    assert beam_search(randomised(Transformer(CONFIG)), SOURCE[:0], 3, end_id=END).shape == (0, 1)


def test_the_length_penalty_is_that_of_the_paper():
    np.testing.assert_allclose(length_penalty(np.array([1, 7, 13]), 0.6), [1, 2**0.6, 3**0.6])
    assert length_penalty(99, 0) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"beam_size": 0}, "`beam_size` must be a positive integer; got 0"),
        ({"beam_size": 2.5}, "`beam_size` must be a positive integer; got 2.5"),
        ({"penalty": -0.1}, "at least 0; received -0.1"),
        ({"penalty": float("nan")}, "at least 0; received nan"),
        ({"end_id": 0}, "another token than pad_id=0"),
        ({"start_id": 99}, "expected start_id to be a token id"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        beam_search(randomised(Transformer(CONFIG)), SOURCE, 3, **options)
