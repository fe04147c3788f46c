"""Files without a header, and what spreadsheets export: read as they are meant, no row eaten, or refused."""

import json

import pytest

from tests.support.corpus_files import load, refusal
from utils import corpora
from utils.corpora import CorpusError, CorpusWarning

ROWS = "I liked the film,1\nI did not,0\nNever again,0\n"


# Files without a header


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        (ROWS, "('text', 'label')"),
        ("1,I liked the film\n0,I did not\n0,Never again\n", "('label', 'text')"),
        ("0;17;fine film\n1;18;dull film\n0;19;good film\n", "('label', 'column2', 'text')"),
        ("质量很好,好\n太差,坏\n很快,好\n", "('text', 'label')"),
        ('"Good, very good, really";pos\nBad;neg\n"Fine, too, I think";pos\n', "('text', 'label')"),
    ],
)
def test_a_file_without_a_header_is_recognised_and_the_argument_shown_reads_every_row(tmp_path, content, columns):
    message = refusal(tmp_path, content)
    assert "line 1 looks like a row, not like names of columns: " in message
    assert message.endswith(f"if the file has no header, pass columns={columns}")
    corpus = load(tmp_path, content, columns=eval(columns))
    assert len(corpus) == len(content.splitlines())
    assert len(corpus.classes) == 2


def test_the_first_row_named_as_columns_is_not_eaten(tmp_path):
    message = refusal(tmp_path, ROWS, text="I liked the film", label="1")
    assert "line 1 names the column of labels '1', which is a label of the rows below" in message
    assert "if the file has no header, pass columns=('text', 'label')" in message
    words = ROWS.replace(",1", ",good").replace(",0", ",bad") + "Yes,good\n"
    assert "columns of labels" not in refusal(tmp_path, words, text="I liked the film", label="good")


def test_a_label_that_is_also_the_name_of_its_column_is_doubted_not_refused(tmp_path):
    with pytest.warns(CorpusWarning, match=r"'spam', which is a label of the rows below; if the file has no header"):
        corpus = load(tmp_path, "message,spam\nwin now,spam\nhello you,ham\n", text="message", label="spam")
    assert corpus.texts == ["win now", "hello you"]


@pytest.mark.parametrize(
    ("header", "text", "label"),
    [
        ("0,1", "0", "1"),
        ("What did you like?,Your rating of this course from 1 to 5", "What did you like?", None),
        ("message,class", "message", "class"),
        ("text,1", "text", "1"),
    ],
)
def test_unusual_names_of_columns_are_taken_as_names(tmp_path, recwarn, header, text, label):
    corpus = load(tmp_path, f"{header}\n{ROWS}", text=text, label=label or header.rpartition(",")[2])
    assert len(corpus) == 3
    assert not recwarn


def test_a_long_name_is_shown_cut_so_that_nobody_copies_it(tmp_path):
    message = refusal(tmp_path, f"{'long ' * 30},stars\nfine,1\n")
    assert f"{('long ' * 30)[:60]!r}…, 'stars'" in message


def test_columns_name_the_columns_of_each_file_of_a_folder(tmp_path):
    for split in ("train", "test"):
        (tmp_path / f"{split}.csv").write_text(ROWS)
        assert len(corpora.load(tmp_path, split, columns=("text", "label"))) == 3


def test_columns_may_have_any_names(tmp_path):
    corpus = load(tmp_path, "7,fine,1\n8,dull,0\n", columns=["id", "body", "stars"], text="body", label="stars")
    assert corpus.texts == ["fine", "dull"]
    assert corpus.columns["id"].tolist() == [7, 8]


@pytest.mark.parametrize(
    ("content", "name", "columns", "message"),
    [
        ("text,label\na,1\nb,0\n", "own.csv", ("text", "label"), "the first row names the columns already; leave col"),
        ("Text,LABEL\na,1\nb,0\n", "own.csv", ("text", "label"), "the first row names the columns already; leave col"),
        (ROWS, "own.csv", ("text", "label", "more"), "line 1: expected 3 fields (text, label, more), as columns names"),
        ("1,a,b\n0,c,d\n", "own.csv", ("label", "text"), "found 3; enclose"),
        ('{"text": "a", "label": 1}\n', "own.jsonl", ("text", "label"), "the keys of JSON Lines name the columns"),
        (
            ROWS,
            "own.csv",
            "text,label",
            "expected columns to be names, such as ('text', 'label'); received 'text,label'",
        ),
        (ROWS, "own.csv", ("text", "text"), "names of which no two are alike"),
        (ROWS, "own.csv", ("text", ""), "expected columns to be names"),
        (ROWS, "own.csv", ("text", 1), "expected columns to be names"),
    ],
)
def test_columns_that_do_not_fit_are_refused(tmp_path, content, name, columns, message):
    assert message in refusal(tmp_path, content, name, columns=columns)


def test_columns_of_the_books_own_corpora_are_not_the_readers_to_name():
    with pytest.raises(CorpusError, match="expected columns for a file of your own only"):
        corpora.load("reviews", columns=("text", "label"))


# What spreadsheets export


@pytest.mark.parametrize(
    "content",
    [
        "sep=;\ntext;label\na, b;1\nc;0\n",
        'sep=;\r\n"text";"label"\r\n"a, b";1\r\n"c";0\r\n',
        '\ufeff"sep=;"\ntext;label\na, b;1\nc;0\n',
        "sep=\t\ntext\tlabel\na, b\t1\nc\t0\n",
        "sep=|\ntext|label\na, b|1\nc|0\n",
        'text,label,,\n"a, b",1,,\nc,0,,\n',
        'text,label,,\n"a, b",1\nc,0\n',
        'text,label\n"a, b",1,,,\nc,0\n',
        ',text,label,\n,"a, b",1,\n,c,0,\n',
        "text;;label\na, b;;1\nc;;0\n",
        "text\tlabel\t\na, b\t1\t\nc\t0\t\n",
    ],
)
def test_exports_of_spreadsheets_are_read(tmp_path, content):
    corpus = load(tmp_path, content)
    assert corpus.texts == ["a, b", "c"]
    assert corpus.labels.tolist() == [1, 0]
    assert not corpus.columns
    assert not corpus.warnings


def test_tabs_commas_or_semicolons_may_stand_in_a_file_of_any_name(tmp_path):
    assert load(tmp_path, "text;label\na, b;1\nc;0\n", "own.tsv").texts == ["a, b", "c"]
    assert load(tmp_path, "text\tlabel\na, b; c\t1\nd\t0\n", "own.csv").texts == ["a, b; c", "d"]


def test_the_delimiter_is_told_by_all_rows_not_by_the_first_alone(tmp_path):
    content = "id;text, cleaned, lower case, no stops;label\n1;a, b;1\n2;c;0\n3;d, e, f;0\n"
    assert load(tmp_path, content, text="text, cleaned, lower case, no stops").texts == ["a, b", "c", "d, e, f"]


def test_a_column_without_a_name_that_holds_values_is_kept_by_its_place(tmp_path):
    corpus = load(tmp_path, ",text,label\n0,a,1\n1,b,0\n")
    assert corpus.texts == ["a", "b"]
    assert corpus.columns["column 1"].tolist() == [0, 1]


def test_a_value_after_the_last_name_is_refused_and_not_taken_for_the_label(tmp_path):
    message = refusal(tmp_path, "text,label,\nGood, but long,1\nbad,0,\n")
    assert ", line 2: expected 2 fields (text, label), as in the header; found 3; enclose a text" in message


def test_lines_are_counted_from_the_top_of_the_file_below_a_sep_line(tmp_path):
    assert ", line 4: expected 2 fields" in refusal(tmp_path, "sep=;\ntext;label\na;1\nb;0;0\n")
    assert ", lines 3 to 4: the double quotes" in refusal(tmp_path, 'sep=;\ntext;label\n"a;1\nb;0\n')


# Halves of characters in JSON Lines


@pytest.mark.parametrize("place", ["text", "label", "other"])
@pytest.mark.parametrize("half", ["\\ud83d", "\\ude00", "\\ude00\\ud83d"])
def test_half_a_character_is_named_with_file_and_line(tmp_path, place, half):
    broken = json.dumps({"text": "b", "label": "x", "other": "y"} | {place: "HALF"}).replace("HALF", half)
    message = refusal(tmp_path, '{"text": "a", "label": "y"}\n\n' + broken + "\n", "own.jsonl")
    assert f", line 3: {half[:6]} is half of a character (a lone surrogate)" in message


def test_both_halves_of_a_character_are_one(tmp_path):
    content = '{"text": "\\ud83d\\ude00", "label": 1}\n{"text": "\\\\ud83d", "label": 0}\n'
    assert load(tmp_path, content, "own.jsonl").texts == ["\U0001f600", "\\ud83d"]
