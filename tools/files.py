"""Figures that outlive an interruption."""

import json
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
