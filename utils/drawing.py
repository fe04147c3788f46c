"""Pictures computed from arrays: grids of numbers, arrows of data flow, heads, masks, trees of shapes, as SVG text.

A picture is made of parts. `grid`, `box`, `label`, `arrow` and `sheets` draw one; `side_by_side`, `above` and `flow`
arrange several; the named pictures (`product`, `vectors`, `heads_split`, `heads_merged`, `residual_stream`,
`growing_cache`, `teacher_forcing`, `linked`, `tree`) are arrangements that the chapters need more than once. `figure`
makes a part something that a notebook shows, with a name, a title and a description.

What a cell stores is the SVG itself (`text/html`), the same bytes on every run and every backend: numbers, coordinates
and colours are rounded, ids begin with the figure's name. So a wrong number is seen when the chapter is re-run. Text
and lines take the colour of the page around them; colours only tint. Lengths are CSS pixels at full size: a figure is
at most 444 wide, so its text of 13 pixels measures 9 on a page of 360.

The SVG is built with the standard library's ElementTree, which escapes texts and attributes alike.
"""

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from utils.plotting import OKABE_ITO

WIDEST = 444  # of a figure; a page of 360 pixels shows it at 0.69 of its size
MOST_ROWS = 16  # of a grid
FONT = 13
CELL_HEIGHT = 26
COLOURS = OKABE_ITO[:6]

_LINE = 18  # from one line of text to the next
_GAP = 14
_MARGIN = 4  # around a figure, so that no stroke is cut
_TINT, _GREY = 0.32, 0.1
_DARKEST = 0.5  # opacity of the cell with the largest value
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_UNWRITABLE = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, eq=False, repr=False)
class Picture:
    """A part of a figure.

    Attributes:
        width: in pixels at full size, labels included.
        height: likewise.
        elements: what is drawn, from (0, 0) to (width, height).
        core: (x, y, width, height) of what the labels stand around. Neighbours align the centres of their cores.
        joins: whether this is a sign between two others; it stays with the second where a row is broken.
    """

    width: float
    height: float
    elements: tuple[Element, ...]
    core: tuple[float, float, float, float]
    joins: bool = False

    def __repr__(self) -> str:
        """Say how to show it: a picture without a description is not shown."""
        return "a Picture; show it with drawing.figure(picture, name=..., title=..., description=...)"

    @property
    def texts(self) -> list[str]:
        """What is written in it, in the order in which it is drawn: cells, then labels."""
        return [text.text for element in self.elements for text in element.iter("text")]

    @property
    def centre(self) -> tuple[float, float]:
        """The centre of the core, (x, y)."""
        x, y, width, height = self.core
        return x + width / 2, y + height / 2


@dataclass(frozen=True)
class Drawing:
    """A finished figure, which notebooks and pages show as inline SVG.

    Attributes:
        name: of the figure; every id in the SVG begins with it.
        title: what the figure shows, in a few words.
        description: the finding, for readers who cannot see it.
        svg: the SVG text.
    """

    name: str
    title: str
    description: str
    svg: str

    def __repr__(self) -> str:
        """Return title and description, which stand in for the picture where only text can be shown."""
        return f"[{self.title}] {self.description}"

    def _repr_html_(self) -> str:
        return self.svg


def figure(picture: Picture, *, name: str, title: str, description: str) -> Drawing:
    """Finish a picture, so that a cell that ends with it shows it.

    Args:
        picture: what to show.
        name: of the figure, the same as in the cell's metadata: lower-case letters, digits and hyphens.
        title: what it shows, in a few words.
        description: the finding: what a reader sees in it to be so.

    Returns:
        The drawing.

    Raises:
        ValueError: the name is no such name, a text is empty, or the picture is too wide to be read on a phone.

    Example:
        >>> scores = grid([[0.5, -2]], name="scores", digits=1)
        >>> figure(scores, name="fig-scores", title="Two scores", description="The first score is larger.")
        [Two scores] The first score is larger.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"expected a name of lower-case letters, digits and hyphens, as fig-scores; received {name!r}")
    for what, text in (("title", title), ("description", description)):
        if not text.strip():
            raise ValueError(f"expected a {what} of the figure {name}, which is read aloud; received {text!r}")
    width, height = picture.width + 2 * _MARGIN, picture.height + 2 * _MARGIN
    if width > WIDEST:
        raise ValueError(
            f"expected the figure {name} to be at most {WIDEST} wide, so that its text can be read on a phone; it is "
            f"{width:.0f}: draw a slice or fewer digits, or arrange its parts with `above`"
        )
    root = _tag(
        "svg",
        _tag("title", text=title, id=f"{name}-title"),
        _tag("desc", text=description, id=f"{name}-description"),
        _tag("g", *picture.elements, transform=_translation(_MARGIN, _MARGIN)),
        xmlns="http://www.w3.org/2000/svg",
        role="img",
        aria_labelledby=f"{name}-title {name}-description",
        width=width,
        height=height,
        viewBox=f"0 0 {_number(width)} {_number(height)}",
        style="max-width:100%;height:auto",
        fill="currentColor",
        font_family="system-ui,sans-serif",
        font_size=FONT,
        text_anchor="middle",
    )
    ElementTree.indent(root, space="")  # one element a line, for readable differences between versions
    return Drawing(name, title, description, ElementTree.tostring(root, encoding="unicode"))


# ---- One part


def grid(
    values: Any,
    *,
    name: str = "",
    axes: Sequence[str] | None = (),
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    digits: int = 2,
    allowed: Any = None,
    groups: Any = None,
    shade: bool = False,
    marked: Any = None,
    colour: int = 0,
    cell_width: float = 0,
) -> Picture:
    """Draw a vector or matrix as a grid of its numbers, with its name above and its shape below.

    Args:
        values: (N,) or (rows, columns) of numbers, booleans (1 and 0) or strings: an array, a list, a Keras tensor.
        name: of the array.
        axes: names of its axes, shown beside its shape; None shows no shape.
        rows: labels of the rows.
        columns: labels of the columns.
        digits: decimals of floating-point numbers. Choose them so that no value lies between two roundings.
        allowed: boolean, broadcastable to `values`, True = may attend; what is forbidden is grey and struck out.
        groups: integers, broadcastable to `values`; cells of one group have one colour, -1 has none.
        shade: tint each cell by its magnitude, vermilion if it is negative.
        marked: an index of NumPy, such as `1`, `np.s_[:, 2]` or `(1, 2)`: the cells to frame.
        colour: of the frame, an index of `COLOURS`.
        cell_width: least width of a cell, in pixels.

    Returns:
        The picture; its core is the cells.

    Raises:
        TypeError: the values are neither numbers, booleans nor strings.
        ValueError: there are no or too many rows, another number of axes, labels do not match the shape, `allowed` is
            not boolean, or `marked` selects nothing.

    Example:
        >>> grid([[1.0, float("-inf")], [0.25, -3.0]], name="scores", axes=("T", "S")).texts
        ['1.00', '−∞', '0.25', '−3.00', '(T, S) = (2, 2)', 'scores']
    """
    array = _as_array(values)
    _check_shape(array, axes, rows, columns)
    texts = np.atleast_2d(np.vectorize(lambda value: _cell_text(value, digits), otypes=[object])(array))
    height, width = texts.shape
    cell_width = max(cell_width, 30, *(_text_width(text) + 10 for text in (*texts.flat, *columns)))
    cells_width, cells_height = cell_width * width, CELL_HEIGHT * height

    shape = [] if axes is None else _shape_lines(array.shape, axes, cells_width)
    overhang = max(0, *((_text_width(text) - cells_width) / 2 for text in (name, *shape)))
    left = max(overhang, max((_text_width(text) + 8 for text in rows), default=0))
    top = _LINE * bool(name) + _LINE * bool(columns)

    elements = [
        *_tints(array, cell_width, allowed=allowed, groups=groups, shade=shade),
        *_frame(array, cell_width, marked, **_tint(colour)),
        _lines(height, width, cell_width),
        *(
            _text(text, (column + 0.5) * cell_width, (row + 0.5) * CELL_HEIGHT)
            for (row, column), text in np.ndenumerate(texts)
        ),
        *_strikes(array, cell_width, allowed),
        *_frame(array, cell_width, marked, fill="none", stroke=COLOURS[colour % len(COLOURS)], stroke_width=2),
        *(_text(text, -8, (row + 0.5) * CELL_HEIGHT, text_anchor="end") for row, text in enumerate(rows)),
        *(_text(text, (column + 0.5) * cell_width, -_LINE / 2) for column, text in enumerate(columns)),
        *(_text(text, cells_width / 2, cells_height + _LINE * (line + 0.6)) for line, text in enumerate(shape)),
    ]
    if name:
        elements.append(_text(name, cells_width / 2, _LINE / 2 - top, font_weight="bold"))
    return Picture(
        left + cells_width + overhang,
        top + cells_height + _LINE * len(shape),
        (_tag("g", *elements, transform=_translation(left, top)),),
        (left, top, cells_width, cells_height),
    )


def box(name: str, shape: Any = None, *, colour: int | None = None, width: float = 0) -> Picture:
    """Draw a step of a computation: a rounded box with its name and, below it, the shape that leaves it.

    Args:
        name: of the step.
        shape: a text such as "(B, T, d)", a tuple of sizes, or an array whose shape is meant; none when omitted.
        colour: of the box, an index of `COLOURS`; none when omitted.
        width: least width, in pixels.

    Returns:
        The picture.
    """
    lines = [name] if shape is None else [name, _shape_text(shape)]
    width, height = max(width, *(_text_width(line) + 20 for line in lines)), 12 + _LINE * len(lines)
    return Picture(
        width,
        height,
        (
            _rectangle(0, 0, width, height, rx=5, stroke="currentColor", **_tint(colour)),
            *(_text(line, width / 2, 6 + _LINE * (row + 0.5)) for row, line in enumerate(lines)),
        ),
        (0, 0, width, height),
    )


def label(text: str, *, bold: bool = False) -> Picture:
    """Draw a text, one line for each of its lines."""
    lines = text.split("\n")
    width, height = max(map(_text_width, lines)), _LINE * len(lines)
    weight = {"font_weight": "bold"} if bold else {}
    elements = (_text(line, width / 2, _LINE * (row + 0.5), **weight) for row, line in enumerate(lines))
    return Picture(width, height, tuple(elements), (0, 0, width, height))


def arrow(text: str = "", *, down: bool = False) -> Picture:
    """Draw an arrow to the right, its text above it, or down, its text to the right of it."""
    room = _text_width(text) + 8 if text else 0
    if down:
        height = 30
        texts = [_text(text, 10, height / 2 - 2, text_anchor="start")] if text else []
        elements = (*_pointer((4, 2), (4, height - 2)), *texts)
        return Picture(8 + room, height, elements, (4, 0, 0, height), joins=True)
    width, top = max(30, room), _LINE if text else 4
    texts = [_text(text, width / 2, _LINE / 2)] if text else []
    return Picture(
        width, top + 6, (*_pointer((0, top + 2), (width, top + 2)), *texts), (0, top + 2, width, 0), joins=True
    )


def sheets(arrays: Any, *, names: Sequence[str], **options: Any) -> Picture:
    """Draw matrices of one shape, such as the heads of a layer, as sheets one behind another.

    Args:
        arrays: (sheets, rows, columns); the first lies in front, with its numbers.
        names: one for each sheet.
        options: of `grid`, for the sheet in front.

    Returns:
        The picture.

    Raises:
        ValueError: there are not three axes, or not one name for each sheet.

    Example:
        >>> sheets([[[1, 2]], [[3, 4]]], names=("head 1", "head 2"), axes=("T", "S")).texts
        ['head 2', 'head 1', '1', '2', '(T, S)', '(1, 2)']
    """
    array = _as_array(arrays)
    if array.ndim != 3 or len(array) != len(names):
        raise ValueError(
            f"expected an array (sheets, rows, columns) and one name for each sheet; "
            f"received shape {array.shape} and {len(names)} names"
        )
    front = grid(array[0], **options)
    right, up, pad = 12, 22, 8
    width = max(front.width + 2 * pad, *(_text_width(name) + 2 * pad for name in names))
    height, top = front.height + up + pad, up * (len(names) - 1)
    elements = []
    for depth in reversed(range(len(names))):
        x, y = right * depth, top - up * depth
        # Of the sheets behind only what the one before them leaves free is drawn: the ground of the page is unknown.
        foot = height if depth else up
        corners = [(0, 0), (width, 0), (width, foot), (width - right, foot), (width - right, up), (0, up)]
        points = " ".join(f"{_number(x + dx)},{_number(y + dy)}" for dx, dy in corners)
        elements += [
            _tag("polygon", points=points, stroke="currentColor", **_tint(depth)),
            _text(names[depth], x + pad, y + up / 2, text_anchor="start", font_weight="bold"),
        ]
    elements.append(_rectangle(0, top, width, height, fill="none", stroke="currentColor"))
    elements.append(_placed(front, (width - front.width) / 2, top + up))
    return Picture(width + right * (len(names) - 1), top + height, tuple(elements), (0, top, width, height))


# ---- Several parts


def side_by_side(*parts: Picture | str, gap: float = _GAP, align: str = "middle") -> Picture:
    """Put parts in a row; what does not fit on a phone goes to the next row, with the sign before it.

    Args:
        parts: pictures, with signs such as "=" between them.
        gap: between two parts, in pixels.
        align: "middle" for the middles of their cores at one height, "top" for the tops.

    Returns:
        The picture.

    Raises:
        ValueError: align is neither.

    Example:
        >>> side_by_side(grid([1, 2], axes=None), "+", grid([3, 4], axes=None), "=", grid([4, 6], axes=None)).texts
        ['1', '2', '+', '3', '4', '=', '4', '6']
    """
    if align not in ("middle", "top"):
        raise ValueError(f'expected align to be "middle" or "top"; received {align!r}')
    broken = _break(list(map(_as_part, parts)), gap)
    placed, bottom = [], 0.0
    for row in broken:
        levels = [part.core[1] if align == "top" else part.centre[1] for part in row]
        left, line = 0.0, bottom + max(levels)
        for part, level in zip(row, levels, strict=True):
            placed.append((part, left, line - level))
            left += part.width + gap
        bottom = max(y + part.height for part, _, y in placed) + 1.5 * gap
    return _assemble(placed)


def above(*parts: Picture | str, gap: float = _GAP) -> Picture:
    """Put parts one below another, the centres of their cores in line.

    Args:
        parts: pictures or texts, from the top.
        gap: between two parts, in pixels.

    Returns:
        The picture.

    Example:
        >>> above(grid([1, 2], axes=None), "is above", grid([3, 4], axes=None)).texts
        ['1', '2', 'is above', '3', '4']
    """
    placed, top = [], 0.0
    for part in map(_as_part, parts):
        placed.append((part, -part.centre[0], top))
        top += part.height + gap
    return _assemble(placed)


def flow(
    steps: Sequence[Any],
    *,
    arrows: Sequence[str] = (),
    across: bool = False,
    skips: Sequence[tuple[int, int]] = (),
) -> Picture:
    """Draw a computation as steps with arrows between them.

    Args:
        steps: each a picture, a name, or (name, shape) as `box` takes them.
        arrows: a text for each arrow, one fewer than there are steps; none when omitted.
        across: from left to right instead of downwards.
        skips: (from, to) for each arrow that runs past the steps between them, such as a residual connection: it
            leaves below step `from` and enters step `to`. Downwards alone.

    Returns:
        The picture.

    Raises:
        ValueError: the texts are not one for each arrow, or a skip leads upwards or nowhere.

    Example:
        >>> flow([("tokens", "(B, T)"), ("vectors", (2, 5, 16))], arrows=["look up"]).texts
        ['tokens', '(B, T)', 'look up', 'vectors', '(2, 5, 16)']
    """
    if arrows and len(arrows) != len(steps) - 1:
        raise ValueError(f"expected {len(steps) - 1} texts of arrows for {len(steps)} steps; received {len(arrows)}")
    named = [_as_step(step) for step in steps]
    if not across:  # boxes below one another are of one width
        widest = max((part.width for part, step in zip(named, steps, strict=True) if part is not step), default=0)
        named = [_as_step(step, widest) for step in steps]
    parts = [named[0]]
    for text, part in zip(arrows or [""] * (len(steps) - 1), named[1:], strict=True):
        parts += [arrow(text, down=not across), part]
    for start, end in skips:
        if across or not 0 <= start < end < len(named):
            raise ValueError(
                f"expected skips downwards, from a step to a later one of {len(named)}; received ({start}, {end})"
                + " in a flow from left to right" * across
            )
    return side_by_side(*parts, gap=4) if across else _with_skips(parts, skips)


def _with_skips(parts: Sequence[Picture], skips: Sequence[tuple[int, int]]) -> Picture:
    """Put steps, with an arrow after each but the last, below one another, and draw what runs past some of them."""
    gap, placed, top = 4, [], 0.0
    for part in parts:
        placed.append((part, -part.centre[0], top))
        top += part.height + gap
    steps, side, elements = placed[::2], max(part.width for part in parts) / 2 + 18, []
    for start, end in skips:
        (left, _, upper), (right, at, lower) = steps[start], steps[end]
        leaves = upper + left.height + gap + 8
        enters = lower + right.centre[1]
        edge = at + right.core[0] + right.core[2]
        elements += [
            _segment((0, leaves), (side, leaves)),
            _segment((side, leaves), (side, enters)),
            *_pointer((side, enters), (edge, enters)),
        ]
    if skips:  # room for the lines, which no part covers
        placed.append((Picture(2 * side + 2, 0, (), (0, 0, 2 * side + 2, 0)), -side - 1, 0.0))
    return _assemble(placed, *elements)


# ---- Named pictures


def product(
    left: Any,
    right: Any,
    *,
    entry: tuple[int, int],
    names: tuple[str, str, str],
    axes: tuple[Sequence[str], Sequence[str]] = ((), ()),
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    digits: int = 2,
) -> Picture:
    """Draw the matrix product left @ right so that the row and the column of one entry meet in it.

    Args:
        left: (T, K), drawn to the left of the product.
        right: (K, S), drawn above it.
        entry: (row, column) of the entry, whose sum is written out below.
        names: of left, right and product.
        axes: names of the axes of left and of right.
        rows: T labels.
        columns: S labels.
        digits: decimals of all numbers.

    Returns:
        The picture.

    Raises:
        IndexError: the product has no such entry.
        ValueError: the sizes do not match, or as `grid`.

    Example:
        >>> q, k = [[1, 0], [2, 1]], [[3, 1], [0, 1]]
        >>> product(q, k, entry=(1, 0), names=("Q", "Kᵀ", "Q Kᵀ")).texts[-1]
        'Q Kᵀ[1, 0] = 2·3 + 1·0 = 6'
    """
    left, right = _as_array(left), _as_array(right)
    if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[0]:
        raise ValueError(f"expected matrices (T, K) and (K, S); received shapes {left.shape} and {right.shape}")
    result = left @ right
    row, column = range(result.shape[0])[entry[0]], range(result.shape[1])[entry[1]]  # from the end, if negative
    outer = (axes[0][0], axes[1][1]) if axes[0] else ()
    texts = [_cell_text(value, digits) for value in (*right.flat, *result.flat)]
    width = max(_text_width(text) + 10 for text in (*texts, *columns))
    options = {"digits": digits, "cell_width": max(30, width)}
    beside = grid(left, name=names[0], axes=axes[0], rows=rows, marked=np.s_[row], colour=0, digits=digits)
    over = grid(right, name=names[1], axes=axes[1], columns=columns, marked=np.s_[:, column], colour=1, **options)
    here = grid(result, name="", axes=outer, marked=(row, column), colour=2, **options)

    # The product stands at (0, 0): rows of `left` continue its rows, columns of `right` its columns.
    gap = 30
    beside_at = (-gap - beside.width, here.core[1] - beside.core[1])
    over_at = (here.core[0] - over.core[0], -gap - over.height)
    height, middle = here.core[1] + CELL_HEIGHT * (row + 0.5), here.core[0] + options["cell_width"] * (column + 0.5)
    arrows = [
        *_pointer((beside_at[0] + beside.core[0] + beside.core[2] + 3, height), (here.core[0] - 3, height)),
        *_pointer((middle, 3 - gap), (middle, -3)),
    ]
    met = _assemble([(beside, *beside_at), (over, *over_at), (here, 0, 0)], *arrows)
    terms = [_factor(a, digits) + "·" + _factor(b, digits) for a, b in zip(left[row], right[:, column], strict=True)]
    total = f"{names[2]}[{row}, {column}] = {' + '.join(terms)} = {_cell_text(result[row, column], digits)}"
    return _assemble([(met, -met.width / 2, 0), _centred(label(_wrapped(total)), met.height + 10)])


def vectors(points: Any, names: Sequence[str], *, groups: Any = None, radius: float = 90) -> Picture:
    """Draw vectors of the plane as arrows from the centre of a circle of radius 1, each with its name at its head.

    Args:
        points: (N, 2) of numbers, x to the right and y upwards.
        names: one for each vector, of one line.
        groups: N integers; vectors of one group have one colour, -1 has that of the text. All have it when omitted.
        radius: of the circle, in pixels.

    Returns:
        The picture; its core is the circle, or what the longest vector reaches if that is more.

    Raises:
        ValueError: the points are not (N, 2) finite numbers, one is zero, or there is not one name or group for each.

    Example:
        >>> vectors([[0, 1], [1, 0]], ("midnight", "six")).texts
        ['midnight', 'six']
    """
    array = _as_array(points)
    if array.ndim != 2 or array.shape[1] != 2 or not len(array) or len(names) != len(array):
        raise ValueError(
            f"expected points (N, 2) and one name for each; received shape {array.shape} and {len(names)} names"
        )
    lengths = np.hypot(*array.T.astype(float))
    if not np.isfinite(lengths).all() or not lengths.all():
        raise ValueError("expected finite vectors other than zero, which have a direction; received one without")
    numbers = np.full(len(array), -1) if groups is None else np.asarray(groups)
    if numbers.shape != (len(array),):
        raise ValueError(f"expected {len(array)} groups, one for each vector; received shape {numbers.shape}")
    reach = radius * max(1.0, float(lengths.max()))
    elements = [_tag("circle", cx=0, cy=0, r=radius, fill="none", stroke="currentColor", stroke_opacity=0.45)]
    left, top, right, bottom = -reach, -reach, reach, reach
    for (x, y), length, name, number in zip(array, lengths, names, numbers, strict=True):
        colour = "currentColor" if number < 0 else COLOURS[int(number) % len(COLOURS)]
        pointer = _pointer((0, 0), (radius * x, -radius * y), stroke=colour, stroke_width=2)
        elements.append(_tag("g", *pointer, fill=colour))
        across, at_x, at_y = x / length, radius * x + 8 * x / length, -radius * y - 12 * y / length
        anchor = "start" if across > 0.3 else "end" if across < -0.3 else "middle"
        elements.append(_text(name, at_x, at_y, text_anchor=anchor))
        width = _text_width(name)
        start = at_x - {"start": 0, "middle": width / 2, "end": width}[anchor]
        left, right = min(left, start), max(right, start + width)
        top, bottom = min(top, at_y - _LINE / 2), max(bottom, at_y + _LINE / 2)
    drawn = _tag("g", *elements, transform=_translation(-left, -top))
    return Picture(right - left, bottom - top, (drawn,), (-left - reach, -top - reach, 2 * reach, 2 * reach))


def heads_split(values: Any, num_heads: int, *, rows: Sequence[str] = (), digits: int = 1) -> Picture:
    """Draw how features become heads: (T, d_model), reshaped to (T, H, d_k), transposed to (H, T, d_k).

    Args:
        values: (T, d_model), one example of a batch.
        num_heads: H; each head has a colour of its own.
        rows: T labels, the tokens.
        digits: decimals.

    Returns:
        The picture.

    Raises:
        ValueError: there are not two axes, or H does not divide d.
    """
    array = _as_array(values)
    if array.ndim != 2 or num_heads < 1 or array.shape[1] % num_heads:
        raise ValueError(
            f"expected values (T, d) with d a multiple of num_heads; received shape {array.shape}, {num_heads} heads"
        )
    steps = _head_steps(array.reshape(len(array), num_heads, -1), rows, digits)
    return flow(steps, arrows=["reshape", "transpose"])


def heads_merged(heads: Any, *, rows: Sequence[str] = (), digits: int = 1) -> Picture:
    """Draw how heads become features again: (H, T, d_k), transposed, reshaped to (T, d_model).

    Args:
        heads: (H, T, d_k), one example of a batch.
        rows: T labels, the tokens.
        digits: decimals.

    Returns:
        The picture.

    Raises:
        ValueError: there are not three axes.
    """
    array = _as_array(heads)
    if array.ndim != 3:
        raise ValueError(f"expected heads (H, T, key_dim); received shape {array.shape}")
    steps = _head_steps(array.transpose(1, 0, 2), rows, digits)
    return flow(steps[::-1], arrows=["transpose", "reshape"])


def residual_stream(values: Any, updates: Sequence[tuple[str, Any]], *, name: str = "x", digits: int = 1) -> Picture:
    """Draw a vector that passes by layers, each of which adds its output to it.

    Args:
        values: (d,), the stream before the first layer.
        updates: (name of the layer, what it adds (d,)), in order.
        name: of the stream.
        digits: decimals.

    Returns:
        The picture; the sums are computed here.

    Raises:
        ValueError: a vector has another shape than (d,).
    """
    stream = _as_array(values)
    additions = [(layer, _as_array(added)) for layer, added in updates]
    for layer, added in [(name, stream), *additions]:
        if added.ndim != 1 or added.shape != stream.shape:
            raise ValueError(f"expected {layer} to be a vector of shape {stream.shape[:1]}; received {added.shape}")
    sums = [stream]
    for _, added in additions:
        sums.append(sums[-1] + added)
    vectors = [grid(vector, axes=None, digits=digits) for vector in (*sums, *(added for _, added in additions))]
    size = max(part.width for part in vectors)  # all are drawn as wide as the widest, all boxes too
    options = {"axes": None, "digits": digits, "cell_width": size / len(stream)}
    widest = max((box(layer).width for layer, _ in additions), default=0)
    side = size / 2 + 36 + max(widest, size) / 2

    part = grid(stream, name=name, **options)
    placed, elements, top = [(part, -part.centre[0], 0.0)], [], 0.0
    for (layer, added), total in zip(additions, sums[1:], strict=True):
        top += part.height
        beside, change = box(layer, colour=0, width=widest), grid(added, groups=0, **options)
        branch, plus = top + 22, top + 22 + beside.height / 2 + 24 + change.height / 2
        placed += [
            (beside, side - beside.centre[0], branch - beside.centre[1]),
            (change, side - change.centre[0], plus - change.centre[1]),
        ]
        part = grid(total, **options)
        elements += [
            _segment((0, top), (0, plus - 9), stroke_width=2),
            *_pointer((0, branch), (side - beside.width / 2, branch)),
            *_pointer((side, branch + beside.height / 2), (side, plus - change.height / 2)),
            *_pointer((side - change.width / 2, plus), (10, plus)),
            _tag("circle", cx=0, cy=plus, r=9, fill="none", stroke="currentColor"),
            _segment((-5, plus), (5, plus)),
            _segment((0, plus - 5), (0, plus + 5)),
            *_pointer((0, plus + 9), (0, plus + 30), stroke_width=2),
        ]
        top = plus + 30
        placed.append((part, -part.centre[0], top))
    return _assemble(placed, *elements)


def growing_cache(keys: Any, tokens: Sequence[str], *, name: str = "keys", digits: int = 1) -> Picture:
    """Draw the cache of a decoder step by step: each step appends one row and keeps the others.

    Args:
        keys: (T, key_dim), the row that each token adds.
        tokens: T labels.
        name: of what is stored.
        digits: decimals.

    Returns:
        The picture; the new row of each step is framed.

    Raises:
        ValueError: there are not two axes, or not one token for each row.
    """
    array = _as_array(keys)
    if array.ndim != 2:
        raise ValueError(f"expected keys (T, key_dim); received shape {array.shape}")
    if len(tokens) != len(array):
        raise ValueError(f"expected {len(array)} tokens, one for each row; received {len(tokens)}")
    steps = []
    for step, so_far in enumerate(range(1, len(array) + 1)):
        title = f"{name}, step {so_far}"
        steps.append(grid(array[:so_far], name=title, rows=tokens[:so_far], marked=np.s_[step], digits=digits))
    return side_by_side(*steps, align="top")


def teacher_forcing(tokens: Sequence[str], *, start: str = "[start]", end: str = "[end]") -> Picture:
    """Draw the shift by one of teacher forcing: the input of each position is the target of the one before.

    Args:
        tokens: the sentence, without its ends.
        start: the token that the input begins with.
        end: the token that the target ends with.

    Returns:
        The picture: inputs below, targets above, an arrow from each input to what is to be predicted from it.
    """
    inputs, targets = [start, *tokens], [*tokens, end]
    width = max(_text_width(token) + 14 for token in (*inputs, *targets))
    rows = [
        grid(row, axes=None, cell_width=width, groups=groups)
        for row, groups in ((targets, [1] * len(tokens) + [-1]), (inputs, [-1] + [1] * len(tokens)))
    ]
    rise, side = 44, max(map(_text_width, ("target", "input"))) + 10
    over, under = CELL_HEIGHT, CELL_HEIGHT + rise
    elements = [
        element
        for position in range(len(inputs))
        for element in _pointer(((position + 0.5) * width, under - 2), ((position + 0.5) * width, over + 2))
    ]
    for position in range(len(tokens)):  # the same token, one position later
        ends = ((position + 0.62) * width, over + 2), ((position + 1.38) * width, under - 2)
        elements.append(_segment(*ends, stroke=COLOURS[1], stroke_dasharray="4 3", stroke_width=1.5))
    names = [
        Picture(
            side, CELL_HEIGHT, (_text(text, side - 10, CELL_HEIGHT / 2, text_anchor="end"),), (0, 0, side, CELL_HEIGHT)
        )
        for text in ("target", "input")
    ]
    return _assemble([(rows[0], 0, 0), (rows[1], 0, under), (names[0], -side, 0), (names[1], -side, under)], *elements)


def linked(upper: Sequence[str], lower: Sequence[str], links: Sequence[int]) -> Picture:
    """Draw two rows of boxes, each box above joined to the one below that it uses, such as heads that share keys.

    Args:
        upper: names of the boxes above.
        lower: names of the boxes below; each, with those that use it, has a colour of its own.
        links: for each box above, the index of the one below.

    Returns:
        The picture.

    Raises:
        ValueError: there is not one link for each box above, or a link leads nowhere.

    Example:
        >>> linked(["query 1", "query 2"], ["key"], [0, 0]).texts
        ['query 1', 'query 2', 'key']
    """
    if len(links) != len(upper) or not all(0 <= link < len(lower) for link in links):
        raise ValueError(
            f"expected one link, from 0 to {len(lower) - 1}, for each of {len(upper)} boxes above; "
            f"received {list(map(int, links))}"
        )
    widest = max(box(name).width for name in (*upper, *lower))
    above_it = [box(name, colour=int(link), width=widest) for name, link in zip(upper, links, strict=True)]
    below_it = [box(name, colour=index, width=widest) for index, name in enumerate(lower)]
    gap, height, drop = 8, above_it[0].height, 34
    steps = [(widest + gap) * index for index in range(len(upper))]
    # Each box below stands under the middle of those that use it; one that none uses, at the end.
    users = [[left for left, link in zip(steps, links, strict=True) if link == index] for index in range(len(lower))]
    lefts = [sum(found) / len(found) if found else steps[-1] + widest + gap for found in users]
    lines = [
        _segment((left + widest / 2, height), (lefts[link] + widest / 2, height + drop))
        for left, link in zip(steps, links, strict=True)
    ]
    placed = [(part, left, 0.0) for part, left in zip(above_it, steps, strict=True)]
    placed += [(part, left, height + drop) for part, left in zip(below_it, lefts, strict=True)]
    return _assemble(placed, *lines)


def tree(root: tuple) -> Picture:
    """Draw a model's parts as a tree, each with the shape that leaves it.

    Args:
        root: (name, shape) or (name, shape, parts), where parts are such tuples; a shape as in `box`, or None.

    Returns:
        The picture.

    Example:
        >>> tree(("Encoder", "(B, T, d)", [("embedding", (2, 5, 16)), ("layer 1", (2, 5, 16))])).texts[:4]
        ['Encoder', '(B, T, d)', 'embedding', '(2, 5, 16)']
    """
    lines = list(_tree_lines(root, 0))
    indent, height = 20, 24
    column = max(indent * depth + _text_width(name) for name, _, depth, _ in lines) + 24
    elements = []
    for row, (name, shape, depth, parent) in enumerate(lines):
        y = height * (row + 0.5)
        weight = {} if depth else {"font_weight": "bold"}
        elements += [
            _text(name, indent * depth, y, text_anchor="start", **weight),
            _text(shape, column, y, text_anchor="start"),
        ]
        if depth:
            x, above_it = indent * (depth - 1) + 5, height * (parent + 0.5) + 10
            path = f"M{_number(x)} {_number(above_it)}V{_number(y)}H{_number(indent * depth - 4)}"
            elements.append(_tag("path", d=path, fill="none", stroke="currentColor", opacity=0.55))
    width = column + max(_text_width(shape) for _, shape, _, _ in lines)
    return Picture(width, height * len(lines), tuple(elements), (0, 0, width, height * len(lines)))


# ---- Arrays and their texts


def _as_array(values: Any) -> np.ndarray:
    """Return values as an array of numbers, booleans or strings, wherever they lie."""
    keras = sys.modules.get("keras")  # without Keras nobody has a tensor of its backends
    if keras is not None and keras.ops.is_tensor(values):
        values = keras.ops.convert_to_numpy(values)
    array = np.asarray(values)
    if array.dtype.kind == "V":  # bfloat16, which NumPy does not know by itself
        array = array.astype(np.float32)
    if array.dtype.kind not in "biufU":
        raise TypeError(f"expected numbers, booleans or strings to draw; received an array of {array.dtype}")
    return array


def _check_shape(array: np.ndarray, axes: Sequence[str] | None, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Refuse what cannot be drawn as one grid, and labels that do not fit."""
    if array.ndim not in (1, 2) or not array.size:
        raise ValueError(f"expected a vector or a matrix with one number at least; received shape {array.shape}")
    height, width = np.atleast_2d(array).shape
    if height > MOST_ROWS:
        raise ValueError(
            f"expected at most {MOST_ROWS} rows, to be read; received {height}: draw a slice, such as array[:8]"
        )
    if width > WIDEST // 30:
        raise ValueError(
            f"expected at most {WIDEST // 30} columns, to be read; received {width}: draw a slice, such as array[:, :8]"
        )
    if axes and len(axes) != array.ndim:
        raise ValueError(f"expected {array.ndim} names of axes for shape {array.shape}; received {tuple(axes)}")
    for what, labels, size in (("rows", rows, height), ("columns", columns, width)):
        if len(labels) and len(labels) != size:
            raise ValueError(f"expected {size} labels of {what}, as many as there are; received {len(labels)}")


def _cell_text(value: Any, digits: int) -> str:
    """Return how a value is written in its cell: rounded, with a true minus sign and never a negative zero."""
    if isinstance(value, str):
        return value
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return "NaN"
        if np.isinf(value):
            return "∞" if value > 0 else "−∞"
        return f"{round(float(value), digits) + 0.0:.{digits}f}".replace("-", "−")
    return str(int(value)).replace("-", "−")


def _factor(value: Any, digits: int) -> str:
    """Return a value as it is written in a product: in brackets if it is negative."""
    text = _cell_text(value, digits)
    return f"({text})" if text.startswith("−") else text


def _shape_text(shape: Any) -> str:
    """Return a shape as it is shown: a text as it is, sizes in brackets."""
    if isinstance(shape, str):
        return shape
    sizes = shape if isinstance(shape, tuple) else np.shape(_as_array(shape))
    return "(" + ", ".join(map(str, sizes)) + ("," if len(sizes) == 1 else "") + ")"


def _shape_lines(shape: tuple[int, ...], axes: Sequence[str], width: float) -> list[str]:
    """Return the lines below a grid: the names of its axes, its sizes."""
    if not axes:
        return [_shape_text(shape)]
    names, sizes = _shape_text(tuple(axes)), _shape_text(shape)
    return [f"{names} = {sizes}"] if _text_width(f"{names} = {sizes}") <= width else [names, sizes]


def _text_width(text: str) -> float:
    """Estimate the width of a text, in pixels, for the widest of the usual sans-serif fonts."""
    wide, narrow = "mwMW%@—→∞", "ijltfrI.,:;'|()[]! ·"
    return FONT * sum(0.95 if sign in wide else 0.4 if sign in narrow else 0.64 for sign in text)


def _wrapped(text: str) -> str:
    """Break a sum before a plus or an equals sign, so that no line is wider than a figure."""
    lines = [""]
    for piece in re.split(r" (?=[+=] )", text):
        if lines[-1] and _text_width(f"{lines[-1]} {piece}") > WIDEST - 40:
            lines.append("")
        lines[-1] = f"{lines[-1]} {piece}".strip()
    return "\n".join(lines)


# ---- Parts and their places


def _as_part(part: Picture | str) -> Picture:
    """Return a sign as a picture that joins its neighbours."""
    if isinstance(part, Picture):
        return part
    shown = label(part)
    return Picture(shown.width, shown.height, shown.elements, shown.core, joins=True)


def _as_step(step: Any, width: float = 0) -> Picture:
    """Return a step of a flow: a picture as it is, a name or (name, shape) as a box."""
    if isinstance(step, Picture):
        return step
    return box(*((step,) if isinstance(step, str) else step), width=width)


def _break(parts: list[Picture], gap: float) -> list[list[Picture]]:
    """Return parts in rows that are not too wide; no row ends with a sign."""
    rows: list[list[Picture]] = [[]]
    pending: list[Picture] = []
    for part in parts:
        pending.append(part)
        if part.joins:
            continue
        if rows[-1] and sum(each.width + gap for each in rows[-1] + pending) - gap > WIDEST - 2 * _MARGIN:
            rows.append([])
        rows[-1] += pending
        pending = []
    rows[-1] += pending
    return rows


def _assemble(placed: Iterable[tuple[Picture, float, float]], *elements: Element) -> Picture:
    """Return pictures at their places, with elements between them in the same coordinates, as one picture."""
    placed = list(placed)
    left, top = min(x for _, x, _ in placed), min(y for _, _, y in placed)
    right, bottom = max(x + part.width for part, x, _ in placed), max(y + part.height for part, _, y in placed)
    cores = [(x + part.core[0], y + part.core[1], *part.core[2:]) for part, x, y in placed]
    x, y = min(core[0] for core in cores), min(core[1] for core in cores)
    width = max(core[0] + core[2] for core in cores) - x
    height = max(core[1] + core[3] for core in cores) - y
    drawn = [_placed(part, x - left, y - top) for part, x, y in placed]
    if elements:
        drawn.append(_tag("g", *elements, transform=_translation(-left, -top)))
    return Picture(right - left, bottom - top, tuple(drawn), (x - left, y - top, width, height))


def _centred(part: Picture, y: float) -> tuple[Picture, float, float]:
    """Return a part at height y, its middle at x = 0."""
    return part, -part.width / 2, y


def _head_steps(split: np.ndarray, rows: Sequence[str], digits: int) -> list[Picture]:
    """Return pictures of (T, d_model), (T, H, d_k) and (H, T, d_k), coloured by head, for split (T, H, key_dim)."""
    tokens, heads, size = split.shape
    labels = rows or [f"token {token + 1}" for token in range(tokens)]
    names = [f"head {head + 1}" for head in range(heads)]
    whole = grid(
        split.reshape(tokens, -1),
        axes=("T", "d_model"),
        rows=labels,
        groups=np.arange(heads).repeat(size),
        digits=digits,
    )
    by_token = [
        grid(split[token], name=labels[token], axes=None, groups=np.arange(heads)[:, None], digits=digits)
        for token in range(tokens)
    ]
    by_head = [
        grid(split[:, head], name=names[head], axes=None, groups=head, digits=digits, rows=rows if head == 0 else ())
        for head in range(heads)
    ]
    shapes = [f"(T, H, d_k) = {_shape_text(split.shape)}", f"(H, T, d_k) = {(heads, tokens, size)}"]
    return [whole] + [
        above(side_by_side(*parts), label(shape), gap=2)
        for parts, shape in zip((by_token, by_head), shapes, strict=True)
    ]


def _tree_lines(node: tuple, depth: int, parent: int = 0, row: int = 0) -> Iterable[tuple[str, str, int, int]]:
    """Yield (name, shape, depth, row of the parent) of a node and, after it, of its parts."""
    name, shape, *parts = node
    yield name, "" if shape is None else _shape_text(shape), depth, parent
    following = row + 1
    for part in parts[0] if parts else ():
        for line in _tree_lines(part, depth + 1, row, following):
            yield line
            following += 1


# ---- SVG elements


def _number(value: float) -> str:
    """Return a coordinate to a tenth of a pixel."""
    return f"{round(float(value), 1) + 0.0:.6g}"


def _translation(x: float, y: float) -> str:
    return f"translate({_number(x)} {_number(y)})"


def _tag(name: str, *children: Element, text: str | None = None, **attributes: Any) -> Element:
    """Return an SVG element; numbers are rounded, underscores in the names of attributes become hyphens."""
    element = Element(name)
    for key, value in attributes.items():
        rounded = value if isinstance(value, str) else _opacity(value) if "opacity" in key else _number(value)
        element.set(key.replace("_", "-"), rounded)
    if text is not None and (found := _UNWRITABLE.search(text)):
        raise ValueError(f"expected a text without control characters; received {text!r}: leave out {found[0]!a}")
    element.text = text
    element.extend(children)
    return element


def _opacity(value: float) -> str:
    """Return an opacity to a hundredth."""
    return f"{round(float(value), 2):g}"


def _text(text: str, x: float, y: float, **attributes: Any) -> Element:
    """Return a text whose capitals stand around the height y."""
    return _tag("text", text=text, x=x, y=y + 0.35 * FONT, **attributes)


def _rectangle(x: float, y: float, width: float, height: float, **attributes: Any) -> Element:
    return _tag("rect", x=x, y=y, width=width, height=height, **attributes)


def _tint(colour: int | None, opacity: float = _TINT) -> dict[str, Any]:
    """Return the attributes of a tinted ground; of none without a colour."""
    if colour is None:
        return {"fill": "none"}
    return {"fill": COLOURS[colour % len(COLOURS)], "fill_opacity": opacity}


def _segment(start: tuple[float, float], end: tuple[float, float], **attributes: Any) -> Element:
    """Return a line."""
    return _tag("line", x1=start[0], y1=start[1], x2=end[0], y2=end[1], **{"stroke": "currentColor"} | attributes)


def _pointer(start: tuple[float, float], end: tuple[float, float], **attributes: Any) -> list[Element]:
    """Return a line with a head at its end, drawn without a marker, which would need an id."""
    direction = np.subtract(end, start) / np.hypot(*np.subtract(end, start))
    across, base = np.array([-direction[1], direction[0]]), np.subtract(end, 7 * direction)
    corners = [end, base + 4 * across, base - 4 * across]
    points = " ".join(f"{_number(x)},{_number(y)}" for x, y in corners)
    return [_segment(start, tuple(base), **attributes), _tag("polygon", points=points)]


def _placed(part: Picture, x: float, y: float) -> Element:
    return _tag("g", *part.elements, transform=_translation(x, y))


def _lines(height: int, width: int, cell_width: float) -> Element:
    """Return the lines between and around cells."""
    right, bottom = _number(width * cell_width), _number(height * CELL_HEIGHT)
    across = "".join(f"M0 {row * CELL_HEIGHT}H{right}" for row in range(height + 1))
    down = "".join(f"M{_number(column * cell_width)} 0V{bottom}" for column in range(width + 1))
    return _tag("path", d=across + down, fill="none", stroke="currentColor", stroke_opacity=0.45)


def _cells(mask: np.ndarray) -> list[tuple[int, int]]:
    """Return (row, column) of each True of a vector or matrix."""
    return [(int(row), int(column)) for row, column in np.argwhere(np.atleast_2d(mask))]


def _tints(array: np.ndarray, cell_width: float, *, allowed: Any, groups: Any, shade: bool) -> list[Element]:
    """Return the coloured grounds of cells: by magnitude, by group, grey where attending is forbidden."""
    tints: dict[tuple[int, int], dict[str, Any]] = {}
    if shade:
        values = np.nan_to_num(array.astype(float), nan=0, posinf=0, neginf=0)
        largest = np.abs(values).max() or 1.0
        for cell in _cells(values != 0):
            value = np.atleast_2d(values)[cell] / largest
            tints[cell] = _tint(0 if value > 0 else 1, _DARKEST * abs(value))
    if groups is not None:
        numbers = np.atleast_2d(np.broadcast_to(groups, array.shape))
        tints |= {cell: _tint(int(numbers[cell])) for cell in _cells(numbers >= 0)}
    if allowed is not None:
        grey = {"fill": "currentColor", "fill_opacity": _GREY}
        tints |= dict.fromkeys(_cells(~_as_mask(allowed, array)), grey)
    return [
        _rectangle(column * cell_width, row * CELL_HEIGHT, cell_width, CELL_HEIGHT, **tint)
        for (row, column), tint in sorted(tints.items(), key=lambda item: item[0])
    ]


def _as_mask(allowed: Any, array: np.ndarray) -> np.ndarray:
    """Return a mask as booleans of the array's shape; what is added to scores instead is refused."""
    mask = _as_array(allowed)
    if mask.dtype.kind not in "biu" or not np.isin(mask, (0, 1)).all():
        raise ValueError(
            f"expected allowed to be boolean, True = may attend; received {mask.dtype}: a mask that is added to scores "
            "is drawn by adding it"
        )
    return np.broadcast_to(mask.astype(bool), array.shape)


def _strikes(array: np.ndarray, cell_width: float, allowed: Any) -> list[Element]:
    """Return a line through each forbidden cell."""
    if allowed is None:
        return []
    return [
        _segment(
            (column * cell_width, (row + 1) * CELL_HEIGHT), ((column + 1) * cell_width, row * CELL_HEIGHT), opacity=0.4
        )
        for row, column in _cells(~_as_mask(allowed, array))
    ]


def _frame(array: np.ndarray, cell_width: float, marked: Any, **attributes: Any) -> list[Element]:
    """Return a rectangle over the cells that an index selects."""
    if marked is None:
        return []
    chosen = np.zeros(array.shape, bool)
    chosen[marked] = True
    if not chosen.any():
        raise ValueError(f"expected marked to select a cell of shape {array.shape}; received {marked!r}")
    cells = _cells(chosen)
    (top, left), (bottom, right) = np.min(cells, axis=0), np.max(cells, axis=0) + 1
    place = (left * cell_width, top * CELL_HEIGHT, (right - left) * cell_width, (bottom - top) * CELL_HEIGHT)
    return [_rectangle(*place, **attributes)]
