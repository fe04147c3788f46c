"""Measure how long the gradients of each layer are before the first step, for post-norm and for pre-norm.

A language model of some depth gets random kernels of variance 2 / (rows + columns) and random tokens; noted is the
length of the loss's gradient for both kernels of each layer's feed-forward network. Ten models for each depth, width
and order. Takes about ten minutes; a run that was interrupted goes on with the models it has.
"""

import argparse
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import keras
import numpy as np
from tqdm import tqdm

from tools.files import Kept
from tools.measure.results import ROOT, command_line, write_result
from utils import runtime, training
from utils.gradients import gradient_norms
from utils.layers.random_kernels import draw_kernels
from utils.transformer import CausalLanguageModel, TransformerConfig

DEPTHS = (2, 6, 18)
WIDTHS = (32, 64)
SEEDS = tuple(range(10))
KERNELS = {"first": "feed_forward/intermediate/kernel", "second": "feed_forward/output/kernel"}
VOCABULARY, TEXTS, LENGTH, HEADS = 50, 8, 33, 4
WORK = ROOT / "_build" / "gradients.json"


def random_model(rng: np.random.Generator, depth: int, width: int, *, norm_first: bool) -> CausalLanguageModel:
    """Return a language model with the kernels of `draw_kernels`.

    Args:
        rng: where the numbers come from, the same on every backend.
        depth: number of layers.
        width: d_model; the feed-forward network is four times as wide.
        norm_first: pre-norm instead of post-norm.
    """
    sizes = {"vocabulary_size": VOCABULARY, "num_heads": HEADS, "dropout": 0.0}
    sizes |= {"d_model": width, "intermediate_dim": 4 * width, "num_layers": depth}
    return draw_kernels(CausalLanguageModel(TransformerConfig(**sizes, norm_first=norm_first)), rng)


def norms_by_layer(seed: int, depth: int, width: int, *, norm_first: bool) -> dict[str, list[float]]:
    """Return the gradient's length for each kernel of KERNELS in each layer, from the first."""
    rng = runtime.prepare(seed)
    model = random_model(rng, depth, width, norm_first=norm_first)
    tokens = rng.integers(1, VOCABULARY, size=(TEXTS, LENGTH))

    def loss(call: Any) -> Any:
        return training.masked_loss(tokens[:, 1:], call(tokens[:, :-1]))

    return {name: gradient_norms(model, loss, ending).round(5).tolist() for name, ending in KERNELS.items()}


def measure(
    depths: Sequence[int], widths: Sequence[int], seeds: Sequence[int], work: Path = WORK
) -> list[dict[str, Any]]:
    """Return one row for each depth, width, order and seed, going on from those that `work` holds."""
    rows, found = [], Kept(work, {"vocabulary": VOCABULARY, "texts": TEXTS, "length": LENGTH, "heads": HEADS})
    cases = list(itertools.product(depths, widths, (False, True), seeds))
    for depth, width, norm_first, seed in tqdm(cases, desc="models"):
        case = {"depth": depth, "width": width, "norm_first": norm_first, "seed": seed}
        if (name := str(case)) not in found:
            found[name] = norms_by_layer(seed, depth, width, norm_first=norm_first)
            keras.backend.clear_session()
        rows.append(case | found[name])
    return rows


def curves(rows: Sequence[dict[str, Any]], depth: int, width: int, kernel: str, *, norm_first: bool) -> np.ndarray:
    """Return the lengths (seeds, layers) of one case.

    Raises:
        ValueError: nothing was measured for it.
    """
    wanted = (depth, width, norm_first)
    found = [row[kernel] for row in rows if (row["depth"], row["width"], row["norm_first"]) == wanted]
    if not found:
        raise ValueError(f"expected rows of depth {depth} and width {width}; the file has none")
    return np.array(found)


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; return 0, or 130 when interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depths", type=int, nargs="+", default=DEPTHS, help=f"layers (default: {DEPTHS})")
    parser.add_argument("--widths", type=int, nargs="+", default=WIDTHS, help=f"d_model (default: {WIDTHS})")
    chosen = parser.parse_args(arguments)
    if min(*chosen.depths, *chosen.widths) < 1:
        parser.error("expected --depths and --widths of at least 1")
    try:
        rows = measure(chosen.depths, chosen.widths, SEEDS)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with the models it has", file=sys.stderr)
        return 130
    command = command_line("tools/measure/gradients.py", sys.argv[1:] if arguments is None else arguments)
    about = {"backend": keras.backend.backend(), "vocabulary": VOCABULARY, "texts": TEXTS, "length": LENGTH - 1}
    path = write_result("gradients", rows, command, SEEDS[0], **about)
    for depth, width, kernel, norm_first in itertools.product(chosen.depths, chosen.widths, KERNELS, (False, True)):
        mean = curves(rows, depth, width, kernel, norm_first=norm_first).mean(axis=0)
        order = "pre-norm " if norm_first else "post-norm"
        print(f"L = {depth:>2}, d = {width:>3}, {kernel:>6} kernel, {order}:", mean[[0, depth // 2, -1]].round(3))
    print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
