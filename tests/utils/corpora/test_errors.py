"""What cannot be read is refused with the file, the line that an editor shows, and the remedy."""

import gzip
import re

import pytest

from tests.support.corpus_files import refusal
from utils import corpora
from utils.corpora import CorpusError

GOOD = "text,label\nfine,1\ndull,0\n"


@pytest.mark.parametrize("content", [b"", b"\n \r\n", b"\xef\xbb\xbf", "\ufeff\n".encode("utf-16")])
def test_an_empty_file(tmp_path, content):
    options = {"encoding": "utf-16"} if content[:1] in (b"\xff", b"\xfe") else {}
    assert refusal(tmp_path, content, **options) == ": the file is empty; expected rows of text and label"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\n", ": no rows below the header text, label"),
        (
            "body,stars,id\na,1,2\n",
            ": no column 'text' or 'review' or 'sentence'; found 'body', 'stars', 'id'; pass text=",
        ),
        (
            "text,stars\na,1\n",
            ": no column 'label'; found 'text', 'stars'; pass label='...' with one of these names, or, if",
        ),
        (
            "I liked it,1\nI did not,0\n",
            ": line 1 looks like a row, not like names of columns: 'I liked it', '1'; if the file has no header, pass "
            "columns=('text', 'label')",
        ),
        ("text|label\na|1\n", "no column 'text' or 'review' or 'sentence'; found 'text|label'"),
        ("text,label,text\na,1,b\n", ", line 1: expected a name of its own for each column; found again: text"),
        (
            GOOD + "nice, but long,1\n",
            ", line 4: expected 2 fields (text, label), as in the header; found 3; enclose a text that",
        ),
        (GOOD + "\n\nalone\n", ", line 6: expected 2 fields (text, label), as in the header; found 1"),
        (GOOD + '"two\nlines",1\nbroken\n', ", line 6: expected 2 fields"),
        (
            GOOD + '"never closed,1\nb,0\nc,1\n',
            ", lines 4 to 6: the double quotes of the row that begins on line 4 do not",
        ),
        (GOOD + '"Go", he said,1\n', ", line 4: expected 2 fields (text, label), as in the header; found 3"),
        (
            GOOD + '"Go" he said,1\n',
            ", line 4: the double quotes of the row that begins on line 4 do not match (','",
        ),
        (GOOD + "b,\n", ", line 4: the row has a text but no label; fill it in or remove the row"),
        (GOOD + '"a\nb",\n', ", line 4: the row has a text but no label"),
        ("text,label\n,1\n ,0\n", ": the column 'text' is empty in all 2 rows; name another one"),
        ("text,label\na,1\nb,1\n", ": all 2 rows have the label '1'; a classifier needs rows of two classes or more"),
        (
            GOOD + "c,pos\n",
            ": some labels are numbers and some are words: 1 on line 2, 'pos' on line 4; write all of them",
        ),
        ("text,label\nc,pos\n\nb,0\n", "words: 0 on line 4, 'pos' on line 2"),
        ("text,label\na,007\nb,x\n", "words: 007 on line 2, 'x' on line 3"),
    ],
)
def test_broken_tables(tmp_path, content, message):
    assert message in refusal(tmp_path, content)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            '{"text": "c", "label": 1',
            ", line 4: not JSON (Expecting ',' delimiter at column 25); each line must be one wh",
        ),
        ('["c", 1]', ", line 4: expected a JSON object; found a list; write one object a line, such as {"),
        ("7" * 5000, ", line 4: not JSON (Exceeds the limit"),
        ("[" * 100_000, ", line 4: not JSON ("),
        ('{"text": "c"}', ", line 4: the row has a text but no label; fill"),
        ('{"text": "c", "label": NaN}', ", line 4: the row has a text but no label; fill"),
        (
            '{"text": "c", "label": ["a", "b"]}',
            ", line 4: expected a label to be a word or a number, one a text; found a li",
        ),
        ('{"text": 5, "label": 1}', ", line 4: expected 'text' to be a string; found a int"),
        ('{"text": "c", "label": "pos"}', ": some labels are numbers and some are words: 1 on line 1, 'pos' on line 4"),
        ('{"text": "c", "label": true}', "words: 1 on line 1, 'true' on line 4"),
    ],
)
def test_broken_json_lines(tmp_path, line, message):
    content = '{"text": "a", "label": 1}\n\n{"text": "b", "label": 0}\n' + line + "\n"
    assert message in refusal(tmp_path, content, "own.jsonl")


def test_a_list_of_objects_over_many_lines_is_not_json_lines(tmp_path):
    assert ", line 1: not JSON (Expecting value at column 2)" in refusal(tmp_path, '[\n{"text": "a"}\n]', "own.jsonl")


def test_a_column_of_texts_named_as_labels_is_refused_when_there_are_many_rows(tmp_path):
    rows = [f"text {number},{number % 2}" for number in range(21)]
    content = "\n".join(["body,class", *rows])
    message = refusal(tmp_path, content, text="class", label="body")
    assert (
        message == ": 21 rows with 21 different labels, such as 'text 0'; name the column of classes with label='...'"
    )
    few = tmp_path / "few.csv"
    few.write_text("\n".join(["body,class", *rows[:20]]))
    assert len(corpora.load(few, text="class", label="body").classes) == 20


def test_the_column_that_is_asked_for_must_be_there(tmp_path):
    assert refusal(tmp_path, GOOD, text="body").startswith(": no column 'body'; found 'text', 'label'; pass text='...'")
    assert refusal(tmp_path, GOOD, label="stars").startswith(": no column 'stars'; found 'text', 'label'; pass label=")
    expected = ": expected two columns, of texts and of labels; received 'text' for both"
    assert refusal(tmp_path, GOOD, label="text") == expected


def test_a_label_that_is_none_of_the_given_classes(tmp_path):
    message = refusal(tmp_path, GOOD + "c,2\n", classes=("0", "1"))
    assert message == ", line 4: the label '2' is none of the classes 0, 1; correct it"


def test_bytes_that_are_not_utf8_are_named_with_their_line(tmp_path):
    content = "text,label\r\nfine,1\r\nd\xe9j\xe0 vu,0\r\n".encode("cp1252")
    message = refusal(tmp_path, content)
    assert message.startswith(
        ", line 3: byte 0xe9 is not utf-8; it looks like Windows, Western European, in which line 3 begins "
        "'d\xe9j\xe0 vu,0': if that is right, pass encoding='cp1252', else save"
    )
    assert corpora.load(tmp_path / "own.csv", encoding="cp1252").texts[1] == "d\xe9j\xe0 vu"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_whatever_ends_them(tmp_path, end):
    content = end.join(["text,label", "fine,1", "", "d\xe9j\xe0 vu,0", ""]).encode("cp1252")
    assert refusal(tmp_path, content).startswith(", line 4: byte 0xe9")
    assert refusal(tmp_path, content, encoding="cp1252", label="text").startswith(": expected two columns")
    assert refusal(tmp_path, content.replace(b",0", b",0,0"), encoding="cp1252").startswith(
        ", line 4: expected 2 fields"
    )


def test_encodings_that_a_file_contradicts(tmp_path):
    message = refusal(tmp_path, GOOD.encode("utf-16-le"))
    assert "no plain text in UTF-8; it looks like UTF-16, in which line 1 begins 'text,label'" in message
    message = refusal(tmp_path, GOOD.encode("utf-16"))
    assert message == ": the file begins with the mark of UTF-16, but was read as utf-8; pass encoding='utf-16'"
    message = refusal(tmp_path, GOOD.encode("utf-32"), encoding="utf-16")
    assert message.endswith("mark of UTF-32, but was read as utf-16; pass encoding='utf-32'")
    message = refusal(tmp_path, GOOD.encode("utf-8-sig"), encoding="cp1252")
    assert message == ": the file begins with the mark of UTF-8, but was read as cp1252; leave encoding out"
    assert ", line 3: a zero byte, so this is no plain text in UTF-8" in refusal(tmp_path, GOOD.replace("dull", "d\0"))


@pytest.mark.parametrize("encoding", ["utf-9", "base64", "rot13"])
def test_encodings_that_there_are_not(tmp_path, encoding):
    (tmp_path / "own.csv").write_text(GOOD)
    with pytest.raises(
        CorpusError, match=f"^expected a text encoding, such as 'utf-8' or 'cp1252'; received '{encoding}'$"
    ):
        corpora.load(tmp_path / "own.csv", encoding=encoding)


@pytest.mark.parametrize(
    "data", [GOOD.encode(), gzip.compress(GOOD.encode())[:-5], gzip.compress(GOOD.encode())[:12] + b"\xff" * 30]
)
def test_a_file_that_is_not_whole_gzip(tmp_path, data):
    message = refusal(tmp_path, data, "own.csv.gz")
    assert message.startswith(": not a whole gzip file (")
    assert message.endswith("; fetch or compress it again")


def test_other_kinds_of_file_are_refused(tmp_path):
    expected = ": expected a file that ends in .csv, .tsv, .jsonl or one of these with .gz"
    assert refusal(tmp_path, GOOD, "own.txt") == expected
    assert refusal(tmp_path, GOOD, "own.json") == expected


def test_files_that_are_not_there_are_named_with_the_nearest(tmp_path, monkeypatch):
    (tmp_path / "reviews.csv").write_text(GOOD)
    with pytest.raises(CorpusError, match=r"review\.csv: there is no such file; did you mean 'reviews\.csv'\?$"):
        corpora.load(tmp_path / "review.csv")
    with pytest.raises(CorpusError, match=re.escape(f"{tmp_path / 'no'}: no such folder")):
        corpora.load(tmp_path / "no" / "x.csv")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CorpusError, match=r"^other\.tsv: there is no such file$"):
        corpora.load("other.tsv")


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    (tmp_path / "own.csv").write_text(GOOD)

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(CorpusError, match=r"own\.csv: cannot be read: Permission denied"):
        corpora.load(tmp_path / "own.csv")


def test_a_single_file_has_no_splits(tmp_path):
    message = refusal(tmp_path, GOOD, split="test")
    assert message.startswith(
        ": a single file has no split 'test'; load it without split and divide it with utils.corpora"
    )


def test_a_folder_without_or_with_two_files_for_a_split(tmp_path):
    with pytest.raises(
        CorpusError, match=r"one file for the split 'train', such as train\.csv; found no file that ends"
    ):
        corpora.load(tmp_path)
    (tmp_path / "test.csv").write_text(GOOD)
    with pytest.raises(
        CorpusError, match=r"such as train\.csv; found test\.csv; give the path of the file itself, or an"
    ):
        corpora.load(tmp_path)
    (tmp_path / "test.tsv").write_text(GOOD)
    with pytest.raises(CorpusError, match=r"such as test\.csv; found test\.csv, test\.tsv; give"):
        corpora.load(tmp_path, "test")
