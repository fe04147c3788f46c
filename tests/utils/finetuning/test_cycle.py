"""The formula of the one-cycle schedule: by hand, its properties, and against ktrain itself."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.schedules import one_cycle

STEPS, PEAKS = st.integers(1, 400), st.floats(1e-6, 10)

# A process of its own: ktrain makes `tf.keras` Keras 2 for whatever runs beside it.
KTRAIN = """
import json
import math

import numpy as np

from utils.finetuning.ktrain_mends import load_ktrain

ktrain = load_ktrain()
import tf_keras
from ktrain.lroptimize.triangular import CyclicLR

def network():
    model = tf_keras.Sequential([tf_keras.layers.Dense(2, activation="softmax")])
    model.build((None, 3))
    model.compile(tf_keras.optimizers.legacy.Adam(), "categorical_crossentropy")
    return model

def played(model, steps, peak):
    cycle = CyclicLR(base_lr=peak / 10, max_lr=peak, step_size=math.ceil(steps / 2), verbose=0)
    cycle.set_model(model)
    cycle.on_train_begin()
    for step in range(steps):
        cycle.on_batch_end(step)
    return [float(rate) for rate in cycle.history["lr"]]

def fitted(rows, batch_size, epochs, peak):
    x, y = np.ones((rows, 3), "float32"), np.eye(2, dtype="float32")[np.arange(rows) % 2]
    learner = ktrain.get_learner(network(), (x, y), batch_size=batch_size)
    history = learner.fit_onecycle(peak, epochs, verbose=0)
    return [float(rate) for rate in history.history["lr"]]

model = network()
print(json.dumps({
    "callback": [
        (steps, peak, played(model, steps, peak))
        for steps in (1, 2, 3, 4, 5, 7, 8, 20, 31, 100, 313)
        for peak in (2e-5, 5e-4, 0.3)
    ],
    "learner": [
        (math.ceil(rows / size) * epochs, 5e-4, fitted(rows, size, epochs, 5e-4))
        for rows, size, epochs in ((17, 5, 3), (11, 4, 3))
    ],
}))
"""


def test_rates_by_hand_for_an_even_and_an_odd_number_of_steps():
    np.testing.assert_allclose(one_cycle(6, 1.0), [0.1, 0.4, 0.7, 1.0, 0.667, 0.334], rtol=1e-12)
    np.testing.assert_allclose(one_cycle(5, 2.0), [0.2, 0.8, 1.4, 2.0, 1.334], rtol=1e-12)
    np.testing.assert_allclose(one_cycle(1, 1.0), [0.1])


@settings(max_examples=50, deadline=None, derandomize=True)
@given(STEPS, PEAKS)
def test_rates_rise_to_the_peak_in_the_middle_and_fall(steps, peak):
    rates, middle = one_cycle(steps, peak), (steps + 1) // 2
    assert rates.shape == (steps,)
    assert (np.diff(rates[: middle + 1]) > 0).all()
    assert (np.diff(rates[middle:]) < 0).all()
    assert rates[0] == pytest.approx(peak / 10)
    if steps > 1:
        assert rates[middle] == pytest.approx(peak)


@pytest.mark.parametrize("steps", [0, -3, 2.0, "7", True])
def test_a_number_of_steps_that_is_not_a_positive_integer_is_refused(steps):
    with pytest.raises(ValueError, match=f"steps to be an integer of at least 1; received {steps!r}"):
        one_cycle(steps, 1e-3)


@pytest.mark.parametrize("peak", [0, -1e-3, float("nan"), float("inf")])
def test_a_peak_that_is_not_a_positive_number_is_refused(peak):
    with pytest.raises(ValueError, match=f"peak to be a learning rate above 0; received {peak!r}"):
        one_cycle(7, peak)


@pytest.mark.full
@pytest.mark.slow
def test_rates_are_those_of_ktrain_step_by_step():
    command = [sys.executable, "-c", KTRAIN]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert finished.returncode == 0, finished.stderr[-2000:]
    seen = json.loads(finished.stdout.splitlines()[-1])
    assert (len(seen["callback"]), len(seen["learner"])) == (33, 2)
    for steps, peak, rates in seen["callback"] + seen["learner"]:
        np.testing.assert_allclose(rates, one_cycle(steps, peak), rtol=1e-7, err_msg=f"{steps} steps, peak {peak}")
