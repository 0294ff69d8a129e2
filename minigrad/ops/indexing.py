"""Rules that pick elements: the adjoint of picking is adding up what comes back, place by place."""

from __future__ import annotations

from typing import Any

from minigrad.array import XP, Array
from minigrad.autograd import PLAIN, Rule, op


@op
def getitem(xp: XP, x: Array, *, index: Any) -> Rule:
    """y = x[index],    x' = zeros with g added at `index`; an element picked twice gets both."""
    xp.check_index(index, x.shape)
    return x[index], (lambda g: xp.scattered(g, index, x.shape),)


@op
def scatter_add(xp: XP, g: Array, *, index: Any, shape: tuple[int, ...]) -> Rule:
    """y = zeros of `shape` with g added at `index`,    g' = what comes back there."""
    return xp.scatter_add(g, index, shape), (lambda gg: gg[index],)


PLAIN["scattered"] = scatter_add  # over Tensors nothing is put off, and what is checked was checked before
PLAIN["inside"] = PLAIN["check_index"] = lambda *checked: None


@op
def embedding(xp: XP, weight: Array, ids: Array, *, padding_idx: int | None = None) -> Rule:
    """y = weight[ids],    weight' = g added up row by row; the row `padding_idx` gets none."""
    if ids.dtype.kind != "i":
        raise TypeError(f"ids must be integers, and {ids.dtype} came; use .long()")
    xp.inside(ids, weight.shape[0], "ids", f"the table has rows 0 to {weight.shape[0] - 1}")

    def pull(g: Array) -> Array:
        if padding_idx is not None:
            g = g * xp.expand_dims(ids != padding_idx, -1)
        return xp.scattered(g, ids, weight.shape)

    return weight[ids], (pull, None)
