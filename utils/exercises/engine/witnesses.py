"""Witnesses: what looks at the inputs that a learner's test tries."""

import functools
import operator

import numpy as np

from utils.exercises.engine.exercise import Finding

_ALONE = "Change each token of a text, one after another and no other with it. Tokens are counted from 0."
_PAIRS = "A fault that depends on two places may stay hidden from these orders. Take a few more, each drawn at random."
_EACH = "Shuffle the tokens of each text of a batch, in orders that reach all pairs. Tokens are counted from 0."
_MOVED = "A random order may leave some tokens where they are. Shuffle in several orders. Tokens are counted from 0."


class ChangedAlone:
    """Which tokens of a text a test changed alone: two of its texts differ there and nowhere else.

    Texts are compared by what is left of them without one token, so changes of one text in turn, a chain of changes
    and a batch that holds all of them count alike. Short texts do not count: a broken layer may have room for those.

    Attributes:
        room: how long a text may be and not count, in tokens.
    """

    def __init__(self, room: int) -> None:
        self.room = room
        self._first: dict[tuple, np.ndarray] = {}  # (length, place, the others) to what stood there first
        self._changed: dict[int, np.ndarray] = {}  # length to what was changed (T, d)
        self._seen: set[tuple] = set()  # texts that were looked at: a change of one text leaves the others of its batch

    def look(self, x: np.ndarray) -> None:
        """Take note of the texts (B, T, d) of one call."""
        for text in np.round(np.asarray(x, dtype=float), 9) + 0.0:  # a change taken back may leave a last digit
            key = (text.shape, hash(text.tobytes()))
            if key not in self._seen:
                self._seen.add(key)
                self._note(text)

    def _note(self, text: np.ndarray) -> None:
        """Take note of a text (T, d) that is new."""
        marks = [hash((place, token.tobytes())) for place, token in enumerate(text)]
        whole = functools.reduce(operator.xor, marks, 0)
        changed = self._changed.setdefault(len(text), np.zeros(text.shape, bool))
        for place, mark in enumerate(marks):
            changed[place] |= self._first.setdefault((len(text), place, whole ^ mark), text[place]) != text[place]

    def missing(self, all_right: bool) -> Finding | None:
        """Name the tokens that were never changed alone, for the length at which the fewest are missing."""
        return self._fewest(self._changed, "changed alone", _ALONE)

    def _fewest(self, done: dict[int, np.ndarray], what: str, hint: str, texts: str = "texts") -> Finding | None:
        """Name the tokens with which something was never done, or not with all their features, at the best length."""
        long = {length: features for length, features in sorted(done.items()) if length > self.room}
        for tried, how in ((np.any, what), (np.all, f"{what} in each feature")):
            never = {length: np.flatnonzero(~tried(features, axis=1)) for length, features in long.items()}
            length = min(never, key=lambda length: len(never[length]), default=0)
            if length and len(never[length]):
                return Finding(
                    f"in {texts} of {length} tokens, these are never {how}: {_listed([*never[length]])}", hint
                )
        return None


class ChangedAndMoved(ChangedAlone):
    """Which tokens a test changed alone, and which places held another token when it shuffled the tokens of a text.

    Shuffles count in the first text of a batch and in the last, each by itself: what is done to texts that stood there
    once. A text is the same in any order of its tokens, wherever in a batch it stands.
    """

    def __init__(self, room: int) -> None:
        super().__init__(room)
        self._order: dict[tuple, np.ndarray] = {}  # tokens in any order to the order that came first
        self._moved: dict[tuple, np.ndarray] = {}  # tokens in any order to what was moved (T, d)
        self._orders: dict[tuple, set[tuple[int, ...]]] = {}  # the same to orders: which place each token came from
        self._stood: dict[str, set[tuple]] = {"first": set(), "last": set()}  # which texts stood there in a batch

    def look(self, x: np.ndarray) -> None:
        """Take note of the texts (B, T, d) of one call, and of those that stand first and last."""
        super().look(x)
        if len(x):
            for where, text in zip(self._stood, np.asarray(x, dtype=float)[[0, -1]], strict=True):
                self._stood[where].add(_in_any_order(np.round(text, 9) + 0.0))

    def _note(self, text: np.ndarray) -> None:
        super()._note(text)
        tokens = _in_any_order(text)
        first = self._order.setdefault(tokens, text)
        moved = self._moved.setdefault(tokens, np.zeros(text.shape, bool))
        moved |= first != text
        came_from = {token.tobytes(): place for place, token in enumerate(first)}
        if len(came_from) == len(text):  # no two tokens are alike
            order = tuple(came_from[token.tobytes()] for token in text)
            self._orders.setdefault(tokens, set()).add(order)

    def missing(self, all_right: bool) -> Finding | None:
        """Name the tokens that were never changed alone, or the places that kept their tokens in each order.

        If there are none, and all cases were told apart, name two places: no order, nor several of them one after
        another, leads places 0 and 1 to these.
        """
        found = super().missing(all_right) or self._fewest(
            self._moved_in(set(self._moved)), "moved by a shuffle", _MOVED
        )
        if found is None and all_right:
            found = self._apart(set(self._orders), "texts", _PAIRS)
        for where, texts in self._stood.items():
            told = f"the {where} text of a batch,"
            found = found or self._fewest(self._moved_in(texts), "moved by a shuffle", _EACH, told)
            found = found or (self._apart(texts, told, _EACH) if all_right else None)
        return found

    def _moved_in(self, texts: set[tuple]) -> dict[int, np.ndarray]:
        """Return what was moved in any of these texts: length to (T, d)."""
        moved: dict[int, np.ndarray] = {}
        for text in texts:
            moved[text[0]] = moved.get(text[0], False) | self._moved[text]
        return moved

    def _apart(self, texts: set[tuple], told: str, hint: str) -> Finding | None:
        """Name two places that places 0 and 1 never reach in these texts, for the length with the fewest pairs left."""
        orders: dict[int, set[tuple[int, ...]]] = {}
        for text in texts:
            orders.setdefault(text[0], set()).update(self._orders.get(text, ()))
        left = {length: never_reached(of_length, length) for length, of_length in sorted(orders.items())}
        left = {length: pairs for length, pairs in left.items() if length > self.room}
        length = min(left, key=lambda length: len(left[length]), default=0)
        if not length or not len(left[length]):
            return None
        one, other = left[length][0]
        return Finding(
            f"in {told} of {length} tokens, the orders never lead places 0 and 1 to places {one} and {other}", hint
        )


def _in_any_order(text: np.ndarray) -> tuple:
    """Return the length of a text (T, d) and its tokens, the same in whichever order they stand."""
    return len(text), *sorted(hash(token.tobytes()) for token in text)


def never_reached(orders: set[tuple[int, ...]], length: int) -> np.ndarray:
    """Return the pairs of places (N, 2) to which orders, one after another, never lead places 0 and 1."""
    reached, before = np.eye(length, dtype=bool), None
    reached[0, 1] = True
    while before != (before := int(reached.sum())):
        for order in orders:
            reached |= reached[np.ix_(order, order)]
    return np.argwhere(~reached)


def _listed(places: list[int]) -> str:
    """Write places down, in the order of a text: 0, 3 to 5, 9."""
    starts = [place for place in places if place - 1 not in places]
    ends = [place for place in places if place + 1 not in places]
    runs = [f"{first}" if first == last else f"{first} to {last}" for first, last in zip(starts, ends, strict=True)]
    return ", ".join(runs)
