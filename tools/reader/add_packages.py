"""Add what one chapter needs beyond the others, and leave the packages that are there as they are.

Run by a cell of that chapter, in the notebook's own process, where the book was fetched, as on Colab: it imports only
the standard library. What is missing is installed. What is there in a version that will not do (transformers 5 has no
TensorFlow models) stays; a second copy goes into a folder of the book's own, first on `sys.path`.
"""

import importlib
import importlib.metadata
import os
import re
import shlex
import sys
from pathlib import Path

from tools.reader.finish_set_up import pip_install, release, version_of

REQUIREMENTS = "requirements.txt"
FOLDER = ".packages"  # under the book's root; git ignores it

_LINE = re.compile(r"^(?P<name>[A-Za-z0-9_-]+)(?P<bounds>[<>=!~][^#\s]*)", re.M)
_BOUND = re.compile(r"(>=|<|==)([\d.]+)")


def add_packages(root: Path, requirements: Path, *, fetched: bool) -> None:
    """See that what a requirements file lists can be imported.

    Args:
        root: of the book.
        requirements: lines such as `transformers>=4.57,<5`; bounds are >=, < and ==.
        fetched: whether the set-up cell fetched the book; in a clone nothing is installed.

    Raises:
        RuntimeError: something is missing in a clone, pip could not install it, or a package that will not do was
            imported before.
    """
    own = root / FOLDER
    if own.is_dir():
        put_first(own)
    wanted = read_bounds(requirements)
    missing = {name: bounds for name, bounds in wanted.items() if version_of(name) is None}
    unfit = {name: bounds for name, bounds in wanted.items() if name not in missing and not fits(name, bounds)}
    if not missing and not unfit:
        return
    if not fetched:
        raise RuntimeError(describe(missing, unfit) + f". Run `{pip_line(root / REQUIREMENTS, requirements)}`, restart")
    if loaded := [name for name in unfit if name.replace("-", "_") in sys.modules]:
        raise RuntimeError(f"{', '.join(loaded)} was imported before this cell. Restart, and run this cell first")
    print(describe(missing, unfit) + ". Installing; this takes a minute or two", flush=True)
    if unfit:
        pip_install(["--no-deps", "--target", str(own), *map("".join, unfit.items())], [])
        put_first(own)
    if missing:
        pip_install([*map("".join, missing.items())], installed_versions())
    importlib.invalidate_caches()


def pip_line(*files: Path) -> str:
    """Return the line that installs from requirements files, as a cell of this notebook finds them."""
    return "%pip install " + " ".join(f"-r {shlex.quote(Path(os.path.relpath(file)).as_posix())}" for file in files)


def read_bounds(requirements: Path) -> dict[str, str]:
    """Return {package: bounds} of a requirements file, for instance {"transformers": ">=4.57,<5"}."""
    return {line["name"]: line["bounds"] for line in _LINE.finditer(requirements.read_text("utf-8"))}


def put_first(folder: Path) -> None:
    """Put a folder on `sys.path` right after the book's root, and before all else for programs started from here."""
    sys.path[:] = [place for place in sys.path if place != str(folder)]
    sys.path.insert(1, str(folder))
    others = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place and place != str(folder)]
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), *others])
    importlib.invalidate_caches()


def fits(package: str, bounds: str) -> bool:
    """Return whether the installed version of a package lies within bounds such as ">=4.57,<5"."""
    version = release(version_of(package) or "")
    compare = {">=": version.__ge__, "<": version.__lt__, "==": version.__eq__}
    return all(compare[sign](release(bound)) for sign, bound in _BOUND.findall(bounds))


def describe(missing: dict[str, str], unfit: dict[str, str]) -> str:
    """Return in words what is missing and what will not do."""
    lacking = [f"{name}{bounds} is missing" for name, bounds in missing.items()]
    wrong = [f"{name} {version_of(name)} will not do, {name}{bounds} is needed" for name, bounds in unfit.items()]
    return "This chapter needs more than the others: " + "; ".join([*lacking, *wrong])


def installed_versions() -> list[str]:
    """Return a line `name==version` for each installed package, so that pip moves none of them."""
    found = {dist.metadata["Name"]: dist.version for dist in importlib.metadata.distributions()}
    kept = {name: version_of(name) for name in found if name}
    return sorted(f"{name}=={version}" for name, version in kept.items() if version and "+" not in version)
