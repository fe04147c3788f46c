"""Chapter 2: its table of masks says what the page on notation says, and its example agrees with each line."""

import re

import pytest

from tools.notebooks.chapters import CHAPTERS, ROOT, read_chapter

CHAPTER = read_chapter(CHAPTERS / "02-multi-head-attention.ipynb")
TEXT = "\n".join(source for _, source in CHAPTER.markdown_cells())
ROWS = re.findall(r"^\| ([^|]+) \| `(\w+)` \| ([^|]+) \| ([01 ]+) \|$", TEXT, re.M)
NOTATION = (ROOT / "pages" / "notation.md").read_text(encoding="utf-8").split("(masks-elsewhere)=")[1]
LINES = re.findall(r"^\| (.+?) \| `(\w+)` \| (.+?) \|$", NOTATION, re.M)
SENSES = {(of, argument): sense for of, argument, sense in LINES}


def test_the_table_of_masks_has_every_layer_and_both_functions():
    assert [(of, argument) for of, argument, _, _ in ROWS] == [
        ("this book", "attention_mask"),
        ("Keras, layer", "attention_mask"),
        ("PyTorch, operation", "attn_mask"),
        ("PyTorch, layer", "attn_mask"),
        ("PyTorch, layer", "key_padding_mask"),
    ]


@pytest.mark.parametrize(("of", "argument", "sense", "example"), ROWS, ids=[f"{of} {name}" for of, name, *_ in ROWS])
def test_each_line_says_what_the_page_on_notation_says(of, argument, sense, example):
    assert sense == SENSES[of, argument]
    assert example == ("1 1 1 0" if sense == "may attend" else "0 0 0 1")
