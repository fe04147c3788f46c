"""Measure how well mini-bert fills in hidden pieces of the book's reviews, beside simple counts.

mini-bert ships without the head that named hidden pieces in its pre-training. Here a new head is trained on the frozen
encoder, on training reviews of the book; it chooses among the pieces that the reviews use, and is tested on other
reviews of the same kind. Two rivals count how frequent a piece is, and what stands between which neighbours. Five seeds
draw reviews, hidden pieces, weights of the head and order. The head of the first seed is kept in
data/checkpoints/masked-words.npz. A run that was interrupted goes on with the seeds that it has.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import keras
import numpy as np
from tqdm import tqdm

from tools.files import Kept
from tools.measure.recipe import ENCODER, REVIEWS, digest
from tools.measure.results import ROOT, command_line, write_result
from utils import corpora, runtime
from utils.masked_words import MaskedWordHead, hide, save_head
from utils.weights.from_bert import load_bert

SEEDS = (0, 1, 2, 3, 4)
LEARNT, TESTED, MIXED = 1_000, 300, 300  # reviews for the head; for the test; to choose how counts are mixed
LONGEST = 48  # pieces of a review; longer ones are cut
EPOCHS, BATCH, RATE = 15, 256, 3e-3
TOGETHER = 128  # reviews encoded at a time
WORK = ROOT / "_build" / "masked-words.json"
HEAD = ROOT / "data" / "checkpoints" / "masked-words.npz"


def padded(rows: Sequence[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return ids (N, LONGEST), filled up with 0, and where a piece stands."""
    ids = np.zeros((len(rows), LONGEST), "int32")
    for row, one in zip(ids, rows, strict=True):
        row[: len(one)] = one[:LONGEST]
    return ids, ids > 0


def hidden_vectors(encoder: Any, read: np.ndarray, mask: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Return the last hidden state (pieces hidden, d) of each hidden piece, in the order of `ids[hidden]`."""
    vectors = np.zeros((*read.shape, encoder.config.d_model), "float32")
    order = np.argsort(mask.sum(1), kind="stable")
    for start in range(0, len(order), TOGETHER):
        at = order[start : start + TOGETHER]
        length = -(-int(mask[at].sum(1).max()) // 8) * 8
        states = encoder(read[at, :length], attention_mask=mask[at, :length], training=False)
        vectors[at, :length] = keras.ops.convert_to_numpy(states)
    return vectors[hidden]


class Guesser(keras.Model):
    """A head with the word vectors of a frozen encoder.

    Args:
        table: (V, d), which stays as it is.
    """

    def __init__(self, table: np.ndarray):
        super().__init__()
        self.table, self.head = keras.ops.convert_to_tensor(table), MaskedWordHead(len(table))
        self.head.build((None, table.shape[1]))

    def call(self, states: Any) -> Any:
        """Return scores (N, V) of states (N, d)."""
        return self.head(states, self.table)


def train_head(
    table: np.ndarray, vectors: np.ndarray, originals: np.ndarray, tested: tuple[np.ndarray, np.ndarray]
) -> tuple[MaskedWordHead, dict[str, Any]]:
    """Train a head; return it, and loss and accuracies on what it was not trained on.

    Args:
        table: word vectors (V, d).
        vectors: hidden states (N, d).
        originals: which of the V pieces stood there (N,).
        tested: the same two arrays, of other reviews.
    """
    model = Guesser(table)
    counts = np.bincount(originals, minlength=len(table)) + 0.1
    model.head.bias.assign(np.log(counts / counts.sum()))  # begins with how frequent each piece is
    schedule = keras.optimizers.schedules.PolynomialDecay(RATE, EPOCHS * -(-len(vectors) // BATCH), 0.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(schedule), loss, jit_compile=False)
    fitted = model.fit(vectors, originals, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    scores = keras.ops.convert_to_numpy(model(tested[0])).astype("float64")
    right = scores[np.arange(len(scores)), tested[1]]
    top = scores.max(1)
    losses = np.log(np.exp(scores - top[:, None]).sum(1)) + top - right
    rank = (scores > right[:, None]).sum(1)
    row = {"loss": round(float(losses.mean()), 4), "first": round(float((rank == 0).mean()), 4)}
    row |= {"among five": round(float((rank < 5).mean()), 4)}
    return model.head, row | {"training loss": [round(one, 4) for one in fitted.history["loss"]]}


class Counts:
    """Pieces counted by what stands left and right of them: what a table of neighbours knows.

    Args:
        rows: ids of texts.
        size: pieces of the vocabulary.
        choices: pieces that even guesses choose from; all when omitted.
    """

    def __init__(self, rows: Sequence[list[int]], size: int, choices: int | None = None):
        flat = np.concatenate([np.array(row, "int64") for row in rows])
        ends = np.cumsum([len(row) for row in rows])
        inside = np.ones(len(flat), bool)
        inside[ends - 1] = False
        inside[np.concatenate([[0], ends[:-1]])] = False
        at = np.flatnonzero(inside)
        self.size, self.choices = size, choices or size
        self.tables = [self._table(keys) for keys in self._keys(flat[at - 1], flat[at], flat[at + 1])]
        self.shares = np.full(5, 0.2)

    def _keys(self, left: np.ndarray, piece: np.ndarray, right: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return, for no neighbour, the left, the right and both, what is known and the piece that follows from it."""
        both = left * self.size + right
        return [(context, context * self.size + piece) for context in (0 * left, left, right + self.size, both)]

    @staticmethod
    def _table(keys: tuple[np.ndarray, np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
        return [np.unique(one, return_counts=True) for one in keys]

    def shares_of(self, left: np.ndarray, piece: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Return the probability (N, 5) of each piece by each way of counting, the last one even."""
        found = []
        for keys, table in zip(self._keys(left, piece, right), self.tables, strict=True):
            seen, together = (
                np.where(known[at := np.minimum(np.searchsorted(known, key), len(known) - 1)] == key, count[at], 0)
                for key, (known, count) in zip(keys, table, strict=True)
            )
            found.append(together / np.maximum(seen, 1))
        return np.stack([*found, np.full(len(piece), 1 / self.choices)], axis=1)

    def mix(self, *pieces: np.ndarray) -> None:
        """Choose the share of each way of counting, by expectation maximisation on pieces that were not counted."""
        each = self.shares_of(*pieces)
        for _ in range(50):
            blamed = each * self.shares
            self.shares = (blamed / blamed.sum(1, keepdims=True)).mean(0)

    def loss(self, *pieces: np.ndarray) -> tuple[float, float]:
        """Return the loss in nats by all ways mixed, and by frequency alone."""
        each = self.shares_of(*pieces)
        mixed, alone = each @ self.shares, 0.999 * each[:, 0] + 0.001 * each[:, 4]
        return tuple(round(float(-np.log(one).mean()), 4) for one in (mixed, alone))


def neighbours(read: np.ndarray, ids: np.ndarray, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what is read to the left of each hidden piece, the piece, and what is read to its right."""
    row, column = np.nonzero(hidden)
    right = read[row, np.minimum(column + 1, read.shape[1] - 1)]
    return tuple(one.astype("int64") for one in (read[row, column - 1], ids[hidden], right))


def run(seed: int, rows: list[list[int]], size: int, keep: Path | None = None) -> dict[str, Any]:
    """Return the figures of one seed: a new head, and counts.

    Args:
        seed: of every draw.
        rows: ids of all reviews.
        size: pieces of the whole vocabulary.
        keep: where the head of mini-bert goes.
    """
    rng = runtime.prepare(seed)
    drawn = [rows[at] for at in rng.permutation(len(rows))]
    parts = []
    for reviews in (drawn[:LEARNT], drawn[LEARNT : LEARNT + TESTED]):
        ids, mask = padded(reviews)
        parts.append((ids, mask, *hide(ids, mask, size, rng)))
    pieces = np.unique(np.concatenate([np.array(row) for row in rows]))
    found: dict[str, Any] = {"seed": seed, "hidden pieces": [int(part[3].sum()) for part in parts]}
    encoder = load_bert(ENCODER)[0]
    table = keras.ops.convert_to_numpy(encoder.embedding.table)[pieces]
    pairs = [
        (hidden_vectors(encoder, read, mask, hidden), np.searchsorted(pieces, ids[hidden]))
        for ids, mask, read, hidden in parts
    ]
    head, found["mini-bert"] = train_head(table, *pairs[0], pairs[1])
    if keep:
        save_head(head, pieces, keep)
    counts = Counts(drawn[LEARNT + TESTED + MIXED :] + drawn[:LEARNT], size, len(pieces))
    ids, mask = padded(drawn[LEARNT + TESTED :][:MIXED])
    read, hidden = hide(ids, mask, size, rng)
    counts.mix(*neighbours(read, ids, hidden))
    ids, _, read, hidden = parts[1]
    found["neighbours"], found["frequency"] = counts.loss(*neighbours(read, ids, hidden))
    keras.backend.clear_session()
    return found


def measure(seeds: Sequence[int], work: Path = WORK, head: Path = HEAD) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return a row for each seed, and what holds for all; keep the head of the first."""
    about = {"learnt": LEARNT, "tested": TESTED, "mixed": MIXED, "epochs": EPOCHS, "batch": BATCH, "rate": RATE}
    about |= {"longest": LONGEST, "weights_sha256": digest(ENCODER / "model.safetensors")}
    about |= {"train_sha256": digest(REVIEWS / "train.csv")}
    found = Kept(work, about)
    if missing := [seed for seed in seeds if str(seed) not in found or (seed == seeds[0] and not head.is_file())]:
        tokenizer = load_bert(ENCODER)[1]
        rows = [one.ids for one in tokenizer.encode_batch_fast(list(corpora.load("reviews", "train").texts))]
        for seed in tqdm(missing, desc="seeds"):
            keep = head if seed == seeds[0] else None
            found[str(seed)] = run(seed, rows, tokenizer.get_vocab_size(), keep)
    return [found[str(seed)] for seed in seeds], about


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when the file is written, 130 when interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args(arguments)
    try:
        rows, about = measure(SEEDS)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with the seeds that are done", file=sys.stderr)
        return 130
    command = command_line("tools/measure/masked_words.py", sys.argv[1:] if arguments is None else arguments)
    path = write_result("masked-words", rows, command, SEEDS[0], **about, backend=keras.backend.backend())
    for what in ("frequency", "neighbours"):
        print(f"{what:14}", *(f"{row[what]:.3f}" for row in rows))
    print(f"{'mini-bert':14}", *(f"{row['mini-bert']['loss']:.3f}" for row in rows))
    print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
