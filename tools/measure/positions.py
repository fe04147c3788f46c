"""Measure how far each way to tell positions goes beyond the length of training, and whether cars need any.

Trains the models of utils/order_tasks.py from scratch, all seeds of one model at once, on JAX. Ships' logs have 32
hours in training and 256 in the test; rotary hands are also stretched eightfold, with and without some training at the
new length. Takes some 20 minutes on one core; a run that was interrupted goes on with the figures it has.
"""

import argparse
import functools
import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from tqdm import tqdm

from tools.files import Kept
from tools.measure.results import ROOT, command_line, write_result
from utils import order_tasks, positions, runtime

SEEDS = (1, 2, 3, 4, 5)
TASKS = {"last port": order_tasks.ship_logs, "two hours ago": order_tasks.full_logs}
TRAINED, TESTED = 32, 256  # hours
FACTOR = TESTED // TRAINED
STEPS, LONG_STEPS, BATCH = 400, 2000, 32
TUNED_STEPS, TUNED_BATCH = 50, 4
RATE = 0.01
TEST_LOGS = 64
CAR_STEPS, CAR_PAIRS = 300, 500
TURNS = (1.0, 4.0)  # of YaRN: within 32 hours the fastest hand turns five times; the paper's 32 would keep none
BLOCKS = [32, 64, 128]
# Each way to tell positions, and what `LogReader` is given.
WAYS: dict[str, dict[str, Any]] = {
    "none": {"way": "none"},
    "learned": {"way": "learned"},
    "sinusoidal": {"way": "sinusoidal"},
    "rotary": {"way": "rotary"},
    "rotary, base 100": {"way": "rotary", "base": 100.0},
    "rotary, base 1,000,000": {"way": "rotary", "base": 1e6},
    "ALiBi": {"way": "ALiBi"},
    "T5": {"way": "T5"},
    "T5, 32 buckets to 128": {"way": "T5", "buckets": (32, 128)},
}
LONG = ("none", "sinusoidal", "rotary", "ALiBi")
STRETCHES = ("none", "interpolation", "ntk", "yarn")
WORK = ROOT / "_build" / "positions.json"
SOURCES = ("tools/measure/positions.py", "utils/order_tasks.py", "utils/positions.py", "utils/attention.py")


def stretched(method: str) -> dict[str, Any]:
    """Return what makes a rotary `LogReader` read logs eight times as long, by one of STRETCHES."""
    if method == "none":
        return {}
    frequencies = positions.stretched_frequencies(
        order_tasks.KEY_DIM, FACTOR, method=method, trained_length=TRAINED, turns=TURNS
    )
    return {"frequencies": frequencies, "sharpness": (1 + np.log(FACTOR) / 10) ** 2 if method == "yarn" else 1.0}


def starts(model: keras.Model, seeds: Sequence[int]) -> list[np.ndarray]:
    """Return initial weights with the seeds as their first axis."""
    drawn = [order_tasks.initial_weights(np.random.default_rng(seed), model) for seed in seeds]
    return [np.stack(weights) for weights in zip(*drawn, strict=True)]


def batches(task: Callable[..., Any], seeds: Sequence[int], steps: int, batch: int, *sizes: int) -> list[np.ndarray]:
    """Return inputs and answers (seeds, steps, batch, ...), drawn by each seed's own generator."""
    drawn = [task(np.random.default_rng((seed, 1)), steps * batch, *sizes)[:2] for seed in seeds]
    return [
        np.stack(arrays).reshape(len(seeds), steps, batch, *arrays[0].shape[1:]) for arrays in zip(*drawn, strict=True)
    ]


def train(model: keras.Model, loss: Any, weights: list[Any], inputs: np.ndarray, answers: np.ndarray) -> list[Any]:
    """Train all seeds side by side, each on its own batches; return the weights, seeds first."""
    import jax

    optimizer = keras.optimizers.Adam(RATE)
    optimizer.build(model.trainable_variables)
    fresh = [variable.value for variable in optimizer.variables]

    def step(state: Any, batch: Any) -> Any:
        current, memory = state
        slopes = jax.grad(lambda w: loss(batch[1], model.stateless_call(w, [], batch[0])[0]))(current)
        return optimizer.stateless_apply(memory, slopes, current), None

    def run(start: Any, xs: Any, ys: Any) -> Any:
        return jax.lax.scan(step, (start, fresh), (xs, ys))[0][0]

    return jax.jit(jax.vmap(run))(weights, inputs, answers)


def right_answers(model: keras.Model, weights: list[Any], task: Callable[..., Any]) -> np.ndarray:
    """Return the share of right answers at each hour of long logs, (seeds, hours); NaN where no answer counts."""
    import jax

    logs, ports, counted = task(np.random.default_rng(0), TEST_LOGS, TESTED)
    ask = jax.jit(jax.vmap(lambda w, x: model.stateless_call(w, [], x)[0].argmax(axis=-1), in_axes=(0, None)))
    given = [np.asarray(ask(weights, part)) for part in np.split(logs, len(logs) // 16)]
    right = np.concatenate(given, axis=1) == ports  # (seeds, logs, hours)
    return np.ma.array(right, mask=np.broadcast_to(~counted, right.shape)).mean(axis=1).filled(np.nan)


def summed_up(curve: np.ndarray) -> dict[str, Any]:
    """Return the share of right answers in four blocks of hours, and the hour up to which it stays above nine in ten.

    Example:
        >>> summed_up(np.where(np.arange(256) < 100, 1.0, 0.0))
        {'shares': [1.0, 1.0, 0.5625, 0.0], 'holds_until': 100}
    """
    shares = [round(float(np.nanmean(block)), 4) for block in np.split(curve, BLOCKS)]
    means = [np.nanmean(curve[hour : hour + 16]) for hour in range(len(curve) - 15)]
    low = next((hour for hour, mean in enumerate(means) if mean < 0.9), None)
    if low is None:
        return {"shares": shares, "holds_until": len(curve)}
    return {"shares": shares, "holds_until": int(low + np.argmax(curve[low : low + 16] < 0.9)) if low else 0}


def measure_cars(kind: str, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Train one car model for each seed; return its share of right answers on streams and their mirrors."""
    import jax

    table = np.asarray(positions.sinusoidal_positions(order_tasks.CARS, order_tasks.CAR_WIDTH))
    one_row = runtime.draw(np.random.default_rng(0), (1, order_tasks.CAR_WIDTH))[0]
    model = order_tasks.car_model({"none": None, "sinusoidal": table, "one row for all": one_row}[kind])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    inputs, answers = batches(order_tasks.car_streams, seeds, CAR_STEPS, BATCH)
    weights = train(model, loss, starts(model, seeds), inputs, answers[..., None])
    cars, red_first = order_tasks.car_streams(np.random.default_rng(0), CAR_PAIRS)
    rows = []
    for number, seed in enumerate(seeds):
        own = jax.tree.map(lambda weight, number=number: weight[number], weights)
        given, turned = (
            np.asarray(model.stateless_call(own, [], x)[0])[:, 0] for x in (cars, order_tasks.mirrored(cars))
        )
        right = np.mean([(given > 0) == red_first, (turned < 0) == red_first])
        rows.append({"task": "cars", "way": kind, "steps": CAR_STEPS, "seed": seed, "share": round(float(right), 4)})
    return rows


def measure_reader(task: str, way: str, steps: int, seeds: Sequence[int]) -> dict[str, Any]:
    """Train one way to tell positions for all seeds, and test it in every form; return rows and a curve."""
    settings, draw = WAYS[way], TASKS[task]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = built(settings)
    weights = train(model, loss, starts(model, seeds), *batches(draw, seeds, steps, BATCH, TRAINED))
    about = {"task": task, "way": way, "steps": steps}
    curves = right_answers(model, weights, draw)
    rows = described(curves, seeds, about)
    if settings["way"] == "rotary":
        rows += described(
            right_answers(built(settings | {"window": TRAINED}), weights, draw), seeds, about | {"window": TRAINED}
        )
    if way == "rotary" and steps == STEPS:
        longer = batches(draw, [seed + 1000 for seed in seeds], TUNED_STEPS, TUNED_BATCH, TESTED)
        for method in STRETCHES:
            other, named = built(settings | stretched(method)), about | {"stretched": method}
            if method != "none":
                rows += described(right_answers(other, weights, draw), seeds, named)
            tuned = train(other, loss, weights, *longer)
            rows += described(right_answers(other, tuned, draw), seeds, named | {"tuned_steps": TUNED_STEPS})
    mean = curves.mean(axis=0).reshape(-1, 8)  # an hour without a question is one for every seed
    return {"rows": rows, "curve": np.nanmean(mean, axis=1).round(4).tolist()}


def built(settings: dict[str, Any]) -> order_tasks.LogReader:
    """Return a built model."""
    model = order_tasks.LogReader(**settings)
    model.build((None, None))
    return model


def described(curves: np.ndarray, seeds: Sequence[int], about: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each seed."""
    return [about | {"seed": seed} | summed_up(curve) for seed, curve in zip(seeds, curves, strict=True)]


def measure(work: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """Return everything measured, by name, going on from what `work` holds if it comes from the same programs."""
    read = {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in SOURCES} | {"seeds": list(seeds)}
    found = Kept(work, read)
    jobs: dict[str, Callable[[], Any]] = {}
    for kind in ("none", "one row for all", "sinusoidal"):
        jobs[f"cars/{kind}"] = functools.partial(measure_cars, kind, seeds)
    for steps, ways in ((STEPS, WAYS), (LONG_STEPS, LONG)):
        for task in TASKS:
            for way in ways:
                jobs[f"{task}/{way}/{steps}"] = functools.partial(measure_reader, task, way, steps, seeds)
    for name, job in tqdm(jobs.items(), unit="model"):
        if name not in found:
            found[name] = job()
    return {name: found[name] for name in jobs}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when the file is written, 130 when interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=WORK, help="keeps figures on the way (default: in _build)")
    options = parser.parse_args(arguments)
    if keras.backend.backend() != "jax":
        parser.error(f"expected KERAS_BACKEND=jax, which trains all seeds at once; it is {keras.backend.backend()}")
    runtime.prepare(SEEDS[0])
    try:
        found = measure(options.work, SEEDS)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with the figures it has", file=sys.stderr)
        return 130
    cars = [row for name, rows in found.items() if name.startswith("cars/") for row in rows]
    logs = {name: entry for name, entry in found.items() if not name.startswith("cars/")}
    rows = cars + [row for entry in logs.values() for row in entry["rows"]]
    about = {
        "backend": "jax",
        "seeds": list(SEEDS),
        "hours": {"trained": TRAINED, "tested": TESTED, "blocks": [*BLOCKS, TESTED]},
        "sizes": {"width": order_tasks.WIDTH, "heads": order_tasks.HEADS, "key_dim": order_tasks.KEY_DIM},
        "training": {"batch": BATCH, "rate": RATE, "tuned_batch": TUNED_BATCH, "yarn_turns": list(TURNS)},
        "chance": 1 / order_tasks.PORTS,
        "curves": {name: entry["curve"] for name, entry in logs.items()},
    }
    command = command_line("tools/measure/positions.py", sys.argv[1:] if arguments is None else arguments)
    path = write_result("positions", rows, command, SEEDS[0], **about)
    print(f"wrote {path.name}: {len(rows)} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
