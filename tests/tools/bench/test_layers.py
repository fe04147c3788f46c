"""What the benchmark of layers compares, and how it reports. Nothing here is timed."""

import itertools
import json
import subprocess

import keras
import numpy as np
import pytest

from tools.bench import attention as bench
from tools.bench import layers as bench_layers
from tools.measure import results

SHAPE = (2, 3, 5)


@pytest.fixture
def inputs():
    return keras.ops.convert_to_tensor(np.random.default_rng(0).normal(size=SHAPE).astype("float32"))


def test_different_layers_are_refused(inputs):
    layers = bench_layers.make_pair(SHAPE)
    bench_layers.check_same(layers, inputs)
    layers[0].set_weights([1.1 * array + 0.1 for array in layers[0].get_weights()])
    with pytest.raises(RuntimeError, match=r"expected our layer's output to equal Keras's to 1e-5; it is off by \d"):
        bench_layers.check_same(layers, inputs)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_timed_calls_compute_what_they_claim(inputs, training, compiled):
    if compiled not in bench.modes(keras.backend.backend()):
        compiled = False
    layers = bench_layers.make_pair(SHAPE)
    results = [bench_layers.prepare_call(layer, inputs, training, compiled)() for layer in layers]
    found = [[keras.ops.convert_to_numpy(part) for part in (one if training else [one])] for one in results]
    shapes = [tuple(weight.shape) for weight in layers[1].trainable_weights] if training else [SHAPE]
    assert [part.shape for part in found[0]] == shapes
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
        assert ours.size


def test_rows_name_every_combination_once(monkeypatch):
    monkeypatch.setattr(bench_layers, "LENGTHS", (3, 5))
    monkeypatch.setattr(bench, "compare", lambda calls, repeats: (len(calls), repeats, 1.25))
    rows = list(bench_layers.measure(7))
    kinds = {(row["length"], row["pass"], row["mode"]) for row in rows}
    modes = ["eager"] if keras.backend.backend() == "torch" else ["eager", "compiled"]
    assert kinds == set(itertools.product((3, 5), ("forward", "training step"), modes))
    assert len(rows) == len(kinds)
    assert {(row["ours_ms"], row["keras_ms"], row["ratio"]) for row in rows} == {(2, 7, 1.25)}


def test_ratios_are_printed_and_stored(monkeypatch, tmp_path, capsys):
    row = {"length": 64, "pass": "forward", "mode": "eager", "ours_ms": 2.0, "keras_ms": 3.0}
    measured = {"jax": 1.5, "torch": 0.75}
    monkeypatch.setattr(bench_layers, "run_backend", lambda name, n: [row | {"backend": name, "ratio": measured[name]}])
    write = results.write_result
    monkeypatch.setattr(bench_layers, "write_result", lambda *args, **named: write(*args, **named, folder=tmp_path))
    assert bench_layers.main(["--repeats", "2", "--backends", "jax", "torch"]) == 0
    said = capsys.readouterr().out
    assert "jax: ours is 1.50 to 1.50 times as fast as Keras's layer" in said
    assert "torch: ours is 0.75 to 0.75 times" in said
    record = json.loads((tmp_path / "layers-bench.json").read_text(encoding="utf-8"))
    assert [stored["ratio"] for stored in record["rows"]] == [1.5, 0.75]
    assert record["command"] == "python tools/bench/layers.py --repeats 2 --backends jax torch"
    assert (record["batch"], record["width"], record["num_heads"], record["key_dim"]) == (32, 128, 4, 32)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (subprocess.CalledProcessError(3, ["python", "x.py"]), 1, "x.py failed with exit code 3; nothing was written"),
        (KeyboardInterrupt(), 130, "interrupted; nothing was written"),
    ],
)
def test_failed_and_interrupted_runs_write_nothing(monkeypatch, capsys, error, code, said):
    def run_backend(backend, repeats):
        raise error

    monkeypatch.setattr(bench_layers, "run_backend", run_backend)
    monkeypatch.setattr(bench_layers, "write_result", lambda *args, **named: pytest.fail("something was written"))
    assert bench_layers.main(["--backends", "jax"]) == code
    assert said in capsys.readouterr().err


def test_a_process_of_a_backend_hands_over_its_rows(monkeypatch, tmp_path):
    def run(command, env, check):
        assert env["KERAS_BACKEND"] == "jax"
        path = command[command.index("--rows-to") + 1]
        assert bench_layers.main(["--repeats", command[command.index("--repeats") + 1], "--rows-to", path]) == 0

    row = {"backend": "jax", "length": 3, "pass": "forward", "mode": "eager", "ours_ms": 2, "keras_ms": 3, "ratio": 1.5}
    monkeypatch.setattr(bench_layers, "measure", lambda repeats: [row | {"repeats": repeats}])
    monkeypatch.setattr(bench_layers.subprocess, "run", run)
    assert bench_layers.run_backend("jax", 4) == [row | {"repeats": 4}]


def test_number_of_repeats_is_checked(capsys):
    with pytest.raises(SystemExit):
        bench_layers.main(["--repeats", "0"])
    assert "expected --repeats of at least 1; received 0" in capsys.readouterr().err
