"""The loss of each batch, taken back out of the averages that Keras and ktrain make."""

import numpy as np
import pytest

from utils.finetuning.rates import batch_losses, smoothed, suggest_rate


@pytest.mark.parametrize("steps_per_epoch", [1, 4, 10, 25])
def test_the_two_averages_are_undone(steps_per_epoch):
    losses = np.random.default_rng(3).uniform(0.1, 2, 10)
    means = np.concatenate(
        [
            np.cumsum(part) / np.arange(1, len(part) + 1)
            for part in np.split(losses, range(steps_per_epoch, 10, steps_per_epoch))
        ]
    )
    assert batch_losses(smoothed(means, 0.98), 0.98, steps_per_epoch) == pytest.approx(losses, abs=1e-9)


def test_smoothing_keeps_what_is_constant_and_weighs_the_newest_most():
    assert smoothed(np.full(5, 3.0), 0.9) == pytest.approx(3.0)
    assert smoothed(np.array([1.0, 2.0]), 0.0) == pytest.approx([1, 2])
    assert smoothed(np.array([0.0, 0.0, 1.0]), 0.5)[-1] == pytest.approx(4 / 7)


def test_what_ktrain_keeps_is_smoothed_with_the_same_rule():
    from utils.finetuning import load_ktrain

    load_ktrain()
    import tf_keras
    from ktrain.lroptimize.lrfinder import LRFinder

    model = tf_keras.Sequential([tf_keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    finder, means = LRFinder(model), [0.7, 0.5, 0.9]
    finder.lr_mult = 1.0
    for mean in means:
        finder.on_batch_end(0, {"loss": mean})
    assert finder.losses == pytest.approx(smoothed(np.array(means), finder.beta))


RATES = np.geomspace(1e-7, 10, 41)


def valley(rates, losses):
    """Return what ktrain's finder picks."""
    from utils.finetuning import load_ktrain

    load_ktrain()
    from ktrain.lroptimize.lrfinder import LRFinder

    return LRFinder(None).valley(rates, losses)


def test_suggestion_lies_where_the_loss_falls():
    losses = np.where(RATES < 1e-4, 0.7, np.where(RATES < 1e-2, 0.7 - 0.2 * np.log10(RATES / 1e-4), RATES * 30))
    found = suggest_rate(RATES, losses, valley)
    assert 1e-4 < found < 1e-2
    diverged = np.where(RATES < 1e-2, losses, np.nan)
    assert suggest_rate(RATES, diverged, valley) == found


@pytest.mark.parametrize(
    "losses",
    [
        np.linspace(0.7, 9, 41),  # rises from the first rate on: ktrain answers 1e-7
        np.full(41, 0.7),
        np.full(41, np.nan),
        np.r_[0.7, np.full(40, np.inf)],
        np.r_[0.5, 0.9 - np.linspace(0, 0.3, 20), np.linspace(1, 9, 20)],  # falls, but never below where it began
    ],
)
def test_without_a_fall_no_rate_is_suggested(losses):
    assert np.isnan(suggest_rate(RATES, losses, valley))
