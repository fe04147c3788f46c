"""`python -m utils.finetuning train` with a stand-in for the training: inputs, messages, statuses, interruptions."""

import contextlib
import json
import os
import signal

import numpy as np
import pytest

from tests.support.finetuning_fakes import GOOD, ROWS, FakeClassifier, FakeFineTuning, train
from tests.support.finetuning_toys import POSITIONS, write_bert
from utils.checkpoints import verify_checkpoint
from utils.finetuning.command import main


def refusal(capsys, *options, **places):
    """Return what is said where the input is refused: one line, no traceback, nothing on standard output."""
    assert train(*options, **places) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    last = printed.err.splitlines()[-1]
    assert last.startswith("train: ")
    assert "Traceback" not in printed.err
    return last.removeprefix("train: ")


def test_result_is_one_line_of_json_and_all_else_goes_to_standard_error(place, tuning, capsys):
    assert train("--epochs", "2", "--batch-size", "5", "--learning-rate", "1e-3", "--seed", "7") == 0
    printed = capsys.readouterr()
    (line,) = printed.out.splitlines()
    result = json.loads(line)
    asked = {"data": "own.csv", "model": "bert", "epochs": 2, "batch_size": 5, "learning_rate": 0.001, "seed": 7}
    assert {name: result[name] for name in asked} == asked
    assert result["output"] == str(place / "out")
    assert (result["training_texts"], result["validation_texts"]) == (54, 6)
    assert result["accuracy"] == result["macro_f1"] == 1.0
    assert result["confusion"] == [[2, 0], [0, 4]]
    assert result["loss"] == pytest.approx(-(2 * np.log(0.875) + 4 * np.log(0.75)) / 6, abs=1e-4)
    assert result["max_length"] == 8  # five words and two special tokens, rounded up
    assert result["seconds"] == 1.2
    assert verify_checkpoint(place / "out")
    assert "what ktrain prints" in printed.err
    assert "training: Corpus(own.csv/train: 54 texts; bad 18, good 36)" in printed.err
    assert "length: 8 tokens; 0 of 54 training texts are longer and are cut" in printed.err
    assert not (place / "out.unfinished").exists()


def test_probabilities_are_calibrated_on_held_out_texts_and_the_temperature_is_kept(place, tuning, capsys):
    (place / "held-out.csv").write_text("\n".join(["text,label", *ROWS[:49], "a bad film,good", ""]))
    assert train("--validation", "held-out.csv") == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert result["temperature"] == 1.5
    assert result["calibration_error_before"] != result["calibration_error"]
    assert "at temperature 1.50, which is kept: " in printed.err
    assert json.loads((place / "out" / "classifier.json").read_text())["temperature"] == 1.5


def test_few_held_out_texts_fit_no_temperature(place, tuning, capsys):
    assert train() == 0
    printed = capsys.readouterr()
    assert "temperature" not in json.loads(printed.out)
    assert "temperature" not in printed.err


def test_training_gets_the_texts_the_classes_and_the_choices(place, tuning, capsys):
    assert train("--seed", "7", "--max-length", "6", "--validation", "0.5") == 0
    (made,) = tuning.made
    assert len(made["texts"]) == len(made["labels"]) == 30
    assert all(("good" in text) == label for text, label in zip(made["texts"], made["labels"], strict=True))
    assert made["classes"] == ["bad", "good"]
    assert made["model"] == place / "bert"
    assert (made["max_length"], made["batch_size"], made["seed"]) == (6, 32, 7)
    texts, labels = made["validation"]
    assert sorted(texts + made["texts"]) == sorted(row.rpartition(",")[0] for row in ROWS)
    assert len(labels) == 30
    assert "30 of 30 training texts are longer and are cut" in capsys.readouterr().err


def test_quiet_says_nothing_but_the_result(place, capsys, monkeypatch):
    monkeypatch.setattr(FakeFineTuning, "fit", lambda self, *_, **__: FakeClassifier())
    assert train("--quiet") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert json.loads(printed.out)["accuracy"] == 1.0


def test_columns_encoding_and_quotes_are_passed_on(place, tuning):
    rows = [f'"Très {word}" dit-elle;{word};{at}' for at in range(10) for word in ("bon", "nul")]
    (place / "own.csv").write_bytes("\n".join(["avis;note;n", *rows]).encode("cp1252"))
    assert train("--text-column", "avis", "--label-column", "note", "--encoding", "cp1252", "--no-quotes") == 0
    (made,) = tuning.made
    assert set(made["texts"]) == {'"Très bon" dit-elle', '"Très nul" dit-elle'}
    assert made["classes"] == ["bon", "nul"]


def test_the_message_about_a_missing_header_shows_the_option_that_reads_every_row(place, tuning, capsys):
    (place / "own.csv").write_text("\n".join(ROWS))
    message = refusal(capsys)
    assert message.startswith(
        "own.csv: line 1 looks like a row, not like names of columns: 'a bad film number 0', 'bad'"
    )
    assert message.endswith("if the file has no header, pass --columns text,label")
    assert train("--columns", "text,label", "--validation", "0.5") == 0
    (made,) = tuning.made
    assert len(made["texts"]) == 30
    assert made["classes"] == ["bad", "good"]


@pytest.mark.parametrize("columns", ["text", "text,,label", "text,text", ""])
def test_names_of_columns_that_are_none_are_refused(place, capsys, columns):
    with pytest.raises(SystemExit):
        train("--columns", columns)
    assert "such as text,label; received" in capsys.readouterr().err


def test_advice_about_encodings_and_columns_names_options(place, capsys):
    (place / "own.csv").write_bytes("text,label\n质量很好,好\n质量太差,坏\n".encode("gb18030"))
    assert "if that is right, pass --encoding gb18030, else save the file as UTF-8" in refusal(capsys)
    (place / "own.csv").write_text(GOOD)
    assert "leave --columns out" in refusal(capsys, "--columns", "text,label")


def test_validation_may_be_a_file_whose_labels_count_as_those_of_the_training(place, tuning, capsys):
    (place / "held.jsonl").write_text('{"text": "good one", "label": "good"}\n{"text": "", "label": "bad"}\n')
    assert train("--validation", "held.jsonl") == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["confusion"] == [[0, 0], [0, 1]]
    assert "warning: held.jsonl: dropped 1 row whose text is empty (line 2)" in printed.err
    assert len(tuning.made[0]["texts"]) == 60


def test_validation_may_be_a_split_of_a_folder_or_of_a_known_corpus(place, tuning, monkeypatch):
    for name, rows in (("train", ROWS), ("dev", [row for row in ROWS if "good" in row][:7])):
        (place / "folder").mkdir(exist_ok=True)
        (place / "folder" / f"{name}.csv").write_text("\n".join(["text,label", *rows]))
    assert train("--validation", "dev", data="folder") == 0
    monkeypatch.setenv("BOOK_DATA_DIR", str(place))
    (place / "sst2").mkdir()
    for name, count in (("train", 9), ("dev", 4)):
        (place / "sst2" / f"stsa.binary.{name}").write_text("".join(f"{at % 2} text {at}\n" for at in range(count)))
    assert train("--validation", "dev", data="sst2", output="other") == 0
    assert [list(made["validation"][1]) for made in tuning.made] == [[1] * 7, [0, 1, 0, 1]]
    assert tuning.made[1]["classes"] == ["negative", "positive"]


def test_texts_in_both_parts_are_counted(place, capsys):
    (place / "own.csv").write_text("\n".join(["text,label", *(["the same,a", "other,b"] * 10)]))
    assert train() == 0
    assert (
        "warning: 2 texts are in both parts, so that the held-out figures flatter: remove repeated"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("", [], "own.csv: the file is empty; expected rows of text and label"),
        (
            "body,stars\na,1\nb,2\n",
            [],
            "no column 'text' or 'review' or 'sentence'; found 'body', 'stars'; pass --text-co",
        ),
        (
            "text,stars\na,1\nb,2\n",
            [],
            "no column 'label'; found 'text', 'stars'; pass --label-column ... with one of th",
        ),
        (GOOD + "a,b,good\n", [], "own.csv, line 62: expected 2 fields (text, label), as in the header; found 3"),
        (
            GOOD + '"a" b,good\n',
            [],
            "quotes and double those inside it, or pass --no-quotes if the file encloses no fi",
        ),
        ("text,label\na,1\nb,1\n", [], "all 2 rows have the label '1'; a classifier needs rows of two classes or more"),
        (GOOD.replace("bad,bad", "d\xe9,bad").encode("cp1252"), ["--encoding", "utf-9"], "received 'utf-9'"),
        (
            "text,label\nd\xe9j\xe0,1\n".encode("cp1252"),
            [],
            "own.csv, line 2: byte 0xe9 is not utf-8; it looks like Windows, Western",
        ),
        ("text,label\nd\xe9j\xe0,1\n".encode("cp1252"), [], "if that is right, pass --encoding cp1252, else save"),
        ("text,label\na,1\nb,2\n", [], "leaves a part empty: add texts or change --validation"),
        (
            GOOD,
            ["--validation", "1.5"],
            "expected a share between 0 and 1, the name of a split, or a file; received '1.5'",
        ),
        (
            GOOD,
            ["--validation", "nan"],
            "expected a share between 0 and 1, the name of a split, or a file; received 'nan'",
        ),
        (
            GOOD,
            ["--validation", "dev"],
            "expected --validation to be a share such as 0.1, the name of a split of --data,",
        ),
        (GOOD, ["--validation", "no.csv"], "no.csv: there is no such file"),
        (
            GOOD,
            ["--validation", "held.csv"],
            "held.csv, line 3: the label 'fair' is none of the classes bad, good; correct",
        ),
        ("text,label\na,1\nb,2\nc,2\nd,2\n", ["--validation", "0.75"], "no training text of the class "),
    ],
)
def test_data_that_cannot_be_used_is_refused_in_terms_of_the_options(place, capsys, content, options, message):
    (place / "own.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    (place / "held.csv").write_text("text,label\na,good\nb,fair\n")
    assert message in refusal(capsys, *options)
    assert not (place / "out").exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("none.csv", "none.csv: there is no such file; did you mean 'one.csv'?"),
        ("imbd", "received 'imbd'; did you mean 'imdb'?"),
        ("imdb", "Then set BOOK_DATA_DIR=FOLDER"),
        ("x" * 300 + ".csv", "File name too long"),
        ("one.csv/two.csv", "no such folder"),
        ("bert", "bert: expected one file for the split 'train', such as train.csv; found no file that ends in .csv"),
    ],
)
def test_data_that_is_not_there_is_refused(place, capsys, monkeypatch, data, message):
    monkeypatch.delenv("BOOK_DATA_DIR", raising=False)
    (place / "one.csv").write_text(GOOD)
    assert message in refusal(capsys, data=data)


def test_options_for_own_files_are_refused_for_known_corpora(place, capsys):
    expected = "expected text, encoding for a file of your own only; 'sst2' has columns and an encoding of its own"
    assert refusal(capsys, "--text-column", "x", "--encoding", "cp1252", data="sst2") == expected


def write_config(folder, content):
    folder.mkdir()
    (folder / "config.json").write_text(content)
    (folder / "model.safetensors").write_bytes(b"")


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("own.csv", [], "--model own.csv: expected a folder with an encoder; this is a file"),
        ("./nowhere", [], "--model ./nowhere: expected a folder with an encoder; there is none at ./nowhere"),
        ("hollow", [], "--model hollow: expected config.json in hollow; it holds []"),
        ("torn", [], "--model torn: its config.json is not that of an encoder: "),
        ("listed", [], "--model listed: its config.json is not that of an encoder: "),
        (
            "bert",
            ["--max-length", "41"],
            "expected --max-length of at most 40: --model bert has 40 positions; received 41",
        ),
    ],
)
def test_encoders_that_cannot_be_used_are_refused_before_anything_is_trained(
    place, tuning, capsys, model, options, message
):
    (place / "hollow").mkdir()
    write_config(place / "torn", "{")
    write_config(place / "listed", "[]")
    assert refusal(capsys, *options, model=model).startswith(message)
    assert tuning.made == ()
    assert POSITIONS == 40


def test_an_encoder_that_ktrain_cannot_build_is_bad_input_and_a_missing_package_is_not(
    place, tuning, capsys, monkeypatch
):
    def refuse(self, *_, **__):
        raise KeyError("no such layer")

    monkeypatch.setattr(tuning, "__init__", refuse)
    assert refusal(capsys) == "--model bert: KeyError: 'no such layer'; --traceback shows where"

    def miss(self, *_, **__):
        raise ImportError("expected setuptools")

    monkeypatch.setattr(tuning, "__init__", miss)
    assert train() == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("train: failed: ImportError: expected setuptools")


def test_output_that_holds_something_else_is_left_alone(place, capsys):
    (place / "out").mkdir()
    (place / "out" / "thesis.tex").write_text("years of work")
    message = f"--output {place / 'out'}: there is something else there; choose another folder"
    assert refusal(capsys) == refusal(capsys, "--overwrite") == message
    assert (place / "out" / "thesis.tex").read_text() == "years of work"
    assert refusal(capsys, output="own.csv").endswith("there is something else there; choose another folder")
    assert refusal(capsys, output="own.csv/out").endswith(
        f"nothing can be written in {place / 'own.csv'}; choose another folder"
    )


def test_a_folder_that_may_not_be_written_is_refused(place, capsys, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert f"nothing can be written in {place}; choose another folder" in refusal(capsys)


def test_an_earlier_classifier_is_replaced_only_when_asked(place, capsys):
    assert train(output="new/out/") == 0
    first = json.loads(capsys.readouterr().out)
    message = f"--output {place / 'new' / 'out'}: holds a classifier; choose another folder, or pass --overwrite"
    assert refusal(capsys, output="new/out") == message
    FakeFineTuning.history = {"loss": [0.25], "seconds": [2.5]}
    try:
        assert train("--overwrite", output="new/out") == 0
    finally:
        FakeFineTuning.history = None
    second = json.loads(capsys.readouterr().out)
    assert first["output"] == second["output"]
    assert first["fingerprint"] != second["fingerprint"]


def test_a_classifier_that_appears_during_the_training_is_not_replaced(place, tuning, capsys):
    tuning.epoch = staticmethod(lambda at: FakeClassifier().save(place / "out") if at == 2 else None)
    assert train() == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("train: failed: FileExistsError: expected no file or folder at ")
    assert "choose another, or pass --overwrite" in told
    assert json.loads((place / "out.unfinished" / "progress.json").read_text())["finished"] == 3


def test_an_empty_folder_may_be_the_output(place, capsys):
    (place / "out").mkdir()
    assert train() == 0
    assert verify_checkpoint(place / "out")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_training_keeps_its_finished_epochs_and_the_same_command_goes_on(place, tuning, capsys, number):
    seen = []

    def epoch(at):
        seen.append(at)
        if at == 2 and len(seen) == 3:
            os.kill(os.getpid(), number)

    tuning.epoch = staticmethod(epoch)
    assert train("--epochs", "5") == 130
    printed = capsys.readouterr()
    kept = place / "out.unfinished"
    message = f"train: interrupted: 2 of 5 epochs finished and kept in {kept}; the same command goes on from there"
    assert printed.err.splitlines()[-1] == message
    assert printed.out == ""
    assert not (place / "out").exists()
    assert train("--epochs", "5") == 0
    assert "going on after 2 of 5 epochs" in capsys.readouterr().err
    assert seen == [0, 1, 2, 2, 3, 4]
    assert not kept.exists()


def test_interruption_in_the_first_epoch_leaves_nothing_behind(place, tuning, capsys):
    tuning.epoch = staticmethod(lambda at: os.kill(os.getpid(), signal.SIGINT))
    assert train() == 130
    expected = "train: interrupted before a batch was finished: nothing is kept"
    assert capsys.readouterr().err.splitlines()[-1] == expected
    assert sorted(path.name for path in place.iterdir()) == ["bert", "own.csv"]


def test_an_interruption_that_a_library_swallows_still_stops(place, tuning, capsys, monkeypatch):
    made = tuning.__init__

    def swallow(self, *arguments, **choices):
        made(self, *arguments, **choices)
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(tuning, "__init__", swallow)
    tuning.epoch = staticmethod(lambda at: pytest.fail("training began"))
    assert train() == 130


def test_what_is_being_saved_is_saved_whole(place, capsys, monkeypatch):
    save = FakeClassifier.save

    def interrupted(self, folder, overwrite):
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)
        return save(self, folder, overwrite)

    monkeypatch.setattr(FakeClassifier, "save", interrupted)
    assert train() == 0
    assert verify_checkpoint(place / "out")


def test_signals_are_handled_afterwards_as_they_were_before(place):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    train()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.fixture
def unfinished(place, tuning, capsys):
    """A training of which one of three epochs is finished."""
    tuning.epoch = staticmethod(lambda at: at and os.kill(os.getpid(), signal.SIGINT))
    assert train() == 130
    tuning.epoch = staticmethod(lambda at: None)
    capsys.readouterr()
    return place / "out.unfinished"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", "4"], "epochs was 3, now 4"),
        (["--seed", "1"], "data was "),
        (["--learning-rate", "1e-4"], "learning_rate was 5e-05, now 0.0001"),
        (["--max-length", "8"], "max_length was None, now 8"),
        (["--batch-size", "8"], "batch_size was 32, now 8"),
        (["--validation", "0.2"], "data was "),
    ],
)
def test_another_training_does_not_go_on_with_an_unfinished_one(unfinished, capsys, options, message):
    told = refusal(capsys, *options)
    assert told.startswith(f"{unfinished} holds an unfinished training of another kind: ")
    assert message in told
    assert told.endswith("give the same again to go on, --restart to begin anew, or another --output")
    assert json.loads((unfinished / "progress.json").read_text())["finished"] == 1


def test_another_encoder_does_not_go_on_either(unfinished, place, capsys):
    write_bert(place / "bert", dropout=0.3)
    assert "another kind: encoder was " in refusal(capsys)


def test_restart_begins_anew(unfinished, tuning, capsys):
    seen = []
    tuning.epoch = staticmethod(seen.append)
    assert train("--epochs", "4", "--restart") == 0
    assert seen == [0, 1, 2, 3]
    assert not unfinished.exists()


@pytest.mark.parametrize("content", [None, "{", "[]", '{"settings": 3}', "{}"])
def test_a_folder_in_the_place_of_an_unfinished_training_is_left_alone(place, capsys, content):
    folder = place / "out.unfinished"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    if content is not None:
        (folder / "command.json").write_text(content)
    for options in ([], ["--restart"]):
        expected = (
            f"expected an unfinished training in {folder}; its command.json cannot be read: remove the folder, or"
        )
        assert refusal(capsys, *options).startswith(expected)
    assert (folder / "mine.txt").read_text() == "mine"


def test_a_training_that_diverges_is_no_success(place, capsys, monkeypatch):
    monkeypatch.setattr(FakeFineTuning, "history", {"loss": [0.7, float("nan")], "seconds": [1, 1]})
    assert train() == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "train: the loss is no longer a number: the training has diverged; use a smaller --lear" in printed.err
    assert sorted(path.name for path in place.iterdir()) == ["bert", "own.csv"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("one\n  two"), "train: failed: RuntimeError: one two; --traceback shows where"),
        (
            MemoryError(),
            "train: failed: memory was not enough (MemoryError): use a smaller --batch-size or --max-length",
        ),
        (type("ResourceExhaustedError", (Exception,), {})("OOM when"), "not enough (ResourceExhaustedError): use a sm"),
        (RuntimeError("x" * 5000), f"train: failed: RuntimeError: {'x' * 600} ...; --traceback shows where"),
    ],
)
def test_a_failure_on_the_way_is_told_in_one_line_and_keeps_what_is_finished(place, tuning, capsys, error, message):
    def fail(at):
        if at:
            raise error

    tuning.epoch = staticmethod(fail)
    assert train() == 1
    printed = capsys.readouterr()
    assert message in printed.err.splitlines()[-1]
    assert "Traceback" not in printed.err
    assert f"1 of 3 epochs are kept in {place / 'out.unfinished'}; the same command goes on there" in printed.err
    assert json.loads((place / "out.unfinished" / "progress.json").read_text())["finished"] == 1
    assert train("--traceback") == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--epochs", "0", "expected an integer, at least 1; received '0'"),
        ("--epochs", "two", "expected an integer, at least 1; received 'two'"),
        ("--batch-size", "-4", "expected an integer, at least 1; received '-4'"),
        ("--max-length", "2", "expected an integer, at least 3; received '2'"),
        ("--learning-rate", "0", "expected a number above 0 and below 1, such as 5e-5; received '0'"),
        ("--learning-rate", "nan", "expected a number above 0 and below 1, such as 5e-5; received 'nan'"),
        ("--learning-rate", "fast", "expected a number above 0 and below 1, such as 5e-5; received 'fast'"),
        ("--seed", "4294967296", "expected an integer, from 0 to 4294967295; received '4294967296'"),
        ("--speed", "9", "unrecognized arguments: --speed 9"),
    ],
)
def test_options_out_of_range_are_wrong_use(capsys, option, value, message):
    with pytest.raises(SystemExit) as ended:
        train(f"{option}={value}" if value.startswith("-") else option, *([] if value.startswith("-") else [value]))
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["learn"], ["train"], ["predict"], ["train", "--data", "own.csv"]])
def test_a_command_and_its_places_are_asked_for(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: python -m utils.finetuning" in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["train"], ["predict"]])
def test_help_tells_the_options(capsys, command):
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    expected = {"train": "--validation SHARE|SPLIT|FILE", "predict": "--fingerprint SHA256", "": "130 interrupted"}
    assert expected["".join(command)] in told


def test_result_is_read_by_a_person_before_the_line_of_json(place, capsys):
    assert train() == 0
    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    at = lines.index("held-out accuracy 1.00 (always 'good': 0.67)")
    assert lines[at + 1] == "recall: 'bad' 1.00 of 2, 'good' 1.00 of 4"
    assert lines[at - 1].startswith("try: echo")
    result = json.loads(printed.out.splitlines()[-1])
    assert (result["majority_class"], result["majority_share"]) == ("good", 0.6667)
    assert [f"warning: {warning}" for warning in result["warnings"]] == lines[at + 2 :]
    assert [warning.split()[1] for warning in result["warnings"]] == ["held-out", "texts"]


def test_chinese_text_with_an_english_encoder_is_warned_of_before_and_after_training(place, tuning, capsys):
    rows = [f"电影 很 {'good' if at % 2 else 'bad'} {at},{at % 2}" for at in range(60)]
    (place / "own.csv").write_text("\n".join(["text,label", *rows]))
    tuning.epoch = staticmethod(lambda at: print("epoch", at))
    assert train("--validation", "0.9") == 0
    err = capsys.readouterr().err
    warning = "warning: 50% of the tokens are unknown to the vocabulary of bert, which cannot read these texts"
    assert [part.count(warning) for part in err.split("what ktrain prints")] == [1, 1]


def test_every_warning_is_a_line_with_its_remedy_and_stands_in_the_json(place, capsys):
    rows = [f"电影 好看 good {at},good" for at in range(110)] + ["电影 好看 good,bad"] * 10
    (place / "own.csv").write_text("\n".join(["text,label", *rows]))
    assert train("--validation", "0.2", "--max-length", "4", "--epochs", "1") == 0
    printed = capsys.readouterr()
    told = [line.removeprefix("warning: ") for line in printed.err.splitlines() if line.startswith("warning: ")]
    expected = [
        ("1 text is in both parts", "remove repeated texts"),
        ("classes are very unequal", "add texts of 'bad'"),
        ("24 held-out texts can say little", "hold out 50 or more"),
        ("of the tokens are unknown", "choose an encoder for their language"),
        ("training texts are cut after 4 tokens", "pass --max-length, up to 40"),
        ("too few for the learning rate to rise", "pass a smaller --batch-size"),
        ("does no better than always answering 'good'", "do not use it"),
        ("never answers 'bad'", "add training texts of the class"),
    ]
    assert list(dict.fromkeys(told)) == json.loads(printed.out)["warnings"]
    for line, (problem, remedy) in zip(json.loads(printed.out)["warnings"], expected, strict=True):
        assert problem in line
        assert remedy in line


@pytest.mark.parametrize(
    "row", [r'{"text": "so good \ud83d!", "label": "yes"}', r'{"text": "so good", "label": "yes\ud83d"}']
)
def test_half_of_a_surrogate_pair_blames_the_data_and_not_the_model(place, tuning, capsys, row):
    rows = [json.dumps({"text": f"film {at}", "label": ["no", "yes"][at % 2]}) for at in range(20)]
    (place / "own.jsonl").write_text("\n".join([*rows, row, row]))
    told = refusal(capsys, data="own.jsonl")
    assert told.startswith("own.jsonl")
    assert "half of a character" in told
    assert "--model" not in told
    assert tuning.made == ()


@pytest.mark.parametrize("where", ["own.csv", "own.csv/cache"])
def test_a_cache_that_cannot_be_written_does_not_blame_the_model(place, tuning, capsys, monkeypatch, where):
    monkeypatch.setenv("BOOK_CACHE_DIR", str(place / where))
    write_bert(place / "bert", written_by="pt")
    assert train() == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(f"train: expected to be able to write in {place / where}, where encoders are kept: ")
    assert told.endswith("Set BOOK_CACHE_DIR to a folder on a disk with room that you may write")
    assert tuning.made == ()


def test_a_cache_of_the_hub_that_cannot_be_written_is_named(place, capsys, monkeypatch):
    import huggingface_hub

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    assert train(model="some/bert") == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert "where encoders are kept: Permission denied. Set HF_HOME to a folder" in told
    assert "--model" not in told


def test_batches_of_an_unfinished_epoch_are_kept_and_told(place, tuning, capsys):
    def interrupt(at):
        record = {"finished": 1, "batches": 7, "partial": {"loss": 0.5}}
        (place / "out.unfinished" / "progress.json").write_text(json.dumps(record))
        os.kill(os.getpid(), signal.SIGINT)

    tuning.epoch = staticmethod(interrupt)
    assert train() == 130
    kept = f"1 of 3 epochs and 7 batches finished and kept in {place / 'out.unfinished'}"
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"train: interrupted: {kept}; the same command goes on from there"
    )
    tuning.epoch = staticmethod(lambda at: None)
    assert train() == 0
    assert "going on after 1 of 3 epochs and 7 batches" in capsys.readouterr().err
