"""The source of the kernels: the CUDA C files in this folder."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NamedTuple

C_NAMES = {"float32": "float", "float64": "double"}
HERE = Path(__file__).parent
BY_BLOCKS = "common.cuh", "block.cuh"  # the headers of a kernel that sums over a block


class Kernel(NamedTuple):
    """The kernel `name` of a file.

    Its first parameter is n, how many numbers it is run for; one over whole blocks (scan.cuh) takes
    a Scan alone. headers: the files that are included before it.
    """

    file: str
    name: str
    headers: tuple[str, ...] = ("common.cuh",)

    def source(self, dtype: Any, **constants: int) -> str:
        """What is compiled, with T as `dtype`. Raises TypeError for a dtype without a kernel."""
        if dtype.name not in C_NAMES:
            expected = ", ".join(C_NAMES)
            raise TypeError(
                f"GPU: {self.name}: expected one of {expected}, got {dtype}; use .float()"
            )
        defined = [f"#define {name} {value}" for name, value in constants.items()]
        files = [text(file) for file in (*self.headers, self.file)]
        return "\n".join([f"typedef {C_NAMES[dtype.name]} T;", *defined, *files])


@functools.cache
def text(file: str) -> str:
    """The contents of a file in this folder."""
    return (HERE / file).read_text("utf-8")
