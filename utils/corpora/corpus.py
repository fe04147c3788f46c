"""What a corpus is: labelled texts, where they come from, and what was found wrong with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np


class CorpusError(ValueError):
    """Texts that cannot be used as they are. The message names the file, the line and the remedy."""


class CorpusWarning(UserWarning):
    """Rows that were left out, or look wrong: counted, with the lines on which they begin."""


@dataclass(frozen=True, eq=False, repr=False)
class Corpus:
    """N labelled texts; text i belongs to class `classes[labels[i]]`.

    Attributes:
        texts: list of N strings.
        labels: int64 array (N,), each from 0 to len(classes) - 1; read-only.
        classes: names of the classes, in the order of their labels.
        columns: the further columns, {name: array (N,)}: whole numbers as int64, all else as objects.
        name: "reviews", "sst2", "imdb", or the name of the reader's file.
        split: "train", "test", ...; "all" for a single file that nobody has split.
        source: the file or folder that was read.
        warnings: one sentence for each kind of row that was dropped or looks wrong, with its count.

    Raises:
        CorpusError: labels or columns do not fit the texts or the classes.

    Example:
        >>> Corpus(["fine", "dull"], [1, 0], ("negative", "positive"), name="two")
        Corpus(two/all: 2 texts; negative 1, positive 1)
    """

    texts: list[str]
    labels: np.ndarray
    classes: tuple[str, ...]
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    name: str = ""
    split: str = "all"
    source: str = ""
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        labels = np.array(self.labels, dtype=np.int64)
        labels.setflags(write=False)
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "columns", MappingProxyType(dict(self.columns)))
        for name, column in {"labels": labels, **self.columns}.items():
            if np.shape(column) != (len(self.texts),):
                raise CorpusError(f"expected {len(self.texts)} {name}, one for each text; received {np.shape(column)}")
        if labels.size and not 0 <= labels.min() <= labels.max() < len(self.classes):
            found = f"labels from {labels.min()} to {labels.max()}"
            raise CorpusError(
                f"expected labels from 0 to {len(self.classes) - 1}, one for each class; received {found}"
            )

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        shares = ", ".join(f"{name} {count:,}" for name, count in self.counts().items())
        return f"Corpus({self.name}/{self.split}: {len(self):,} texts; {shares})"

    def counts(self) -> dict[str, int]:
        """Return how many texts each class has, in the order of the labels.

        Example:
            >>> Corpus(["a", "b", "c"], [1, 1, 0], ("no", "yes")).counts()
            {'no': 1, 'yes': 2}
        """
        counts = np.bincount(self.labels, minlength=len(self.classes)).tolist()
        return dict(zip(self.classes, counts, strict=True))

    def take(self, positions: Sequence[int] | np.ndarray, split: str | None = None) -> "Corpus":
        """Return the corpus of some of the texts, in the order of `positions`, with the same classes.

        Args:
            positions: whole numbers from 0 to N - 1, shape (M,).
            split: name of the new split; that of this corpus where omitted.

        Example:
            >>> Corpus(["a", "b", "c"], [0, 1, 1], ("no", "yes")).take([2, 0]).texts
            ['c', 'a']
        """
        chosen = np.asarray(positions, dtype=np.int64)
        return replace(
            self,
            texts=[self.texts[at] for at in chosen],
            labels=self.labels[chosen],
            columns={name: column[chosen] for name, column in self.columns.items()},
            split=self.split if split is None else split,
        )


def enumerate_lines(lines: Sequence[int], most: int = 5) -> str:
    """Name the lines on which rows begin, the first few of them.

    Example:
        >>> enumerate_lines([4]), enumerate_lines([4, 9, 17], most=2)
        ('line 4', 'lines 4, 9 and 1 more')
    """
    shown = ", ".join(str(line) for line in lines[:most])
    rest = len(lines) - most
    return f"line{'s' if len(lines) > 1 else ''} {shown}" + (f" and {rest} more" if rest > 0 else "")
