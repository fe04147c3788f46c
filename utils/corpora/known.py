"""The corpora that the book knows by name: its own reviews, and SST-2 and IMDB from the folder BOOK_DATA_DIR.

SST-2 (Socher et al. 2013) is read from `stsa.binary.train`, `.dev` and `.test` (6,920 / 872 / 1,821 sentences, one
"label text" a line), or from GLUE's `train.tsv` and `dev.tsv` (67,349 phrases of the same training sentences / 872;
GLUE publishes no labels for its test set). IMDB (Maas et al. 2011) is read from `train.jsonl` and `test.jsonl`, also
compressed, or from the folders of the original archive, `aclImdb/train/pos/ID_RATING.txt` and so on.
"""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from utils.corpora.corpus import Corpus, CorpusError
from utils.corpora.files import as_array, read_corpus
from utils.corpora.tables import read_table
from utils.corpora.text import read_text

CLASSES = ("negative", "positive")
REVIEWS = Path(__file__).resolve().parents[2] / "data" / "reviews"
BREAKS = re.compile(r"\s*(?:<br\s*/?>\s*)+")
IMDB_SEED = 20110619  # of the one order in which IMDB is given; its files are sorted by label


class Known(NamedTuple):
    """How a corpus is found and read.

    Attributes:
        splits: their names.
        read: (split) -> Corpus.
        fetch: what to download and where to put it; empty for what the book ships.
    """

    splits: tuple[str, ...]
    read: Callable[[str], Corpus]
    fetch: str


def read_known(name: str, split: str) -> Corpus:
    """Return a corpus that the book knows by name.

    Args:
        name: a key of `KNOWN`.
        split: one of its splits.

    Raises:
        CorpusError: there is no such split, or the files are not there; the message says what to download.
    """
    known = KNOWN[name]
    if split not in known.splits:
        raise CorpusError(f"expected split of {name!r} to be one of {', '.join(known.splits)}; received {split!r}")
    return replace(known.read(split), name=name, split=split)


def _read_reviews(split: str) -> Corpus:
    """Read the reviews that the book ships; their true labels are numbered as the labels are."""
    path = REVIEWS / f"{split}.csv"
    if not path.is_file():
        place = path.relative_to(REVIEWS.parents[1]).as_posix()
        raise CorpusError(f"{place} is missing, which the book ships; fetch the repository again")
    in_digits = set(read_table(path).column("label")) <= {"0", "1"}
    corpus = read_corpus(path, classes=("0", "1") if in_digits else CLASSES)
    numbers = {name: number for number, name in enumerate(corpus.classes)}
    true = np.array([numbers[str(word)] for word in corpus.columns["true_label"]])
    return replace(corpus, classes=CLASSES, columns={**corpus.columns, "true_label": true})


def _read_sst2(split: str) -> Corpus:
    """Read SST-2 in whichever form is there; its sentences are left as they are, lower-cased, with -lrb- for "("."""
    places = [f"{folder}/{file}" for file in (f"stsa.binary.{split}", f"{split}.tsv") for folder in ("sst2", "SST-2")]
    path = _find("sst2", places)
    if path.suffix != ".tsv":
        return _read_label_text(path)
    if "label" not in read_table(path, quotes=False).columns:
        remedy = "use split='dev', or add the file stsa.binary.test"
        raise CorpusError(f"{path}: GLUE publishes no labels for the {split} set of SST-2; {remedy}")
    return replace(read_corpus(path, text="sentence", quotes=False, classes=("0", "1")), classes=CLASSES)


def _read_label_text(path: Path) -> Corpus:
    """Read lines of "label text"."""
    texts, labels = [], []
    for line, content in enumerate(read_text(path).split("\n"), start=1):
        label, _, text = content.strip().partition(" ")
        if label in ("0", "1") and text.strip():
            texts.append(text.strip())
            labels.append(int(label))
        elif content.strip():
            raise CorpusError(f"{path}, line {line}: expected 0 or 1, a space and a sentence; fetch the file again")
    return Corpus(texts, np.array(labels), CLASSES, source=str(path))


def _read_imdb(split: str) -> Corpus:
    """Read IMDB in whichever form is there, line breaks as spaces, in one shuffled order that the form does not change.

    A run of `<br />` and the white space around it becomes one space; nothing else is changed.
    """
    path = _find("imdb", [f"imdb/{split}.jsonl.gz", f"imdb/{split}.jsonl", f"aclImdb/{split}", f"imdb/{split}"])
    corpus = _read_rated_folder(path) if path.is_dir() else _read_rated_lines(path)
    corpus = replace(corpus, texts=[BREAKS.sub(" ", text).strip() for text in corpus.texts])
    by_id = np.lexsort((corpus.columns["id"], corpus.labels))
    return corpus.take(np.random.default_rng(IMDB_SEED).permutation(by_id))


def _read_rated_lines(path: Path) -> Corpus:
    """Read IMDB from JSON Lines with the keys id, label, rating and text."""
    corpus = read_corpus(path, classes=("0", "1"))
    if missing := {"id", "rating"} - corpus.columns.keys():
        raise CorpusError(f"{path}: expected the keys id, label, rating and text; {sorted(missing)} missing")
    columns = {name: corpus.columns[name] for name in ("id", "rating")}
    return replace(corpus, classes=CLASSES, columns=columns)


def _read_rated_folder(folder: Path) -> Corpus:
    """Read IMDB from pos/ID_RATING.txt and neg/ID_RATING.txt."""
    paths = [(label, path) for label, name in enumerate(("neg", "pos")) for path in (folder / name).glob("*_*.txt")]
    if len({label for label, _ in paths}) < 2:
        raise CorpusError(f"{folder}: expected files ID_RATING.txt in neg and in pos; unpack the archive again")
    texts = [read_text(path) for _, path in tqdm(paths, desc=f"reading {folder.name}", disable=None, delay=2)]
    names = [path.stem.split("_") for _, path in paths]
    columns = {"id": as_array([name[0] for name in names]), "rating": as_array([name[1] for name in names])}
    return Corpus(texts, np.array([label for label, _ in paths]), CLASSES, columns, source=str(folder))


def _find(name: str, places: list[str]) -> Path:
    """Return the first of some places of a known corpus in the folder BOOK_DATA_DIR that is there."""
    return find_in_data_folder(name, places, KNOWN[name].fetch)


def find_in_data_folder(name: str, places: Sequence[str], fetch: str) -> Path:
    """Return the first of some places in the folder BOOK_DATA_DIR that is there.

    Args:
        name: of the corpus, for the message.
        places: relative to the folder.
        fetch: what to fetch and where to put it, for the message.

    Raises:
        CorpusError: none is, or the folder is not set or not there.
    """
    setting = os.environ.get("BOOK_DATA_DIR", "")
    folder = Path(os.path.expanduser(setting))
    if not setting:
        problem = "BOOK_DATA_DIR, the folder of downloaded corpora, is not set"
    elif not folder.is_dir():
        problem = f"BOOK_DATA_DIR names {setting}, which is no folder"
    else:
        found = next((folder / place for place in places if (folder / place).exists()), None)
        if found:
            return found
        problem = f"BOOK_DATA_DIR names {setting}, which has none of {', '.join(places)}"
    raise CorpusError(f"{name!r} is not part of the book, and {problem}. {fetch}")


SST2_FETCH = (
    "Download SST-2 from the page of GLUE, https://gluebenchmark.com/tasks (Stanford Sentiment Treebank), and unpack "
    "it so that FOLDER/SST-2/train.tsv exists; or put stsa.binary.train, .dev and .test into FOLDER/sst2. "
    "Then set BOOK_DATA_DIR=FOLDER"
)
IMDB_FETCH = (
    "Download aclImdb_v1.tar.gz, the Large Movie Review Dataset, from https://ai.stanford.edu/~amaas/data/sentiment/ "
    "and unpack it (tar xzf aclImdb_v1.tar.gz -C FOLDER) so that FOLDER/aclImdb/train/pos exists. "
    "Then set BOOK_DATA_DIR=FOLDER"
)
KNOWN = {
    "reviews": Known(("train", "test"), _read_reviews, ""),
    "sst2": Known(("train", "dev", "test"), _read_sst2, SST2_FETCH),
    "imdb": Known(("train", "test"), _read_imdb, IMDB_FETCH),
}
