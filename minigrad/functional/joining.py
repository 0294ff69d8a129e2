"""Tensors joined along their rows, columns and layers, and grids of coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minigrad import ops
from minigrad.arguments import (
    as_input,
    broadcast_shape,
    check_one_device,
    check_one_dtype,
    refuse_out,
)
from minigrad.errors import speaks_for_itself

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


@speaks_for_itself
def concat(tensors: Any, dim: int = 0, *, out: None = None) -> Tensor:
    """cat, by its longer name."""
    return ops.cat(listed("concat", tensors, out), dim)


@speaks_for_itself
def concatenate(tensors: Any, axis: int = 0, *, dim: int | None = None, out: None = None) -> Tensor:
    """cat, by NumPy's name."""
    along = axis if dim is None else dim
    return ops.cat(listed("concatenate", tensors, out), along)


def hstack(tensors: Any, *, out: None = None) -> Tensor:
    """The tensors side by side: along dim 1, vectors along dim 0."""
    parts = with_ndim(listed("hstack", tensors, out), 1)
    return ops.cat(parts, 0 if parts[0].ndim == 1 else 1)


def vstack(tensors: Any, *, out: None = None) -> Tensor:
    """The tensors one below the other: along dim 0, a vector as a row."""
    return ops.cat(with_ndim(listed("vstack", tensors, out), 2), 0)


def dstack(tensors: Any, *, out: None = None) -> Tensor:
    """The tensors one behind the other: along dim 2, a matrix as (m, n, 1)."""
    return ops.cat(with_ndim(listed("dstack", tensors, out), 3), 2)


def atleast_1d(*tensors: Any) -> Any:
    """Each tensor with at least 1 dimension: a number is (1,). Of several, or a list, a tuple."""
    return one_or_several("atleast_1d", tensors, 1)


def atleast_2d(*tensors: Any) -> Any:
    """Each tensor with at least 2 dimensions: a vector is a row. Of several, or a list, a tuple."""
    return one_or_several("atleast_2d", tensors, 2)


def atleast_3d(*tensors: Any) -> Any:
    """Each tensor with at least 3 dimensions: (n,) is (1, n, 1), and (m, n) is (m, n, 1). Of
    several, or a list, a tuple.
    """
    return one_or_several("atleast_3d", tensors, 3)


def one_or_several(name: str, tensors: tuple[Any, ...], ndim: int) -> Any:
    """The one tensor that is given, or a tuple of those in a list, with at least `ndim` dims."""
    is_list = len(tensors) == 1 and isinstance(tensors[0], (list, tuple))
    given = tuple(tensors[0]) if is_list else tensors
    parts = with_ndim([as_input(name, x) for x in given], ndim)
    return parts[0] if len(tensors) == 1 and not is_list else tuple(parts)


def listed(name: str, tensors: Any, out: None = None) -> list[Any]:
    """A list or tuple of at least one tensor."""
    refuse_out(name, out)
    if not isinstance(tensors, (list, tuple)) or not tensors:
        raise TypeError(f"{name}: expected a list of at least one tensor, got {tensors!r}")
    return [as_input(name, t) for t in tensors]


def with_ndim(tensors: list[Any], ndim: int) -> list[Any]:
    """The tensors with at least so many dimensions: (n,) is (1, n), and (m, n) is (m, n, 1)."""
    parts = []
    for x in tensors:
        shape = tuple(x.shape)
        if len(shape) == 0 and ndim > 0:
            shape = (1,)
        if len(shape) == 1 and ndim > 1:
            shape = (1, *shape)
        if len(shape) == 2 and ndim > 2:
            shape = (*shape, 1)
        parts.append(x if shape == x.shape else ops.reshape(x, shape))
    return parts


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """The coordinates of a grid: for each 1-d tensor one of all sizes, with its numbers along its
    own dimension.

    indexing: "ij", the default, or "xy", which exchanges the first two dimensions.
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    axes = listed("meshgrid", tensors)
    check_one_device("meshgrid", *axes)
    check_one_dtype("meshgrid", *axes)
    if indexing is not None and not (isinstance(indexing, str) and indexing in ("ij", "xy")):
        raise ValueError(f"meshgrid: expected indexing 'ij' or 'xy', got {indexing!r}")
    if any([x.ndim > 1 for x in axes]):
        raise ValueError(
            f"meshgrid: expected tensors of 1 dimension, got {[tuple(x.shape) for x in axes]}"
        )
    sizes = [x.numel() for x in axes]
    grids = []
    for i, x in enumerate(axes):
        own = [1] * len(sizes)
        own[i] = sizes[i]
        grid = ops.broadcast_to(ops.reshape(x, own), sizes)
        is_exchanged = indexing == "xy" and len(sizes) > 1
        grids.append(ops.swapaxes(grid, 0, 1) if is_exchanged else grid)
    return tuple(grids)


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """The tensors, each repeated to the shape that all broadcast to."""
    parts = listed("broadcast_tensors", tensors)
    shape = broadcast_shape("broadcast_tensors", *[tuple(x.shape) for x in parts])
    return tuple([ops.broadcast_to(x, shape) for x in parts])
