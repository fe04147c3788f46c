"""Exercise of chapter 6 on cutting a word into the pieces of a vocabulary."""

from collections.abc import Callable, Sequence

import numpy as np

from utils.exercises.engine.exercise import Exercise, Mistake

_MARK = "##"


def cut_word(word: str, pieces: Sequence[str]) -> str:
    """Cut a word into the longest piece that fits, then the longest that fits the rest, and so on; spaces between."""
    return _cut(word, set(pieces))


def _cut(word: str, known: set[str], longest: bool = True, mark: str = _MARK, partial: bool = False) -> str:
    found: list[str] = []
    start = 0
    while start < len(word):
        ends = range(start + 1, len(word) + 1)
        fitting = [end for end in ends if (mark if start else "") + word[start:end] in known]
        if not fitting:
            return " ".join([*found, "[UNK]"]) if partial else "[UNK]"
        end = fitting[-1] if longest else fitting[0]
        found.append((_MARK if start else "") + word[start:end])
        start = end
    return " ".join(found)


def _without_marks(word: str, pieces: Sequence[str]) -> str:
    """Return the pieces without what says that they go on."""
    return " ".join(piece.removeprefix(_MARK) for piece in _cut(word, set(pieces)).split())


def _marks_ignored(word: str, pieces: Sequence[str]) -> str:
    """Let a piece stand wherever its letters fit."""
    known = {piece.removeprefix(_MARK) for piece in pieces}
    return _cut(word, known | {_MARK + piece for piece in known})


def _from_the_end(word: str, pieces: Sequence[str]) -> str:
    """Take the longest piece that fits at the end first."""
    known, found, end = set(pieces), [], len(word)
    while end:
        starts = [start for start in range(end) if (_MARK if start else "") + word[start:end] in known]
        if not starts:
            return "[UNK]"
        found.append((_MARK if starts[0] else "") + word[starts[0] : end])
        end = starts[0]
    return " ".join(reversed(found))


def _one_step(word: str, pieces: Sequence[str]) -> str:
    """Take one piece, and the rest as one more."""
    known = set(pieces)
    ends = [end for end in range(1, len(word) + 1) if word[:end] in known]
    if not ends:
        return "[UNK]"
    rest = word[ends[-1] :]
    if not rest:
        return word
    return f"{word[: ends[-1]]} {_MARK}{rest}" if _MARK + rest in known else "[UNK]"


def _never_whole(word: str, pieces: Sequence[str]) -> str:
    """Cut a word in two at least, though it may be a piece."""
    return _cut(word, set(pieces) - {word})


def _empty(word: str, pieces: Sequence[str]) -> str:
    """Return nothing for a word that no pieces make up."""
    return cut_word(word, pieces).replace("[UNK]", "")


def _empty_at_first(word: str, pieces: Sequence[str]) -> str:
    """Return nothing for a word that cannot even begin."""
    return cut_word(word, pieces) if any(map(word.startswith, pieces)) else ""


def _words(rng: np.random.Generator, trial: int) -> tuple:
    letters = list("aeost"[: 3 + trial % 3])
    long = trial % 4 == 0
    word = "".join(rng.choice(letters, int(rng.integers(15, 25) if long else rng.integers(6, 12))))
    if trial % 16 == 8:  # longer than a rule with a limit may think of
        word = "".join(rng.choice(letters, 60))
    pieces = {letter for letter in letters} | {_MARK + letter for letter in letters}
    for length in (2, 2, 3, 3, 4):
        for start in rng.integers(0, len(word) - length, 3):
            part = word[start : start + length]
            pieces.add(part if rng.random() < 0.3 or start == 0 else _MARK + part)
    if long:  # two long pieces, one behind the other; the second may reach the end
        first = int(rng.integers(5, 10))
        end = len(word) if trial % 8 else int(rng.integers(first + 5, len(word)))
        pieces |= {word[:first], _MARK + word[first:end]}
        if trial % 16 == 12 or trial == 24:
            pieces.add(word)
    elif trial % 4 == 3:  # a letter that cannot go on a word
        pieces = {piece for piece in pieces if piece != _MARK + word[-2]}
    elif trial % 4 == 1:
        pieces.add(word)
    elif trial % 8 == 2:  # no piece fits at the first letter
        pieces = {piece for piece in pieces if not word.startswith(piece)}
    elif trial % 8 == 6:  # a piece begins the word, and its first letter is none
        pieces = (pieces | {word[: 2 + trial % 3]}) - {word[0]}
    return word, sorted(pieces)


def _with(**options: object) -> Callable[[str, Sequence[str]], str]:
    return lambda word, pieces: _cut(word, set(pieces), **options)


_CUT = Exercise(
    id="pretrained-cut-word",
    title="cutting a word into pieces",
    reference=cut_word,
    make_inputs=_words,
    note="words that no pieces make up among them",
    hint="Begin at the first letter. Which pieces fit there, and which of them is the longest? Then go on behind it.",
    mistakes=(
        Mistake(
            "shortest first",
            _with(longest=False),
            "the shortest piece that fits is taken",
            "Where every letter is a piece, this gives letters. Which of the pieces that fit is wanted?",
        ),
        Mistake(
            "from the end",
            _from_the_end,
            "the word is cut from its end",
            "Begin at the first letter and go on to the right.",
        ),
        Mistake(
            "marks ignored",
            _marks_ignored,
            "a piece is taken wherever its letters fit, with or without its mark",
            "Behind the first letter of a word only pieces with ## may stand, and at the first only those without.",
        ),
        Mistake(
            "marks left out",
            _without_marks,
            "the pieces come without their marks",
            "A piece that goes on a word keeps its ##.",
        ),
        Mistake(
            "part kept",
            _with(partial=True),
            "pieces that did fit are kept before [UNK]",
            "A word is [UNK] as a whole, or not at all.",
        ),
        Mistake(
            "two pieces at most",
            _one_step,
            "a word is cut once and no more",
            "Go on behind the second piece as behind the first, to the end of the word.",
        ),
        Mistake(
            "never the whole word",
            _never_whole,
            "a word that is a piece is cut all the same",
            "The longest piece that fits at the first letter may be the word itself.",
        ),
        Mistake(
            "empty at first",
            _empty_at_first,
            'a word comes out as "" where no piece fits at its first letter',
            "A word that cannot be cut is [UNK], from the first letter on.",
        ),
        Mistake(
            "empty",
            _empty,
            'a word that no pieces make up comes out as ""',
            "A word that cannot be cut is [UNK].",
        ),
        Mistake(
            "first piece for all",
            _with(mark=""),
            "pieces that begin a word are looked for behind the first as well",
            "Behind the first piece look for the mark ## and the letters together.",
        ),
    ),
)

EXERCISES = (_CUT,)
