"""Exercise of chapter 4 that asks for a test: does reading in pieces, with a cache, give what reading at once gives?

A layer is a function `read(x, cache)` of new rows x (T, d), d even, and a cache: None, or what an earlier call
returned. It returns the rows (T, d) of these tokens, and the cache for the next call.
"""

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from utils.exercises.attention.inputs import softmax
from utils.exercises.engine.exercise import Mistake
from utils.exercises.engine.forms import Case, WriteATest

Read = Callable[[np.ndarray, Any], tuple[np.ndarray, Any]]
_CUTS = ((1, 2, 3), (5, 12, 20), (9, 10, 11, 12))  # where pieces of a text end
_ROOM = 12  # tokens for which one of the broken caches has room


def cache_is_sound(read: Read) -> bool:
    """Whether texts read in pieces, and two in turn from the same cache, give the rows of texts read at once."""
    return all(_same(read, cuts) for cuts in _CUTS) and _in_turn(read)


def _text(length: int = 24) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(length, 8))


def _last_rows(read: Read) -> bool:
    """Compare the last four rows of a text alone."""
    whole, cache, rows = read(_text(), None)[0], None, []
    for piece in np.split(_text(), (5, 12, 20, 21, 22)):
        read(-piece, cache)
        row, cache = read(piece, cache)
        rows.append(row)
    return np.allclose(np.concatenate(rows)[-4:], whole[-4:], atol=1e-5)


def _pieces(read: Read, cuts: Sequence[int], length: int = 24) -> np.ndarray:
    cache, rows = None, []
    for piece in np.split(_text(length), cuts):
        row, cache = read(piece, cache)
        rows.append(row)
    return np.concatenate(rows)


def _same(read: Read, cuts: Sequence[int], length: int = 24, atol: float = 1e-5) -> bool:
    return np.allclose(_pieces(read, cuts, length), read(_text(length), None)[0], rtol=0, atol=atol)


def _in_turn(read: Read, ends: Sequence[int] = (9, 15, 24)) -> bool:
    """Read two ways on from one cache, a piece of the one and a piece of the other, and compare both."""
    x = _text(ends[-1])
    texts = x, np.concatenate([x[: ends[0]], -x[ends[0] :]])
    caches, rows = [read(x[: ends[0]], None)[1]] * 2, ([], [])
    for piece in itertools.starmap(slice, itertools.pairwise(ends)):
        for way, text in enumerate(texts):
            new, caches[way] = read(text[piece], caches[way])
            rows[way].append(new)
    wholes = [read(text, None)[0][ends[0] :] for text in texts]
    return np.allclose(list(map(np.concatenate, rows)), wholes, atol=1e-5)


def _twice(read: Read, first: int = 9, last: int = 24) -> bool:
    """Read on from one cache, then again with other tokens from the same cache; go on with neither."""
    x = _text(last)
    _, cache = read(x[:first], None)
    read(-x[first:], cache)
    return np.allclose(read(x[first:], cache)[0], read(x, None)[0][first:], atol=1e-5)


def _largest(read: Read) -> Read:
    """Reduce rows to the place of their largest number."""

    def places(x: np.ndarray, cache: Any) -> tuple[np.ndarray, Any]:
        rows, cache = read(x, cache)
        return np.eye(rows.shape[1])[rows.argmax(axis=1)], cache

    return places


def _turned(x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    angles = np.outer(positions, 100.0 ** (-np.arange(0, x.shape[1], 2) / x.shape[1]))
    even, odd = x[:, ::2], x[:, 1::2]
    pairs = even * np.cos(angles) - odd * np.sin(angles), even * np.sin(angles) + odd * np.cos(angles)
    return np.stack(pairs, axis=-1).reshape(x.shape)


def _projected(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    query, key, value = _kernels(x.shape[1])
    return x @ query, x @ key, x @ value


@functools.cache
def _kernels(width: int) -> np.ndarray:
    """Query, key and value kernels, (width, width) each."""
    return np.random.default_rng(width).normal(size=(3, width, width)) / np.sqrt(width)


def _attend(query: np.ndarray, key: np.ndarray, value: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    if not len(query):  # an empty piece; the first one has no keys either
        return value[:0]
    return softmax(np.where(allowed, query @ key.T / np.sqrt(key.shape[1]), -1e30)) @ value


def _up_to(first: int, num_queries: int, num_keys: int) -> np.ndarray:
    """Mask (T, S) of queries that stand at first, first + 1 and so on."""
    return np.arange(num_keys)[None, :] <= first + np.arange(num_queries)[:, None]


def _reader(
    keep: Callable[[list, int], list] = lambda kept, new: kept,
    start: Callable[[int], int] = lambda seen: seen,
    mask: Callable[..., np.ndarray] = _up_to,
    turned: Callable[[np.ndarray, np.ndarray], np.ndarray] = _turned,
) -> Read:
    """Make a layer with rotary positions, parts of which may be broken.

    Args:
        keep: what is kept for the next call, of [keys, values] and the number of new ones.
        start: position of the first new token, from the number of tokens in the cache.
        mask: from that number, and those of queries and keys.
        turned: how rows are turned by their positions.
    """

    def read(x: np.ndarray, cache: Any) -> tuple[np.ndarray, Any]:
        seen = 0 if cache is None else len(cache[0])
        query, key, value = _projected(x)
        positions = start(seen) + np.arange(len(x))
        query, key = turned(query, positions), turned(key, positions)
        if cache is not None:
            key, value = np.concatenate([cache[0], key]), np.concatenate([cache[1], value])
        return _attend(query, key, value, mask(seen, len(x), len(key))), keep([key, value], len(x))

    return read


def _again(x: np.ndarray, cache: Any) -> tuple[np.ndarray, Any]:
    """Keep the tokens themselves, and compute everything again."""
    text = x if cache is None else np.concatenate([cache, x])
    return _reader()(text, None)[0][len(text) - len(x) :], text


def _window(first: int, num_queries: int, num_keys: int) -> np.ndarray:
    return _up_to(first, num_queries, num_keys) & ~_up_to(first - 5, num_queries, num_keys)


def _appending(x: np.ndarray, cache: Any) -> tuple[np.ndarray, Any]:
    """Append to the lists that it is given."""
    cache = ([], []) if cache is None else cache
    seen = len(cache[0])
    query, key, value = _projected(x)
    positions = seen + np.arange(len(x))
    cache[0].extend(_turned(key, positions))
    cache[1].extend(value)
    mask = _up_to(seen, len(x), len(cache[0]))
    return _attend(_turned(query, positions), np.array(cache[0]), np.array(cache[1]), mask), cache


def _in_place(x: np.ndarray, cache: Any) -> tuple[np.ndarray, Any]:
    """Make room once, and write keys and values into it behind those that are there."""
    room, seen = (np.zeros((2, 1000, x.shape[1])), 0) if cache is None else cache
    query, *new = _projected(x)
    positions, end = seen + np.arange(len(x)), seen + len(x)
    room[:, seen:end] = _turned(new[0], positions), new[1]
    rows = _attend(_turned(query, positions), *room[:, :end], _up_to(seen, len(x), end))
    return rows, (room, end)


def _emptied(x: np.ndarray, cache: Any) -> tuple[np.ndarray, Any]:
    """Take keys and values out of the list that is given."""
    rows, kept = _reader()(x, [cache.pop(0), cache.pop(0)] if cache else None)
    return rows, kept


def _one_store() -> Read:
    """Keep one store for all texts, emptied when a text begins."""
    store: list[Any] = [None]

    def read(x: np.ndarray, cache: Any) -> tuple[np.ndarray, Any]:
        rows, store[0] = _reader()(x, None if cache is None else store[0])
        return rows, "the store"

    return read


def _turned_again(x: np.ndarray, cache: Any) -> tuple[np.ndarray, Any]:
    """Turn the keys of the cache once more in every call."""
    if cache is not None:
        cache = [_turned(cache[0], np.arange(len(cache[0]))), cache[1]]
    return _reader()(x, cache)


def _in_front(x: np.ndarray, cache: Any) -> tuple[np.ndarray, Any]:
    """Keep new keys before the old ones: an order means nothing to keys that all may be seen."""
    rows, (key, value) = _reader()(x, cache)
    return rows, [np.roll(key, len(x), axis=0), np.roll(value, len(x), axis=0)]


def _ends(kept: list, new: int) -> list:
    """Keep the first three and the new ones."""
    return [np.concatenate([one[:3], one[max(3, len(one) - new) :]]) for one in kept]


def _single_at_the_start(x: np.ndarray, cache: Any) -> tuple[np.ndarray, Any]:
    """Give a token that comes alone position 0."""
    return _reader(start=lambda seen: 0 if len(x) == 1 else seen)(x, cache)


def _second_alone(x: np.ndarray, cache: Any) -> tuple[np.ndarray, Any]:
    """Read the second piece without the first, and keep both."""
    calls, kept = cache or (0, None)
    rows, kept = _reader()(x, kept)
    return _reader()(x, None)[0] if calls == 1 else rows, (calls + 1, kept)


_COMPARE = "Read one text at once and in pieces, and compare all rows."
_PIECES = "Try pieces of one token, pieces of several, and more than two of them."
_TWICE = "Read on from one cache, then from the same cache once more with other tokens."
_IN_TURN = "Go on with both ways, a piece of the one and then a piece of the other, and compare."


def _cases() -> tuple[Case, ...]:
    return (
        Case("keys are turned by their positions and kept", _reader()),
        Case("no positions", _reader(turned=lambda x, positions: x)),
        Case("positions are added", _reader(turned=lambda x, positions: x + np.sin(positions)[:, None])),
        Case("a sliding window of five tokens", _reader(mask=_window)),
        Case("it keeps the tokens and computes everything again", _again),
        Case("the cache keeps its tokens in another order", _in_front),
        Case("float32", _reader(keep=lambda kept, new: [one.astype(np.float32) for one in kept])),
        Case("the cache is never read", lambda x, cache: _reader()(x, None), _COMPARE),
        Case("only the last piece is kept", _reader(keep=lambda kept, new: [one[-new:] for one in kept]), _PIECES),
        Case("only the first three tokens and the last piece are kept", _reader(keep=_ends), _PIECES),
        Case("the last token is not kept", _reader(keep=lambda kept, new: [one[:-1] for one in kept]), _COMPARE),
        Case("keys are kept as values", _reader(keep=lambda kept, new: [kept[0], kept[0]]), _COMPARE),
        Case("keys are rounded to two decimals", _reader(keep=lambda kept, new: [kept[0].round(2), kept[1]]), _COMPARE),
        Case(
            f"there is room for {_ROOM} tokens, older ones are dropped",
            _reader(keep=lambda kept, new: [one[-_ROOM:] for one in kept], start=lambda seen: seen),
            "How long is the text that you try?",
        ),
        Case("positions begin at 0 in each piece", _reader(start=lambda seen: 0), _COMPARE),
        Case(
            "positions are one too large after the first piece", _reader(start=lambda seen: seen + (seen > 0)), _COMPARE
        ),
        Case("keys in the cache are turned again in each call", _turned_again, _COMPARE),
        Case(
            "there is no mask within a piece, once something is cached",
            _reader(mask=lambda first, t, s: _up_to(first, t, s) | (first > 0)),
            _PIECES,
        ),
        Case("the mask of a piece begins at key 0", _reader(mask=lambda first, t, s: _up_to(0, t, s)), _COMPARE),
        Case(
            "there is no mask as long as nothing is cached",
            _reader(mask=lambda first, t, s: _up_to(first or s, t, s)),
            _COMPARE,
        ),
        Case("a token that comes alone gets position 0", _single_at_the_start, _PIECES),
        Case("the second piece is read without the first", _second_alone, _COMPARE),
        Case("it writes into the cache that it is given", _appending, _TWICE),
        Case("all texts share one store", _one_store(), _TWICE),
        Case("it takes out of the cache what it reads", _emptied, _TWICE),
        Case("two ways on from one cache write into the same room", _in_place, _IN_TURN),
    )


CACHES = WriteATest(
    id="architecture-test-cache",
    title="a test of caches",
    reference=cache_is_sound,
    cases=_cases,
    hint="What must not depend on the pieces into which a text is cut? Allow for rounding.",
    mistakes=(
        Mistake(
            "accepts everything",
            lambda read: True,
            "accepts whatever it is given",
            _COMPARE,
        ),
        Mistake(
            "refuses everything",
            lambda read: False,
            "refuses whatever it is given, also what is sound",
            "Return True at the end, when nothing wrong was found.",
        ),
        Mistake(
            "one token at a time",
            lambda read: _same(read, range(1, 24)) and _twice(read, last=10),
            "reads nothing but single tokens once something is cached",
            _PIECES,
        ),
        Mistake(
            "no single tokens",
            lambda read: _same(read, (5, 12, 20)) and _twice(read),
            "never reads a single token once something is cached",
            _PIECES,
        ),
        Mistake(
            "last rows",
            _last_rows,
            "compares the last rows alone",
            "A row before them can be wrong, and the last ones right. Compare all rows.",
        ),
        Mistake(
            "cache used once",
            lambda read: all(_same(read, cuts) for cuts in _CUTS),
            "never reads twice from one cache",
            _TWICE,
        ),
        Mistake(
            "one way forgotten",
            lambda read: all(_same(read, cuts) for cuts in _CUTS) and _twice(read),
            "reads twice from one cache, but does not go on with both ways",
            _IN_TURN,
        ),
        Mistake(
            "two pieces",
            lambda read: _same(read, (9,)) and _twice(read),
            "cuts the text into two pieces alone",
            _PIECES,
        ),
        Mistake(
            "short text",
            lambda read: _same(read, (1, 2, 3, 6), length=9) and _twice(read, 4, 9),
            "tries a short text alone",
            "Caches have room for so much and no more. Try a longer text.",
        ),
        Mistake(
            "largest number alone",
            lambda read: cache_is_sound(_largest(read)),
            "does not see small gaps: it compares the place of the largest number alone, or allows too much",
            "A cache can be wrong by a little. Compare the numbers, and allow for rounding alone.",
        ),
        Mistake(
            "too strict",
            lambda read: cache_is_sound(read) and _same(read, (5, 12), atol=1e-12),
            "refuses one that is sound, because it allows too little for rounding",
            "In float32 a number has about seven digits. Allow a gap of 1e-5, say.",
        ),
    ),
)
