"""What the benchmark of encoders compares, and how it reports. Nothing here is timed."""

import json
from concurrent.futures import Future

import keras
import numpy as np
import pytest

from tools.bench import encoder as bench_encoder
from tools.bench import encoder_rows as bench_encoder_rows
from tools.bench.encoder_rows import Sizes
from tools.measure import results

TINY = Sizes(length=5, batch=3, vocabulary=17, width=6, heads=2, intermediate=7, layers=2)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["ours", "Keras layers", "torch.nn.TransformerEncoder"])
def test_contestants_have_equal_parameters_and_learn(require, model):
    if model.startswith("torch"):
        require("torch")
    seconds = bench_encoder_rows.timed_steps(model, False, TINY, warm_up=4, steps=2, seed=1)
    assert len(seconds) == 2
    assert min(seconds) > 0


@pytest.mark.slow
def test_ours_and_keras_layers_compute_the_same_loss():
    built = [bench_encoder_rows.BUILDERS[name](TINY, False) for name in ("ours", "Keras layers")]
    models = [step.__closure__[0].cell_contents for step, _ in built]
    ours, theirs = models
    assert {count for _, count in built} == {TINY.parameters()} == {ours.count_params(), theirs.count_params()}
    # Keras lists tokens, positions and type, then layer by layer attention, norm, network, norm.
    by_kind = {}
    for weight, array in zip(theirs.weights, theirs.get_weights(), strict=True):
        by_kind.setdefault(weight.path.split("/")[0].rstrip("0123456789_"), []).append(array)
    norms, dense, (positions, kind) = by_kind["layer_normalization"], by_kind["dense"], by_kind["positions_and_type"]
    ours.encoder.embedding.set_weights([*by_kind["embedding"], kind, positions, *norms[:2]])
    for at, block in enumerate(ours.encoder.blocks):
        block.attention.set_weights(by_kind["multi_head_attention"][8 * at : 8 * at + 8])
        block.feed_forward.set_weights(dense[4 * at : 4 * at + 4])
        block.attention_norm.set_weights(norms[4 * at + 2 : 4 * at + 4])
        block.feed_forward_norm.set_weights(norms[4 * at + 4 : 4 * at + 6])
    ours.pooler.set_weights(dense[-4:-2])
    ours.head.set_weights(dense[-2:])
    ids, labels = bench_encoder_rows.draw_batch(TINY, 0)
    scores = [keras.ops.convert_to_numpy(model(ids)) for model in models]
    np.testing.assert_allclose(*scores, atol=1e-5)
    for _ in range(3):
        losses = [step(ids, labels) for step, _ in built]
        np.testing.assert_allclose(*losses, rtol=1e-4)


def test_products_are_those_of_a_training_step_and_of_nothing_else():
    step, _ = bench_encoder_rows.build_products(TINY, "numpy")
    assert step(None, None) == 0
    multiplications = sum(many * rows * inner * columns for many, rows, inner, columns in TINY.products())
    tokens, width, wide = 3 * 5, 6, 7
    layer = 4 * tokens * width * width + 2 * tokens * width * wide + 2 * 3 * 5 * 5 * width
    assert multiplications == 3 * (2 * layer + 3 * (width * width + width * 2))  # forward, and twice that backward


def test_a_contestant_of_another_size_or_that_learns_nothing_is_refused(monkeypatch):
    builders = {"small": lambda sizes, option: (lambda *batch: 1.0, 5)}
    builders["lazy"] = lambda sizes, option: (lambda *batch: 1.0, sizes.parameters())
    monkeypatch.setattr(bench_encoder_rows, "BUILDERS", builders)
    with pytest.raises(RuntimeError, match=rf"expected small to have {TINY.parameters()} parameters; it has 5"):
        bench_encoder_rows.prepare_row("small", False, TINY, 2)
    with pytest.raises(RuntimeError, match=r"expected lazy to learn one batch; its loss went from 1.0 to 1.0"):
        bench_encoder_rows.prepare_row("lazy", False, TINY, 2)


SECONDS = {"tensorflow": 0.004, "tf-keras": 0.003, "numpy": 0.002}


class FakeProcess:
    """Answers as if each row took the milliseconds of its place."""

    def __init__(self, environment):
        self.place = next(name for name, told in bench_encoder.PLACES.items() if told.items() <= environment.items())
        self.ended = False

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.ended = True

    def submit(self, function, model, *rest):
        future = Future()
        future.set_result([(1.5 if model == "Keras layers" else 1) * SECONDS[self.place]] * 3)
        return future


def test_ratios_are_to_the_fastest_tensorflow_contestant_that_is_not_ours(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench_encoder, "start_process", FakeProcess)
    write = results.write_result
    monkeypatch.setattr(bench_encoder, "write_result", lambda *a, **named: write(*a, **named, folder=tmp_path))
    places = ["tensorflow", "tf-keras", "numpy"]
    assert bench_encoder.main(["--turns", "2", "--lengths", "64", "--places", *places]) == 0
    record = json.loads((tmp_path / "encoder-bench.json").read_text(encoding="utf-8"))
    assert (
        record["command"] == "python tools/bench/encoder.py --turns 2 --lengths 64 --places tensorflow tf-keras numpy"
    )
    assert record["sizes"]["width"] == 128
    found = {(row["model"], row["mode"]): row for row in record["rows"]}
    assert len(found) == 7
    assert found["ours", "XLA"]["ratio_to_fastest_tensorflow_peer"] == 0.75
    assert found["TFBert", "graph"]["ratio_to_fastest_tensorflow_peer"] == 1
    assert found["Keras layers", "graph"]["ratio_to_fastest_tensorflow_peer"] == 0.5
    assert found["ours", "graph"]["share_of_bound"] == 0.5
    assert found["ours", "graph"]["tokens_per_second"] == 64 * 32 / 0.004
    assert "512,000 tokens/s   0.50 of the bound   0.75" in capsys.readouterr().out


def test_a_dry_run_writes_nothing(monkeypatch):
    monkeypatch.setattr(bench_encoder, "start_process", FakeProcess)
    monkeypatch.setattr(bench_encoder, "write_result", lambda *a, **named: pytest.fail("something was written"))
    assert bench_encoder.main(["--turns", "1", "--places", "numpy", "--dry-run"]) == 0


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (RuntimeError("ours failed on jax"), 1, "ours failed on jax\nnothing was written"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_failed_and_interrupted_runs_write_nothing(monkeypatch, capsys, error, code, said):
    def measure(*request):
        raise error

    monkeypatch.setattr(bench_encoder, "measure", measure)
    monkeypatch.setattr(bench_encoder, "write_result", lambda *a, **named: pytest.fail("something was written"))
    assert bench_encoder.main(["--places", "jax"]) == code
    assert said in capsys.readouterr().err


def test_processes_end_whatever_happens(monkeypatch):
    processes = []

    class Failing(FakeProcess):
        def submit(self, *request):
            raise MemoryError("gone")

    def start(environment):
        processes.append(Failing(environment))
        return processes[-1]

    monkeypatch.setattr(bench_encoder, "start_process", start)
    assert bench_encoder.main(["--places", "numpy", "tensorflow"]) == 1
    assert [process.ended for process in processes] == [True, True]


def test_a_process_of_its_own_multiplies_and_what_fails_in_one_is_reported(monkeypatch):
    monkeypatch.setattr(bench_encoder, "Sizes", lambda length: TINY)
    (row,) = bench_encoder.measure(["numpy"], 64, 1)
    assert (row["model"], row["share_of_bound"]) == ("matrix products", 1)
    monkeypatch.setattr(bench_encoder, "ROWS", [bench_encoder.Row("no such model", "numpy", None)])
    with pytest.raises(RuntimeError, match="no such model failed on numpy: KeyError"):
        bench_encoder.measure(["numpy"], 64, 1)


def test_number_of_turns_is_checked(capsys):
    with pytest.raises(SystemExit):
        bench_encoder.main(["--turns", "0"])
    assert "expected --turns of at least 1; received 0" in capsys.readouterr().err
