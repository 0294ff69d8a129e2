"""Rules that sum, scan or normalize along dimensions."""

from __future__ import annotations

from minigrad.autograd import nondifferentiable, op

Dim = int | tuple[int, ...] | None  # which dimensions to reduce: None is all of them


def as_tuple(dim):
    """`dim` as NumPy takes it, of a list as well; () is all, as in PyTorch."""
    return tuple(dim) or None if isinstance(dim, (list, tuple)) else dim


def stretch(xp, g, dim, keepdim):
    """`g` with the reduced dimensions back as ones, so that it broadcasts against what was reduced."""
    return g if keepdim or dim is None else xp.expand_dims(g, dim)


@op
def sum(xp, x, *, dim=None, keepdim=False):
    """y = Σ x over `dim`,    dy/dx = 1: the gradient is repeated."""
    dim = as_tuple(dim)
    y = xp.sum(x, axis=dim, keepdims=keepdim)
    return y, (
        lambda g: xp.broadcast_to(stretch(xp, g, dim if x.shape else None, keepdim), x.shape),
    )


@op
def amax(xp, x, *, dim=None, keepdim=False):
    """y = max x over `dim`,    dy/dx = 1 at the maximum, shared evenly among ties."""
    dim = as_tuple(dim)
    y = xp.amax(x, axis=dim, keepdims=True)

    def pull(g):
        ties = xp.astype(x == y, x.dtype)
        return stretch(xp, g, dim, keepdim) * ties / xp.sum(ties, axis=dim, keepdims=True)

    return y if keepdim else xp.amax(x, axis=dim), (pull,)


@op
def cumsum(xp, x, *, dim):
    """y_t = Σ_{s ≤ t} x_s,    the gradient is summed from the other end."""
    y = xp.cumsum(x, axis=dim)  # (1,) where x is 0-d
    backwards = (slice(None),) * (dim % len(y.shape)) + (slice(None, None, -1),)
    return xp.reshape(y, x.shape), (
        lambda g: xp.cumsum(xp.reshape(g, y.shape)[backwards], axis=dim)[backwards],
    )


@op
def softmax(xp, x, *, dim):
    """y = eˣ / Σ eˣ along `dim` (all 0 for a slice that is all -∞),    ∂x = y (g - Σ g y)."""
    m = xp.amax(x, axis=dim, keepdims=True)
    e = xp.exp(x - xp.where(xp.isfinite(m), m, 0.0))  # shifted by the maximum, exp cannot overflow
    total = xp.sum(e, axis=dim, keepdims=True)
    y = e / xp.where(total == 0, 1.0, total)
    return y, (lambda g: y * (g - xp.sum(g * y, axis=dim, keepdims=True)),)


# Words without a derivative. argmax and argmin give the first of equal ones, in the flattened tensor if dim is None.
argmax = nondifferentiable(
    "argmax", lambda xp, x, *, dim=None, keepdim=False: xp.argmax(x, axis=dim, keepdims=keepdim)
)
argmin = nondifferentiable(
    "argmin", lambda xp, x, *, dim=None, keepdim=False: xp.argmin(x, axis=dim, keepdims=keepdim)
)
any = nondifferentiable(
    "any", lambda xp, x, *, dim=None, keepdim=False: xp.any(x, axis=dim, keepdims=keepdim)
)
all = nondifferentiable(
    "all", lambda xp, x, *, dim=None, keepdim=False: xp.all(x, axis=dim, keepdims=keepdim)
)
