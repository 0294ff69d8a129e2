"""where, scatter and their like: a tensor with other values at the places that are named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import ops
from minigrad.arguments import (
    as_input,
    as_number,
    as_operands,
    check_bounds,
    check_index,
    check_one_device,
    normalize_dim,
    placed_like,
    refuse_out,
)
from minigrad.array import bool_, uint8
from minigrad.functional.picking import nonzero
from minigrad.graph import TensorBase

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


def where(condition: Any, input: Any = None, other: Any = None, *, out: None = None) -> Any:
    """input where the condition holds, else other; the three broadcast.

    Without the two others: the indices where it holds, as nonzero(as_tuple=True) gives them.
    """
    refuse_out("where", out)
    if input is None and other is None and isinstance(condition, TensorBase):
        return nonzero(as_input("where", condition), as_tuple=True)
    if getattr(condition, "dtype", None) == uint8:
        condition = ops.ne(condition, 0)
    condition, a, b = as_operands("where", condition, input, other)
    if getattr(condition, "dtype", None) != bool_:
        got = getattr(condition, "dtype", condition)
        raise TypeError(f"where: expected a condition of booleans, got {got}; compare it first")
    return ops.where(condition, a, b)


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

    Where the index names a place twice, the last value stays. Raises IndexError if it lies outside
    of x.
    """
    x = as_input("scatter", input, out=out)
    if reduce is not None:
        raise NotImplementedError(
            f"scatter: reduce={reduce!r} is not supported; use scatter_add for sums"
        )
    if (src is None) == (value is None):
        got = "neither" if src is None else "both"
        raise TypeError(f"scatter: expected src or value, got {got}")
    src = value if src is None else src
    grid = grid_of("scatter", x, dim, index, src)
    return assigned("scatter", x, grid, part_of(src, index))


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor, *, out: None = None) -> Tensor:
    """x with src[i, j, ..] added at [index[i, j, ..], j, ..] along `dim`.

    A place that the index names twice gets both. Raises IndexError if it lies outside of x.
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
    alpha = as_number("index_add", "alpha", alpha)
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
    places = places_along("index_fill", x, dim, index, None)
    if places:  # a slice that is named twice is filled once, and so counts once in ∂value
        is_named = placed_like(x, np.zeros(x.shape[len(places) - 1], bool))
        is_named[places[-1]] = True
        places = (*places[:-1], is_named)
    return assigned("index_fill", x, places, value)


def grid_of(name: str, x: Tensor, dim: Any, index: Any, src: Any) -> tuple[Any, ...]:
    """The index of x that scatter's stands for: position by position, but along `dim` by value."""
    dim = normalize_dim(name, x, dim)
    check_index(name, index, x.ndim)
    check_one_device(name, x, index, src)
    shape = tuple(index.shape)
    if len(getattr(src, "shape", ())) not in (0, x.ndim):
        raise ValueError(
            f"{name}: expected src of {x.ndim} dimensions, got shape {tuple(src.shape)}"
        )
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
    return ops.getitem(src, index=tuple([slice(n) for n in index.shape]))


def places_along(name: str, x: Tensor, dim: Any, index: Any, source: Any) -> tuple[Any, ...]:
    """The index of the slices of x along `dim` that a 1-d index names.

    Raises ValueError if `source` has not one for each.
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
    """x with `value` at the index. Raises TypeError if x cannot hold it."""
    dtype = getattr(value, "dtype", np.result_type(type(value)))
    if hasattr(value, "shape") and value.dtype != x.dtype and name != "index_fill":
        raise TypeError(f"{name}: expected values of {x.dtype}, got {dtype}; convert them first")
    if not np.can_cast(dtype, x.dtype, "same_kind"):
        raise TypeError(f"{name}: expected values that {x.dtype} can hold, got {dtype}")
    return ops.assign(x, value, index=index)


def added_at(name: str, x: Tensor, index: tuple[Any, ...], values: Tensor) -> Tensor:
    """x with the values added at the index. Raises TypeError if the dtypes differ."""
    if values.dtype != x.dtype:
        raise TypeError(
            f"{name}: expected values of {x.dtype}, got {values.dtype}; convert them first"
        )
    if not x.ndim:
        return x + ops.sum(values)
    return x + ops.scatter_add(values, index=index, shape=tuple(x.shape))
