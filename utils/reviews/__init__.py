"""The generated review corpus: short reviews whose verdict, and the reason for it, are known.

A grammar (`reviews_grammar`) fills sentence frames with words (`reviews_words`). Each review shows one phenomenon, and
frames, words and verdicts are balanced so that nothing but the opinion itself tells the label. A stated share of labels
is then turned over, which bounds the accuracy that any classifier can reach.
"""

import dataclasses
import functools
import random
import string
from collections.abc import Iterable, Iterator

from utils.reviews.grammar import Item, Scene, finish, frames, pick
from utils.reviews.words import LABELS, table

SPLITS = ("train", "test")
COLUMNS = ("text", "label", "phenomenon", "unseen", "true_label", "deciding")
UNSEEN = ("no", "word", "structure")
NOISE = 0.04  # share of labels turned over, exactly, in each phenomenon and for each label
SEED = 5000
SHORTEST, LONGEST = 5, 60  # words
# Of each 20 pairs of test reviews: with unseen opinion words, with an unseen structure.
UNSEEN_PAIRS = {"word": 4, "structure": 3}
OPENING, CLOSING, ASIDE, SUPPORT = 0.25, 0.3, 0.12, 0.45  # how often a review has each


@dataclasses.dataclass(frozen=True)
class Review:
    """One generated review.

    Attributes:
        text: 5 to 60 words.
        label: "negative" or "positive", as a classifier is given it: sometimes wrong.
        phenomenon: a name of PHENOMENA.
        unseen: what the training split never shows: "no" (nothing), "word" (opinion words), "structure" (frame).
        true_label: what the grammar meant.
        deciding: places, in `text.split()`, of the words that decide.
    """

    text: str
    label: str
    phenomenon: str
    unseen: str
    true_label: str
    deciding: tuple[int, ...]


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
    Phenomenon("negation", "a negated opinion is its opposite", "The plot was not gripping at all.", 700),
    Phenomenon("double-negation", "two negations cancel", "Nobody could say that the plot was not gripping."),
    Phenomenon("contrast", "what comes after the turn decides", "The cast was dull, but the plot was gripping."),
    Phenomenon("concession", "the main clause decides, wherever it stands", "Although the cast was dull, I loved it."),
    Phenomenon(
        "intensifier-and-downtoner",
        "the stronger of two opinions decides",
        "The cast was somewhat dull and the plot extremely gripping.",
    ),
    Phenomenon(
        "comparison", "it matters which side of the comparison this is", "My last film was duller than this one."
    ),
    Phenomenon("quoted-opinion", "the writer decides, not whoever is quoted", "One critic called it dull. I disagree."),
    Phenomenon("irony", "a marker turns the words round", "Gripping plot? Yeah, right."),
    Phenomenon("irrelevant-aspect", "only the thing itself counts", "The bus there was awful. The plot was gripping."),
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


@functools.lru_cache(maxsize=2)
def _splits(seed: int) -> dict[str, tuple[Review, ...]]:
    """Generate both splits, so that the test can leave out what training holds."""
    taken: set[str] = set()
    return {split: tuple(_split(random.Random(seed + place), split, taken)) for place, split in enumerate(SPLITS)}


def _split(rng: random.Random, split: str, taken: set[str]) -> list[Review]:
    """Generate one split in random order; `taken` collects the texts."""
    reviews = []
    for phenomenon in PHENOMENA:
        drawn = [_review(rng, phenomenon.name, *plan, taken) for plan in _plans(phenomenon, split)]
        for label in LABELS:
            own = [review for review in drawn if review.true_label == label]
            wrong = set(_shuffled(rng, range(len(own)))[: round(NOISE * len(own))])
            reviews += [_turned(review) if place in wrong else review for place, review in enumerate(own)]
    return _shuffled(rng, reviews)


def _plans(phenomenon: Phenomenon, split: str) -> Iterator[tuple[str, str, str]]:
    """Yield (label, unseen, frame): each frame once with each label, so that no frame tells the label."""
    used = dict.fromkeys(UNSEEN, 0)
    for pair in range(phenomenon.count // len(LABELS)):
        unseen = "no" if split == "train" else _unseen(pair % 20)
        known = frames(phenomenon.name, "test" if unseen == "structure" else "train")
        frame = known[used[unseen] % len(known)]
        used[unseen] += 1
        yield from ((label, unseen, frame) for label in LABELS)


def _unseen(turn: int) -> str:
    """Return what the pair of reviews at this turn, 0 to 19, holds that training never shows."""
    if turn < UNSEEN_PAIRS["word"]:
        return "word"
    return "structure" if turn < UNSEEN_PAIRS["word"] + UNSEEN_PAIRS["structure"] else "no"


def _review(rng: random.Random, phenomenon: str, label: str, unseen: str, frame: str, taken: set[str]) -> Review:
    """Draw reviews until one is of the right length and new."""
    while True:
        text, deciding = finish(_sentences(Scene(rng, label, unseen == "word"), frame))
        if SHORTEST <= len(text.split()) <= LONGEST and text.lower() not in taken:
            taken.add(text.lower())
            return Review(text, label, phenomenon, unseen, label, deciding)


def _sentences(scene: Scene, frame: str) -> list[str]:
    """Return the core, and around it what carries no opinion or the same one."""
    rng, about = scene.rng, (*table("neutral")["sentences"], *scene.domain["facts"])
    parts = [frame]
    if rng.random() < SUPPORT:
        parts.append(pick(rng, frames("support", "train")))
    if rng.random() < ASIDE:
        parts[0] = f"{pick(rng, table('neutral')['asides'])} {parts[0]}"
    if rng.random() < OPENING:
        parts.insert(0, pick(rng, about))
    if rng.random() < CLOSING:
        parts.append(pick(rng, [sentence for sentence in about if sentence not in parts]))
    return [scene.fill(part) for part in parts]


def _turned(review: Review) -> Review:
    """Return a review with the wrong label."""
    return dataclasses.replace(review, label=LABELS[1 - LABELS.index(review.true_label)])


def _shuffled(rng: random.Random, items: Iterable[Item]) -> list[Item]:
    """Return the items in random order."""
    keyed = [(rng.random(), place, item) for place, item in enumerate(items)]
    return [item for _, _, item in sorted(keyed, key=lambda entry: entry[:2])]
