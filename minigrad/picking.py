"""Parts of a tensor by their places, and tensors with other values there.

Arguments and errors are those of minigrad.functional. What only says where to look (select, narrow,
diagonal) shows a part of the memory of x; what picks by indices or a mask is a copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import ops
from minigrad.array import to_numpy
from minigrad.autograd import TensorBase
from minigrad.functional import (
    as_input,
    as_integer,
    as_operands,
    check_bounds,
    check_index,
    check_one_device,
    normalize_dim,
    placed_like,
    refuse_out,
)

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


# By position


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """x[.., index, ..]: the slice at `index` of `dim`, without that dimension."""
    x = as_input("select", input)
    dim = normalize_dim("select", x, dim)
    if not x.ndim:
        raise ValueError("select: expected a tensor of at least 1 dimension, got a 0-d tensor")
    n = x.shape[dim]
    index = as_integer("select", "index", index)
    if not -n <= index < n:
        raise IndexError(
            f"select: expected an index from {-n} to {n - 1} at dim {dim}, got {index}"
        )
    return ops.getitem(x, (*[slice(None)] * dim, index, ...))


def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """x[.., start : start + length, ..] at `dim`; a start below 0 counts from the end."""
    x = as_input("narrow", input)
    dim = normalize_dim("narrow", x, dim)
    if not x.ndim:
        raise ValueError("narrow: expected a tensor of at least 1 dimension, got a 0-d tensor")
    n = x.shape[dim]
    first = as_integer("narrow", "start", start)
    count = as_integer("narrow", "length", length)
    from_front = first + n if first < 0 else first
    if not (0 <= from_front <= n and 0 <= count <= n - from_front):
        raise IndexError(
            f"narrow: expected a start and a length within the size {n} of dim {dim}, "
            f"got {first} and {count}"
        )
    return ops.getitem(x, (*[slice(None)] * dim, slice(from_front, from_front + count)))


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Every slice of `size` along a dimension, `step` apart: their number there, the size last.

    A copy, where PyTorch shows the memory of x.
    """
    x = as_input("unfold", input)
    dim = normalize_dim("unfold", x, dimension)
    n = x.shape[dim] if x.ndim else 1
    size = as_integer("unfold", "size", size)
    step = as_integer("unfold", "step", step)
    if not (0 <= size <= n and step > 0):
        raise ValueError(
            f"unfold: expected a size from 0 to {n} and a step of 1 or more, got {size} and {step}"
        )
    if not x.ndim:
        return ops.reshape(x, (1,))[:size]
    starts = np.arange(0, n - size + 1, step)
    places = starts[:, None] + np.arange(size)  # (number, size)
    windows = ops.getitem(x, (*[slice(None)] * dim, placed_like(x, places)))
    order = [d for d in range(x.ndim + 1) if d != dim + 1]
    return ops.permute(windows, [*order, dim + 1])


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The elements x[.., i, i + offset] of two dimensions, which leave; they become the last."""
    x = as_input("diagonal", input)
    offset = as_integer("diagonal", "offset", offset)
    first = normalize_dim("diagonal", x, dim1)
    second = normalize_dim("diagonal", x, dim2)
    if x.ndim < 2 or first == second:
        raise ValueError(
            f"diagonal: expected two dimensions, got dims {dim1} and {dim2} of shape "
            f"{tuple(x.shape)}"
        )
    others = [d for d in range(x.ndim) if d not in (first, second)]
    return ops.diagonal(ops.permute(x, [*others, first, second]), offset=offset)


def diag(input: Tensor, diagonal: int = 0, *, out: None = None) -> Tensor:
    """The diagonal of a matrix; of a vector the matrix that has it as its diagonal."""
    x = as_input("diag", input, out=out)
    offset = as_integer("diag", "diagonal", diagonal)
    if x.ndim == 2:
        return ops.clone(ops.diagonal(x, offset=offset))
    if x.ndim != 1:
        raise ValueError(f"diag: expected 1 or 2 dimensions, got shape {tuple(x.shape)}")
    steps = np.arange(x.shape[0])
    n = x.shape[0] + abs(offset)
    places = [placed_like(x, steps + max(-offset, 0)), placed_like(x, steps + max(offset, 0))]
    return ops.scatter_add(x, index=tuple(places), shape=(n, n))


# By a mask


def masked_select(input: Tensor, mask: Tensor, *, out: None = None) -> Tensor:
    """(n,): the elements of x where the mask holds; the two broadcast."""
    x, mask = as_operands("masked_select", as_input("masked_select", input, out=out), mask)
    if getattr(mask, "dtype", None) != np.dtype(bool):
        raise TypeError("masked_select: expected a mask of bools; use mask != 0")
    shape = np.broadcast_shapes(tuple(x.shape), tuple(mask.shape))
    mask = ops.broadcast_to(as_input("masked_select", mask), shape)
    return ops.getitem(ops.broadcast_to(x, shape), mask.array.copy())


def nonzero(input: Tensor, *, as_tuple: bool = False, out: None = None) -> Any:
    """(n, ndim): the index of each element that is not 0, in order.

    as_tuple: one tensor (n,) for each dimension, which can be used as an index.
    """
    x = as_input("nonzero", input, out=out)
    values = to_numpy(x.array)
    if as_tuple:
        found = np.nonzero(np.atleast_1d(values))
        return tuple([TensorBase.tensor_class(placed_like(x, places)) for places in found])
    return TensorBase.tensor_class(placed_like(x, np.argwhere(values)))


def where(condition: Any, input: Any = None, other: Any = None, *, out: None = None) -> Any:
    """input where the condition holds, else other; the three broadcast.

    Without the two others: the indices where it holds, as nonzero(as_tuple=True) gives them.
    """
    refuse_out("where", out)
    if input is None and other is None and isinstance(condition, TensorBase):
        return nonzero(as_input("where", condition), as_tuple=True)
    condition, a, b = as_operands("where", condition, input, other)
    return ops.where(condition, a, b)


# Other values at some places


def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
    out: None = None,
) -> Tensor:
    """x with src[i, j, ..] at [index[i, j, ..], j, ..] along `dim`; `src` may be a number.

    Where the index names a place twice, the last value stays. Raises IndexError where it lies
    outside of x.
    """
    x = as_input("scatter", input, out=out)
    if reduce is not None:
        raise NotImplementedError(
            f"scatter: reduce={reduce!r} is not supported; use scatter_add for sums"
        )
    src = value if src is None else src
    if src is None:
        raise TypeError("scatter: expected src or value, got neither")
    grid = grid_of("scatter", x, dim, index, src)
    return assigned("scatter", x, grid, part_of(src, index))


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor, *, out: None = None) -> Tensor:
    """x with src[i, j, ..] added at [index[i, j, ..], j, ..] along `dim`.

    A place that the index names twice gets both. Raises IndexError where it lies outside of x.
    """
    x = as_input("scatter_add", input, out=out)
    src = as_input("scatter_add", src)
    grid = grid_of("scatter_add", x, dim, index, src)
    return added_at("scatter_add", x, grid, part_of(src, index))


def index_add(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1, out: None = None
) -> Tensor:
    """x with alpha times each slice of `source` added to the slice of x that the index names."""
    x = as_input("index_add", input, out=out)
    source = as_input("index_add", source)
    places = places_along("index_add", x, dim, index, source)
    return added_at("index_add", x, places, source if alpha == 1 else source * alpha)


def index_copy(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, out: None = None
) -> Tensor:
    """x with each slice of `source` in place of the slice of x that the index names."""
    x = as_input("index_copy", input, out=out)
    source = as_input("index_copy", source)
    return assigned("index_copy", x, places_along("index_copy", x, dim, index, source), source)


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """x with `value`, a number, in all slices along `dim` that the index names."""
    x = as_input("index_fill", input)
    if getattr(value, "shape", ()) != ():
        raise ValueError(f"index_fill: expected one number, got shape {tuple(value.shape)}")
    return assigned("index_fill", x, places_along("index_fill", x, dim, index, None), value)


def grid_of(name: str, x: Tensor, dim: Any, index: Any, src: Any) -> tuple[Any, ...]:
    """The index of x that scatter's stands for: position by position, but along `dim` by value."""
    dim = normalize_dim(name, x, dim)
    check_index(name, index, x.ndim)
    check_one_device(name, x, index, src)
    shape = tuple(index.shape)
    for d in range(x.ndim):
        fits_x = d == dim or shape[d] <= x.shape[d]
        fits_src = not getattr(src, "shape", ()) or shape[d] <= src.shape[d]
        if not (fits_x and fits_src):
            raise ValueError(
                f"{name}: expected an index no larger than src and, but in dim {dim}, than "
                f"{tuple(x.shape)}, got {shape}"
            )
    check_bounds(name, index, x, dim)
    grid = [placed_like(x, place) for place in np.ix_(*[range(n) for n in shape])]
    if x.ndim:
        grid[dim] = index.array.copy()
    return tuple(grid)


def part_of(src: Any, index: Tensor) -> Any:
    """The part of `src` that has the shape of the index."""
    if not getattr(src, "shape", ()):
        return src
    return ops.getitem(src, tuple([slice(n) for n in index.shape]))


def places_along(name: str, x: Tensor, dim: Any, index: Any, source: Any) -> tuple[Any, ...]:
    """The index of the slices of x along `dim` that a 1-d index names.

    Raises ValueError where `source` has not one for each.
    """
    dim = normalize_dim(name, x, dim)
    if isinstance(index, TensorBase) and not index.shape:
        index = ops.reshape(index, (1,))
    check_index(name, index, 1)
    check_one_device(name, x, index, source)
    check_bounds(name, index, x, dim)
    shape = list(x.shape)
    if x.ndim:
        shape[dim] = index.shape[0]
    if source is not None and list(source.shape) != shape:
        raise ValueError(
            f"{name}: expected a source of shape {tuple(shape)}, got {tuple(source.shape)}"
        )
    return (*[slice(None)] * dim, index.array.copy()) if x.ndim else ()


def assigned(name: str, x: Tensor, index: tuple[Any, ...], value: Any) -> Tensor:
    """x with `value` at the index. Raises TypeError where x cannot hold it."""
    dtype = getattr(value, "dtype", np.result_type(type(value)))
    if hasattr(value, "shape") and value.dtype != x.dtype and name != "index_fill":
        raise TypeError(f"{name}: expected values of {x.dtype}, got {dtype}; convert them first")
    if not np.can_cast(dtype, x.dtype, "same_kind"):
        raise TypeError(f"{name}: expected values that {x.dtype} can hold, got {dtype}")
    return ops.assign(x, value, index=index)


def added_at(name: str, x: Tensor, index: tuple[Any, ...], values: Tensor) -> Tensor:
    """x with the values added at the index. Raises TypeError where the dtypes differ."""
    if values.dtype != x.dtype:
        raise TypeError(
            f"{name}: expected values of {x.dtype}, got {values.dtype}; convert them first"
        )
    if not x.ndim:
        return x + ops.sum(values)
    return x + ops.scatter_add(values, index=index, shape=tuple(x.shape))
