"""Measure what a masked-language model learns from the book's reviews in a minute, beside tables of counts.

An encoder of two layers begins with random numbers, reads training reviews of which some pieces are hidden, and names
them. After 400 steps, as many as chapter 6 takes, and at other times up to 800 it is asked for hidden pieces of
reviews of the test file. Two rivals need no training: the most frequent piece, and counts of neighbours, whose mixture
is fitted to 500 reviews that were not counted. The vocabulary is what the training reviews use. Five seeds draw
weights, hidden pieces and order. Finished trainings are kept: Ctrl-C loses only the one under way.
"""

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
from tools.measure.recipe import ENCODER, REVIEWS, command_parser, digest
from tools.measure.results import ROOT, command_line, write_result
from utils import corpora, runtime
from utils.layers.random_kernels import draw_kernels
from utils.masked_words import NeighbourCounts, hide
from utils.training import masked_loss
from utils.transformer import MaskedLanguageModel, TransformerConfig
from utils.wordpiece import load_tokenizer

RESULT = "masked-words"
WORK = ROOT / "_build" / "masked-words.json"
SIZES = {"d_model": 64, "num_layers": 2, "num_heads": 4, "intermediate_dim": 256}
ASKED = (0, 100, 200, 400, 800)  # steps after which the model is tested
RATE, BATCH, LONGEST = 3e-3, 64, 24  # longer reviews are left out: few
TESTED, HELD_OUT = 1000, 500  # reviews that are asked for; reviews that fit the mixture of counts
COMMON = 50  # the most frequent pieces, told apart from the rest


def review_ids() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pieces that the training reviews use, and ids (B, LONGEST) among them of training and test reviews."""
    tokenizer = load_tokenizer(ENCODER)
    found = []
    for split in ("train", "test"):
        rows = [one.ids for one in tokenizer.encode_batch_fast(list(corpora.load("reviews", split).texts))]
        rows = [row + [0] * (LONGEST - len(row)) for row in rows if len(row) <= LONGEST]
        found.append(np.array(rows))
    own = np.union1d(np.arange(5), found[0])
    known = np.isin(found[1], own).all(axis=1)
    return own, *(np.searchsorted(own, ids) for ids in (found[0], found[1][known][:TESTED]))


def examples(ids: np.ndarray, size: int, steps: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return what is read and what has to be named, 0 elsewhere, for so many steps: both (steps · BATCH, T)."""
    passes = -(-steps * BATCH // len(ids))
    drawn = np.concatenate([rng.permutation(len(ids)) for _ in range(passes)])[: steps * BATCH]
    read, hidden = hide(ids[drawn], ids[drawn] > 0, size, rng)
    return read, np.where(hidden, ids[drawn], 0)


def figures(log_p: np.ndarray, right: np.ndarray, common: np.ndarray) -> dict[str, float]:
    """Return loss and shares of right first guesses, for all pieces, common and other ones.

    Args:
        log_p: (N, V).
        right: (N,), what stood there.
        common: (N,), whether that is a common piece.
    """
    hit = log_p.argmax(axis=-1) == right
    found = {"loss": -log_p[np.arange(len(right)), right].mean(), "right": hit.mean()}
    found |= {"right, common": hit[common].mean(), "right, other": hit[~common].mean()}
    return {name: round(float(value), 4) for name, value in found.items()}


def run(seed: int) -> dict[str, Any]:
    """Return the figures of one seed."""
    keras.backend.clear_session()
    rng = runtime.prepare(seed)
    own, known, asked = review_ids()
    size, order = len(own), rng.permutation(len(known))
    learn, held_out = known[order[HELD_OUT:]], known[order[:HELD_OUT]]
    read, hidden = hide(asked, asked > 0, size, rng)
    right = asked[hidden]
    common = np.isin(right, np.argsort(-np.bincount(learn[learn > 3], minlength=size))[:COMMON])

    counts = NeighbourCounts(learn, size)
    often = np.broadcast_to(0.999 * counts.frequency + 0.001 / size, (len(right), size))
    row: dict[str, Any] = {"seed": seed, "hidden": len(right), "most frequent": figures(np.log(often), right, common)}
    counts.choose_weights(*hide(held_out, held_out > 0, size, rng), held_out)
    row["neighbours"] = figures(np.log(counts.probabilities(read, hidden)), right, common)

    model = draw_kernels(MaskedLanguageModel(TransformerConfig(vocabulary_size=size, dropout=0.0, **SIZES)), rng)
    model.compile(keras.optimizers.Adam(RATE), masked_loss, jit_compile=runtime.jit_compile())
    row["network"] = {}
    for before, step in itertools.pairwise((0, *ASKED)):
        if step > before:
            model.fit(*examples(learn, size, step - before, rng), batch_size=BATCH, shuffle=False, verbose=0)
        scores = model.predict(read, batch_size=BATCH, verbose=0)[hidden].astype("float64")
        log_p = scores - np.logaddexp.reduce(scores, axis=-1, keepdims=True)
        row["network"][str(step)] = figures(log_p, right, common)
    return row


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when the file is written, 130 when interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = command_parser(__doc__, WORK).parse_args(arguments)
    about = {"sizes": SIZES, "rate": RATE, "batch": BATCH, "longest": LONGEST, "tested": TESTED, "held_out": HELD_OUT}
    about |= {"common": COMMON, "vocabulary": len(review_ids()[0])}
    about |= {f"{name}_sha256": digest(REVIEWS / f"{name}.csv") for name in ("train", "test")}
    kept = Kept(chosen.work, about)
    try:
        for seed in tqdm(chosen.seeds, unit="training"):
            if str(seed) not in kept:
                kept[str(seed)] = run(seed)
    except KeyboardInterrupt:
        print("masked words: interrupted; finished trainings are kept", file=sys.stderr)
        return 130
    rows = [kept[str(seed)] for seed in chosen.seeds]
    command = command_line("tools/measure/masked_words.py", arguments)
    about |= {"seeds": chosen.seeds, "backend": keras.backend.backend()}
    write_result(RESULT, rows, command, chosen.seeds[0], folder=chosen.results, **about)
    for name in ("most frequent", "neighbours"):
        print(f"{name:14}", *(f"{row[name]['loss']:.3f}" for row in rows))
    for step in ASKED:
        print(f"network, {step:5}", *(f"{row['network'][str(step)]['loss']:.3f}" for row in rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
