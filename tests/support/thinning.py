"""Cases of which every change tries some, and each night all."""

from collections.abc import Iterable
from typing import Any

import pytest

NIGHTLY = (pytest.mark.slow, pytest.mark.full)
SCREENS = {f"{scheme}-{width}": (width, scheme) for scheme in ("light", "dark") for width in (360, 1440)}


def thinned(cases: Iterable[tuple[str, Any]], every: int = 4) -> list[Any]:
    """Return named cases as parameters: the first and then one in `every` at each change, the others each night.

    Args:
        cases: pairs of a name and the value, or the tuple of values, of the parameters.
        every: at least 2.
    """
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), id=name, marks=NIGHTLY if at % every else ())
        for at, (name, case) in enumerate(cases)
    ]
