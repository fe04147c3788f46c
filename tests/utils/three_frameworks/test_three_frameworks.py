"""The encoder–decoder in NumPy and in Keras equals PyTorch's, forward and backward; what differs is seen."""

import keras
import numpy as np
import pytest
from keras import ops

from tools.reference import write as reference
from utils.gradients import weight_gradients
from utils.reference import reference_cases
from utils.three_frameworks.in_keras import KerasTranslator, keras_loss
from utils.three_frameworks.in_numpy import PAD, layer_norm, numpy_loss, numpy_scores, waves
from utils.three_frameworks.names import keras_names

CASES = reference_cases(reference.FOLDER / "three-frameworks.npz")
SOURCE, TARGET = CASES["ids"]["source"], CASES["ids"]["target"]
READ = TARGET[:, :-1]
SCORES, LOSS = CASES["pieces"]["scores"], CASES["pieces"]["loss"]
WEIGHTS, SLOPES = (keras_names(CASES[name], 2) for name in ("parameters", "gradients"))


def path_of(variable):
    return variable.path.partition("/")[2]


@pytest.fixture(scope="module")
def model():
    made = KerasTranslator(18, 8, 2, 11, 2)
    made(SOURCE, READ)
    for variable in made.trainable_variables:
        variable.assign(WEIGHTS[path_of(variable)])
    return made


def test_weights_have_the_paths_and_shapes_that_keras_gives_them(model):
    assert {path_of(v): tuple(v.shape) for v in model.trainable_variables} == {
        name: array.shape for name, array in WEIGHTS.items()
    }


def test_scores_and_loss_equal_those_of_torch(model):
    np.testing.assert_allclose(numpy_scores(SOURCE, READ, WEIGHTS), SCORES, atol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(model(SOURCE, READ)), SCORES, atol=1e-5)
    assert numpy_loss(SOURCE, TARGET, WEIGHTS) == pytest.approx(float(LOSS), abs=1e-5)
    assert float(ops.convert_to_numpy(keras_loss(model(SOURCE, READ), TARGET))) == pytest.approx(float(LOSS), abs=1e-5)


def test_gradients_equal_those_of_torch(model):
    found = weight_gradients(model, lambda call: keras_loss(call(SOURCE, READ), TARGET))
    for variable, slope in zip(model.trainable_variables, found, strict=True):
        np.testing.assert_allclose(slope, SLOPES[path_of(variable)], atol=1e-5, err_msg=variable.path)


@pytest.mark.parametrize("name", sorted(WEIGHTS))
def test_every_array_matters_but_the_bias_of_keys(name):
    moved = WEIGHTS | {name: WEIGHTS[name] + 0.1 * np.linspace(-1, 1, WEIGHTS[name].size).reshape(WEIGHTS[name].shape)}
    change = np.abs(numpy_scores(SOURCE, READ, moved) - SCORES).max()
    assert (change > 1e-4) == ("key/bias" not in name)


def test_rows_of_one_head_stay_together_and_heads_are_inputs_of_the_output():
    arrays = CASES["parameters"]
    stacked = arrays["transformer.decoder.layers.1.multihead_attn.in_proj_weight"]
    output = arrays["transformer.decoder.layers.1.multihead_attn.out_proj.weight"]
    place = "decoder_1/memory_attention"
    np.testing.assert_array_equal(WEIGHTS[f"{place}/key/kernel"][:, 1], stacked[12:16].T)
    np.testing.assert_array_equal(WEIGHTS[f"{place}/attention_output/kernel"][1], output[:, 4:].T)


def test_an_unknown_name_is_refused():
    with pytest.raises(KeyError, match="linear3"):
        keras_names(CASES["parameters"] | {"transformer.encoder.layers.0.linear3.weight": np.ones((2, 3))}, 2)


def test_layer_norm_with_an_epsilon_of_keras_is_that_of_keras():
    x = 0.02 * np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    norm = keras.layers.LayerNormalization()
    expected = ops.convert_to_numpy(norm(x))
    weights = {f"norm/{variable.name}": ops.convert_to_numpy(variable) for variable in norm.weights}
    np.testing.assert_allclose(layer_norm(x, weights, "norm", norm.epsilon), expected, atol=1e-5)
    assert np.abs(layer_norm(x, weights, "norm") - expected).max() > 0.1


def test_positions_are_a_sine_and_a_cosine_of_each_frequency():
    np.testing.assert_allclose(waves(3, 4)[2], [np.sin(2), np.cos(2), np.sin(0.02), np.cos(0.02)])


def test_padding_of_either_text_changes_no_score_of_a_word():
    longer = np.pad(SOURCE, ((0, 0), (0, 3)), constant_values=PAD)
    np.testing.assert_allclose(numpy_scores(longer, READ, WEIGHTS), SCORES, atol=1e-5)
    more = np.pad(READ, ((0, 0), (0, 2)), constant_values=PAD)
    np.testing.assert_allclose(numpy_scores(SOURCE, more, WEIGHTS)[:, :6], SCORES, atol=1e-5)
