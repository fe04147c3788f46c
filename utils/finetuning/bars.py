"""Progress bars: whether one is shown; tqdm's own variables decide where the caller has nothing against it."""

import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # a notebook without ipywidgets gets a bar of text, and a warning that it does
    from tqdm.auto import tqdm

__all__ = ["shown", "tqdm"]


def shown(progress: bool) -> dict[str, Any]:
    """Return the options of a tqdm bar that is wanted or not; TQDM_DISABLE=1 in the environment hides wanted ones too.

    Example:
        >>> shown(True), shown(False)
        ({}, {'disable': True})
    """
    return {} if progress else {"disable": True}
