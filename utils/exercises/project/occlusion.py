"""Exercise of chapter 8 on what a prediction loses when a word is hidden."""

import itertools
import zlib
from collections.abc import Callable, Sequence

import numpy as np

from utils.exercises.engine.exercise import Exercise, Mistake

# Words inside others (art, part, party; no, not, nothing), so that replacing letters is found out.
_WORDS = ("art", "part", "party", "no", "not", "nothing", "a", "an", "film", "plot", "dull", "fun", "ever", "never")


class _Toy:
    """A classifier made of chance: each word, and each pair of neighbours, speaks for the class or against it."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Return the probabilities (N,) of N texts; a list is asked for, as a real classifier would."""
        if isinstance(texts, str):
            raise TypeError("expected a list of texts; received one text, put it into a list")
        return np.array([self._probability(str(text).split()) for text in texts])

    def __str__(self) -> str:
        return "a toy"

    def _probability(self, words: list[str]) -> float:
        parts = [*words, *(f"{one} {other}" for one, other in itertools.pairwise(words))]
        return float(1 / (1 + np.exp(-sum(self._weight(part) for part in parts))))

    def _weight(self, part: str) -> float:
        return zlib.crc32(f"{self.seed} {part}".encode()) / 2**32 - 0.5


_Predict = Callable[[Sequence[str]], np.ndarray]


def occlude(predict_probability: _Predict, text: str) -> np.ndarray:
    """Return, for each word between spaces, the text's probability minus that of the text without this word."""
    return predict_probability([text]) - _without(predict_probability, text)


def _without(predict_probability: _Predict, text: str) -> np.ndarray:
    words = text.split()
    return predict_probability([" ".join(words[:place] + words[place + 1 :]) for place in range(len(words))])


def _drops(variants: Callable[[list[str]], list[str]]) -> Callable[..., np.ndarray]:
    """Make an answer that compares the text with other variants of it than those with one word hidden."""
    return lambda predict, text: predict([text]) - predict(variants(text.split()))


def _first_occurrence(words: list[str]) -> list[str]:
    """Hide each word where it occurs first."""
    places = [words.index(word) for word in words]
    return [" ".join(words[:place] + words[place + 1 :]) for place in places]


def _occlusion_inputs(rng: np.random.Generator, trial: int) -> tuple:
    """Draw a text of 4 to 9 words; on odd trials one word comes twice, and more may."""
    count = int(rng.integers(4, 10))
    words = [str(word) for word in rng.choice(_WORDS, count, replace=False)]
    if trial % 2:
        words.insert(int(rng.integers(0, count)), words[int(rng.integers(0, count))])
    return _Toy(int(rng.integers(2**31))), " ".join(words)


_OCCLUSION = Exercise(
    id="project-occlusion",
    title="what a word carries",
    reference=occlude,
    make_inputs=_occlusion_inputs,
    note="repeated words included",
    hint="One variant of the text for each word: all words but this one, joined by spaces. Then two probabilities.",
    mistakes=(
        Mistake(
            "sign",
            lambda predict, text: -occlude(predict, text),
            "the sign is turned over",
            "A drop is positive where the probability falls when the word is hidden.",
        ),
        Mistake(
            "compared with nothing",
            _without,
            "the probabilities without each word are returned, compared with nothing",
            "Subtract them from the probability of the whole text.",
        ),
        Mistake(
            "all occurrences",
            _drops(lambda words: [" ".join(other for other in words if other != word) for word in words]),
            "all occurrences of a word are hidden at once",
            "Hide one place of the text at a time: a word that comes twice has two drops.",
        ),
        Mistake(
            "first occurrence",
            _drops(_first_occurrence),
            "a word that comes twice is hidden where it comes first, both times",
            "Go by the place of the word, not by the word.",
        ),
        Mistake(
            "inside other words",
            _drops(lambda words: [" ".join(words).replace(word, "") for word in words]),
            "letters are taken out of other words too, as `no` out of `nothing`",
            "`replace` knows no words: split the text and leave one of the parts out.",
        ),
        Mistake(
            "first letters that fit",
            _drops(lambda words: [" ".join(words).replace(word, "", 1) for word in words]),
            "the letters of a word are taken out where they come first, even inside another word",
            "`replace` knows no words: split the text and leave one of the parts out.",
        ),
        Mistake(
            "the word alone",
            _drops(lambda words: words),
            "each variant is the word alone, all others hidden",
            "It is this word that must be missing from the variant.",
        ),
        Mistake(
            "words that follow",
            _drops(lambda words: [" ".join(words[place + 1 :]) for place in range(len(words))]),
            "with each word those before it are hidden too",
            "All other words stay, before it and after it.",
        ),
        Mistake(
            "words before",
            _drops(lambda words: [" ".join(words[:place]) for place in range(len(words))]),
            "with each word those after it are hidden too",
            "All other words stay, before it and after it.",
        ),
        Mistake(
            "relative drop",
            lambda predict, text: occlude(predict, text) / predict([text]),
            "the drop is divided by the probability of the text",
            "Return the plain difference of two probabilities.",
        ),
        Mistake(
            "empty text",
            lambda predict, text: predict([""]) - _without(predict, text),
            "the variants are compared with the empty text",
            "Compare them with the whole text.",
        ),
        Mistake(
            "size of the drop",
            lambda predict, text: abs(occlude(predict, text)),
            "drops have lost their sign",
            "A word may speak against the prediction: without it the probability rises.",
        ),
    ),
)

EXERCISES = (_OCCLUSION,)
