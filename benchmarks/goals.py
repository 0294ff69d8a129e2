"""What minigrad is to reach beside the others, and what the measured rows say of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks import scaling
from benchmarks.imports import NUMPY
from benchmarks.measure import OURS, REFERENCE

Rows = Sequence[dict[str, Any]]


def value(row: dict[str, Any], name: str = OURS) -> float:
    return float(row["values"][name]["median"])


def ratio(row: dict[str, Any], other: str = REFERENCE) -> float:
    """minigrad's value as a multiple of another's; to PyTorch it is taken round by round."""
    if other == REFERENCE:
        return float(row["ratios"][OURS]["median"])
    return value(row) / value(row, other)


def group(rows: Rows, name: str, against: str = REFERENCE) -> list[dict[str, Any]]:
    """The rows of a group in which minigrad met `against`."""
    return [row for row in rows if row["group"] == name and against in row["values"]]


def worst(rows: Rows, against: str, limit: float) -> tuple[bool, str]:
    """Whether no ratio is above the limit; the smallest, the largest and where, and how many are
    too large."""
    ratios = [ratio(row, against) for row in rows]
    high = rows[int(np.argmax(ratios))]
    over = sum(r > limit for r in ratios)
    text = f"{max(ratios):.2f} of {against}"
    if len(rows) > 1:
        text = f"{min(ratios):.2f} to {text} ({high['name']})" + (
            f"; {over} of {len(rows)} above" if over else ""
        )
    return not over, text


def mean_of_layers(rows: Rows) -> tuple[bool, str]:
    mean = float(np.exp(np.mean([np.log(ratio(row)) for row in rows])))
    return mean <= 0.5, f"{mean:.2f} over {len(rows)} layers"


def mean_and_worst_of_programs(rows: Rows) -> tuple[bool, str]:
    """Whether the programs take at most 1.15 of PyTorch's time in the geometric mean, 2.0 each."""
    mean = float(np.exp(np.mean([np.log(ratio(row)) for row in rows])))
    none_above, text = worst(rows, REFERENCE, 2.0)
    return mean <= 1.15 and none_above, f"{mean:.2f} over {len(rows)} programs, {text}"


def below_the_others(rows: Rows) -> tuple[bool, str]:
    """Whether minigrad is faster than each of those in every row; its largest ratio to each, and
    where it is slower."""
    slower, largest = [], {}
    for row in rows:
        for name in row["values"].keys() - {OURS, REFERENCE}:
            largest[name] = max(ratio(row, name), largest.get(name, 0.0))
            slower += [f"slower than {name}: {row['name']}"] if ratio(row, name) >= 1 else []
    text = ", ".join(f"at most {share:.2f} of {name}" for name, share in sorted(largest.items()))
    return not slower, "; ".join([text, *slower])


def exponents(rows: Rows) -> tuple[bool, str]:
    """Time as a power of the size: the slope over the larger half of each curve, where the fixed
    cost is small."""
    found = {}
    for curve in dict.fromkeys(row["name"] for row in rows):
        points = sorted((row["x"], value(row)) for row in rows if row["name"] == curve)
        x, y = np.log(points[len(points) // 2 - 1 :]).T
        found[curve] = float(np.polyfit(x, y, 1)[0])
    return max(found.values()) <= 1.1, ", ".join(
        f"{curve}: power {slope:.2f}" for curve, slope in found.items()
    )


def check(rows: Rows, test: Callable[..., tuple[bool, str]], *settings: Any) -> tuple[str, str]:
    if not rows:
        return "not measured", ""
    met, text = test(rows, *settings)
    return "met" if met else "missed", text


def goals(rows: Rows) -> list[tuple[str, str, str]]:
    """(goal, "met", "missed" or "not measured", what was measured)."""
    layers, step = group(rows, "layers"), "LSTM training step 100,500,32,64"
    small = [
        row for row in group(rows, "overhead", OURS) if row["values"].keys() - {OURS, REFERENCE}
    ]
    loops = [row for row in group(rows, "scaling", OURS) if row["name"] == scaling.LOOP]
    curves = [row for row in group(rows, "scaling", OURS) if row["name"] != scaling.LOOP]
    memory = [row for row in group(rows, "memory") if row["name"] == step]
    return [
        ("1. layers: geometric mean at most 0.50 of PyTorch", *check(layers, mean_of_layers)),
        ("1. layers: none above 0.75 of PyTorch", *check(layers, worst, REFERENCE, 0.75)),
        ("1. layers: none above JAX", *check(group(rows, "layers", "JAX"), worst, "JAX", 1.0)),
        (
            "2. whole training runs: at most 0.50 of PyTorch",
            *check(group(rows, "training"), worst, REFERENCE, 0.5),
        ),
        (
            "3. one small op: at most PyTorch's",
            *check(group(rows, "overhead"), worst, REFERENCE, 1.0),
        ),
        ("3. one small op: below the small libraries", *check(small, below_the_others)),
        (
            "4. peak memory of an LSTM step: at most PyTorch's",
            *check(memory, worst, REFERENCE, 1.0),
        ),
        ("5. time linear in T and in B", *check(curves, exponents)),
        ("5. gradients through x[t] in a loop linear in T", *check(loops, exponents)),
        (
            "6. other parts: none above 1.5 of PyTorch",
            *check(group(rows, "parts"), worst, REFERENCE, 1.5),
        ),
        (
            "7. import: below 1.5 of NumPy's",
            *check(group(rows, "imports", NUMPY), worst, NUMPY, 1.5),
        ),
        (
            "8. PyTorch programs: 1.15 of PyTorch in the mean, none above 2.0",
            *check(group(rows, "programs"), mean_and_worst_of_programs),
        ),
    ]
