"""What a training is worth, in sentences: the result for a person, and warnings that each name a remedy."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from utils.classification.calibration import cross_fitted, reliability
from utils.classification.evaluation import Evaluation
from utils.classification.tokens import count_truncated, unknown_shares
from utils.comparison import paired_difference
from utils.corpora import Corpus

MOST_UNKNOWN = 1 / 4  # of the tokens
MOST_UNKNOWN_OF_ONE = 1 / 2  # of the tokens of one text that is classified
MOST_CUT = 1 / 20  # of the texts
UNEQUAL = 10  # times as many texts in the largest class as in the smallest
FEWEST_HELD_OUT = 50  # texts: the accuracy of fewer is known to no better than ±0.14
FEWEST_STEPS = 30  # of training: the learning rate rises and falls within them


def counted(number: int, noun: str) -> str:
    """Return a number and a noun, in the plural but for 1.

    Example:
        >>> counted(1, "text"), counted(1200, "text")
        ('1 text', '1,200 texts')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def corpus_warnings(training: Corpus, validation: Corpus | None, shared: int) -> list[str]:
    """Say what is wrong with the texts, before anything is trained on them.

    Args:
        training: the texts to train on.
        validation: the held-out texts; None where all are held out in turns.
        shared: how many texts are in both.
    """
    warnings = []
    if shared:
        warnings.append(
            f"{counted(shared, 'text')} {'is' if shared == 1 else 'are'} in both parts, so that the held-out figures "
            "flatter: remove repeated texts from --data, or from one of the parts"
        )
    counts = training.counts()
    least, most = min(counts, key=counts.get), max(counts, key=counts.get)
    if counts[most] >= UNEQUAL * counts[least]:
        warnings.append(
            f"classes are very unequal, {counts[most]:,} training texts of {most!r}, {counts[least]:,} of {least!r}: "
            f"add texts of {least!r}, and look at the recall of each class, not at the accuracy"
        )
    held_out = len(validation or training)
    if held_out < FEWEST_HELD_OUT:
        remedy = f"hold out {FEWEST_HELD_OUT} or more with --validation" if validation else "add texts"
        warnings.append(
            f"{counted(held_out, 'held-out text')} can say little, the accuracy may be off by "
            f"{1 / math.sqrt(held_out):.2f} either way: {remedy}"
        )
    return warnings


def token_warnings(tokenizer: Any, texts: Sequence[str], model: str, max_length: int, positions: int) -> list[str]:
    """Say how much of the texts the encoder cannot read, for want of vocabulary or of length.

    Args:
        tokenizer: that of the encoder.
        texts: the training texts.
        model: what --model says.
        max_length: longer texts are cut to this many tokens.
        positions: the longest that max_length can be.
    """
    warnings = unknown_warnings(tokenizer, texts, model)
    cut = count_truncated(tokenizer, texts, max_length)
    if cut > MOST_CUT * len(texts):
        more = f"pass --max-length, up to {positions}" if max_length < positions else "divide long texts into several"
        warnings.append(
            f"{cut:,} of {counted(len(texts), 'training text')} are cut after {max_length} tokens and the rest is not "
            f"read: {more}"
        )
    return warnings


def unknown_warnings(tokenizer: Any, texts: Sequence[str], model: str) -> list[str]:
    """Say when much of the texts is unknown to the vocabulary of an encoder or classifier."""
    shares, counts = unknown_shares(tokenizer, texts)
    unknown = float(shares @ counts / counts.sum()) if counts.sum() else 1.0
    if unknown <= MOST_UNKNOWN:
        return []
    return [
        f"{unknown:.0%} of the tokens are unknown to the vocabulary of {model}, which cannot read these texts: "
        "choose an encoder for their language, such as bert-base-multilingual-cased"
    ]


def count_unknown(tokenizer: Any, texts: Sequence[str]) -> int:
    """Count the texts of which most tokens are unknown to the vocabulary."""
    return int((unknown_shares(tokenizer, texts)[0] > MOST_UNKNOWN_OF_ONE).sum())


def guesses_warning(unknown: int, total: int, noun: str) -> str:
    """Say how many answers are guesses, since the vocabulary knows little of their texts."""
    return (
        f"{unknown:,} of {counted(total, noun)} with more than half of the tokens unknown to the vocabulary: the "
        "answers there are guesses; train with an encoder for this language"
    )


def schedule_warnings(texts: int, batch_size: int, epochs: int) -> list[str]:
    """Say when a training has too few steps for a learning rate that rises and falls."""
    steps = math.ceil(texts / batch_size) * epochs
    if steps >= FEWEST_STEPS:
        return []
    return [
        f"{counted(texts, 'text')} make {counted(steps, 'step')} of training, too few for the learning rate to rise "
        "and fall: pass a smaller --batch-size or more --epochs, or add texts"
    ]


def majority(evaluation: Evaluation) -> tuple[Any, float]:
    """Return the most frequent class of the held-out texts and its share: the accuracy of always answering with it."""
    counts = np.bincount(evaluation.truth, minlength=len(evaluation.classes))
    return evaluation.classes[counts.argmax()], float(counts.max() / counts.sum())


def figures_of(evaluation: Evaluation) -> dict[str, Any]:
    """Return what was measured on the held-out texts, for JSON."""
    figures = evaluation.metrics()
    name, share = majority(evaluation)
    best = {"majority_class": name, "majority_share": share}
    return rounded({"accuracy": figures.pop("accuracy"), **best, **figures})


def rounded(figures: Any) -> Any:
    """Return figures with four digits after the point."""
    if isinstance(figures, dict):
        return {name: rounded(value) for name, value in figures.items()}
    if isinstance(figures, list):
        return [rounded(value) for value in figures]
    return round(figures, 4) if isinstance(figures, float) else figures


def result_lines(evaluation: Evaluation, folds: dict[str, Any] | None = None) -> list[str]:
    """Return accuracy and majority share in one line, the recall of each class in another.

    Args:
        evaluation: of the held-out texts.
        folds: "folds", "accuracy_mean" and "accuracy_spread", where they were held out in turns.

    Example:
        >>> print(*result_lines(Evaluation(("no", "yes"), np.array([0, 1, 1]), np.eye(2)[[0, 1, 0]])), sep=chr(10))
        held-out accuracy 0.67 (always 'yes': 0.67)
        recall: 'no' 1.00 of 1, 'yes' 0.50 of 2
    """
    name, share = majority(evaluation)
    totals = evaluation.confusion.sum(axis=1)
    recalls = [
        f"{label!r} {right / total:.2f} of {total:,}" if total else f"{label!r} – of 0"
        for label, right, total in zip(evaluation.classes, evaluation.confusion.diagonal(), totals, strict=True)
    ]
    accuracy = f"{evaluation.accuracy:.2f}"
    if folds:
        accuracy = f"{folds['accuracy_mean']:.2f} ± {folds['accuracy_spread']:.2f} over {folds['folds']} folds"
    return [
        f"held-out accuracy {accuracy} (always {name!r}: {share:.2f})",
        f"recall: {', '.join(recalls)}",
    ]


def calibration_figures(before: Evaluation, temperature: float) -> dict[str, Any]:
    """Return how far the held-out texts' confidence is from their accuracy, at temperature 1 and at the one fitted.

    The second figure is cross-fitted, so that it does not flatter; what is kept is fitted on all held-out texts.
    """
    figures = {"temperature": temperature, "calibration_error_before": reliability(before).error}
    return figures | {"calibration_error": reliability(cross_fitted(before)).error}


def calibration_line(figures: dict[str, Any]) -> str:
    """Return the same in a sentence.

    Example:
        >>> calibration_line({"temperature": 1.62, "calibration_error_before": 0.071, "calibration_error": 0.02})
        'calibration error 0.07; at temperature 1.62, which is kept: 0.02'
    """
    before, after = figures["calibration_error_before"], figures["calibration_error"]
    return f"calibration error {before:.2f}; at temperature {figures['temperature']:.2f}, which is kept: {after:.2f}"


def result_warnings(evaluation: Evaluation) -> list[str]:
    """Say when a classifier is no better than one that always gives the same answer, or never gives some answer."""
    warnings = []
    name, share = majority(evaluation)
    always = evaluation.truth == evaluation.classes.index(name)
    gain, error = (
        paired_difference(evaluation.correct, always) if len(always) > 1 else (evaluation.accuracy - share, 0.0)
    )
    if gain <= error:
        warnings.append(
            f"the classifier does no better than always answering {name!r}: do not use it; try more --epochs, a higher "
            "--learning-rate, more texts or another encoder, and see whether labels belong to their texts"
        )
    table = evaluation.confusion
    never = [
        label
        for label, row, column in zip(evaluation.classes, table, table.T, strict=True)
        if row.any() and not column.any()
    ]
    if never:
        warnings.append(
            f"the classifier never answers {', '.join(map(repr, never))}, though held-out texts have that label: "
            "add training texts of the class"
        )
    return warnings
