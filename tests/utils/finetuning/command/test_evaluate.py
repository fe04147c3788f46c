"""`python -m utils.finetuning evaluate` with a stand-in for the classifier: the report, its files, its refusals."""

import csv
import json

import matplotlib.image
import pytest

from tests.support.finetuning_fakes import FakeClassifier
from utils.checkpoints import CheckpointError
from utils.finetuning.command import evaluate as command
from utils.finetuning.command import main

# The stand-in says "good" with 0.75 where a text holds the word, else "bad" with 0.875.
ROWS = [("a good film", "good")] * 6 + [("a dull film", "bad")] * 3 + [("not good", "bad"), ("a fine film", "good")]


@pytest.fixture
def evaluate(tmp_path, monkeypatch, capsys):
    """Run the command in a folder with own.csv; return (status, output, messages)."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "own.csv", ROWS)

    def load(folder, fingerprint=None):
        if str(folder) != "mine":
            raise CheckpointError("expected a folder that a classifier was saved to")
        return FakeClassifier()

    monkeypatch.setattr(command, "load_classifier", load)

    def run(*options, data="own.csv", model="mine"):
        status = main(["evaluate", "--model", model, "--data", data, *options])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def write(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])


def test_report_has_accuracy_beside_the_majority_share_and_each_class(evaluate):
    status, out, err = evaluate("--quiet")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "accuracy 0.818 of 11 texts (always 'good': 0.636)"
    assert lines[1].startswith("calibration error 0.")
    assert lines[3:6] == [
        "class   precision  recall     F1  texts",
        "'bad'       0.750   0.750  0.750      4",
        "'good'      0.857   0.857  0.857      7",
    ]
    assert lines[7:10] == [
        "true \\ predicted  'bad'  'good'",
        "'bad'                 3       1",
        "'good'                1       6",
    ]
    assert "said 'bad' (0.88), is 'good': a fine film" in lines
    assert "said 'good' (0.75), is 'bad': not good" in lines
    assert lines[lines.index("said 'good' (0.75), is 'bad': not good") + 1] == "  decided by: good +0.62, not +0.00"


def test_json_is_one_line_with_the_same_figures(evaluate):
    _, out, _ = evaluate("--json", "--quiet")
    (line,) = out.splitlines()
    report = json.loads(line)
    assert report["accuracy"] == pytest.approx(9 / 11, abs=1e-4)
    assert report["confusion"] == [[3, 1], [1, 6]]
    assert report["texts"] == 11
    assert [error["text"] for error in report["errors"]] == ["a fine film", "not good"]
    assert report["errors"][1]["words"][0] == ["good", 0.625]
    assert report["temperature"] == 1.0


def test_files_are_written_whole_and_again(evaluate, tmp_path):
    for _ in range(2):
        assert evaluate("--output", "found", "--errors", "1", "--quiet")[0] == 0
        folder = tmp_path / "found"
        assert {path.name for path in folder.iterdir()} == {"report.json", "errors.csv", "confusion.png"}
        assert len(json.loads((folder / "report.json").read_text())["errors"]) == 1
        with (folder / "errors.csv").open(newline="") as file:
            rows = list(csv.reader(file))
        assert rows == [
            ["text", "true", "predicted", "probability"],
            ["a fine film", "good", "bad", "0.8750"],
            ["not good", "bad", "good", "0.7500"],
        ]
        assert matplotlib.image.imread(folder / "confusion.png").std() > 0.1, "something is drawn"


@pytest.mark.parametrize(
    ("options", "places", "message"),
    [
        ((), {"data": "none.csv"}, "none.csv: there is no such file"),
        ((), {"model": "other"}, "--model other: expected a folder that a classifier was saved to"),
        (("--label-column", "stars"), {}, "stars"),
        (("--split", "dev"), {}, "a single file has no split 'dev'"),
        (("--output", "own.csv"), {}, "--output own.csv: expected a folder"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(evaluate, options, places, message):
    status, out, err = evaluate(*options, **places)
    assert (status, out) == (2, "")
    assert message in err.splitlines()[-1]
    assert "Traceback" not in err


def test_labels_that_are_no_classes_of_the_classifier_are_named(evaluate, tmp_path):
    write(tmp_path / "other.csv", [("a good film", "joy"), ("a bad film", "anger")])
    status, _, err = evaluate(data="other.csv")
    assert status == 2
    assert "joy" in err or "anger" in err
    assert "bad, good" in err


def test_texts_that_the_vocabulary_does_not_know_are_warned_of(evaluate, tmp_path):
    write(tmp_path / "other.csv", [("电影 很 好看", "good"), ("我 喜欢", "bad")] * 3)
    assert "warning: 100% of the tokens are unknown to the vocabulary of mine, which" in evaluate(data="other.csv")[2]
    assert "unknown" not in evaluate()[2]
