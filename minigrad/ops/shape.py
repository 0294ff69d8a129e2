"""Rules that move numbers without changing them: the adjoint moves them back."""

from __future__ import annotations

from minigrad.autograd import nondifferentiable, op


@op
def reshape(xp, x, *, shape):
    """y = x in another shape (-1: whatever is left),    ∂x = ∂y in x's shape."""
    before = x.shape
    sizes = shape if type(shape) is tuple else as_tuple(shape)
    y = xp.reshape(x, sizes)
    if y.shape != sizes and min(sizes) < -1:  # which NumPy takes for -1
        raise ValueError(f"reshape: expected sizes of 0 or more, or -1 once, got {sizes}")
    return y, (lambda g: xp.reshape(g, before),)


def as_tuple(shape):
    """A shape as a tuple. Raises TypeError for an iterator, which may not end."""
    if not hasattr(shape, "__getitem__"):
        raise TypeError("shape")
    return tuple(shape)


@op
def permute(xp, x, *, dims):
    """y = x with its dimensions in the order `dims`,    ∂x = ∂y in the inverse order."""
    y = xp.permute(x, dims)
    n = len(x.shape)
    order = [d % n for d in dims]
    inverse = sorted(range(n), key=order.__getitem__)
    return y, (lambda g: xp.permute(g, inverse),)


@op
def swapaxes(xp, x, *, dim0, dim1):
    """y = x with two dimensions exchanged,    ∂x = ∂y with them exchanged."""
    if type(dim0) is bool or type(dim1) is bool:  # which NumPy takes for 1 or 0
        raise TypeError("dims")
    if not x.shape and {dim0, dim1} <= {0, -1}:  # a 0-d tensor may be said to have a dim 0
        return xp.reshape(x, ()), (lambda g: xp.reshape(g, ()),)
    return xp.swapaxes(x, dim0, dim1), (lambda g: xp.swapaxes(g, dim0, dim1),)


@op
def expand_dims(xp, x, *, dim):
    """y = x with dimensions of size 1 at `dim`,    ∂x = ∂y without them."""
    before = x.shape
    return xp.expand_dims(x, dim), (lambda g: xp.reshape(g, before),)


@op
def broadcast_to(xp, x, *, shape):
    """y = x repeated to `shape`,    ∂x = Σ ∂y over the repeats (which the engine does)."""
    sizes = as_tuple(shape)
    if sizes == (1,) * (len(sizes) - len(x.shape)) + x.shape:
        return xp.reshape(x, sizes), (lambda g: g,)  # can be written to, since nothing is repeated
    return xp.broadcast_to(x, sizes), (lambda g: g,)


@op(in_order=True)
def cat(xp, *xs, dim=0):
    """y = the xs one after the other along `dim`,    each ∂x is its own slice of ∂y."""
    parts = with_equal_ndim(xp, xs, dim)
    y = xp.cat(parts, axis=dim)
    shapes = [x.shape for x in xs]
    sizes = [part.shape[dim] for part in parts]

    def pullback(gs, needs):
        (g,) = gs
        lead = whole_dims(dim, g)
        found = []
        start = 0
        for shape, size in zip(shapes, sizes, strict=True):
            dx = g[(*lead, slice(start, start + size))]
            found.append(dx if dx.shape == shape else xp.reshape(dx, shape))
            start += size
        return found

    return y, pullback


def with_equal_ndim(xp, xs, dim):
    """The xs; where some are of shape (0,), which PyTorch lets join anything, with more dims."""
    others = [x for x in xs if x.shape != (0,)]
    if not others or len(others) == len(xs):
        return xs
    shape = list(others[0].shape)
    shape[dim] = 0
    return [xp.reshape(x, tuple(shape)) if x.shape == (0,) else x for x in xs]


@op(in_order=True)
def stack(xp, *xs, dim=0):
    """y = the xs along a new dimension `dim`,    each ∂x is its own slice of ∂y."""
    y = xp.stack(xs, axis=dim)
    n = len(xs)

    def pullback(gs, needs):
        (g,) = gs
        lead = whole_dims(dim, g)
        return [g[(*lead, i)] for i in range(n)]

    return y, pullback


@op
def unbind(xp, x, *, dim=0):
    """y_i = the i-th slice of x along `dim`,    ∂x = the ∂y_i stacked (0 where one is not used)."""
    if not x.shape:
        raise IndexError("unbind: expected a tensor of at least 1 dimension, got a 0-d tensor")
    if type(dim) is bool:  # which NumPy takes for 1 or 0
        raise TypeError("dim")
    n = x.shape[dim]
    lead = whole_dims(dim, x)
    ys = tuple([x[(*lead, i, ...)] for i in range(n)])  # ...: of one element a view, too

    def pullback(gs, needs):
        known = [g for g in gs if g is not None]
        zero = xp.zeros_like(known[0])
        return [xp.stack([zero if g is None else g for g in gs], axis=dim)]

    return ys, pullback


@op
def split(xp, x, *, sizes, dim):
    """y_i = the next sizes[i] slices of x along `dim`,    ∂x = the ∂y_i joined (0 if unused)."""
    lead = whole_dims(dim, x)
    ys = []
    start = 0
    for size in sizes:
        ys.append(x[(*lead, slice(start, start + size))])
        start += size
    shapes = [y.shape for y in ys]

    def pullback(gs, needs):
        known = [g for g in gs if g is not None]
        if len(known) < len(gs):
            slice_of_zeros = xp.zeros_like(xp.sum(known[0], axis=dim, keepdims=True))
            zeros = [xp.broadcast_to(slice_of_zeros, shape) for shape in shapes]
            gs = [zero if g is None else g for g, zero in zip(gs, zeros, strict=True)]
        return [xp.cat(gs, axis=dim)]

    return tuple(ys), pullback


def whole_dims(dim, x):
    """The index of everything in the dimensions of x before `dim`."""
    return (slice(None),) * (dim % len(x.shape))


@nondifferentiable
def full_like(xp, x, value):
    """y = a number in x's shape and dtype."""
    return xp.full_like(x, value)


@nondifferentiable
def zeros_like(xp, x):
    """y = 0 in x's shape."""
    return xp.zeros_like(x)


@nondifferentiable
def ones_like(xp, x):
    """y = 1 in x's shape."""
    return xp.ones_like(x)
