"""Write PyTorch's reference values to data/reference, or check that they are still what PyTorch says.

Each set is a module of tools.reference.sets and becomes one .npz file of plain arrays. Keys that start with "meta/"
say which versions and which seed made it.
"""

import argparse
import importlib
import importlib.metadata
import pkgutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from tools.reference import sets

FOLDER = Path(__file__).resolve().parents[2] / "data" / "reference"
SEED = 20170612  # the day the paper appeared
TOLERANCE = 1e-6
SETS = tuple(sorted(module.name for module in pkgutil.iter_modules(sets.__path__)))


def build_set(name: str) -> dict[str, np.ndarray]:
    """Compute one set with PyTorch and add where it comes from."""
    arrays = importlib.import_module(f"tools.reference.sets.{name}").build(SEED)
    about = {package: importlib.metadata.version(package).split("+")[0] for package in ("torch", "numpy")}
    about |= {"seed": SEED, "dtype": "float32", "program": "tools/reference/write.py"}
    return arrays | {f"meta/{key}": np.array(value) for key, value in about.items()}


def write_set(name: str, folder: Path = FOLDER) -> Path:
    """Write one set to folder/name.npz, all or nothing. The same arrays give the same bytes: np.savez dates nothing."""
    path, draft = folder / f"{name}.npz", folder / f"{name}.draft.npz"
    arrays = build_set(name)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        np.savez(draft, allow_pickle=False, **arrays)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def differences(name: str, folder: Path = FOLDER) -> list[str]:
    """Compute one set again and say where the stored file differs; versions may differ, numbers may not."""
    path = folder / f"{name}.npz"
    if not path.exists():
        return [f"{path.name} is missing: write it with `make reference`"]
    fresh = {key: array for key, array in build_set(name).items() if not key.startswith("meta/")}
    with np.load(path, allow_pickle=False) as file:
        stored = {key: file[key] for key in file.files if not key.startswith("meta/")}
    found = [f"{key} is only in the {'file' if key in stored else 'program'}" for key in stored.keys() ^ fresh.keys()]
    for key in sorted(stored.keys() & fresh.keys()):
        if stored[key].shape != fresh[key].shape or stored[key].dtype != fresh[key].dtype:
            found.append(f"{key}: expected {_form(fresh[key])}; the file holds {_form(stored[key])}")
        elif fresh[key].dtype.kind == "U":
            found += [f"{key}: PyTorch now says {fresh[key]}"] if stored[key] != fresh[key] else []
        elif not np.allclose(stored[key], fresh[key], rtol=TOLERANCE, atol=TOLERANCE):
            found.append(f"{key} differs from what PyTorch computes now by more than {TOLERANCE}")
    return sorted(found)


def _form(array: np.ndarray) -> str:
    """Describe an array by type and shape."""
    return f"{array.dtype} {array.shape}"


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; return 0, 1 when a file differs, 2 when PyTorch is missing."""
    parser = argparse.ArgumentParser(description="Write PyTorch's reference values to data/reference, or check them.")
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"which sets (default: all of {', '.join(SETS)})")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a stored value is off")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the files are (default: data/reference)")
    chosen = parser.parse_args(arguments)
    if unknown := sorted(set(chosen.sets) - set(SETS)):
        parser.error(f"expected sets among {', '.join(SETS)}; received {', '.join(unknown)}")
    failed = False
    for name in chosen.sets or SETS:
        try:
            problems = differences(name, chosen.folder) if chosen.check else []
            path = chosen.folder / f"{name}.npz" if chosen.check else write_set(name, chosen.folder)
        except ModuleNotFoundError as error:
            print(f"{error}. `make reference` installs PyTorch; see README.md.", file=sys.stderr)
            return 2
        print(*problems or [f"{path.name}: {'agrees with PyTorch' if chosen.check else 'written'}"], sep="\n")
        failed = failed or bool(problems)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
