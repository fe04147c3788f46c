"""Files that are whole or not there, and figures that outlive an interruption."""

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any


def write_whole(path: Path, text: str) -> Path:
    """Write a file in one step, so that a reader sees the old one or the new one; return its path.

    Its folder is made if need be. A file that is replaced keeps its permissions.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".draft")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        os.chmod(draft, mode)
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)
        raise
    return path


class Kept(dict[str, Any]):
    """Figures by name, in a file that each new one is written to: a run that was interrupted goes on with them.

    Args:
        path: of the file; JSON.
        about: what the figures depend on, as JSON holds it. Those of anything else are forgotten.

    Example:
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
