"""Witnesses: what looks at the inputs that a learner's test tries."""

import functools
import operator

import numpy as np

from utils.exercises.engine.exercise import Finding

_ALONE = "Change each token of a text, one after another and no other with it. Tokens are counted from 0."


class ChangedAlone:
    """Which tokens of a text a test changed alone: two of its texts differ there and nowhere else.

    Texts are compared by what is left of them without one token, so changes of one text in turn, a chain of changes
    and a batch that holds all of them count alike. Short texts do not count: a broken layer may have room for those.

    Attributes:
        room: how long a text may be and not count, in tokens.
    """

    def __init__(self, room: int) -> None:
        self.room = room
        self._tokens: dict[tuple, set] = {}  # (length, place, the others) to what stood there
        self._seen: set[tuple] = set()  # texts that were looked at: a change of one text leaves the others of its batch

    def look(self, x: np.ndarray) -> None:
        """Take note of the texts (B, T, d) of one call."""
        for text in np.round(np.asarray(x, dtype=float), 9) + 0.0:  # a change taken back may leave a last digit
            key = (text.shape, hash(text.tobytes()))
            if key in self._seen:
                continue
            self._seen.add(key)
            marks = [hash((place, token.tobytes())) for place, token in enumerate(text)]
            whole = functools.reduce(operator.xor, marks, 0)
            for place, mark in enumerate(marks):
                self._tokens.setdefault((len(marks), place, whole ^ mark), set()).add(mark)

    def missing(self) -> Finding | None:
        """Name the tokens that were never changed alone, for the length at which the fewest are missing."""
        lengths = {length for length, _, _ in self._tokens if length > self.room}
        changed = {(length, place) for (length, place, _), marks in self._tokens.items() if len(marks) > 1}
        never = [[place for place in range(length) if (length, place) not in changed] for length in sorted(lengths)]
        fewest = min(never, key=len, default=[])
        if not fewest:
            return None
        length = sorted(lengths)[never.index(fewest)]
        return Finding(f"in texts of {length} tokens, these are never changed alone: {_listed(fewest)}", _ALONE)


def _listed(places: list[int]) -> str:
    """Write places down, in the order of a text: 0, 3 to 5, 9."""
    starts = [place for place in places if place - 1 not in places]
    ends = [place for place in places if place + 1 not in places]
    runs = [f"{first}" if first == last else f"{first} to {last}" for first, last in zip(starts, ends, strict=True)]
    return ", ".join(runs)
