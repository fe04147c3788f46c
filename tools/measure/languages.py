"""Count the pieces that six languages need for the same four sentences: with mini-bert's vocabulary, and with BERT's.

BERT's own vocabulary of 30,522 pieces is read from the folder of a model that uses it, all-MiniLM-L6-v2, in
BOOK_MODEL_DIR; mini-bert's is a cut of it.
"""

import argparse
import os
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tokenizers import Tokenizer

from tools.measure.recipe import ENCODER
from tools.measure.results import ROOT, command_line, write_result
from utils import wordpiece

SENTENCES = ROOT / "data" / "languages" / "sentences.toml"
TEACHER = "all-MiniLM-L6-v2"


def counted(sentences: Sequence[str], tokenizer: Tokenizer) -> dict[str, int]:
    """Return how many pieces the sentences need, without [CLS] and [SEP], and how many of them are [UNK]."""
    tokens = [token for one in sentences for token in tokenizer.encode(one, add_special_tokens=False).tokens]
    return {"pieces": len(tokens), "unknown": tokens.count("[UNK]")}


def measure(tokenizers: dict[str, Tokenizer]) -> list[dict[str, Any]]:
    """Return a row for each language: words, characters, bytes, and the pieces of each tokenizer."""
    rows = []
    for language, entry in tomllib.loads(SENTENCES.read_text(encoding="utf-8")).items():
        sentences = entry["sentences"]
        text = "".join(sentences)
        row: dict[str, Any] = {"language": language, "words": sum(len(one.split()) for one in sentences)}
        row |= {"characters": len(text), "bytes": len(text.encode())}
        rows.append(row | {name: counted(sentences, tokenizer) for name, tokenizer in tokenizers.items()})
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when the file is written, 2 when BERT's vocabulary is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args(arguments)
    folder = Path(os.environ.get("BOOK_MODEL_DIR", "")) / TEACHER
    try:
        tokenizers = {"mini-bert": wordpiece.load_tokenizer(ENCODER), "BERT": wordpiece.load_tokenizer(folder)}
    except FileNotFoundError as error:
        print(f"{error}. Set BOOK_MODEL_DIR to a folder that holds {TEACHER}.", file=sys.stderr)
        return 2
    sizes = {name: one.get_vocab_size() for name, one in tokenizers.items()}
    command = command_line("tools/measure/languages.py", sys.argv[1:] if arguments is None else arguments)
    rows = measure(tokenizers)
    path = write_result("languages", rows, command, 0, packages=("tokenizers",), vocabulary=sizes)
    for row in rows:
        print(row)
    print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
