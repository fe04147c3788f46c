"""Measure a small language model of the reviews' sentences beside n-grams, and how it writes at three temperatures.

Five seeds, each with its own split, initial weights and order. A row holds the loss on sentences kept apart, in nats a
token, of the Transformer after each epoch and of smoothed n-grams of one to five tokens; then, for each way to draw,
the share of sentences without an end and of pairs of words that no learnt sentence has. The Transformer of the first
seed is kept, in half precision, in data/checkpoints/writer.npz. Takes some five minutes; a run that was interrupted
goes on with the seeds that it has.
"""

import argparse
import hashlib
import itertools
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import keras
import numpy as np
from tqdm import tqdm

from tools.files import Kept
from tools.measure.results import ROOT, command_line, write_result
from utils import corpora, runtime, training
from utils.corpora.sentences import sentence_rows, unseen_pairs
from utils.transformer import CausalLanguageModel, TransformerConfig
from utils.transformer.decoding import generate_tokens, sampler

SEEDS = (0, 1, 2, 3, 4)
EPOCHS, BATCH, RATE = 5, 32, 0.003
HELD_OUT, WRITTEN, LONGEST = 200, 200, 11
ORDERS = (1, 2, 3, 4, 5)
DISCOUNTS = (0.5, 0.6, 0.7, 0.8, 0.9)
DRAWS = {"τ = 0.6": (0.6, None), "τ = 1": (1.0, None), "k = 10": (1.0, 10), "τ = 2": (2.0, None)}
START, END = 1, 2
WORK = ROOT / "_build" / "language.json"
WRITER = ROOT / "data" / "checkpoints" / "writer.npz"


def untrained_writer(vocabulary_size: int) -> CausalLanguageModel:
    """Return the language model of chapter 4: two pre-norm layers of width 64."""
    sizes = {"d_model": 64, "num_heads": 4, "num_layers": 2, "intermediate_dim": 256}
    return CausalLanguageModel(TransformerConfig(vocabulary_size=vocabulary_size, norm_first=True, **sizes))


def split(rows: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (rows to learn from, rows kept apart)."""
    order = np.random.default_rng(seed).permutation(len(rows))
    return rows[order[HELD_OUT:]], rows[order[:HELD_OUT]]


class NGrams:
    """The next token's probability from counts, each length of history leaning on the next shorter one.

    Interpolated smoothing of Kneser and Ney (1995), as Chen and Goodman (1999) give it: a discount is taken off every
    count and given to the shorter history; there a token counts by how many different tokens it follows. The end is a
    token; the start and padding are never predicted.

    Args:
        rows: token ids (sentences, length), as `sentence_rows` returns them.
        vocabulary_size: V.
        order: n, the longest history plus one.
        discount: taken off every count, from 0 to 1.
    """

    def __init__(self, rows: np.ndarray, vocabulary_size: int, order: int, discount: float):
        self.size, self.order, self.discount = vocabulary_size, order, discount
        seen = [Counter() for _ in range(order)]  # (history, token): how often
        for row in rows.tolist():
            for at in _predicted(row):
                for length in range(min(order, at + 1)):
                    seen[length][tuple(row[at - length : at]), row[at]] += 1
        self.counts = [_continuations(short, long) for short, long in itertools.pairwise(seen)] + seen[-1:]
        self.totals, self.kinds = [], []
        for counts in self.counts:
            totals, kinds = Counter(), Counter()
            for (history, _), count in counts.items():
                totals[history] += count
                kinds[history] += 1
            self.totals.append(totals)
            self.kinds.append(kinds)

    def probability(self, history: Sequence[int], token: int) -> float:
        """Return p(token | history)."""
        found = 1 / self.size
        for length in range(min(self.order, len(history) + 1)):
            last = tuple(history[len(history) - length :])
            if total := self.totals[length][last]:
                kept = max(self.counts[length][last, token] - self.discount, 0)
                found = (kept + self.discount * self.kinds[length][last] * found) / total
        return found

    def loss(self, rows: np.ndarray) -> float:
        """Return the mean of -ln p over the tokens of rows, in nats."""
        costs = [-np.log(self.probability(row[:at], row[at])) for row in rows.tolist() for at in _predicted(row)]
        return float(np.mean(costs))


def _continuations(short: Counter, long: Counter) -> Counter:
    """Return how many different tokens stand before each pair; a history from the start on keeps its own count."""
    found = Counter((history[1:], token) for history, token in long)
    return found | Counter({pair: count for pair, count in short.items() if pair[0][:1] == (START,)})


def _predicted(row: Sequence[int]) -> range:
    """Return the places of a row that are predicted: all tokens after the start, the end included."""
    return range(1, sum(token != 0 for token in row))


def n_gram_losses(learnt: np.ndarray, held_out: np.ndarray, vocabulary_size: int) -> dict[str, float]:
    """Return the loss of each order, at the discount that is best on a tenth of the sentences to learn from."""
    tenth = len(learnt) // 10
    losses = {}
    for order in ORDERS:
        tried = {
            discount: NGrams(learnt[tenth:], vocabulary_size, order, discount).loss(learnt[:tenth])
            for discount in DISCOUNTS
        }
        best = NGrams(learnt, vocabulary_size, order, min(tried, key=tried.get))
        losses[str(order)] = round(best.loss(held_out), 4)
    return losses


def train_writer(learnt: np.ndarray, held_out: np.ndarray, vocabulary_size: int) -> tuple[CausalLanguageModel, list]:
    """Train the writer; return it with its loss on held-out rows after each epoch."""
    model, losses = untrained_writer(vocabulary_size), []
    model.compile(keras.optimizers.Adam(RATE), training.masked_loss, jit_compile=runtime.jit_compile())
    for _ in range(EPOCHS):
        model.fit(learnt[:, :-1], learnt[:, 1:], batch_size=BATCH, epochs=1, verbose=0)
        losses.append(round(held_out_loss(model, held_out), 4))
    return model, losses


def held_out_loss(model: CausalLanguageModel, rows: np.ndarray) -> float:
    """Return the mean loss of a token of rows, in nats."""
    return float(training.masked_loss(rows[:, 1:], model(rows[:, :-1])))


def writing(model: CausalLanguageModel, learnt: np.ndarray, seed: int) -> dict[str, dict[str, float]]:
    """Return, for each way to draw, the shares of sentences without an end and of strange pairs."""
    found = {}
    for name, (temperature, top_k) in DRAWS.items():
        choose = sampler(np.random.default_rng(seed), temperature, top_k)
        rows = generate_tokens(model, np.full((WRITTEN, 1), START), LONGEST, choose=choose, end_id=END)
        unended = float((rows != END).all(axis=1).mean())
        found[name] = {"without end": round(unended, 4), "strange pairs": round(unseen_pairs(rows, known=learnt), 4)}
    return found


def in_half_precision(model: CausalLanguageModel) -> list[np.ndarray]:
    """Round a model's weights to half precision, and return them so."""
    weights = [np.asarray(weight, "float16") for weight in model.get_weights()]
    model.set_weights([weight.astype("float32") for weight in weights])
    return weights


def keep_writer(path: Path, weights: Sequence[np.ndarray], vocabulary: Sequence[str]) -> None:
    """Write weights, in their order, and the token of each id to a file, all or nothing."""
    arrays = {f"weight_{at:02}": weight for at, weight in enumerate(weights)}
    draft = path.with_suffix(".draft.npz")
    try:
        np.savez_compressed(draft, vocabulary=np.array(vocabulary), **arrays)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def measure(seeds: Sequence[int], work: Path = WORK, writer_path: Path = WRITER) -> tuple[list[dict[str, Any]], dict]:
    """Return one row for each seed, and what holds for all of them; keep the writer of the first.

    Args:
        seeds: of split, initial weights and order.
        work: file of the seeds that are done; used again if corpus and settings are the same.
        writer_path: where the writer goes.
    """
    rows, vocabulary = sentence_rows(corpora.load("reviews", "train").texts)
    about = {"sentences": len(rows), "vocabulary": len(vocabulary), "epochs": EPOCHS, "batch": BATCH}
    about |= {"learning_rate": RATE, "held_out": HELD_OUT, "written": WRITTEN, "longest": LONGEST}
    about |= {"parameters": untrained_writer(len(vocabulary)).count_params()}
    about |= {"digest": hashlib.sha256(rows.tobytes()).hexdigest()[:16]}
    found = Kept(work, about)
    for seed in tqdm(seeds, desc="seeds"):
        if str(seed) in found and (seed != seeds[0] or writer_path.is_file()):
            continue
        runtime.prepare(seed)
        learnt, held_out = split(rows, seed)
        model, losses = train_writer(learnt, held_out, len(vocabulary))
        weights = in_half_precision(model)
        row = {"seed": seed, "loss by epoch": losses, "loss": round(held_out_loss(model, held_out), 4)}
        row |= {"n-grams": n_gram_losses(learnt, held_out, len(vocabulary)), "writing": writing(model, learnt, seed)}
        row["held-out strange pairs"] = round(unseen_pairs(held_out, known=learnt), 4)
        if seed == seeds[0]:
            keep_writer(writer_path, weights, vocabulary)
        found[str(seed)] = row
        keras.backend.clear_session()
    return [found[str(seed)] for seed in seeds], about


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; return 0, or 130 when interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args(arguments)
    try:
        rows, about = measure(SEEDS)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with the seeds that are done", file=sys.stderr)
        return 130
    command = command_line("tools/measure/language.py", sys.argv[1:] if arguments is None else arguments)
    about["backend"] = keras.backend.backend()
    path = write_result("language", rows, command, SEEDS[0], **about)
    print("Transformer:", *(f"{row['loss']:.3f}" for row in rows))
    for order in ORDERS:
        print(f"{order}-grams:    ", *(f"{row['n-grams'][str(order)]:.3f}" for row in rows))
    for name, what in itertools.product(DRAWS, ("without end", "strange pairs")):
        print(f"{name}, {what}:", *(f"{row['writing'][name][what]:.3f}" for row in rows))
    print(f"wrote {path.name} and {WRITER.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
