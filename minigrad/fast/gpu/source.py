"""The kernels' source: files of CUDA C beside this one."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NamedTuple

C_NAMES = {"float32": "float", "float64": "double"}
HERE = Path(__file__).parent
BY_BLOCKS = "common.cuh", "block.cuh"  # the headers of a kernel that sums over a block


class Kernel(NamedTuple):
    """The kernel `name` of a file. Its first parameter is n, how many numbers it is run for; a
    kernel of whole blocks (scan.cuh) has another form.

    headers: the files that stand before it.
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
