"""What every test module may use: the environment of `make`, and `require` for things that may be missing."""

import importlib
import os
from pathlib import Path

import pytest

from tools.site.browser import find_chromium

ROOT = Path(__file__).resolve().parents[1]

# `make` exports these; a bare `pytest` gets the same, in this process and in the kernels that it starts.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("IPYTHONDIR", str(ROOT / "tools" / "notebooks" / "ipython"))
os.environ.setdefault("PYTHONPATH", str(ROOT))


def find_module(name):
    """Return the imported module, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not f"{name}.".startswith(f"{error.name}."):
            raise
        return None


def missing_is_failure(name):
    """Return whether BOOK_REQUIRE, a list with commas, names this thing."""
    return name in (part.strip() for part in os.environ.get("BOOK_REQUIRE", "").split(","))


def require_or_skip(name):
    """Return a module, or Chromium's path; without it skip, or fail where BOOK_REQUIRE names it."""
    found = find_chromium() if name == "chromium" else find_module(name)
    if found is not None:
        return found
    if missing_is_failure(name):
        pytest.fail(f"{name} is missing and BOOK_REQUIRE={os.environ['BOOK_REQUIRE']} asks for it: install it")
    pytest.skip(f"{name} is not installed here (BOOK_REQUIRE={name} makes this a failure)")


@pytest.fixture(scope="session")
def require():
    """`require("torch")` gives the module and `require("chromium")` the browser's path, or skips, or fails."""
    return require_or_skip
