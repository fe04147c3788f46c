"""What the benchmark of the encoder-decoder compares, and how it reports. Nothing here is timed."""

import concurrent.futures
import json

import numpy as np
import pytest

from tests.utils.translation.small import PAIRS, SMALL
from tools.bench import translation
from tools.measure import results
from utils.transformer import decoding
from utils.translation import fitting

FAST = {
    "VOCABULARY": 70,
    "TOKENS": 64,
    "BATCHES": 2,
    "WRITTEN": (2, 4),
    "SOURCES": 2,
    "SOURCE_LENGTH": 3,
    "STEP": (4, 5),
}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Sizes that take no time."""
    monkeypatch.setattr(fitting, "Settings", lambda: SMALL)
    for name, value in {**FAST, "WARM_UP": 0}.items():
        monkeypatch.setattr(translation, name, value)


@pytest.mark.slow
def test_torchs_side_has_as_many_parameters_but_for_its_last_norms_and_learns(require):
    require("torch")
    step = translation.theirs()
    assert step.parameters == translation.make_model().count_params() + 2 * 2 * SMALL.d_model
    inputs = translation.batch(4, 6, 5, seed=0)
    losses = [step(*inputs) for _ in range(200)]
    assert np.mean(losses[-20:]) < np.mean(losses[:20])


def test_rows_are_stored_with_the_command_and_a_race_without_its_corpus_is_left_out(monkeypatch, tmp_path, capsys):
    write = results.write_result
    monkeypatch.setattr(translation, "write_result", lambda *args, **named: write(*args, **named, folder=tmp_path))
    monkeypatch.setitem(translation.RACES, "step", lambda _: iter([{"race": "step", "ratio": 1.0}]))
    monkeypatch.setattr(translation.importlib.util, "find_spec", lambda name: name)
    monkeypatch.delenv("BOOK_DATA_DIR", raising=False)
    assert translation.main(["--repeats", "1"]) == 0
    assert "without real lengths: 'multi30k' is not part of the book" in capsys.readouterr().err
    written = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()}
    assert written.keys() == {"translation-step-bench", "translation-decoding-bench"}
    assert [row["tokens"] for row in written["translation-decoding-bench"]["rows"]] == [2, 4]
    assert written["translation-step-bench"]["rows"] == [{"race": "step", "ratio": 1.0}]
    for record in written.values():
        assert record["command"] == "python tools/bench/translation.py --repeats 1"


def test_some_races_are_run_and_an_interrupted_one_is_lost_alone(monkeypatch, tmp_path, capsys):
    write = results.write_result
    monkeypatch.setattr(translation, "write_result", lambda *args, **named: write(*args, **named, folder=tmp_path))

    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setitem(translation.RACES, "lengths", lambda _: iter([{"race": "lengths"}]))
    monkeypatch.setitem(translation.RACES, "decoding", interrupt)
    assert translation.main(["--races", "lengths", "decoding"]) == 130
    assert [path.name for path in tmp_path.iterdir()] == ["translation-lengths-bench.json"]
    assert "the race under way is lost" in capsys.readouterr().err


def test_without_torch_its_race_is_left_out(monkeypatch, capsys):
    monkeypatch.setattr(translation.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setitem(translation.RACES, "step", lambda _: pytest.fail("it was run"))
    assert translation.main(["--races", "step"]) == 0
    assert "torch is not installed" in capsys.readouterr().err


def test_useful_tokens_are_those_of_the_targets(monkeypatch, tmp_path):
    folder = tmp_path / "multi30k"
    folder.mkdir()
    for language, lines in {"en": PAIRS.source, "de": PAIRS.target}.items():
        (folder / f"train.{language}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.setenv("BOOK_DATA_DIR", str(tmp_path))
    seen, clock = [], iter(range(10**6))
    monkeypatch.setattr(translation, "ours", lambda: lambda source, labels: seen.append((source.shape, labels.shape)))
    monkeypatch.setattr(translation.time, "perf_counter", lambda: next(clock))
    (row,) = translation.lengths_rows(2)
    assert len(seen) == 2 * 2 * 2  # turns, ways, batches
    assert {source[0] == labels[0] for source, labels in seen} == {True}
    assert row["longest"] == max(source[1] for source, _ in seen)
    assert row["ratio"] > 0
    assert row["padded_useful_tokens_per_second"] < max(rows * row["longest"] for (rows, _), _ in seen) * 2


@pytest.mark.parametrize(("jax", "torch", "ratios"), [(2.0, 4.0, (2.0, 4.0)), (0.5, 0.25, (0.5, 0.25))])
def test_ratios_are_those_to_our_step_on_tensorflow(monkeypatch, jax, torch, ratios):
    seconds, opened = {"tensorflow": 1.0, "jax": jax, "torch": torch}, []

    class Process:
        def __init__(self, environment):
            self.name = environment["KERAS_BACKEND"]
            opened.append(self.name)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            opened.remove(self.name)

        def submit(self, call, side):
            assert side == ("theirs" if self.name == "torch" else "ours")
            done = concurrent.futures.Future()
            done.set_result(100 if call is translation.parameters else seconds[self.name])
            return done

    monkeypatch.setattr(translation, "start_process", Process)
    (row,) = translation.step_rows(2)
    assert (row["ratio_to_jax"], row["ratio"]) == ratios
    assert row["tokens_per_second"] == 4 * 5
    assert row["jax_tokens_per_second"] == 4 * 5 / jax
    assert not opened


def test_caches_that_write_something_else_are_noticed(monkeypatch):
    monkeypatch.setattr(decoding, "translate", lambda *_, use_cache: np.full((2, 2), int(use_cache)))
    with pytest.raises(RuntimeError, match="expected the same 2 tokens with the cache and without"):
        next(translation.decoding_rows(1))
