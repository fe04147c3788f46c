"""Values that another library computed once, as the chapters read them: `data/reference/*.npz`, case by case."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np


def reference_cases(path: str | Path) -> dict[str, dict[str, np.ndarray]]:
    """Read a file that `tools/reference/write.py` wrote.

    Args:
        path: an `.npz` file whose arrays are named `case/array`; what is named `meta/...` says where they come from.

    Returns:
        For each case its arrays by name, for instance `cases["causal"]["output"]`, in the order of the file.

    Raises:
        ValueError: an array is not named `case/array`, so the file is not one of ours.
    """
    cases: dict[str, dict[str, np.ndarray]] = {}
    with np.load(path) as stored:
        for name in stored.files:
            case, slash, array = name.partition("/")
            if not slash:
                raise ValueError(f"expected arrays named case/array in {Path(path).name}; received {name!r}")
            if case != "meta":
                cases.setdefault(case, {})[array] = stored[name]
    return cases


def arrays_under(case: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Return the arrays of a case whose names begin with a prefix, named without it.

    Args:
        case: one of those that `reference_cases` returns.
        prefix: for instance "parameter." or "grad.".

    Example:
        >>> sorted(arrays_under({"output": np.ones(2), "grad.source": np.zeros(2)}, "grad."))
        ['source']
    """
    return {name.removeprefix(prefix): array for name, array in case.items() if name.startswith(prefix)}
