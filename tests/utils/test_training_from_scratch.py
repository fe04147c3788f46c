"""Smoothed labels, perplexity, averaged checkpoints, like batches and the paper's rates, against other computations."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.schedules import InverseSquareRoot
from utils.training import like_lengths, masked_loss, mean_weights, perplexity, smoothed_loss

B, T, V = 3, 5, 7


def draw(seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(1, V, size=(B, T))
    labels[0, 3:] = labels[2, 1:] = 0
    return labels, 2 * rng.normal(size=(B, T, V)).astype("float32")


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.4, 1.0])
def test_smoothed_loss_equals_that_of_keras(smoothing):
    labels, logits = draw()
    theirs = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    expected = float(theirs(np.eye(V, dtype="float32")[labels[labels > 0]], logits[labels > 0]))
    assert float(smoothed_loss(labels, logits, smoothing)) == pytest.approx(expected, rel=1e-5)


def test_smoothed_loss_is_least_where_each_token_gets_its_target():
    target = np.full(V, 0.1 / V) + 0.9 * np.eye(V)[3]
    logits = np.log(target)[None, None].astype("float32")
    least = float(smoothed_loss([[3]], logits, 0.1))
    assert least == pytest.approx(-(target * np.log(target)).sum(), rel=1e-5)
    rng = np.random.default_rng(1)
    for _ in range(20):
        moved = logits + 0.3 * rng.normal(size=logits.shape).astype("float32")
        assert float(smoothed_loss([[3]], moved, 0.1)) > least


def test_padding_counts_in_none_of_them():
    labels, logits = draw()
    other = np.where((labels == 0)[..., None], -9 * logits, logits)
    for measure in (smoothed_loss, perplexity):
        assert float(measure(labels, other)) == float(measure(labels, logits))
        assert abs(float(measure(labels, -logits)) - float(measure(labels, logits))) > 0.1
    assert float(smoothed_loss(np.zeros((B, T), int), logits)) == 0
    assert float(perplexity(np.zeros((B, T), int), logits)) == 1


def test_perplexity_is_the_number_of_tokens_all_alike():
    labels, logits = draw()
    assert float(perplexity(labels, np.zeros((B, T, V), "float32"))) == pytest.approx(V, rel=1e-5)
    assert np.log(float(perplexity(labels, logits))) == pytest.approx(float(masked_loss(labels, logits)), rel=1e-5)


def test_weights_are_averaged_one_by_one():
    rng = np.random.default_rng(2)
    shapes = [(2, 3), (5,), ()]
    checkpoints = [[rng.normal(size=shape).astype("float32") for shape in shapes] for _ in range(4)]
    for at, weight in enumerate(mean_weights(iter(checkpoints))):
        np.testing.assert_allclose(weight, sum(each[at] for each in checkpoints) / 4, rtol=1e-5)
        assert weight.dtype == "float32"


@given(st.lists(st.integers(1, 30), min_size=1, max_size=40), st.integers(1, 9), st.integers(0, 99))
def test_each_text_is_in_one_batch_of_like_lengths(lengths, batch_size, seed):
    lengths = np.array(lengths)
    for rng in (None, np.random.default_rng(seed)):
        batches = like_lengths(lengths, batch_size, rng)
        assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
        assert sorted(map(len, batches)) == sorted(
            map(len, np.split(lengths, range(batch_size, len(lengths), batch_size)))
        )
        places = sum(len(batch) * lengths[batch].max() for batch in batches)
        ordered = np.sort(lengths)
        assert places == sum(
            len(one) * one.max() for one in np.split(ordered, range(batch_size, len(ordered), batch_size))
        )


def test_the_order_is_drawn_and_its_seed_repeats_it():
    lengths = np.random.default_rng(3).integers(1, 5, 60)
    one, same, other = (like_lengths(lengths, 7, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert [list(batch) for batch in one] == [list(batch) for batch in same]
    for batches in (one, other):  # not from the shortest on, nor from the longest
        widths = [lengths[batch].max() for batch in batches]
        assert widths not in (sorted(widths), sorted(widths, reverse=True))
    assert len({frozenset(batch) for batch in one} & {frozenset(batch) for batch in other}) < 2


@pytest.mark.parametrize(("d_model", "warm_up"), [(512, 4000), (64, 300), (7, 1)])
def test_rates_are_those_of_the_paper(d_model, warm_up):
    steps = np.arange(1, 3 * warm_up + 2)
    expected = [d_model**-0.5 * min(step**-0.5, step * warm_up**-1.5) for step in steps.tolist()]
    found = keras.ops.convert_to_numpy(InverseSquareRoot(d_model, warm_up)(steps - 1))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert steps[found.argmax()] == warm_up


def test_an_optimizer_follows_the_rates_and_they_come_back_from_a_file():
    schedule = InverseSquareRoot(16, warm_up=3, peak=2.0)
    assert float(schedule(2)) == pytest.approx(2.0) == 2 * float(schedule(11))
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    weight = keras.Variable(np.zeros(1, "float32"))
    optimizer = keras.optimizers.SGD(again)
    optimizer.build([weight])
    for step in range(6):
        before = float(weight[0])
        optimizer.apply([np.ones(1, "float32")], [weight])
        assert before - float(weight[0]) == pytest.approx(float(schedule(step)), rel=1e-4)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: smoothed_loss(draw()[0], draw()[1], 1.5), "`smoothing` must be a number from 0 to 1; got 1.5"),
        (lambda: smoothed_loss(draw()[0][:, :4], draw()[1]), r"labels of shape \(3, 5\)"),
        (lambda: mean_weights([]), "received 0 checkpoints of 0 kinds"),
        (lambda: mean_weights([[np.zeros(2)], [np.zeros(3)]]), "received 2 checkpoints of 2 kinds"),
        (lambda: like_lengths([1, 2], 0), "`batch_size` must be a positive integer; got 0"),
        (lambda: InverseSquareRoot(0, 4), "`d_model` must be a positive integer; got 0"),
        (lambda: InverseSquareRoot(4, 0), "`warm_up` must be a positive integer; got 0"),
        (lambda: InverseSquareRoot(4, 4, peak=0), "`peak` must be positive and finite; got 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
