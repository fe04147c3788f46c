"""The reader's own file: what is read from CSV, TSV and JSON Lines, however it is written."""

import csv
import gzip
import io
import json
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.corpus_files import load
from utils import corpora
from utils.corpora import CorpusWarning
from utils.corpora.files import as_array

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(str.strip)
WORDS = st.sampled_from(["good", "bad", "so, so", 'the "best"', "très bon"])
NUMBERS = st.integers(-3, 12).map(str)
SAME_FOLDER = settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def labelled_rows(draw):
    """Rows (text, label) of two classes or more, of one kind of label."""
    labels = draw(st.sampled_from([WORDS, NUMBERS]))
    pairs = st.lists(st.tuples(TEXTS, labels), min_size=2, max_size=9)
    return draw(pairs.filter(lambda rows: len({label for _, label in rows}) > 1))


def as_csv(rows, delimiter=",", header=("text", "label"), **options):
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, **options).writerows([header, *rows])
    return buffer.getvalue()


def as_json_lines(rows, ascii_only=False):
    return "".join(json.dumps({"text": t, "label": n}, ensure_ascii=ascii_only) + "\n" for t, n in rows)


def names(corpus):
    return [corpus.classes[label] for label in corpus.labels]


@SAME_FOLDER
@given(rows=labelled_rows(), delimiter=st.sampled_from(",;\t"), quote_all=st.booleans())
def test_what_the_csv_module_writes_is_read_as_it_was(tmp_path, rows, delimiter, quote_all):
    # With "\n" alone at the ends of lines, the module leaves a "\r" inside a field without quotes; no reader can know.
    options = {"lineterminator": "\n", "quoting": csv.QUOTE_ALL} if quote_all else {}
    name = "own.tsv" if delimiter == "\t" else "own.csv"
    corpus = load(tmp_path, as_csv(rows, delimiter, **options), name)
    assert list(zip(corpus.texts, names(corpus), strict=True)) == rows


@SAME_FOLDER
@given(rows=labelled_rows(), ascii_only=st.booleans())
def test_what_the_json_module_writes_is_read_as_it_was(tmp_path, rows, ascii_only):
    corpus = load(tmp_path, as_json_lines(rows, ascii_only), "own.jsonl")
    assert list(zip(corpus.texts, names(corpus), strict=True)) == rows


ROWS = [("Très bon, vraiment.", "oui"), ('Elle dit "non".', "non"), ("Zwei\nZeilen für œuvre", "oui")]


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-8-sig", "utf-8"),
        ("utf-8", "utf-8-sig"),
        ("cp1252", "cp1252"),
        ("cp1252", "Windows-1252"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-32", "utf-32"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_encodings_and_compression_change_nothing(tmp_path, written, named, packed):
    data = as_csv(ROWS).encode(written)
    corpus = load(tmp_path, *((gzip.compress(data), "own.csv.gz") if packed else (data, "own.csv")), encoding=named)
    assert list(zip(corpus.texts, names(corpus), strict=True)) == ROWS
    assert corpus.classes == ("non", "oui")


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        (["10", "9", "-1", "9"], ("-1", "9", "10"), [2, 1, 0, 1]),
        (["1.0", "2.50", "+1", "1"], ("1", "2.5"), [0, 1, 0, 0]),
        (["0.0", "-0", "100", "0"], ("0", "100"), [0, 0, 1, 0]),
        ([" pos", "neg ", "pos", "neutral"], ("neg", "neutral", "pos"), [2, 0, 2, 1]),
        (["001", "010", "001", "100"], ("001", "010", "100"), [0, 1, 0, 2]),
        (["nan", "inf", "nan", "1e3"], ("1e3", "inf", "nan"), [2, 1, 2, 0]),
    ],
)
def test_numbers_sort_as_numbers_and_words_as_words(tmp_path, labels, classes, numbers):
    corpus = load(tmp_path, as_csv([(f"text {at}", label) for at, label in enumerate(labels)]))
    assert corpus.classes == classes
    assert corpus.labels.tolist() == numbers
    assert corpus.labels.dtype == np.int64


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([1, 0, 2, 1.0], ("0", "1", "2")),
        ([True, False, True, True], ("false", "true")),
        ([1, "2", 3, "1"], ("1", "2", "3")),
    ],
)
def test_labels_of_json_may_be_numbers_and_truth_values(tmp_path, labels, classes):
    corpus = load(tmp_path, as_json_lines([(f"text {at}", label) for at, label in enumerate(labels)]), "own.jsonl")
    assert corpus.classes == classes


def test_given_classes_set_the_numbers_and_may_be_absent(tmp_path):
    corpus = load(tmp_path, "text,label\na,up\nb,up\n", classes=("down", "level", "up"))
    assert corpus.labels.tolist() == [2, 2]
    assert corpus.counts() == {"down": 0, "level": 0, "up": 2}


@pytest.mark.parametrize(
    ("header", "options"),
    [
        ("text,label", {}),
        ("review,label", {}),
        ("sentence,label", {}),
        ("Text, LABEL ", {}),
        ("body,stars", {"text": "body", "label": "stars"}),
        ("Body,Stars", {"text": "body", "label": "stars"}),
        ("label,text", {"text": "label", "label": "text"}),
    ],
)
def test_columns_are_found_by_their_usual_names_or_by_the_one_that_is_given(tmp_path, header, options):
    corpus = load(tmp_path, f"{header}\nfine,1\ndull,0\n", **options)
    assert corpus.texts == ["fine", "dull"]
    assert corpus.labels.tolist() == [1, 0]
    assert not corpus.columns


def test_text_comes_before_review_and_all_else_is_a_column(tmp_path):
    content = "id,review,stars,label,text,code\n7,long,4.5,b,short,007\n-3,longer,,a,shorter,\n"
    corpus = load(tmp_path, content)
    assert corpus.texts == ["short", "shorter"]
    assert list(corpus.columns) == ["id", "review", "stars", "code"]
    assert corpus.columns["id"].dtype == np.int64
    assert corpus.columns["id"].tolist() == [7, -3]
    assert {name: column.tolist() for name, column in corpus.columns.items() if name != "id"} == {
        "review": ["long", "longer"],
        "stars": ["4.5", ""],
        "code": ["007", ""],
    }


def test_columns_of_json_keep_what_json_holds(tmp_path):
    rows = [{"text": "a", "label": 1, "tags": ["x", "y"], "n": 2}, {"n": 5, "label": 0, "text": "b", "more": "z"}]
    corpus = load(tmp_path, "\n\n".join(map(json.dumps, rows)), "own.jsonl")
    assert corpus.columns["tags"].tolist() == [["x", "y"], None]
    assert corpus.columns["n"].dtype == np.int64
    assert corpus.columns["more"].tolist() == [None, "z"]


def test_fields_may_hold_delimiters_quotes_and_newlines_and_be_longer_than_the_module_allows(tmp_path):
    before = csv.field_size_limit()
    rows = [('one,\r\n"two"\tthree\rfour;', "a"), ("x" * (before + 1), "b")]
    assert load(tmp_path, as_csv(rows)).texts == [text for text, _ in rows]
    assert csv.field_size_limit() == before


def test_a_file_that_encloses_nothing_keeps_its_quotes(tmp_path):
    corpus = load(tmp_path, 'text\tlabel\n"Go", she said\ta\n"Stay"\tb\n', "own.tsv", quotes=False)
    assert corpus.texts == ['"Go", she said', '"Stay"']


def test_blank_lines_are_no_rows(tmp_path):
    assert load(tmp_path, "\n\ntext,label\r\n\r\na,1\n   \nb,0\n\n").texts == ["a", "b"]
    assert load(tmp_path, '\n{"text": "a", "label": 1}\n \n{"text": "b", "label": 0}\n', "x.jsonl").texts == ["a", "b"]


def test_separators_of_unicode_end_no_row(tmp_path):
    text = "one\u2028two\x85three\x0bfour"
    for name, content in (("a.csv", as_csv([(text, 1), ("b", 0)])), ("a.jsonl", as_json_lines([(text, 1), ("b", 0)]))):
        assert load(tmp_path, content, name).texts == [text, "b"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("own.csv", 'text,label\na,1\n,0\n"two\nlines",0\n" \n ",1\n,\n'),
        ("own.jsonl", '{"text": "a", "label": 1}\n\n{"text": "", "label": 0}\n{"text": "two\\nlines", "label": 0}\n'),
    ],
)
def test_rows_without_text_are_dropped_counted_and_named_by_line(tmp_path, name, content):
    with pytest.warns(CorpusWarning) as issued:
        corpus = load(tmp_path, content, name)
    assert corpus.texts == ["a", "two\nlines"]
    where = (
        "3 rows whose texts are empty (lines 3, 6, 8)" if name == "own.csv" else "1 row whose text is empty (line 3)"
    )
    assert corpus.warnings == (f"{tmp_path / name}: dropped {where}",)
    assert [str(one.message) for one in issued] == list(corpus.warnings)
    assert issued[0].filename == load.__code__.co_filename, "the place that called"


def test_many_dropped_rows_are_counted_not_listed(tmp_path):
    with pytest.warns(
        CorpusWarning, match=r"dropped 1,200 rows whose texts are empty \(lines 4, 5, 6, 7, 8 and 1195 more"
    ):
        corpus = load(tmp_path, "text,label\na,1\nb,0\n" + ",1\n" * 1200)
    assert len(corpus) == 2


def test_labels_that_differ_in_case_are_counted(tmp_path):
    with pytest.warns(CorpusWarning, match=r"differ only in case .*: 'Good' \(1 row\), 'good' \(2 rows\)$"):
        corpus = load(tmp_path, "text,label\na,good\nb,bad\nc,Good\nd,good\n")
    assert corpus.classes == ("Good", "bad", "good")


def test_a_clean_file_warns_of_nothing(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(tmp_path, "text,label\na,1\nb,0\n").warnings == ()


@pytest.mark.parametrize("name", ["own.tsv", "own.TSV", "Own.Csv"])
def test_suffixes_may_be_in_capitals_and_tabs_may_stand_in_csv(tmp_path, name):
    assert load(tmp_path, "text\tlabel\na, b; c\t1\nd\t0\n", name).texts == ["a, b; c", "d"]


def test_a_folder_has_a_file_for_each_split(tmp_path):
    (tmp_path / "train.csv").write_text("text,label\na,1\nb,0\n")
    (tmp_path / "test.jsonl.gz").write_bytes(gzip.compress(as_json_lines([("c", 1), ("d", 0)]).encode()))
    (tmp_path / "notes.txt").write_text("nothing")
    train, test = corpora.load(tmp_path), corpora.load(str(tmp_path), "test", classes=("0", "1"))
    assert (train.texts, test.texts) == (["a", "b"], ["c", "d"])
    assert (train.split, test.split, test.name) == ("train", "test", "test.jsonl.gz")


def test_own_corpus_says_where_it_comes_from(tmp_path):
    corpus = load(tmp_path, "text,label\na,1\nb,0\n")
    assert (corpus.name, corpus.split, corpus.source) == ("own.csv", "all", str(tmp_path / "own.csv"))


@pytest.mark.parametrize(
    ("values", "whole"),
    [
        (["3", "-17", "0"], True),
        ([3, "4", -(2**63) + 1], True),
        (["9" * 18], True),
        (["007", "1"], False),
        (["-0"], False),
        (["9" * 19], False),
        ([2**63], False),
        (["٣"], False),
        ([True, 1], False),
        (["1.0"], False),
        ([None, 1], False),
    ],
)
def test_a_column_is_of_whole_numbers_only_where_nothing_is_lost(values, whole):
    found = as_array(values)
    assert found.dtype == (np.int64 if whole else object)
    assert found.tolist() == ([int(value) for value in values] if whole else values)
