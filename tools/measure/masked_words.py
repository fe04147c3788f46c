"""Measure how well mini-bert fills in hidden pieces, against counts of pieces and of their neighbours.

mini-bert ships without the head that named hidden pieces in its pre-training. Here a new head is trained on the frozen
encoder, on sentences of IMDB's training reviews (BOOK_DATA_DIR names the folder), and tested on sentences of its test
reviews, which mini-bert has not read. Five seeds draw sentences, hidden pieces, weights of the head and order. The head
of the first seed is kept in data/checkpoints/masked-words.npz. Takes some minutes; a run that was interrupted goes on
with the seeds that it has.
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
from tools.measure.recipe import ENCODER, digest
from tools.measure.results import ROOT, command_line, write_result
from tools.pretraining.text import split_sentences
from utils import corpora, runtime
from utils.masked_words import MaskedWordHead, hide, save_head
from utils.weights.from_bert import load_bert

SEEDS = (0, 1, 2, 3, 4)
REVIEWS_READ = 3_000  # of either split; each has some ten sentences
SENTENCES, TESTED = 4_000, 1_500
SHORTEST, LONGEST = 8, 48  # pieces of a sentence, [CLS] and [SEP] among them
EPOCHS, BATCH, RATE = 3, 512, 2e-3
TOGETHER = 128  # sentences encoded at a time
WORK = ROOT / "_build" / "masked-words.json"
HEAD = ROOT / "data" / "checkpoints" / "masked-words.npz"


def read_sentences(split: str, tokenizer: Any) -> list[list[int]]:
    """Return the ids of every sentence of IMDB's reviews that is neither very short nor long."""
    texts = corpora.load("imdb", split).texts[:REVIEWS_READ]
    sentences = [sentence for text in texts for sentence in split_sentences(text)]
    found = tokenizer.encode_batch_fast(sentences)
    return [one.ids for one in found if SHORTEST <= len(one.ids) <= LONGEST]


def padded(rows: Sequence[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return ids (N, LONGEST), filled up with 0, and where a piece stands."""
    ids = np.zeros((len(rows), LONGEST), "int32")
    for row, one in zip(ids, rows, strict=True):
        row[: len(one)] = one
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
        originals: ids (N,) that stood there.
        tested: the same two arrays, of other sentences.
    """
    model = Guesser(table)
    counts = np.bincount(originals, minlength=len(table)) + 0.1
    model.head.bias.assign(np.log(counts / counts.sum()))  # begins with how frequent each piece is
    steps = EPOCHS * -(-len(vectors) // BATCH)
    schedule = keras.optimizers.schedules.PolynomialDecay(RATE, steps, 0.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(schedule), loss, jit_compile=False)
    fitted = model.fit(vectors, originals, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    states, wanted = tested
    losses, ranks = [], []
    for start in range(0, len(states), 4 * BATCH):
        part = slice(start, start + 4 * BATCH)
        scores = keras.ops.convert_to_numpy(model(states[part])).astype("float64")
        log_total = np.log(np.exp(scores - scores.max(1, keepdims=True)).sum(1)) + scores.max(1)
        right = scores[np.arange(len(scores)), wanted[part]]
        losses.append(log_total - right)
        ranks.append((scores > right[:, None]).sum(1))
    rank = np.concatenate(ranks)
    row = {"loss": round(float(np.concatenate(losses).mean()), 4)}
    row |= {"first": round(float((rank == 0).mean()), 4), "among five": round(float((rank < 5).mean()), 4)}
    return model.head, row | {"training loss": [round(one, 4) for one in fitted.history["loss"]]}


class Counts:
    """Pieces counted by what stands left and right of them: as good as a table of neighbours gets.

    Args:
        rows: ids of sentences.
        size: V.
    """

    def __init__(self, rows: Sequence[list[int]], size: int):
        flat = np.concatenate([np.array(row, "int64") for row in rows])
        ends = np.cumsum([len(row) for row in rows])
        inside = np.ones(len(flat), bool)
        inside[ends - 1] = False
        inside[np.concatenate([[0], ends[:-1]])] = False
        at = np.flatnonzero(inside)
        self.size = size
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
        return np.stack([*found, np.full(len(piece), 1 / self.size)], axis=1)

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
    return tuple(one.astype("int64") for one in (read[row, column - 1], ids[hidden], read[row, column + 1]))


def run(seed: int, rows: dict[str, list[list[int]]], keep: Path | None = None) -> dict[str, Any]:
    """Return the figures of one seed: a new head, and counts of neighbours in all sentences."""
    rng = runtime.prepare(seed)
    drawn = {
        "train": [rows["train"][at] for at in rng.permutation(len(rows["train"]))],
        "test": [rows["test"][at] for at in rng.permutation(len(rows["test"]))[:TESTED]],
    }
    parts = {}
    for split, sentences in (("train", drawn["train"][:SENTENCES]), ("test", drawn["test"])):
        ids, mask = padded(sentences)
        read, hidden = hide(ids, mask, load_size(), rng)
        parts[split] = (ids, mask, read, hidden)
    found: dict[str, Any] = {"seed": seed, "hidden pieces": [int(parts[split][3].sum()) for split in parts]}
    encoder = load_bert(ENCODER)[0]
    table = keras.ops.convert_to_numpy(encoder.embedding.table)
    pairs = [(hidden_vectors(encoder, read, mask, hidden), ids[hidden]) for ids, mask, read, hidden in parts.values()]
    head, found["mini-bert"] = train_head(table, *pairs[0], pairs[1])
    if keep:
        save_head(head, keep)
    counts = Counts(drawn["train"][1000:], load_size())
    ids, mask = padded(drawn["train"][:1000])
    read, hidden = hide(ids, mask, load_size(), rng)
    counts.mix(*neighbours(read, ids, hidden))
    ids, _, read, hidden = parts["test"]
    found["neighbours"], found["frequency"] = counts.loss(*neighbours(read, ids, hidden))
    keras.backend.clear_session()
    return found


def load_size() -> int:
    """Return V, the pieces of mini-bert's vocabulary."""
    return len((ENCODER / "vocab.txt").read_text(encoding="utf-8").splitlines())


def measure(seeds: Sequence[int], work: Path = WORK, head: Path = HEAD) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return a row for each seed, and what holds for all; keep the head of the first."""
    about = {
        "reviews": REVIEWS_READ,
        "sentences": SENTENCES,
        "tested": TESTED,
        "epochs": EPOCHS,
        "batch": BATCH,
        "rate": RATE,
    }
    about |= {"pieces of a sentence": [SHORTEST, LONGEST], "weights_sha256": digest(ENCODER / "model.safetensors")}
    found = Kept(work, about)
    if missing := [seed for seed in seeds if str(seed) not in found or (seed == seeds[0] and not head.is_file())]:
        tokenizer = load_bert(ENCODER)[1]
        rows = {split: read_sentences(split, tokenizer) for split in ("train", "test")}
        for seed in tqdm(missing, desc="seeds"):
            found[str(seed)] = run(seed, rows, head if seed == seeds[0] else None)
    return [found[str(seed)] for seed in seeds], about


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when the file is written, 2 when the corpus is missing, 130 when interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args(arguments)
    try:
        rows, about = measure(SEEDS)
    except corpora.CorpusError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with the seeds that are done", file=sys.stderr)
        return 130
    command = command_line("tools/measure/masked_words.py", sys.argv[1:] if arguments is None else arguments)
    path = write_result("masked-words", rows, command, SEEDS[0], **about, backend=keras.backend.backend())
    for what in ("frequency", "neighbours"):
        print(f"{what:12}", *(f"{row[what]:.3f}" for row in rows))
    print(f"{'mini-bert':12}", *(f"{row['mini-bert']['loss']:.3f}" for row in rows))
    print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
