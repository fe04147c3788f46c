"""Properties of sound attention, each with a number: how far the outputs move when they should not, or should.

None needs a right answer to compare with, but for the last one of attention. `ATTENTION` holds for a function of query,
key, value and mask; the functions below it measure a layer of self-attention, x and mask to y. The five properties
that chapter 2 asks of a layer with kernels at hand are of the same kind.

Inputs are float32 and drawn once, so that a number is the same whenever it is measured.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from utils.clinic.attentions import plain_attention

TOLERANCE = 1e-4  # of a number that should be 0, times the size of the outputs; float32 rounds to some 1e-6
LEAST = 1e-4  # of a move that has to be seen; inputs are changed by 10 for it
SIZES = (np.float32(1), np.float32(1 / 16))  # of texts where a move has to be seen

Attend = Callable[..., np.ndarray]
Run = Callable[..., np.ndarray]  # (x, mask or None) to y


class Inputs(NamedTuple):
    """Arguments of attention: query (B, T, d_k), key (B, S, d_k), value (B, S, d_v), mask (B, T, S)."""

    query: np.ndarray
    key: np.ndarray
    value: np.ndarray
    mask: np.ndarray


def draw_inputs(
    texts: int = 2, queries: int = 5, keys: int = 5, key_dim: int = 4, value_dim: int = 4, seed: int = 0
) -> Inputs:
    """Draw inputs of attention; each query sees some keys and not others, and each text has a mask of its own."""
    rng = np.random.default_rng(seed)
    query = 0.7 * rng.standard_normal((texts, queries, key_dim), dtype="float32")
    key = 0.7 * rng.standard_normal((texts, keys, key_dim), dtype="float32")
    value = rng.standard_normal((texts, keys, value_dim), dtype="float32")
    text, row, column = np.ogrid[:texts, :queries, :keys]
    mask = (text + row + 2 * column) % 5 > 1  # no two texts alike, nor a table and its transpose
    return Inputs(query, key, value, mask)


def padding_of_each_text(inputs: Inputs) -> np.ndarray:
    """Return a mask (B, T, S) that is the same for all queries of a text, and differs from text to text."""
    return np.broadcast_to(inputs.mask[:, :1], inputs.mask.shape).copy()


@dataclass(frozen=True)
class Property:
    """What must hold of attention, and how far it is from holding.

    Attributes:
        name: in a few words.
        says: the property as a sentence.
        measure: from (attend, inputs) to a number.
        moves: whether the number must be at least LEAST; otherwise it must be 0, up to rounding.
        hint: the likely mistake where the property fails.
        masked: whether the mask is part of it.
        counts: whether the number is a count, to be shown as one.
    """

    name: str
    says: str
    measure: Callable[[Attend, Inputs], float]
    hint: str
    moves: bool = False
    masked: bool = False
    counts: bool = False

    def holds(self, number: float, size: float = 1.0) -> bool:
        """Whether a measured number is as it must be; NaN never is."""
        return bool(number >= LEAST) if self.moves else bool(number <= TOLERANCE * max(1.0, size))


def largest(array: np.ndarray) -> float:
    """Return the largest magnitude in an array; NaN where there is one."""
    return float(np.abs(array).max(initial=0.0))


def texts_apart(attend: Attend, inputs: Inputs) -> float:
    """Change the first text of the batch, and then the last: how far do the others move?"""
    query, key, value, _ = inputs
    before = attend(query, key, value)
    later = [np.concatenate([part[:1] + 1, part[1:]]) for part in (query, key, value)]
    earlier = [np.concatenate([part[:-1], part[-1:] + 1]) for part in (query, key, value)]
    return largest(np.stack([(attend(*later) - before)[1:], (attend(*earlier) - before)[:-1]]))


def queries_apart(attend: Attend, inputs: Inputs) -> float:
    """Change one query: how far do the rows of the other queries move?"""
    query, key, value, _ = inputs
    other = query.copy()
    other[:, 0] += 1
    return largest((attend(other, key, value) - attend(query, key, value))[:, 1:])


def order_of_keys(attend: Attend, inputs: Inputs) -> float:
    """Shuffle keys and values together: how far does the output move?"""
    query, key, value, _ = inputs
    order = np.roll(np.arange(key.shape[1]), 2)
    return largest(attend(query, key[:, order], value[:, order]) - attend(query, key, value))


def average_of_values(attend: Attend, inputs: Inputs) -> float:
    """Make all values one row: how far is the output from that row, without a mask and with one?"""
    query, key, value, mask = inputs
    same = np.broadcast_to(value[:, :1], value.shape)
    outputs = (attend(query, key, same), attend(query, key, same, mask))
    return largest(np.stack([output - value[:, :1] for output in outputs]))


def values_count(attend: Attend, inputs: Inputs) -> float:
    """Change one value after another: what is the least move of a row?"""
    query, key, value, _ = inputs
    before = attend(query, key, value)
    return _least_move(lambda other: np.abs(attend(query, key, other) - before).max(axis=-1), value, None)


def seen_count(attend: Attend, inputs: Inputs) -> float:
    """Change one value after another: what is the least move of a row that may see it?"""
    query, key, value, mask = inputs
    before = attend(query, key, value, mask)
    return _least_move(lambda other: np.abs(attend(query, key, other, mask) - before).max(axis=-1), value, mask)


def _least_move(moves: Callable[[np.ndarray], np.ndarray], value: np.ndarray, mask: np.ndarray | None) -> float:
    least = np.inf
    for place in range(value.shape[1]):
        other = value.copy()
        other[:, place] += 10
        moved = moves(other)  # (B, T); NaN stays NaN
        least = np.minimum(least, moved.min() if mask is None else moved[mask[:, :, place]].min(initial=np.inf))
    return float(least)


def hidden_silent(attend: Attend, inputs: Inputs) -> float:
    """Change key and value at one place after another: how far do the rows move that may not see it?

    Queries are tried ten times as large, too: a mask that takes a few units off a score gives way there.
    """
    _, key, value, mask = inputs
    moved = 0.0
    for query in (inputs.query, 10 * inputs.query):
        before = attend(query, key, value, mask)
        for place in range(key.shape[1]):
            other_key, other_value = key.copy(), value.copy()
            other_key[:, place] += 1
            other_value[:, place] += 10
            rows = (attend(query, other_key, other_value, mask) - before)[~mask[:, :, place]]
            moved = np.maximum(moved, largest(rows))
    return float(moved)


def hidden_as_removed(attend: Attend, inputs: Inputs) -> float:
    """Hide two keys, the last of the first text and the first of the next: how far is that from taking them away?"""
    query, key, value, mask = inputs
    texts, rows, keys = mask.shape
    kept = np.arange(keys - 2) + 2 * (np.arange(texts)[:, None] % 2)  # (B, S - 2): places
    padding = np.zeros((texts, 1, keys), dtype=bool)
    np.put_along_axis(padding, kept[:, None], True, axis=-1)
    short_key, short_value = (np.take_along_axis(part, kept[..., None], axis=1) for part in (key, value))
    padded = attend(query, key, value, np.broadcast_to(padding, (texts, rows, keys)))
    return largest(padded - attend(query, short_key, short_value))


def doubled_features(attend: Attend, inputs: Inputs) -> float:
    """Give queries and keys each feature twice and divide both by the fourth root of 2: how far does it move?

    The dot products double, the scale √d_k grows by √2, and the division by 2^¼ of both takes the rest away.
    """
    query, key, value, _ = inputs
    wide_query, wide_key = (np.concatenate([part, part], axis=-1) / np.float32(2**0.25) for part in (query, key))
    return largest(attend(wide_query, wide_key, value) - attend(query, key, value))


def large_scores(attend: Attend, inputs: Inputs) -> float:
    """Count the entries that are no numbers where scores reach ten thousands, without a mask and with one."""
    query, key, value, mask = inputs
    with np.errstate(all="ignore"):
        outputs = (attend(1e4 * query, key, value), attend(1e4 * query, key, value, mask))
        return float(sum(np.count_nonzero(~np.isfinite(output)) for output in outputs))


def from_equation(attend: Attend, inputs: Inputs) -> float:
    """Compare with equation 1 in float64, without a mask and with one."""
    query, key, value, mask = inputs
    exact = [part.astype("float64") for part in (query, key, value)]
    gaps = (
        attend(query, key, value) - plain_attention(*exact),
        attend(query, key, value, mask) - plain_attention(*exact, mask),
    )
    return largest(np.stack(gaps))


ATTENTION = (
    Property(
        "texts apart",
        "a text does not notice the other texts of its batch",
        texts_apart,
        "a sum, a softmax or a reshape runs over the axis of the texts",
    ),
    Property(
        "queries apart",
        "the row of a query does not notice the other queries",
        queries_apart,
        "the softmax runs over the queries, or scores of other queries are used",
    ),
    Property(
        "order of keys",
        "keys and values, shuffled together, give the same output",
        order_of_keys,
        "the place of a key takes part: a product entry by entry, a mirrored or sorted score",
    ),
    Property(
        "average of values",
        "where all values are one row, the output is that row",
        average_of_values,
        "the weights of a query do not sum to 1",
    ),
    Property(
        "values count",
        "each value reaches each row of the output",
        values_count,
        "something else stands in the place of the values",
        moves=True,
    ),
    Property(
        "hidden is silent",
        "what a query may not see does not move its row",
        hidden_silent,
        "the mask is turned round, not used, too weak, or that of another text",
        masked=True,
    ),
    Property(
        "seen counts",
        "each value that may be seen moves the row",
        seen_count,
        "the mask is turned round, hides too much, or is that of another text",
        moves=True,
        masked=True,
    ),
    Property(
        "hidden is removed",
        "hidden keys count as little as keys that are not there",
        hidden_as_removed,
        "hidden scores take part in the softmax: make them −∞, or very negative, before it",
        masked=True,
    ),
    Property(
        "doubled features",
        "each feature twice, over the fourth root of 2, changes nothing",
        doubled_features,
        "the scores are not divided by the root of the width of a key",
    ),
    Property(
        "large scores",
        "entries that are no numbers where scores reach ten thousands",
        large_scores,
        "subtract the largest score of each row before the exponential, and mask the scores, not the weights",
        counts=True,
    ),
    Property(
        "equation",
        "the output is softmax(QKᵀ/√d_k)V",
        from_equation,
        "something differs that no other property sees, such as another scale",
    ),
)
BY_NAME = {one.name: one for one in ATTENTION}


def draw_texts(texts: int = 2, tokens: int = 5, width: int = 12, seed: int = 0) -> np.ndarray:
    """Draw texts x (B, T, d) for a layer of self-attention."""
    return np.random.default_rng(seed).standard_normal((texts, tokens, width), dtype="float32")


def who_moves_whom(run: Run, x: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Change one token after another: how far does each row of its text move?

    Texts a sixteenth as large are tried, too, and the larger move counts: where the kernels are large or the scale is
    left out, scores of the texts as they are may lie so far apart that weights round to 0.

    Args:
        run: a layer of self-attention.
        x: texts (B, T, d).
        mask: what is passed on to run, or None.

    Returns:
        Array (B, T, T): of each text, row t, column s holds the largest move of row t when token s is changed.
    """
    found = []
    for size in SIZES:
        before, moves = run(size * x, mask), []
        for place in range(x.shape[1]):
            other = x.copy()
            other[:, place] = np.roll(other[:, place], 1, axis=-1) + 1
            moves.append(np.abs(run(size * other, mask) - before).max(axis=2))
        found.append(np.stack(moves, axis=2))
    return np.max(found, axis=0)  # NaN stays NaN


def layer_texts_apart(run: Run, x: np.ndarray) -> float:
    """Change the first text, and then the last: how far do the others move?"""
    before, moved = run(x, None), 0.0
    for text in (0, len(x) - 1):
        other = x.copy()
        other[text] += 1
        other[text, :, 0] += 1
        moved = np.maximum(moved, largest(np.delete(run(other, None) - before, text, axis=0)))  # NaN stays NaN
    return float(moved)


def layer_said_twice(run: Run, x: np.ndarray, causal: bool) -> float:
    """Say each text twice in one: how far do its rows move, or under a causal mask its last row?

    Each token is then seen twice as often as before, itself included, so that all weights are halved and the averages
    stay. A token that does not see itself, or a row that reads nothing, moves; a residual sum does not hide it.
    """
    once, twice = run(x, None), run(np.concatenate([x, x], axis=1), None)[:, x.shape[1] :]
    return largest((twice - once)[:, -1:] if causal else twice - once)


def layer_order(run: Run, x: np.ndarray) -> float:
    """Shuffle the tokens: how far are the rows from the same rows, shuffled?"""
    order = np.array([2, 0, 3, 1, *range(4, x.shape[1])])[::-1]
    return largest(run(x[:, order], None) - run(x, None)[:, order])


def hide_in_first_text(x: np.ndarray, place: int) -> np.ndarray:
    """Return a mask (B, T, T) that hides one token of the first text from all queries, and nothing of the others."""
    mask = np.ones((len(x), x.shape[1], x.shape[1]), dtype=bool)
    mask[0, :, place] = False
    return mask


def layer_hidden_as_removed(run: Run, x: np.ndarray, place: int) -> float:
    """Hide one token of the first text: how far is that from the text without it, and the others from no mask?"""
    kept = np.arange(x.shape[1]) != place
    masked = run(x, hide_in_first_text(x, place))
    gaps = (masked[:1, kept] - run(x[:, kept], None)[:1], (masked - run(x, None))[1:])
    return float(np.max([largest(gap) for gap in gaps]))  # NaN stays NaN
