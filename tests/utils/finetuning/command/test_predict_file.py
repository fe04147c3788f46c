"""`python -m utils.finetuning predict --data`: rows in, the same rows out with their classes, nothing lost."""

import csv
import json

import numpy as np
import pytest

from tests.support.finetuning_fakes import FakeClassifier
from utils.finetuning.command import main, predict_file

ROWS = [(str(at), f"a {'good' if at % 3 else 'dull'} film, {at}" if at % 5 else "") for at in range(40)]


class Network:
    def __init__(self, value):
        self.value = value

    def get_weights(self):
        return [np.full(3, self.value)]


class Counting(FakeClassifier):
    """Counts the texts that it is asked about, and is interrupted after so many."""

    asked, limit, weight, divisor, longest = 0, None, 1.0, 1.0, 8

    def __init__(self):
        super().__init__()
        self.model, self.max_length = Network(type(self).weight), type(self).longest
        self.details["temperature"] = type(self).divisor

    def predict_probability(self, texts, progress=False):
        if Counting.limit is not None and Counting.asked >= Counting.limit:
            raise KeyboardInterrupt
        Counting.asked += len(texts)
        return super().predict_probability(texts)


@pytest.fixture
def predict(tmp_path, monkeypatch, capsys):
    """Run the command in a folder with own.csv; return (status, output, messages)."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "own.csv", ROWS)
    monkeypatch.setattr(Counting, "asked", 0)
    monkeypatch.setattr(Counting, "limit", None)
    monkeypatch.setattr(predict_file, "CHUNK", 8)
    monkeypatch.setattr(predict_file, "load_classifier", lambda folder, fingerprint=None: Counting())

    def run(*options, data="own.csv", output="out.csv"):
        status = main(["predict", "--model", "mine", "--data", data, "--output", output, *options])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def write(path, rows, header=("id", "text")):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def expected():
    answers = {True: ["good", "0.7500"], False: ["bad", "0.8750"]}
    return [["id", "text", "predicted", "probability"]] + [
        [number, text, *(answers["good" in text] if text else ["", ""])] for number, text in ROWS
    ]


def test_each_row_keeps_its_columns_and_its_place_and_gets_its_class(predict, tmp_path):
    status, out, err = predict()
    assert status == 0
    assert read(tmp_path / "out.csv") == expected()
    assert json.loads(out) == {"output": str(tmp_path / "out.csv"), "texts": 32, "rows": 40}
    assert "warning: 8 rows without text" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "own.csv"]


def test_what_was_interrupted_goes_on_and_asks_for_no_text_twice(predict, tmp_path, monkeypatch):
    monkeypatch.setattr(Counting, "limit", 16)
    status, out, err = predict()
    assert (status, out) == (130, "")
    assert "interrupted: 16 texts of 32 kept in" in err
    assert not (tmp_path / "out.csv").exists()
    monkeypatch.setattr(Counting, "limit", None)
    assert predict()[0] == 0
    assert Counting.asked == 32
    assert read(tmp_path / "out.csv") == expected()


@pytest.mark.parametrize(("what", "other"), [("weight", 2.0), ("divisor", 1.5), ("longest", 9)])
def test_answers_of_another_classifier_or_to_other_texts_are_not_gone_on_with(
    predict, tmp_path, monkeypatch, what, other
):
    monkeypatch.setattr(Counting, "limit", 16)
    assert predict()[0] == 130
    monkeypatch.setattr(Counting, "limit", None)
    monkeypatch.setattr(Counting, what, other)
    status, _, err = predict()
    assert status == 2
    assert "holds answers to other texts, or of another classifier" in err
    assert predict("--restart")[0] == 0
    assert Counting.asked == 16 + 32
    assert read(tmp_path / "out.csv") == expected()


@pytest.mark.parametrize(
    ("options", "places", "message"),
    [
        ((), {"data": "none.csv"}, "none.csv"),
        ((), {"output": "out.txt"}, "--output out.txt: expected a name that ends in .csv"),
        ((), {"output": "own.csv"}, "--output own.csv: is there already; choose another name, or pass --overwrite"),
        ((), {"output": "no/folder.csv"}, "nothing can be written in"),
        ((), {"output": ""}, "--data needs --output FILE.csv"),
        (("--text-column", "body"), {}, "no column 'body'"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(predict, options, places, message):
    status, out, err = predict(*options, **places)
    assert (status, out) == (2, "")
    assert message in err.splitlines()[-1]
    assert "Traceback" not in err


def test_a_column_that_has_the_name_of_an_answer_is_named(predict, tmp_path):
    write(tmp_path / "taken.csv", [("a film", "good")], header=("text", "predicted"))
    status, _, err = predict(data="taken.csv")
    assert status == 2
    assert "has a column 'predicted' already; rename it" in err


def test_rows_of_which_most_tokens_are_unknown_are_counted(predict, tmp_path):
    write(tmp_path / "chinese.csv", [("1", "电影 很 好看"), ("2", "电影 good film"), ("3", "好 看"), ("4", "")])
    status, _, err = predict(data="chinese.csv")
    assert status == 0
    assert "warning: 2 of 3 texts with more than half of the tokens unknown to the vocabulary: the answers" in err
    assert "train with an encoder for this language" in err
    assert "unknown" not in predict(output="other.csv")[2]
    assert "unknown" not in predict("--quiet", "--overwrite", data="chinese.csv")[2]


LINES = ["I liked the film.", "I did not, I fear.", "Never again!"]


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        ([(line,) for line in LINES], "text"),
        ([(str(at), line) for at, line in enumerate(LINES)], "column1,text"),
        ([(line, str(at)) for at, line in enumerate(LINES)], "text,column2"),
    ],
)
def test_a_file_without_a_header_is_read_with_the_option_that_the_message_shows(predict, tmp_path, rows, columns):
    write(tmp_path / "bare.csv", rows[1:], header=rows[0])
    status, _, err = predict(data="bare.csv")
    assert status == 2
    assert err.splitlines()[-1].endswith(f"if the file has no header, pass --columns {columns}")
    assert predict("--columns", columns, data="bare.csv")[0] == 0
    assert [row[columns.split(",").index("text")] for row in read(tmp_path / "out.csv")] == ["text", *LINES]


def test_a_first_row_that_is_a_header_or_a_text_is_not_taken_for_the_other(predict, tmp_path):
    status, _, err = predict("--columns", "id,text")
    assert status == 2
    assert err.splitlines()[-1] == "predict: own.csv: the first row names the columns already; leave --columns out"
    write(tmp_path / "bare.csv", [("Never again!",)], header=("I liked the film.",))
    status, _, err = predict("--text-column", "I liked the film.", data="bare.csv")
    assert status == 0
    assert "warning: bare.csv: line 1, 'I liked the film.', is taken for names of columns and not read as a text" in err
    assert "if the file has no header, pass --columns text\n" in err
    write(tmp_path / "message.csv", [("fine",), ("Long, and dull.",)], header=("message",))
    assert "warning" not in predict("--overwrite", "--text-column", "message", data="message.csv")[2]
