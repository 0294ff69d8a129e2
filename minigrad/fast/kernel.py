"""Kernels: lines of NumPy said again in C, for a GPU.

A kernel is a docstring, next to the lines that say the same. One launch of it replaces all of them, and launches are
what a GPU's time goes into. `vars(xp).get("kernels")` runs it: see `minigrad.fast.gpu`. On a CPU that is None, and NumPy's lines run.
"""

from __future__ import annotations

from collections.abc import Callable

SOURCE = """struct Table { long long at[64][7]; };
extern "C" __global__ void %(name)s(long long n, long long *flag, long long *box, %(parameters)s) {
#pragma unroll 1
for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n; i += (long long)blockDim.x * gridDim.x) {
%(body)s }}"""


class Kernel:
    """A function's docstring as C, run for each i from 0 to n - 1 over the arrays and numbers in `parameters`.

    Arrays are contiguous. T is their type, and that of numbers which are to have their precision.
    each: names of arrays of which there is one for every parameter of an optimizer. Their addresses stand in a table,
    so that one launch serves all of them, and the body sees one element of each; none of them while `flag` is set.
    """

    def __init__(self, function: Callable[[], None], parameters: str, each: str = ""):
        self.name, self.each, body = function.__name__, each.split(), function.__doc__
        if each:
            parameters = f"Table table, {parameters}"
            find = "if (*flag) return; int k = 0; long long j = i; while (j >= table.at[k][0]) j -= table.at[k++][0];"
            found = [
                f"T &{x} = ((T *)table.at[k][{column}])[j];"
                for column, x in enumerate(self.each, start=2)
            ]
            body = "\n".join([find, *found, body or ""])
        self.source = SOURCE % {"name": self.name, "parameters": parameters, "body": body}


def kernel(parameters: str, each: str = "") -> Callable[[Callable[[], None]], Kernel]:
    return lambda function: Kernel(function, parameters, each)
