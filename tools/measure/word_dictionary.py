"""The simplest rival of a translator: a dictionary learnt from pairs of sentences, and a word for each word.

Source: Brown et al. (1993), "The Mathematics of Statistical Machine Translation", section 4.1, whose first model knows
nothing of order: each word of the target was written by some word of the source, all equally likely beforehand, or by
none. Expectation and maximisation then tell how probable each pair of words is. Punctuation stays as it is and is not
learnt from: a full stop stands in every sentence, as "a" does, so that this model takes one for the other.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

WORD = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")
CLOSES = re.compile(r" ([.,;:!?)\]”“])")  # “ closes a German quotation


def words_of(text: str) -> list[str]:
    """Cut a text into words and punctuation.

    Example:
        >>> words_of("A well-known dog, isn't it?")
        ['A', 'well-known', 'dog', ',', "isn't", 'it', '?']
    """
    return WORD.findall(text)


def learn_dictionary(source: Sequence[str], target: Sequence[str], rounds: int = 5) -> dict[str, str]:
    """Return the most probable word of the target for each word of the source, in small letters.

    Args:
        source: N sentences.
        target: their translations.
        rounds: of expectation and maximisation, from equal probabilities.

    Raises:
        ValueError: there are no sentences, or not as many of both, or rounds is below 1.

    Example:
        >>> learn_dictionary(["a dog", "a cat", "the dog"], ["ein Hund", "eine Katze", "der Hund"])["dog"]
        'Hund'
    """
    if not source or len(source) != len(target) or rounds < 1:
        raise ValueError(
            f"expected sentences and as many translations, and at least one round; received {len(source)} and "
            f"{len(target)} sentences and {rounds} rounds"
        )
    names, forms = ["(no word)"], []
    ids: tuple[dict[str, int], dict[str, int]] = ({names[0]: 0}, {})
    inner = Counter(word for text in target for word in words_of(text)[1:])
    links = []  # for each pair of sentences: ids of the source's words for each place of the target
    for text, translation in zip(source, target, strict=True):
        here = [0, *(_number(word.lower(), ids[0], names) for word in words_of(text) if is_word(word))]
        there = [_number(word, ids[1], forms) for word in within_a_sentence(words_of(translation), inner)]
        left, right = np.tile(here, len(there)), np.repeat(np.array(there, "int64"), len(here))
        links.append((left.astype("int64"), right, len(here), len(there)))
    left, right = (np.concatenate([each[side] for each in links]) for side in (0, 1))
    counts = np.concatenate([np.full(each[3], each[2]) for each in links])
    place = np.repeat(np.arange(len(counts)), counts)  # which place of which target a link belongs to
    pairs, pair = np.unique(left * len(forms) + right, return_inverse=True)
    chance = np.ones(len(pairs))
    for _ in range(rounds):
        share = chance[pair]
        share /= np.bincount(place, share)[place]  # how much each word of the source has written of this place
        gained = np.bincount(pair, share)
        chance = gained / np.bincount(pairs // len(forms), gained, minlength=len(names))[pairs // len(forms)]
    best: dict[int, int] = {}
    for entry in np.lexsort([pairs, -chance]):  # the most probable first, the first in order among equals
        best.setdefault(int(pairs[entry] // len(forms)), int(pairs[entry] % len(forms)))
    return {names[number]: forms[form] for number, form in best.items() if number}


def is_word(word: str) -> bool:
    """Return whether what `words_of` cut out is a word, no punctuation."""
    return word[0].isalnum() or word[0] == "_"


def within_a_sentence(words: list[str], inner: Mapping[str, int]) -> list[str]:
    """Return the words of a sentence without punctuation, the first with a small letter where it has one elsewhere.

    Args:
        words: as `words_of` cuts them.
        inner: how often each word stands within a sentence.

    Example:
        >>> within_a_sentence(["Ein", "Hund", "."], {"ein": 9, "Ein": 1, "Hund": 5})
        ['ein', 'Hund']
    """
    if words and inner.get(words[0].lower(), 0) > inner.get(words[0], 0):
        words = [words[0].lower(), *words[1:]]
    return [word for word in words if is_word(word)]


def _number(word: str, ids: dict[str, int], words: list[str]) -> int:
    """Return the number of a word, the next one if it is new."""
    if word not in ids:
        ids[word] = len(words)
        words.append(word)
    return ids[word]


def translate_words(dictionary: dict[str, str], texts: Iterable[str]) -> list[str]:
    """Put the dictionary's word for each word; words that it does not have stay as they are.

    Example:
        >>> translate_words({"a": "ein", "dog": "Hund", ".": "."}, ["A zebu, a dog."])
        ['Ein zebu, ein Hund.']
    """
    written = []
    for text in texts:
        line = CLOSES.sub(r"\1", " ".join(dictionary.get(word.lower(), word) for word in words_of(text)))
        written.append(line[:1].upper() + line[1:])
    return written
