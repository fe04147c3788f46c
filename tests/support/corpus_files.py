"""A reader's file of labelled texts, written and read back: the corpus, or what is said against it."""

import pytest

from utils import corpora
from utils.corpora import CorpusError


def load(folder, content, name="own.csv", **options):
    """Write a file, text as UTF-8 with its line ends as they are, and load it."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return corpora.load(path, **options)


def refusal(folder, content, name="own.csv", **options):
    """Return what is said about a file that cannot be used, which must begin with its path, without the path."""
    with pytest.raises(CorpusError) as caught:
        load(folder, content, name, **options)
    message = str(caught.value)
    assert message.startswith(str(folder / name)) or "columns" in options
    return message.removeprefix(str(folder / name))
