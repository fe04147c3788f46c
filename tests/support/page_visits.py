"""Open pages in headless Chromium with nothing but the site within reach, and say what went wrong."""

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from tools.site.serve import open_server

PROBE = (Path(__file__).parent / "page_probe.js").read_text(encoding="utf-8").split("\n", 1)[1]
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
OWN = re.compile(r"(http://127\.0\.0\.1:\d+/|data:|blob:|about:)")
READY = "() => document.fonts.ready.then(() => true)"


@dataclass
class Visit:
    """What a page asked for, complained of and looks like."""

    problems: list[str] = field(default_factory=list)
    state: dict = field(default_factory=dict)

    def watch(self, page: Page, own: re.Pattern) -> None:
        """Record every foreign or failed request, console error and uncaught error of the page."""

        def asked(request):
            if not own.match(request.url):
                self.problems.append(f"asks another host for {request.url}: serve it from the site")

        def failed(request):
            if own.match(request.url):
                self.problems.append(f"could not load {request.url}: {request.failure}")

        def answered(response):
            if response.status >= 400:
                self.problems.append(f"{response.url} answered {response.status}: add the file or drop the link")

        page.on("request", asked)
        page.on("requestfailed", failed)
        page.on("response", answered)
        page.on("pageerror", lambda error: self.problems.append(f"script error: {error}"))
        page.on("console", lambda line: line.type == "error" and self.problems.append(f"console error: {line.text}"))

    def judge(self, displayed: int = 0) -> list[str]:
        """Return every problem of the visit, those of the page's look included.

        Args:
            displayed: how many formulas the page's source sets on lines of their own.
        """
        state, problems = self.state, list(self.problems)
        if state["displayed"] != displayed:
            problems.append(f"{state['displayed']} formulas stand on lines of their own; the source has {displayed}")
        if state["typeset"] != state["formulas"]:
            problems.append(f"{state['formulas'] - state['typeset']} of {state['formulas']} formulas are not typeset")
        problems += [f"KaTeX could not read a formula: {text}" for text in state["errors"]]
        problems += [f"the font {font} did not load" for font in state["fonts"]]
        problems += [f"formulas are typeset in the browser, by {script}" for script in state["mathScripts"]]
        problems += [f"image shows nothing: {source}" for source in state["broken"]]
        problems += [f"text too faint (contrast below WCAG AA): {text}" for text in state["faint"]]
        problems += [f"a line is cut though there is room, {where}: let the box use it" for where in state["cut"]]
        problems += [f"wider than its box, and clipped there: {text}" for text in state["clipped"]]
        if state["overflow"] > 0:
            wide = ", ".join(state["spill"])
            problems.append(f"wider than the screen by {state['overflow']} px: let it scroll in its own box: {wide}")
        return problems


@contextlib.contextmanager
def chromium(playwright: Playwright, path: str) -> Iterator[Browser]:
    """Run a headless Chromium in which only 127.0.0.1 can be reached."""
    browser = playwright.chromium.launch(executable_path=path, args=SWITCHES)
    try:
        yield browser
    finally:
        browser.close()


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of 127.0.0.1; give its address."""
    with open_server(folder, 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def look(page: Page, visit: Visit) -> Visit:
    """Wait for the fonts, then record what the page looks like."""
    page.evaluate(READY)
    visit.state = page.evaluate(PROBE)
    return visit


def visit(context: BrowserContext, url: str, *, width: int = 360, folder: Path | None = None) -> Iterator[Visit]:
    """Open a page on a light screen, then, if the reader goes on, look again on a wide dark one, then on paper.

    Args:
        context: a browser's context; later pages find the files of earlier ones in its cache.
        url: the page, http://127.0.0.1… or file://….
        width: width of the first window in pixels.
        folder: for a file:// address, the folder that the page may load files from.

    Yields:
        The visit so far, light first, then dark, then printed from the dark.
    """
    own = OWN if folder is None else re.compile(f"({re.escape(folder.as_uri())}/|data:|blob:|about:)")
    result = Visit()
    page = context.new_page()
    try:
        result.watch(page, own)
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        page.goto(url, wait_until="load")
        yield look(page, result)
        page.set_viewport_size({"width": 1440, "height": 800})
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
        yield look(page, result)
        page.emulate_media(media="print", color_scheme="dark", reduced_motion="reduce")
        yield look(page, result)
    finally:
        page.close()
