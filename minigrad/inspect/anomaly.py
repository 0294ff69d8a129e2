"""detect_anomaly: find the op, the module and the caller's line where the first NaN or infinity comes up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from minigrad.array import NAMESPACES, Array, to_numpy
from minigrad.autograd import Node, Op, TensorBase
from minigrad.inspect.observer import Observer, Origin


def raw(a: Any) -> Any:
    return a.array if isinstance(a, TensorBase) else a


def bad(a: Any, infinities: bool = True) -> Any:
    """Where an array, a tensor or a number is NaN, or infinite; False where it holds no floats."""
    a = np.asarray(a) if isinstance(a, float) else raw(a)
    if not hasattr(a, "dtype") or a.dtype.kind not in "fc":
        return np.False_
    xp = NAMESPACES[type(a)]
    return ~xp.isfinite(a) if infinities else xp.isnan(a)


class detect_anomaly(Observer):
    """Within `with detect_anomaly():` every value and every gradient is looked at; the first that is not finite raises
    FloatingPointError, which names the op, the time step of an rnn, gru or lstm, the line that ran it and the module.
    An infinity that comes in from outside may pass (a mask, say); a NaN may not. Slow: it reads each array once more.

    >>> import minigrad as mg
    >>> x = mg.tensor([0.0, 1.0], requires_grad=True)
    >>> with mg.detect_anomaly():
    ...     y = x / x  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    FloatingPointError: div: the value has 1 NaN among its 2 numbers (..., line 2, in <module>)
    """

    def __enter__(self) -> Self:
        self.quiet = np.errstate(all="ignore")  # what NumPy would only warn of is named here
        self.quiet.__enter__()
        return super().__enter__()

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)
        self.quiet.__exit__(*exception)

    def on_value(
        self, op: Op, arrays: Sequence[Any], settings: dict[str, Any], values: Sequence[Array]
    ) -> None:
        came_in = any([bad(a).any() for a in arrays])
        if any([bad(value, not came_in).any() for value in values]):
            for i, a in enumerate(arrays):
                refuse(op, f"its argument {i} came in and", a, self.origin(), infinities=False)
            for value in values:
                refuse(
                    op,
                    "the value",
                    value,
                    self.origin(),
                    step(op, settings, values[0]),
                    not came_in,
                )

    def on_backward(self, node: Node, gs: Sequence[Any], pulled: Sequence[Any]) -> None:
        for g in gs:
            refuse(node.op, "the gradient that reaches its value", g, node.origin)
        if any([bad(g).any() for g in pulled]):
            through_time = (
                node.pullback(tuple(map(raw, gs)))[0] if "lengths" in node.op.keywords else None
            )
            for g in pulled:
                refuse(
                    node.op,
                    "the gradient",
                    g,
                    node.origin,
                    step(node.op, node.settings, through_time, back=True),
                )


def step(op: Op, settings: dict[str, Any], sequence: Any, back: bool = False) -> str:
    """The first bad step of a `sequence` (T,B,·) of a recurrent op, in the order in which it was computed."""
    if "lengths" not in op.keywords:
        return ""
    found = np.flatnonzero(to_numpy(bad(sequence)).any(axis=(1, 2)))
    late = bool(settings.get("reverse")) != back
    return (
        f", the first at time step {found[-1 if late else 0]} of {len(sequence)}"
        if len(found)
        else ""
    )


def refuse(
    op: Op, what: str, a: Any, where: Origin | str, step: str = "", infinities: bool = True
) -> None:
    if bad(a, infinities).any():
        nans = int(bad(a, infinities=False).sum())
        found = f"{nans} NaN" if nans else "an infinity"
        size = getattr(raw(a), "size", 1)
        raise FloatingPointError(
            f"{op.__name__}: {what} has {found} among its {size} numbers{step}{where}"
        )
