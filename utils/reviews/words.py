"""The vocabulary of the generated reviews: opinion words in pairs, by the kind of thing that they suit.

The lists are data, in data/reviews/*.toml. No unseen word shares its first five letters with a word of training, so
that no relative such as "charm" gives "charming" away.
"""

import functools
import tomllib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "data" / "reviews"
LABELS = ("negative", "positive")
FAMILY_LETTERS = 5
ANY = "any"  # the kind that suits everything

Pair = tuple[str, str]  # negative, positive, as LABELS


@functools.cache
def table(name: str) -> dict[str, Any]:
    """Return data/reviews/name.toml as it stands.

    Raises:
        FileNotFoundError: the file is not there.
    """
    path = FOLDER / f"{name}.toml"
    if not path.is_file():
        raise FileNotFoundError(f"expected the vocabulary in {path}; fetch the repository with its folder data/reviews")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def spaced(word: str) -> str:
    """Return a word of a list as it is written: an underscore stands for a space.

    Example:
        >>> spaced("ear_pads")
        'ear pads'
    """
    return word.replace("_", " ")


def kinds() -> tuple[str, ...]:
    """Return the kinds of things that have opinion words of their own, and ANY."""
    return tuple(name for name in table("words") if name not in ("comparatives", "liking"))


@functools.cache
def pairs(kind: str, name: str) -> tuple[Pair, ...]:
    """Return the pairs of opinion words on one scale, (negative, positive).

    Args:
        kind: kind of thing, one of `kinds`.
        name: "mild", "strong" or "unseen".

    Example:
        >>> pairs("bed", "unseen")
        (('bumpy', 'cosy'), ('saggy', 'luxurious'))
    """
    found = (entry.split("/") for entry in table("words")[kind][name])
    return tuple((spaced(negative), spaced(positive)) for positive, negative in found)


@functools.cache
def bound(kind: str) -> dict[str, tuple[str, ...]]:
    """Return for each label the words that hold a negation themselves, such as "spotless" and "unfriendly"."""
    lists = table("words")[kind].get("bound", {})
    return {label: tuple(map(spaced, lists.get(label, "").split())) for label in LABELS}


@functools.cache
def likings(unseen: bool) -> tuple[tuple[Pair, Pair], ...]:
    """Return pairs of verbs, (negative, positive), each as (present, past)."""
    found = []
    for entry in table("words")["liking"]["unseen" if unseen else "known"]:
        positive, negative = (tuple(verb.split(":")) for verb in entry.split("/"))
        found.append((negative, positive))
    return tuple(found)


def comparative(adjective: str) -> str:
    """Return the comparative of a gradable adjective: "kinder", "more gripping"."""
    return table("words")["comparatives"].get(adjective, f"more {adjective}")


@functools.cache
def opinion_words(unseen: bool | None = None) -> dict[str, frozenset[str]]:
    """Return for each label every form of every opinion word that a review can hold.

    Args:
        unseen: only those of the test (True), only the others (False), or all.
    """
    names = {True: ("unseen",), False: ("mild", "strong"), None: ("mild", "strong", "unseen")}[unseen]
    found: dict[str, set[str]] = {label: set() for label in LABELS}
    for kind in kinds():
        for name in names:
            for pair in pairs(kind, name):
                for label, word in zip(LABELS, pair, strict=True):
                    found[label] |= {word, comparative(word)} if label == LABELS[1] and name != "strong" else {word}
        for wanted in (True, False) if unseen is None else (unseen,):
            for verbs in likings(wanted):
                for label, forms in zip(LABELS, verbs, strict=True):
                    found[label].update(forms)
        if unseen is not True:
            for label in LABELS:
                found[label].update(bound(kind)[label])
    return {label: frozenset(words) for label, words in found.items()}
