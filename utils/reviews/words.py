"""The vocabulary of the generated reviews: opinion words by polarity and kind, and which of them only the test shows.

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
BESIDE = {"person": "anything", "character": "anything", "anything": "anything"}  # else "generic"
OTHERS = ("feeling", "liking", "verdict")


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


def split_words(words: str) -> tuple[str, ...]:
    """Return the words of a list; an underscore stands for a space.

    Example:
        >>> split_words("good kind_of")
        ('good', 'kind of')
    """
    return tuple(word.replace("_", " ") for word in words.split())


@functools.cache
def adjectives(label: str, kind: str, gradable: bool, unseen: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the adjectives of a polarity that suit a kind of noun.

    Args:
        label: "negative" or "positive".
        kind: kind of noun, as in data/reviews/domains.toml, or "anything".
        gradable: whether to return only those that take "very" and that "not" turns round without a doubt.
        unseen: whether to return those that only the test split shows, or the others.

    Returns:
        (own, general): those of the kind, and those that suit (nearly) every noun. Either may be empty, not both.
    """
    names = (["unseen"] if unseen else ["gradable"]) + ([] if gradable else ["unseen_strong" if unseen else "strong"])
    lists = table("words")["adjectives"]
    own, general = (
        tuple(word for name in names for word in split_words(lists[each].get(name, {}).get(label, "")))
        for each in (kind, BESIDE.get(kind, "generic"))
    )
    return own, general


@functools.cache
def others(label: str, name: str, unseen: bool) -> tuple[str, ...]:
    """Return the opinion words that are no adjectives of a noun.

    Args:
        label: "negative" or "positive".
        name: "feeling" ("I was ..."), "liking" (verbs, "present/past") or "verdict" (nouns).
        unseen: whether to return those that only the test split shows, or the others.
    """
    return split_words(table("words")[name]["unseen" if unseen else "known"][label])


def comparative(adjective: str) -> str:
    """Return the comparative of a gradable adjective: "funnier", "more gripping"."""
    return table("words")["comparatives"].get(adjective, f"more {adjective}")


@functools.cache
def opinion_words(unseen: bool | None = None) -> dict[str, frozenset[str]]:
    """Return for each label every form of every opinion word that a review can hold.

    Args:
        unseen: only those of the test (True), only the others (False), or all.
    """
    wanted = (True, False) if unseen is None else (unseen,)
    found: dict[str, set[str]] = {label: set() for label in LABELS}
    for label, words in found.items():
        for each in wanted:
            for kind in table("words")["adjectives"]:
                words.update(*adjectives(label, kind, False, each))
                gradable = {word for words in adjectives(label, kind, True, each) for word in words}
                words.update(map(comparative, gradable))
            words.update(form for name in OTHERS for entry in others(label, name, each) for form in entry.split("/"))
    return {label: frozenset(words) for label, words in found.items()}
