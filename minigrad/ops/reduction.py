"""Rules that sum, scan or normalize along dimensions."""

from __future__ import annotations

import math

from minigrad.array import int64, uint8
from minigrad.autograd import nondifferentiable, op

Dim = int | tuple[int, ...] | None  # which dimensions to reduce: None is all of them


def as_axis(dim, x):
    """`dim` as NumPy takes it, also from a list; () is all of them, as in PyTorch."""
    if not isinstance(dim, (list, tuple)):
        return dim
    dims = tuple(dim)
    if not x.shape and dims in ((0,), (-1,)):  # a 0-d tensor may be said to have a dim 0
        return None
    return dims or None


def dims_of_axis(dim, ndim):
    """The dimensions that `dim`, as NumPy takes it, names among `ndim`."""
    if dim is None or not ndim:
        return range(ndim)
    return dim if isinstance(dim, tuple) else (dim,)


def first_along(x, dims):
    """x at index 0 of these dimensions, which stay with size 1."""
    index = [slice(None)] * len(x.shape)
    for dim in dims:
        index[dim] = slice(1)
    return x[tuple(index)]


def is_none(dim):
    """Whether `dim` is an empty list, which only for any and all means no dim, as in PyTorch."""
    return isinstance(dim, (list, tuple)) and not dim


def restore_dims(xp, g, dim, keepdim):
    """`g` with the reduced dimensions back as ones, so that it broadcasts against the input."""
    if keepdim or dim is None:
        return g
    return xp.expand_dims(g, dim)


def as_signed(xp, y):
    """A sum as int64 where NumPy makes it unsigned, so that a difference of sums cannot wrap."""
    return xp.astype(y, int64) if y.dtype.kind == "u" else y


@op
def sum(xp, x, *, dim=None, keepdim=False):
    """y = Σ x over `dim`,    ∂x = ∂y, repeated along `dim`."""
    dim = as_axis(dim, x)
    y = as_signed(xp, xp.sum(x, axis=dim, keepdims=keepdim))
    shape = x.shape
    if not shape:
        dim = None  # a 0-d tensor may be summed over its dim 0, and has none to restore
    return y, (lambda g: xp.broadcast_to(restore_dims(xp, g, dim, keepdim), shape),)


@op
def amax(xp, x, *, dim=None, keepdim=False):
    """y = max x over `dim`,    ∂x = ∂y at the maximum, shared evenly among ties."""
    dim = as_axis(dim, x)
    y = xp.amax(x, axis=dim, keepdims=True)

    def pull(g):
        count = xp.sum(xp.astype(x == y, x.dtype), axis=dim, keepdims=True)
        elsewhere = xp.where(y == y, 0.0, y)  # where y is NaN, so is the gradient
        return xp.where(x == y, restore_dims(xp, g, dim, keepdim) / count, elsewhere)

    if not keepdim:
        y_without = xp.amax(x, axis=dim)
        return y_without, (pull,)
    return y, (pull,)


@op
def squared_deviations(xp, x, *, dim=None, keepdim=False):
    """y = Σ (x - x̄)² over `dim`,    ∂x = 2 ∂y (x - x̄)."""
    dim = as_axis(dim, x)
    dims = dims_of_axis(dim, len(x.shape))
    centred = x - first_along(x, dims)  # 0 where all are equal, which x - x̄ is not
    n = math.prod([x.shape[d] for d in dims])
    centred = centred - xp.sum(centred, axis=dim, keepdims=True) / (n or 1)
    y = xp.sum(centred * centred, axis=dim, keepdims=keepdim)
    return y, (lambda g: 2 * restore_dims(xp, g, dim, keepdim) * centred,)


@op(in_order=True)
def cumsum(xp, x, *, dim):
    """y_t = Σ_{s ≤ t} x_s,    ∂x_s = Σ_{t ≥ s} ∂y_t."""
    shape = x.shape
    row_shape = shape or (1,)  # a 0-d tensor may be said to have a dim 0
    y = as_signed(xp, xp.cumsum(xp.reshape(x, row_shape), axis=dim))
    reverse = (*[slice(None)] * (dim % len(row_shape)), slice(None, None, -1))

    def pull(g):
        g = xp.reshape(g, row_shape)
        return xp.reshape(xp.cumsum(g[reverse], axis=dim)[reverse], shape)

    return xp.reshape(y, shape), (pull,)


@op(of_floats=True, in_order=True)
def softmax(xp, x, *, dim):
    """y = eˣ / Σ eˣ along `dim` (NaN for a slice that is all -∞),    ∂x = y (∂y - Σ ∂y y)."""
    if 0 in x.shape:
        return xp.clone(x), (lambda g: g,)
    m = xp.amax(x, axis=dim, keepdims=True)
    e = xp.exp(x - m)  # shifted by the maximum, exp cannot overflow
    y = e / xp.sum(e, axis=dim, keepdims=True)
    return y, (lambda g: y * (g - xp.sum(g * y, axis=dim, keepdims=True)),)


@op(of_floats=True, in_order=True)
def log_softmax(xp, x, *, dim):
    """y = x - log Σ eˣ along `dim` (NaN for a slice that is all -∞),    ∂x = ∂y - eʸ Σ ∂y."""
    if 0 in x.shape:
        return xp.clone(x), (lambda g: g,)
    x = x - xp.amax(x, axis=dim, keepdims=True)  # exp cannot overflow
    y = x - xp.log(xp.sum(xp.exp(x), axis=dim, keepdims=True))
    return y, (lambda g: g - xp.exp(y) * xp.sum(g, axis=dim, keepdims=True),)


# Without a derivative


@nondifferentiable
def argmax(xp, x, *, dim=None, keepdim=False):
    """y = the index of the maximum along `dim`, the first of equal ones; None: flattened."""
    return xp.argmax(x, axis=dim, keepdims=keepdim)


@nondifferentiable
def argmin(xp, x, *, dim=None, keepdim=False):
    """y = the index of the minimum along `dim`, the first of equal ones; None: flattened."""
    return xp.argmin(x, axis=dim, keepdims=keepdim)


@nondifferentiable
def any(xp, x, *, dim=None, keepdim=False):
    """y = whether an element along `dim` is not 0; of bytes 1 or 0, as in PyTorch.

    Along no dim, dim=(), each element by itself.
    """
    y = x != 0 if is_none(dim) else xp.any(x, axis=as_axis(dim, x), keepdims=keepdim)
    return as_truth(xp, y, x)


@nondifferentiable
def all(xp, x, *, dim=None, keepdim=False):
    """y = whether no element along `dim` is 0; along no dim, dim=(), each element by itself."""
    y = x != 0 if is_none(dim) else xp.all(x, axis=as_axis(dim, x), keepdims=keepdim)
    return as_truth(xp, y, x)


def as_truth(xp, y, x):
    """Booleans, or of bytes in x bytes."""
    return xp.astype(y, uint8) if x.dtype == uint8 else y
