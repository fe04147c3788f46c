"""The envelope of measured figures."""

import datetime
import json
import platform
import re

import pytest

from tools.measure import results

COMMAND = results.command_line("tools/bench/attention.py", ["--repeats", "3"])


def test_envelope_says_when_how_and_where(tmp_path):
    rows = [{"milliseconds": 1.5}]
    path = results.write_result("speed", rows, COMMAND, 7, folder=tmp_path / "new", slopes={"length": 1.9})
    record = json.loads(path.read_text(encoding="utf-8"))
    assert [entry.name for entry in path.parent.iterdir()] == ["speed.json"]
    assert record["program"] == "tools/bench/attention.py"
    assert record["command"] == "python tools/bench/attention.py --repeats 3"
    assert datetime.date.fromisoformat(record["date"]) <= datetime.date.today()
    assert (record["seed"], record["rows"], record["slopes"]) == (7, rows, {"length": 1.9})
    assert record["versions"]["python"] == platform.python_version()
    assert re.match(r"\d+\.\d+", record["versions"]["numpy"])
    assert record["machine"]["cores"] >= 1
    assert record["machine"]["processor"]


def test_envelope_names_neither_the_host_nor_a_path(tmp_path):
    text = results.write_result("speed", [{"ms": 1}], COMMAND, 0, folder=tmp_path).read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    assert str(results.ROOT) not in text
    assert f'"{platform.node()}"' not in text


def test_packages_that_are_not_installed_are_left_out():
    assert set(results.versions(["numpy", "no-such-package"])) == {"python", "numpy"}


def test_processor_is_asked_elsewhere_without_proc(monkeypatch):
    def missing(*args, **kwargs):
        raise FileNotFoundError

    monkeypatch.setattr(results.Path, "read_text", missing)
    monkeypatch.setattr(results.subprocess, "run", lambda *args, **kwargs: type("Run", (), {"stdout": "Apple M9\n"}))
    assert results.machine()["processor"] == "Apple M9"
    monkeypatch.setattr(results.subprocess, "run", missing)
    assert results.machine()["processor"] == platform.machine()


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = results.write_result("speed", [{"ms": 1}], COMMAND, 0, folder=tmp_path)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        results.write_result("speed", [{"ms": object()}], COMMAND, 0, folder=tmp_path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["speed.json"]


@pytest.mark.parametrize(
    ("rows", "command", "extra", "message"),
    [
        ([], COMMAND, {}, "expected at least one row for speed; received none"),
        ([{"ms": 1}], "make bench", {}, "expected command to name a program, .* received 'make bench'"),
        ([{"ms": 1}], COMMAND, {"date": "now", "machine": "mine"}, "received date, machine again"),
    ],
)
def test_incomplete_results_are_refused(tmp_path, rows, command, extra, message):
    with pytest.raises(ValueError, match=message):
        results.write_result("speed", rows, command, 0, folder=tmp_path, **extra)
    assert not list(tmp_path.iterdir())
