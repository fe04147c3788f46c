"""Build the site into _build/html with warnings as errors, then check that every page is there.

Pages show the outputs stored in the notebooks: nothing is executed, TensorFlow is not needed. All pages are built each
time, because a page that is not rebuilt would hide its warnings (a term removed from the glossary, for instance).
"""

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.site.pages import ROOT, SITE, missing_pages, page_names

LOG = ROOT / "_build" / "reports" / "site.log"
BOOK = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"
OPTIONS = ["build", ".", "--path-output", ".", "-n", "-W", "--keep-going", "--all"]
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
STEP = re.compile(r"^(reading sources|writing output)\.\.\. \[ *(\d+)%\] (\S+)")
PROBLEM = re.compile(r"\b(WARNING|ERROR|CRITICAL|SEVERE)\b|^\S*(Error|Exception): ")
SPHINX_PAGES = {"genindex", "search", "index"}


def show(step: str) -> None:
    """Overwrite the progress line on a terminal; say nothing elsewhere."""
    if sys.stdout.isatty():
        print(f"\r\x1b[2K{step[:100]}", end="", flush=True)


def problems(lines: Iterable[str]) -> Iterator[str]:
    """Yield the warnings and errors of a build's log, each once."""
    yield from dict.fromkeys(line for line in lines if PROBLEM.search(line))


def run_jupyter_book() -> tuple[int, list[str]]:
    """Run Jupyter Book with a progress line; return its exit status and the lines of its log, also stored in LOG."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", BOOK, *OPTIONS]
    lines = []
    with (
        LOG.open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
        ) as build,
    ):
        try:
            for line in build.stdout or ():
                lines.append(COLOUR.sub("", line).rstrip())
                print(lines[-1], file=log)
                if step := STEP.match(lines[-1]):
                    show("Building the site: {} {} %, {}".format(*step.groups()))
        except BaseException:
            build.terminate()
            raise
    show("")
    return build.returncode, lines


def remove_stale_pages() -> None:
    """Delete pages of an earlier build whose source has left `_toc.yml`."""
    wanted = SPHINX_PAGES | set(page_names())
    for page in SITE.rglob("*.html"):
        name = page.relative_to(SITE).with_suffix("").as_posix()
        if not name.startswith("_") and name not in wanted:
            page.unlink()


def link_editions() -> str:
    """Put the editions where pages link to notebooks; return what stands in the way, or nothing."""
    if not any(name.startswith("chapters/") for name in page_names()):
        return ""
    from tools.editions.offer import link
    from tools.editions.syntax import EditionError
    from tools.editions.write import edition_texts
    from tools.site.addresses import read_addresses

    try:
        link(edition_texts(read_addresses()), SITE)
    except EditionError as error:
        return str(error)
    return ""


def build() -> int:
    """Build and check; print what a reader needs, return the exit status."""
    start = time.perf_counter()
    status, lines = run_jupyter_book()
    log = LOG.relative_to(ROOT)
    found = list(problems(lines))
    if status or found:
        print("The site was not built without warnings:", *(found or lines[-15:]), sep="\n  ", file=sys.stderr)
        print(f"Mend these and run `make book` again. The whole log: {log}", file=sys.stderr)
        return 1
    remove_stale_pages()
    if missing := list(missing_pages()):
        print("The site is not complete:", *missing, sep="\n  ", file=sys.stderr)
        print(f"Mend _toc.yml or the page's source. The whole log: {log}", file=sys.stderr)
        return 1
    if problem := link_editions():
        print(f"The button to a chapter's notebook leads nowhere: {problem}", file=sys.stderr)
        return 1
    index = (SITE / "index.html").relative_to(ROOT)
    seconds = time.perf_counter() - start
    print(f"{len(page_names())} pages, no warnings, {seconds:.0f} s. Open {index}, or `make serve`.")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, build, and return the exit status (130 when interrupted)."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args(
        arguments
    )
    try:
        return build()
    except KeyboardInterrupt:
        print("\nInterrupted: the site in _build/html may be incomplete. Run `make book` again.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
