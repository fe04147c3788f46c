"""What the benchmark of tied scores compares, and how it reports. Nothing here is timed."""

import json
import subprocess

import keras
import numpy as np
import pytest

from tools.bench import attention as bench
from tools.bench import logits
from tools.measure import results
from utils.transformer.embedding import TokenEmbedding

SHAPES = ((2, 3, 5), (7, 5), (2, 3, 7))


@pytest.fixture
def inputs():
    rng = np.random.default_rng(0)
    return [keras.ops.convert_to_tensor(rng.normal(size=shape).astype("float32")) for shape in SHAPES]


def test_both_sides_return_scores_and_gradients(inputs):
    hidden, table, cotangent = (keras.ops.convert_to_numpy(array).astype("float64") for array in inputs)
    expected = [hidden @ table.T, cotangent @ table, np.einsum("btv,btd->vd", cotangent, hidden)]
    for side in (logits.scores_and_gradients, logits.bare_products):
        for compiled in bench.modes(keras.backend.backend()):
            for got, want in zip(logits.prepare_call(side, inputs, compiled)(), expected, strict=True):
                got = keras.ops.convert_to_numpy(got).reshape(want.shape)
                np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def test_scores_that_differ_are_refused(inputs, monkeypatch):
    logits.check_same(inputs)
    monkeypatch.setattr(TokenEmbedding, "logits", lambda self, hidden: 2 * hidden @ keras.ops.transpose(self.table))
    with pytest.raises(RuntimeError, match=r"expected our scores and gradients to equal the bare products; .* off by"):
        logits.check_same(inputs)


def test_rows_are_measured_printed_and_stored_with_the_sizes(monkeypatch, tmp_path, capsys):
    for name, size in zip(("BATCH", "LENGTH", "WIDTH", "VOCABULARY"), (2, 3, 5, 7), strict=True):
        monkeypatch.setattr(logits, name, size)
    monkeypatch.setattr(bench, "compare", lambda calls, repeats: (8.0, 6.0, 0.75))
    monkeypatch.setattr(logits, "run_backend", lambda name, repeats: list(logits.measure(repeats)))
    write = results.write_result
    monkeypatch.setattr(logits, "write_result", lambda *args, **named: write(*args, **named, folder=tmp_path))
    backend = keras.backend.backend()
    assert logits.main(["--repeats", "2", "--backends", backend]) == 0
    assert "at most 1.33 times as long as the bare products (meant: at most 2)" in capsys.readouterr().out
    record = json.loads((tmp_path / "logits-bench.json").read_text(encoding="utf-8"))
    assert [row["mode"] for row in record["rows"]] == ["eager", "compiled"][: len(bench.modes(backend))]
    assert {(row["ours_ms"], row["bare_ms"], row["ratio"]) for row in record["rows"]} == {(8.0, 6.0, 0.75)}
    assert (record["vocabulary"], record["command"]) == (
        7,
        f"python tools/bench/logits.py --repeats 2 --backends {backend}",
    )


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

    monkeypatch.setattr(logits, "run_backend", run_backend)
    monkeypatch.setattr(logits, "write_result", lambda *args, **named: pytest.fail("something was written"))
    assert logits.main(["--backends", "jax"]) == code
    assert said in capsys.readouterr().err
