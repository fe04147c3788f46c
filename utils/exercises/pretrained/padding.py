"""Exercise of chapter 6 that asks for a test: is padding hidden from an encoder's tokens?

An encoder is a function `encode(ids, mask)` of integers (B, T) and booleans (B, T), True where a token stands. It
returns vectors (B, T, 4).
"""

from collections.abc import Callable

import numpy as np

from utils.exercises.engine.exercise import Mistake
from utils.exercises.engine.forms import Case, WriteATest
from utils.exercises.engine.witnesses import ChangedAlone

Encode = Callable[[np.ndarray, np.ndarray], np.ndarray]
_WIDTH, _VOCABULARY = 4, 50
_ROOM = 48  # places that a row may have
_LONG = 30  # from this place on, some of the broken ones are broken
_BANDS = ((2, 4), (5, 9), (10, 19), (20, 29), (30, 39), (40, _ROOM))  # tokens of texts: some are broken in one alone
_TABLE = np.random.default_rng(6).normal(size=(_VOCABULARY, _WIDTH))
_PLACES = np.random.default_rng(7).normal(size=(64, _WIDTH))


def padding_is_hidden(encode: Encode) -> bool:
    """Whether vectors of tokens depend neither on padding nor on other texts, and each token moves each of its text."""
    return _holds(encode)


def _holds(
    encode: Encode,
    lengths: tuple[int, ...] = (1, 3, 7, 12, 24, 33, 47),
    fillers: tuple[int, ...] = (0, 9, 31),
    widths: tuple[int, ...] = (13, 21, _ROOM),
    together: bool = True,
    read: Callable[[Encode], bool] | None = None,
) -> bool:
    """Compare each text alone with the same text padded, alone and in one batch; then ask `read` (all are read)."""
    rng = np.random.default_rng(11)
    for width in widths:
        texts = [rng.integers(5, _VOCABULARY, length) for length in lengths if length < width]
        alone = [encode(text[None], np.ones((1, len(text)), bool))[0] for text in texts]
        for filler in fillers:
            ids, mask = np.full((len(texts), width), filler), np.zeros((len(texts), width), bool)
            for row, text in enumerate(texts):
                ids[row, : len(text)], mask[row, : len(text)] = text, True
            if together:
                padded = encode(ids, mask)
            else:
                padded = np.concatenate([encode(ids[row : row + 1], mask[row : row + 1]) for row in range(len(texts))])
            for row, (text, vectors) in enumerate(zip(texts, alone, strict=True)):
                if not np.allclose(padded[row, : len(text)], vectors, atol=1e-6):
                    return False
    return (read or _reads)(encode)


def _reads(
    encode: Encode,
    lengths: tuple[int, ...] = (3, 7, 12, 22, 31, 41),
    changed: Callable[[int], list[int]] = lambda length: [*range(length)],
    looked_at: Callable[[int, int], list[int]] = lambda place, length: [*range(length)],
) -> bool:
    """Whether the vectors looked at move with each token that is changed: whoever mixes nothing hides everything."""
    for length in lengths:
        text, places = np.random.default_rng(12).integers(5, _VOCABULARY - 1, length), changed(length)
        others = text + np.eye(length, dtype=int)[places]  # (len(places), length)
        vectors = encode(text[None], np.ones((1, length), bool))
        moved = np.abs(encode(others, np.ones(others.shape, bool)) - vectors).max(axis=-1) > 1e-6
        if not all(row[looked_at(place, length)].all() for place, row in zip(places, moved, strict=True)):
            return False
    return True


def _last(length: int) -> list[int]:
    return [length - 1]


def _but(place: int, length: int) -> list[int]:
    return [at for at in range(length) if at != place]


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
            scores = 0.1 * part @ part.swapaxes(1, 2)  # so small that every token has a share that counts
            shown = hide(mask, ids)
            shown = shown[:, None, :] if shown.ndim == 2 else shown  # (B, S) for all queries, or (B, T, S)
            scores = np.where(shown, scores, low if np.isinf(low) else scores + low)
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


def _seen(rule: Callable[..., np.ndarray]) -> Encode:
    """Make an encoder in which a token sees itself, and others by a rule on places q and k and on the length n."""

    def hide(mask: np.ndarray, ids: np.ndarray) -> np.ndarray:
        places, lengths = np.arange(mask.shape[1]), mask.sum(axis=1)[:, None, None]
        seen = rule(places[:, None], places[None, :], lengths) | np.eye(len(places), dtype=bool)
        return seen & mask[:, None, :]

    return _attention(hide)


def _within(lengths: np.ndarray, low: int, high: int) -> np.ndarray:
    return (lengths >= low) & (lengths <= high)


def _drawn(numbers: np.ndarray) -> np.ndarray:
    """Draw True or False from numbers: always the same from the same number."""
    return np.mod(43758.5453 * np.sin(12.9898 * numbers), 1) < 0.5


def _seen_by_id(rule: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Encode:
    """Make an encoder in which a token sees itself, and others by a rule on ids q (B, T, 1) and k (B, 1, S)."""

    def hide(mask: np.ndarray, ids: np.ndarray) -> np.ndarray:
        seen = _drawn(rule(ids[:, :, None], ids[:, None, :])) | np.eye(ids.shape[1], dtype=bool)
        return seen & mask[:, None, :]

    return _attention(hide)


def _one_for_all(place: int) -> Encode:
    """Make an encoder that adds one token of each text to all of them."""

    def encode(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        x = _TABLE[ids] + _PLACES[: ids.shape[1]]
        at = np.full(len(ids), place) if place >= 0 else mask.sum(axis=1) + place
        return x + x[np.arange(len(ids)), at][:, None]

    return encode


def _others(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return for each token the sum of the others of its text."""
    x = (_TABLE[ids] + _PLACES[: ids.shape[1]]) * mask[..., None]
    return x.sum(axis=1, keepdims=True) - x


def _shown_from(start: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Make a rule that hides padding, but not from one place on."""
    return lambda mask, ids: mask | (np.arange(mask.shape[1]) >= start)


_COMPARE = "Encode a text alone, and the same text with padding behind it. Compare the vectors of its tokens."
_FILLER = "Does it hide what the mask says, or what has the id 0? Put another id at padded places."
_MIXES = "Change one token. Do the vectors of the others move?"
_EACH = "Change each token of a long text, one after another. Each of them must move all vectors of its text."
_OWN = "Change a token, and look at its own vector, too."
_EVERY = "Change one token after another, and look at every vector of its text, not at one or two."
_LENGTHS = "Try texts of few tokens, of many, and of numbers between, with padding and with tokens changed."
_ROWS = f"Padding can fill a row of {_ROOM} places. Try long rows, with little text and with much."


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
        Case("from the 40th place on padding is seen", _attention(_shown_from(39)), _ROWS),
        Case("the last of 48 places is seen, padded or not", _attention(_shown_from(_ROOM - 1)), _ROWS),
        Case(
            "the 40th padded place is seen, and those behind it",
            _attention(lambda mask, ids: mask | (np.cumsum(~mask, axis=1) >= 40)),
            _ROWS,
        ),
        Case("a padded 0 is seen", _attention(lambda mask, ids: mask | (ids == 0)), "Put 0 at padded places, too."),
        Case("tokens see only themselves", lambda ids, mask: _TABLE[ids] + _PLACES[: ids.shape[1]], _MIXES),
        Case("tokens see all but themselves", _others, _OWN),
        Case(
            "the last token is hidden with the padding",
            _attention(lambda mask, ids: mask & (np.cumsum(mask, axis=1) < np.maximum(mask.sum(1, keepdims=True), 2))),
            _MIXES,
        ),
        Case("the last token alone is added to all", _one_for_all(-1), _EACH),
        Case("the first token alone is added to all", _one_for_all(0), _EACH),
        Case("the first token is seen by no other", _seen(lambda q, k, n: k > 0), _EACH),
        Case("the second token is seen by no other", _seen(lambda q, k, n: k != 1), _EACH),
        Case("the last token is seen by no other", _seen(lambda q, k, n: k != n - 1), _EACH),
        Case("the last token but one is seen by no other", _seen(lambda q, k, n: k != n - 2), _EACH),
        Case("the middle token is seen by no other", _seen(lambda q, k, n: k != n // 2), _EACH),
        Case("only the first and the last token are seen", _seen(lambda q, k, n: (k == 0) | (k == n - 1)), _EACH),
        Case("tokens behind the 30th are seen by no other", _seen(lambda q, k, n: k < _LONG), _EACH),
        Case("tokens see only later ones", _seen(lambda q, k, n: k > q), _EVERY),
        Case("tokens see only earlier ones", _seen(lambda q, k, n: k < q), _EVERY),
        Case("tokens see only their neighbours", _seen(lambda q, k, n: abs(q - k) == 1), _EVERY),
        Case("the first vector alone sees the others", _seen(lambda q, k, n: (q == 0) & (k < n)), _EVERY),
        Case("the last vector alone sees the others", _seen(lambda q, k, n: (q == n - 1) & (k < n)), _EVERY),
        Case("the first and the last alone see the others", _seen(lambda q, k, n: (q == 0) | (q == n - 1)), _EVERY),
        Case("the middle vector sees itself alone", _seen(lambda q, k, n: (q != n // 2) & (k < n)), _EVERY),
        Case("vectors behind the 30th see themselves alone", _seen(lambda q, k, n: (q < _LONG) & (k < n)), _EVERY),
        *(
            Case(f"some ids are seen by no other, way {way}", _seen_by_id(lambda q, k, way=way: k + way / 7), _EACH)
            for way in range(1, 5)
        ),
        *(
            Case(
                f"two ids decide whether one sees the other, way {way}",
                _seen_by_id(lambda q, k, way=way: k + 6.1 * q + way / 7),
                _EVERY,
            )
            for way in range(1, 5)
        ),
        *(
            Case(
                f"texts of {low} to {high} tokens see their padding",
                _attention(lambda mask, ids, low=low, high=high: mask | _within(mask.sum(1, keepdims=True), low, high)),
                _LENGTHS,
            )
            for low, high in _BANDS
        ),
        *(
            Case(
                f"in texts of {low} to {high} tokens each sees itself alone",
                _seen(lambda q, k, n, low=low, high=high: ~_within(n, low, high) & (k < n)),
                _LENGTHS,
            )
            for low, high in _BANDS
        ),
    )


class _TokensChanged(ChangedAlone):
    """Which tokens of a text a test changed alone, padding left out."""

    def look(self, ids: np.ndarray, mask: np.ndarray) -> None:
        """Take note of the texts of one call: ids (B, T), and the mask of their tokens."""
        for text, is_token in zip(ids, np.broadcast_to(mask, np.shape(ids)).astype(bool), strict=True):
            super().look(text[is_token][None, :, None])


PADDING = WriteATest(
    id="pretrained-test-padding",
    title="a test of padding",
    reference=padding_is_hidden,
    cases=_cases,
    witness=lambda: _TokensChanged(room=_LONG),
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
            lambda encode: _holds(encode, read=lambda encode: True),
            "never asks whether tokens are read at all",
            "An encoder that hides everything passes, too. Change a token and see who moves.",
        ),
        Mistake(
            "little padding",
            lambda encode: _holds(encode, lengths=(3, 5, 7), widths=(8, 9)),
            "tries little padding alone",
            "How long can padding be?",
        ),
        Mistake(
            "few lengths",
            lambda encode: _holds(encode, lengths=(1, 47), read=lambda encode: _reads(encode, (47,))),
            "tries texts of a few lengths alone",
            _LENGTHS,
        ),
        Mistake(
            "last token, first vector",
            lambda encode: _holds(encode, read=lambda encode: _reads(encode, (12,), _last, lambda place, length: [0])),
            "asks only whether the last token moves the first vector",
            "Each token must move all vectors of its text. Change them one after another.",
        ),
        Mistake(
            "last token alone",
            lambda encode: _holds(encode, read=lambda encode: _reads(encode, changed=_last)),
            "changes the last token of a text and no other",
            "An encoder may read the last token and no other. Change them one after another.",
        ),
        Mistake(
            "first vector alone",
            lambda encode: _holds(encode, read=lambda encode: _reads(encode, looked_at=lambda place, length: [0])),
            "looks at one vector alone when tokens are changed",
            _EVERY,
        ),
        Mistake(
            "not its own vector",
            lambda encode: _holds(encode, read=lambda encode: _reads(encode, looked_at=_but)),
            "looks at all vectors but that of the token that is changed",
            _OWN,
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
