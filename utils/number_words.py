"""Numbers written in digits and in words, English and German, with the digits that each word names.

A language task whose answers are known exactly: every number has one spelling here, and every word's place in the
source is known. German names the ones before the tens (*zweiundvierzig*, two and forty), so the order of the words is
not that of the digits. English follows British usage, "four thousand two hundred and seven". Of the two German forms of
101,000 it is "einhunderteintausend", not "einhunderteinstausend".
"""

import re
from collections.abc import Iterable, Sequence

import numpy as np

from utils.checks import non_negative_integer, positive_integer

LIMIT = 1_000_000  # numbers from 0 to LIMIT - 1
LANGUAGES = ("en", "de")
PAD, START, END = "[pad]", "[start]", "[end]"

_SMALL = {
    "en": (
        *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
        *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
    ),
    "de": (
        *("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf"),
        *("dreizehn", "vierzehn", "fünfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn"),
    ),
}
_TENS = {
    "en": ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"],
    "de": ["zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"],
}
_OTHERS = {"en": ["hundred", "thousand", "and"], "de": ["ein", "hundert", "tausend", "und"]}
WORDS = {language: (*_SMALL[language], *_TENS[language], *_OTHERS[language]) for language in LANGUAGES}
VOCABULARY = (PAD, START, END, *(f"[{name}]" for name in LANGUAGES), *"0123456789", *WORDS["en"], *WORDS["de"])
PAD_ID, START_ID, END_ID = 0, 1, 2

_IDS = {token: at for at, token in enumerate(VOCABULARY)}
_PIECE = {
    language: re.compile("|".join(sorted(WORDS[language], key=len, reverse=True))) for language in LANGUAGES
}  # the longest word first: "siebzehn" before "sieben", "eins" before "ein"

Piece = tuple[str, tuple[int, ...]]


def number_words(number: int, language: str) -> tuple[list[str], list[tuple[int, ...]]]:
    """Name a number.

    Args:
        number: from 0 to 999,999.
        language: "en" or "de".

    Returns:
        (words, digits): the words, German compounds in their parts, and for each word the places of the digits that it
        names, counted from the left of the number as it is written: none for "and", "hundred" or "thousand", two for a
        word such as "twelve".

    Raises:
        ValueError: the number is out of range or no integer, or the language is another.

    Example:
        >>> number_words(4_207, "en")
        (['four', 'thousand', 'two', 'hundred', 'and', 'seven'], [(0,), (), (1,), (), (), (3,)])
        >>> number_words(42, "de")
        (['zwei', 'und', 'vierzig'], [(1,), (), (0,)])
    """
    _check_language(language)
    if non_negative_integer("number", number) >= LIMIT:
        raise ValueError(f"expected number from 0 to {LIMIT - 1:,}; received {number:,}")
    last = len(str(number)) - 1  # the place of the ones
    if number == 0:
        return [_SMALL[language][0]], [(0,)]
    thousands, rest = divmod(int(number), 1000)
    pieces = []
    if thousands:
        pieces = _english(thousands, last - 3) if language == "en" else _german(thousands, last - 3, "ein")
        pieces.append(("thousand" if language == "en" else "tausend", ()))
    if rest and language == "en":
        pieces += [("and", ())] if thousands and rest < 100 else []
        pieces += _english(rest, last)
    elif rest:
        pieces += _german(rest, last, "eins")
    return [word for word, _ in pieces], [digits for _, digits in pieces]


def _english(number: int, last: int) -> list[Piece]:
    """Name 1 to 999 in English; `last` is the place of its ones."""
    hundreds, rest = divmod(number, 100)
    pieces: list[Piece] = []
    if hundreds:
        pieces = [(_SMALL["en"][hundreds], (last - 2,)), ("hundred", ())]
        pieces += [("and", ())] if rest else []
    tens, ones = divmod(rest, 10)
    if tens >= 2:
        pieces.append((_TENS["en"][tens - 2], (last - 1,)))
        return pieces + ([(_SMALL["en"][ones], (last,))] if ones else [])
    return pieces + _below_twenty("en", rest, last)


def _german(number: int, last: int, one: str) -> list[Piece]:
    """Name 1 to 999 in German; `one` is what a last 1 is called: "ein" before "tausend", else "eins"."""
    hundreds, rest = divmod(number, 100)
    pieces: list[Piece] = []
    if hundreds:
        pieces = [("ein" if hundreds == 1 else _SMALL["de"][hundreds], (last - 2,)), ("hundert", ())]
    tens, ones = divmod(rest, 10)
    if tens >= 2:
        if ones:
            pieces += [("ein" if ones == 1 else _SMALL["de"][ones], (last,)), ("und", ())]
        return [*pieces, (_TENS["de"][tens - 2], (last - 1,))]
    return pieces + ([(one, (last,))] if rest == 1 else _below_twenty("de", rest, last))


def _below_twenty(language: str, number: int, last: int) -> list[Piece]:
    """Name 0 to 19, where 0 has no word; 10 to 19 name two digits."""
    places = (last,) if number < 10 else (last - 1, last)
    return [(_SMALL[language][number], places)] if number else []


def spell(number: int, language: str) -> str:
    """Return a number as it is written in words.

    Raises:
        ValueError: as `number_words`.

    Example:
        >>> spell(4_242, "en"), spell(4_242, "de")
        ('four thousand two hundred and forty-two', 'viertausendzweihundertzweiundvierzig')
    """
    return join_words(number_words(number, language)[0], language)


def join_words(words: Iterable[str], language: str) -> str:
    """Write words as a text: German in one, English with spaces and the hyphen of "forty-two".

    Any words are joined, right or wrong, so that what a model wrote can be shown.

    Raises:
        ValueError: the language is another.
    """
    _check_language(language)
    if language == "de":
        return "".join(words)
    tens, ones = "|".join(_TENS["en"]), "|".join(_SMALL["en"][1:10])
    return re.sub(rf"\b({tens}) ({ones})\b", r"\1-\2", " ".join(words))


def read_number(text: str, language: str) -> int:
    """Return the number that a text names, the inverse of `spell`.

    Args:
        text: the one spelling of a number, as `spell` writes it.
        language: "en" or "de".

    Raises:
        ValueError: the text is the spelling of no number, or the language is another.

    Example:
        >>> read_number("siebentausendelf", "de")
        7011
    """
    _check_language(language)
    number, group = 0, 0
    for word in _PIECE[language].findall(text):
        if word in ("thousand", "tausend"):
            number, group = 1000 * group, 0
        elif word in ("hundred", "hundert"):
            group *= 100
        else:
            group += _value(word, language)
    if number + group >= LIMIT or spell(number + group, language) != text:
        raise ValueError(
            f"expected the spelling of a number below {LIMIT:,}, as {spell(4_207, language)!r}; received {text!r}"
        )
    return number + group


def _value(word: str, language: str) -> int:
    """Return what a word adds to its group of three digits."""
    if word in _TENS[language]:
        return 20 + 10 * _TENS[language].index(word)
    if word in _SMALL[language]:
        return _SMALL[language].index(word)
    return 1 if word == "ein" else 0  # "and", "und"


def split_numbers(limit: int = 100_000, *, held_out: int = 100, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Split the numbers below a limit so that those kept apart share no group of three digits with the others.

    57,042 has the groups 57 and 42. Numbers with a group of each kind are in neither part. The group 0 is learnt.

    Args:
        limit: from 1 to 1,000,000.
        held_out: how many of the groups from 1 to 999 are kept apart.
        seed: of their choice.

    Returns:
        (learnt, kept apart): ascending integers.

    Raises:
        ValueError: limit or held_out is out of range.

    Example:
        >>> learnt, apart = split_numbers(seed=0)
        >>> groups = {group for number in learnt for group in (number // 1000, number % 1000) if number >= 1000}
        >>> any(number % 1000 in groups for number in apart)
        False
    """
    if positive_integer("limit", limit) > LIMIT:
        raise ValueError(f"expected limit of at most {LIMIT:,}; received {limit:,}")
    if positive_integer("held_out", held_out) > 998:
        raise ValueError(f"expected held_out of at most 998, so that a group is left to learn; received {held_out}")
    apart = np.zeros(1000, bool)
    apart[np.random.default_rng(seed).choice(np.arange(1, 1000), held_out, replace=False)] = True
    numbers = np.arange(limit)
    high, low = apart[numbers // 1000], apart[numbers % 1000]
    short = numbers < 1000  # one group
    return numbers[~low & (short | ~high)], numbers[low & (short | high)]


def draw_numbers(numbers: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw numbers so that each length is as likely: first how many digits, then a number of so many.

    Args:
        numbers: where to draw from, (N,).
        count: how many.
        rng: NumPy generator.

    Returns:
        Integers (count,).

    Example:
        >>> draw_numbers(np.array([7, 40, 41, 42]), 4, np.random.default_rng(0)).shape
        (4,)
    """
    lengths = np.char.str_len(np.asarray(numbers).astype(str))
    kinds = [numbers[lengths == length] for length in np.unique(lengths)]
    return np.array([rng.choice(kinds[kind]) for kind in rng.integers(len(kinds), size=count)])


def encode_numbers(numbers: Iterable[int], languages: Sequence[str] | str) -> tuple[np.ndarray, np.ndarray]:
    """Turn numbers into rows of token ids: what a model reads, and what it shall write.

    Args:
        numbers: N of them.
        languages: one for all, or one for each.

    Returns:
        (source_ids, target_ids): integers (N, S) and (N, T), filled up with PAD_ID. A source is the sign of the
        language and the digits; a target the words and END.

    Raises:
        ValueError: as `number_words`, or there is not one language for each number.

    Example:
        >>> source, target = encode_numbers([42], "de")
        >>> token_names(source[0]), token_names(target[0])
        (['[de]', '4', '2'], ['zwei', 'und', 'vierzig', '[end]'])
    """
    numbers = [int(number) for number in numbers]
    chosen = [languages] * len(numbers) if isinstance(languages, str) else list(languages)
    if len(chosen) != len(numbers):
        raise ValueError(f"expected one language for each of {len(numbers)} numbers; received {len(chosen)}")
    pairs = list(zip(numbers, chosen, strict=True))
    targets = [[*number_words(number, language)[0], END] for number, language in pairs]
    sources = [[f"[{language}]", *str(number)] for number, language in pairs]
    return _rows(sources), _rows(targets)


def _rows(texts: list[list[str]]) -> np.ndarray:
    """Return tokens as rows of ids, filled up with PAD_ID."""
    rows = np.full((len(texts), max(map(len, texts), default=0)), PAD_ID, "int32")
    for row, text in zip(rows, texts, strict=True):
        row[: len(text)] = [_IDS[token] for token in text]
    return rows


def token_names(token_ids: Iterable[int]) -> list[str]:
    """Return the tokens of a row of ids, padding left out.

    Raises:
        ValueError: an id is not in the vocabulary.
    """
    ids = [int(at) for at in token_ids]
    if outside := [at for at in ids if not 0 <= at < len(VOCABULARY)]:
        raise ValueError(f"expected ids from 0 to {len(VOCABULARY) - 1}; received {outside[0]}")
    return [VOCABULARY[at] for at in ids if at != PAD_ID]


def exact_matches(written: np.ndarray, target_ids: np.ndarray) -> np.ndarray:
    """Return for each row whether a model wrote the target, token by token up to its end.

    Args:
        written: what `decoding.translate` returns, (N, 1 + W): the start token and what follows.
        target_ids: as `encode_numbers` returns them, (N, T).

    Returns:
        Booleans (N,).

    Example:
        >>> _, target = encode_numbers([7, 42], "en")
        >>> exact_matches(np.array([[1, target[0, 0], 2, 0], [1, target[1, 0], 2, 0]]), target).tolist()
        [True, False]
    """
    rows = np.asarray(written)[:, 1:]
    width = max(rows.shape[1], target_ids.shape[1])
    padded = [np.pad(each, ((0, 0), (0, width - each.shape[1])), constant_values=PAD_ID) for each in (rows, target_ids)]
    return (padded[0] == padded[1]).all(axis=1)


def _check_language(language: str) -> None:
    """Raise ValueError unless the language is one of LANGUAGES."""
    if language not in LANGUAGES:
        raise ValueError(f"expected language to be one of {', '.join(LANGUAGES)}; received {language!r}")
