"""The text that pre-training reads: sentences and passages of IMDB's training reviews and of old novels, no labels."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

REVIEWS = Path("imdb", "train.jsonl.gz")
NOVELS = Path("novels", "train.jsonl.gz")
CHAPTER_SENTENCES = 12  # novels are cut into stretches of so many sentences, the length of a review
FEWEST_WORDS = 3
BOUNDARY = re.compile(r"(?<=[.!?])(?<!\bMr\.)(?<!\bMrs\.)(?<!\bDr\.)(?<!\b[A-Z]\.)[\"')\]]*\s+")
MARKUP = re.compile(r"<br\s*/?>|\n\s*\n")


def split_sentences(text: str) -> list[str]:
    """Split a text into sentences of at least three words; line breaks of markup and blank lines end one too.

    A quotation mark or a bracket that closes behind a sentence's end is lost.

    Example:
        >>> split_sentences("A fine film, Mr. Lynch! I wept.<br /><br />It is too long by far. Yes.")
        ['A fine film, Mr. Lynch!', 'It is too long by far.']
    """
    parts = (" ".join(part.split()) for block in MARKUP.split(text) for part in BOUNDARY.split(block))
    return [part for part in parts if len(part.split()) >= FEWEST_WORDS]


def read_documents(
    data: Path, novel_documents: int, rng: np.random.Generator
) -> tuple[list[list[str]], list[list[str]]]:
    """Return (every training review, stretches of novels), each document a list of sentences.

    Args:
        data: folder with imdb/train.jsonl.gz and novels/train.jsonl.gz.
        novel_documents: how many stretches of novels to draw.
        rng: draws them.

    Raises:
        FileNotFoundError: a file is missing.
    """
    reviews_file, novels_file = find_files(data)
    reviews = [split_sentences(text) for text in _texts(reviews_file)]
    stretches = [stretch for text in _texts(novels_file) for stretch in _stretches(split_sentences(text))]
    drawn = rng.choice(len(stretches), size=min(novel_documents, len(stretches)), replace=False)
    return [review for review in reviews if review], [stretches[at] for at in drawn]


def find_files(data: Path) -> tuple[Path, Path]:
    """Return the files of reviews and of novels.

    Raises:
        FileNotFoundError: one is missing.
    """
    for name in (REVIEWS, NOVELS):
        if not (data / name).is_file():
            raise FileNotFoundError(f"expected {name} in the folder of --data; {data / name} is not there")
    return data / REVIEWS, data / NOVELS


def _texts(path: Path) -> Iterator[str]:
    """Yield the text of each line; labels and ratings are not looked at."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["text"]


def _stretches(sentences: list[str]) -> Iterator[list[str]]:
    """Yield consecutive stretches of a novel."""
    for start in range(0, len(sentences), CHAPTER_SENTENCES):
        yield sentences[start : start + CHAPTER_SENTENCES]
