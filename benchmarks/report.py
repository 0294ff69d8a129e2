"""The results: one table, the goals and the conditions, as text, RESULTS.md and results.json."""

from __future__ import annotations

import datetime
import functools
import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.equations import BLOCKS
from benchmarks.goals import Rows, goals
from benchmarks.layers import SIZES
from benchmarks.libraries import MODULES, found, skipped
from benchmarks.measure import GEMMS, OURS, REFERENCE, Effort

HEADER = "workload", OURS, REFERENCE, "ratio", "others", "its GEMMs", "MB to move"
EXPLANATION = """Written by `python -m benchmarks`. Float32. Each contestant's results agreed
with PyTorch's before it was timed. A time is the median, ± half of the range of the middle half.
The ratio is minigrad's time to PyTorch's in the same round: its median over the rounds, and the
range of the middle half. *Its GEMMs*: the matrix products of the work alone, through NumPy. *MB
to move*: what any program must at least read and write, each array once. The sizes of a layer
are T, B, I, H: length, batch, input, hidden."""
UNITS = (1.0, "s"), (1e-3, "ms"), (1e-6, "µs")


def three(number: float) -> str:
    """Three digits: 1234, 123, 12.3, 1.23, 0.123."""
    digits = 2 if number < 1e-9 else max(0, 2 - int(np.floor(np.log10(number))))
    return f"{number:.{digits}f}"


def amount(value: dict[str, float] | None, unit: str, spread: bool = True) -> str:
    """Median, unit, and half of the range in which the middle half of the measurements lies."""
    if value is None:
        return ""
    middle = value["median"]
    scale, name = (
        next((u for u in UNITS if middle >= u[0]), UNITS[-1]) if unit == "s" else (1.0, unit)
    )
    half = (value["high"] - value["low"]) / 2 / middle if middle else 0.0
    return f"{three(middle / scale)} {name}" + (f" ±{half:.0%}" if spread else "")


def cells(row: dict[str, Any]) -> list[str]:
    values, unit = row["values"], row["unit"]
    ours = row.get("ratios", {}).get(OURS)
    others = [
        f"{name} {amount(value, unit, spread=False)}"
        for name, value in values.items()
        if name not in (OURS, REFERENCE, GEMMS)
    ]
    return [
        row["title"],
        amount(values.get(OURS), unit),
        amount(values.get(REFERENCE), unit),
        f"{ours['median']:.2f} ({ours['low']:.2f} to {ours['high']:.2f})" if ours else "",
        ", ".join(others),
        amount(values.get(GEMMS), unit, spread=False),
        three(row["moved"] / 1e6) if row["moved"] else "",
    ]


def table(lines: Sequence[Sequence[str]]) -> str:
    """Markdown whose columns stand under one another, so that it is a table on a screen too."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines = [lines[0], ["-" * width for width in widths], *lines[1:]]
    padded = [
        [cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def results_table(rows: Rows) -> str:
    return table([HEADER, *map(cells, rows)])


def goals_table(rows: Rows) -> str:
    return table([("goal", "", "measured"), *goals(rows)])


def summary(rows: Rows) -> str:
    """The README's table: times divided by PyTorch's; in brackets those of the matrix products."""
    found = {(row["group"], row["name"]): row for row in rows}

    def cell(group: str, name: str) -> str:
        row = found[group, name]
        ours, products = row["ratios"][OURS]["median"], row["values"][GEMMS]["median"]
        return f"{ours:.2f} ({products / row['values'][REFERENCE]['median']:.2f})"

    lines = [["time relative to PyTorch", *BLOCKS]]
    lines += [
        [f"one layer, {', '.join(map(str, size))}{variant and f', {variant}'}"]
        + [
            cell("layers", f"{kind} {','.join(map(str, size))} {variant}".strip())
            for kind in BLOCKS
        ]
        for size in SIZES
        for variant in ("", "lengths")
    ]
    names = [f"copy task, {kind}, length 100, 10 steps" for kind in BLOCKS]
    lines.append(["training, copy task at length 100", *(cell("training", name) for name in names)])
    return table(lines)


def processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in info.read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    return names[0] if names else platform.processor() or platform.machine()


@functools.cache
def copied_per_second() -> float:
    """Bytes a second that NumPy copies, each read and written once: 64 MB at a time, best of 9."""
    source, target = np.ones(2**23), np.ones(2**23)
    best = min(seconds_of_copy(source, target) for _ in range(9))
    return 2 * source.nbytes / best


def seconds_of_copy(source: Any, target: Any) -> float:
    began = time.perf_counter()
    np.copyto(target, source)
    return time.perf_counter() - began


def conditions(effort: Effort) -> dict[str, str]:
    """Machine, versions and threads."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    torch, limit = (
        found.get(REFERENCE),
        os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS"),
    )
    release = ".".join(blas["version"].split(".")[:3])
    versions = [
        f"{name} {importlib.metadata.version(m)}"
        for name, m in MODULES.items()
        if name in found.keys() - {OURS}
    ]
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": (
            f"{processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"
        ),
        "copying memory": f"{copied_per_second() / 1e9:.1f} GB/s read and written",
        "versions": ", ".join(
            [f"Python {platform.python_version()}", f"NumPy {np.__version__}", *versions]
        ),
        "BLAS of NumPy": f"{blas['name']} {release}, {limit or os.cpu_count()} threads",
        "threads of PyTorch": str(torch.get_num_threads()) if torch else "",
        "taking turns": f"{effort.rounds} rounds, {effort.seconds} s or one call each",
        "left out": "; ".join(f"{name} ({why.splitlines()[0]})" for name, why in skipped.items())
        or "none",
    }


def results_md(rows: Rows, about: dict[str, str], refused: Sequence[str]) -> str:
    parts = [
        "# minigrad compared with other libraries",
        " ".join(EXPLANATION.split()),
        "\n".join(f"- {key}: {text}" for key, text in about.items() if text),
        "## Goals\n\n" + goals_table(rows),
        "## Results\n\n" + results_table(rows),
    ]
    if refused:
        parts.append("## Refused\n\n" + "\n".join(f"- {line}" for line in refused))
    figures = dict.fromkeys(
        row["group"] if row["group"] in ("layers", "scaling") else "others" for row in rows
    )
    parts.append("\n\n".join(f"![{name}]({name}.png)" for name in figures))
    return "\n\n".join(parts) + "\n"


def rows_in(folder: Path) -> list[dict[str, Any]]:
    """The rows that a run has written to this folder; none where there was no run."""
    path = folder / "results.json"
    return list(json.loads(path.read_text("utf-8"))["rows"]) if path.exists() else []


def write(out: Path, rows: Rows, about: dict[str, str], refused: Sequence[str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "RESULTS.md").write_text(results_md(rows, about, refused), "utf-8")
    everything = {"conditions": about, "rows": rows, "refused": refused}
    (out / "results.json").write_text(
        json.dumps(everything, indent=1, ensure_ascii=False) + "\n", "utf-8"
    )
