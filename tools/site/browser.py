"""Find a Chromium or Chrome for the tests of the built pages; with --install, fetch one if there is none."""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
APPLICATIONS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
ADVICE = "install Chromium or Chrome with your system's packages, or set BOOK_CHROMIUM to the path of one"


def playwright_browser() -> str | None:
    """Return the path of the Chromium that Playwright installed for itself, or None."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        return None
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


def find_chromium() -> str | None:
    """Return the path of a Chromium or Chrome, or None.

    BOOK_CHROMIUM decides alone if it is set; then come the usual commands and the usual places on macOS.

    Raises:
        FileNotFoundError: BOOK_CHROMIUM names no executable.
    """
    if named := os.environ.get("BOOK_CHROMIUM"):
        if found := shutil.which(named):
            return found
        raise FileNotFoundError(f"expected BOOK_CHROMIUM to be an executable, received {named!r}: correct or unset it")
    candidates = [*map(shutil.which, NAMES), *map(shutil.which, APPLICATIONS)]
    return next(filter(None, candidates), None)


def elevation() -> list[str] | None:
    """Return what to put before a command that needs root: nothing, `sudo -n`, or None where neither works."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return []
    if shutil.which("sudo") and not subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode:
        return ["sudo", "-n"]
    return None


def install_commands() -> list[list[list[str]]]:
    """Return the ways to install, best first; each is a list of commands that must all succeed."""
    ways = []
    if shutil.which("apt-get") and (prefix := elevation()) is not None:
        apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
        ways.append([[*apt, "update"], [*apt, "install", "-y", "chromium"]])
    ways.append([[sys.executable, "-m", "playwright", "install", "chromium"]])
    return ways


def install() -> str | None:
    """Return the path of a browser, installing one if need be; None, after saying why, if that fails."""
    if found := find_chromium() or playwright_browser():
        return found
    for way in install_commands():
        for command in way:
            print("Installing Chromium:", " ".join(command), file=sys.stderr, flush=True)
            result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if result.returncode:
                print(*result.stdout.splitlines()[-5:], sep="\n", file=sys.stderr)
                break
        if found := find_chromium() or playwright_browser():
            return found
    return None


def main(arguments: list[str] | None = None) -> int:
    """Print where the browser is; return 1 if there is none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--install", action="store_true", help="install a browser if none is found; quiet if one is")
    options = parser.parse_args(arguments)
    try:
        found = install() if options.install else find_chromium() or playwright_browser()
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted: no browser was installed.", file=sys.stderr)
        return 130
    if found is None:
        print(f"expected a browser, found none: {ADVICE}", file=sys.stderr)
    elif not options.install:
        print(found)
    return int(found is None)


if __name__ == "__main__":
    sys.exit(main())
