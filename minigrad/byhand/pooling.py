"""Pooling by the maximum as one op: x (.., *sizes) -> y (.., *places)."""

from __future__ import annotations

from itertools import product

from minigrad import ops
from minigrad.array import in_window, places_of
from minigrad.autograd import op
from minigrad.tensor import Tensor


def max_pool_composed(
    x: Tensor,
    *,
    kernel: tuple[int, ...] = (1,),
    stride: tuple[int, ...] | None = None,
    dilation: tuple[int, ...] | None = None,
) -> Tensor:
    """The largest element of each window; of equal ones the first gets the gradient."""
    n = len(kernel)
    windows = ops.take_windows(x, kernel=kernel, stride=stride, dilation=dilation)
    y: Tensor = windows.flatten(-2 * n, -n - 1).max(-n - 1)[0]
    return y


@op(composed=max_pool_composed)
def max_pool(xp, x, *, kernel=(1,), stride=None, dilation=None):
    """y_p = max_k x_{kp},    ∂x_{kp} = ∂y_p for the first k of which x_{kp} = y_p, summed over p.

    x_{kp} is element k of window p; NaN counts as the largest.
    """
    stride = stride or (1,) * len(kernel)
    dilation = dilation or (1,) * len(kernel)
    places = places_of(x.shape, kernel, stride, dilation)
    offsets = product(*map(range, kernel))
    elements = [in_window(k, places, stride, dilation) for k in offsets]

    def largest():
        y = xp.clone(x[elements[0]])
        for element in elements[1:]:
            y = xp.maximum(y, x[element])
        return y

    def dx(g):
        y = largest()  # again, since the value may have been changed in place
        found = xp.zeros_like(x)
        for element in elements:
            part = x[element]
            is_largest = (part == y) | (part != part)
            found[element] += xp.where(is_largest, g, 0)
            g = xp.where(is_largest, 0, g)  # is given once
        return found

    return largest(), (dx,)
