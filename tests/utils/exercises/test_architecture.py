"""The exercises on the architecture: what other libraries answer, and inputs that tell answers apart."""

import numpy as np
import pytest

from tests.support.exercise_draws import drawn
from tests.support.exercise_toys import Hidden
from utils.exercises import check
from utils.exercises.engine.checker import EXERCISES
from utils.transformer.config import TransformerConfig
from utils.transformer.decoding import token_probabilities


def test_a_real_model_has_the_parameters_asked_for():
    from utils.transformer import CausalLanguageModel

    for inputs in drawn("architecture-parameters")[:4]:
        vocabulary_size, d_model, num_layers, intermediate_dim = inputs
        sizes = {"d_model": d_model, "num_layers": num_layers, "intermediate_dim": intermediate_dim}
        config = TransformerConfig(vocabulary_size=vocabulary_size, num_heads=1, positions=None, **sizes)
        model = CausalLanguageModel(config)
        assert model.count_params() == EXERCISES["architecture-parameters"].reference(*inputs)


def test_the_book_draws_tokens_by_the_same_probabilities():
    assert check("architecture-sampling", Hidden(token_probabilities))


def test_mask_by_hand():
    expected = [[[1, 0, 0], [1, 1, 0], [1, 1, 0]]]
    mask = EXERCISES["architecture-mask"].reference(np.array([[7, 8, 0]]), 0)
    np.testing.assert_array_equal(mask, np.array(expected, bool))


def test_inputs_show_the_cases_that_tell_answers_apart():
    for token_ids, pad_id in drawn("architecture-mask"):
        padded = token_ids == pad_id
        assert not padded[0].any()
        assert padded[1, 0]
    assert any((token_ids < pad_id).any() and pad_id > 0 for token_ids, pad_id in drawn("architecture-mask"))
    logits, _, kept = zip(*drawn("architecture-sampling"), strict=True)
    assert max(np.abs(one).max() for one in logits) > 1000
    assert any(len(one) == k for one, k in zip(logits, kept, strict=True))
    assert 1 in kept
    assert min(one.max() for one in logits) < -8e6
    assert max(one.min() for one in logits) > 8e6


def filled(number, before=False):
    """Return an answer that gives a number as a score to what is cut, before the temperature or after it."""

    def answer(logits, temperature, top_k):
        cut = logits < np.sort(logits)[-top_k]
        scores = np.where(cut, number, logits) / temperature if before else np.where(cut, number, logits / temperature)
        odds = np.exp(scores - scores.max())
        return odds / odds.sum()

    return answer


@pytest.mark.parametrize(
    "number", [-50.0, -100.0, -1000.0, -2000.0, -5000.0, -10_000.0, -20_000.0, -100_000.0, -1_000_000.0, -4_000_000.0]
)
@pytest.mark.parametrize("before", [False, True])
def test_a_number_put_in_for_what_is_cut_is_refused(number, before):
    assert not check("architecture-sampling", filled(number, before))


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("number", [-np.inf, np.finfo(np.float64).min / 8, -1e9])
def test_minus_infinity_and_numbers_below_all_scores_pass(number, before):
    assert check("architecture-sampling", filled(number, before))
