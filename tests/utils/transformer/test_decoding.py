"""Writing token by token: caches change the work alone, choices follow their probabilities, bad input is named."""

import contextlib
import dataclasses
import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.thinning import thinned
from utils.transformer import CausalLanguageModel, Transformer
from utils.transformer.config import TransformerConfig
from utils.transformer.costs import writing_cost
from utils.transformer.decoding import (
    count_reads,
    generate_tokens,
    greedy,
    sampler,
    token_probabilities,
    translate,
)

V = 23
CONFIG = TransformerConfig(
    vocabulary_size=V, d_model=12, num_layers=2, num_heads=3, intermediate_dim=17, max_length=9, start_id=1
)
CONFIGS = {
    "paper": CONFIG,
    "learned, pre-norm": dataclasses.replace(CONFIG, positions="learned", norm_first=True),
    "output of its own": dataclasses.replace(CONFIG, tie_output=False, embedding_norm=True),
}
PROMPT = np.array([[5, 9, 2], [7, 7, 11]])
SOURCE = np.array([[5, 9, 2, 14], [7, 11, 0, 0]])


def randomised(model, seed=1):
    rng = np.random.default_rng(seed)
    model.set_weights([0.4 * rng.normal(size=weight.shape).astype("float32") for weight in model.weights])
    return model


class Recorder:
    """A way to choose that keeps the scores it chose from."""

    def __init__(self, choose=greedy):
        self.choose, self.seen = choose, []

    def __call__(self, logits):
        self.seen.append(logits)
        return self.choose(logits)


def assert_same_writing(write, choosers=(lambda: greedy, lambda: sampler(np.random.default_rng(3), 0.7, 5))):
    for make in choosers:
        kept, again = Recorder(make()), Recorder(make())
        texts = write(choose=kept, use_cache=True), write(choose=again, use_cache=False)
        np.testing.assert_array_equal(*texts)
        assert len(kept.seen) == len(again.seen) == 6
        np.testing.assert_allclose(kept.seen, again.seen, rtol=1e-4, atol=1e-5)
    assert len({tuple(text) for text in texts[0]}) > 1


@pytest.mark.parametrize("config", thinned(CONFIGS.items(), every=len(CONFIGS)))
def test_a_language_model_writes_the_same_with_a_cache_and_without(config):
    model = randomised(CausalLanguageModel(config))
    assert_same_writing(lambda **options: generate_tokens(model, PROMPT, 6, **options))


@pytest.mark.parametrize("config", thinned(CONFIGS.items(), every=len(CONFIGS)))
def test_a_transformer_translates_the_same_with_a_cache_and_without(config):
    model = randomised(Transformer(config))
    assert_same_writing(lambda **options: translate(model, SOURCE, 6, **options))


@pytest.mark.parametrize(("prompt_length", "num_tokens"), [(1, 1), (1, 6), (3, 4)])
def test_tokens_read_are_counted_and_the_model_is_left_as_it_was(prompt_length, num_tokens):
    model = randomised(CausalLanguageModel(CONFIG))
    prompt, expected = PROMPT[:, :prompt_length], generate_tokens(model, PROMPT[:, :prompt_length], num_tokens)
    again = sum(range(prompt_length, prompt_length + num_tokens))
    for use_cache, reads in ((True, prompt_length + num_tokens - 1), (False, again)):
        text, counted = count_reads(model, prompt, num_tokens, use_cache=use_cache)
        np.testing.assert_array_equal(text, expected)
        assert counted == reads
    with pytest.raises(ValueError, match="argument `num_tokens` must be a positive integer"):
        count_reads(model, prompt, 0, use_cache=True)
    assert "call" not in vars(model.encoder.embedding)


def test_greedy_text_is_what_the_model_scores_highest_at_each_place():
    model = randomised(CausalLanguageModel(CONFIG))
    text = generate_tokens(model, PROMPT, 5)
    assert text.shape == (2, 8)
    np.testing.assert_array_equal(text[:, :3], PROMPT)
    scores = keras.ops.convert_to_numpy(model(text[:, :-1]))
    np.testing.assert_array_equal(scores[:, 2:].argmax(-1), text[:, 3:])
    translator = randomised(Transformer(CONFIG))
    target = translate(translator, SOURCE, 5)
    assert (target[:, 0] == 1).all()
    scores = keras.ops.convert_to_numpy(translator((SOURCE, target[:, :-1])))
    scores[..., 0] = -np.inf  # padding is not written
    np.testing.assert_array_equal(scores.argmax(-1), target[:, 1:])


def test_padding_of_a_source_does_not_change_its_translation():
    model = randomised(Transformer(CONFIG))
    padded = np.concatenate([SOURCE, np.zeros((2, 3), "int64")], axis=1)
    np.testing.assert_array_equal(translate(model, padded, 6), translate(model, SOURCE, 6))


def test_rows_that_have_written_the_end_are_filled_up_and_writing_stops_when_all_have():
    model = randomised(CausalLanguageModel(CONFIG))
    script = iter([[4, 6], [3, 8], [5, 3], [9, 9], [9, 9]])
    text = generate_tokens(model, PROMPT, 5, choose=lambda logits: np.array(next(script)), end_id=3)
    np.testing.assert_array_equal(text[:, 3:], [[4, 3, 0], [6, 8, 3]])
    assert next(script) == [9, 9]
    without_pad = randomised(CausalLanguageModel(dataclasses.replace(CONFIG, pad_id=None)))
    script = iter([[3, 6], [9, 8], [5, 3]])
    text = generate_tokens(without_pad, PROMPT, 5, choose=lambda logits: np.array(next(script)), end_id=3)
    np.testing.assert_array_equal(text[:, 3:], [[3, 3, 3], [6, 8, 3]])


class Multiplications:
    """Counts the multiplications of every matrix product that Keras is asked for."""

    def __init__(self, monkeypatch):
        from keras.src import ops as inner

        self.total, self.products = 0, 0
        for module in {inner, keras.ops}:
            for name in ("matmul", "einsum"):
                self._watch(monkeypatch, module, name)
        for kind in type(keras.ops.convert_to_tensor(0.0)).__mro__:
            with contextlib.suppress(TypeError):  # a class of C, which cannot be watched: the one below it can
                self._watch(monkeypatch, kind, "__matmul__")
                break

    def _watch(self, monkeypatch, module, name):
        original = getattr(module, name)

        def watched(*given):
            self.products += 1
            self.total += of_einsum(*given) if name == "einsum" else math.prod(given[0].shape) * given[1].shape[-1]
            return original(*given)

        monkeypatch.setattr(module, name, watched)


def of_einsum(equation, *operands):
    """Return the product of the sizes of all letters; an ellipsis stands for as many as the operand has more."""
    sizes = {}
    for letters, operand in zip(equation.split("->")[0].split(","), operands, strict=True):
        more = len(operand.shape) - len(letters.replace("...", ""))
        spelt = letters.replace("...", "αβγδ"[:more])
        sizes |= dict(zip(spelt, operand.shape, strict=True))
    return math.prod(sizes.values())


@pytest.mark.parametrize(("prompt_length", "num_tokens"), [(1, 1), (1, 6), (3, 4)])
@pytest.mark.parametrize("use_cache", [False, True])
def test_cost_is_what_is_really_multiplied(monkeypatch, prompt_length, num_tokens, use_cache):
    model = randomised(CausalLanguageModel(CONFIG))
    counter = Multiplications(monkeypatch)
    generate_tokens(model, PROMPT[:1, :prompt_length], num_tokens, use_cache=use_cache)
    slots = prompt_length + num_tokens - 1
    read = slots if use_cache else sum(range(prompt_length, slots + 1))  # tokens that pass through each layer
    scaling = CONFIG.num_layers * read * CONFIG.d_model  # of queries, which is no matrix product
    assert counter.total + scaling == writing_cost(CONFIG, prompt_length, num_tokens, use_cache=use_cache)
    assert counter.products == num_tokens * (1 + 8 * CONFIG.num_layers)


def test_a_cache_saves_more_the_longer_the_text():
    ratios = []
    for length in (2, 20, 200):
        costs = [writing_cost(CONFIG, 1, length, use_cache=cached) for cached in (False, True)]
        ratios.append(costs[0] / costs[1])
    assert ratios[0] < ratios[1] < ratios[2]
    assert ratios[2] > 20


def test_probabilities_by_hand():
    logits = np.log([[1.0, 3.0, 4.0, 2.0]])
    np.testing.assert_allclose(token_probabilities(logits), [[0.1, 0.3, 0.4, 0.2]])
    np.testing.assert_allclose(token_probabilities(logits, top_k=2), [[0, 3 / 7, 4 / 7, 0]])
    np.testing.assert_allclose(token_probabilities(logits, temperature=0.5), np.array([[1, 9, 16, 4]]) / 30)
    np.testing.assert_allclose(token_probabilities(logits, 0.5, 3), np.array([[0, 9, 16, 4]]) / 29)
    np.testing.assert_allclose(token_probabilities([[2.0, 2.0, 2.0]], top_k=2), [[0.5, 0.5, 0]])
    assert token_probabilities(np.float32([[1e4, -1e4]]), 1e-3).tolist() == [[1, 0]]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 99), st.floats(0.05, 20), st.integers(1, 9))
def test_probabilities_sum_to_one_keep_their_order_and_leave_top_k(seed, temperature, top_k):
    logits = np.random.default_rng(seed).normal(size=(3, 9))
    found = token_probabilities(logits, temperature, top_k)
    np.testing.assert_allclose(found.sum(-1), 1)
    assert ((found > 0).sum(-1) <= top_k).all()
    np.testing.assert_array_equal(found.argmax(-1), logits.argmax(-1))
    sharper = token_probabilities(logits, temperature / 2)
    assert (sharper.max(-1) >= token_probabilities(logits, temperature).max(-1)).all()


def test_tokens_are_drawn_as_often_as_their_probabilities_say():
    logits = np.log(np.tile([[1.0, 3.0, 4.0, 2.0]], (20_000, 1)))
    drawn = sampler(np.random.default_rng(0))(logits)
    np.testing.assert_allclose(np.bincount(drawn) / len(drawn), [0.1, 0.3, 0.4, 0.2], atol=0.012)
    again = sampler(np.random.default_rng(0))(logits)
    np.testing.assert_array_equal(drawn, again)
    assert set(sampler(np.random.default_rng(0), top_k=2)(logits)) == {1, 2}


def test_the_lowest_temperatures_choose_like_greedy():
    model = randomised(CausalLanguageModel(CONFIG))
    cold = generate_tokens(model, PROMPT, 5, choose=sampler(np.random.default_rng(0), temperature=1e-6))
    np.testing.assert_array_equal(cold, generate_tokens(model, PROMPT, 5))


@pytest.mark.parametrize("temperature", [0, -1, math.inf, math.nan])
def test_a_temperature_that_is_no_positive_number_is_refused_before_anything_is_written(temperature):
    with pytest.raises(ValueError, match=r"expected temperature to be positive and finite; received .* with `greedy`"):
        sampler(np.random.default_rng(0), temperature)


@pytest.mark.parametrize("top_k", [0, -2, 1.5, True])
def test_top_k_must_be_a_positive_integer(top_k):
    with pytest.raises(ValueError, match="argument `top_k` must be a positive integer"):
        token_probabilities(np.zeros((1, 4)), top_k=top_k)


def test_top_k_beyond_the_vocabulary_is_named():
    with pytest.raises(ValueError, match="expected top_k of at most 4, the vocabulary; received 5"):
        token_probabilities(np.zeros((1, 4)), top_k=5)


def test_what_cannot_be_continued_is_named():
    model = CausalLanguageModel(CONFIGS["learned, pre-norm"])
    for prompt in (PROMPT[:, :0], PROMPT[0], PROMPT / 2):
        with pytest.raises(
            ValueError, match=r"expected prompt to be integers \(batch, length\) with at least one token"
        ):
            generate_tokens(model, prompt, 3)
    with pytest.raises(ValueError, match="argument `num_tokens` must be a positive integer; got 0"):
        generate_tokens(model, PROMPT, 0)
    with pytest.raises(ValueError, match=r"at most 7 tokens to write after a prompt of 3, .* 9 positions; received 8"):
        generate_tokens(model, PROMPT, 8)
    assert generate_tokens(model, PROMPT, 7).shape == (2, 10)
    with pytest.raises(ValueError, match="expected token_ids from 0 to 22, as there are 23; received 23"):
        generate_tokens(model, np.array([[23]]), 2)
    assert generate_tokens(model, PROMPT[:0], 3).shape == (0, 6)


def test_a_target_without_start_token_is_named():
    model = Transformer(dataclasses.replace(CONFIG, start_id=None))
    with pytest.raises(ValueError, match="expected start_id, the token that every target begins with"):
        translate(model, SOURCE, 3)
    assert (translate(model, SOURCE, 3, start_id=6)[:, 0] == 6).all()


@pytest.mark.parametrize(("row", "place"), [(0, 0), (1, 1), (1, 2)])
def test_a_padded_prompt_is_refused_with_its_row_and_the_remedy(row, place):
    prompt = PROMPT.copy()
    prompt[row, place] = 0
    with pytest.raises(ValueError, match=rf"row {row} has pad_id=0 at place {place}\. Continue prompts of one length"):
        generate_tokens(randomised(CausalLanguageModel(CONFIG)), prompt, 2)
    without_pad = randomised(CausalLanguageModel(dataclasses.replace(CONFIG, pad_id=None)))
    assert generate_tokens(without_pad, prompt, 2).shape == (2, 5)


@pytest.mark.parametrize("use_cache", [True, False])
def test_padding_is_never_written_into_a_target_where_it_would_be_hidden(use_cache):
    model = randomised(Transformer(dataclasses.replace(CONFIG, tie_output=False)))
    kernel = model.output_layer.get_weights()[0]
    kernel[:, 0] = 3 * kernel[:, 21]  # 21 has the best score, and padding now a better one
    model.output_layer.set_weights([kernel])
    kept = Recorder()
    target = translate(model, SOURCE, 6, choose=kept, use_cache=use_cache)
    assert (target != 0).all()
    scores = keras.ops.convert_to_numpy(model((SOURCE, target[:, :-1])))
    assert (scores.argmax(-1) == 0).any()  # so padding would have been written
    seen = np.stack(kept.seen, axis=1)
    assert (seen[..., 0] == -np.inf).all()
    np.testing.assert_allclose(seen[..., 1:], scores[..., 1:], rtol=1e-4, atol=1e-4)
    with pytest.raises(
        ValueError, match=r"expected `choose` to return tokens; received 0, the padding that the decoder hid"
    ):
        translate(model, SOURCE, 6, choose=lambda logits: np.array([4, 0]), use_cache=use_cache)


def test_rows_of_a_target_that_ended_are_filled_up_with_padding():
    model = randomised(Transformer(CONFIG))
    script = iter([[4, 3], [5, 6], [3, 0]])
    target = translate(model, SOURCE, 5, choose=lambda logits: np.array(next(script)), end_id=3)
    np.testing.assert_array_equal(target, [[1, 4, 5, 3], [1, 3, 0, 0]])


@pytest.mark.parametrize("name", ["start_id", "end_id"])
def test_what_is_no_token_id_is_refused_by_name(name):
    model, writer = randomised(Transformer(CONFIG)), randomised(CausalLanguageModel(CONFIG))
    for wrong in (1.5, "x", True, -1, V, [1], np.float32(2)):
        with pytest.raises(ValueError, match=f"expected {name} to be a token id from 0 to 22, or None; received"):
            translate(model, SOURCE, 3, **{name: wrong})
        if name == "end_id":
            with pytest.raises(ValueError, match="expected end_id to be a token id from 0 to 22, or None; received"):
                generate_tokens(writer, PROMPT, 2, end_id=wrong)
    assert translate(model, SOURCE, 3, **{name: np.int64(4)}).shape[0] == 2


def test_a_target_may_begin_with_a_token_of_its_own_vocabulary_and_not_with_padding():
    model = randomised(Transformer(CONFIG, target_vocabulary_size=V + 5))
    assert (translate(model, SOURCE, 2, start_id=V + 4)[:, 0] == V + 4).all()
    with pytest.raises(
        ValueError, match="expected start_id to be another token than pad_id=0, which the decoder hides"
    ):
        translate(model, SOURCE, 2, start_id=0)


def test_a_target_cannot_end_with_padding_which_is_never_written():
    model = randomised(Transformer(CONFIG))
    with pytest.raises(ValueError, match="expected end_id to be another token than pad_id=0, which is never written"):
        translate(model, SOURCE, 3, end_id=0)
    writer = randomised(CausalLanguageModel(CONFIG))  # this one may write it
    text = generate_tokens(writer, PROMPT, 3, choose=lambda logits: np.array([0, 4]), end_id=0)
    np.testing.assert_array_equal(text[:, 3:], [[0, 0, 0], [4, 4, 4]])


@pytest.mark.parametrize("temperature", [1e-308, 5e-324, 1e-300])
def test_temperatures_next_to_zero_give_the_best_token_and_not_nan(temperature):
    logits = np.array([[1.0, 3.0, 2.0], [5.0, -4.0, 5.0]])
    np.testing.assert_array_equal(token_probabilities(logits, temperature), [[0, 1, 0], [0.5, 0, 0.5]])
    np.testing.assert_array_equal(token_probabilities(logits, temperature, 1), [[0, 1, 0], [1, 0, 0]])


@pytest.mark.parametrize("temperature", ["1", None, True, 1j, [1.0]])
def test_a_temperature_that_is_no_number_is_refused_by_name(temperature):
    with pytest.raises(ValueError, match="expected temperature to be positive and finite; received"):
        sampler(np.random.default_rng(0), temperature)


@pytest.mark.parametrize(("row", "told"), [([1, np.nan], "nan"), ([np.inf, 1], "inf"), ([-np.inf, -np.inf], "-inf")])
def test_scores_among_which_there_is_nothing_to_choose_are_refused(row, told):
    logits = np.array([[0.0, 1.0], row])
    for choose in (greedy, token_probabilities, sampler(np.random.default_rng(0))):
        with pytest.raises(ValueError, match=f"expected scores that are finite numbers, .* of a row is {told}"):
            choose(logits)
    np.testing.assert_array_equal(token_probabilities([[-np.inf, 2.0]]), [[0, 1]])


@pytest.mark.parametrize("use_cache", [True, False])
def test_a_model_whose_weights_are_nan_writes_nothing(use_cache):
    model = randomised(CausalLanguageModel(CONFIG))
    model.encoder.blocks[0].set_weights([np.nan * array for array in model.encoder.blocks[0].get_weights()])
    with pytest.raises(ValueError, match=r"Look for NaN or infinity in the model's weights"):
        generate_tokens(model, PROMPT, 2, use_cache=use_cache, choose=lambda logits: np.array([3, 4]))


@pytest.mark.parametrize("chosen", [[1.0, 2.0], [[1], [2]], [1], [1, V], [-1, 1], ["a", "b"], None])
def test_a_choice_that_is_no_token_for_each_row_is_refused(chosen):
    model = randomised(CausalLanguageModel(CONFIG))
    with pytest.raises(ValueError, match="expected `choose` to return a token id from 0 to 22 for each of 2 rows; rec"):
        generate_tokens(model, PROMPT, 2, choose=lambda logits: chosen)
