"""A convolution in blocks of samples whose windows fit the cache.

It must equal `convolution` of minigrad.byhand. The windows of a whole batch are larger than x by
the number of elements of a window; here those of a block are made, used and overwritten, and made
again on the way back.
"""

from __future__ import annotations

import math
from typing import Any

from minigrad.array import Array
from minigrad.byhand.convolution import groups_of
from minigrad.fast.blocks import blocks
from minigrad.faster import faster

CACHE = 2**20  # bytes: of the windows of a block, which a core keeps near


def is_large(x: Any, weight: Any, **settings: Any) -> bool:
    """Whether the windows of the batch are more than a block, in one dtype."""
    size = x.size * math.prod(weight.shape[2:]) * x.itemsize
    return bool(size > CACHE and x.dtype == weight.dtype)


@faster("convolution", when=is_large)
def convolution(
    xp: Any,
    x: Array,
    weight: Array,
    *,
    stride: tuple[int, ...] | None = None,
    dilation: tuple[int, ...] | None = None,
) -> Any:
    """The value of minigrad.byhand.convolution, and its pullbacks."""
    kernel = weight.shape[2:]
    B, O = x.shape[0], weight.shape[0]
    groups = groups_of(x, weight)
    size = math.prod(weight.shape[1:])
    w = weight.reshape(groups, O // groups, size)

    def windows_of(block: Any) -> Array:
        return xp.take_windows(x[block], kernel, stride, dilation)  # (b,C,*K,*P)

    places = windows_of(slice(1)).shape[2 + len(kernel) :]
    P = math.prod(places)
    samples = blocks(B, groups * size * P * x.itemsize, CACHE)
    shape = (B, groups, O // groups, P)
    y = xp.empty(shape, x.dtype)
    for block in samples:
        xp.matmul(w, windows_of(block).reshape(-1, groups, size, P), out=y[block])

    def dx(g: Array) -> Array:
        found = xp.empty_like(x)
        g = g.reshape(shape)
        transposed = xp.ascontiguousarray(w.swapaxes(1, 2))
        for block in samples:
            dcolumns = xp.matmul(transposed, g[block])
            dwindows = dcolumns.reshape(-1, x.shape[1], *kernel, *places)
            found[block] = xp.add_windows(dwindows, x.shape[2:], stride, dilation)
        return found

    def dweight(g: Array) -> Array:
        found = xp.zeros(w.shape, x.dtype)
        g = g.reshape(shape)
        for block in samples:
            columns = windows_of(block).reshape(-1, groups, size, P)
            found += xp.matmul(g[block], columns.swapaxes(2, 3)).sum(0)
        return found.reshape(weight.shape)

    return y.reshape(B, O, *places), (dx, dweight)
