"""Rules that move numbers without changing them: the adjoint moves them back."""

from __future__ import annotations

import math
from itertools import accumulate

from minigrad.autograd import nondifferentiable, op


@op
def reshape(xp, x, *, shape):
    """y = x in another shape (-1: whatever is left),    ∂x = g in x's shape."""
    shape = tuple(shape)
    if -1 not in shape and math.prod(shape) != math.prod(x.shape):
        raise ValueError(f"{math.prod(x.shape)} elements do not fill shape {shape}")
    return xp.reshape(x, shape), (lambda g: xp.reshape(g, x.shape),)


@op
def permute(xp, x, *, dims):
    """y = x with its dimensions in the order `dims`,    ∂x = g in the inverse order."""
    n = len(x.shape)
    order = [d % n if -n <= d < n else d for d in dims]
    if sorted(order) != list(range(n)):
        raise ValueError(f"dims {tuple(dims)} do not name each of the {n} dimensions once")
    return xp.permute(x, order), (lambda g: xp.permute(g, sorted(range(n), key=order.__getitem__)),)


@op
def swapaxes(xp, x, *, dim0, dim1):
    """y = x with two dimensions exchanged,    ∂x = g with them exchanged."""
    return xp.swapaxes(x, dim0, dim1), (lambda g: xp.swapaxes(g, dim0, dim1),)


@op
def expand_dims(xp, x, *, dim):
    """y = x with dimensions of size 1 at `dim`,    ∂x = g without them."""
    return xp.expand_dims(x, dim), (lambda g: xp.reshape(g, x.shape),)


@op
def broadcast_to(xp, x, *, shape):
    """y = x repeated to `shape`,    ∂x = Σ g over the repeats, which the engine does for every op."""
    return xp.broadcast_to(x, tuple(shape)), (lambda g: g,)


@op
def cat(xp, *xs, dim=0):
    """y = the xs one behind the other along `dim`,    each ∂x is its own stretch of g."""
    y = xp.cat(xs, axis=dim)

    def pullback(gs, needs):
        (g,) = gs
        lead, ends = (slice(None),) * (dim % len(g.shape)), accumulate(x.shape[dim] for x in xs)
        return [g[(*lead, slice(end - x.shape[dim], end))] for x, end in zip(xs, ends, strict=True)]

    return y, pullback


@op
def stack(xp, *xs, dim=0):
    """y = the xs side by side along a new `dim`,    each ∂x is its own slice of g."""
    y = xp.stack(xs, axis=dim)

    def pullback(gs, needs):
        (g,) = gs
        lead = (slice(None),) * (dim % len(g.shape))
        return [g[(*lead, i)] for i in range(len(xs))]

    return y, pullback


@op
def unbind(xp, x, *, dim=0):
    """The slices of x along `dim`, all as one op,    ∂x = their gradients stacked (0 for a slice not used)."""
    where = (slice(None),) * (dim % len(x.shape))
    parts = tuple([x[(*where, i)] for i in range(x.shape[dim])])

    def pullback(gs, needs):
        nothing = xp.zeros_like(parts[0])
        return [xp.stack([nothing if g is None else g for g in gs], axis=dim)]

    return parts, pullback


zeros_like = nondifferentiable("zeros_like", lambda xp, x: xp.zeros_like(x))
ones_like = nondifferentiable("ones_like", lambda xp, x: xp.ones_like(x))
