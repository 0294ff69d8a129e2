"""Peak memory of an LSTM's training step: how far the resident set rises above what it was before
the first step.

Each contestant has a process of its own, which imports its library, builds the layer and its input,
runs one step at a tiny size, so that the libraries have set themselves up, and then asks Linux to
start the high-water mark anew (/proc/self/clear_refs) and reads it (VmHWM) after three steps.
Python's tracemalloc would miss PyTorch's memory, and ru_maxrss remembers the peak of the import,
and at first that of the parent process.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.libraries import Library, twins
from benchmarks.measure import Case, Contest

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def cases(quick: bool) -> Iterator[Case]:
    for size in [(15, 32, 32, 64)] if quick else [(100, 500, 32, 64), (50, 64, 128, 256)]:
        if RESET.exists():
            yield Case(
                "memory", f"LSTM training step {','.join(map(str, size))}", partial(peak, size)
            )


def peak(size: tuple[int, ...]) -> Contest:
    """MB of a forward, backward and Adam step of an LSTM of size T, B, I, H."""

    def megabytes(name: str) -> float:
        command = [sys.executable, "-m", "benchmarks.memory", name, *map(str, size)]
        return float(
            subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout
        )

    T, B, I, H = size
    moved = (
        4 * T * B * (2 * I + 2 * H + 5 * H)
    )  # x and its gradient, the output and its gradient, gates and cells
    return Contest(
        {name: partial(megabytes, name) for name in by_name()},
        unit="MB",
        returned=True,
        moved=moved,
    )


def by_name() -> dict[str, Library]:
    return {library.name: library for library in twins()}


def kilobytes(key: str) -> int:
    return int(STATUS.read_text(encoding="utf-8").split(f"{key}:")[1].split()[0])


def steps(library: Library, size: tuple[int, ...], count: int) -> int:
    """kB that `count` training steps of an LSTM add, with the gradient of its input, as an
    embedding below wants it."""
    T, B, I, H = size
    layer = library.nn.LSTM(I, H)
    optimizer = library.optim.Adam(layer.parameters(), lr=1e-3)
    rng = np.random.default_rng(0)
    x = library.tensor(rng.standard_normal((T, B, I), dtype=np.float32), requires_grad=True)
    before = start()
    for _ in range(count):
        optimizer.zero_grad()
        x.grad = None
        (layer(x)[0] ** 2).mean().backward()
        optimizer.step()
    return kilobytes("VmHWM") - before


def start() -> int:
    """kB resident now; from here on the high-water mark counts."""
    RESET.write_text("5", encoding="utf-8")
    return kilobytes("VmRSS")


if __name__ == "__main__":
    library = by_name()[sys.argv[1]]
    steps(library, (2, 2, 4, 4), 1)
    print(steps(library, tuple(map(int, sys.argv[2:])), 3) / 1024)
