"""Finish what a chapter's set-up cell began: see that `utils` is the book's, install what is missing.

Run by that cell in the notebook's own process, before anything is installed: it imports only the standard library. The
packages and their least versions stand in `requirements.txt`.
"""

import importlib
import importlib.metadata
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements.txt"
IMPORTED = ("numpy", "keras", "matplotlib", "tqdm", "safetensors", "tokenizers", "scikit-learn")
MODULES = {"scikit-learn": "sklearn"}  # of packages that are imported by another name
NEEDED = ("numpy", "keras", "matplotlib", "tensorflow")  # by every chapter; TensorFlow where there is no backend
BACKENDS = ("tensorflow", "jax", "torch")
KEPT = ("numpy", "keras", "matplotlib", "tensorflow", "jax", "jaxlib", "torch")

_REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9_-]+)>=(?P<version>[\d.]+)", re.M)


def finish(root: Path, *, fetched: bool) -> None:
    """Make sure that `utils` is the book's; where the book was fetched, install what the chapters lack.

    Args:
        root: of the book, already first on `sys.path`.
        fetched: whether the set-up cell fetched the book, as on Colab; in a clone nothing is installed.

    Raises:
        ImportError: another `utils` was imported before; or, in a clone, a package that all chapters need is missing.
        RuntimeError: a package is too old, or pip could not install one.
    """
    utils = importlib.import_module("utils")
    if str(root / "utils") not in getattr(utils, "__path__", []):
        where = getattr(utils, "__file__", None) or ", ".join(getattr(utils, "__path__", ["somewhere unknown"]))
        raise ImportError(
            f"expected `utils` to be the book's, {root / 'utils'}, but another one was imported before it: {where}. "
            "Restart the kernel and run this cell first; if that changes nothing, "
            "find what imports the other `utils` at start-up, or rename it"
        )
    keep_native_log_out()
    if fetched:
        install_missing()
    elif missing := [package for package in missing_packages() if package in NEEDED]:
        requirements = Path(os.path.relpath(root / REQUIREMENTS.name)).as_posix()
        raise ImportError(
            f"expected {', '.join(missing)}, which this Python lacks. "
            f"Run `%pip install -r {shlex.quote(requirements)}`, restart the kernel, and run this cell again"
        )


def keep_native_log_out() -> None:
    """Let what native code writes to file descriptor 2 go to the kernel's own log, not into the cells.

    TensorFlow tells there that it finds no GPU, whatever its log level; a kernel of Jupyter shows it as an error of the
    cell. What Python writes to `sys.stderr` is shown as before.
    """
    own_log = getattr(sys.stderr, "_original_stdstream_copy", None)  # of ipykernel, where it watches the descriptor
    if own_log is not None and not os.path.sameopenfile(own_log, 2):
        sys.stderr._original_stdstream_fd = os.dup(2)  # by which it wakes its watcher, to end it
        os.dup2(own_log, 2)


def least_versions() -> dict[str, str]:
    """Return {package: least version} of `requirements.txt`."""
    return {found["name"]: found["version"] for found in _REQUIREMENT.finditer(REQUIREMENTS.read_text("utf-8"))}


def is_installed(package: str) -> bool:
    """Return whether Python finds a package, without importing it."""
    return importlib.util.find_spec(MODULES.get(package, package)) is not None


def version_of(package: str) -> str | None:
    """Return the version of a distribution, or None if none of this name is installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def missing_packages() -> list[str]:
    """Return what has to be installed: each imported package that is not found, TensorFlow if there is no backend."""
    missing = [package for package in IMPORTED if not is_installed(package)]
    return missing if any(map(is_installed, BACKENDS)) else [*missing, BACKENDS[0]]


def outdated_packages(least: dict[str, str]) -> list[str]:
    """Return a sentence for each installed package that is older than the chapters need."""
    versions = {package: version_of(package) for package in (*IMPORTED, *BACKENDS)}
    return [
        f"{package} {found} is installed and the chapters need {least[package]} or later"
        for package, found in versions.items()
        if found and package in least and release(found) < release(least[package])
    ]


def release(version: str) -> list[int]:
    """Return the numbers of a version, to be compared: [4, 57] of "4.57rc1"."""
    return [int(number) for number in re.match(r"[\d.]*\d|", version)[0].split(".") if number]


def install_missing() -> None:
    """Install what is missing; packages that are there keep their versions, whatever pip would rather have.

    Raises:
        RuntimeError: a package is older than the chapters need, or pip could not install one.
    """
    least = least_versions()
    if outdated := outdated_packages(least):
        names = " ".join(sentence.partition(" ")[0] for sentence in outdated)
        raise RuntimeError(
            f"{'; '.join(outdated)}. The book changes no package that is there: "
            f"run `%pip install --upgrade {names}`, restart the kernel, and run this cell again"
        )
    if missing := missing_packages():
        wanted = [f"{package}>={least[package]}" for package in missing]
        print(f"Installing {', '.join(wanted)}; this takes a minute or two", flush=True)
        kept = [f"{package}=={version}" for package in KEPT if (version := version_of(package))]
        pip_install(wanted, kept, f" beside {', '.join(kept) or 'nothing else'}")
        importlib.invalidate_caches()
    if not is_installed(BACKENDS[0]):
        os.environ.setdefault("KERAS_BACKEND", next(filter(is_installed, BACKENDS), BACKENDS[0]))


def pip_install(wanted: list[str], kept: list[str], beside: str = "") -> None:
    """Install with pip, the versions in `kept` unmoved.

    Raises:
        RuntimeError: pip could not; its words are in the message, and beside what.
    """
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder, "kept.txt")
        constraints.write_text("\n".join(kept) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--constraint", str(constraints), *wanted]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"pip could not install {', '.join(wanted)}{beside}:\n"
            f"{(done.stderr or done.stdout).strip()}\ninstall them yourself, then run this cell again"
        )
