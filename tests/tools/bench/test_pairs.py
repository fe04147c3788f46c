"""What the benchmarks of ours against another compare, and how they report. Nothing here is timed."""

import json

import keras
import numpy as np
import pytest

from tests.support.benchmarked_rows import ends_its_process, interrupts, rows_of_a_process
from tools.bench import attention, layers, logits, pairs
from tools.measure import results
from utils.transformer.embedding import TokenEmbedding

BACKEND = keras.backend.backend()
EVERY_MODE = pairs.modes(BACKEND)
SHAPE = (2, 3, 5)


def tensors(*shapes):
    rng = np.random.default_rng(0)
    return [keras.ops.convert_to_tensor(rng.normal(size=shape).astype("float32")) for shape in shapes]


def arrays(tensors_or_one):
    parts = tensors_or_one if isinstance(tensors_or_one, list | tuple) else [tensors_or_one]
    return [keras.ops.convert_to_numpy(part) for part in parts]


def assert_all_close(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.reshape(other.shape), other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("compiled", EVERY_MODE)
def test_timed_attention_computes_what_it_claims(gradient, compiled):
    inputs = tensors(*[(2, 3, 5, 7)] * 3)
    sides = (attention.ours_in_keras_layout, attention.keras_operation)
    found, expected = (arrays(attention.prepare_call(side, inputs, gradient, compiled)()) for side in sides)
    assert [part.shape for part in expected] == [(2, 3, 5, 7)] * (3 if gradient else 1)
    assert_all_close(found, expected)


def test_different_attention_is_refused():
    inputs = tensors(*[(2, 3, 5, 7)] * 3)
    swapped = [keras.ops.swapaxes(array, 1, 2) for array in inputs]
    attention.check_same(inputs, swapped)
    with pytest.raises(RuntimeError, match=r"expected ours in the native layout to equal Keras's output to 1e-5"):
        attention.check_same([inputs[0] * 1.01, *inputs[1:]], swapped)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("compiled", EVERY_MODE)
def test_timed_layers_compute_what_they_claim(training, compiled):
    (inputs,), pair = tensors(SHAPE), layers.make_pair(SHAPE)
    found, expected = (arrays(layers.prepare_call(layer, inputs, training, compiled)()) for layer in pair)
    shapes = [tuple(weight.shape) for weight in pair[1].trainable_weights] if training else [SHAPE]
    assert [part.shape for part in expected] == shapes
    assert_all_close(found, expected)


def test_different_layers_are_refused():
    (inputs,), pair = tensors(SHAPE), layers.make_pair(SHAPE)
    layers.check_same(pair, inputs)
    pair[0].set_weights([1.1 * array + 0.1 for array in pair[0].get_weights()])
    with pytest.raises(RuntimeError, match=r"expected our layer's output to equal Keras's to 1e-5; it is off by \d"):
        layers.check_same(pair, inputs)


@pytest.mark.parametrize("side", [logits.scores_and_gradients, logits.bare_products])
@pytest.mark.parametrize("compiled", EVERY_MODE)
def test_timed_scores_come_with_their_gradients(side, compiled):
    inputs = tensors((2, 3, 5), (7, 5), (2, 3, 7))
    hidden, table, cotangent = (array.astype("float64") for array in arrays(inputs))
    expected = [hidden @ table.T, cotangent @ table, np.einsum("btv,btd->vd", cotangent, hidden)]
    assert_all_close(arrays(pairs.waiting_call(side, inputs, compiled)()), expected)


def test_different_scores_are_refused(monkeypatch):
    inputs = tensors((2, 3, 5), (7, 5), (2, 3, 7))
    logits.check_same(inputs)
    monkeypatch.setattr(TokenEmbedding, "logits", lambda self, hidden: 2 * hidden @ keras.ops.transpose(self.table))
    with pytest.raises(RuntimeError, match=r"expected our scores and gradients to equal the bare products; .* off by"):
        logits.check_same(inputs)


def test_each_benchmark_yields_every_combination_once_with_its_figures(monkeypatch):
    monkeypatch.setattr(pairs, "compare", lambda calls, repeats: (len(calls), repeats, 1.25))
    monkeypatch.setattr(attention, "SHAPES", ((2, 3, 5, 7),))
    monkeypatch.setattr(layers, "LENGTHS", (3, 5))
    monkeypatch.setattr(logits, "VOCABULARY", 11)
    for benchmark, kinds in ((attention, 4), (layers, 4), (logits, 1)):
        rows = list(benchmark.measure(7))
        assert len({json.dumps(row) for row in rows}) == len(rows) == kinds * len(EVERY_MODE)
        assert {list(row.values())[-3:] == [2, 7, 1.25] for row in rows} == {True}


def test_calls_take_turns_at_going_first_and_warm_up_is_not_timed(monkeypatch):
    called, now = [], [0.0]

    def call(name, seconds):
        called.append(name)
        now[0] += seconds[(len(called) - 1) // 2]

    monkeypatch.setattr(pairs.time, "perf_counter", lambda: now[0])
    calls = (lambda: call("a", [99, 99, 99, 1, 2, 6]), lambda: call("b", [99, 99, 99, 4, 6, 6]))
    assert pairs.compare(calls, repeats=3) == (2000, 6000, 3)
    assert "".join(called) == "ba" + "ab" + "ba" + "ab" + "ba" + "ab"


BENCHMARK = layers.BENCHMARK._replace(measure=rows_of_a_process)


def test_each_backend_is_measured_in_a_process_of_its_own_and_stored_with_the_sizes(monkeypatch, tmp_path, capfd):
    write = results.write_result
    monkeypatch.setattr(pairs, "write_result", lambda *args, **named: write(*args, **named, folder=tmp_path))
    assert BENCHMARK.main(["--repeats", "3", "--backends", "jax", "torch"]) == 0
    said = capfd.readouterr().out
    assert "backend torch  ours_ms 2.0  keras_ms 3.0  ratio 1.5\n" in said
    assert "jax: ours is 1.50 to 1.50 times as fast as Keras's layer" in said
    record = json.loads((tmp_path / "layers-bench.json").read_text(encoding="utf-8"))
    assert [row["backend"] for row in record["rows"]] == ["jax", "torch"]
    assert record["command"] == "python tools/bench/layers.py --repeats 3 --backends jax torch"
    assert (record["batch"], record["width"], record["num_heads"], record["key_dim"]) == (32, 128, 4, 32)


@pytest.mark.parametrize(
    ("measure", "code", "said"),
    [
        (ends_its_process, 1, "jax could not be measured; nothing was written"),
        (interrupts, 130, "interrupted; nothing was written"),
    ],
)
def test_failed_and_interrupted_runs_write_nothing(monkeypatch, capsys, measure, code, said):
    monkeypatch.setattr(pairs, "write_result", lambda *args, **named: pytest.fail("something was written"))
    assert BENCHMARK._replace(measure=measure).main(["--backends", "jax"]) == code
    assert said in capsys.readouterr().err


def test_number_of_repeats_is_checked(capsys):
    with pytest.raises(SystemExit):
        BENCHMARK.main(["--repeats", "0"])
    assert "expected --repeats of at least 1; received 0" in capsys.readouterr().err
