"""detect_anomaly: find the op, the module and the line where the first NaN or infinity appears."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from minigrad.array import NAMESPACES, Array, to_numpy
from minigrad.backward import call_pullback
from minigrad.graph import Node, Op, raw
from minigrad.inspect.observer import Observer, Origin


class detect_anomaly(Observer):
    """Within `with detect_anomaly():` the first value or gradient that is not finite raises.

    Every one is checked. The FloatingPointError names the op, the time step of an op that runs over
    time (rnn, gru, lstm), the line that ran it and the module. An infinity that was given to an op
    may pass (a mask, say); a NaN may not. It is slow: each array is read once more.

    >>> import minigrad as mg
    >>> x = mg.tensor([0.0, 1.0], requires_grad=True)
    >>> with mg.detect_anomaly():
    ...     y = x / x  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    FloatingPointError: div: the value has 1 NaN among its 2 numbers (..., line 2, in <module>)
    """

    def __init__(self) -> None:
        super().__init__()
        self.numpy_settings: list[Any] = []  # how NumPy warned before each `with` that is open

    def __enter__(self) -> Self:
        # Here what NumPy would warn of is an error.
        self.numpy_settings.append(np.seterr(all="ignore"))
        return super().__enter__()

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)
        np.seterr(**self.numpy_settings.pop())

    def on_value(
        self, op: Op, arrays: Sequence[Any], settings: dict[str, Any], values: Sequence[Array]
    ) -> None:
        infinities = not any([has_nonfinite(a) for a in arrays])  # else they were given to the op
        bad_values = [value for value in values if has_nonfinite(value, infinities)]
        if not bad_values:
            return
        for i, a in enumerate(arrays):
            if has_nonfinite(a, infinities=False):
                raise anomaly(op, f"its argument {i}", a, self.origin())
        time_step = first_bad_step(op, settings, values[0])
        raise anomaly(op, "the value", bad_values[0], self.origin(), time_step)

    def on_backward(self, node: Node, gs: Sequence[Any], argument_gs: Sequence[Any]) -> None:
        for g in gs:
            if has_nonfinite(g):
                raise anomaly(node.op, "the gradient that reaches its value", g, node.origin)
        for g in argument_gs:
            if has_nonfinite(g):
                time_step = first_bad_step_back(node, gs)
                raise anomaly(node.op, "the gradient", g, node.origin, time_step)


def is_nonfinite(a: Any, infinities: bool = True) -> Any:
    """Where an array, a tensor or a number is NaN, or infinite; False where it holds no floats."""
    a = np.asarray(a) if isinstance(a, float) else raw(a)
    if not hasattr(a, "dtype") or a.dtype.kind not in "fc":
        return np.False_
    xp = NAMESPACES[type(a)]
    return ~xp.isfinite(a) if infinities else xp.isnan(a)


def has_nonfinite(a: Any, infinities: bool = True) -> bool:
    """Whether an array, a tensor or a number holds a NaN, or an infinity."""
    return bool(is_nonfinite(a, infinities).any())


def first_bad_step(op: Op, settings: dict[str, Any], sequence: Any, backward: bool = False) -> str:
    """The first step of `sequence` (T,B,·) that is not finite, in the order of computing."""
    if not op.over_time:
        return ""
    bad_steps = np.flatnonzero(to_numpy(is_nonfinite(sequence)).any(axis=(1, 2)))
    if not len(bad_steps):
        return ""
    from_the_end = bool(settings.get("reverse")) != backward
    t = bad_steps[-1] if from_the_end else bad_steps[0]
    return f", the first at time step {t} of {len(sequence)}"


def first_bad_step_back(node: Node, gs: Sequence[Any]) -> str:
    """The same of the gradient of the sequence that the node's op has read."""
    if not node.op.over_time:
        return ""
    only_the_sequence = [i == 0 for i in range(len(node.args))]
    dx, *_ = call_pullback(node.pullback, [raw(g) for g in gs], only_the_sequence)
    return first_bad_step(node.op, node.settings, dx, backward=True)


def anomaly(
    op: Op, name: str, a: Any, origin: Origin | str, time_step: str = ""
) -> FloatingPointError:
    """The error that says what `a`, called `name`, holds, and where it was computed."""
    nans = int(is_nonfinite(a, infinities=False).sum())
    found = f"{nans} NaN" if nans else "an infinity"
    size = getattr(raw(a), "size", 1)
    return FloatingPointError(
        f"{op.__name__}: {name} has {found} among its {size} numbers{time_step}{origin}"
    )
