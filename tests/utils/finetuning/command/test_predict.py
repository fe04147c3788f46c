"""`python -m utils.finetuning predict` with a stand-in for the classifier: lines in, lines out, whatever comes."""

import io
import itertools
import json
import os
import signal
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.finetuning_fakes import FakeClassifier
from tests.support.finetuning_toys import write_bert
from utils.finetuning.command import main
from utils.finetuning.command import predict as finetuning_command_predict
from utils.finetuning.command.errors import InputError
from utils.finetuning.command.predict import checked_encoding, read_lines


class Pieces(io.RawIOBase):
    """Bytes that come piece by piece, as from a pipe that another program fills."""

    def __init__(self, pieces):
        self.pieces = list(pieces)

    def read1(self, size):
        return self.pieces.pop(0) if self.pieces else b""


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command on some bytes, or on a source; return (status, output, messages)."""
    loaded = []

    def load(folder, fingerprint=None):
        loaded.append((folder, fingerprint))
        return FakeClassifier(("très bad", "good"))

    def run_on(data, *options):
        source = io.BytesIO(data) if isinstance(data, bytes) else data
        monkeypatch.setattr(sys, "stdin", StandardInput(source))
        status = main(["predict", "--model", "out", *options])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    monkeypatch.setattr(finetuning_command_predict, "load_classifier", load)
    run_on.loaded = loaded
    return run_on


class StandardInput:
    """What `sys.stdin` is here: bytes underneath, and no terminal."""

    def __init__(self, buffer, terminal=False):
        self.buffer, self.terminal = buffer, terminal

    def isatty(self):
        return self.terminal


def test_each_line_gets_its_class_and_its_probability(run):
    status, out, err = run("a good film\ndéjà vu\r\ngood".encode())
    assert (status, out) == (0, "good\t0.7500\ntrès bad\t0.8750\ngood\t0.7500\n")
    assert "3line" in err.replace(" ", "")
    assert run.loaded == [("out", None)]


def test_json_holds_the_text_and_all_classes(run):
    status, out, _ = run('so "good"\n \nnaïve\n'.encode(), "--json", "--quiet")
    assert status == 0
    names = ("text", "label", "probability", "probabilities")
    assert [json.loads(line) for line in out.splitlines()] == [
        dict(zip(names, ('so "good"', "good", 0.75, {"très bad": 0.25, "good": 0.75}), strict=True)),
        dict(zip(names, (" ", None, None, None), strict=True)),
        dict(zip(names, ("naïve", "très bad", 0.875, {"très bad": 0.875, "good": 0.125}), strict=True)),
    ]


def test_lines_without_text_keep_their_place_and_are_counted(run):
    status, out, err = run(b"good\n\n  \nbad\n")
    assert (status, out) == (0, "good\t0.7500\n\n\ntrès bad\t0.8750\n")
    assert "warning: 2 of 4 lines without text" in err
    assert run(b"\n\n", "--quiet") == (0, "\n\n", "")


def test_nothing_to_classify_is_told(run):
    status, out, err = run(b"")
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith(
        "predict: standard input is empty; expected one text a line, as in: echo 'a t"
    )


def test_bytes_that_are_not_text_end_it_after_the_lines_before_them(run):
    status, out, err = run("good\nok\nd\xe9j\xe0 good\n".encode("cp1252"), "--quiet")
    assert (status, out) == (2, "good\t0.7500\ntrès bad\t0.8750\n")
    told = "it looks like Windows, Western European, in which line 3 begins 'déjà good': if that is right, pass"
    remedy = "--encoding cp1252, else save the text as UTF-8"
    assert err == f"predict: standard input, line 3: byte 0xe9 is not utf-8; {told} {remedy}\n"
    assert run("good\nd\xe9j\xe0 good\n".encode("cp1252"), "--encoding", "cp1252")[1].count("good\t") == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252", "utf-8"])
def test_encodings_may_be_named(run, encoding):
    _, out, _ = run("œuvre good\nx\n".encode(encoding), "--json", "--encoding", encoding)
    assert [json.loads(line)["text"] for line in out.splitlines()] == ["œuvre good", "x"]


def test_a_byte_order_mark_is_no_text(run):
    assert json.loads(run("\ufeffgood\n".encode(), "--json")[1])["text"] == "good"


CHINESE = "good\n这家餐厅的菜很好吃，服务也不错。\n质量太差了，不推荐购买！\n"


@pytest.mark.parametrize(
    ("data", "options", "told"),
    [
        (CHINESE.encode("gb18030"), (), "line 2: byte 0xd5 is not utf-8; it looks like GB18030, Chinese, in"),
        (CHINESE.encode("gb18030"), ("--encoding", "cp1252"), "pass --encoding gb18030"),
        (CHINESE.encode("gb18030"), ("--encoding", "latin-1"), "pass --encoding gb18030"),
        (CHINESE[5:-1].encode("gb18030"), ("--encoding", "cp1252"), "read as cp1252 it makes no sense; it looks"),
        (CHINESE.encode(), ("--encoding", "cp1252"), "it looks like UTF-8, in which line 2 begins '这家"),
        (CHINESE.encode(), ("--encoding", "latin-1"), "leave --encoding out"),
        ("good\ncafé \x81\n".encode("latin-1"), ("--encoding", "cp1252"), "line 2: byte 0x81 is not cp1252; its encod"),
        (CHINESE.encode("utf-16"), (), "begins with the mark of UTF-16, but was read as utf-8; pass --encoding utf-16"),
        ("good\nbad\n".encode("utf-16-le"), (), "line 1: a zero byte, so this is no plain text in UTF-8; it looks l"),
        ("good\nbad\n".encode("utf-16-be"), ("--encoding", "cp1252"), "pass --encoding utf-16-be"),
        (b"PK\x03\x04\x14\0xl/workbook\xff", (), "standard input: this is an Excel file: export it as CSV"),
        (b"\x1f\x8b\x08\0\xff", (), "standard input: this is compressed with gzip: unpack it"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf", ("--encoding", "ascii"), "standard input: this is a PDF file"),
    ],
)
def test_bytes_are_named_by_what_they_look_like_and_never_read_as_mojibake(run, data, options, told):
    status, out, err = run(data, *options, "--quiet")
    assert status == 2
    assert out.replace("good\t0.7500\n", "") == ""
    assert told in err
    assert not options or f"pass --encoding {options[1]}," not in err


def test_what_may_be_right_is_believed_line_by_line(run):
    for word in ("café", "é", "£ 5", "naïve à côté"):
        data = word.encode("latin-1") + b"\n"
        assert run(data, "--encoding", "cp1252", "--quiet")[0] == 0
        assert run(b"good\n" + data, "--encoding", "latin-1", "--quiet")[0] == 0
    assert run("a “good” film\n".encode("cp1252"), "--encoding", "cp1252", "--quiet")[0] == 0
    assert run("模\n".encode("gb18030"), "--encoding", "gb18030", "--quiet")[0] == 0
    assert run(b"<html> is a good tag\n%PDF- too\n", "--quiet")[0] == 0


@pytest.mark.parametrize("encoding", ["utf-9", "base64"])
def test_encodings_that_there_are_not(run, encoding):
    status, _, err = run(b"good\n", "--encoding", encoding)
    assert (status, run.loaded) == (2, [])
    assert f"predict: expected --encoding such as utf-8 or cp1252; received '{encoding}'" in err


LINES = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n\r\ufeff")), max_size=6)


@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    lines=LINES, cuts=st.sets(st.integers(0, 200)), ended=st.booleans(), encoding=st.sampled_from(["utf-8", "utf-16"])
)
def test_lines_are_the_same_however_the_bytes_come(lines, cuts, ended, encoding):
    text = "\n".join(lines) + ("\n" if ended and lines else "")
    data = text.encode(encoding)
    places = [0, *sorted(cut for cut in cuts if 0 < cut < len(data)), len(data)]
    pieces = [data[start:end] for start, end in itertools.pairwise(places) if end > start]
    found = [line for some in read_lines(Pieces(pieces), checked_encoding(encoding)) for line in some]
    expected = text.split("\n")
    assert found == (expected if expected[-1] else expected[:-1])


def test_a_line_is_given_out_as_soon_as_it_is_there():
    source = Pieces([b"one\ntw", b"o\n", b"thr", b"ee"])
    given_out = read_lines(source, "utf-8")
    assert next(given_out) == ["one"]
    assert source.pieces == [b"o\n", b"thr", b"ee"]
    assert list(given_out) == [["two"], ["three"]]


@pytest.mark.parametrize(
    ("pieces", "line", "byte"),
    [
        ([b"a\nb\n\xc3", b"("], 3, "0xc3"),
        ([b"a\nb\xe2\x82"], 2, "0xe2"),
        ([b"\xff\n"], 1, "0xff"),
        ([b"\xc3", b"\xa9\nb\xff\n"], 2, "0xff"),
        ([b"a\n", b"\n", b"\xc3\n"], 3, "0xc3"),
    ],
)
def test_the_line_of_a_wrong_byte_is_right_wherever_the_pieces_end(pieces, line, byte):
    found = read_lines(Pieces(pieces), "utf-8")
    with pytest.raises(InputError, match=f"^standard input, line {line}: byte {byte} is not utf-8"):
        for _ in found:
            pass


def test_input_that_cannot_be_read_is_named(run):
    class Folder:
        def read1(self, size):
            raise IsADirectoryError(21, "Is a directory")

    status, _, err = run(Folder())
    assert status == 2
    assert "predict: standard input cannot be read: Is a directory" in err


def test_closed_input_is_named(run, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["predict", "--model", "out"]) == 2
    assert "predict: standard input is closed; expected one text a line" in capsys.readouterr().err


def test_a_person_at_a_terminal_is_told_what_to_do(run, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", StandardInput(io.BytesIO(b"good\n"), terminal=True))
    assert main(["predict", "--model", "out"]) == 0
    assert "type one text a line; Ctrl-D ends" in capsys.readouterr().err


def test_a_fingerprint_is_passed_on(run):
    run(b"good\n", "--fingerprint", "ab" * 32)
    assert run.loaded == [("out", "ab" * 32)]


EXPECTED = "expected a folder that a classifier was saved to"


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("empty", "expected a checkpoint with manifest.json in {folder}; there is none"),
        ("missing", f"{EXPECTED}; there is no {{folder}}"),
        ("file", f"{EXPECTED}; {{folder}} is a file: name the folder that holds it"),
        ("encoder", f"{EXPECTED}; {{folder}} is an encoder, not a classifier: train first, with this encoder"),
        ("unfinished", f"{EXPECTED}; {{folder}} holds an unfinished training: finish it with the same command"),
    ],
)
def test_what_is_not_a_classifier_is_refused_for_what_it_is(tmp_path, monkeypatch, capsys, kind, what):
    folder = tmp_path / kind
    if kind in ("empty", "unfinished"):
        folder.mkdir()
    if kind == "unfinished":
        (folder / "progress.json").write_text("{}")
    if kind == "encoder":
        write_bert(folder)
    if kind == "file":
        folder.write_text("")
    monkeypatch.setattr(sys, "stdin", StandardInput(io.BytesIO(b"good\n")))
    assert main(["predict", "--model", str(folder)]) == 2
    printed = capsys.readouterr()
    expected = f"predict: --model {folder}: {what.format(folder=folder)}"
    assert (printed.out, printed.err.splitlines()[-1]) == ("", expected)


def test_lines_of_which_most_tokens_are_unknown_are_counted(run):
    lines = "电影 很 好看\n电影 good film\n我 good\n好 看\n".encode()
    status, out, err = run(lines)
    assert (status, out.count("\n")) == (0, 4)
    assert "warning: 2 of 4 lines with more than half of the tokens unknown to the vocabulary: the answers" in err
    assert "train with an encoder for this language" in err
    assert "unknown" not in run(b"good\n\n")[2]
    assert run(lines, "--quiet")[2] == ""


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("a\tb", r"a\tb"),
        ("a\nb\r", r"a\nb\r"),
        ("a\u2028b", r"a\u2028b"),
        ("a\\b\x0b", r"a\\b\x0b"),
        ("a\\b é", "a\\b é"),
    ],
)
def test_a_class_whose_name_holds_tabs_or_line_ends_stays_one_field(run, monkeypatch, name, field):
    monkeypatch.setattr(
        finetuning_command_predict, "load_classifier", lambda folder, fingerprint=None: FakeClassifier((name, "good"))
    )
    assert run(b"x\ngood\n")[1] == f"{field}\t0.8750\ngood\t0.7500\n"
    assert json.loads(run(b"x\n", "--json")[1].split("\n")[0])["label"] == name


def test_half_of_a_surrogate_pair_is_refused_with_its_line(run):
    status, out, err = run(b"good\n" + b"x +2D0-\n", "--encoding", "utf-7", "--quiet")
    assert (status, out) == (2, "")
    assert err == "predict: standard input, line 2: '\\ud83d' is half of a character: correct the text\n"


def test_interruption_tells_how_far_it_came(run):
    class Interrupted(Pieces):
        def read1(self, size):
            return super().read1(size) or os.kill(os.getpid(), signal.SIGINT)

    status, out, err = run(Interrupted([b"good\nbad\n"]))
    assert (status, out.count("\n")) == (130, 2)
    assert err.splitlines()[-1] == "predict: interrupted: 2 lines classified"


def test_a_reader_that_stops_reading_ends_it_in_silence(run, monkeypatch, capsys):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="ascii") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        status, _, err = run(b"good\n", "--quiet")
        assert pipe.encoding == "utf-8"
    assert (status, err) == (1, "")
