"""The generated review corpus: short reviews whose verdict, and the reason for it, are known.

A grammar (`reviews_grammar`) fills sentence frames with words (`reviews_words`). Each review shows one phenomenon. In
all but plain ones, the construction alone tells the verdict: every opinion word, every part of a thing, every frame and
every neutral clause is as likely with either label. A stated share of labels is then turned over, which bounds
the accuracy that any classifier can reach.
"""

import dataclasses
import functools
import random
import string
from collections.abc import Iterator

from utils.reviews.grammar import Core, Group, Setting, Writer, finish, groups, pick, shuffled
from utils.reviews.words import LABELS

SPLITS = ("train", "test")
COLUMNS = ("text", "label", "phenomenon", "unseen", "true_label", "deciding", "distance", "support")
UNSEEN = ("no", "word", "structure")
NOISE = 0.04  # share of labels turned over, exactly, in each phenomenon and for each label
SEED = 5000
SHORTEST, LONGEST = 4, 40  # words
UNSEEN_SHARE = 0.2  # of the test's reviews without support: with unseen words, and as many with an unseen structure
SUPPORT_SHARE = 0.1  # of each phenomenon but plain
OPENING = 0.45  # how often a review begins with a neutral sentence, where there is room


@dataclasses.dataclass(frozen=True)
class Review:
    """One generated review.

    Attributes:
        text: 4 to 40 words.
        label: "negative" or "positive", as a classifier is given it: sometimes wrong.
        phenomenon: a name of PHENOMENA.
        unseen: what the training split never shows: "no" (nothing), "word" (opinion words), "structure" (frame).
        true_label: what the grammar meant.
        deciding: places, in `text.split()`, of the words that decide: the opinion, and what turns it or makes it count.
        distance: words between the deciding opinion and the word that turns it round or makes it count, or, if nothing
            does, the one that turns something else round; -1 in plain reviews, which have neither.
        support: whether a last sentence states the verdict plainly as well, "yes" or "no".
    """

    text: str
    label: str
    phenomenon: str
    unseen: str
    true_label: str
    deciding: tuple[int, ...]
    distance: int = -1
    support: str = "no"


@dataclasses.dataclass(frozen=True)
class Phenomenon:
    """One way in which a verdict hides.

    Attributes:
        name: as in the column of that name.
        explanation: what decides, in one line.
        example: a sentence that shows it.
        count: how many reviews of each split show it.
    """

    name: str
    explanation: str
    example: str
    count: int = 350


PHENOMENA = (
    Phenomenon("plain", "opinion words mean what they say", "The plot was gripping.", 1500),
    Phenomenon(
        "negation",
        "a negated opinion is its opposite; a negation of something else leaves it alone",
        "Nobody could call the room clean.",
        700,
    ),
    Phenomenon(
        "double-negation",
        "two negations of an opinion cancel; if one is of something else, the other turns it round",
        "You can't tell me the staff weren't friendly.",
    ),
    Phenomenon(
        "contrast",
        "the side decides that the writer comes down on",
        "The plot seemed slow at first but turned out to be gripping.",
    ),
    Phenomenon(
        "concession",
        "the main clause decides, wherever it stands",
        "Although I'd expected a dull tour, it was fascinating.",
    ),
    Phenomenon(
        "intensifier-and-downtoner",
        "the stronger of two opinions decides",
        "The menus are fairly confusing, but the screen is extremely sharp.",
    ),
    Phenomenon(
        "comparison",
        "it matters which side is the thing itself",
        "The last hotel I stayed at had a comfier bed than this one.",
    ),
    Phenomenon(
        "quoted-opinion", "the writer decides, not whoever is quoted", "My sister said the plot was dull. I disagree."
    ),
    Phenomenon("irony", "a marker that mocks an opinion turns it round", "Friendly staff? Yeah, right."),
    Phenomenon(
        "irrelevant-aspect",
        "only the thing itself counts",
        "The weather was awful, but that has nothing to do with the hotel. The bed was excellent.",
    ),
)


def ceiling() -> float:
    """Return the accuracy of a classifier that always knows the true label: the best possible, in each split.

    Example:
        >>> ceiling()
        0.96
    """
    return 1 - NOISE


def deciding_words(review: Review) -> tuple[str, ...]:
    """Return the words that are known to decide, without their punctuation, as they stand.

    Example:
        >>> deciding_words(Review("It was not good.", "negative", "negation", "no", "negative", (2, 3)))
        ('not', 'good')
    """
    words = review.text.split()
    return tuple(words[place].strip(string.punctuation) for place in review.deciding)


def generate(split: str, seed: int = SEED) -> list[Review]:
    """Generate one split; the same seed gives the same reviews on every machine.

    Args:
        split: "train" or "test". They share no text; the test also holds words and frames that training never shows.
        seed: of every choice.

    Returns:
        5,000 reviews in random order, of which a share of NOISE has its label turned over.

    Raises:
        ValueError: there is no such split.
    """
    if split not in SPLITS:
        raise ValueError(f"expected split to be one of {', '.join(SPLITS)}; received {split!r}")
    return list(_splits(seed)[split])


@functools.lru_cache(maxsize=8)
def _splits(seed: int) -> dict[str, tuple[Review, ...]]:
    """Generate both splits, so that the test can leave out what training holds."""
    taken: set[str] = set()
    return {split: tuple(_split(random.Random(seed + place), split, taken)) for place, split in enumerate(SPLITS)}


def _split(rng: random.Random, split: str, taken: set[str]) -> list[Review]:
    """Generate one split in random order; `taken` collects the texts."""
    reviews = []
    for phenomenon in PHENOMENA:
        drawn = [
            review
            for unseen, support, count in _shares(phenomenon, split)
            for group, share in _by_group(phenomenon, unseen, count)
            for review in _balanced(rng, phenomenon.name, group, share, unseen, support, taken)
        ]
        for label in LABELS:
            own = [review for review in drawn if review.true_label == label]
            wrong = set(shuffled(rng, range(len(own)))[: round(NOISE * len(own))])
            reviews += [_turned(review) if place in wrong else review for place, review in enumerate(own)]
    return shuffled(rng, reviews)


def _shares(phenomenon: Phenomenon, split: str) -> Iterator[tuple[str, bool, int]]:
    """Yield (unseen, support, count): how many reviews of either label a phenomenon has of each kind."""
    each = phenomenon.count // 2
    supported = 0 if phenomenon.name == "plain" else round(SUPPORT_SHARE * each)
    new = round(UNSEEN_SHARE * (each - supported)) if split == "test" else 0
    yield "no", False, each - supported - 2 * new
    yield from ((unseen, False, new) for unseen in UNSEEN[1:])
    yield "no", True, supported


def _by_group(phenomenon: Phenomenon, unseen: str, count: int) -> Iterator[tuple[Group, int]]:
    """Share a count out to the groups of frames, each by its number of frames; yield (group, count)."""
    known = [group for group in groups(phenomenon.name) if unseen != "word" or group.words not in ("bound", "good")]
    left, total = count, sum(group.size() for group in known)
    for group in known:
        share = round(left * group.size() / total)
        left, total = left - share, total - group.size()
        yield group, share


def _balanced(
    rng: random.Random, phenomenon: str, group: Group, count: int, unseen: str, support: bool, taken: set[str]
) -> Iterator[Review]:
    """Yield so many reviews of either label, half of them with the opinion turned round (or its parts exchanged).

    All else is drawn anew for each review, without regard to the label. Were words dealt out so that each stood exactly
    as often with either label, whoever held out some reviews would leave the others tilted against them, and a
    classifier that counts words would score far below chance on what was held out.
    """
    names, first = group.domains(), int(2 * rng.random())  # an odd one falls to either side
    for place in range(2 * count):
        label, turned = LABELS[place % 2], (place // 2 + first) % 2 == 0
        frames = group.frames(turned, unseen == "structure")
        while True:
            name = pick(rng, names)
            core = Core(rng, name, group, unseen == "word")
            setting = Setting(rng, name, rng.random() < OPENING, support)
            writer = Writer(
                core,
                setting,
                pick(rng, frames),
                label,
                turned and not group.both,
                turned and bool(group.both) and not group.same,
            )
            if not writer.suits():
                continue
            text, deciding, distance = finish(writer.write(phenomenon == "plain"))
            if SHORTEST <= len(text.split()) <= LONGEST and text.lower() not in taken:
                break
        taken.add(text.lower())
        yield Review(text, label, phenomenon, unseen, label, deciding, distance, "yes" if support else "no")


def _turned(review: Review) -> Review:
    """Return a review with the wrong label."""
    return dataclasses.replace(review, label=LABELS[1 - LABELS.index(review.true_label)])
