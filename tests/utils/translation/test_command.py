"""`python -m utils.translation`: a line for each text, errors in one line, exit codes."""

import io

import pytest

from tests.utils.translation.small import translator
from utils.translation import __main__ as command


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place, small = tmp_path_factory.mktemp("translator"), translator()
    small.save(place)
    (place / "vocabulary.json").write_text(small.vocabulary.to_json(), encoding="utf-8")
    return place


def test_texts_of_the_command_line(folder, capsys):
    assert command.run_command(["A dog", "A child", "--model", str(folder), "--beam", "2"]) == 0
    told = capsys.readouterr()
    assert told.out.count("\n") == 2
    assert told.err == ""


def test_lines_of_standard_input_keep_their_numbers(folder, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("A dog\n\nA child"))
    assert command.run_command(["--model", str(folder)]) == 0
    lines = capsys.readouterr().out.split("\n")
    assert len(lines) == 4
    assert lines[1] == lines[3] == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([""], "expected text 1 to hold words; it is empty"),
        (["A dog.", "A dog sleeps. " * 200], "at most 255 tokens of text 2"),
    ],
)
def test_a_bad_text_is_one_line_with_its_number_and_exit_code_2(folder, arguments, says, capsys):
    assert command.run_command([*arguments, "--model", str(folder)]) == 2
    told = capsys.readouterr().err
    assert told.startswith("translation: ")
    assert says in told
    assert told.count("\n") == 1


def test_unknown_characters_are_told_with_the_number_of_the_line(folder, capsys):
    assert command.run_command(["A dog.", "A 犬.", "--model", str(folder)]) == 0
    assert "translation: text 2 holds '犬'" in capsys.readouterr().err


def test_without_a_translator_the_remedy_is_named(tmp_path, capsys):
    assert command.run_command(["A dog.", "--model", str(tmp_path)]) == 2
    assert "`make translation` trains" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (["--beam", "0"], "--beam of at least 1"),
        (["--penalty", "-1"], "--penalty of at least 0"),
        (["--beam", "x"], "int"),
    ],
)
def test_options_out_of_range_are_refused_before_anything_is_loaded(option, says, capsys):
    with pytest.raises(SystemExit) as stopped:
        command.run_command(["A dog.", *option])
    assert stopped.value.code == 2
    assert says in capsys.readouterr().err
