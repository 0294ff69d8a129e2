"""Diagrams of cells: boxes that have weights, circles that act element by element, and wires that
end in arrows."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyBboxPatch, Polygon

from demos.style import INK, SOFT, panels

Point = tuple[float, float]
CELL = "#f4f4f1"  # the ground of a cell


class Diagram:
    """A drawing in its own units: x to the right, y upwards, both with the same scale."""

    def __init__(self, width: float, height: float, ax: Axes | None = None):
        self.ax: Axes = ax or panels(figsize=(6.8, 6.8 * height / width))[1]
        self.ax.set(xlim=(0, width), ylim=(0, height), aspect="equal")
        self.ax.axis("off")

    def body(self, left: float, bottom: float, right: float, top: float) -> None:
        """What belongs to the cell."""
        box = "round,pad=0,rounding_size=0.3"
        patch = FancyBboxPatch(
            (left, bottom),
            right - left,
            top - bottom,
            boxstyle=box,
            facecolor=CELL,
            edgecolor="#c9c9c4",
            linewidth=1.2,
            zorder=0,
        )
        self.ax.add_patch(patch)

    def wire(
        self,
        *points: Point,
        colour: str = INK,
        arrow: bool = True,
        width: float = 1.7,
        over: bool = False,
    ) -> None:
        """A line through the points. With `over` it crosses earlier ones as a bridge."""
        if arrow:
            points = (*points[:-1], self.head(points[-2], points[-1], colour, 0.14 + 0.04 * width))
        x, y = zip(*points, strict=True)
        if over:
            self.ax.plot(x, y, color=CELL, linewidth=width + 5, zorder=2, solid_capstyle="butt")
        self.ax.plot(
            x,
            y,
            color=colour,
            linewidth=width,
            zorder=2,
            solid_capstyle="round",
            solid_joinstyle="round",
        )

    def head(self, start: Point, tip: Point, colour: str, size: float) -> Point:
        """The head of an arrow from `start` to `tip`; returns the middle of its base."""
        length = math.hypot(tip[0] - start[0], tip[1] - start[1])
        ux, uy = (tip[0] - start[0]) / length, (tip[1] - start[1]) / length
        base = (tip[0] - 1.5 * size * ux, tip[1] - 1.5 * size * uy)
        left = (base[0] - 0.6 * size * uy, base[1] + 0.6 * size * ux)
        right = (base[0] + 0.6 * size * uy, base[1] - 0.6 * size * ux)
        triangle = Polygon([tip, left, right], facecolor=colour, edgecolor="none", zorder=3)
        self.ax.add_patch(triangle)
        return base

    def gate(
        self, x: float, y: float, text: str, colour: str, width: float = 1.15, height: float = 0.72
    ) -> None:
        """A layer with weights of its own."""
        box = "round,pad=0,rounding_size=0.12"
        patch = FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle=box,
            facecolor=colour,
            edgecolor="none",
            zorder=4,
        )
        self.ax.add_patch(patch)
        self.text(x, y, text, colour="white", size=12, weight="bold")

    def act(self, x: float, y: float, symbol: str, radius: float = 0.3) -> None:
        """An operation on each element: × + tanh 1−."""
        self.ax.add_patch(
            Circle((x, y), radius, facecolor="white", edgecolor=INK, linewidth=1.6, zorder=4)
        )
        self.text(x, y, symbol, size=15 if len(symbol) == 1 else 9)

    def dot(self, x: float, y: float, colour: str = INK) -> None:
        """Where a wire branches."""
        self.ax.add_patch(Circle((x, y), 0.075, facecolor=colour, edgecolor="none", zorder=4))

    def text(
        self,
        x: float,
        y: float,
        text: str,
        colour: str = INK,
        size: float = 11,
        align: str = "center",
        weight: str = "normal",
    ) -> None:
        middle = "center_baseline" if len(text) > 1 else "center"
        self.ax.text(
            x,
            y,
            text,
            color=colour,
            fontsize=size,
            ha=align,
            va=middle,
            fontweight=weight,
            zorder=5,
        )

    def note(self, x: float, y: float, text: str) -> None:
        self.text(x, y, text, colour=SOFT, size=9.5)
