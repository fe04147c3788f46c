"""Encode documents into a corpus of items, which are sentences and passages of several sentences."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from tools.pretraining.negation import twin

SENTENCE_PIECES = 64  # longer sentences are left out
PASSAGE_PIECES = 96  # a passage holds as many sentences as fit
PASSAGE_SHARE = 3  # every third document gives one passage beside its sentences
PASSAGE_SENTENCES = 2  # at least


@dataclass(frozen=True)
class Corpus:
    """Items of text as piece ids, one after the other.

    Attributes:
        ids: (P,) uint16, the pieces of all items, [CLS] and [SEP] included.
        offsets: (N + 1,) int64, where each item begins; the last one is P.
        documents: (N,) int32, the document that each item is from.
        passages: (N,) bool, whether an item repeats sentences: a passage of several, or a sentence's twin.
    """

    ids: np.ndarray
    offsets: np.ndarray
    documents: np.ndarray
    passages: np.ndarray

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.documents)

    @property
    def lengths(self) -> np.ndarray:
        """Pieces of each item, (N,)."""
        return np.diff(self.offsets)

    def positions(self, items: np.ndarray) -> np.ndarray:
        """Return where in `ids` the pieces of some items stand, (pieces of these items,)."""
        return np.concatenate([np.arange(self.offsets[item], self.offsets[item + 1]) for item in items])

    def padded(self, items: np.ndarray, padding: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return (ids, mask) of some items, both (B, T): int64, and boolean with True for a piece."""
        lengths = self.lengths[items]
        mask = np.arange(lengths.max()) < lengths[:, None]
        ids = np.full(mask.shape, padding, dtype=np.int64)
        ids[mask] = self.ids[self.positions(items)]
        return ids, mask

    def save(self, path: Path) -> None:
        """Write the corpus to a .npz file, all or nothing."""
        draft = path.with_suffix(".draft.npz")
        np.savez(draft, **asdict(self))
        draft.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Corpus":
        """Read what `save` wrote."""
        with np.load(path) as file:
            return cls(**file)


def encode_documents(
    documents: list[list[str]], tokenizer: Tokenizer, items: int, rng: np.random.Generator, twins: int = 0
) -> Corpus:
    """Encode documents and keep at most so many items: whole documents, in random order.

    Args:
        documents: sentences of each document.
        tokenizer: wraps what it encodes in [CLS] … [SEP].
        items: how many items to keep at most.
        rng: draws the order of the documents, where passages begin, and which sentences get a twin.
        twins: of 100 sentences that can have a twin, which differs by a *not*, so many get one.
    """
    kept: list[list[int]] = []
    origins: list[int] = []
    passages: list[bool] = []
    for turn, at in enumerate(rng.permutation(len(documents))):
        encoded = [encoding.ids for encoding in tokenizer.encode_batch_fast(documents[at])]
        found = [ids for ids in encoded if len(ids) <= SENTENCE_PIECES]
        sentences = len(found)
        if turn % PASSAGE_SHARE == 0:
            found += _passages(encoded, int(rng.integers(len(encoded))))
        if twins:
            found += _twins(documents[at], tokenizer, twins / 100, rng)
        if len(kept) + len(found) > items:
            break
        kept += found
        origins += [turn] * len(found)
        passages += [at >= sentences for at in range(len(found))]
    offsets = np.cumsum([0, *map(len, kept)])
    ids = np.concatenate(kept).astype(np.uint16)
    return Corpus(ids, offsets, np.array(origins, dtype=np.int32), np.array(passages, dtype=bool))


def _passages(encoded: list[list[int]], start: int) -> Iterator[list[int]]:
    """Yield the passage that begins at a sentence, if two sentences fit."""
    passage, count = encoded[start], 1
    for following in encoded[start + 1 :]:
        if len(passage) + len(following) - 2 > PASSAGE_PIECES:
            break
        passage, count = [*passage[:-1], *following[1:]], count + 1
    if count >= PASSAGE_SENTENCES and len(passage) <= PASSAGE_PIECES:
        yield passage


def _twins(sentences: list[str], tokenizer: Tokenizer, share: float, rng: np.random.Generator) -> list[list[int]]:
    """Return the twins of a share of the sentences, of those that have one."""
    drawn = [sentence for sentence in sentences if rng.random() < share]
    found = [other for sentence in drawn if (other := twin(sentence, contract=bool(rng.random() < 0.5)))]
    encoded = [encoding.ids for encoding in tokenizer.encode_batch_fast(found)]
    return [ids for ids in encoded if len(ids) <= SENTENCE_PIECES]


def batches(lengths: np.ndarray, pieces: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Shuffle items into batches of like lengths, each of about so many pieces with padding.

    Args:
        lengths: pieces of each item, (N,).
        pieces: length of the longest item times number of items, at most (but never less than one item).
        rng: draws the order; the same generator gives the same batches.
    """
    order = rng.permutation(len(lengths))
    order = order[np.argsort(lengths[order], kind="stable")]
    cuts, start = [], 0
    for at, item in enumerate(order):
        if at > start and (at + 1 - start) * lengths[item] > pieces:
            cuts.append(at)
            start = at
    groups = np.split(order, cuts)
    return [groups[at] for at in rng.permutation(len(groups))]
