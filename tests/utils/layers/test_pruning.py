"""The task that needs two heads, and the cutting of heads: by hand, and by what each head contributes."""

import keras
import numpy as np
import pytest

from utils.layers import MultiHeadAttention, pruning


def generator(seed=3):
    return np.random.default_rng(seed)


def test_answers_are_the_number_before_minus_the_first():
    (places, numbers), answers = pruning.difference_examples(generator(), 5)
    np.testing.assert_array_equal(places, np.broadcast_to(np.eye(6), (5, 6, 6)))
    assert numbers.shape == answers.shape == (5, 6, 1)
    by_hand = [[n[max(t - 1, 0), 0] - n[0, 0] for t in range(6)] for n in numbers]
    np.testing.assert_array_equal(answers[..., 0], np.array(by_hand, "float32"))
    assert len(np.unique(numbers)) == 30


def test_the_same_generator_gives_the_same_examples_and_kernels():
    first, again = (pruning.difference_examples(generator(), 4)[1] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    kernels = pruning.head_kernels(generator(), 3)
    assert [kernel.shape for kernel in kernels] == [(6, 3, 8), (6, 3, 8), (1, 3, 1), (3, 1, 1)]


def test_a_layer_is_trained_from_the_kernels_that_are_given():
    examples, kernels = pruning.difference_examples(generator(), 64), pruning.head_kernels(generator(), 2)
    untrained, layer = pruning.train_heads(kernels, examples, steps=0)
    for kernel, given in zip(layer.get_weights(), kernels, strict=True):
        np.testing.assert_array_equal(kernel, given)
    trained, _ = pruning.train_heads(kernels, examples, steps=30)
    assert pruning.squared_error(trained, examples) < 0.8 * pruning.squared_error(untrained, examples)


def test_squared_error_is_the_mean_over_all_places():
    examples, kernels = pruning.difference_examples(generator(), 5), pruning.head_kernels(generator(), 2)
    model, layer = pruning.train_heads(kernels, examples, steps=0)
    (places, numbers), answers = examples
    output = keras.ops.convert_to_numpy(layer(query=places, key=places, value=numbers))
    by_hand = sum((float(a) - float(o)) ** 2 for a, o in zip(answers.flat, output.flat, strict=True)) / 30
    assert pruning.squared_error(model, examples) == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize("kept", [[1], [0, 2], [2, 0]])
def test_heads_that_are_kept_contribute_what_they_did(kept):
    kernels, x = pruning.head_kernels(generator(), 3), generator().normal(size=(2, 5, 6)).astype("float32")
    value = x[..., :1]
    cut = [*kernels[:-1], kernels[-1].copy()]
    for head in {0, 1, 2} - {*kept}:
        cut[-1][head] = 0
    outputs = []
    for weights in (cut, pruning.keep_heads(kernels, kept)):
        layer = MultiHeadAttention(weights[0].shape[1], 8, value_dim=1, output_shape=1, use_bias=False)
        layer.build(x.shape, value.shape, x.shape)
        layer.set_weights(weights)
        outputs.append(keras.ops.convert_to_numpy(layer(query=x, key=x, value=value)))
    np.testing.assert_allclose(*outputs, atol=1e-5)


def test_the_error_without_a_head_is_that_of_the_other_heads():
    examples, kernels = pruning.difference_examples(generator(), 9), pruning.head_kernels(generator(), 3)
    before = [kernel.copy() for kernel in kernels]
    errors = pruning.errors_without_each(kernels, examples)
    for cut, error in enumerate(errors):
        others = pruning.keep_heads(kernels, [head for head in range(3) if head != cut])
        model, _ = pruning.train_heads(others, examples, steps=0)
        assert error == pytest.approx(pruning.squared_error(model, examples), rel=1e-4)
    for kernel, given in zip(kernels, before, strict=True):
        np.testing.assert_array_equal(kernel, given)
