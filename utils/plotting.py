"""One look for every figure of the book."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler

# Okabe and Ito (2008): eight colours that readers with any colour vision can tell apart; black comes last.
OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
_FEW_POINTS = 12
# Colour and dash of the first, second, ... series: no two agree in both.
_SERIES = tuple(zip(OKABE_ITO[:6], ("-", "--", "-.", ":", "-", "--"), strict=True))


def apply_style() -> None:
    """Set the book's figure style: quiet axes, Okabe-Ito colours each with a dash of its own, white ground."""
    colours, dashes = zip(*_SERIES, strict=True)
    plt.rcdefaults()
    plt.rcParams.update(
        {
            "figure.figsize": (6.4, 3.6),
            "figure.dpi": 110,
            "figure.facecolor": "white",
            "figure.constrained_layout.use": True,
            "axes.prop_cycle": cycler(color=colours) + cycler(linestyle=dashes),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "axes.grid": True,
            "grid.alpha": 0.25,
            "image.cmap": "cividis",
            "legend.frameon": False,
            "font.size": 10,
            "lines.linewidth": 1.8,
        }
    )


def small_png(fig: Any, colours: int = 64) -> Any:
    """Return a figure as a PNG with a palette, a quarter of the usual size, for a cell to end with; close the figure.

    Args:
        fig: of Matplotlib.
        colours: in the palette.

    Returns:
        What notebooks show as a picture.
    """
    from IPython.display import Image  # only notebooks need it
    from PIL import Image as Pillow

    plain, small = io.BytesIO(), io.BytesIO()
    fig.savefig(plain, format="png")
    plt.close(fig)
    Pillow.open(plain).convert("RGB").quantize(colours).save(small, format="png", optimize=True)
    return Image(small.getvalue())


def plot_attention(
    weights: Any,
    queries: Sequence[str],
    keys: Sequence[str],
    *,
    ax: Any = None,
    title: str = "",
    numbers: bool = True,
) -> tuple[Any, Any]:
    """Draw attention weights, one row for each query and one column for each key.

    Args:
        weights: array (T, S) of numbers from 0 to 1.
        queries: T labels.
        keys: S labels.
        ax: axes to draw on; new ones when omitted.
        title: title of the axes.
        numbers: whether to print each weight in its cell.

    Returns:
        (fig, ax) of Matplotlib.

    Raises:
        ValueError: the labels do not match the shape, or a weight is outside 0 to 1.
    """
    weights = _matrix(weights, queries, keys)
    if not ((weights >= 0) & (weights <= 1 + 1e-6)).all():
        raise ValueError(f"expected weights from 0 to 1; received {weights.min():.3g} to {weights.max():.3g}")
    fig, ax = _axes(ax, (1.6 + 0.62 * len(keys), 1.2 + 0.5 * len(queries)))
    image = ax.imshow(weights, vmin=0, vmax=1, cmap="cividis", aspect="auto")
    if numbers:
        _label_cells(image, weights, "{:.2f}")
    _label_axes(ax, queries, keys, title)
    return fig, ax


def plot_signed(
    values: Any,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    ax: Any = None,
    title: str = "",
    x_label: str = "key",
    y_label: str = "query",
) -> tuple[Any, Any]:
    """Draw a matrix of signed numbers with a diverging map whose limits are symmetric about zero.

    Args:
        values: array (rows, columns).
        rows: labels of the rows.
        columns: labels of the columns.
        ax: axes to draw on; new ones when omitted.
        title: title of the axes.
        x_label: what a column stands for.
        y_label: what a row stands for.

    Returns:
        (fig, ax) of Matplotlib.

    Raises:
        ValueError: the labels do not match the shape, or a value is not finite.
    """
    values = _matrix(values, rows, columns)
    if not np.isfinite(values).all():
        raise ValueError("expected finite values; received NaN or infinity")
    limit = float(np.abs(values).max(initial=0.0)) or 1.0
    fig, ax = _axes(ax, (1.6 + 0.62 * len(columns), 1.2 + 0.5 * len(rows)))
    image = ax.imshow(values, vmin=-limit, vmax=limit, cmap="RdBu_r", aspect="auto")
    _label_cells(image, values, "{:.2g}")
    _label_axes(ax, rows, columns, title, x_label, y_label)
    return fig, ax


def plot_lines(
    x: Any, series: dict[str, Any], *, x_label: str, y_label: str, ax: Any = None, title: str = "", log: str = ""
) -> tuple[Any, Any]:
    """Draw named series over one x axis, each told apart by colour and dash once `apply_style` has run.

    Up to twelve points are marked, and named on a logarithmic x axis: they are what was measured.

    Args:
        x: array (N,).
        series: name to array (N,); at most six, as many as there are styles.
        x_label: name and unit of the x axis.
        y_label: name and unit of the y axis.
        ax: axes to draw on; new ones when omitted.
        title: title of the axes.
        log: "x", "y" or "xy" for logarithmic axes.

    Returns:
        (fig, ax) of Matplotlib.

    Raises:
        ValueError: there are more than six series, or log names another axis.
    """
    if len(series) > len(_SERIES):
        raise ValueError(f"expected at most {len(_SERIES)} series, to tell them apart; received {len(series)}")
    if set(log) - {"x", "y"}:
        raise ValueError(f'expected log to be "", "x", "y" or "xy"; received {log!r}')
    fig, ax = _axes(ax, (6.4, 3.6))
    few = len(x) <= _FEW_POINTS
    for name, y in series.items():
        ax.plot(x, y, label=name, marker="o" if few else None)
    ax.set(xlabel=x_label, ylabel=y_label, title=title)
    ax.set(**{f"{axis}scale": "log" for axis in log})
    if few and "x" in log:
        ax.set_xticks(x, [f"{value:g}" for value in x])
        ax.minorticks_off()
    if len(series) > 1:
        ax.legend()
    return fig, ax


def _matrix(values: Any, rows: Sequence[str], columns: Sequence[str]) -> np.ndarray:
    """Return the values as floats, one row and one column for each label."""
    values = np.asarray(values, dtype=float)
    if values.shape != (len(rows), len(columns)):
        raise ValueError(
            f"expected shape ({len(rows)}, {len(columns)}), one row and one column for each label; "
            f"received {values.shape}"
        )
    return values


def _axes(ax: Any, size: tuple[float, float]) -> tuple[Any, Any]:
    """Return the figure and axes to draw on."""
    return plt.subplots(figsize=size) if ax is None else (ax.figure, ax)


def _label_cells(image: Any, values: np.ndarray, form: str) -> None:
    """Print each value in its cell, black or white, whichever contrasts more with the cell (WCAG 2.2)."""
    colours = image.cmap(image.norm(values))[..., :3]
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    luminance = linear @ (0.2126, 0.7152, 0.0722)
    for (row, column), value in np.ndenumerate(values):
        colour = "black" if (luminance[row, column] + 0.05) ** 2 > 1.05 * 0.05 else "white"
        image.axes.text(column, row, form.format(value), ha="center", va="center", color=colour, fontsize=8.5)


def _label_axes(
    ax: Any, rows: Sequence[str], columns: Sequence[str], title: str, x_label: str = "key", y_label: str = "query"
) -> None:
    """Name rows and columns; unless told otherwise, rows are queries and columns are keys."""
    ax.set_xticks(range(len(columns)), columns, rotation=45 if max(map(len, columns), default=0) > 4 else 0)
    ax.set_yticks(range(len(rows)), rows)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.set(xlabel=x_label, ylabel=y_label, title=title)
