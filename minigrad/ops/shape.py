"""Rules that move numbers without changing them: the adjoint moves them back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

from minigrad.array import XP, Array
from minigrad.autograd import Rule, op, plain


@op
def reshape(xp: XP, x: Array, *, shape: Sequence[int]) -> Rule:
    """y = x in another shape (-1: whatever is left),    x' = g in x's shape."""
    shape = tuple(shape)
    if -1 not in shape and math.prod(shape) != math.prod(x.shape):
        raise ValueError(f"{math.prod(x.shape)} elements do not fill shape {shape}")
    return xp.reshape(x, shape), (lambda g: xp.reshape(g, x.shape),)


@op
def permute(xp: XP, x: Array, *, dims: Sequence[int]) -> Rule:
    """y = x with its dimensions in the order `dims`,    x' = g in the inverse order."""
    n = len(x.shape)
    order = [d % n if -n <= d < n else d for d in dims]
    if sorted(order) != list(range(n)):
        raise ValueError(f"dims {tuple(dims)} do not name each of the {n} dimensions once")
    return xp.permute(x, order), (lambda g: xp.permute(g, sorted(range(n), key=order.__getitem__)),)


@op
def swapaxes(xp: XP, x: Array, *, dim0: int, dim1: int) -> Rule:
    """y = x with two dimensions exchanged,    x' = g with them exchanged."""
    return xp.swapaxes(x, dim0, dim1), (lambda g: xp.swapaxes(g, dim0, dim1),)


@op
def expand_dims(xp: XP, x: Array, *, dim: int | Sequence[int]) -> Rule:
    """y = x with dimensions of size 1 at `dim`,    x' = g without them."""
    return xp.expand_dims(x, dim), (lambda g: xp.reshape(g, x.shape),)


@op
def broadcast_to(xp: XP, x: Array, *, shape: Sequence[int]) -> Rule:
    """y = x repeated to `shape`,    x' = Σ g over the repeats, which the engine does for every op."""
    return xp.broadcast_to(x, tuple(shape)), (lambda g: g,)


@op
def cat(xp: XP, *xs: Array, dim: int = 0) -> Rule:
    """y = the xs one behind the other along `dim`,    each x' is its own stretch of g."""
    y = xp.cat(xs, axis=dim)

    def pull(g: Array) -> list[Array]:
        lead, ends = (slice(None),) * (dim % len(g.shape)), accumulate(x.shape[dim] for x in xs)
        return [g[(*lead, slice(end - x.shape[dim], end))] for x, end in zip(xs, ends, strict=True)]

    return y, pull


@op
def stack(xp: XP, *xs: Array, dim: int = 0) -> Rule:
    """y = the xs side by side along a new `dim`,    each x' is its own slice of g."""
    y = xp.stack(xs, axis=dim)
    return y, lambda g: [g[(slice(None),) * (dim % len(g.shape)) + (i,)] for i in range(len(xs))]


@op
def unbind(xp: XP, x: Array, *, dim: int = 0) -> Rule:
    """The slices of x along `dim`, all as one op,    x' = their gradients stacked (0 for a slice not used)."""
    where = (slice(None),) * (dim % len(x.shape))
    parts = tuple([x[(*where, i)] for i in range(x.shape[dim])])

    def pull(gs: tuple[Array | None, ...]) -> list[Array]:
        nothing = xp.zeros_like(parts[0])
        return [xp.stack([nothing if g is None else g for g in gs], axis=dim)]

    return parts, pull


zeros_like = plain("zeros_like", lambda xp, x: xp.zeros_like(x))
ones_like = plain("ones_like", lambda xp, x: xp.ones_like(x))
