"""`make book`, `make serve` and the search for a browser: they work, or say what to do."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tests.support.broken import take_interrupts
from tools.site import browser, serve
from tools.site import build as build_site

ROOT = Path(__file__).resolve().parents[3]
WORDS = "Every page of this small book holds enough words to count as a page with text. " * 4
INTRO = f"# Small book\n\n{WORDS}\n\n$$\ny = x\n$$ (eq-one)\n\nSee {{eq}}`eq-one`, {{cite:t}}`one`.\n"
FRONT = f"# Second\n\n{WORDS}\n"


@pytest.fixture
def small_book(tmp_path):
    """A book of two pages with this book's settings, and a function that builds it with tools/site/build.py."""
    for name in ("_config.yml", "web", "tools"):
        source, target = ROOT / name, tmp_path / name
        target.parent.mkdir(exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: intro\nchapters:\n  - file: second\n")
    (tmp_path / "references.bib").write_text("@book{one, title={One}, author={Ann One}, year={2001}, publisher={P}}\n")
    (tmp_path / "intro.md").write_text(INTRO + "\n```{bibliography}\n```\n")
    (tmp_path / "second.md").write_text(FRONT)

    def build(**variables):
        command, environment = [sys.executable, "tools/site/build.py"], {**os.environ, **variables}
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False, env=environment
        )

    return tmp_path, build


@pytest.mark.slow
def test_build_says_where_to_look_and_drops_pages_that_left_the_book(small_book):
    folder, build = small_book
    stale = folder / "_build/html/gone.html"
    stale.parent.mkdir(parents=True)
    stale.write_text("old")
    result = build()
    assert result.returncode == 0, result.stderr
    assert "2 pages, no warnings" in result.stdout
    assert "_build/html/index.html" in result.stdout
    assert str(folder) not in result.stdout
    assert not stale.exists()
    index = (folder / "_build/html/index.html").read_text()
    assert index == (folder / "_build/html/intro.html").read_text()
    assert "OWNER" not in index


@pytest.mark.slow
def test_build_fails_on_each_warning_and_shows_nothing_else(small_book):
    folder, build = small_book
    (folder / "second.md").write_text(FRONT + "\n{eq}`eq-gone` {cite:p}`gone` {term}`gone` {ref}`gone` [](gone.md)\n")
    for _ in range(2):  # a second run must not forget the warnings
        result = build()
        assert result.returncode == 1
        assert "1 pages" not in result.stdout
        assert result.stderr.count("second.md:") == 5, result.stderr
        assert "writing output" not in result.stderr
        assert "_build/reports/site.log" in result.stderr
    assert "eq-gone" in (folder / "_build/reports/site.log").read_text()


@pytest.mark.slow
def test_a_formula_that_katex_cannot_read_fails_the_build_and_sound_ones_need_no_node_on_the_path(small_book):
    folder, build = small_book
    (folder / "second.md").write_text(FRONT + "\nSee $\\sqrt{x$ and\n\n$$\n\\frac{1}{\n$$\n")
    result = build(PATH="")
    assert result.returncode == 1
    assert result.stderr.count("KaTeX parse error") == 2, result.stderr
    assert result.stderr.count("second.md:") == 2, result.stderr
    sound = BeautifulSoup((folder / "_build/html/intro.html").read_text(), "html.parser")
    assert sound.select_one("#equation-eq-one .katex-html").get_text().replace("\u200b", "") == "y=x"
    assert sound.select_one("#equation-eq-one math")


def test_build_fails_on_a_page_without_text(monkeypatch, capsys):
    sentence = "second.html is empty: expected an article of at least 40 words, found 4"
    monkeypatch.setattr(build_site, "run_jupyter_book", lambda: (0, ["build succeeded"]))
    monkeypatch.setattr(build_site, "remove_stale_pages", lambda: None)
    monkeypatch.setattr(build_site, "missing_pages", lambda: [sentence])
    assert build_site.main([]) == 1
    assert sentence in capsys.readouterr().err


def test_build_stops_cleanly_when_interrupted(small_book):
    folder, _ = small_book
    command = [sys.executable, "tools/site/build.py"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=folder, preexec_fn=take_interrupts, **pipes) as process:
        log = folder / "_build/reports/site.log"
        while not log.exists():
            assert process.poll() is None, process.stderr.read()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted" in errors
    assert "Traceback" not in errors


def test_problems_are_the_warnings_and_errors_of_a_log_each_once():
    log = [
        "reading sources... [ 50%] intro",
        "/x/intro.md:3: WARNING: unknown document: 'gone' [myst.xref_missing]",
        "/x/intro.md:3: WARNING: unknown document: 'gone' [myst.xref_missing]",
        "sphinx.errors.ExtensionError: no such file",
        "build finished",
    ]
    assert list(build_site.problems(log)) == [log[1], log[3]]


def test_server_serves_a_folder_on_this_machine_only(tmp_path):
    (tmp_path / "index.html").write_text("the book")
    with serve.open_server(tmp_path, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert server.server_address[0] == "127.0.0.1"
        assert urllib.request.urlopen(address).read() == b"the book"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{address}/gone.html")
        server.shutdown()


def test_serving_on_a_port_in_use_says_what_to_do(tmp_path, capsys):
    (tmp_path / "index.html").write_text("the book")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert serve.main(["--port", str(port), "--folder", str(tmp_path)]) == 1
    assert f"port {port} is in use: choose another with `make serve PORT=8001`" in capsys.readouterr().err


def test_serving_an_unbuilt_site_says_what_to_do(tmp_path, capsys):
    assert serve.main(["--folder", str(tmp_path)]) == 1
    assert "run `make book` first" in capsys.readouterr().err


def test_serving_on_an_impossible_port_is_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        serve.main(["--port", "70000"])
    assert "from 0 to 65535, received 70000" in capsys.readouterr().err


def test_serving_stops_cleanly_when_interrupted(tmp_path):
    (tmp_path / "index.html").write_text("the book")
    command = [sys.executable, ROOT / "tools/site/serve.py", "--port", "0", "--folder", tmp_path]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, preexec_fn=take_interrupts, **pipes) as process:
        assert "http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")
    assert "Stopped" in output


def test_the_named_browser_is_the_one_found(tmp_path, monkeypatch):
    program = tmp_path / "my-browser"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("BOOK_CHROMIUM", str(program))
    assert browser.find_chromium() == str(program)
    assert browser.install() == str(program)


def test_a_named_browser_that_is_not_there_is_an_error(monkeypatch, capsys):
    monkeypatch.setenv("BOOK_CHROMIUM", "/gone/browser")
    assert browser.main([]) == 1
    assert "expected BOOK_CHROMIUM to be an executable, received '/gone/browser'" in capsys.readouterr().err


@pytest.fixture
def bare_machine(monkeypatch):
    """A machine without a browser; commands are recorded, not run. Programs named in `present` exist."""
    present, commands = {}, []

    def run(command, **_):
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, stdout="", stderr="")

    monkeypatch.delenv("BOOK_CHROMIUM", raising=False)
    monkeypatch.setattr(browser.shutil, "which", present.get)
    monkeypatch.setattr(browser.subprocess, "run", run)
    monkeypatch.setattr(browser, "playwright_browser", lambda: None)
    return present, commands


def test_root_installs_chromium_from_the_system_packages(bare_machine, monkeypatch):
    present, commands = bare_machine
    present["apt-get"] = "/usr/bin/apt-get"
    monkeypatch.setattr(browser.os, "geteuid", lambda: 0)
    assert browser.install() is None
    assert [command[-1] for command in commands[:2]] == ["update", "chromium"]
    assert commands[2][1:] == ["-m", "playwright", "install", "chromium"]


def test_installation_stops_as_soon_as_there_is_a_browser(bare_machine, monkeypatch):
    present, commands = bare_machine
    present.update({"apt-get": "/usr/bin/apt-get", "sudo": "/usr/bin/sudo"})
    monkeypatch.setattr(browser.os, "geteuid", lambda: 1000)
    found = iter([None, "/usr/bin/chromium"])
    monkeypatch.setattr(browser, "find_chromium", lambda: next(found))
    assert browser.install() == "/usr/bin/chromium"
    assert commands[0] == ["sudo", "-n", "true"]
    assert [command[:2] for command in commands[1:]] == [["sudo", "-n"], ["sudo", "-n"]]


def test_without_rights_and_packages_the_advice_is_printed(bare_machine, capsys):
    _, commands = bare_machine
    assert browser.main(["--install"]) == 1
    assert [command[1:3] for command in commands] == [["-m", "playwright"]]
    assert "install Chromium or Chrome with your system's packages, or set BOOK_CHROMIUM" in capsys.readouterr().err
