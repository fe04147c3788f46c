"""Exercise of chapter 7: find the bug where rows are added to a table of embeddings.

Letters in shapes: V pieces, d the width.
"""

from collections.abc import Callable, Sequence

import numpy as np

from utils.exercises.engine.exercise import Mistake
from utils.exercises.engine.forms import FindTheBug

_LISTING = """
def extend_table(table, pieces):
    rows, width = table.shape
    longer = np.zeros((rows + len(pieces), width))
    longer[:rows] = table
    for new, ids in enumerate(pieces):
        total = np.zeros(width)
        for token in ids:
            total = total + table[token]
        longer[rows + new] = total / len(pieces)
    return longer
"""


def extend_table(table: np.ndarray, pieces: Sequence[Sequence[int]]) -> np.ndarray:
    """Table (V, d) with a row more for each new word: the mean of the rows of the pieces it fell into."""
    return _extended(table, pieces, lambda rows: rows.mean(axis=0))


def _extended(table: np.ndarray, pieces: Sequence[Sequence[int]], row: Callable[[np.ndarray], np.ndarray]):
    return np.concatenate([table, [row(table[list(ids)]) for ids in pieces]])


def _inputs(rng: np.random.Generator, trial: int) -> tuple:
    table = rng.normal(size=(int(rng.integers(9, 14)), int(rng.integers(3, 6))))
    count = int(rng.integers(2, 7))
    lengths = [int(rng.integers(4, 7)), *rng.integers(1, 7, size=count - 1).tolist()]
    pieces = [rng.integers(len(table), size=length).tolist() for length in lengths]
    pieces[0][0] = pieces[0][1]  # a piece that occurs twice
    return table, pieces


EXTENDING = FindTheBug(
    id="custom-bug-extend",
    title="a bug where words are added",
    reference=extend_table,
    make_inputs=_inputs,
    listing=_LISTING,
    hint="Add one word that falls into two pieces, and compute its row with a pencil. Then add two words.",
    innocent={
        1: "it only names what comes in",
        2: "one row for each piece, one column for each number of a vector",
        3: "there is one row more for each new word",
        4: "the old rows stay as they are, at their old places",
        5: "each new word has a number, from 0, and its own list of pieces",
        6: "each word begins with a sum of zero",
        7: "every piece of this word, as often as it occurs",
        8: "the rows of the old table are summed up",
        10: "the table has the old rows and the new ones",
    },
    mistakes=(
        Mistake(
            "not divided",
            lambda table, pieces: _extended(table, pieces, lambda rows: rows.sum(axis=0)),
            "the new row is the sum of its pieces",
            "A mean is a sum divided by how many there are.",
        ),
        Mistake(
            "first piece",
            lambda table, pieces: _extended(table, pieces, lambda rows: rows[0]),
            "the new row is that of the first piece",
            "All pieces of the word count.",
        ),
        Mistake(
            "last piece",
            lambda table, pieces: _extended(table, pieces, lambda rows: rows[-1]),
            "the new row is that of the last piece",
            "All pieces of the word count.",
        ),
        Mistake(
            "each piece once",
            lambda table, pieces: _extended(table, pieces, lambda rows: np.unique(rows, axis=0).mean(axis=0)),
            "a piece that occurs twice counts once",
            "Line 7 was right as it stood.",
        ),
        Mistake(
            "whole table",
            lambda table, pieces: _extended(table, pieces, lambda rows: table.mean(axis=0)),
            "the new row is the mean of the whole table",
            "Only the pieces of this word count.",
        ),
        Mistake(
            "new rows first",
            lambda table, pieces: np.roll(extend_table(table, pieces), len(pieces), axis=0),
            "the new rows stand before the old ones",
            "Every old id must mean what it meant. Line 4 was right.",
        ),
        Mistake(
            "divided by the vocabulary",
            lambda table, pieces: _extended(table, pieces, lambda rows: rows.sum(axis=0) / len(table)),
            "the sum is divided by the number of old rows",
            "How many rows were summed up?",
        ),
    ),
)
