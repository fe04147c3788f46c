"""Write measured figures to data/results in one envelope, which says when, how and where they were measured."""

import datetime
import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from utils.files import write_whole

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "data" / "results"
PACKAGES = ("numpy", "keras", "tensorflow", "jax", "torch")
FINE_TUNING_PACKAGES = (*PACKAGES, "tf-keras", "transformers", "ktrain", "scikit-learn")


def command_line(program: str, arguments: Iterable[str]) -> str:
    """Return what a reader types to run a program of this book again.

    Example:
        >>> command_line("tools/bench/attention.py", ["--repeats", "30"])
        'python tools/bench/attention.py --repeats 30'
    """
    return shlex.join(["python", program, *arguments])


def write_result(
    name: str,
    rows: Sequence[dict[str, Any]],
    command: str,
    seed: int,
    *,
    packages: Iterable[str] = PACKAGES,
    folder: Path = RESULTS,
    **extra: Any,
) -> Path:
    """Write rows of figures and where they come from to folder/name.json, all or nothing.

    Args:
        name: name of the file, without its suffix.
        rows: the figures; each row names its units in its keys.
        command: what was typed, as `command_line` gives it.
        seed: seed of the random inputs.
        packages: distributions whose versions matter; those not installed are left out.
        folder: where to write.
        **extra: further entries of the file, for instance fitted slopes.

    Returns:
        Path of the file.

    Raises:
        ValueError: there are no rows, the command names no program, or an extra entry would replace one of the
            envelope's.
    """
    if not rows:
        raise ValueError(f"expected at least one row for {name}; received none")
    programs = [word for word in shlex.split(command) if word.endswith(".py")]
    if not programs:
        example = "python tools/bench/attention.py"
        raise ValueError(f"expected command to name a program, such as {example!r}; received {command!r}")
    record = {
        "program": programs[0],
        "command": command,
        "date": datetime.date.today().isoformat(),
        "seed": seed,
        "versions": versions(packages),
        "machine": machine(),
    }
    if clash := sorted(extra.keys() & {*record, "rows"}):
        raise ValueError(f"expected extra entries beside {', '.join(record)}; received {', '.join(clash)} again")
    return write_whole(folder / f"{name}.json", json.dumps({**record, **extra, "rows": list(rows)}, indent=1) + "\n")


def kept(path: Path, measure: Callable[[], Any]) -> Any:
    """Return what an earlier run has left in a JSON file, or measure it now and leave it there."""
    if not path.is_file():
        write_whole(path, json.dumps(measure()))
    return json.loads(path.read_text(encoding="utf-8"))


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Return the version of Python and of each package that is installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package).split("+")[0]
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Return what decides the speed of the machine, and nothing that names it."""
    return {"processor": _processor(), "cores": os.cpu_count(), "system": platform.system()}


def _processor() -> str:
    """Return the processor's model: as Linux tells it, as macOS tells it, or at least the architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    if models:
        return models[0]
    try:
        asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
        told = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        told = ""
    return told or platform.machine()
