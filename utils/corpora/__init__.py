"""Labelled texts to learn from: the book's own, SST-2 and IMDB from a local folder, or the reader's own file."""

import difflib
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from utils.corpora.corpus import Corpus, CorpusError, CorpusWarning
from utils.corpora.files import UNSPLIT, find_file, read_corpus
from utils.corpora.known import KNOWN, read_known
from utils.corpora.samples import shared_texts, split, stratified_folds, stratified_sample
from utils.corpora.tables import SUFFIXES, table_suffix

__all__ = [
    "Corpus",
    "CorpusError",
    "CorpusWarning",
    "load",
    "shared_texts",
    "split",
    "stratified_folds",
    "stratified_sample",
]


def load(
    name_or_path: str | os.PathLike,
    split: str = "train",
    *,
    text: str | None = None,
    label: str | None = None,
    encoding: str | None = None,
    quotes: bool = True,
    columns: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
) -> Corpus:
    """Load labelled texts.

    Args:
        name_or_path: "reviews" (shipped with the book), "sst2" or "imdb" (from the folder that BOOK_DATA_DIR names;
            see `utils.corpora.known` for the layouts), or the reader's own: a CSV, TSV or JSON Lines file, with .gz if
            compressed, or a folder with such a file for each split, named train.csv and so on.
        split: "train", "test", and for "sst2" also "dev". A single file has no splits: leave this out and use `split`.
        text: name of the column of texts in the reader's file; "text", "review" or "sentence" where omitted.
        label: name of its column of labels, words or numbers; "label" where omitted.
        encoding: how its characters are written; UTF-8, with or without a byte-order mark, where omitted.
        quotes: whether double quotes enclose fields that hold delimiters, quotes or newlines.
        columns: names of all its columns, for instance ("text", "label"), where it has no header; its first row, which
            names the columns otherwise, is then a row like the others.
        classes: names of its classes in the order of their labels, for instance those of the training texts; where
            omitted they are found in the file, numbers in numerical and words in alphabetical order.

    Returns:
        The corpus. IMDB comes in one fixed, shuffled order, its `<br />` as spaces; all else in the order of the file.
        Rows without text are dropped, counted in `warnings`, and issued as a CorpusWarning.

    Raises:
        CorpusError: a ValueError that names the file, the line and the remedy.

    Example:
        >>> load("reviews", "dev")
        Traceback (most recent call last):
        ...
        utils.corpora.corpus.CorpusError: expected split of 'reviews' to be one of train, test; received 'dev'
    """
    options = {"text": text, "label": label, "encoding": encoding, "columns": columns, "classes": classes}
    if columns is not None:
        _check_columns(columns)
    if name_or_path in KNOWN:
        not_for_known = [
            name for name, value in {**options, "quotes": None if quotes else quotes}.items() if value is not None
        ]
        if not_for_known:
            known = f"{name_or_path!r} has columns and an encoding of its own"
            raise CorpusError(f"expected {', '.join(not_for_known)} for a file of your own only; {known}")
        corpus = read_known(name_or_path, split)
    else:
        corpus = _load_own(Path(os.path.expanduser(name_or_path)), split, quotes=quotes, **options)
    for warning in corpus.warnings:
        warnings.warn(warning, CorpusWarning, stacklevel=2)
    return corpus


def _load_own(path: Path, split: str, **options: Any) -> Corpus:
    """Read the reader's own file, or the one for this split in the reader's own folder."""
    if path.is_dir():
        return read_corpus(find_file(path, split), split=split, **options)
    if not path.exists():
        raise CorpusError(_unknown(path))
    if split not in ("train", UNSPLIT):
        remedy = "load it without split and divide it with utils.corpora.split(corpus, fraction, seed)"
        raise CorpusError(f"{path}: a single file has no split {split!r}; {remedy}")
    return read_corpus(path, **options)


def _check_columns(columns: Sequence[str]) -> None:
    """Refuse anything but names of columns, each once."""
    names = [] if isinstance(columns, str) else list(columns)
    if len(names) < 2 or not all(isinstance(name, str) and name.strip() for name in names):
        raise CorpusError(f"expected columns to be names, such as ('text', 'label'); received {columns!r}")
    if len(set(names)) < len(names):
        raise CorpusError(f"expected columns to be names of which no two are alike; received {columns!r}")


def _unknown(path: Path) -> str:
    """Say that there is no such file, or no such name, and what may have been meant."""
    if table_suffix(path) or len(path.parts) > 1:
        there = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, there)
        problem = f"{path}: there is no such file" if path.parent.is_dir() else f"{path.parent}: no such folder"
    elif path.name.lower() == "multi30k":
        return "multi30k is pairs of sentences, without labels; utils.translation.pairs.load_multi30k reads it"
    else:
        near = difflib.get_close_matches(path.name.lower(), KNOWN)
        expected = f"one of {', '.join(KNOWN)}, or a file that ends in {', '.join(SUFFIXES)} (or these with .gz)"
        problem = f"expected {expected}; received {str(path)!r}"
    return problem + (f"; did you mean {near[0]!r}?" if near else "")
