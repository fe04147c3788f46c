"""The grammar of the generated reviews: fills the frames of data/reviews/frames.toml with words that fit.

A `Core` holds what an opinion is made of: parts of the thing and, for each, one positive and one negative word. A
`Setting` holds all the rest: the frame, who speaks, what happened. A `Writer` joins one of each for a label; neither
knows the label, so that nothing in them can tell it.

Only `random.Random.random` is used of Python's generator. It is the one method whose numbers Python promises to keep
from version to version, and with it the reviews stay the same byte for byte.
"""

import dataclasses
import functools
import random
import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from utils.reviews.words import LABELS, adjectives, comparative, others, split_words, table

SLOT = re.compile(r"{(\w+)}")
ADJECTIVE = re.compile(r"([sow])([12])$")
COMPARATIVE = re.compile(r"c([12])$")
CLAUSE = re.compile(r"([SO])([12])$")
NOUN = re.compile(r"(a|was|were|wasnt|werent|it|them)([12])$")
NEGATED = re.compile(r"^(un|imp[ao]|ineff|inatt)|less$")
# An opinion that decides; what turns it or makes it count; the same where it bears on something else; mere support.
MARKS = {"[": "]", "<": ">", "«": "»", "⟨": "⟩"}
# Written with a vowel but spoken with a consonant, and the reverse.
AN = re.compile(r"\b([Aa])n? (?=[\[\"(<«⟨]*([\w-]+))")
SPOKEN_CONSONANT = re.compile(r"(one|once|us(e|u)|uni[^nm]|eu)", re.IGNORECASE)
SPOKEN_VOWEL = re.compile(r"(hour|honest|heir)", re.IGNORECASE)
SENTENCE = re.compile(r"(^|[.!?]\"?\)? )([\[\"(<«⟨]*)([a-z])")
PLAIN_START = re.compile(r"[{<\[]|the ")  # what may follow "For the record:"
CONTRACTED = 0.65  # share of reviews that write "wasn't", not "was not"
ALONE = 0.75  # share that say "I", not "we"
GENERAL = 0.25  # share of adjectives that suit everything, such as "good"
CLAUSES = ("adjective",) * 10 + ("think",) * 2 + ("find",) * 2 + ("liking",) * 3 + ("feeling",) * 3
WORDS = ("others", "month", "town", "weekday", "job")
JOINERS = (". ", ". ", " and ", ", and ")

Item = TypeVar("Item")


def pick(rng: random.Random, items: Sequence[Item]) -> Item:
    """Draw one item, each alike."""
    return items[int(rng.random() * len(items))]


def shuffled(rng: random.Random, items: Iterable[Item]) -> list[Item]:
    """Return the items in random order."""
    keyed = [(rng.random(), place, item) for place, item in enumerate(items)]
    return [item for _, _, item in sorted(keyed, key=lambda entry: entry[:2])]


@dataclasses.dataclass(frozen=True)
class Group:
    """Frames of one phenomenon that use the same opinion words.

    Attributes:
        words: kind of opinion: "clause", "adjective", "comparative", "feeling", "noun", "whole" or "anything".
        train: frames of both splits; test: frames of the test split only.
        gradable: whether only gradable adjectives suit.
        fact: where a neutral clause beside the opinion is negated: where that one is "turned" or where it is taken as
            "literal"; "" for no such clause.
        tails: whether a clause may trail off, as in "if you ask me".
        bare: whether words such as "unhelpful" and "tasteless", negations in themselves, are kept out.
        own: whether only adjectives of the part's own kind suit, not such as "good".
    """

    words: str
    train: tuple[str, ...]
    test: tuple[str, ...] = ()
    gradable: bool = False
    fact: str = ""
    tails: bool = False
    bare: bool = False
    own: bool = False


@functools.cache
def groups(phenomenon: str) -> tuple[Group, ...]:
    """Return the groups of frames of a phenomenon."""
    entries = table("frames")[phenomenon]
    return tuple(Group(**{k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}) for entry in entries)


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of what is reviewed: its noun, its kind, whether it is plural and whether it is a person."""

    noun: str
    kind: str
    plural: bool
    person: bool


def parts(domain: dict[str, Any]) -> tuple[Part, ...]:
    """Return the parts of a domain."""
    return tuple(
        Part(word.rstrip("+*"), kind, word.endswith("+"), word.endswith("*"))
        for kind, words in domain["parts"].items()
        for word in words.split()
    )


class Core:
    """What an opinion is made of: two parts of a thing and for each a positive and a negative word.

    Args:
        rng: source of every choice.
        name: of the domain.
        group: whose frames it will fill.
        unseen: whether the opinion words are those of the test only.
    """

    def __init__(self, rng: random.Random, name: str, group: Group, unseen: bool) -> None:
        self.domain = table("domains")[name]
        known = parts(self.domain)
        if group.words == "anything":  # as "was" stands beside what does not count
            known = tuple(part for part in known if not part.plural and part.kind != "character")
        first = pick(rng, known)
        second = pick(rng, [part for part in known if part.noun != first.noun and part.kind != first.kind])
        self.parts = {1: first, 2: second}
        forms = {1: pick(rng, CLAUSES)}
        forms[2] = pick(rng, [form for form in CLAUSES if form == "adjective" or form != forms[1]])
        if {*forms.values()} == {"think", "find"}:
            forms[2] = "adjective"
        self.forms = forms if group.words == "clause" else {1: "adjective", 2: "adjective"}
        used: set[str] = set()
        self.words = {
            each: {label: self._adjective(rng, group, each, label, unseen, used) for label in LABELS} for each in (1, 2)
        }
        self.feelings, self.likings, self.nouns = (
            {label: pick(rng, others(label, name, unseen)) for label in LABELS}
            for name in ("feeling", "liking", "verdict")
        )
        self.support = {
            label: pick(rng, [w for w in others(label, "verdict", unseen) if w != self.nouns[label]])
            for label in LABELS
        }
        general = {label: adjectives(label, "anything", False, unseen)[0] for label in LABELS}
        self.general = {label: pick(rng, [w for w in words if w not in used]) for label, words in general.items()}

    def _adjective(
        self, rng: random.Random, group: Group, number: int, label: str, unseen: bool, used: set[str]
    ) -> str:
        """Draw an adjective that suits a part and that this core does not hold yet."""
        kind = "anything" if group.words == "anything" else self.parts[number].kind
        own, general = adjectives(label, kind, group.gradable, unseen)
        own, general = (
            [word for word in words if word not in used and not (group.bare and NEGATED.search(word))]
            for words in (own, general)
        )
        from_general = general and (not own or (not group.own and rng.random() < GENERAL))
        word = pick(rng, general if from_general else own)
        used.add(word)
        return word


class Setting:
    """All of a review but the opinion: the frame, who speaks, what happened.

    Args:
        rng: source of every choice.
        name: of the domain.
        group, frame: the frame that an opinion will be put in, and its group.
        opening, closing: whether a neutral sentence stands before the opinion, or behind it.
        support: whether a sentence states the verdict plainly beside the opinion.
    """

    def __init__(
        self, rng: random.Random, name: str, group: Group, frame: str, opening: bool, closing: bool, support: bool
    ) -> None:
        domain, neutral = table("domains")[name], table("neutral")
        self.frame, self.plural = frame, domain.get("plural", False)
        self.alone, self.contracted = rng.random() < ALONE, rng.random() < CONTRACTED
        self.past = not domain["lately"] or rng.random() < 0.4 or group.words == "anything"
        self.thing = pick(rng, split_words(domain["things"]))
        self.people = shuffled(rng, split_words(neutral["who"]))
        common = neutral["facts"] + (neutral["outings"] if domain.get("outing") else [])
        facts = shuffled(rng, [*domain["facts"], *domain["facts"], *common])
        self.fact = tuple(side.strip() for side in facts[0].split("|"))
        self.fact_first, self.joiner = rng.random() < 0.5, pick(rng, JOINERS)
        self.drawn = {slot: pick(rng, split_words(neutral[slot])) for slot in WORDS}
        self.drawn |= {slot: pick(rng, neutral[slot]) for slot in ("claims", "asides", "strong", "mild")}
        self.fills = [pick(rng, neutral["fills"]) for _ in range(2)]
        self.tails = shuffled(rng, [pick(rng, neutral["tails"]) if group.tails else "", ""])
        extra = next(fact for fact in facts if fact != facts[0])
        chat = [f"{side.strip()}." for side in extra.replace("«", "").replace("»", "").split("|")]
        openings, closings = (shuffled(rng, neutral[name]) for name in ("openings", "closings"))
        openings = [each for each in openings if "{this}" not in each or "{this}" not in frame]
        if ":" in frame or not PLAIN_START.match(frame):
            openings = [each for each in openings if ":" not in each]
        if not group.fact:  # one neutral clause is enough
            place = pick(rng, (openings, closings))
            place[0] = pick(rng, (place[0], *chat))
        self.opening, self.closing = openings[0] if opening else "", closings[0] if closing else ""
        self.support = pick(rng, groups("support")[0].train) if support else ""
        self.domain = domain


@dataclasses.dataclass
class Writer:
    """Puts a core into a setting for one label.

    Attributes:
        core, setting: what is joined.
        label: the verdict, "negative" or "positive".
        turned: whether the frame turns the opinion round ("a | b" frames: which side is used).
        swapped: whether the two parts change places.
    """

    core: Core
    setting: Setting
    label: str
    turned: bool
    swapped: bool

    def __post_init__(self) -> None:
        self.people = iter(self.setting.people)
        self.other_label = LABELS[1 - LABELS.index(self.label)]

    def write(self, group: Group) -> str:
        """Return the review with its marks, before articles and capitals are set."""
        setting = self.setting
        sides = [side.strip() for side in setting.frame.split(" | ")]
        text = sides[0] if self.turned or len(sides) == 1 else sides[1]
        if group.fact:
            fact = setting.fact[self.turned == (group.fact == "turned") and "«" not in text]
            both = (fact, text) if setting.fact_first else (text, fact)
            text = (", and " if "," in both[0] and setting.joiner == " and " else setting.joiner).join(both) + "."
        text = self.fill(" ".join(part for part in (setting.opening, text, setting.closing, setting.support) if part))
        return contract(text) if setting.contracted else expand(text)

    def fill(self, frame: str) -> str:
        """Put words into each slot of a frame."""
        text = frame
        while slot := SLOT.search(text):
            text = text[: slot.start()] + self.word(slot[1]) + text[slot.end() :]
        return re.sub(r"  +", " ", text).strip()

    def word(self, slot: str) -> str:
        """Return a word, or several, for one slot.

        Raises:
            ValueError: the grammar knows no such slot.
        """
        if slot in FIXED:
            return FIXED[slot](self)
        if match := CLAUSE.match(slot):
            return self.clause(match[1] == "S", int(match[2]))
        if match := ADJECTIVE.match(slot):
            return self.core.words[self.number(int(match[2]))][self.polarity(match[1])]
        if match := COMPARATIVE.match(slot):
            return comparative(self.core.words[self.number(int(match[1]))][self.polarity("w")])
        if match := NOUN.match(slot):
            return self.noun(match[1], self.core.parts[self.number(int(match[2]))])
        raise ValueError(f"expected a slot that the grammar knows; received {{{slot}}}. See data/reviews/frames.toml.")

    def number(self, number: int) -> int:
        """Return which of the two parts stands at a place."""
        return 3 - number if self.swapped else number

    def polarity(self, side: str) -> str:
        """Return the polarity of the word on one side: s, said; o, opposite; w, turned round or not."""
        return self.other_label if side == "o" or (side == "w" and self.turned) else self.label

    def clause(self, said: bool, place: int) -> str:
        """Return a clause with an opinion on the part at a place; the opinion is marked if it is the one said."""
        number, label = self.number(place), self.label if said else self.other_label
        form, mark = self.core.forms[number], "[{}]" if said else "{}"
        if form == "liking":
            verb = mark.format(self.core.likings[label].split("/")[self.setting.past])
            return f"{{I}} {verb} the {{a{place}}}"
        if form == "feeling":
            return f"{{I}} {{am}} {mark.format(self.core.feelings[label])} with the {{a{place}}}"
        word = mark.format(self.core.words[number][label])
        if form == "find":
            return f"{{I}} {{find}} the {{a{place}}} {word}"
        clause = f"the {{a{place}}} {{was{place}}} {word}"
        return f"{{I}} {{think}} {clause}" if form == "think" else f"{clause}{{tail{place}}}"

    def noun(self, form: str, part: Part) -> str:
        """Return the noun of a part, its verb or its pronoun."""
        if form in ("it", "them"):
            pronoun = ("it", "they" if form == "it" else "them")[part.plural]
            return f"the {part.noun}" if part.person else pronoun
        verb = (("is", "are"), ("was", "were"))[self.setting.past or form.startswith("were")][part.plural]
        return part.noun if form == "a" else f"<{verb}n't>" if form.endswith("nt") else verb


def _i(alone: str, together: str) -> Any:
    """Return what gives one word for "I" and another for "we"."""
    return lambda writer: alone if writer.setting.alone else together


def _thing(one: str, several: str) -> Any:
    """Return what gives one word for a thing and another for things such as shoes."""
    return lambda writer: several if writer.setting.plural else one


def _when(now: str, then: str) -> Any:
    """Return what gives a present and a past form."""
    return lambda writer: then if writer.setting.past else now


FIXED = {
    "I": _i("I", "we"),
    "me": _i("me", "us"),
    "my": _i("my", "our"),
    "was_i": _i("was", "were"),
    "wasnt_i": _i("wasn't", "weren't"),
    "am": lambda w: (("am", "are"), ("was", "were"))[w.setting.past][not w.setting.alone],
    "amnt": lambda w: (("am <not>", "<aren't>"), ("<wasn't>", "<weren't>"))[w.setting.past][not w.setting.alone],
    "think": _when("think", "thought"),
    "find": _when("find", "found"),
    "dont": _when("don't", "didn't"),
    "did": _when("do", "did"),
    "a": _thing("a", ""),
    "this": _thing("this {thing}", "these {thing}"),
    "it": _thing("it", "they"),
    "are": lambda w: (("is", "are"), ("was", "were"))[w.setting.past][w.setting.plural],
    "were": _thing("was", "were"),
    "thing": lambda w: w.setting.thing,
    "inside": lambda w: w.setting.domain["inside"],
    "last": lambda w: w.setting.domain["last"],
    "who": lambda w: next(w.people),
    "other": lambda w: w.setting.people[-1],
    "others": lambda w: w.setting.drawn["others"],
    "claim": lambda w: w.setting.drawn["claims"],
    "aside": lambda w: w.setting.drawn["asides"],
    "strong2": lambda w: w.setting.drawn["strong"].replace("*", "[{s2}]"),
    "mild1": lambda w: w.setting.drawn["mild"].replace("*", "{o1}"),
    "fill1": lambda w: w.setting.fills[0],
    "fill2": lambda w: w.setting.fills[1],
    "tail1": lambda w: w.setting.tails[0],
    "tail2": lambda w: w.setting.tails[1],
    "month": lambda w: w.setting.drawn["month"],
    "town": lambda w: w.setting.drawn["town"],
    "weekday": lambda w: w.setting.drawn["weekday"],
    "job": lambda w: w.setting.drawn["job"],
    "n": lambda w: w.core.nouns[w.label],
    "on": lambda w: w.core.nouns[w.other_label],
    "v": lambda w: w.core.support[w.label],
    "g": lambda w: w.core.general[w.label],
    "f1": lambda w: w.core.feelings[w.polarity("w")],
}


def contract(text: str) -> str:
    """Write "I am" as "I'm" and the like.

    Example:
        >>> contract("I am sure that we are <not> late, and there is time.")
        "I'm sure that we're <not> late, and there's time."
    """
    text = re.sub(r"\bI am\b", "I'm", text)
    return re.sub(r"\b([Ww]e) are\b", r"\1're", re.sub(r"\b([Tt]here) is\b", r"\1's", text))


def expand(text: str) -> str:
    """Write "wasn't" as "was not" and the like, a mark at its second word.

    Example:
        >>> expand("it <wasn't> what I'd call a feast. It's true, you can't.")
        'it was <not> what I would call a feast. It is true, you cannot.'
    """
    text = re.sub(r"([<«]?)\bcan't", r"\1cannot", text)
    text = re.sub(r"([<«]?)\bwon't", r"will \1not", text)
    text = re.sub(r"([<«]?)\b(\w+)n't", r"\2 \1not", text)
    text = re.sub(r"\b(I|[Ww]e|[Hh]e|[Ss]he)'(d|ll|m|re)\b", _full, text)
    return re.sub(r"\b([Ii]t|[Tt]hat|[Tt]here)'s\b", r"\1 is", text)


def _full(match: re.Match[str]) -> str:
    """Return a pronoun and its verb in full."""
    return f"{match[1]} " + {"d": "would", "ll": "will", "m": "am", "re": "are"}[match[2]]


def finish(text: str) -> tuple[str, tuple[int, ...], int]:
    """Set articles and capitals, and take the marks out.

    Returns:
        (text, deciding, distance): the text; the places among `text.split()` of the words in [ ], < > and ⟨ ⟩; the
        number of words between a deciding opinion and the nearest word in < >, or in « » if there is none of those; -1
        if there is neither.

    Example:
        >>> finish("it was <not> a [awful] mess. we left.")
        ('It was not an awful mess. We left.', (2, 4), 1)
    """
    text = AN.sub(_article, text)
    text = SENTENCE.sub(lambda match: match[1] + match[2] + match[3].upper(), text)
    places: dict[str, list[int]] = {mark: [] for mark in MARKS}
    depth = dict.fromkeys(MARKS, 0)
    for place, word in enumerate(text.split()):
        for mark, end in MARKS.items():
            if depth[mark] or mark in word:
                places[mark].append(place)
            depth[mark] += word.count(mark) - word.count(end)
    deciding = tuple(sorted({*places["["], *places["<"], *places["⟨"]}))
    turns = places["<"] or places["«"]
    gaps = [max(abs(word - turn) - 1, 0) for word in places["["] for turn in turns]
    return re.sub(r"[\[\]<>«»⟨⟩]", "", text), deciding, min(gaps, default=-1)


def _article(match: re.Match[str]) -> str:
    """Return "a" or "an" as the next word is spoken."""
    word = match[2]
    vowel = SPOKEN_VOWEL.match(word) or (word[0].lower() in "aeiou" and not SPOKEN_CONSONANT.match(word))
    return f"{match[1]}{'n' if vowel else ''} "
