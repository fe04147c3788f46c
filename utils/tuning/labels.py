"""Labels as numbers for each kind of head, spans of a text as tags of its tokens, and F1 of both.

Letters in shapes: B texts, T tokens, C classes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from tokenizers import Encoding

IGNORED = -100  # the number of a token that is not to be judged, such as padding; PyTorch's and Hugging Face's too


def encode_labels(labels: Sequence[Any], classes: Sequence[Any]) -> np.ndarray:
    """Return the number of each label among the classes, (B,).

    Raises:
        ValueError: a label is none of the classes, or a class stands twice.

    Example:
        >>> encode_labels(["up", "down", "up"], classes=["down", "up"]).tolist()
        [1, 0, 1]
        >>> encode_labels(["sideways"], classes=["down", "up"])
        Traceback (most recent call last):
        ValueError: expected labels among down, up; row 0 has 'sideways'. Leave the row out, or train with that class.
    """
    numbers = _numbers(classes)
    for at, label in enumerate(labels):
        if label not in numbers:
            raise ValueError(
                f"expected labels among {', '.join(map(str, classes))}; row {at} has {label!r}. "
                "Leave the row out, or train with that class."
            )
    return np.array([numbers[label] for label in labels], "int32")


def encode_label_sets(label_sets: Sequence[Sequence[Any]], classes: Sequence[Any]) -> np.ndarray:
    """Return a table (B, C) of 1 where a text has a label and 0 where not; a text may have none.

    Raises:
        ValueError: as `encode_labels`, or the labels of a text are one string.

    Example:
        >>> encode_label_sets([["plot", "sound"], []], classes=["cast", "plot", "sound"]).tolist()
        [[0, 1, 1], [0, 0, 0]]
    """
    numbers, table = _numbers(classes), np.zeros((len(label_sets), len(classes)), "int32")
    for at, names in enumerate(label_sets):
        unknown = [names] if isinstance(names, str) else [name for name in names if name not in numbers]
        if unknown:
            raise ValueError(
                f"expected a list of labels among {', '.join(map(str, classes))} in each row; row {at} has "
                f"{unknown[0]!r}. Leave the label out, or train with that class."
            )
        table[at, [numbers[name] for name in names]] = 1
    return table


def _numbers(classes: Sequence[Any]) -> dict[Any, int]:
    """Return {class: its number}."""
    if isinstance(classes, str) or len(set(classes)) < max(1, len(classes)):
        raise ValueError(f"expected a list of classes, each once; received {classes!r}")
    return {name: at for at, name in enumerate(classes)}


def label_f1(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return F1 over all texts and labels together (micro), for labels and scores (B, C); a score above 0 says yes.

    Example:
        >>> label_f1(np.array([[1, 1], [0, 0]]), np.array([[2.0, -1.0], [3.0, -1.0]]))  # one right of two and two
        0.5
    """
    true, predicted = np.asarray(labels) == 1, np.asarray(scores) > 0
    return _f1(int((true & predicted).sum()), int(true.sum()), int(predicted.sum()))


def span_f1(true: Sequence[Sequence[tuple]], predicted: Sequence[Sequence[tuple]]) -> float:
    """Return F1 of spans over all texts: a span is right if its beginning, its end and its name are.

    Example:
        >>> span_f1([[(0, 4, "who"), (9, 14, "whom")]], [[(0, 4, "who"), (9, 12, "whom")]])
        0.5
    """
    right = sum(len(set(ours) & set(theirs)) for ours, theirs in zip(true, predicted, strict=True))
    return _f1(right, sum(map(len, map(set, true))), sum(map(len, map(set, predicted))))


def _f1(right: int, true: int, predicted: int) -> float:
    """Return twice the right ones, divided by the true and the predicted together; 1 where there are neither."""
    return 2 * right / (true + predicted) if true + predicted else 1.0


def bio_tags(names: Sequence[str]) -> list[str]:
    """Return the tags of spans: O outside, B- for a span's first token, I- for the others.

    The scheme of Ramshaw and Marcus (1995), cmp-lg/9505040, with a B- at the beginning of every span.

    Example:
        >>> bio_tags(["who", "whom"])
        ['O', 'B-who', 'I-who', 'B-whom', 'I-whom']
    """
    return ["O", *(f"{letter}-{name}" for name in names for letter in "BI")]


def spans_to_tags(spans: Sequence[tuple[int, int, str]], encoding: Encoding) -> list[str | None]:
    """Return a tag for each token of a text, None for special tokens and padding.

    Args:
        spans: (start, end, name) in characters, the end excluded; none overlaps another.
        encoding: of the text.

    Raises:
        ValueError: spans overlap, or a span begins or ends inside a token or holds none.
    """
    tags: list[str | None] = [None if special else "O" for special in encoding.special_tokens_mask]
    for start, end, name in spans:
        inside = [
            at
            for at, (first, last) in enumerate(encoding.offsets)
            if tags[at] is not None and first < end and last > start
        ]
        if not inside or encoding.offsets[inside[0]][0] < start or encoding.offsets[inside[-1]][1] > end:
            raise ValueError(
                f"expected spans of whole tokens; {(start, end, name)} has {[encoding.tokens[at] for at in inside]}. "
                "Move its ends to the ends of tokens, or leave out spans beyond the text that is kept."
            )
        if taken := [encoding.tokens[at] for at in inside if tags[at] != "O"]:
            raise ValueError(f"expected spans that do not overlap; {(start, end, name)} and another hold {taken}")
        for at in inside:
            tags[at] = f"{'B' if at == inside[0] else 'I'}-{name}"
    return tags


def tags_to_spans(tags: Sequence[str | None], encoding: Encoding) -> list[tuple[int, int, str]]:
    """Return the spans (start, end, name), in characters, that tags of tokens describe.

    A model may give an I- without its B-; a new span begins there, as in the evaluation of CoNLL-2000.

    Args:
        tags: one for each token; what stands at special tokens does not count.
        encoding: of the text.

    Raises:
        ValueError: there are not as many tags as tokens.
    """
    if len(tags) != len(encoding.tokens):
        raise ValueError(f"expected {len(encoding.tokens)} tags, one for each token; received {len(tags)}")
    spans, open_name = [], None
    for tag, (first, last), special in zip(tags, encoding.offsets, encoding.special_tokens_mask, strict=True):
        letter, _, name = ("O" if special or tag is None else tag).partition("-")
        if letter == "O":
            open_name = None
        elif letter == "I" and name == open_name:
            spans[-1] = (spans[-1][0], last, name)
        else:
            spans.append((first, last, name))
            open_name = name
    return spans


def encode_tags(tags: Sequence[Sequence[str | None]], names: Sequence[str]) -> np.ndarray:
    """Return the numbers (B, T) of tags among `bio_tags(names)`, `IGNORED` where a tag is None.

    Raises:
        ValueError: a tag is none of them, or the rows are not equally long.
    """
    numbers: dict[str | None, int] = {**_numbers(bio_tags(names)), None: IGNORED}
    if len({len(row) for row in tags}) != 1:
        raise ValueError(f"expected as many tags in each row; received {sorted({len(row) for row in tags})}")
    for at, row in enumerate(tags):
        if unknown := [tag for tag in row if tag not in numbers]:
            raise ValueError(
                f"expected tags of {', '.join(names)}; row {at} has {unknown[0]!r}. Leave out spans of that name, or "
                "train with it."
            )
    return np.array([[numbers[tag] for tag in row] for row in tags], "int32")
