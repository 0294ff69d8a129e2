"""Convolution as one op: x (B,C,*sizes), weight (O,C/groups,*kernel) -> y (B,O,*places)."""

from __future__ import annotations

import math

from minigrad import ops
from minigrad.array import Array
from minigrad.autograd import op
from minigrad.tensor import Tensor


def groups_of(x: Array, weight: Array) -> int:
    """So many convolutions side by side these are, of a part of the channels each."""
    return max(1, x.shape[1] // max(1, weight.shape[1]))


def convolution_composed(
    x: Tensor,
    weight: Tensor,
    *,
    stride: tuple[int, ...] | None = None,
    dilation: tuple[int, ...] | None = None,
) -> Tensor:
    """The product of the weights of each group with each window of its channels."""
    kernel = tuple(weight.shape[2:])
    windows = ops.take_windows(x, kernel=kernel, stride=stride, dilation=dilation)  # (B,C,*K,*P)
    B, O = len(x), len(weight)
    groups = groups_of(x, weight)
    places = windows.shape[2 + len(kernel) :]
    size = math.prod(weight.shape[1:])  # of a window in one group
    columns = windows.reshape(B, groups, size, math.prod(places))  # (B,G,C/G·K,P)
    weights = weight.reshape(groups, O // groups, size)  # (G,O/G,C/G·K)
    return (weights @ columns).reshape(B, O, *places)


@op(composed=convolution_composed)
def convolution(xp, x, weight, *, stride=None, dilation=None):
    """Y = W X̂,    ∂W = Σ_b ∂Y_b X̂_bᵀ,    ∂X̂ = Wᵀ ∂Y,    with X̂ the windows of x as columns.

    X̂ (B,G,C/G·K,P), W (G,O/G,C/G·K), Y (B,G,O/G,P) for G groups, K elements of a window, P places.
    ∂x is ∂X̂ added up where the windows were taken.
    """
    kernel = weight.shape[2:]
    windows = xp.take_windows(x, kernel=kernel, stride=stride, dilation=dilation)  # (B,C,*K,*P)
    B, O = x.shape[0], weight.shape[0]
    groups = groups_of(x, weight)
    places = windows.shape[2 + len(kernel) :]
    size = math.prod(weight.shape[1:])
    columns = xp.reshape(windows, (B, groups, size, math.prod(places)))
    w = xp.reshape(weight, (groups, O // groups, size))
    y = xp.matmul(w, columns)
    shape = y.shape  # the pullbacks do not hold y, which may be changed in place

    def dx(g):
        dcolumns = xp.matmul(xp.swapaxes(w, 1, 2), xp.reshape(g, shape))
        dwindows = xp.reshape(dcolumns, windows.shape)
        return xp.add_windows(dwindows, sizes=x.shape[2:], stride=stride, dilation=dilation)

    def dweight(g):
        of_each = xp.matmul(xp.reshape(g, shape), xp.swapaxes(columns, 2, 3))  # (B,G,O/G,·)
        return xp.reshape(xp.sum(of_each, axis=0), weight.shape)

    return xp.reshape(y, (B, O, *places)), (dx, dweight)
