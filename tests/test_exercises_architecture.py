"""The exercises on the architecture: solutions pass, stubs fail, known mistakes are recognised in other words."""

import inspect

import numpy as np
import pytest
from architecture_slips import SLIPS
from architecture_solutions import BY_ID

from utils.exercises import check
from utils.exercises.checker import EXERCISES
from utils.transformer_config import TransformerConfig
from utils.transformer_decoding import token_probabilities

IDS = tuple(BY_ID)
NOTES = {
    "architecture-layer-norm": ", vectors whose entries hardly differ included",
    "architecture-mask": ", padding at the start included",
    "architecture-parameters": "",
    "architecture-tokens": ", with and without a cache",
    "architecture-sampling": ", large scores and top_k = V included",
}
MISTAKES = [(one, mistake) for one in IDS for mistake in EXERCISES[one].mistakes]


def drawn(exercise_id):
    exercise = EXERCISES[exercise_id]
    return [exercise.draw(trial) for trial in range(exercise.trials)]


@pytest.mark.parametrize("exercise_id", IDS)
def test_model_solution_passes_with_the_line_that_the_chapter_shows(exercise_id):
    line = f"✓ {exercise_id}: right on all 40 trials{NOTES[exercise_id]}"
    assert repr(check(exercise_id, BY_ID[exercise_id])) == line


@pytest.mark.parametrize("exercise_id", IDS)
def test_model_solution_is_short_and_has_the_signature_asked_for(exercise_id):
    source = inspect.getsource(BY_ID[exercise_id]).splitlines()
    assert len(source) <= 12
    assert source[0].strip() == f"def {EXERCISES[exercise_id].signature}:"


def test_chapter_has_these_five_exercises():
    assert {name for name in EXERCISES if name.startswith("architecture-")} == set(IDS)


def test_keras_normalises_in_the_same_way():
    import keras

    def by_keras(x, scale, shift, epsilon):
        layer = keras.layers.LayerNormalization(epsilon=epsilon, dtype="float64")
        layer.build(x.shape)
        layer.set_weights([scale, shift])
        return layer(x)

    assert check("architecture-layer-norm", by_keras)


def test_a_real_model_has_the_parameters_asked_for():
    from utils.transformer import CausalLanguageModel

    for inputs in drawn("architecture-parameters")[:4]:
        vocabulary_size, d_model, num_layers, intermediate_dim = inputs
        sizes = {"d_model": d_model, "num_layers": num_layers, "intermediate_dim": intermediate_dim}
        config = TransformerConfig(vocabulary_size=vocabulary_size, num_heads=1, positions=None, **sizes)
        model = CausalLanguageModel(config)
        assert model.count_params() == EXERCISES["architecture-parameters"].reference(*inputs)


def test_the_book_draws_tokens_by_the_same_probabilities():
    assert check("architecture-sampling", token_probabilities)


def test_tokens_read_by_hand():
    """Two tokens and three new ones: 2, 3 and 4 are read without a cache; 2, 1 and 1 with one."""
    reference = EXERCISES["architecture-tokens"].reference
    assert (reference(2, 3, False), reference(2, 3, True)) == (2 + 3 + 4, 2 + 1 + 1)


def test_mask_by_hand():
    expected = [[[1, 0, 0], [1, 1, 0], [1, 1, 0]]]
    mask = EXERCISES["architecture-mask"].reference(np.array([[7, 8, 0]]), 0)
    np.testing.assert_array_equal(mask, np.array(expected, bool))


@pytest.mark.parametrize("exercise_id", IDS)
def test_stubs_inputs_and_constants_fail(exercise_id):
    exercise = EXERCISES[exercise_id]
    memorised = exercise.reference(*exercise.draw(0))
    assert "not written yet" in check(exercise_id, lambda *inputs: None).message
    assert "returned its input" in check(exercise_id, lambda *inputs: inputs[0]).message
    assert "the same result on every trial" in check(exercise_id, lambda *inputs: memorised).message
    for constant in (0, 1.0, True, "text", (), np.zeros((3, 3))):
        assert not check(exercise_id, lambda *inputs, constant=constant: constant)


def test_inputs_show_the_cases_that_tell_answers_apart():
    assert {use_cache for *_, use_cache in drawn("architecture-tokens")} == {False, True}
    spreads = [np.std(x) for x, *_ in drawn("architecture-layer-norm")]
    assert min(spreads) < 0.01 < 0.3 < max(spreads)
    for token_ids, pad_id in drawn("architecture-mask"):
        padded = token_ids == pad_id
        assert not padded[0].any()
        assert padded[1, 0]
    logits, _, kept = zip(*drawn("architecture-sampling"), strict=True)
    assert max(np.abs(one).max() for one in logits) > 1000
    assert any(len(one) == k for one, k in zip(logits, kept, strict=True))


@pytest.mark.parametrize(("exercise_id", "mistake"), MISTAKES, ids=[f"{one}: {it.name}" for one, it in MISTAKES])
def test_known_mistake_fails_and_is_recognised_as_itself(exercise_id, mistake):
    with np.errstate(all="ignore"):
        verdict = check(exercise_id, mistake.answer)
    assert not verdict
    assert verdict.message.startswith(f"{exercise_id}: {mistake.message} (seen on ")
    assert verdict.hint == mistake.hint


@pytest.mark.parametrize("exercise_id", IDS)
def test_mistakes_of_an_exercise_have_names_and_messages_of_their_own(exercise_id):
    mistakes = EXERCISES[exercise_id].mistakes
    assert len(mistakes) >= 9
    for attribute in ("name", "message"):
        assert len({getattr(mistake, attribute) for mistake in mistakes}) == len(mistakes)


def test_every_known_mistake_is_written_in_other_words():
    assert {(one, name) for one, name, _ in SLIPS} == {(one, mistake.name) for one, mistake in MISTAKES}


@pytest.mark.parametrize(("exercise_id", "name", "answer"), SLIPS, ids=[f"{one}: {name}" for one, name, _ in SLIPS])
def test_mistake_is_recognised_in_other_words(exercise_id, name, answer):
    (mistake,) = (one for one in EXERCISES[exercise_id].mistakes if one.name == name)
    assert check(exercise_id, answer).message.startswith(f"{exercise_id}: {mistake.message} (seen on ")
