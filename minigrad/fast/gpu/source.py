"""The kernels' source: files of CUDA C beside this one."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NamedTuple

C_NAMES = {"float32": "float", "float64": "double"}
HERE = Path(__file__).parent


class Kernel(NamedTuple):
    """The kernel `name` of a file. Its first parameter is n, how many numbers it is run for."""

    file: str
    name: str

    def source(self, dtype: Any) -> str:
        """What is compiled, with T as `dtype`. Raises TypeError for a dtype without a kernel."""
        if dtype.name not in C_NAMES:
            expected = ", ".join(C_NAMES)
            raise TypeError(
                f"GPU: {self.name}: expected one of {expected}, got {dtype}; use .float()"
            )
        return f"typedef {C_NAMES[dtype.name]} T;\n{text('common.cuh')}\n{text(self.file)}"


@functools.cache
def text(file: str) -> str:
    """The contents of a file in this folder."""
    return (HERE / file).read_text("utf-8")
