"""Drawings to play with: a drawing that carries its numbers, from which the site makes a picture that moves.

A cell computes a drawing (`utils.drawing.figure`) and hands it to `explorable` with the numbers that it drew. The
drawing stays what it is, one SVG: notebooks and paper show it. On the site `web/explore/NAME.js` reads the numbers from
two attributes of the SVG and puts sliders beside the picture.
"""

import html
import json
import re
from dataclasses import replace
from typing import Any

import numpy as np

from utils.drawing import Drawing

DIGITS = 6  # after the point; what is shown has three at most
_NAME = re.compile(r"[a-z]+(-[a-z]+)*")


def explorable(
    drawing: Drawing, name: str, *, question: str, answer: str, keep: bool = False, **numbers: Any
) -> Drawing:
    """Give a drawing the numbers with which a page of the site lets it move.

    Args:
        drawing: what is shown where nothing can move.
        name: of the script in `web/explore` that makes it move, lower-case words with hyphens between them.
        question: what a reader finds out by playing.
        answer: folded below the question.
        keep: whether the drawing stays in sight above what moves, because the text beside it speaks of it. Else what
            moves must begin with all that the drawing shows.
        numbers: what the script needs: numbers, texts, arrays, lists and dicts of these. Numbers are rounded to six
            digits after the point, so that outputs are the same on every machine: compute them in float64.

    Returns:
        The drawing, with the attributes `data-explore` and `data-numbers` (JSON).

    Raises:
        ValueError: the name is no such name, a text is empty, or a number is not finite.
        TypeError: a value is nothing that JSON can hold.

    Example:
        >>> from utils import drawing
        >>> still = drawing.figure(drawing.grid([0.5]), name="fig-x", title="One", description="It is 0.5.")
        >>> explorable(still, "look-up", question="Why?", answer="So.", values=np.array([1 / 3])).svg[:60]
        '<svg data-explore="look-up" data-numbers="{&quot;question&qu'
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"expected the name of a script in web/explore, as look-up; received {name!r}")
    for what, text in (("a question", question), ("an answer", answer)):
        if not text.strip():
            raise ValueError(f"expected {what}, so that a reader knows what to play for; received {text!r}")
    given = {"question": question, "answer": answer, **({"keep": True} if keep else {}), **numbers}
    written = json.dumps(_plain(given), ensure_ascii=False, separators=(",", ":"))
    attributes = f'data-explore="{name}" data-numbers="{html.escape(written)}"'
    return replace(drawing, svg=drawing.svg.replace("<svg ", f"<svg {attributes} ", 1))


def _plain(value: Any) -> Any:
    """Return a value as JSON has it, numbers rounded."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(each) for each in value]
    if isinstance(value, str | bool | int | np.bool_ | np.integer):
        return value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float | np.floating):
        if not np.isfinite(value):
            raise ValueError(f"expected finite numbers, which JSON can hold; received {value}")
        rounded = round(float(value), DIGITS) + 0.0  # no negative zero
        return int(rounded) if rounded.is_integer() else rounded
    raise TypeError(f"expected numbers, texts, arrays, lists and dicts; received {type(value).__name__}")
