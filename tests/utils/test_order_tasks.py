"""Cars and ships' logs: what they ask, and that their models are told positions as the chapter says."""

import numpy as np
import pytest
from keras import ops

from utils.order_tasks import (
    HEADS,
    LONGEST,
    WAYS,
    WIDTH,
    LogReader,
    car_model,
    car_streams,
    full_logs,
    initial_weights,
    mirrored,
    ship_logs,
)

numbers = ops.convert_to_numpy


def rng(seed=0):
    return np.random.default_rng(seed)


def reader(way, seed=1, **options):
    model = LogReader(way, **options)
    model.build((None, None))
    model.set_weights(initial_weights(rng(seed), model))
    return model


def test_a_stream_has_one_red_and_one_blue_car_and_the_answer_is_their_order():
    cars, red_first = car_streams(rng(), 200)
    assert cars.shape == (200, 8)
    for stream, answer in zip(cars.tolist(), red_first, strict=True):
        assert stream.count(0) == stream.count(1) == 1
        assert answer == (stream.index(0) < stream.index(1))
    assert 70 < red_first.sum() < 130
    assert (mirrored(mirrored(cars)) == cars).all()
    assert ((mirrored(cars) == 0) == (cars == 1)).all()


def test_without_positions_a_stream_and_its_mirror_get_one_answer_and_with_positions_two():
    cars, _ = car_streams(rng(), 11)
    for positions, told in ((None, False), (rng(2).normal(size=(1, 16)), False), (rng(2).normal(size=(8, 16)), True)):
        model = car_model(None if positions is None else positions.astype("float32"))
        model.set_weights(initial_weights(rng(1), model))
        gap = np.abs(numbers(model(cars)) - numbers(model(mirrored(cars)))).max()
        assert (gap > 1e-3) == told


def test_the_answer_to_a_log_is_the_port_entered_last():
    logs, ports, counted = ship_logs(rng(), 50, 23)
    for log, answers in zip(logs, ports, strict=True):
        last = 0
        for entry, answer in zip(log, answers, strict=True):
            last = entry or last
            assert answer == last
    assert (logs[:, 0] > 0).all()
    assert (counted == (logs == 0)).all()
    assert 0.7 < counted[:, 1:].mean() < 0.9


def test_the_answer_to_a_full_log_is_the_port_of_two_hours_ago():
    logs, ports, counted = full_logs(rng(), 7, 11)
    assert logs.min() > 0
    assert (ports[:, 2:] == logs[:, :-2]).all()
    assert (counted == (np.arange(11) >= 2)).all()


@pytest.mark.parametrize("way", WAYS)
def test_a_reader_looks_at_no_hour_to_come(way):
    model, (logs, _, _) = reader(way), ship_logs(rng(), 3, 13)
    before = numbers(model(logs))
    logs[:, 8] = 1 + logs[:, 8] % 8
    after = numbers(model(logs))
    np.testing.assert_allclose(after[:, :8], before[:, :8], atol=1e-5)
    assert np.abs(after[:, 8:] - before[:, 8:]).max() > 0.01


def test_readers_differ_in_nothing_but_what_they_are_told():
    logs, _, _ = ship_logs(rng(), 2, 13)
    found = {way: numbers(reader(way)(logs)) for way in WAYS}
    for way in WAYS[1:]:
        assert np.abs(found[way] - found["none"]).max() > 1e-3
    weights = {way: reader(way).get_weights() for way in WAYS}
    assert [len(weights[way]) for way in WAYS] == [6, 7, 6, 6, 6, 7]
    for way in WAYS:
        assert all((a == b).all() for a, b in zip(weights[way], weights["none"], strict=False))
    assert weights["learned"][6].shape == (LONGEST, WIDTH)
    assert weights["T5"][6].shape == (HEADS, 16)


def test_a_reader_with_a_window_sees_that_many_hours_and_no_more():
    model, (logs, _, _) = reader("rotary", window=4), full_logs(rng(), 2, 12)
    before = numbers(model(logs))
    logs[:, 3] = 1 + logs[:, 3] % 8
    changed = np.abs(numbers(model(logs)) - before).max(axis=(0, 2)) > 1e-4
    assert changed.tolist() == [hour in (3, 4, 5, 6) for hour in range(12)]


def test_frequencies_of_zero_tell_no_positions():
    logs, _, _ = ship_logs(rng(), 2, 9)
    still = reader("rotary", frequencies=np.zeros(8))
    np.testing.assert_allclose(numbers(still(logs)), numbers(reader("none")(logs)), atol=1e-5)


def test_unknown_ways_and_sizes_are_refused():
    with pytest.raises(ValueError, match=r"expected way to be one of none, learned, .*; received 'compass'"):
        LogReader("compass")
    for make in (car_streams, lambda rng, count: ship_logs(rng, count, 5), lambda rng, count: full_logs(rng, count, 5)):
        with pytest.raises(ValueError, match="argument `count` must be a positive integer; got 0"):
            make(rng(), 0)
