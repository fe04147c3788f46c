"""Exercise of chapter 5 that asks for a test: does a batch show the decoder nothing that it is asked for?

A maker of batches is a function `make(texts)` of lists of token ids, all at least 3. It returns integers (B, T) that
the decoder reads, integers (B, T) that it must write, and booleans (B, T) of the places that count.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from utils.exercises.engine.exercise import Mistake
from utils.exercises.engine.forms import Case, WriteATest

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]
Make = Callable[[list[list[int]]], Batch]
PAD, START, END = 0, 1, 2
_TEXTS = [[7, 5, 7, 9], [4], [8, 3, 3], [6, 6, 11, 5, 3, 9]]
_MOST = 200  # places of a learner's texts that are broken, one at a time


def batch_is_sound(make: Make) -> bool:
    """Whether every text is read from the start token on, one place behind what is to be written, and nothing else."""
    return _rows(make) and _rows(make, [[3]]) and _rows(make, [list(range(3, 30)), [5, 4]])


def _rows(make: Make, texts: Sequence[list[int]] = _TEXTS, parts: str = "shown labels counted") -> bool:
    shown, labels, counted = make([list(text) for text in texts])
    if not len(texts) == len(shown) == len(labels) == len(counted):
        return False
    for row, text in enumerate(texts):
        length = len(text) + 1
        right = "shown" not in parts or list(shown[row, :length]) == [START, *text]
        right &= "labels" not in parts or list(labels[row, :length]) == [*text, END]
        right &= "counted" not in parts or bool(counted[row, :length].all() and not counted[row, length:].any())
        if not right:
            return False
    return True


def _maker(
    shown: Callable[[list[int]], list[int]] = lambda text: [START, *text],
    labels: Callable[[list[int]], list[int]] = lambda text: [*text, END],
    counted: Callable[[list[int], int], list[int]] = lambda text, length: [1] * (len(text) + 1),
    width: Callable[[list[list[int]]], int] = lambda texts: max(map(len, texts)) + 1,
    filler: int = PAD,
    behind_labels: int = PAD,
) -> Make:
    """Make a maker of batches, parts of which may be broken."""

    def make(texts: list[list[int]]) -> Batch:
        length = width(texts)

        def rows(part: Callable[[list[int]], list[int]], empty: int) -> np.ndarray:
            lists = [(part(text) + [empty] * length)[:length] for text in texts]
            return np.array(lists, int).reshape(len(texts), length)

        marks = rows(lambda text: counted(text, length), 0).astype(bool)
        return rows(shown, filler), rows(labels, behind_labels), marks

    return make


def _sorted(texts: list[list[int]]) -> Batch:
    """Return rows in another order than the texts came in."""
    return _maker()(sorted(texts, key=len))


def _without_last(texts: list[list[int]]) -> Batch:
    """Return no row for the last text."""
    return _maker(width=lambda rest: max(map(len, rest), default=0) + 1)(texts[:-1])


def _of_others(other: Callable[[list[int]], list[int]]) -> Make:
    """Make sound batches of other texts than those handed in."""
    return lambda texts: _maker()([other(text) for text in texts])


def _exchanged(texts: list[list[int]]) -> Batch:
    """Return whole rows in order, but for the first two."""
    return _maker()([*texts[1::-1], *texts[2:]])


def _as_whole(texts: list[list[int]]) -> Batch:
    """Move a whole batch by one place as one long row, so that a row begins with the end of the one before."""
    _, labels, counted = _maker()(texts)
    moved = np.concatenate([[START], labels.ravel()[:-1]]).reshape(labels.shape)
    return moved, labels, counted


def _at_the_right(text: list[int], length: int) -> list[int]:
    """Mark as many places as count, but the last ones of the row."""
    return [0] * (length - len(text) - 1) + [1] * (len(text) + 1)


def _at_the_ends(text: list[int], length: int) -> list[int]:
    return [1] + [0] * (len(text) - 1) + [1]


def _but_inside(text: list[int], length: int) -> list[int]:
    """Mark the first two tokens, and the end."""
    return [1, 1][: len(text)] + [0] * (len(text) - 2) + [1]


def _other_inside(text: list[int]) -> list[int]:
    """Return a text whose first and last tokens are the same, and all others too large by one."""
    return [*text[:1], *(token + 1 for token in text[1:-1]), *text[1:][-1:]]


def _leaks_inside(texts: list[list[int]]) -> Batch:
    """Show what must be written from the third place on, but for the last place of a text."""
    shown, labels, counted = _maker()(texts)
    for row, text in enumerate(texts):
        shown[row, 2 : len(text)] = labels[row, 2 : len(text)]
    return shown, labels, counted


class _OnePlace:
    """A maker that is sound but for one place of each batch: another one each time that `at` is another number.

    Attributes:
        part: 0 breaks what is shown, 1 what must be written, 2 a mark; 3 moves a mark behind its text.
        at: number of the place, in a random order of all the places of a batch that this part can break.
        places: so many has the largest batch so far.
    """

    def __init__(self, part: int) -> None:
        self.part, self.at, self.places = part, 0, 0

    def __call__(self, texts: list[list[int]]) -> Batch:
        """Make a batch with padding in each row, and break its one place."""
        shown, labels, counted = _maker(width=lambda texts: max(map(len, texts), default=0) + 2)(texts)
        places = np.random.default_rng(0).permutation(np.argwhere(counted | (self.part == 2)))
        self.places = max(self.places, len(places))
        for row, place in places[[self.at % len(places)]] if len(places) else ():
            if self.part == 0:  # show what must be written there, or else another token
                leaks = labels[row, place] != shown[row, place]
                shown[row, place] = labels[row, place] if leaks else shown[row, place] + 1
            elif self.part == 1:
                labels[row, place] += 1
            else:
                counted[row, place] ^= True
                counted[row, len(texts[row]) + 1] |= self.part == 3
        return shown, labels, counted


class _PlaceByPlace(WriteATest):
    """Breaks each place of the learner's texts in turn, so that a test that looks at some of them fails."""

    @functools.cached_property
    def praise(self) -> str:
        """What a verdict says of a test that passed."""
        return f"{super().praise}, wherever in your texts the one wrong place is"

    def call(self, function: Callable[..., Any], inputs: tuple) -> Any:
        """Call the learner's test; where one place is broken, with each place in turn until one slips through."""
        maker = inputs[0]._case.run
        result = super().call(function, inputs)
        while isinstance(maker, _OnePlace) and str(result) == "False" and maker.at + 1 < min(maker.places, _MOST):
            maker.at += 1
            result = super().call(function, inputs)
        return result


_SHOWN = "Compare what is shown with what is to be written, text by text."
_OTHER = "Is it the text that you handed in? Compare both arrays with its tokens, not with one another alone."
_COUNTED = "Which places count, and which do not? Look at texts of different lengths."
_EACH = "Compare every place of every text: what is shown, what must be written, and the marks."


def _cases() -> tuple[Case, ...]:
    return (
        Case("padded to the longest", _maker()),
        Case("padded to a multiple of eight", _maker(width=lambda texts: -(-(max(map(len, texts)) + 1) // 8) * 8)),
        Case("padded to forty or more", _maker(width=lambda texts: max(40, max(map(len, texts)) + 1))),
        Case("the end token is shown behind the text, where nothing counts", _maker(lambda text: [START, *text, END])),
        Case("padded with the end token where nothing counts", _maker(filler=END)),
        Case("padded with −100 behind what is to be written, where nothing counts", _maker(behind_labels=-100)),
        Case("the decoder is shown what it must write", _maker(lambda text: [*text, END]), _SHOWN),
        Case("there is no start token", _maker(lambda text: text), _SHOWN),
        Case("the end token stands for the start", _maker(lambda text: [END, *text]), _SHOWN),
        Case("moved the wrong way", _maker(lambda text: [*text[1:], END]), _SHOWN),
        Case("moved by two places", _maker(lambda text: [START, START, *text[:-1]]), _SHOWN),
        Case("the first token is shown for the start", _maker(lambda text: [text[0], *text]), _SHOWN),
        Case("the batch is moved as one long row", _as_whole, "Is the first place of every row the start token?"),
        Case("the end is never asked for", _maker(labels=lambda text: text), "What must be written last?"),
        Case("the start is asked for", _maker(labels=lambda text: [START, *text]), _SHOWN),
        Case(
            "texts are turned round where they are to be written",
            _maker(labels=lambda text: [*text[::-1], END]),
            _SHOWN,
        ),
        Case("another text is read and written: turned round", _of_others(lambda text: text[::-1]), _OTHER),
        Case("another text is read and written: one token alone", _of_others(lambda text: [3] * len(text)), _OTHER),
        Case(
            "another text is read and written: ids one too large",
            _of_others(lambda text: [t + 1 for t in text]),
            _OTHER,
        ),
        Case("another text is read and written: its last token is lost", _of_others(lambda text: text[:-1]), _OTHER),
        Case("the first two rows are exchanged", _exchanged, _OTHER),
        Case("padding counts", _maker(counted=lambda text, length: [1] * length), _COUNTED),
        Case("the end does not count", _maker(counted=lambda text, length: [1] * len(text)), _COUNTED),
        Case("the first token does not count", _maker(counted=lambda text, length: [0] + [1] * len(text)), _COUNTED),
        Case("one place of padding counts", _maker(counted=lambda text, length: [1] * (len(text) + 2)), _COUNTED),
        Case("the places that count stand at the right of each row", _maker(counted=_at_the_right), _COUNTED),
        Case("only the first token and the end count", _maker(counted=_at_the_ends), _COUNTED),
        Case("nothing counts", _maker(counted=lambda text, length: []), _COUNTED),
        Case("the longest text loses its end", _maker(width=lambda texts: max(map(len, texts))), _SHOWN),
        Case(
            "texts are cut after twelve tokens",
            _maker(width=lambda texts: min(13, max(map(len, texts)) + 1)),
            "How long is the longest text that you try?",
        ),
        Case("rows come in another order", _sorted, _SHOWN),
        Case("inside a text the decoder is shown what it must write", _leaks_inside, _EACH),
        Case(
            "of what must be written, only the ends are right",
            _maker(labels=lambda text: [*_other_inside(text), END]),
            _EACH,
        ),
        Case("another text is read and written: only its ends are right", _of_others(_other_inside), _EACH),
        Case("only the first two tokens and the end count", _maker(counted=_but_inside), _EACH),
        Case("the last text is lost", _without_last, "Has every text a row? A plain zip stops where the shorter ends."),
        Case("one place of what is shown is wrong", _OnePlace(0), _EACH),
        Case("one place of what must be written is wrong", _OnePlace(1), _EACH),
        Case("one mark is wrong", _OnePlace(2), _EACH),
        Case("one mark is moved behind its text", _OnePlace(3), _EACH),
    )


BATCHES = _PlaceByPlace(
    id="training-test-batch",
    title="a test of batches",
    reference=batch_is_sound,
    cases=_cases,
    hint="Write down by hand, for one text, what is shown, what must be written, and which places count.",
    mistakes=(
        Mistake("always", lambda make: True, "accepts whatever it is given", "Make a batch, and look at it."),
        Mistake("never", lambda make: False, "refuses whatever it is given", "Six makers are sound."),
        Mistake(
            "labels alone",
            lambda make: _rows(make, parts="labels"),
            "looks at the labels alone",
            "What is the decoder shown?",
        ),
        Mistake(
            "shown alone",
            lambda make: _rows(make, parts="shown"),
            "looks at what is shown alone",
            "What must the decoder write, and which places count?",
        ),
        Mistake(
            "no marks",
            lambda make: _rows(make, [*_TEXTS, list(range(3, 30))], parts="shown labels"),
            "does not look at which places count",
            "The third array says which places count. Padding must not.",
        ),
        Mistake(
            "one text",
            lambda make: _rows(make, _TEXTS[:1]),
            "tries one text, which needs no padding",
            "Try several texts of different lengths.",
        ),
        Mistake(
            "short texts",
            lambda make: _rows(make),
            "tries short texts alone",
            "A batch can be too narrow for a long text.",
        ),
        Mistake(
            "arrays alone",
            lambda make: _agree(make),
            "compares the arrays with one another, and no tokens with those of the text",
            "Another text, shown and asked for as it should be, passes such a test. Compare with what you handed in.",
        ),
        Mistake(
            "moved labels",
            lambda make: _moved(make),
            "compares each row with its neighbour place by place, padding and all",
            "Where nothing counts, anything may stand: compare the tokens of each text alone.",
        ),
    ),
)


def _agree(make: Make) -> bool:
    """Compare what is shown with the labels, and the marks with the lengths: the tokens may be any."""
    texts = [*_TEXTS, list(range(3, 30))]
    shown, labels, counted = make(texts)
    is_right = len(shown) == len(labels) == len(counted) == len(texts)
    for row, text in enumerate(texts[: len(shown)]):
        n = len(text) + 1
        is_right &= shown[row, 0] == START and list(shown[row, 1:n]) == list(labels[row, : n - 1])
        is_right &= n <= labels.shape[1] and labels[row, n - 1] == END
        is_right &= bool(counted[row, :n].all() and not counted[row, n:].any())
    return bool(is_right)


def _moved(make: Make) -> bool:
    """Compare all places: what is shown must be the labels moved by one."""
    shown, labels, _ = make(_TEXTS)
    return bool((shown[:, 0] == START).all() and (shown[:, 1:] == labels[:, :-1]).all())
