"""One look for all figures: each model has its colour and marker everywhere, lines are labelled
where they end, and the spread over runs is a band. The colours are Okabe and Ito's, which
colour-blind readers can tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

INK, SOFT, FAINT = "#222222", "#6b6b6b", "#d9d9d9"
BLUE, GREEN, ORANGE = "#0072B2", "#009E73", "#D55E00"
PURPLE, SKY, AMBER = "#B5508D", "#56B4E9", "#B97A00"
COLOURS = {
    "RNN": ORANGE,
    "GRU": GREEN,
    "LSTM": BLUE,
    "BiLSTM": PURPLE,
    "forget": ORANGE,
    "input": GREEN,
    "output": BLUE,
    "candidate": PURPLE,
    "reset": ORANGE,
    "update": GREEN,
}
# Starts of an LSTM's forget gate.
BIASES = {"b = 0": "#5aa7d6", "b = 1": BLUE, "b = 3": "#00456e", "chrono": PURPLE}
BLUES = LinearSegmentedColormap.from_list("blues", ["#ffffff", "#9ecae8", BLUE, "#00415f"])

plt.rcParams.update(
    {
        "figure.figsize": (6.8, 4.2),
        "figure.constrained_layout.use": True,
        "figure.constrained_layout.wspace": 0.04,
        "figure.dpi": 110,
        "savefig.dpi": 160,
        "font.family": "DejaVu Sans",
        "font.size": 11,
        "axes.titlesize": 12,
        "axes.titlelocation": "left",
        "axes.labelsize": 11,
        "xtick.labelsize": 10,
        "ytick.labelsize": 10,
        "mathtext.fontset": "dejavusans",
        "text.color": INK,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.edgecolor": SOFT,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#ebebeb",
        "axes.axisbelow": True,
        "lines.linewidth": 2.0,
        "lines.markersize": 6,
        "legend.frameon": False,
    }
)


def panels(rows: int = 1, columns: int = 1, **settings: Any) -> tuple[Figure, Any]:
    """plt.subplots, with the size in proportion."""
    settings.setdefault("figsize", (6.8, 1.0 + 3.2 * rows))
    return plt.subplots(rows, columns, **settings)


def band(ax: Axes, x: Any, runs: Any, colour: str, **settings: Any) -> np.ndarray[Any, Any]:
    """The median over runs (runs, len(x)) as a line, their range as a band; returns the median."""
    low, middle, high = np.quantile(np.asarray(runs, dtype=float), [0, 0.5, 1], axis=0)
    ax.plot(x, middle, color=colour, **settings)
    ax.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
    return np.asarray(middle)


def label_ends(ax: Axes, labels: Sequence[tuple[float, str, str]], x: float = 1.015) -> None:
    """Write (y, text, colour) to the right of the axes at height y, moved apart where they would
    overlap."""
    ax.figure.get_layout_engine().execute(ax.figure)  # places the axes
    line = 13 * ax.figure.dpi / 72  # 13 points, in pixels
    gap = line / ax.get_window_extent().height
    to_share = ax.transData + ax.transAxes.inverted()
    items = sorted(
        (float(to_share.transform((ax.get_xlim()[1], y))[1]), text, colour)
        for y, text, colour in labels
    )
    heights = np.array([height for height, *_ in items])
    for _ in range(200):  # push neighbours apart until none overlap
        heights = np.clip(heights, 0.0, 1.0)
        for i in range(len(heights) - 1):
            overlap = max(gap - (heights[i + 1] - heights[i]), 0.0)
            heights[i : i + 2] += (-overlap / 2, overlap / 2)
    for height, (_, text, colour) in zip(heights, items, strict=True):
        ax.annotate(
            text, (x, height), xycoords="axes fraction", color=colour, va="center", fontsize=10
        )


def whole_numbers(ax: Axes) -> None:
    """Ticks of the x axis at whole numbers only."""
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def chance_line(ax: Axes, level: float, text: str, x: float = 0.01) -> None:
    """A dashed line at the level that needs no learning."""
    ax.axhline(level, color=SOFT, linestyle=(0, (4, 3)), linewidth=1.2)
    ax.annotate(
        text,
        (x, level),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        color=SOFT,
        fontsize=9.5,
    )


def percent(ax: Axes) -> None:
    """The y axis from 0 to 100%, with room for markers at both ends."""
    ax.set_ylim(-0.03, 1.05)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1.0], ["0%", "25%", "50%", "75%", "100%"])


def grid_of_numbers(
    ax: Axes, values: Any, text: Any, rows: Sequence[str], columns: Sequence[str]
) -> None:
    """A table (rows, columns) of shares from 0 to 1 whose cells are shaded by value and hold
    `text`."""
    values = np.asarray(values)
    ax.imshow(values, cmap=BLUES, vmin=0, vmax=1, aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        ax.text(
            j,
            i,
            text[i][j],
            ha="center",
            va="center",
            color="white" if value > 0.45 else INK,
            fontsize=10,
        )
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.set_xticks(np.arange(1, len(columns)) - 0.5, minor=True)
    ax.set_yticks(np.arange(1, len(rows)) - 0.5, minor=True)
    ax.grid(False)
    ax.grid(True, which="minor", color="white", linewidth=3)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
