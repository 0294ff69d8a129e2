"""select, gather, nonzero and their like: elements of a tensor, picked by their places.

What only says where to look (select, narrow, diagonal) is a view of x; what picks by indices or a
mask is a copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import ops
from minigrad.arguments import (
    as_input,
    as_integer,
    as_operands,
    broadcast_shape,
    check_bounds,
    check_index,
    check_one_device,
    counted_from_front,
    normalize_dim,
    placed_like,
)
from minigrad.array import NAMESPACES, Array, to_numpy
from minigrad.errors import check_flag, speaks_for_itself
from minigrad.graph import TensorBase, tensor_of

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


# By position


def dim_with_slices(name: str, x: Tensor, dim: Any) -> int:
    """`dim` counted from the front. Raises ValueError for a number, of which there is no slice."""
    dim = normalize_dim(name, x, dim)
    if not x.ndim:
        raise ValueError(f"{name}: expected a tensor of at least 1 dimension, got a 0-d tensor")
    return dim


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """x[.., index, ..]: the slice at `index` of `dim`, without that dimension."""
    x = as_input("select", input)
    dim = dim_with_slices("select", x, dim)
    n = x.shape[dim]
    index = as_integer("select", "index", index)
    if not -n <= index < n:
        raise IndexError(
            f"select: expected an index from {-n} to {n - 1} at dim {dim}, got {index}"
        )
    return ops.getitem(x, index=(*[slice(None)] * dim, index, ...))


def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """x[.., start : start + length, ..] at `dim`; a start below 0 counts from the end."""
    x = as_input("narrow", input)
    dim = dim_with_slices("narrow", x, dim)
    n = x.shape[dim]
    first = as_integer("narrow", "start", start)
    count = as_integer("narrow", "length", length)
    from_front = first + n if first < 0 else first
    if not (0 <= from_front <= n and 0 <= count <= n - from_front):
        raise IndexError(
            f"narrow: expected a start and a length within the size {n} of dim {dim}, "
            f"got {first} and {count}"
        )
    return ops.getitem(x, index=(*[slice(None)] * dim, slice(from_front, from_front + count)))


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


@speaks_for_itself
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


# By indices


def gather(
    input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False, out: None = None
) -> Tensor:
    """y[i, j, ..] = x[i, index[i, j, ..], ..]: along `dim` by `index`, elsewhere by position; in
    the index's shape.

    index: integers from 0, with as many dimensions as x; it may be smaller than x in the others.
    Raises IndexError if one lies outside of x.
    """
    x = as_input("gather", input, out=out)
    check_flag("gather", "sparse_grad", sparse_grad)
    if sparse_grad:
        raise NotImplementedError("gather: sparse_grad=True is not supported; leave it out")
    dim = normalize_dim("gather", x, dim)
    if not x.ndim and getattr(index, "ndim", 0) == 1:
        x = ops.reshape(x, (1,))
    check_index("gather", index, x.ndim)
    check_one_device("gather", x, index)
    for d, n in enumerate(x.array.shape):
        if d != dim and index.array.shape[d] > n:
            raise ValueError(
                f"gather: expected an index no larger than {tuple(x.shape)} but in dim {dim}, "
                f"got {tuple(index.shape)}"
            )
    check_bounds("gather", index, x, dim)
    return pick_along(x, dim, index) if x.ndim else ops.clone(x)


def pick_along(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """gather, of arguments that fit."""
    grid = positions(index.array)
    grid[dim] = index.array.copy()  # whatever is written to the index later
    return picked(x, tuple(grid))


def positions(array: Array) -> list[Array]:
    """The index of all elements of an array: for each dimension 0 to n - 1, so that they broadcast.

    (2, 3) -> [[0], [1]] and [0, 1, 2].
    """
    xp = NAMESPACES[type(array)]
    last = array.ndim - 1
    return [xp.arange(n).reshape(n, *[1] * (last - d)) for d, n in enumerate(array.shape)]


def picked(x: Tensor, index: tuple[Any, ...]) -> Tensor:
    """x[index], an index with arrays; its memory is in order as PyTorch's is, so that a reshape of
    it is a view. (That of NumPy's x[:, ids] is not.)
    """
    return in_order(ops.getitem(x, index=index))


def in_order(y: Tensor) -> Tensor:
    """A fresh value with its memory in order: the last dimension next to one another."""
    if not y.array.flags.c_contiguous:
        y.array = y.array.copy(order="C")
    return y


def take_along_dim(
    input: Tensor, indices: Tensor, dim: int | None = None, *, out: None = None
) -> Tensor:
    """gather, with the other dimensions broadcast; along the flattened tensor if `dim` is None.

    An index below 0 counts from the end of `dim`. Raises IndexError if one lies outside of x.
    """
    x = as_input("take_along_dim", input, out=out)
    if dim is None:
        check_index("take_along_dim", indices, getattr(indices, "ndim", 1))
        x = ops.reshape(x, (-1,))
        check_bounds("take_along_dim", indices, x, 0)
        indices = ops.reshape(indices, (-1,))
        dim = 0
    dim = normalize_dim("take_along_dim", x, dim)
    check_index("take_along_dim", indices, x.ndim)
    check_one_device("take_along_dim", x, indices)
    indices = counted_from_front("take_along_dim", indices, x, dim)
    if not x.ndim:
        return ops.clone(x)
    others = [(*t.shape[:dim], 1, *t.shape[dim + 1 :]) for t in (x, indices)]
    shape = list(broadcast_shape("take_along_dim", *others))

    def spread(t: Tensor) -> Tensor:
        """t broadcast in every dimension but `dim`."""
        return ops.broadcast_to(t, [*shape[:dim], t.shape[dim], *shape[dim + 1 :]])

    return pick_along(spread(x), dim, spread(indices))


def index_select(input: Tensor, dim: int, index: Tensor, *, out: None = None) -> Tensor:
    """The slices of x along `dim` that the 1-d `index` names.

    Raises IndexError if one lies outside of x.
    """
    x = as_input("index_select", input, out=out)
    dim = normalize_dim("index_select", x, dim)
    if isinstance(index, TensorBase) and not index.shape:
        index = ops.reshape(index, (1,))
    check_index("index_select", index, 1)
    check_one_device("index_select", x, index)
    check_bounds("index_select", index, x, dim)
    if not x.ndim:
        if index.numel() != 1:
            raise ValueError(
                f"index_select: expected 1 index of a 0-d tensor, got {index.numel()}; "
                "use .expand(...)"
            )
        return ops.clone(x)
    return picked(x, (slice(None),) * dim + (index.array.copy(),))


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
    check_flag("nonzero", "as_tuple", as_tuple)
    values = to_numpy(x.array)
    if as_tuple:
        found = np.nonzero(np.atleast_1d(values))
        return tuple([tensor_of(placed_like(x, places)) for places in found])
    return tensor_of(placed_like(x, np.argwhere(values)))
