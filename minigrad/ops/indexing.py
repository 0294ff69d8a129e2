"""Rules that pick elements: the adjoint of picking is adding up what comes back, place by place."""

from __future__ import annotations

from numbers import Integral

from minigrad.array import NUMPY
from minigrad.autograd import NONDIFFERENTIABLE, op


@op
def getitem(xp, x, *, index):
    """y = x[index],    ∂x = zeros with ∂y added at `index`; an element picked twice gets both."""
    shape = x.shape
    xp.check_index(index, shape)
    return x[index], (lambda g: xp.lazy_scatter(g, index, shape),)


@op
def assign(xp, x, v, *, index):
    """y = x with v at `index`,    ∂x = ∂y with 0 there,  ∂v = ∂y[index].

    What `x[index] = v` records; it writes into the memory of x.
    """
    xp.check_index(index, x.shape)
    return xp.assign(x, v, index), pulls_of_assign(xp, index)


def pulls_of_assign(xp, index):
    """The pullbacks of `assign`."""
    return lambda g: xp.assign(g, 0.0, index), lambda g: g[index]


@op
def scatter_add(xp, g, *, index, shape):
    """y = zeros of `shape` with g added at `index`,    ∂g = ∂y[index]."""
    return xp.scatter_add(g, index, shape), (lambda gg: gg[index],)


@op
def diagonal(xp, x, *, offset=0):
    """y_i = x_{i, i + offset} of the last two dimensions,    ∂x = 0 with ∂y there.

    (.., m, n) -> (.., k), which shows a part of the memory of x.
    """
    y = xp.diagonal(x, offset)
    shape = x.shape
    steps = xp.arange(y.shape[-1])
    index = (..., steps + max(-offset, 0), steps + max(offset, 0))
    return y, (lambda g: xp.scatter_add(g, index, shape),)


@op
def unfold(xp, x, *, size, step):
    """y_{ij} = x_{i step + j} of the last dimension,    ∂x = 0 with ∂y added there.

    (.., n) -> (.., number, size), which shows the memory of x.
    """
    y = xp.unfold(x, size, step)
    shape = x.shape
    number = y.shape[-2]
    index = (..., (xp.arange(number) * step).reshape(-1, 1) + xp.arange(size))
    return y, (lambda g: xp.scatter_add(g, index, shape),)


@op
def take_windows(xp, x, *, kernel, stride=None, dilation=None):
    """y_{..kp} = x_{..q}, q = p stride + k dilation in the last dims,    ∂x_{..q} = Σ ∂y_{..kp}.

    (.., *sizes) -> (.., *kernel, *places): the windows that a convolution or a pooling reads.
    """
    sizes = x.shape[-len(kernel) :]
    pull = lambda g: xp.add_windows(g, sizes=sizes, stride=stride, dilation=dilation)
    return xp.take_windows(x, kernel=kernel, stride=stride, dilation=dilation), (pull,)


@op
def add_windows(xp, x, *, sizes, stride=None, dilation=None):
    """y_{..q} = Σ x_{..kp} of equal q = p stride + k dilation,    ∂x_{..kp} = ∂y_{..q}.

    (.., *kernel, *places) -> (.., *sizes): the adjoint of `take_windows`.
    """
    n = len(sizes)
    kernel = x.shape[-2 * n : -n]
    pull = lambda g: xp.take_windows(g, kernel=kernel, stride=stride, dilation=dilation)
    return xp.add_windows(x, sizes=sizes, stride=stride, dilation=dilation), (pull,)


# On Tensors: scatter at once; bounds were checked in the first pass. An index is no Tensor.
NONDIFFERENTIABLE["arange"] = NUMPY.arange
NONDIFFERENTIABLE["lazy_scatter"] = scatter_add
NONDIFFERENTIABLE["check_bounds"] = lambda *checked: None
NONDIFFERENTIABLE["check_index"] = lambda *checked: None


@op
def embedding(xp, weight, ids, *, padding_idx=None):
    """y = weight[ids],    ∂weight = ∂y added up row by row; the row `padding_idx` gets none."""
    if ids.dtype.kind != "i":
        raise TypeError(f"embedding: expected integers as ids, got {ids.dtype}; use .long()")
    if isinstance(padding_idx, bool) or not isinstance(padding_idx, Integral | None):
        raise TypeError(
            f"embedding: expected padding_idx to be an integer, got {padding_idx!r:.60}"
        )
    if weight.ndim != 2:
        raise ValueError(f"embedding: expected weight (rows, columns), got {weight.shape}")
    rows = weight.shape[0]
    xp.check_bounds(ids, rows, "ids", f"rows 0 to {rows - 1}")

    shape = weight.shape

    def pull(g):
        if padding_idx is not None:
            g = g * xp.expand_dims(ids != padding_idx, -1)
        return xp.lazy_scatter(g, ids, shape)

    return weight[ids], (pull, None)
