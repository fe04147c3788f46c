"""The grammar of the generated reviews: fills the frames of data/reviews/frames.toml with words that fit.

Only `random.Random.random` is used of Python's generator. It is the one method whose numbers Python promises to keep
from version to version, and with it the reviews stay the same byte for byte.
"""

import functools
import random
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from utils.reviews.words import LABELS, adjectives, comparative, general, table

SLOT = re.compile(r"{(\w+)}")
ADJECTIVE = re.compile(r"([so])([gs]?)([0-49]?)$")
COMPARATIVE = re.compile(r"c([so])([0-4])$")
GENERAL_WORD = re.compile(r"([so])([fvwnm])(b?)$")
NOUN = re.compile(r"(a|was|is)([1-49])$")
ASIDE = 9
PERSONS = (
    {"I": "I", "me": "me", "my": "my", "was_i": "was", "I_am": "I am", "I_have": "I have"},
    {"I": "we", "me": "us", "my": "our", "was_i": "were", "I_am": "we are", "I_have": "we have"},
)
RANK_POWER = 2.0
SINGULAR_HEARERS = 0.7  # share of reviews that say "I", not "we"
# Written with a vowel but spoken with a consonant, and the reverse.
AN = re.compile(r"\b([Aa])n? (?=[\[\"(]*([\w-]+))")
SPOKEN_CONSONANT = re.compile(r"(one|once|us(e|u)|uni[^nm]|eu)", re.IGNORECASE)
SPOKEN_VOWEL = re.compile(r"(hour|honest|heir)", re.IGNORECASE)
SENTENCE = re.compile(r"(^|[.!?]\"? )([\[\"(]*)([a-z])")

Item = TypeVar("Item")


def pick(rng: random.Random, items: Sequence[Item]) -> Item:
    """Draw one item, each alike."""
    return items[int(rng.random() * len(items))]


def pick_by_rank(rng: random.Random, items: Sequence[Item]) -> Item:
    """Draw one item, the first ones more often: of 100 items the first ten have almost a third of the chances."""
    return items[int(rng.random() ** RANK_POWER * len(items))]


class Scene:
    """One review in the making: what is reviewed, by whom, and the words already used.

    Args:
        rng: source of every choice.
        label: the verdict, "negative" or "positive".
        unseen: whether its opinion words are those kept for the test.
    """

    def __init__(self, rng: random.Random, label: str, unseen: bool = False) -> None:
        self.rng, self.unseen = rng, unseen
        self.labels = {"s": label, "o": LABELS[1 - LABELS.index(label)]}
        self.domain: dict[str, Any] = pick(rng, tuple(table("domains").values()))
        self.thing = pick(rng, self.domain["things"])
        self.fixed = dict(PERSONS[rng.random() >= SINGULAR_HEARERS])
        self.fixed |= {"thing": self.thing, "things": plural(self.thing)}
        self.kinds: dict[int, str] = {0: self.domain["kind"][0]}
        self.nouns: dict[int, tuple[str, bool]] = {}
        self.used: set[str] = set()

    def fill(self, frame: str) -> str:
        """Put a word into each slot of a frame; square brackets stay."""
        text = frame
        while slot := SLOT.search(text):
            text = text[: slot.start()] + self.word(slot[1]) + text[slot.end() :]
        return text

    def word(self, slot: str) -> str:
        """Return a word, or several, for one slot.

        Raises:
            ValueError: the grammar knows no such slot.
        """
        if slot in self.fixed:
            return self.fixed[slot]
        if match := ADJECTIVE.match(slot):
            return self.adjective(match[1], {"g": "gradable", "s": "strong"}.get(match[2], ""), match[3])
        if match := COMPARATIVE.match(slot):
            return comparative(self.adjective(match[1], "gradable", match[2]))
        if match := GENERAL_WORD.match(slot):
            words = general(self.labels[match[1]], match[2], self.unseen)
            return self.opinion(words).split("/")[0 if match[3] else -1]
        if match := NOUN.match(slot):
            noun, is_plural = self.noun(int(match[2]))
            return {"a": noun, "was": ("was", "were")[is_plural], "is": ("is", "are")[is_plural]}[match[1]]
        for words in (self.domain, table("neutral"), table("frames")["degree"]):
            if slot in words:
                return self.fresh(words[slot])
        raise ValueError(f"expected a slot that the grammar knows; received {{{slot}}}. See data/reviews/frames.toml.")

    def opinion(self, words: Sequence[str]) -> str:
        """Draw an opinion word that this review does not hold yet, common ones more often, as in real reviews."""
        return self.fresh(words, pick_by_rank)

    def fresh(self, words: Sequence[str], draw: Callable[..., str] = pick) -> str:
        """Draw a word that this review does not hold yet, if there is one."""
        unused = [word for word in words if not self.used.intersection(word.split("/"))]
        word = draw(self.rng, unused or words)
        self.used.update(word.split("/"))
        return word

    def adjective(self, side: str, strength: str, number: str) -> str:
        """Draw an adjective of one side that suits the noun of that number; without a number, one that suits any."""
        if number and number != "0":
            self.noun(int(number))
        kind = self.kinds[int(number)] if number else "any"
        return self.opinion(adjectives(self.labels[side], kind, strength, self.unseen))

    def noun(self, number: int) -> tuple[str, bool]:
        """Return the noun of that number and whether it is plural; draw it when it is first asked for."""
        if number not in self.nouns:
            by_kind = table("neutral")["aside"] if number == ASIDE else self.domain["aspects"]
            taken = {noun for noun, _ in self.nouns.values()}
            free = [(kind, word) for kind, words in by_kind.items() for word in words if word.rstrip("+") not in taken]
            self.kinds[number], word = pick(self.rng, free)
            self.nouns[number] = (word.rstrip("+"), word.endswith("+"))
        return self.nouns[number]


def plural(noun: str) -> str:
    """Return the plural of a thing that the reviews speak of.

    Example:
        >>> [plural(noun) for noun in ("film", "gallery", "play", "watch", "series")]
        ['films', 'galleries', 'plays', 'watches', 'series']
    """
    if noun.endswith("series"):
        return noun
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    return noun + ("es" if re.search(r"(ch|sh|s|x)$", noun) else "s")


def finish(sentences: Iterable[str]) -> tuple[str, tuple[int, ...]]:
    """Join sentences, set articles and capitals, and take the brackets out.

    Returns:
        (text, deciding): the text, and the places of the bracketed words among those that `text.split()` gives.

    Example:
        >>> finish(["the end was a [awful] mess.", "we left."])
        ('The end was an awful mess. We left.', (4,))
    """
    text = AN.sub(_article, " ".join(sentences))
    text = SENTENCE.sub(lambda match: match[1] + match[2] + match[3].upper(), text)
    deciding, depth = [], 0
    for place, word in enumerate(text.split()):
        if depth or "[" in word:
            deciding.append(place)
        depth += word.count("[") - word.count("]")
    return text.replace("[", "").replace("]", ""), tuple(deciding)


def _article(match: re.Match[str]) -> str:
    """Return "a" or "an" as the next word is spoken."""
    word = match[2]
    vowel = SPOKEN_VOWEL.match(word) or (word[0].lower() in "aeiou" and not SPOKEN_CONSONANT.match(word))
    return f"{match[1]}{'n' if vowel else ''} "


@functools.cache
def frames(phenomenon: str, split: str) -> tuple[str, ...]:
    """Return the sentence frames of a phenomenon that a split draws from ("test": those that training never shows)."""
    return table("frames")[phenomenon][split]
