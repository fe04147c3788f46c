"""Figures that outlive an interruption, and pages that programs write."""

import json
import sys
from pathlib import Path
from typing import Any

from utils.files import write_whole


class Kept(dict[str, Any]):
    """Figures by name, in a file that each new one is written to: a run that was interrupted goes on with them.

    Args:
        path: of the file; JSON.
        about: what the figures depend on, as JSON holds it. Those of anything else are forgotten.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> Kept(folder / "kept.json", {"steps": 300})["seed 1"] = 0.5
        >>> Kept(folder / "kept.json", {"steps": 300}), Kept(folder / "kept.json", {"steps": 100})
        ({'seed 1': 0.5}, {})
    """

    def __init__(self, path: Path, about: Any):
        self.path, self.about = path, json.loads(json.dumps(about))
        known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        super().__init__(known["found"] if known.get("about") == self.about else {})

    def __setitem__(self, name: str, figures: Any) -> None:
        super().__setitem__(name, figures)
        write_whole(self.path, json.dumps({"about": self.about, "found": self}))


def write_or_compare(path: Path, text: str, compare: bool, program: str) -> int:
    """Write a page that a program makes, or only compare it; return 0, or 1 where it is missing or out of date."""
    if not compare:
        write_whole(path, text)
        print(f"Wrote {path}.")
        return 0
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return 0
    print(f"{path} is out of date. Write it again: .venv/bin/python {program}", file=sys.stderr)
    return 1
