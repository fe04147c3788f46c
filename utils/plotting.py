"""One look for every figure of the book."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler

# Okabe and Ito (2008): eight colours that readers with any colour vision can tell apart; black comes last.
OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
_DASHES = ("-", "--", "-.", ":")


def apply_style() -> None:
    """Set the book's figure style: quiet axes, Okabe-Ito colours each with a dash of its own, white ground."""
    colours, dashes = OKABE_ITO[:4] + OKABE_ITO[4:6], _DASHES + _DASHES[:2]
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
    weights = np.asarray(weights, dtype=float)
    if weights.shape != (len(queries), len(keys)):
        raise ValueError(
            f"expected weights of shape ({len(queries)}, {len(keys)}), one row a query and one column a key; "
            f"received {weights.shape}"
        )
    if not ((weights >= 0) & (weights <= 1 + 1e-6)).all():
        raise ValueError(f"expected weights from 0 to 1; received {weights.min():.3g} to {weights.max():.3g}")
    fig, ax = _axes(ax, (1.6 + 0.62 * len(keys), 1.2 + 0.5 * len(queries)))
    ax.imshow(weights, vmin=0, vmax=1, cmap="cividis", aspect="auto")
    _label_cells(ax, weights, "{:.2f}", weights < 0.55) if numbers else None
    _label_axes(ax, queries, keys, title)
    return fig, ax


def plot_signed(values: Any, rows: Sequence[str], columns: Sequence[str], *, ax: Any = None, title: str = "") -> tuple:
    """Draw a matrix of signed numbers with a diverging map whose limits are symmetric about zero.

    Args:
        values: array (rows, columns).
        rows: labels of the rows.
        columns: labels of the columns.
        ax: axes to draw on; new ones when omitted.
        title: title of the axes.

    Returns:
        (fig, ax) of Matplotlib.
    """
    values = np.asarray(values, dtype=float)
    limit = float(np.abs(values).max()) or 1.0
    fig, ax = _axes(ax, (1.6 + 0.62 * len(columns), 1.2 + 0.5 * len(rows)))
    ax.imshow(values, vmin=-limit, vmax=limit, cmap="RdBu_r", aspect="auto")
    _label_cells(ax, values, "{:.2g}", np.abs(values) > 0.6 * limit)
    _label_axes(ax, rows, columns, title)
    return fig, ax


def plot_lines(
    x: Any, series: dict[str, Any], *, x_label: str, y_label: str, ax: Any = None, title: str = "", log: str = ""
) -> tuple:
    """Draw named series over one x axis, each told apart by colour and dash.

    Args:
        x: array (N,).
        series: name to array (N,).
        x_label: name and unit of the x axis.
        y_label: name and unit of the y axis.
        ax: axes to draw on; new ones when omitted.
        title: title of the axes.
        log: "x", "y" or "xy" for logarithmic axes.

    Returns:
        (fig, ax) of Matplotlib.
    """
    fig, ax = _axes(ax, (6.4, 3.6))
    for name, y in series.items():
        ax.plot(x, y, label=name)
    ax.set(xlabel=x_label, ylabel=y_label, title=title)
    ax.set(**{f"{axis}scale": "log" for axis in log})
    if len(series) > 1:
        ax.legend()
    return fig, ax


def _axes(ax: Any, size: tuple[float, float]) -> tuple:
    """Return the figure and axes to draw on."""
    return plt.subplots(figsize=size) if ax is None else (ax.figure, ax)


def _label_cells(ax: Any, values: np.ndarray, form: str, light: np.ndarray) -> None:
    """Print each value in its cell, light on dark cells."""
    for (row, column), value in np.ndenumerate(values):
        colour = "white" if light[row, column] else "black"
        ax.text(column, row, form.format(value), ha="center", va="center", color=colour, fontsize=8.5)


def _label_axes(ax: Any, rows: Sequence[str], columns: Sequence[str], title: str) -> None:
    """Name rows and columns; rows are queries and columns are keys throughout the book."""
    ax.set_xticks(range(len(columns)), columns, rotation=45 if max(map(len, columns), default=0) > 4 else 0)
    ax.set_yticks(range(len(rows)), rows)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="key", ylabel="query", title=title)
