"""The models as Keras models: saving, training, functional use, compiled calls, and what they refuse."""

import dataclasses
import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.conftest import ROOT
from tests.support.naive_blocks import numbers
from utils.training import masked_accuracy, masked_loss, shift_right
from utils.transformer import CausalLanguageModel, Decoder, Encoder, MaskedLanguageModel, TextClassifier, Transformer
from utils.transformer.config import TransformerConfig, paper_config
from utils.transformer.inputs import known_values

V = 11
CONFIG = TransformerConfig(
    vocabulary_size=V, d_model=8, num_layers=1, num_heads=2, intermediate_dim=12, max_length=6, dropout=0.0
)
LEARNED = dataclasses.replace(CONFIG, positions="learned", norm_first=True, tie_output=False)
IDS = np.array([[3, 4, 5, 0], [1, 2, 0, 0]])
MODELS = {
    "Encoder": (Encoder, {}, IDS),
    "Transformer": (Transformer, {}, (IDS, IDS[:, :3])),
    "Transformer of two vocabularies": (Transformer, {"target_vocabulary_size": 13}, (IDS, IDS[:, :3])),
    "CausalLanguageModel": (CausalLanguageModel, {}, IDS),
    "MaskedLanguageModel": (MaskedLanguageModel, {}, IDS),
    "TextClassifier": (TextClassifier, {"num_classes": 3, "pooling": "first"}, IDS),
}


@pytest.mark.parametrize("config", [CONFIG, LEARNED], ids=["paper", "learned"])
@pytest.mark.parametrize(("kind", "options", "inputs"), MODELS.values(), ids=MODELS)
def test_a_saved_model_computes_the_same(kind, options, inputs, config, tmp_path):
    model = kind(config, **options)
    config_again = json.loads(json.dumps(model.get_config()))["config"]
    assert TransformerConfig(**config_again) == config
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is kind
    assert loaded.count_params() == model.count_params()
    np.testing.assert_array_equal(numbers(loaded(inputs)), numbers(model(inputs)))


def test_weights_of_an_encoder_move_into_a_classifier():
    encoder, classifier = Encoder(CONFIG), TextClassifier(CONFIG, 2)
    assert np.abs(numbers(classifier.encoder(IDS)) - numbers(encoder(IDS))).max() > 1e-3
    classifier.encoder.set_weights(encoder.get_weights())
    np.testing.assert_array_equal(numbers(classifier.encoder(IDS)), numbers(encoder(IDS)))


def test_an_encoder_serves_in_a_functional_model():
    encoder, ids, mask = Encoder(LEARNED), keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="bool")
    model = keras.Model([ids, mask], encoder(ids, attention_mask=mask))
    assert model.output_shape == (None, None, 8)
    states = encoder(token_ids=ids, return_hidden_states=True)
    assert [state.shape for state in states] == [(None, None, 8)] * len(encoder(IDS, return_hidden_states=True))
    expected = numbers(encoder(IDS, attention_mask=IDS > 0))
    np.testing.assert_allclose(numbers(model([IDS, IDS > 0])), expected, atol=1e-6)


@pytest.mark.slow
def test_a_classifier_learns_which_of_two_tokens_came_first():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    ids = np.stack([rng.permutation(np.arange(1, 5)) for _ in range(256)])
    labels = (ids == 1).argmax(1) < (ids == 2).argmax(1)
    model = TextClassifier(dataclasses.replace(CONFIG, d_model=16, norm_first=True), 2)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    model.fit(ids, labels.astype("int32"), epochs=30, batch_size=64, verbose=0)
    assert model.evaluate(ids, labels.astype("int32"), verbose=0)[1] > 0.95


@pytest.mark.slow
def test_a_language_model_learns_a_text_that_repeats_itself():
    keras.utils.set_random_seed(0)
    text = np.tile(np.arange(1, 5), 3)[None].repeat(32, 0)  # 1 2 3 4 1 2 3 4 ...
    model = CausalLanguageModel(dataclasses.replace(CONFIG, norm_first=True))
    model.compile(keras.optimizers.Adam(0.02), masked_loss)
    model.fit(text[:, :-1], text[:, 1:], epochs=40, batch_size=32, verbose=0)
    np.testing.assert_array_equal(numbers(model(text[:1, :-1])).argmax(-1), text[:1, 1:])


@pytest.mark.slow
def test_a_transformer_learns_to_turn_a_text_round():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    source = rng.integers(2, V, (512, 3))
    target = source[:, ::-1].copy()
    wide = dataclasses.replace(CONFIG, d_model=32, num_heads=4, intermediate_dim=64, norm_first=True, start_id=1)
    model = Transformer(wide)
    model.compile(keras.optimizers.Adam(0.01), masked_loss)
    inputs = (source, numbers(shift_right(target, 1)))
    model.fit(inputs, target, epochs=12, batch_size=64, verbose=0)
    assert (numbers(model(tuple(array[:100] for array in inputs))).argmax(-1) == target[:100]).mean() > 0.95


def test_a_batch_of_no_texts_gives_no_vectors():
    assert tuple(Encoder(CONFIG)(IDS[:0]).shape) == (0, 4, 8)
    assert tuple(Transformer(CONFIG)((IDS[:0], IDS[:0])).shape) == (0, 4, V)
    assert tuple(TextClassifier(CONFIG, 3)(IDS[:0]).shape) == (0, 3)


@pytest.mark.parametrize("outside", [V, -1, 10_000])
def test_ids_outside_the_vocabulary_are_named(outside):
    wrong = IDS.copy()
    wrong[1, 2] = outside
    for model, inputs in (
        (Encoder(CONFIG), wrong),
        (CausalLanguageModel(CONFIG), wrong),
        (Transformer(CONFIG), (IDS, wrong)),
        (Transformer(CONFIG), (wrong, IDS)),
    ):
        with pytest.raises(ValueError, match=f"expected token_ids from 0 to 10, as there are 11; received {outside}"):
            model(inputs)


def test_compiled_an_id_outside_the_vocabulary_is_the_nearest_inside_and_never_nan():
    if keras.backend.backend() == "torch":
        pytest.skip("Keras does not compile on PyTorch, so that the check above always runs")
    model = Encoder(CONFIG)
    model.compile(jit_compile=True)
    wrong, nearest = np.array([[3, V + 5, 4]]), np.array([[3, V - 1, 4]])
    np.testing.assert_allclose(model.predict(wrong, verbose=0), numbers(model(nearest)), atol=1e-5)
    below, first = np.array([[3, -2, 4]]), np.array([[3, 0, 4]])
    np.testing.assert_allclose(model.predict(below, verbose=0), numbers(model(first)), atol=1e-5)


def test_values_are_known_of_arrays_and_not_of_placeholders():
    np.testing.assert_array_equal(known_values(keras.ops.convert_to_tensor(IDS)), IDS)
    assert known_values(keras.Input((3,), dtype="int32")) is None


def test_more_tokens_than_learned_positions_are_refused_and_sinusoids_have_no_end():
    long = np.ones((1, 7), "int64")
    with pytest.raises(ValueError, match=r"expected at most max_length=6 positions, .* received 7 tokens"):
        Encoder(LEARNED)(long)
    assert tuple(Encoder(CONFIG)(long).shape) == (1, 7, 8)


def test_ids_and_masks_of_another_form_are_named():
    encoder = Encoder(dataclasses.replace(CONFIG, num_token_types=2))
    with pytest.raises(ValueError, match="expected token_ids to be integers; received float32"):
        encoder(IDS.astype("float32"))
    with pytest.raises(ValueError, match=r"expected token_ids of shape \(batch, length\); received shape \(4,\)"):
        encoder(IDS[0])
    with pytest.raises(ValueError, match=r"attention_mask of the shape of token_ids, \(2, 4\), .* shape \(2, 3\)"):
        encoder(IDS, attention_mask=np.ones((2, 3), bool))
    with pytest.raises(ValueError, match=r"attention_mask of the shape of token_ids, \(2, 4\), .* shape \(2, 4, 4\)"):
        encoder(IDS, attention_mask=np.ones((2, 4, 4), bool))
    with pytest.raises(ValueError, match="expected token_type_ids from 0 to 1, as there are 2; received 2"):
        encoder(IDS, token_type_ids=np.full((2, 4), 2))


WRONG_MASKS = {
    "halves": 0.5 * (IDS > 0),
    "to be added": np.where(IDS > 0, 0, -1e9),
    "minus infinity": np.where(IDS > 0, 0, -np.inf),
    "NaN": np.where(IDS > 0, 1, np.nan),
    "twos": 2 * (IDS > 0),
    "minus ones": -1 * (IDS > 0).astype("int8"),
}


@pytest.mark.parametrize("mask", WRONG_MASKS.values(), ids=WRONG_MASKS)
def test_a_mask_of_other_numbers_than_0_and_1_is_refused(mask):
    memory = np.ones((2, 4, 8), "float32")
    for call in (
        lambda: Encoder(CONFIG)(IDS, attention_mask=mask),
        lambda: TextClassifier(CONFIG, 2)(IDS, attention_mask=mask),
        lambda: TextClassifier(CONFIG, 2, "first")(IDS, attention_mask=mask),
        lambda: Decoder(CONFIG)(IDS, memory, attention_mask=mask),
        lambda: Decoder(CONFIG)(IDS, memory, memory_mask=mask),
    ):
        with pytest.raises(ValueError, match=r"expected attention_mask .* received"):
            call()


@pytest.mark.parametrize("dtype", ["bool", "int32", "uint8", "float32", "float64"])
def test_zeros_and_ones_of_every_type_mean_what_booleans_mean(dtype):
    model = TextClassifier(CONFIG, 2)
    expected = numbers(model(IDS, attention_mask=IDS > 0))
    np.testing.assert_array_equal(numbers(model(IDS, attention_mask=(IDS > 0).astype(dtype))), expected)
    np.testing.assert_array_equal(numbers(model(IDS, attention_mask=(IDS > 0).astype(dtype).tolist())), expected)
    assert np.abs(numbers(model(IDS, attention_mask=IDS > -1)) - expected).max() > 1e-4


def test_while_tracing_a_mask_of_floats_is_refused_by_its_type_and_one_of_integers_is_not():
    ids = keras.Input((None,), dtype="int32")
    for kind in (lambda: Encoder(CONFIG), lambda: TextClassifier(CONFIG, 2)):
        with pytest.raises(ValueError, match=r"expected attention_mask .* received float32"):
            kind()(ids, attention_mask=keras.Input((None,), dtype="float32"))
        mask = keras.Input((None,), dtype="int32")
        model = kind()
        traced = keras.Model([ids, mask], model(ids, attention_mask=mask))
        whole = numbers(model(IDS, attention_mask=IDS > 0))
        np.testing.assert_allclose(numbers(traced([IDS, (IDS > 0).astype("int32")])), whole, atol=1e-6)


def test_a_target_that_does_not_begin_with_the_start_token_is_named():
    model = Transformer(dataclasses.replace(CONFIG, start_id=1))
    assert tuple(model((IDS, np.array([[1, 4], [1, 3]]))).shape) == (2, 2, V)
    with pytest.raises(ValueError, match=r"begin with the start token 1; row 1 begins with 4\. The decoder reads"):
        model((IDS, np.array([[1, 4], [4, 3]])))
    with pytest.raises(
        ValueError, match="expected target_ids to hold at least the start token; received rows of length 0"
    ):
        Transformer(CONFIG)((IDS, IDS[:, :0]))


@pytest.mark.parametrize("pair", [tuple, list])
@pytest.mark.parametrize("make", [np.asarray, keras.ops.convert_to_tensor])
def test_fit_refuses_targets_that_are_not_moved_before_it_changes_a_weight(pair, make):
    model = Transformer(dataclasses.replace(CONFIG, start_id=1))
    model.compile("sgd", masked_loss)
    before, labels = model.get_weights(), np.array([[1, 3, 4], [4, 3, 2]])
    with pytest.raises(ValueError, match=r"begin with the start token 1; row 1 begins with 4\. The decoder reads"):
        model.fit(pair([make(IDS), make(labels)]), make(labels), verbose=0)
    with pytest.raises(ValueError, match="begin with the start token 1"):
        model.fit(x=pair([make(IDS), make(labels)]), y=make(labels), verbose=0)
    assert all(map(np.array_equal, before, model.get_weights()))


def test_fit_trains_on_targets_that_are_moved_and_on_any_without_a_start_token():
    labels = np.array([[1, 3, 4], [4, 3, 2]])
    for start_id, shown in ((1, numbers(shift_right(labels, 1))), (None, labels)):
        model = Transformer(dataclasses.replace(CONFIG, start_id=start_id))
        model.compile("sgd", masked_loss)
        before = model.get_weights()
        assert len(model.fit((IDS, shown), labels, 2, epochs=1, verbose=0).history["loss"]) == 1
        assert not all(map(np.array_equal, before, model.get_weights()))


REFUSED = {
    "no vocabulary": ({"vocabulary_size": 0}, "argument `vocabulary_size` must be a positive integer"),
    "heads": (
        {"num_heads": 3},
        "expected d_model to be a multiple of num_heads=3, .* received d_model=8. The nearest .* is 9",
    ),
    "odd width": (
        {"d_model": 9, "num_heads": 3},
        "expected d_model to be even, .* received 9. Use 10, or learned positions",
    ),
    "positions": (
        {"positions": "rotary"},
        r"expected positions to be one of \('sinusoidal', 'learned', None\); .*'rotary'",
    ),
    "pad_id": ({"pad_id": V}, "expected pad_id to be a token id from 0 to 10, or None; received 11"),
    "start_id": ({"start_id": -1}, "expected start_id to be a token id from 0 to 10, or None; received -1"),
    "half a start_id": ({"start_id": 1.5}, r"expected start_id to be a token id from 0 to 10, or None; received 1\.5"),
    "pad_id as text": ({"pad_id": "0"}, "expected pad_id to be a token id from 0 to 10, or None; received '0'"),
}


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=REFUSED)
def test_a_configuration_that_cannot_be_is_refused_when_it_is_made(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CONFIG, **changes)


def test_other_choices_than_those_there_are_are_named():
    with pytest.raises(ValueError, match='expected size to be "base" or "big", the rows of table 3; received \'huge\''):
        paper_config("huge")
    with pytest.raises(ValueError, match='expected pooling to be "mean" or "first"; received \'max\''):
        TextClassifier(CONFIG, 2, "max")
    with pytest.raises(ValueError, match="argument `num_classes` must be a positive integer"):
        TextClassifier(CONFIG, 0)
    with pytest.raises(ValueError, match="argument `num_token_types` must be a positive integer"):
        dataclasses.replace(CONFIG, num_token_types=-1)


def test_a_decoder_alone_is_saved_with_an_embedding_of_its_own(tmp_path):
    decoder, memory = Decoder(CONFIG), np.ones((2, 3, 8), "float32")
    decoder.save(tmp_path / "decoder.keras")
    loaded = keras.saving.load_model(tmp_path / "decoder.keras")
    np.testing.assert_array_equal(numbers(loaded(IDS, memory)), numbers(decoder(IDS, memory)))


def test_a_compiled_model_is_saved_and_loaded_with_its_loss(tmp_path):
    model = CausalLanguageModel(CONFIG)
    model.compile(keras.optimizers.Adam(0.02), masked_loss, metrics=[masked_accuracy])
    model.fit(IDS[:, :-1], IDS[:, 1:], verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(IDS[:, :-1], IDS[:, 1:], verbose=0) == model.evaluate(IDS[:, :-1], IDS[:, 1:], verbose=0)
    loaded.fit(IDS[:, :-1], IDS[:, 1:], verbose=0)


@pytest.mark.slow
def test_a_compiled_model_is_loaded_where_the_models_alone_are_imported(tmp_path):
    model = CausalLanguageModel(CONFIG)
    model.compile("adam", masked_loss)
    model.fit(IDS[:, :-1], IDS[:, 1:], verbose=0)
    model.save(tmp_path / "model.keras")
    code = "import sys, keras\nfrom utils.transformer import Encoder\nprint(keras.saving.load_model(sys.argv[1]).loss)"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "model.keras"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "masked_loss" in done.stdout, done.stderr[-2000:]
