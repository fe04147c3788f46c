"""Time `make book` from a fresh clone, and again with the environment in place.

Needs git, make and any Python 3.11 to 3.13, no package. The last commit is cloned into a temporary folder, which is
removed at the end, also after Ctrl-C. The first time includes the download of the packages.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUTER_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "PYTHONPATH", "IPYTHONDIR", "VIRTUAL_ENV")


def inner_environment() -> dict[str, str]:
    """Return the environment without what an outer make or virtual environment put there."""
    return {name: value for name, value in os.environ.items() if name not in OUTER_MAKE}


def clone(into: Path) -> None:
    """Clone this repository's last commit; say so if the working tree holds more than that.

    Raises:
        subprocess.CalledProcessError: git failed.
    """
    status = ["git", "-C", str(ROOT), "status", "--porcelain"]
    if subprocess.run(status, capture_output=True, text=True, check=True).stdout:
        print("Timing the last commit; changes that are not committed are left out.")
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", ROOT.as_uri(), str(into)], check=True)


def timed_build(folder: Path, python: str) -> float:
    """Run `make book` in the clone; return the seconds it took.

    Raises:
        subprocess.CalledProcessError: the build failed; its output has been printed.
    """
    start = time.perf_counter()
    command = ["make", "-C", str(folder), "book", f"PYTHON={python}"]
    result = subprocess.run(command, env=inner_environment(), capture_output=True, text=True, check=False)
    if result.returncode:
        print(result.stdout[-2000:], result.stderr[-4000:], sep="\n", file=sys.stderr)
        raise subprocess.CalledProcessError(result.returncode, command)
    return time.perf_counter() - start


def measure(python: str) -> None:
    """Clone, build three times, print the seconds of each build."""
    with tempfile.TemporaryDirectory(prefix="bench-build-", ignore_cleanup_errors=True) as temporary:
        book = Path(temporary) / "book"
        clone(book)
        print(f"fresh clone, packages downloaded: {timed_build(book, python):6.1f} s (aim: 60 s)", flush=True)
        shutil.rmtree(book / "_build")
        print(f"environment in place, clean:      {timed_build(book, python):6.1f} s (aim: 15 s)", flush=True)
        print(f"environment in place, again:      {timed_build(book, python):6.1f} s (aim: 15 s)", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and measure; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="Python for the new environment (default: this one)")
    options = parser.parse_args(arguments)
    try:
        measure(options.python)
    except subprocess.CalledProcessError as error:
        print(f"{error}: mend the build first (`make book`)", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; the temporary clone is removed.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
