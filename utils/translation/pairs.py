"""Pairs of sentences: Multi30k from a local folder, or two files of the reader's own, line by line."""

from dataclasses import dataclass
from pathlib import Path

from utils.corpora.corpus import CorpusError
from utils.corpora.known import find_in_data_folder
from utils.corpora.text import read_text

SPLITS = ("train", "val", "test_2016_flickr")
LANGUAGES = ("en", "de")
LAYOUTS = ("multi30k", "data/task1/raw", "multi30k-dataset/data/task1/raw", "dataset/data/task1/raw")
FETCH = (
    "Clone https://github.com/multi30k/dataset into FOLDER, so that FOLDER/dataset/data/task1/raw/train.en.gz exists, "
    "or put train, val and test_2016_flickr, each .en and .de, into FOLDER/multi30k. Then set BOOK_DATA_DIR=FOLDER. "
    "Multi30k is for research and teaching, not for commerce"
)


@dataclass(frozen=True)
class Pairs:
    """Sentences and their translations, in the order of the files: row k of the one belongs to row k of the other."""

    source: list[str]
    target: list[str]

    def __len__(self) -> int:
        return len(self.source)


def load_multi30k(split: str, languages: tuple[str, str] = LANGUAGES) -> Pairs:
    """Return a split of Multi30k (Elliott et al., 2016), task 1, from the folder that BOOK_DATA_DIR names.

    Args:
        split: "train" (29,000 pairs), "val" (1,014) or "test_2016_flickr" (1,000).
        languages: of source and target.

    Raises:
        CorpusError: the split is unknown, or the files are missing or of unequal length; the message says what to
            fetch and where to put it.
    """
    if split not in SPLITS:
        raise CorpusError(f"expected split of multi30k to be one of {', '.join(SPLITS)}; received {split!r}")
    places = [
        [f"{layout}/{split}.{language}{ending}" for layout in LAYOUTS for ending in (".gz", "")]
        for language in languages
    ]
    return read_pairs(*(find_in_data_folder("multi30k", of_side, FETCH) for of_side in places))


def read_pairs(source: Path, target: Path) -> Pairs:
    """Return the lines of two files, compressed with gzip if their names end in .gz.

    Raises:
        CorpusError: a file cannot be read, the files have different numbers of lines, or a line is empty.
    """
    sides = []
    for path in (source, target):
        lines = read_text(path).removesuffix("\n").split("\n")
        if empty := [number for number, line in enumerate(lines, 1) if not line.strip()]:
            raise CorpusError(f"{path}, line {empty[0]}: the line is empty; expected a sentence on each")
        sides.append([line.strip() for line in lines])
    if len(sides[0]) != len(sides[1]):
        counts = f"{source} has {len(sides[0]):,} lines and {target} has {len(sides[1]):,}"
        raise CorpusError(f"{counts}; expected as many, each the translation of the other. Fetch both files again")
    return Pairs(*sides)
