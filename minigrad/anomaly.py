"""detect_anomaly: find the op, and the caller's line, where the first NaN or infinity comes up."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.array import NAMESPACES, Array
from minigrad.autograd import Node, Variable, mode

HOME = Path(__file__).resolve().parent
INSIDE = (f"{HOME}{os.sep}", f"{HOME.parent / 'nn'}{os.sep}")  # code whose own lines no caller asks about


def caller() -> str:
    """The innermost line outside minigrad and nn, as ` (file.py, line 7, in train)`."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename.startswith(INSIDE):
        frame = frame.f_back
    return f" ({frame.f_code.co_filename}, line {frame.f_lineno}, in {frame.f_code.co_name})"


def is_finite(array: Any) -> bool:
    array = array.data if isinstance(array, Variable) else array
    return (
        not hasattr(array, "dtype")
        or array.dtype.kind not in "fc"
        or bool(NAMESPACES[type(array)].isfinite(array).all())
    )


class detect_anomaly:
    """Within `with detect_anomaly():` every value and every gradient is looked at; the first that is not finite raises
    FloatingPointError, which names the op and the line that ran it. Slow: it reads each array once more.

    >>> import minigrad as mg
    >>> x = mg.tensor([0.0, 1.0], requires_grad=True)
    >>> with mg.detect_anomaly():
    ...     y = x / x  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    FloatingPointError: div: the value has 1 NaN among its 2 numbers (..., line 2, in <module>)
    """

    def __enter__(self) -> None:
        self.before, mode.watch = mode.watch, self
        self.quiet = np.errstate(all="ignore")  # what NumPy would only warn of is named here
        self.quiet.__enter__()

    def __exit__(self, *exception: Any) -> None:
        mode.watch = self.before
        self.quiet.__exit__(*exception)

    def made(self, node: Node) -> None:
        node.where = caller()

    def forward(self, name: str, arrays: Sequence[Any], values: Sequence[Array]) -> None:
        if all(map(is_finite, arrays)):  # an infinity that comes in (a mask, say) is not born here
            for value in values:
                self.refuse_bad(f"{name}: the value", value, caller())

    def backward(self, node: Node, gradients: Sequence[Any]) -> None:
        for g in gradients:
            self.refuse_bad(f"{node.op.__name__}: the gradient", g, node.where)

    def refuse_bad(self, what: str, array: Any, where: str) -> None:
        if not is_finite(array):
            data = array.data if isinstance(array, Variable) else array
            nans = int(NAMESPACES[type(data)].isnan(data).sum())
            found = f"{nans} NaN" if nans else "an infinity"
            raise FloatingPointError(f"{what} has {found} among its {data.size} numbers{where}")
