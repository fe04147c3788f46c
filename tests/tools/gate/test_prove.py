"""`make test`: everything runs, nothing is lost in the counts, nothing stays behind."""

import os
import signal
import subprocess
import sys
import tomllib
from collections import Counter

import pytest

from tests.conftest import require_or_skip
from tests.support.processes import interrupted, is_running
from tools.gate import prove
from tools.gate.steps import Command, Outcome, Runner, Step
from tools.notebooks.chapters import ROOT, find_chapters, read_chapter
from tools.validate.run import backends_of

PASS, FAIL = "pass", "raise SystemExit(3)"


def python(source, **settings):
    """Return a command that runs a line of Python."""
    return Command([sys.executable, "-c", source], **settings)


def suite(tmp_path, name, body, *options):
    """Return a command that runs a test file with a report."""
    path = tmp_path / f"test_{name}.py"
    path.write_text(body)
    report = tmp_path / f"{name}.xml"
    arguments = ["-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={tmp_path}", f"--junitxml={report}", *options]
    light = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return Command([sys.executable, "-m", "pytest", *arguments, str(path)], report, light)


def outcome_of(tmp_path, *commands, **settings):
    """Run one step; return its outcome."""
    return Runner(tmp_path, tmp_path / "reports").run([Step("one", commands, **settings)])


def test_programs_without_a_report_count_as_one_check(tmp_path):
    assert outcome_of(tmp_path, python(PASS), python(PASS)) == Outcome(passed=1)
    assert outcome_of(tmp_path, python(FAIL), python(PASS)) == Outcome(failed=1)


def test_tests_are_counted_one_by_one_with_reasons_of_skips(tmp_path):
    body = (
        "import pytest\ndef test_a(): pass\ndef test_b(): pass\ndef test_c(): assert 0\n"
        "def test_d(broken): pass\ndef test_e(): pytest.skip('no moon tonight')\n"
    )
    outcome = outcome_of(tmp_path, suite(tmp_path, "mixed", body))
    assert (outcome.passed, outcome.failed, outcome.skipped) == (2, 2, 1)
    assert outcome.reasons == Counter(["no moon tonight"])
    assert str(outcome) == "2 passed, 2 failed, 1 skipped"


def test_later_commands_run_after_a_failure(tmp_path):
    command = suite(tmp_path, "late", "def test_a(): pass")
    assert str(outcome_of(tmp_path, python(FAIL), command)) == "1 passed, 1 failed, 0 skipped"


@pytest.mark.parametrize(
    ("body", "options", "note"),
    [
        ("", [], "it ran no test (status 5)"),
        ("import pytest\ndef test_a(): pytest.skip('x')", [], "it ran no test (status 0)"),
        ("def test_a(): pass", ["-k", "no_such_word"], "it ran no test (status 5)"),
        ("def test_a(): pass", ["--no-such-option"], "left no whole report"),
        ("def test_a():\n    import os\n    os._exit(0)", [], "left no whole report"),
        ("import atexit, os\natexit.register(os._exit, 9)\ndef test_a(): pass", [], "ended with status 9 though"),
    ],
)
def test_step_that_proves_nothing_fails(tmp_path, body, options, note):
    outcome = outcome_of(tmp_path, suite(tmp_path, "empty", body, *options))
    assert outcome.failed == 1
    assert note in outcome.notes[0]


def test_report_of_an_earlier_run_is_not_counted(tmp_path):
    report = tmp_path / "old.xml"
    report.write_text('<testsuites><testsuite><testcase name="a"/></testsuite></testsuites>')
    outcome = outcome_of(tmp_path, python(PASS, report=report))
    assert (outcome.passed, outcome.failed) == (0, 1)


def test_missing_file_is_a_failure_that_names_it(tmp_path, capsys):
    outcome = outcome_of(tmp_path, python(PASS, needs=[tmp_path / "tests" / "test_pages.py"]))
    assert outcome == Outcome(failed=1, notes=["expected tests/test_pages.py, which is missing"])
    assert "expected tests/test_pages.py, which is missing" in capsys.readouterr().out


def test_skipped_step_is_counted_with_its_reason(tmp_path):
    outcome = outcome_of(tmp_path, python(FAIL), skip="torch is not installed")
    assert str(outcome) == "0 passed, 0 failed, 1 skipped"
    assert outcome.reasons == Counter(["one: torch is not installed"])


def test_failure_shows_the_end_of_the_log_and_where_it_is(tmp_path, capsys):
    outcome_of(tmp_path, python("print('x' * 3); import sys; sys.exit('the last word')"))
    printed = capsys.readouterr().out
    assert printed.startswith("  begin  one\n  FAILED one in ")
    assert "    | the last word\n" in printed
    assert "The whole log: reports/one.log" in printed
    assert "xxx\n" in (tmp_path / "reports" / "one.log").read_text()


def test_two_steps_run_at_a_time_and_a_dependent_one_waits(tmp_path):
    stamp = "import sys, time; print('at', time.time()); time.sleep(0.5); print('at', time.time())"
    names = {"a": (), "d": ("a", "not in this run"), "b": (), "c": ()}
    Runner(tmp_path, tmp_path).run([Step(name, [python(stamp)], after) for name, after in names.items()])
    times = {name: read_times(tmp_path / f"{name}.log") for name in names}
    assert times["a"][0] < times["b"][1]
    assert times["b"][0] < times["a"][1]
    assert times["c"][0] > min(times["a"][1], times["b"][1])
    assert times["d"][0] > times["a"][1]


def read_times(log):
    """Return the times that a stamping program printed."""
    return [float(line.split()[1]) for line in log.read_text().splitlines() if line.startswith("at ")]


def test_environment_reaches_the_program(tmp_path):
    command = python("import os; assert os.environ['KERAS_BACKEND'] == 'jax'", environment={"KERAS_BACKEND": "jax"})
    assert outcome_of(tmp_path, command).passed == 1


def test_verdict_is_the_last_line_and_failures_are_named(tmp_path, capsys):
    body = "import pytest\ndef test_a(): pass\ndef test_b(): pytest.skip('no moon tonight')\n"
    all_steps = [Step("good", [suite(tmp_path, "good", body)]), Step("bad", [python(FAIL)])]
    assert prove.prove(all_steps, Runner(tmp_path, tmp_path)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "proved: 1 passed, 1 failed, 1 skipped"
    assert "skipped 1 x no moon tonight" in lines
    assert "failed: bad" in lines
    assert prove.prove(all_steps[:1], Runner(tmp_path, tmp_path)) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "proved: 1 passed, 0 failed, 1 skipped"


def test_nothing_proved_is_a_failure(tmp_path):
    assert prove.prove([Step("a", [python(PASS)], skip="not here")], Runner(tmp_path, tmp_path)) == 1


def test_everyday_steps_are_those_of_the_issue_and_every_test_file_is_in_one():
    names = [step.name for step in prove.everyday_steps()]
    expected = "style spelling chapters-lint units gate cells build pages"
    assert sorted(names) == sorted(expected.split(" "))
    slow = "slow environments mutants cells-jax cells-torch backend-jax backend-torch real"
    assert [step.name for step in prove.slow_steps()] == slow.split(" ")
    full = {step.name for step in prove.full_steps()}
    assert full == {*expected.split(" "), *slow.split(" "), "coverage"}, "the whole leaves nothing out"
    for name in (*prove.PAGE_TESTS, *prove.GATE_TESTS, *prove.BACKEND_TESTS, *prove.SENSITIVE_TESTS):
        assert (ROOT / name).exists(), f"{name} is named in tools/gate/prove.py and does not exist"


def test_only_chooses_steps_and_groups():
    everyday = prove.everyday_steps()
    assert [step.name for step in prove.choose(everyday, "lint")] == ["style", "spelling", "chapters-lint"]
    assert [step.name for step in prove.choose(everyday, "cells,style")] == ["style", "cells"]
    assert prove.choose(everyday, "") == everyday
    with pytest.raises(LookupError, match="received no-such-step"):
        prove.choose(everyday, "no-such-step")


def test_unknown_step_is_refused_by_the_command(capsys):
    assert prove.main(["--only", "nothing"]) == 2
    assert "expected steps among style, spelling" in capsys.readouterr().err


def test_missing_backend_skips_its_step_unless_required(monkeypatch):
    monkeypatch.delenv("BOOK_REQUIRE", raising=False)
    assert prove.backend_step("nobackend", prove.SENSITIVE_TESTS).skip.startswith(
        "nobackend is not installed (BOOK_REQUIRE=nobackend"
    )
    monkeypatch.setenv("BOOK_REQUIRE", "chromium, nobackend")
    assert prove.backend_step("nobackend", prove.SENSITIVE_TESTS).skip == ""
    assert prove.backend_step("jax", prove.SENSITIVE_TESTS).commands[0].environment["KERAS_BACKEND"] == "jax"


def test_every_cell_is_compared_on_each_other_backend(monkeypatch):
    monkeypatch.delenv("BOOK_REQUIRE", raising=False)
    assert prove.cells_step("nobackend").skip.startswith("nobackend is not installed (BOOK_REQUIRE=nobackend")
    monkeypatch.setenv("BOOK_REQUIRE", "nobackend")
    assert prove.cells_step("nobackend").skip == ""
    everyday = chapters_of(next(step for step in prove.everyday_steps() if step.name == "cells"))
    assert everyday == [path.relative_to(ROOT).as_posix() for path in find_chapters()]
    whole = dict.fromkeys(prove.OTHER_BACKENDS, ("",))
    for steps, every in ((prove.full_steps(), whole), (prove.slow_steps(), prove.EVERY_CHANGE)):
        for step in steps:
            if step.name in ("cells-jax", "cells-torch"):
                backend = step.name.removeprefix("cells-")
                begin = every[backend]
                assert step.commands[0].environment["KERAS_BACKEND"] == backend
                for_it = [name for name in everyday if backend in backends_of(read_chapter(ROOT / name))]
                assert chapters_of(step) == [
                    name for name in for_it if name.removeprefix("chapters/").startswith(begin)
                ]
                assert {"chapters/01-attention.ipynb", "chapters/02-multi-head-attention.ipynb"} <= {*for_it}


@pytest.mark.parametrize("unset", ["BOOK_DATA_DIR", "BOOK_MODEL_DIR"])
def test_real_sentences_wait_for_their_folders_and_where_they_are_timed_for_all_else(monkeypatch, tmp_path, unset):
    monkeypatch.setenv("BOOK_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("BOOK_MODEL_DIR", str(tmp_path))
    *others, timed = prove.full_steps()
    assert (timed.name, timed.skip) == ("real", "")
    assert list(timed.after) == [step.name for step in others]
    real = prove.slow_steps()[-1]
    assert (real.name, real.skip, list(real.after)) == ("real", "", [])
    assert "--only" in real.commands[0].arguments, "no file with seconds is written"
    monkeypatch.delenv(unset)
    assert prove.slow_steps()[-1].skip == f"{unset} is not set"


def chapters_of(step):
    """Return the chapters among the arguments of a step."""
    return [argument for argument in step.commands[0].arguments if argument.endswith(".ipynb")]


def test_spelling_has_its_exceptions_in_the_settings():
    (spelling,) = (step.commands[0] for step in prove.everyday_steps() if step.name == "spelling")
    assert not [option for option in spelling.arguments if option.startswith("--")]
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["codespell"]
    words = settings["ignore-words-list"].replace(",", " ")
    command = [sys.executable, "-m", "codespell_lib", "-"]
    assert subprocess.run(command, input=words, cwd=ROOT, capture_output=True, text=True).stdout == ""


@pytest.mark.parametrize("name", ["torchh", "tools.nothing"])
def test_require_skips_or_fails_as_book_require_says(monkeypatch, name):
    monkeypatch.setenv("BOOK_REQUIRE", "other")
    with pytest.raises(pytest.skip.Exception, match=f"{name} is not installed here"):
        require_or_skip(name)
    monkeypatch.setenv("BOOK_REQUIRE", f"other, {name}")
    with pytest.raises(pytest.fail.Exception, match=f"{name} is missing and BOOK_REQUIRE"):
        require_or_skip(name)


def test_require_gives_what_is_there(monkeypatch, tmp_path):
    assert require_or_skip("json").loads("1") == 1
    browser = tmp_path / "browser"
    browser.touch(mode=0o755)
    monkeypatch.setenv("BOOK_CHROMIUM", str(browser))
    assert require_or_skip("chromium") == str(browser)


INTERRUPTED = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from tools.gate import prove
from tools.gate import steps
steps.GRACE = 1.0
child = "import os, pathlib, signal, time; {stubborn}; "
child += "pathlib.Path('child').write_text(str(os.getpid())); time.sleep(60)"
parent = "import signal, subprocess, sys; {stubborn}; subprocess.run([sys.executable, '-c', sys.argv[1]])"
command = steps.Command([sys.executable, "-c", parent, child])
second = steps.Command([sys.executable, "-c", "import pathlib; pathlib.Path('second').touch()"])
prove.everyday_steps = lambda: [steps.Step("long", [command, second]), steps.Step("next", [command], after=["long"])]
prove.ROOT, prove.REPORTS = Path.cwd(), Path.cwd()
sys.exit(prove.main([]))
"""


@pytest.mark.parametrize("stubborn", ["pass", "signal.signal(signal.SIGINT, signal.SIG_IGN)"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_stops_every_process_and_starts_no_other(tmp_path, number, stubborn):
    source = INTERRUPTED.format(root=str(ROOT), stubborn=stubborn)
    status, printed, _, child = interrupted([sys.executable, "-c", source], tmp_path / "child", number, tmp_path)
    assert status == 130
    assert "begin  next" not in printed
    assert printed.endswith("prove: interrupted; all that was running has been stopped\n")
    assert not is_running(child)
    assert not (tmp_path / "second").exists()


def test_broken_report_is_a_failure(tmp_path):
    report = tmp_path / "half.xml"
    command = python(f"import pathlib; pathlib.Path({str(report)!r}).write_text('<testsuite><testca')", report=report)
    outcome = outcome_of(tmp_path, command)
    assert outcome.failed == 1
    assert "no whole report half.xml" in outcome.notes[0]


def test_times_name_each_step_with_its_seconds_and_its_slowest_test(tmp_path):
    body = (
        "import time\ndef test_idle(): pass\n"
        "def test_busy():\n    end = time.process_time() + 0.3\n    while time.process_time() < end: pass\n"
    )
    step = Step("sums", [suite(tmp_path, "sums", body)])
    runner = Runner(tmp_path, tmp_path / "reports")
    runner.run([step])
    elapsed, processor = runner.seconds["sums"]
    assert elapsed >= 0.3
    assert processor >= 0.3, "the processor seconds of the programs that a step starts count"
    heading, total, slowest, *_ = prove.times(runner, [step]).splitlines()
    assert heading.split() == ["elapsed", "processor", "step"]
    assert total.split()[-1] == "sums"
    assert "test_busy" in slowest
