"""What is composed from the rules: no derivative is written here."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minigrad import errors, ops
from minigrad.autograd import TensorBase
from minigrad.ops.reduction import Dim

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


class Extreme(NamedTuple):
    """What max and min along a dimension return."""

    values: Tensor
    indices: Tensor


def sizes(arguments: tuple[Any, ...], named: Any = ()) -> Any:
    """The numbers in f(2, 3), in f((2, 3)) or, where they were named, in f(dims=(2, 3))."""
    if arguments and named != ():
        raise TypeError(f"{arguments} came, and {named} by name; give one of them")
    arguments = arguments or (named,)
    return (
        arguments[0]
        if len(arguments) == 1 and isinstance(arguments[0], (tuple, list))
        else arguments
    )


def axis(name: str, x: Tensor, dim: int) -> int:
    """`dim` counted from the front; raises IndexError where x has no such dimension."""
    n = builtins.max(x.ndim, 1)
    if not -n <= dim < n:
        raise IndexError(
            f"{name}: dim {dim} does not exist in a tensor of {x.ndim} dimensions ({-n} to {n - 1})"
        )
    return dim % n


def count(x: Tensor, dim: Dim) -> int:
    """How many elements of x fall together when `dim` is reduced."""
    dims = (() if dim is None else along(dim)) or range(x.ndim)
    return math.prod([x.shape[axis("mean", x, d)] for d in dims] if x.ndim else ())


def along(dim: Any) -> Any:
    """The dimensions that `dim` names, which is one of them, also as an integer of NumPy, or several."""
    return [operator.index(d) for d in (dim if isinstance(dim, (list, tuple)) else [dim])]


# Too short for a definition: x², 1/x, 1/√x; the smaller of two, half the gradient to each at a tie; min over `dim`.
square: Any = lambda x: x * x
reciprocal: Any = lambda x: 1.0 / x
rsqrt: Any = lambda x: 1.0 / ops.sqrt(x)
minimum: Any = lambda a, b: -ops.maximum(-a, -b)
amin: Any = lambda x, dim=None, keepdim=False: -ops.amax(-x, dim=dim, keepdim=keepdim)
masked_fill: Any = lambda x, mask, value: ops.where(mask, value, x)
unsqueeze: Any = lambda x, dim: ops.expand_dims(x, dim)
transpose: Any = lambda x, dim0, dim1: ops.swapaxes(x, dim0, dim1)


def clamp(x: Tensor, min: float | None = None, max: float | None = None) -> Tensor:
    """x kept within [min, max]; the gradient passes inside, the ends included."""
    if min is None and max is None:
        raise ValueError("clamp: neither min nor max came; give at least one")
    x = x if min is None else ops.where(x < min, min, x)
    return x if max is None else ops.where(x > max, max, x)


def mean(x: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Σ x / n over `dim`; floats only, as for var and std."""
    if x.dtype.kind not in "fc":
        raise TypeError(f"mean: {x.dtype} has no mean of its own kind; say .float() first")
    n = count(x, dim)
    return ops.sum(x, dim=dim, keepdim=keepdim) / (n if n else float("nan"))


def var(x: Tensor, dim: Dim = None, correction: int = 1, keepdim: bool = False) -> Tensor:
    """Σ (x - x̄)² / (n - correction) over `dim`."""
    centred = x - mean(x, dim, keepdim=True)
    n = count(x, dim) - correction
    return ops.sum(centred * centred, dim=dim, keepdim=keepdim) / (n if n > 0 else float("nan"))


def std(x: Tensor, dim: Dim = None, correction: int = 1, keepdim: bool = False) -> Tensor:
    """√var."""
    return ops.sqrt(var(x, dim, correction, keepdim))


def norm(x: Tensor, p: float | str = 2, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """(Σ |x|ᵖ)^(1/p) over `dim`; p may be 1, 2, any other positive number, or ±∞. At 0 its gradient is 0 (p = 2)."""
    p = 2 if p == "fro" else p
    if isinstance(p, str) or p == 0:
        raise ValueError(f"norm: p={p!r} is not supported; use a positive number, inf or -inf")
    if p == math.inf:
        return ops.amax(ops.abs(x), dim=dim, keepdim=keepdim)
    if p == -math.inf:
        return amin(ops.abs(x), dim=dim, keepdim=keepdim)
    if p == 1:
        return ops.sum(ops.abs(x), dim=dim, keepdim=keepdim)
    power = ops.sum(x * x if p == 2 else ops.abs(x) ** p, dim=dim, keepdim=keepdim)
    # √0 has an infinite slope: where the sum is 0, take the root of 1 and give 0, so that the gradient is 0 too
    zero = power == 0
    return ops.where(zero, 0.0, ops.where(zero, 1.0, power) ** (1 / p))


def logsumexp(x: Tensor, dim: Dim, keepdim: bool = False) -> Tensor:
    """log Σ eˣ over `dim`, shifted by the maximum so that nothing overflows."""
    m = ops.amax(x.detach(), dim=dim, keepdim=True)
    m = ops.where(ops.isfinite(m), m, 0.0)
    y = ops.log(ops.sum(ops.exp(x - m), dim=dim, keepdim=True)) + m
    return y if keepdim else squeeze(y, dim)


def log_softmax(x: Tensor, dim: int) -> Tensor:
    """x - log Σ eˣ along `dim`."""
    return x - logsumexp(x, dim, keepdim=True)


def prod(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Π x over `dim`, by halves: log n multiplications, whose gradient is right also where an element is 0."""
    ndim = x.ndim
    x = ops.reshape(x, (-1,)) if dim is None else movedim(x, dim, -1)
    while (n := x.shape[-1]) > 1:
        half = x[..., : n // 2] * x[..., n // 2 : 2 * (n // 2)]
        x = ops.cat([half, x[..., 2 * (n // 2) :]], -1) if n % 2 else half
    x = squeeze(x, -1) if n else ops.ones_like(ops.sum(x, dim=-1))
    if not keepdim:
        return x
    return ops.reshape(x, (1,) * ndim) if dim is None else ops.expand_dims(x, dim)


def max(x: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The maximum; along `dim` (values, indices), where the gradient goes to the first of equal ones."""
    return extreme(x, dim, keepdim, ops.amax, ops.argmax, ops.maximum)


def min(x: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The minimum; along `dim` (values, indices), where the gradient goes to the first of equal ones."""
    return extreme(x, dim, keepdim, amin, ops.argmin, minimum)


def extreme(x: Tensor, dim: Any, keepdim: bool, whole: Any, where: Any, pairwise: Any) -> Any:
    if dim is None:
        return whole(x)
    if isinstance(dim, TensorBase):
        return pairwise(x, dim)
    indices = where(x, dim=dim, keepdim=True) if x.ndim else where(x)
    values = gather(x, dim, indices) if x.ndim else x
    return Extreme(*(t if keepdim or not t.ndim else squeeze(t, dim) for t in (values, indices)))


def gather(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """y[i, j, ..] = x[i, index[i, j, ..], ..]: along `dim` by `index`, elsewhere by position."""
    if index.ndim != x.ndim or index.dtype.kind != "i":
        raise ValueError(
            f"gather: wants integers with {x.ndim} dimensions; {index.dtype}{tuple(index.shape)} came"
        )
    grid = [x.new(places).array for places in np.ix_(*map(range, index.shape))]
    grid[dim] = index.array.copy()
    return ops.getitem(x, tuple(grid))


def take_along_dim(x: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """gather, with the other dimensions broadcast; along the flattened tensor if `dim` is None."""
    if dim is None:
        return gather(ops.reshape(x, (-1,)), 0, ops.reshape(indices, (-1,)))
    others = ([1 if d == dim % x.ndim else n for d, n in enumerate(t.shape)] for t in (x, indices))
    shape = list(np.broadcast_shapes(*map(tuple, others)))

    def spread(t: Tensor) -> Tensor:
        return ops.broadcast_to(
            t, [t.shape[dim] if d == dim % x.ndim else n for d, n in enumerate(shape)]
        )

    return gather(spread(x), dim, spread(indices))


def index_select(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices of x along `dim` that the 1-d `index` names."""
    return ops.getitem(x, (slice(None),) * axis("index_select", x, dim) + (index.array.copy(),))


def squeeze(x: Tensor, dim: Dim = None) -> Tensor:
    """x without its dimensions of size 1; without those in `dim` alone, where they are of size 1."""
    dims = range(x.ndim) if dim is None else along(dim)
    named = {axis("squeeze", x, d) for d in dims}
    return ops.reshape(x, tuple(n for d, n in enumerate(x.shape) if n != 1 or d not in named))


def flip(x: Tensor, dims: Any) -> Tensor:
    """x read backwards along `dims`."""
    backwards = {axis("flip", x, d) for d in along(dims)}
    return ops.getitem(
        x, tuple(slice(None, None, -1) if d in backwards else slice(None) for d in range(x.ndim))
    )


def roll(x: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """x turned round by `shifts` along `dims`; what leaves at one end comes in at the other."""
    if dims is None:
        return ops.reshape(roll(ops.reshape(x, (-1,)), shifts, 0), x.shape)
    for shift, d in zip(np.atleast_1d(shifts).tolist(), np.atleast_1d(dims).tolist(), strict=True):
        cut = x.shape[d] - shift % builtins.max(x.shape[d], 1)
        x = ops.cat(list(reversed(split(x, [cut, x.shape[d] - cut], d))), d)
    return x


def movedim(x: Tensor, source: int, destination: int) -> Tensor:
    """x with the dimension `source` at place `destination`, the others in order."""
    source, destination = axis("movedim", x, source), axis("movedim", x, destination)
    order = [d for d in range(x.ndim) if d != source]
    order.insert(destination, source)
    return ops.permute(x, order)


def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """x with the dimensions from start_dim to end_dim made one."""
    if not x.ndim:
        return ops.reshape(x, (1,))
    first, last = axis("flatten", x, start_dim), axis("flatten", x, end_dim)
    if first > last:
        raise ValueError(
            f"flatten: start_dim {start_dim} lies behind end_dim {end_dim} in shape {tuple(x.shape)}"
        )
    return ops.reshape(
        x, (*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :])
    )


def split(
    x: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """Pieces of x along `dim`: of one size (the last may be smaller), or of the sizes given."""
    dim = axis("split", x, dim)
    n, size = x.shape[dim], split_size_or_sections
    sizes = (
        [size] * (n // size) + [n % size] * (n % size > 0) if isinstance(size, int) else list(size)
    )
    if builtins.sum(sizes) != n:
        raise ValueError(
            f"split: the sections {sizes} add up to {builtins.sum(sizes)}, but dimension {dim} has {n}"
        )
    ends = np.cumsum([0, *sizes]).tolist()
    lead = (slice(None),) * dim
    return tuple(
        [ops.getitem(x, (*lead, slice(a, b))) for a, b in zip(ends, ends[1:], strict=False)]
    )


def chunk(x: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` pieces of x along `dim`, all of one size but perhaps the last."""
    return split(x, builtins.max(1, -(-x.shape[axis("chunk", x, dim)] // chunks)), dim)


def triangle(x: Tensor, keep: Any) -> Tensor:
    """x where `keep` compares a row number with a column number to True, 0 elsewhere."""
    rows, columns = np.ogrid[: x.shape[-2], : x.shape[-1]]
    return masked_fill(x, x.new(~keep(rows, columns)), 0.0)


# x with 0 above its diagonal, below its diagonal
tril: Any = lambda x, diagonal=0: triangle(x, lambda row, column: column <= row + diagonal)
triu: Any = lambda x, diagonal=0: triangle(x, lambda row, column: column >= row + diagonal)


def tile(x: Tensor, dims: Sequence[int]) -> Tensor:
    """x laid beside itself dims[d] times along each dimension."""
    ndim = builtins.max(len(dims), x.ndim)
    shape = (1,) * (ndim - x.ndim) + tuple(x.shape)
    times = (1,) * (ndim - len(dims)) + tuple(dims)
    x = ops.reshape(x, tuple(k for n in shape for k in (1, n)))
    x = ops.broadcast_to(x, tuple(k for pair in zip(times, shape, strict=True) for k in pair))
    return ops.reshape(x, tuple(t * n for t, n in zip(times, shape, strict=True)))


def repeat(x: Tensor, *repeats: Any) -> Tensor:
    """x laid beside itself repeats[d] times along each dimension; more numbers than dimensions add leading ones."""
    if len(sizes(repeats)) < x.ndim:
        raise ValueError(
            f"repeat: {sizes(repeats)} gives no number for some dimension of shape {tuple(x.shape)}"
        )
    return tile(x, sizes(repeats))


def expand(x: Tensor, *shape: Any) -> Tensor:
    """x with its dimensions of size 1 repeated to `shape`, without a copy; -1 keeps a size."""
    wanted = tuple(sizes(shape))
    lead = len(wanted) - x.ndim
    return ops.broadcast_to(
        x, [x.shape[d - lead] if n == -1 and d >= lead else n for d, n in enumerate(wanted)]
    )


def repeat_interleave(x: Tensor, repeats: int, dim: int | None = None) -> Tensor:
    """Each slice of x along `dim` `repeats` times in a row; each element of the flattened tensor if None."""
    x, dim = (ops.reshape(x, (-1,)), 0) if dim is None else (x, dim)
    return index_select(x, dim, x.new(np.repeat(np.arange(x.shape[dim]), repeats)))


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """(.., m, k) (.., k, n) -> (.., m, n); a vector on the left is a row, on the right a column, and leaves again."""
    if not (len(a.shape) and len(b.shape)):
        raise ValueError(
            f"matmul: {tuple(a.shape)} times {tuple(b.shape)}: a 0-d tensor is no matrix; multiply with *"
        )
    if len(a.shape) == 1:
        return squeeze(matmul(ops.reshape(a, (1, -1)), b), -2 if len(b.shape) > 1 else 0)
    if len(b.shape) == 1:
        return squeeze(ops.matmul(a, ops.reshape(b, (-1, 1))), -1)
    return ops.matmul(a, b)


def product(name: str, m: int, n: int) -> Any:
    """matmul for an m-dimensional and an n-dimensional tensor, and no others."""

    def multiply(a: Tensor, b: Tensor) -> Tensor:
        if (a.ndim, b.ndim) != (m, n):
            raise ValueError(
                f"{name}: wants {m}-d and {n}-d tensors; {tuple(a.shape)} and {tuple(b.shape)} came"
            )
        return matmul(a, b)

    return multiply


mm, bmm, mv, dot = (
    product("mm", 2, 2),
    product("bmm", 3, 3),
    product("mv", 2, 1),
    product("dot", 1, 1),
)
outer: Any = lambda a, b: ops.expand_dims(a, 1) * b


def equal(a: Tensor, b: Tensor) -> bool:
    """Whether a and b have one shape and the same elements."""
    return tuple(a.shape) == tuple(b.shape) and bool(ops.all(a == b))


def allclose(a: Tensor, b: Tensor, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
    """Whether |a - b| ≤ atol + rtol |b| everywhere."""
    a, b = a.detach(), b.detach()
    close = ops.logical_or(a == b, ops.abs(a - b) <= atol + rtol * ops.abs(b))
    return bool(ops.all(close))


errors.name_all(globals(), helpers="sizes axis along count extreme triangle product")
