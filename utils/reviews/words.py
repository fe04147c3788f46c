"""The vocabulary of the generated reviews: opinion words by polarity and kind, and which of them only the test shows.

The lists are data, in data/reviews/*.toml. Words of a family, such as "charm", "charmed" and "charming", are kept for
the test together, so that no relative of an unseen word gives it away.
"""

import functools
import itertools
import tomllib
import zlib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "data" / "reviews"
LABELS = ("negative", "positive")
# Which lists of adjectives suit a noun of a kind. Any other kind takes "any", "thing" and its own list.
SUITS = {
    "any": ("any",),
    "thing": ("any", "thing"),
    "people": ("any", "people"),
    "sight": ("any", "thing", "art", "sight"),
    "sound": ("any", "thing", "art", "sound"),
    "dish": ("any", "thing", "food", "dish"),
    "machine": ("any", "thing", "device", "machine"),
}
# Lists that hold for any noun, by the letter that names them in a frame.
GENERAL = {"f": "feelings", "v": "liking", "w": "effect", "n": "verdict", "m": "manner"}
FAMILY_LETTERS = 5
KEPT_FOR_TEST = 5  # one family in five


@functools.cache
def table(name: str) -> dict[str, Any]:
    """Return data/reviews/name.toml, lists of words split and their underscores turned into spaces.

    Raises:
        FileNotFoundError: the file is not there.
    """
    path = FOLDER / f"{name}.toml"
    if not path.is_file():
        raise FileNotFoundError(f"expected the vocabulary in {path}; fetch the repository with its folder data/reviews")
    return _word_tuples(tomllib.loads(path.read_text(encoding="utf-8")))


def _word_tuples(value: Any) -> Any:
    """Split strings of words, in every table below this one; lists of sentences stay as they are."""
    if isinstance(value, dict):
        return {key: _word_tuples(below) for key, below in value.items()}
    if isinstance(value, str):
        return tuple(word.replace("_", " ") for word in value.split())
    return tuple(value)


def is_kept_for_test(word: str) -> bool:
    """Return whether a word's family, those that share its first five letters, appears in the test split only.

    Example:
        >>> {is_kept_for_test(word) for word in ("charm", "charmed", "charming")} in ({True}, {False})
        True
    """
    family = word.split("/")[0][:FAMILY_LETTERS].lower()
    return zlib.crc32(family.encode("utf-8")) % KEPT_FOR_TEST == 0


@functools.cache
def adjectives(label: str, kind: str, strength: str, unseen: bool) -> tuple[str, ...]:
    """Return the adjectives of a polarity that suit a kind of noun.

    Args:
        label: "negative" or "positive".
        kind: kind of noun, as in data/reviews/domains.toml.
        strength: "strong", which goes with "utterly", "gradable", which goes with "very", or "" for both.
        unseen: whether to return those that only the test split shows, or the others.

    Returns:
        The common ones first: each list of data/reviews/words.toml is in the order of use in English reviews.
    """
    lists = table("words")[label]
    own = SUITS.get(kind, ("any", "thing", kind))
    strengths = (strength,) if strength else ("gradable", "strong")
    chosen = [lists[name][each] for name in own for each in strengths]
    kept = [[word for word in words if is_kept_for_test(word) == unseen] for words in chosen]
    ranked = itertools.chain.from_iterable(itertools.zip_longest(*kept))  # the first of each list, then the second
    return tuple(dict.fromkeys(word for word in ranked if word is not None))


@functools.cache
def general(label: str, letter: str, unseen: bool) -> tuple[str, ...]:
    """Return the opinion words of a polarity that suit any noun: feelings, verbs ("base/past"), nouns or adverbs.

    Args:
        label: "negative" or "positive".
        letter: a key of GENERAL.
        unseen: whether to return those that only the test split shows, or the others.
    """
    return tuple(word for word in table("words")[GENERAL[letter]][label] if is_kept_for_test(word) == unseen)


def comparative(adjective: str) -> str:
    """Return the comparative of a gradable adjective: "funnier", "more gripping"."""
    return table("words")["comparatives"].get(adjective, (f"more {adjective}",))[0]


@functools.cache
def opinion_words() -> dict[str, frozenset[str]]:
    """Return for each label every form of every opinion word that a review can hold, in lower case."""
    words = table("words")
    found = {}
    for label in LABELS:
        gradable = [word for lists in words[label].values() for word in lists["gradable"]]
        strong = [word for lists in words[label].values() for word in lists["strong"]]
        others = [form for name in GENERAL.values() for entry in words[name][label] for form in entry.split("/")]
        compared = [words["comparatives"][word][0] for word in gradable if word in words["comparatives"]]
        found[label] = frozenset(word.lower() for word in (*gradable, *strong, *others, *compared))
    return found
