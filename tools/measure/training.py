"""Measure what each part of the paper's recipe does for a small translator of numbers, and what three mistakes do.

Five seeds, each with its own numbers kept apart, initial weights, order and dropout. A row is one training in one
setting: the loss every 25 steps, the loss and the share of numbers written without a mistake on numbers kept apart, by
the last weights and by the mean of the last five checkpoints, and on six digits where no more than five were learnt.
The weights of the first seed, at a third of the way and at the end, are kept in half precision in
data/checkpoints/numbers.npz. Takes some forty minutes; a run that was interrupted goes on with the trainings that it
has.
"""

import argparse
import dataclasses
import functools
import itertools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import keras
import numpy as np
from keras import ops
from tqdm import tqdm

from tools.files import Kept
from tools.measure.results import ROOT, command_line, write_result
from utils import number_words, runtime, training
from utils.number_translator import CONFIG
from utils.number_words import END_ID, LANGUAGES, PAD_ID, START_ID
from utils.schedules import InverseSquareRoot
from utils.transformer import Transformer
from utils.transformer.decoding import beam_search, translate

SEEDS = (0, 1, 2, 3, 4)
SIZES = {name: getattr(CONFIG, name) for name in ("d_model", "num_heads", "num_layers", "intermediate_dim")}
STEPS, BATCH, WARM_UP = 900, 128, 300
SHORT = 300  # steps of what fails
PEAK = (64 * WARM_UP) ** -0.5  # of the paper's schedule, d^-½ · warm-up^-½
LOW = 0.002  # a rate that needs no rise
CONSTANT = {"constant": PEAK, f"constant {LOW}": LOW}
RECORD, TRY, AVERAGED = 25, 300, 5  # steps between records and between tries; checkpoints averaged
HELD_OUT, LONGER, LONGEST = 150, 100, 14
BEAMS = (1, 2, 4, 8)
RECIPE = {"rate": "inverse square root", "smoothing": 0.1, "dropout": 0.1, "beta_2": 0.98, "mistake": None}
SETTINGS = {
    "recipe": {},
    "no warm-up": {"rate": "no warm-up"},
    "constant rate": {"rate": "constant"},
    "constant 0.002": {"rate": "constant 0.002"},
    "no label smoothing": {"smoothing": 0.0},
    "no dropout": {"dropout": 0.0},
    "β₂ = 0.999": {"beta_2": 0.999},
    "ten times the rate": {"rate": "ten times"},
    "shift forgotten": {"mistake": "shift"},
    "padding counted": {"mistake": "padding"},
    "causal mask forgotten": {"mistake": "causal mask"},
}
FAILURES = ("ten times the rate", "shift forgotten", "padding counted", "causal mask forgotten")
WORK = ROOT / "_build" / "training.json"
WEIGHTS = ROOT / "data" / "checkpoints" / "numbers.npz"


class RatesByStep(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate for each step, from a table.

    Args:
        rates: one for each step; the last holds from there on.
    """

    def __init__(self, rates: np.ndarray):
        self.rates = np.asarray(rates, "float32")

    def __call__(self, step: Any) -> Any:
        """Return the rate of a step, counted from 0."""
        at = ops.minimum(ops.cast(step, "int32"), len(self.rates) - 1)
        return ops.take(ops.convert_to_tensor(self.rates), at)


def rates(kind: str, steps: int) -> np.ndarray:
    """Return the learning rate of each step.

    Args:
        kind: "inverse square root" for the paper's schedule; "no warm-up" for the same without its rise; "constant" for
            its peak at every step; "constant 0.002" for `LOW` at every step; "ten times" for ten times the paper's.
        steps: how many.

    Returns:
        Float array (steps,).
    """
    schedule = np.array(InverseSquareRoot(SIZES["d_model"], WARM_UP)(np.arange(steps)))
    if kind == "no warm-up":
        return np.where(np.arange(1, steps + 1) < WARM_UP, PEAK, schedule)
    if kind in CONSTANT:
        return np.full(steps, CONSTANT[kind])
    return 10 * schedule if kind == "ten times" else schedule


def new_model(dropout: float, mistake: str | None) -> Transformer:
    """Return an untrained translator of numbers: the paper's order of norms, two layers of width 64 on each side."""
    start_id = None if mistake == "shift" else START_ID  # with it the model refuses targets that are not moved
    return Transformer(dataclasses.replace(CONFIG, dropout=dropout, start_id=start_id))


def drawn_pairs(numbers: np.ndarray, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return so many sources and targets, numbers of each length and both languages alike often."""
    drawn = number_words.draw_numbers(numbers, count, rng)
    return number_words.encode_numbers(drawn, [LANGUAGES[at] for at in rng.integers(2, size=count)])


def loss_of(smoothing: float, mistake: str | None) -> Callable[[Any, Any], Any]:
    """Return the loss of a setting: smoothed, padding left aside unless that is the mistake."""

    def loss(labels: Any, logits: Any) -> Any:
        pad_id = -1 if mistake == "padding" else PAD_ID  # no label is -1
        return training.smoothed_loss(labels, logits, smoothing=smoothing, pad_id=pad_id)

    return loss


def forget_causal_mask(model: Transformer) -> None:
    """Let every token of a target see those after it, as a decoder without its causal mask does."""
    for block in model.decoder.blocks:
        block.call = functools.partial(block.call, use_causal_mask=False)


def written(model: Transformer, numbers: np.ndarray, write: Callable[..., np.ndarray] = translate) -> dict[str, float]:
    """Return for each language the share of numbers that are written without a mistake."""
    found = {}
    for language in LANGUAGES:
        source, target = number_words.encode_numbers(numbers, language)
        texts = write(model, source, LONGEST, start_id=START_ID, end_id=END_ID)
        found[language] = round(float(number_words.exact_matches(texts, target).mean()), 4)
    return found


def train(setting: str, seed: int, steps: int = STEPS) -> tuple[dict[str, Any], dict[str, list[np.ndarray]]]:
    """Train one model; return its row of figures, and its weights at a third of the way and at the end.

    The weights at the end are the mean of the last checkpoints.
    """
    recipe = RECIPE | SETTINGS[setting]
    rng = runtime.prepare(seed)
    learnt, apart = number_words.split_numbers(seed=seed)
    source, labels = drawn_pairs(learnt, steps * BATCH, rng)
    shown = labels if recipe["mistake"] == "shift" else np.array(training.shift_right(labels, START_ID))
    trial = np.random.default_rng(seed)
    held_out = trial.choice(apart, HELD_OUT, replace=False)
    longer = trial.integers(100_000, 1_000_000, LONGER)
    asked = number_words.encode_numbers(np.repeat(held_out, 2), LANGUAGES * HELD_OUT)

    model = new_model(recipe["dropout"], recipe["mistake"])
    if recipe["mistake"] == "causal mask":
        forget_causal_mask(model)
    adam = keras.optimizers.Adam(RatesByStep(rates(recipe["rate"], steps)), beta_2=recipe["beta_2"], epsilon=1e-9)
    model.compile(adam, loss_of(recipe["smoothing"], recipe["mistake"]), jit_compile=runtime.jit_compile())
    row = {"setting": setting, "seed": seed, "steps": steps, "loss": [], "held-out loss": [], "held-out exact": []}
    checkpoints, kept = [], {}
    for step in range(RECORD, steps + 1, RECORD):
        part = slice((step - RECORD) * BATCH, step * BATCH)
        fitted = model.fit((source[part], shown[part]), labels[part], batch_size=BATCH, shuffle=False, verbose=0)
        row["loss"].append(finite(fitted.history["loss"][0]))
        if step > steps - AVERAGED * RECORD:
            checkpoints.append(model.get_weights())
        if step % TRY == 0:
            row["held-out loss"].append(finite(held_out_loss(model, *asked, recipe["mistake"])))
            row["held-out exact"].append(written(model, held_out[: HELD_OUT // 2]) | {"step": step})
        if setting == "recipe" and 3 * step == steps:
            kept["third"] = model.get_weights()
            row["beams at a third"] = beams(model, held_out)
    row["last"] = written(model, held_out)
    kept["end"] = training.mean_weights(checkpoints)
    if np.isfinite(row["loss"][-1]):
        model.set_weights(kept["end"])
    row["averaged"] = written(model, held_out)
    row["six digits"] = written(model, longer)
    row["writes"] = {language: sample(model, language) for language in LANGUAGES}
    row["parameters"] = model.count_params()
    if setting == "recipe":
        row["beams"] = beams(model, held_out)
    return row, kept


def sample(model: Transformer, language: str) -> str:
    """Return what a model writes for one number, 4,207."""
    source, _ = number_words.encode_numbers([4_207], language)
    row = translate(model, source, LONGEST, start_id=START_ID, end_id=END_ID)[0, 1:]
    return number_words.join_words((word for word in number_words.token_names(row) if word != "[end]"), language)


def finite(number: float) -> float:
    """Return a loss to four decimals, or a very large number where it is no number any more: JSON has no NaN."""
    return round(float(number), 4) if np.isfinite(number) else 1e9


def held_out_loss(model: Transformer, source: np.ndarray, labels: np.ndarray, mistake: str | None) -> float:
    """Return the loss of a token kept apart, in nats, not smoothed: the target is shown as in training."""
    shown = labels if mistake == "shift" else np.array(training.shift_right(labels, START_ID))
    return float(training.masked_loss(labels, model((source, shown), training=False)))


def beams(model: Transformer, numbers: np.ndarray) -> dict[str, dict[str, float]]:
    """Return the shares of numbers written without a mistake for each size of the beam."""
    found = {}
    for size in BEAMS:
        found[str(size)] = written(model, numbers, functools.partial(beam_search, beam_size=size))
    return found


def keep_weights(path: Path, kept: dict[str, list[np.ndarray]]) -> None:
    """Write sets of weights, in half precision, to one file, all or nothing."""
    arrays = {f"{name}_{at:02}": weight for name, weights in kept.items() for at, weight in enumerate(weights)}
    draft = path.with_suffix(".draft.npz")
    try:
        np.savez_compressed(draft, **{name: array.astype("float16") for name, array in arrays.items()})
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def measure(seeds: Sequence[int], work: Path = WORK, weights: Path = WEIGHTS) -> tuple[list[dict[str, Any]], dict]:
    """Return one row for each seed and setting, and what holds for all; keep the first seed's weights."""
    about = {
        "steps": STEPS,
        "short": SHORT,
        "batch": BATCH,
        "warm-up": WARM_UP,
        "peak rate": round(PEAK, 6),
        "low rate": LOW,
        "sizes": SIZES,
        "record every": RECORD,
        "held out": HELD_OUT,
        "longer": LONGER,
        "averaged": AVERAGED,
        "recipe": RECIPE,
    }
    found, pairs = Kept(work, about), list(itertools.product(seeds, SETTINGS))
    about["settings"] = SETTINGS  # of which a new one leaves the others as they are
    for seed, setting in tqdm(pairs, desc="trainings"):
        name, first = f"{setting} {SETTINGS[setting]}, {seed}", setting == "recipe" and seed == seeds[0]
        if name in found and (not first or weights.is_file()):
            continue
        row, kept = train(setting, seed, SHORT if setting in FAILURES else STEPS)
        if first:
            keep_weights(weights, kept)
        found[name] = row
        keras.backend.clear_session()
    return [found[f"{setting} {SETTINGS[setting]}, {seed}"] for seed, setting in pairs], about


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; return 0, or 130 when interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args(arguments)
    try:
        rows, about = measure(SEEDS)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with the trainings that are done", file=sys.stderr)
        return 130
    command = command_line("tools/measure/training.py", sys.argv[1:] if arguments is None else arguments)
    about["backend"] = keras.backend.backend()
    path = write_result("training", rows, command, SEEDS[0], **about)
    for setting in SETTINGS:
        found = [row for row in rows if row["setting"] == setting]
        for what in ("last", "averaged", "six digits"):
            shares = [np.mean(list(row[what].values())) for row in found]
            print(f"{setting:22} {what:10}", *(f"{share:.3f}" for share in shares))
    print(f"wrote {path.name} and {WEIGHTS.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
