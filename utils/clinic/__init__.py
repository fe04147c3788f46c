"""A clinic of mistakes: how to see them without the right answer, and `examine` for a layer of your own."""

import importlib
from typing import Any

from utils.clinic.cases import CASES, Case, find_case
from utils.clinic.patients import patients

__all__ = ["CASES", "Case", "ReportCard", "examine", "find_case", "patients"]


def __getattr__(name: str) -> Any:
    """Load what examines layers when it is first asked for: it needs Keras, which checking an answer does not."""
    if name in ("ReportCard", "examine"):
        return getattr(importlib.import_module("utils.clinic.examination"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
