"""The grammar of the generated reviews: fills the frames of data/reviews/frames.toml with words that fit.

A `Core` holds what an opinion is made of: parts of the thing and, for each, one positive and one negative word. A
`Setting` holds all the rest: who else has an opinion, what happened, what stands around. A `Writer` joins one of each
and a frame for a label; neither core nor setting knows the label, so that nothing in them can tell it.

Only `random.Random.random` is used of Python's generator. It is the one method whose numbers Python promises to keep
from version to version, and with it the reviews stay the same byte for byte.
"""

import dataclasses
import functools
import random
import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from utils.reviews.words import ANY, LABELS, bound, comparative, likings, pairs, spaced, table

SLOT = re.compile(r"{(\w+)}")
ADJECTIVE = re.compile(r"([sow])([12])$")
NOUN = re.compile(r"(n|N|a|be|was|nt|it|them)([12])$")
CALLED = re.compile(r"find|call|describe")  # "I'd call the icons good": true and stilted
NEED = re.compile(r"@(\w+) ")
# An opinion that decides; what turns it or makes it count; the same where it bears on something else; mere support.
MARKS = {"[": "]", "<": ">", "«": "»", "⟨": "⟩"}
# Written with a vowel but spoken with a consonant, and the reverse.
AN = re.compile(r"\b([Aa])n? (?=[\[\"(<«⟨]*([\w-]+))")
SPOKEN_CONSONANT = re.compile(r"(one|once|us(e|u)|uni[^nm]|eu)", re.IGNORECASE)
SPOKEN_VOWEL = re.compile(r"(hour|honest|heir)", re.IGNORECASE)
SENTENCE = re.compile(r"(^|[.!?]\"?\)? )([\[\"(<«⟨]*)([a-z])")
CONTRACTED = 0.85  # share of reviews that write "wasn't", not "was not"
GENERAL = 0.2  # share of opinions that suit everything, such as "good", where either kind may stand
STRONG = 0.3  # share of emphatic opinions where emphatic ones may stand
CLOSER = 0.3  # share of plain reviews that end with a verdict on the whole
PEOPLE = ("person", "character")
SPECIAL = (*PEOPLE, "build", "function")  # kinds of which nobody says that they are "good"
SLOW = (*PEOPLE, "story", "acting", "writing", "lesson", "exhibit", "tour")  # kinds that a first look may mislead about
PRONOUNS = {"he": "him", "she": "her", "it": "it", "they": "them"}

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
        words: which opinions: "any" (mild or strong), "own" (mild, of the part's own kind), "comparative", "bound",
            "good" (mild ones that suit everything) or "general" (those and strong ones).
        both: frames with a said and an opposite opinion (or, in plain reviews, with said ones only).
        turned, literal: frames that turn an opinion round, and that take it as it stands.
        both_test, turned_test, literal_test: the same, which the test split alone shows.
        same: whether said and opposite opinion are of one part and on one scale.
        core: whether minor parts are left out; if two parts are weighed, all that weigh less than others.
    """

    words: str
    both: tuple[str, ...] = ()
    turned: tuple[str, ...] = ()
    literal: tuple[str, ...] = ()
    both_test: tuple[str, ...] = ()
    turned_test: tuple[str, ...] = ()
    literal_test: tuple[str, ...] = ()
    same: bool = False
    core: bool = False

    def frames(self, turned: bool, structure: bool = False) -> tuple[str, ...]:
        """Return the frames of one side; `structure`: those of the test split alone."""
        side = "both" if self.both else "turned" if turned else "literal"
        return getattr(self, f"{side}_test" if structure else side)

    def weighs(self) -> bool:
        """Return whether two parts are weighed against each other."""
        return self.core and bool(self.both) and not self.same and self.words != "general"

    def least(self) -> int:
        """Return the least weight of a part that may stand in its frames."""
        return 2 if self.weighs() else int(self.core)

    def domains(self) -> tuple[str, ...]:
        """Return the domains that suit: if two parts are weighed, those with two kinds that weigh about alike."""
        known = {name: {part.kind for part in parts(name) if part.weight >= self.least()} for name in table("domains")}
        return tuple(name for name, own in known.items() if len(own) >= (2 if self.weighs() else 1))

    def size(self) -> int:
        """Return the number of frames that training shows."""
        return len(self.both) + len(self.turned) + len(self.literal)


@functools.cache
def groups(phenomenon: str) -> tuple[Group, ...]:
    """Return the groups of frames of a phenomenon."""
    entries = table("frames")[phenomenon]
    return tuple(Group(**{k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}) for entry in entries)


@functools.cache
def all_frames() -> tuple[tuple[str, Group, str, bool], ...]:
    """Return every frame once: (phenomenon, group, frame, whether it turns the opinion round)."""
    found = {}
    for phenomenon in table("frames"):
        for group in groups(phenomenon):
            for turned in (False, True):
                for structure in (False, True):
                    for frame in group.frames(turned, structure):
                        key = (phenomenon, group.words, frame)
                        found.setdefault(key, (phenomenon, group, frame, turned and not group.both))
    return tuple(found.values())


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of what is reviewed: its noun, its kind of words, its article, its pronoun, and its weight: 0 to 2."""

    noun: str
    kind: str
    article: str
    pronoun: str
    weight: int = 2

    @property
    def plural(self) -> bool:
        """Whether its verb is "are"."""
        return self.pronoun == "they" and not self.article


@functools.cache
def parts(domain: str) -> tuple[Part, ...]:
    """Return the parts of a domain."""
    found = []
    for kind, words in table("domains")[domain]["parts"].items():
        for word in words.split():
            noun, _, pronoun = word.lstrip("-=").partition(":")
            plural, mass = noun.endswith("+"), noun.endswith("~")
            article = "" if plural or mass else "a "
            pronoun = "they" if plural else pronoun or "it"
            found.append(Part(spaced(noun.rstrip("+~")), kind, article, pronoun, {"-": 0, "=": 1}.get(word[0], 2)))
    return tuple(found)


class Core:
    """What an opinion is made of: two parts of a thing and for each a positive and a negative word.

    Args:
        rng: source of every choice.
        name: of the domain.
        group: whose frames it will fill.
        unseen: whether the opinion words are those of the test only.

    Attributes:
        parts: by number, 1 and 2.
        words: by number and label.
    """

    def __init__(self, rng: random.Random, name: str, group: Group, unseen: bool) -> None:
        known = [part for part in parts(name) if part.weight >= group.least()]
        general = group.words == "general"
        if general or group.words == "good":
            known = [part for part in known if part.kind not in SPECIAL]
        first = pick(rng, known)
        others = [part for part in known if part.kind != first.kind]
        second = pick(rng, known if general or not others else others)
        self.parts = {1: first, 2: second}
        used: set[str] = set()
        self.words = {number: self._words(rng, group, number, unseen, used) for number in (1, 2)}
        if group.same:
            self.words[2] = self.words[1]
        self.liking = pick(rng, likings(unseen))
        self.general = self._pair(rng, pairs(ANY, "unseen" if unseen else "strong"), used)

    def _words(self, rng: random.Random, group: Group, number: int, unseen: bool, used: set[str]) -> dict[str, str]:
        """Draw a negative and a positive word for a part."""
        kind = self.parts[number].kind
        if group.words == "bound":
            return {label: pick(rng, words) for label, words in bound(kind).items()}
        if group.words == "good":
            return self._pair(rng, pairs(ANY, "mild"), used)
        if group.words == "general":
            known = pairs(ANY, "unseen") if unseen else (*pairs(ANY, "mild"), *pairs(ANY, "strong"))
            return self._pair(rng, known, used)
        strong = group.words == "any" and rng.random() < STRONG
        name = "unseen" if unseen else "strong" if strong else "mild"
        known = pairs(kind, name)
        if group.words == "any" and kind not in SPECIAL and rng.random() < GENERAL:
            known = [pair for pair in pairs(ANY, name) if not used & {*pair}] or known
        return self._pair(rng, known, used)

    @staticmethod
    def _pair(rng: random.Random, known: Sequence[tuple[str, str]], used: set[str]) -> dict[str, str]:
        """Draw a pair of which neither word is used yet; nothing if there is none."""
        left = [pair for pair in known if not used & {*pair}]
        if not left:
            return {}
        pair = pick(rng, left)
        used.update(pair)
        return dict(zip(LABELS, pair, strict=True))


class Setting:
    """All of a review but the opinion and the frame.

    Args:
        rng: source of every choice.
        name: of the domain.
        opening: whether a neutral sentence stands before the opinion.
        support: whether a sentence states the verdict plainly beside the opinion.
    """

    def __init__(self, rng: random.Random, name: str, opening: bool, support: bool) -> None:
        self.domain, neutral = table("domains")[name], table("neutral")
        self.plural, self.past = self.domain.get("plural", False), self.domain["past"]
        self.contracted = rng.random() < CONTRACTED
        self.thing = pick(rng, self.domain["things"].split())
        self.who = pick(rng, neutral["who"])
        self.aside = pick(rng, self.domain["asides"])
        self.deny = pick(rng, self.domain["facts"]).split(" | ")[1]
        self.strong, self.mild = pick(rng, neutral["strong"]), pick(rng, neutral["mild"])
        self.far = pick(rng, neutral["far"])
        self.opening = pick(rng, self.domain["facts"]).split(" | ")[0] if opening else ""
        self.closer = rng.random() < CLOSER
        self.support = {label: pick(rng, neutral["support"][label]) for label in LABELS}
        self.supported = support


@dataclasses.dataclass
class Writer:
    """Puts a core into a setting and a frame for one label.

    Attributes:
        core, setting, frame: what is joined.
        label: the verdict, "negative" or "positive".
        turned: whether the frame turns the opinion round.
        swapped: whether the two parts change places.
    """

    core: Core
    setting: Setting
    frame: str
    label: str
    turned: bool = False
    swapped: bool = False

    def suits(self) -> bool:
        """Return whether the words fit the frame and its needs are met: @thing, @major, @slow, @own."""
        general = {*pairs(ANY, "mild")[0]} & {*self.words(1).values(), *self.words(2).values()}
        if general and CALLED.search(self.frame):
            return False
        if "{who}" in self.frame and self.setting.domain.get("worn", False):
            return False
        kind, pair = self.part(1).kind, tuple(map(self.words(1).get, LABELS))
        met = {"thing": kind not in PEOPLE, "major": self.part(1).weight > 0, "slow": kind in SLOW}
        met["own"] = pair in (*pairs(kind, "mild"), *pairs(kind, "unseen"))
        return all(met[need] for need in NEED.findall(self.frame))

    def write(self, plain: bool = False) -> str:
        """Return the review with its marks, before articles and capitals are set.

        Args:
            plain: whether a sentence that states the verdict may end it.
        """
        setting = self.setting
        support = setting.support[self.label] if setting.supported else ""
        if plain and setting.closer and not ("{like}" in self.frame and "{love}" in setting.support["positive"]):
            support = setting.support[self.label].replace("⟨", "[").replace("⟩", "]")
        # One neutral sentence is enough, and one may be at odds with a side matter ("on a plane", "the drive home").
        opening = "" if "{deny}" in self.frame or "{aside}" in self.frame else setting.opening
        text = self.fill(" ".join(part for part in (opening, NEED.sub("", self.frame), support) if part))
        once = text.count("n't") == 1  # two full forms in one sentence are nobody's way of writing
        return expand(text) if once and not setting.contracted else text

    def fill(self, frame: str) -> str:
        """Put words into each slot of a frame."""
        text = frame
        while slot := SLOT.search(text):
            text = text[: slot.start()] + self.word(slot[1]) + text[slot.end() :]
        return text

    def word(self, slot: str) -> str:
        """Return a word, or several, for one slot.

        Raises:
            ValueError: the grammar knows no such slot.
        """
        if slot in FIXED:
            return FIXED[slot](self)
        if slot == "c1":
            return self.comparative()
        if match := ADJECTIVE.match(slot):
            return self.words(int(match[2]))[self.polarity(match[1])]
        if match := NOUN.match(slot):
            return self.noun(match[1], self.part(int(match[2])))
        raise ValueError(f"expected a slot that the grammar knows; received {{{slot}}}. See data/reviews/frames.toml.")

    def part(self, number: int) -> Part:
        """Return the part that stands at a place."""
        return self.core.parts[3 - number if self.swapped else number]

    def words(self, number: int) -> dict[str, str]:
        """Return the words of the part that stands at a place."""
        return self.core.words[3 - number if self.swapped else number]

    def polarity(self, side: str) -> str:
        """Return the polarity of the word on one side: s, said; o, opposite; w, turned round or not."""
        opposite = side == "o" or (side == "w" and self.turned)
        return LABELS[1 - LABELS.index(self.label)] if opposite else self.label

    def comparative(self) -> str:
        """Return "clearer" or "less clear": that another is duller would be no praise."""
        good = self.words(1)[LABELS[1]]
        return comparative(good) if self.polarity("w") == LABELS[1] else f"less {good}"

    def this_thing(self) -> str:
        """Return "this film", or "it" where the frame has named the film: "it" alone might be a part of it."""
        several = self.setting.plural
        if "{thing}" in self.frame or "{kind}" in self.frame:
            return "them" if several else "it"
        return f"{'these' if several else 'this'} {self.setting.thing}"

    def noun(self, form: str, part: Part) -> str:
        """Return the noun of a part, its article, its verb or its pronoun."""
        verb = (("is", "are"), ("was", "were"))[self.setting.past][part.plural]
        forms = {
            "n": f"the {part.noun}",
            "N": part.noun,
            "a": part.article,
            "be": verb,
            "was": ("was", "were")[part.plural],
            "nt": f"<{verb}n't>",
        }
        return forms.get(form) or {"it": part.pronoun, "them": PRONOUNS[part.pronoun], "a": ""}[form]


def _when(now: str, then: str) -> Any:
    """Return what gives a present and a past form."""
    return lambda writer: then if writer.setting.past else now


def _thing(one: str, several: str) -> Any:
    """Return what gives one word for a thing and another for things such as shoes."""
    return lambda writer: several if writer.setting.plural else one


FIXED = {
    "find": _when("find", "found"),
    "finds": _when("finds", "found"),
    "do": _when("do", "did"),
    "see": _when("see", "saw"),
    "think": _when("think", "thought"),
    "thinks": _when("thinks", "thought"),
    "dont": _when("don't", "didn't"),
    "doesnt": _when("doesn't", "didn't"),
    "love": _when("⟨love⟩", "⟨loved⟩"),
    "hate": _when("⟨hate⟩", "⟨hated⟩"),
    "like": lambda w: w.core.liking[LABELS.index(w.label)][w.setting.past],
    "this": _thing("this one", "these"),
    "these": _thing("this", "these"),
    "has": lambda w: "had" if w.setting.past else "have" if w.setting.plural else "has",
    "this_thing": Writer.this_thing,
    "itself": _thing("itself", "themselves"),
    "g": lambda w: w.core.general[w.label],
    "strong2": lambda w: w.setting.strong.replace("*", "[{s2}]"),
    "mild1": lambda w: w.setting.mild.replace("*", "{o1}"),
    "far": lambda w: w.setting.far,
    "feared": lambda w: "hoped" if w.polarity("w") == LABELS[1] else "feared",
    "thing": lambda w: w.setting.thing,
    "kind": lambda w: w.setting.domain["things"].split()[0],
    "who": lambda w: w.setting.who,
    "aside": lambda w: w.setting.aside,
    "deny": lambda w: w.setting.deny,
    "again": lambda w: w.setting.domain["again"],
    "old": lambda w: w.setting.domain["old"],
    "in_old": lambda w: w.setting.domain["in_old"],
    "most": lambda w: w.setting.domain["in_most"].split(" ", 1)[1],
    "in_most": lambda w: w.setting.domain["in_most"],
}


def expand(text: str) -> str:
    """Write "wasn't" as "was not" after its subject, a mark at the second word.

    Example:
        >>> expand("the soup <wasn't> hot. I <can't> say why. «Didn't» book.")
        "the soup was <not> hot. I <cannot> say why. «Didn't» book."
    """
    text = re.sub(r"(?<=\w )([<«]?)can't", r"\1cannot", text)
    return re.sub(r"(?<![Ww]hy )(?<=\w )([<«]?)(is|are|was|were|do|did|would|had|could)n't", r"\2 \1not", text)


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
