"""Measure the encoder-decoder: batches of like lengths, decoding with a cache, a training step beside PyTorch's own.

Three races, each in turns: training on Multi30k's real lengths, in batches of like lengths and padded to the longest of
all (useful tokens, those that are not padding, are counted; without BOOK_DATA_DIR this race is left out); greedy
decoding with keys and values kept and computed again; a training step of ours, compiled by TensorFlow and by JAX, and
one of torch.nn.Transformer with a table and scores around it that have as many parameters as ours. The model has
the sizes of the book's translator, normalised after each sum, and weights that have learnt nothing. Each race writes a
file of its own as soon as it has ended. Decoding takes most of the time, half an hour and more.
"""

import argparse
import contextlib
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from tools.bench.pairs import SEED, WARM_UP, compare, show_rows, start_process
from tools.measure.results import command_line, write_result

VOCABULARY = 6_000
TOKENS = 2_048  # of a batch, in target or source, padding counted
BATCHES = 6  # of each way in a turn
WRITTEN = (16, 64, 256)  # tokens to decode
SOURCES, SOURCE_LENGTH = 8, 16  # texts decoded side by side
STEP = (64, 24)  # rows and tokens of the batch for the race with PyTorch
STEPS = 4  # of each side in a turn


def lengths_rows(repeats: int) -> Iterator[dict[str, Any]]:
    """Race batches of like lengths against padding to the longest of all, in useful target tokens a second.

    Raises:
        CorpusError: there is no Multi30k.
    """
    from utils.translation.batches import token_batches
    from utils.translation.pairs import load_multi30k
    from utils.translation.vocabulary import Vocabulary

    pairs = load_multi30k("train")
    vocabulary = Vocabulary.train([*pairs.source, *pairs.target], VOCABULARY)
    lengths = np.array([[len(vocabulary.encode(text)) + 1 for text in side] for side in (pairs.source, pairs.target)]).T
    rng, longest = np.random.default_rng(SEED), int(lengths.max())
    alike = token_batches(lengths, TOKENS, rng)
    order, size = rng.permutation(len(lengths)), TOKENS // longest
    padded = [order[first : first + size] for first in range(0, len(order) - size, size)]
    step = ours()
    speeds: dict[str, list[float]] = {"like": [], "padded": []}
    for turn in range(WARM_UP + repeats):
        for name, batches in (("like", alike), ("padded", padded))[:: 1 if turn % 2 else -1]:
            drawn = [batches[at] for at in np.random.default_rng(turn).choice(len(batches), BATCHES, replace=False)]
            shapes = [(len(rows), *(lengths[rows].max(0) if name == "like" else (longest, longest))) for rows in drawn]
            inputs = [batch(*shape, turn) for shape in shapes]
            begun = time.perf_counter()
            for each in inputs:
                step(*each)
            useful = sum(int(lengths[rows, 1].sum()) for rows in drawn)
            speeds[name].append(useful / (time.perf_counter() - begun))
    like, longer = (series[WARM_UP:] for series in speeds.values())
    yield {
        "race": "like lengths against padding to the longest",
        **{"mean_target_tokens": round(float(lengths[:, 1].mean()), 1), "longest": longest},
        "useful_tokens_per_second": round(statistics.median(like)),
        "padded_useful_tokens_per_second": round(statistics.median(longer)),
        "ratio": round(statistics.median(a / b for a, b in zip(like, longer, strict=True)), 2),
    }


def decoding_rows(repeats: int) -> Iterator[dict[str, Any]]:
    """Race greedy decoding with the cache against decoding without, a row for each number of tokens.

    Raises:
        RuntimeError: the two write other tokens.
    """
    from utils.transformer import decoding

    model = make_model()
    source = np.random.default_rng(SEED).integers(4, VOCABULARY, (SOURCES, SOURCE_LENGTH))
    for tokens in WRITTEN:
        calls = tuple(
            lambda use_cache=use_cache, tokens=tokens: decoding.translate(model, source, tokens, use_cache=use_cache)
            for use_cache in (True, False)
        )
        written = [call() for call in calls]
        if not np.array_equal(*written):
            raise RuntimeError(f"expected the same {tokens} tokens with the cache and without; they differ")
        kept, again, ratio = compare(calls, min(repeats, 3) if tokens == max(WRITTEN) else repeats)
        yield {
            "race": "decoding with the cache against without",
            "tokens": tokens,
            "cached_tokens_per_second": round(1e3 * SOURCES * tokens / kept),
            "uncached_tokens_per_second": round(1e3 * SOURCES * tokens / again),
            "ratio": round(ratio, 2),
        }


def step_rows(repeats: int) -> Iterator[dict[str, Any]]:
    """Race a step of ours, compiled by TensorFlow and by JAX, and one of torch.nn.Transformer, each in a process."""
    patient = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
    backends = {"tensorflow": "ours", "jax": "ours", "torch": "theirs"}
    with contextlib.ExitStack() as processes:
        sides = {
            name: (processes.enter_context(start_process({**patient, "KERAS_BACKEND": name})), side)
            for name, side in backends.items()
        }
        counts = {name: process.submit(parameters, side).result() for name, (process, side) in sides.items()}
        times: dict[str, list[float]] = {name: [] for name in sides}
        for turn in range(WARM_UP + repeats):
            for name in list(sides)[:: 1 if turn % 2 else -1]:
                process, side = sides[name]
                times[name].append(process.submit(seconds_of_step, side).result())
    timed = {name: series[WARM_UP:] for name, series in times.items()}
    speeds = {name: round(STEP[0] * STEP[1] / statistics.median(series)) for name, series in timed.items()}

    def ratio(slower: str) -> float:
        """Return the median over the turns of this side's seconds to ours on TensorFlow."""
        pairs = zip(timed[slower], timed["tensorflow"], strict=True)
        return round(statistics.median(other / ours for other, ours in pairs), 2)

    yield {
        "race": "a training step of ours against torch.nn.Transformer",
        **{"parameters": counts["tensorflow"], "torch_parameters": counts["torch"], "batch": list(STEP)},
        "tokens_per_second": speeds["tensorflow"],
        "jax_tokens_per_second": speeds["jax"],
        "torch_tokens_per_second": speeds["torch"],
        "ratio": ratio("torch"),
        "ratio_to_jax": ratio("jax"),
    }


def make_model() -> Any:
    """Return the book's translator, untrained."""
    import keras

    from utils.transformer import Transformer, TransformerConfig
    from utils.translation.fitting import LONGEST, Settings

    settings = Settings()
    keras.utils.set_random_seed(SEED)
    config = TransformerConfig(
        **{"vocabulary_size": VOCABULARY, "d_model": settings.d_model, "num_layers": settings.num_layers},
        **{"num_heads": settings.num_heads, "intermediate_dim": settings.intermediate_dim},
        **{"dropout": settings.dropout, "max_length": LONGEST, "pad_id": 0, "start_id": 1},
    )
    return Transformer(config)


def batch(rows: int, source_length: int, target_length: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a source and labels of random tokens, (rows, source_length) and (rows, target_length)."""
    rng = np.random.default_rng([SEED, seed])
    return tuple(rng.integers(4, VOCABULARY, (rows, length), "int32") for length in (source_length, target_length))


def ours() -> Callable[[np.ndarray, np.ndarray], float]:
    """Return a training step of our model, which takes source and labels and returns the loss."""
    import keras

    from utils import runtime
    from utils.training import smoothed_loss

    model = make_model()
    model.compile(
        keras.optimizers.Adam(1e-4, beta_2=0.98, epsilon=1e-9), loss=smoothed_loss, jit_compile=runtime.jit_compile()
    )

    def step(source: np.ndarray, labels: np.ndarray) -> float:
        shifted = np.concatenate([np.full_like(labels[:, :1], 1), labels[:, :-1]], axis=1)
        return float(model.train_on_batch((source, shifted), labels))

    step.parameters = int(model.count_params())
    return step


def theirs() -> Callable[[np.ndarray, np.ndarray], float]:
    """Return a training step of torch.nn.Transformer with one table for source, target and scores, as ours has."""
    import torch

    from utils.translation.fitting import Settings

    settings = Settings()
    torch.manual_seed(SEED)
    table = torch.nn.Embedding(VOCABULARY, settings.d_model)
    torch.nn.init.normal_(table.weight, std=settings.d_model**-0.5)
    inner = torch.nn.Transformer(
        **{"d_model": settings.d_model, "nhead": settings.num_heads, "dim_feedforward": settings.intermediate_dim},
        **{"num_encoder_layers": settings.num_layers, "num_decoder_layers": settings.num_layers},
        **{"dropout": settings.dropout, "batch_first": True},
    )
    weights = [*table.parameters(), *inner.parameters()]
    adam = torch.optim.Adam(weights, lr=1e-4, betas=(0.9, 0.98), eps=1e-9)
    drop = torch.nn.Dropout(settings.dropout)
    place = np.arange(512)[:, None] / 10_000 ** (np.arange(0, settings.d_model, 2) / settings.d_model)
    positions = torch.tensor(np.concatenate([np.sin(place), np.cos(place)], axis=1), dtype=torch.float32)

    def embed(ids: Any) -> Any:
        return drop(table(ids) * settings.d_model**0.5 + positions[: ids.shape[1]])

    def step(source: np.ndarray, labels: np.ndarray) -> float:
        source, labels = torch.from_numpy(source).long(), torch.from_numpy(labels).long()
        shifted = torch.cat([torch.ones_like(labels[:, :1]), labels[:, :-1]], 1)
        causal = torch.nn.Transformer.generate_square_subsequent_mask(labels.shape[1])
        padding = source == 0
        hidden = inner(
            embed(source),
            embed(shifted),
            tgt_mask=causal,
            tgt_is_causal=True,
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        )
        scores = hidden @ table.weight.T
        loss = torch.nn.functional.cross_entropy(
            scores.flatten(0, 1), labels.flatten(), ignore_index=0, label_smoothing=settings.label_smoothing
        )
        adam.zero_grad()
        loss.backward()
        adam.step()
        return float(loss.detach())

    step.parameters = sum(weight.numel() for weight in weights)
    return step


_STEPS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {}


def side_step(side: str) -> Callable[[np.ndarray, np.ndarray], float]:
    """Return the step of a side, made once in each process."""
    if side not in _STEPS:
        _STEPS[side] = {"ours": ours, "theirs": theirs}[side]()
    return _STEPS[side]


def parameters(side: str) -> int:
    """Return how many numbers a side trains."""
    return side_step(side).parameters


def seconds_of_step(side: str) -> float:
    """Return the seconds of a step, the mean of some."""
    step, inputs = side_step(side), batch(STEP[0], STEP[1], STEP[1], 0)
    begun = time.perf_counter()
    for _ in range(STEPS):
        step(*inputs)
    return (time.perf_counter() - begun) / STEPS


RACES = {"step": step_rows, "lengths": lengths_rows, "decoding": decoding_rows}


def run_race(name: str, repeats: int, command: str) -> None:
    """Run one race and write its file; say what is missing for it, if something is."""
    from utils.corpora import CorpusError

    if name == "step" and not importlib.util.find_spec("torch"):
        print("without torch.nn.Transformer: torch is not installed", file=sys.stderr)
        return
    try:
        rows = show_rows(RACES[name], repeats)
    except CorpusError as error:
        print(f"without real lengths: {error}", file=sys.stderr)
        return
    write_result(f"translation-{name}-bench", rows, command, SEED, repeats=repeats, warm_up=WARM_UP)


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; return 0, or 130 when interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9, help="timed turns of each race (default: %(default)s)")
    parser.add_argument("--races", choices=RACES, nargs="+", default=list(RACES), help="default: all three")
    chosen = parser.parse_args(arguments)
    if chosen.repeats < 1:
        parser.error(f"expected --repeats of at least 1; received {chosen.repeats}")
    try:
        for name in chosen.races:
            run_race(name, chosen.repeats, command_line("tools/bench/translation.py", arguments))
    except KeyboardInterrupt:
        print("interrupted; the race under way is lost", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
