"""Score translations of Multi30k: BLEU as others state it, and the rows of the test set that a reader may look up."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

PERCENTILES = (10, 50, 90)


def bleu(written: Sequence[str], expected: Sequence[str], lowercase: bool = False) -> tuple[float, str]:
    """Return sacreBLEU's score of a whole set, from 0 to 100, and its signature (Post, 2018, arXiv:1804.08771).

    Args:
        written: translations.
        expected: one reference for each.
        lowercase: compare small letters, as Wu et al. (2021) do, whose text was put into small letters and cut into
            words before training. They cut with the tokenizer of Moses, this with sacreBLEU's 13a, which comes close.

    Raises:
        ValueError: there are no translations, or not as many references.
        ModuleNotFoundError: sacrebleu is not installed.
    """
    from sacrebleu.metrics import BLEU

    if not written or len(written) != len(expected):
        raise ValueError(f"expected as many references as translations; received {len(expected)} and {len(written)}")
    metric = BLEU(lowercase=lowercase, tokenize="13a")
    score = metric.corpus_score(list(written), [list(expected)]).score
    return round(score, 2), str(metric.get_signature())


def row_scores(written: Sequence[str], expected: Sequence[str]) -> list[float]:
    """Return chrF of each translation, from 0 to 100 (Popović, 2015): BLEU of one sentence is mostly 0."""
    from sacrebleu.metrics import CHRF

    metric = CHRF()
    return [
        round(metric.sentence_score(line, [reference]).score, 1)
        for line, reference in zip(written, expected, strict=True)
    ]


def rows_at_percentiles(scores: Sequence[float], count: int = 3) -> dict[str, list[int]]:
    """Return the ids of rows whose scores stand at the 10th, 50th and 90th percentile, `count` of each.

    Example:
        >>> rows_at_percentiles([50, 10, 30, 20, 40], count=1)
        {'10': [1], '50': [2], '90': [0]}
    """
    order = np.argsort(scores, kind="stable")
    found = {}
    for percentile in PERCENTILES:
        middle = round(percentile / 100 * (len(order) - 1))
        first = min(max(middle - count // 2, 0), max(len(order) - count, 0))
        found[str(percentile)] = [int(row) for row in order[first : first + count]]
    return found


def score_system(
    name: str, translate: Callable[[list[str]], list[str]], source: Sequence[str], target: Sequence[str], **about: Any
) -> tuple[dict[str, Any], list[str]]:
    """Return a row of the table of systems, and the translations.

    Args:
        name: of the system.
        translate: texts to texts.
        source: sentences to translate.
        target: their references.
        **about: further entries of the row: seeds, epochs.
    """
    written = translate(list(source))
    words = sum(len(line.split()) for line in written), sum(len(line.split()) for line in target)
    row = {
        "system": name,
        **about,
        "bleu": bleu(written, target)[0],
        "bleu_lowercase": bleu(written, target, lowercase=True)[0],
        "words_per_reference_word": round(words[0] / words[1], 3),
        "rows_exact": sum(line == reference for line, reference in zip(written, target, strict=True)),
        "rows_with_a_word_thrice_in_a_row": sum(repeats(line) for line in written),
    }
    return row, written


def repeats(text: str) -> bool:
    """Return whether a word or group of words stands three times in a row, a mark of a translator that has lost itself.

    Example:
        >>> repeats("der Hund und der Hund und der Hund und"), repeats("der Hund und der Mann")
        (True, False)
    """
    return re.search(r"\b(\w+(?: \w+){0,3})(?: \1){2}\b", text) is not None
