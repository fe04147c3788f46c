"""Exercise of chapter 6 that asks for a test: is padding hidden from an encoder's tokens?

An encoder is a function `encode(ids, mask)` of integers (B, T) and booleans (B, T), True where a token stands. It
returns vectors (B, T, 4).
"""

from collections.abc import Callable

import numpy as np

from utils.exercises.engine.exercise import Mistake
from utils.exercises.engine.forms import Case, WriteATest

Encode = Callable[[np.ndarray, np.ndarray], np.ndarray]
_WIDTH, _VOCABULARY = 4, 50
_TABLE = np.random.default_rng(6).normal(size=(_VOCABULARY, _WIDTH))
_PLACES = np.random.default_rng(7).normal(size=(64, _WIDTH))


def padding_is_hidden(encode: Encode) -> bool:
    """Whether vectors of tokens depend neither on what stands at padded places, nor on how many there are."""
    return _holds(encode)


def _holds(
    encode: Encode,
    lengths: tuple[int, ...] = (1, 3, 7, 12),
    fillers: tuple[int, ...] = (0, 9, 31),
    tails: tuple[int, ...] = (1, 2, 9, 30),
    together: bool = True,
    reads: bool = True,
) -> bool:
    """Compare each text alone with the same text padded, alone and in one batch."""
    rng = np.random.default_rng(11)
    texts = [rng.integers(5, _VOCABULARY, length) for length in lengths]
    alone = [encode(text[None], np.ones((1, len(text)), bool))[0] for text in texts]
    for tail in tails:
        for filler in fillers:
            length = max(map(len, texts)) + tail
            ids, mask = np.full((len(texts), length), filler), np.zeros((len(texts), length), bool)
            for row, text in enumerate(texts):
                ids[row, : len(text)], mask[row, : len(text)] = text, True
            if together:
                padded = encode(ids, mask)
            else:
                padded = np.concatenate([encode(ids[row : row + 1], mask[row : row + 1]) for row in range(len(texts))])
            for row, (text, vectors) in enumerate(zip(texts, alone, strict=True)):
                if not np.allclose(padded[row, : len(text)], vectors, atol=1e-6):
                    return False
    return not reads or _reads(encode, texts[-1])


def _reads(encode: Encode, text: np.ndarray) -> bool:
    """Whether every token reaches every vector: an encoder that mixes nothing hides everything."""
    mask = np.ones((1, len(text)), bool)
    before = encode(text[None], mask)[0]
    for place in range(len(text)):
        changed = text.copy()
        changed[place] = 5 + (changed[place] + 7) % (_VOCABULARY - 5)
        if (np.abs(encode(changed[None], mask)[0] - before).max(axis=-1) < 1e-9).any():
            return False
    return True


def _attention(
    hide: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda mask, ids: mask,
    places: Callable[[int, np.ndarray], np.ndarray] = lambda length, mask: _PLACES[:length],
    low: float = -np.inf,
    after: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda vectors, mask: vectors,
    heads: int = 1,
) -> Encode:
    """Make an encoder of one layer of attention, parts of which may be broken."""

    def encode(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        x = _TABLE[ids] + places(ids.shape[1], mask)
        parts = np.split(x, heads, axis=-1)
        mixed = []
        for part in parts:
            scores = part @ part.swapaxes(1, 2) / np.sqrt(part.shape[-1])
            scores = np.where(hide(mask, ids)[:, None, :], scores, low if np.isinf(low) else scores + low)
            scores = scores - np.maximum(scores.max(axis=-1, keepdims=True), -1e9)
            shares = np.exp(scores)
            mixed.append(shares / np.maximum(shares.sum(axis=-1, keepdims=True), 1e-30) @ part)
        return after(x + np.concatenate(mixed, axis=-1), mask)

    return encode


def _pooled(count: Callable[[np.ndarray], np.ndarray], weigh: bool = True) -> Encode:
    """Make an encoder that adds the mean of all tokens to each."""

    def encode(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        x = _TABLE[ids] + _PLACES[: ids.shape[1]]
        total = (x * mask[..., None]).sum(axis=1, keepdims=True) if weigh else x.sum(axis=1, keepdims=True)
        return x + total / count(mask)[:, None, None]

    return encode


def _all_places(mask: np.ndarray) -> np.ndarray:
    """Count padded places like tokens."""
    return np.full(len(mask), mask.shape[1])


def _centred(vectors: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Subtract the mean of all places of each text, padding and all."""
    return vectors - vectors.mean(axis=1, keepdims=True)


def _batch_centred(vectors: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Subtract the mean of all texts of the batch."""
    return vectors - vectors.mean(axis=(0, 1), keepdims=True)


def _but_last(mask: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Hide padding but for the first padded place."""
    shown = mask.copy()
    shown[:, 1:] |= mask[:, :-1]
    return shown


def _first_row(mask: np.ndarray, ids: np.ndarray) -> np.ndarray:
    return np.broadcast_to(mask[:1], mask.shape)


_COMPARE = "Encode a text alone, and the same text with padding behind it. Compare the vectors of its tokens."
_FILLER = "Does it hide what the mask says, or what has the id 0? Put another id at padded places."
_MIXES = "Change one token. Do the vectors of the others move?"


def _zeroed(vectors: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return vectors * mask[..., None]


def _cases() -> tuple[Case, ...]:
    return (
        Case("one layer of attention", _attention()),
        Case("two heads", _attention(heads=2)),
        Case("padded places give zeros", _attention(after=_zeroed)),
        Case("padded places give large numbers", _attention(after=lambda x, mask: x + 1e3 * ~mask[..., None])),
        Case("the mean of the tokens is added to each", _pooled(lambda mask: mask.sum(axis=1))),
        Case("the mask is not looked at", _attention(lambda mask, ids: np.ones_like(mask)), _COMPARE),
        Case("the mask is turned round", _attention(lambda mask, ids: ~mask), _MIXES),
        Case("whatever has the id 0 is hidden", _attention(lambda mask, ids: ids != 0), _FILLER),
        Case("one padded place is seen", _attention(_but_last), "Try a single padded place, too."),
        Case("padding is scored one lower", _attention(low=-1.0), _COMPARE),
        Case("padding is scored five lower", _attention(low=-5.0), "Compare to six decimals."),
        Case("the mask of the first text serves all", _attention(_first_row), "Put several texts in one batch."),
        Case(
            "the mean takes padding in", _pooled(lambda mask: np.full(len(mask), mask.shape[1]), weigh=False), _COMPARE
        ),
        Case("the sum is divided by all places", _pooled(lambda mask: np.full(len(mask), mask.shape[1])), _COMPARE),
        Case("vectors are centred over all places", _attention(after=_centred), _COMPARE),
        Case("vectors are centred over the batch", _attention(after=_batch_centred), _COMPARE),
        Case(
            "positions are counted from the end",
            _attention(places=lambda length, mask: _PLACES[:length][::-1]),
            "Where a token stands must not depend on how much padding comes after it.",
        ),
        Case(
            "only the first eight padded places are hidden",
            _attention(lambda mask, ids: mask | (np.cumsum(~mask, axis=1) > 8)),
            "How much padding do you try?",
        ),
        Case("tokens see only themselves", lambda ids, mask: _TABLE[ids] + _PLACES[: ids.shape[1]], _MIXES),
        Case(
            "the last token is hidden with the padding",
            _attention(lambda mask, ids: mask & (np.cumsum(mask, axis=1) < np.maximum(mask.sum(1, keepdims=True), 2))),
            _MIXES,
        ),
    )


PADDING = WriteATest(
    id="pretrained-test-padding",
    title="a test of padding",
    reference=padding_is_hidden,
    cases=_cases,
    hint="A text alone and the same text with padding must have the same vectors, at the places of its tokens.",
    mistakes=(
        Mistake("always", lambda encode: True, "accepts whatever it is given", "Encode a text, and look at it."),
        Mistake("never", lambda encode: False, "refuses whatever it is given", "Five encoders are sound."),
        Mistake(
            "zeros alone",
            lambda encode: _holds(encode, fillers=(0,)),
            "pads with 0 alone",
            "The mask says what is hidden, not the id. Put other ids at padded places.",
        ),
        Mistake(
            "one text",
            lambda encode: _holds(encode, together=False),
            "encodes one text at a time",
            "Put texts of different lengths in one batch.",
        ),
        Mistake(
            "nothing else",
            lambda encode: _holds(encode, reads=False),
            "never asks whether tokens are read at all",
            "An encoder that hides everything passes, too. Change a token and see who moves.",
        ),
        Mistake(
            "little padding",
            lambda encode: _holds(encode, lengths=(3, 5, 7), tails=(1, 2)),
            "tries little padding alone",
            "How long can padding be?",
        ),
        Mistake(
            "padded places compared",
            lambda encode: _holds(encode) and _padded_alike(encode),
            "compares padded places too",
            "What stands at padded places means nothing: compare the tokens alone.",
        ),
    ),
)


def _padded_alike(encode: Encode) -> bool:
    """Compare padded places that hold different ids."""
    ids, mask = np.array([[5, 6, 0]]), np.array([[True, True, False]])
    return bool(np.allclose(encode(ids, mask), encode(np.array([[5, 6, 9]]), mask)))
