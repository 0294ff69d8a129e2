"""The results as figures: bars, one panel for each workload; and time against T and against B."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from benchmarks.goals import Rows
from benchmarks.imports import NUMPY
from benchmarks.measure import GEMMS, OURS, REFERENCE
from benchmarks.report import amount
from demos import style

COLOURS = {
    OURS: style.BLUE,
    REFERENCE: style.ORANGE,
    "JAX": style.GREEN,
    "autograd": style.PURPLE,
    "MyGrad": style.SKY,
    "tinygrad": style.AMBER,
    GEMMS: style.SOFT,
    NUMPY: style.SOFT,
}
# an axis ends at this multiple of PyTorch's bar; a longer bar runs out of it and only its number
# tells
ROOM = 2.2


def bars(ax: Axes, row: dict[str, Any], slots: int) -> None:
    """One workload: a bar for each contestant, its spread as a line, its number beside it; room for
    `slots` bars."""
    found = {name: row["values"][name] for name in COLOURS if name in row["values"]}
    end = ROOM * max(found[name]["median"] for name in (OURS, REFERENCE) if name in found)
    for y, (name, value) in enumerate(found.items()):
        shown, tip = (min(value[q], end) for q in ("median", "high"))
        ax.barh(y, shown, color=COLOURS[name], height=0.72)
        ax.plot([min(value["low"], end), tip], [y, y], color=style.INK, linewidth=1.0)
        text = {"textcoords": "offset points", "va": "center", "fontsize": 8.5}
        number = amount(value, row["unit"], spread=False)
        if max(shown, tip) > 0.75 * end:
            ax.annotate(number, (0, y), (5, 0), color="white", **text)
        else:
            ax.annotate(number, (max(shown, tip), y), (5, 0), **text)
    ax.set(xlim=(0, end), ylim=(slots - 0.5, -0.5), xticks=[])
    ax.set_yticks(range(len(found)), list(found), fontsize=8.5)
    ax.grid(False)
    ax.tick_params(length=0)
    ax.spines[["bottom", "left"]].set_visible(False)
    ax.set_title(row["name"], fontsize=9.5)


def all_bars(rows: Rows, path: Path, columns: int) -> None:
    """A panel for each row; each line of panels is as high as its tallest needs."""
    lines = [rows[i : i + columns] for i in range(0, len(rows), columns)]
    slots = [max(len(row["values"]) for row in line) for line in lines]
    heights = [0.42 + 0.21 * n for n in slots]
    size = {"figsize": (4.2 * columns, sum(heights)), "height_ratios": heights}
    figure, axes = style.panels(len(lines), columns, squeeze=False, **size)
    figure.get_layout_engine().set(h_pad=0.1, w_pad=0.1)
    for i, ax in enumerate(axes.flat):
        if i < len(rows):
            bars(ax, rows[i], slots[i // columns])
        else:
            ax.set_visible(False)
    save(figure, path)


def curves(rows: Rows, path: Path) -> None:
    """Time against size, both logarithmic, a panel for each curve; beside them a line of power
    1."""
    names = list(dict.fromkeys(row["name"] for row in rows))
    figure, axes = style.panels(1, len(names), figsize=(5.2 * len(names), 4.4), squeeze=False)
    for ax, curve in zip(axes.flat, names, strict=True):
        found = sorted((row for row in rows if row["name"] == curve), key=lambda row: row["x"])
        x, labels = np.array([row["x"] for row in found]), []
        for name in (name for name in COLOURS if name in found[-1]["values"]):
            times = [
                [1e3 * row["values"][name][q] for row in found] for q in ("low", "median", "high")
            ]
            middle = style.band(ax, x, times, COLOURS[name], marker="o", markersize=4)
            labels.append((middle[-1], name, COLOURS[name]))
        first = 1e3 * found[0]["values"][OURS]["median"]
        ax.plot(x, first * x / x[0], color=style.FAINT, linestyle=(0, (4, 3)), zorder=0)
        ax.set(xscale="log", yscale="log", title=curve, xlabel=curve[-1], ylabel="time (ms)")
        ax.set_xticks(x, x)
        ax.minorticks_off()
        style.label_ends(ax, [*labels, (first * x[-1] / x[0], "power 1", style.SOFT)])
    save(figure, path)


def save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw(rows: Rows, out: Path) -> list[Path]:
    """layers.png, others.png and scaling.png, as far as there are rows for them."""
    plt.switch_backend("agg")
    out.mkdir(parents=True, exist_ok=True)
    layers, scaling = (
        [row for row in rows if row["group"] == group] for group in ("layers", "scaling")
    )
    others = [row for row in rows if row["group"] not in ("layers", "scaling")]
    jobs = [
        (layers, "layers", lambda rows, path: all_bars(rows, path, 4)),
        (others, "others", lambda rows, path: all_bars(rows, path, 3)),
        (scaling, "scaling", curves),
    ]
    for chosen, name, job in jobs:
        if chosen:
            job(chosen, out / f"{name}.png")
    return [out / f"{name}.png" for chosen, name, _ in jobs if chosen]
