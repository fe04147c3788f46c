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


SIZES = {"H": 11, "G": 3, "d": 5, "d_c": 7, "d_r": 13}


def number_of(formula):
    """Evaluate a formula of the page, "2 H d" or "$2\\,d\\,d_c$", with sizes that are all different."""
    factors = formula.strip(" $").replace("\\,", " ")
    return eval(re.sub(r"(?<=\w) (?=\w)", " * ", factors), {}, SIZES)


def code_with(text):
    return next(cell for cell in CHAPTER.notebook.cells if cell.cell_type == "code" and text in cell.source)


def test_the_table_of_multiplications_says_what_the_function_below_it_counts():
    rows = re.findall(r"^\| ([a-z, -]+) \| (.+) \| (.+) \| (.+) \|$", TEXT.split("| for the mixture |")[1], re.M)[:3]
    expected = {name: sum(0 if part.startswith("none") else number_of(part) for part in parts) for name, *parts in rows}
    names = {}
    exec(code_with("def multiplications(").source.split("\n\n\nfor ")[0], names)
    assert names["multiplications"](*(SIZES[size] for size in ("d", "d_c", "d_r"))) == expected


def test_what_is_kept_for_a_token_is_what_the_formula_beside_it_says():
    lines = re.findall(r'\("[\w ,=-]+: +([\w +]+?) *", (.+)\)', code_with("2 H d").source)
    assert len(lines) == 4
    for formula, code in lines:
        code = re.sub(r"\b8\b", "G", code)
        assert number_of(formula) == eval(code, {}, SIZES)
