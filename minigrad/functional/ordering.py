"""Sorting and counting: the order is computed from the values, and the gradient goes where they go.

NaN is larger than every number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import ops
from minigrad.arguments import (
    as_input,
    as_integer,
    as_ordered,
    as_sizes,
    check_index,
    check_not_empty,
    normalize_dim,
    placed_like,
    with_numpy_names,
)
from minigrad.array import to_numpy
from minigrad.autograd import differentiable
from minigrad.errors import check_flag
from minigrad.functional.picking import dim_with_slices, pick_along
from minigrad.functional.reduction import ValuesAndIndices, nan_of
from minigrad.functional.shape import squeeze
from minigrad.graph import tensor_of

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


@with_numpy_names
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The indices that sort x along `dim`; equal elements stay in order."""
    check_flag("argsort", "stable", stable)
    return order_of("argsort", as_ordered("argsort", input), dim, descending)


@with_numpy_names
def sort(
    input: Tensor,
    dim: int = -1,
    descending: bool = False,
    stable: bool | None = False,
    *,
    out: None = None,
) -> ValuesAndIndices:
    """(values, indices): x sorted along `dim`; equal elements stay in order."""
    x = as_ordered("sort", input, out)
    if stable is not None:
        check_flag("sort", "stable", stable)
    indices = order_of("sort", x, dim, descending)
    if not x.ndim:
        return ValuesAndIndices(ops.clone(x), indices)
    return ValuesAndIndices(pick_along(x, normalize_dim("sort", x, dim), indices), indices)


def order_of(name: str, x: Tensor, dim: Any, descending: bool) -> Any:
    """The indices that sort x along `dim`."""
    check_flag(name, "descending", descending)
    dim = normalize_dim(name, x, dim)
    if not x.ndim:
        return tensor_of(placed_like(x, np.zeros((), np.int64)))
    values = to_numpy(x.array)
    if not descending:
        return tensor_of(placed_like(x, np.argsort(values, dim, kind="stable")))
    # backwards twice, so that equal elements stay in order
    from_the_end = np.argsort(np.flip(values, dim), dim, kind="stable")
    order = np.flip(x.shape[dim] - 1 - from_the_end, dim)
    return tensor_of(placed_like(x, np.ascontiguousarray(order)))


@with_numpy_names
def cummax(input: Tensor, dim: int, *, out: None = None) -> ValuesAndIndices:
    """(values, indices): the largest element so far along `dim`, the last one of equal ones.

    Every element after a NaN is NaN. The gradient goes to the elements that the indices name.
    """
    return running("cummax", np.maximum, as_ordered("cummax", input, out), dim)


@with_numpy_names
def cummin(input: Tensor, dim: int, *, out: None = None) -> ValuesAndIndices:
    """(values, indices): the smallest element so far along `dim`; the rest is as for cummax."""
    return running("cummin", np.minimum, as_ordered("cummin", input, out), dim)


def running(name: str, extreme: np.ufunc, x: Tensor, dim: Any) -> ValuesAndIndices:
    """The extreme of x up to each place along `dim`, and where it was met last."""
    dim = normalize_dim(name, x, dim)
    if not x.ndim:
        return ValuesAndIndices(ops.clone(x), order_of(name, x, 0, descending=False))
    values = to_numpy(x.array)
    so_far = extreme.accumulate(values, dim)
    is_new = (values == so_far) | np.isnan(values)
    shape = [1] * x.ndim
    shape[dim] = -1
    places = np.arange(x.shape[dim]).reshape(shape)
    last = np.maximum.accumulate(np.where(is_new, places, 0), dim)
    indices = tensor_of(placed_like(x, last))
    return ValuesAndIndices(pick_along(x, dim, indices), indices)


def topk(
    input: Tensor,
    k: int,
    dim: int = -1,
    largest: bool = True,
    sorted: bool = True,
    *,
    out: None = None,
) -> ValuesAndIndices:
    """(values, indices) of the k largest (or smallest) elements along `dim`, in order.

    Raises ValueError if there are fewer than k.
    """
    x = as_ordered("topk", input, out)
    check_flag("topk", "largest", largest)
    check_flag("topk", "sorted", sorted)
    k = as_integer("topk", "k", k)
    dim = normalize_dim("topk", x, dim)
    n = x.shape[dim] if x.ndim else 1
    if not 0 <= k <= n:
        raise ValueError(f"topk: expected k from 0 to {n}, the size at dim {dim}, got {k}")
    if not x.ndim:
        return sort(x)
    first = (slice(None),) * dim + (slice(k),)
    indices = order_of("topk", x, dim, descending=largest)[first]
    return ValuesAndIndices(pick_along(x, dim, indices), indices)


@with_numpy_names
def median(input: Tensor, dim: Any = None, keepdim: bool = False, *, out: None = None) -> Any:
    """The median, the lower one of two; along a `dim` (values, indices). NaN where there is one.

    Over all elements, equal ones share the gradient evenly.
    """
    x = as_ordered("median", input, out)
    check_flag("median", "keepdim", keepdim)
    if dim is None:
        return median_of_all(x)
    dim = normalize_dim("median", x, dim)
    check_not_empty("median", x, dim)
    indices = order_of("median", x, dim, descending=False)
    if not x.ndim:
        return ValuesAndIndices(ops.clone(x), indices)
    in_order = np.take_along_axis(to_numpy(x.array), to_numpy(indices.array), dim)
    has_nan = np.isnan(np.take(in_order, -1, dim))
    places = np.where(has_nan, np.argmax(np.isnan(in_order), dim), (x.shape[dim] - 1) // 2)
    chosen = np.take_along_axis(to_numpy(indices.array), np.expand_dims(places, dim), dim)
    indices = tensor_of(placed_like(x, chosen))
    values = pick_along(x, dim, indices)
    if keepdim:
        return ValuesAndIndices(values, indices)
    return ValuesAndIndices(squeeze(values, dim), squeeze(indices, dim))


def median_of_all(x: Tensor) -> Tensor:
    """The median of all elements; NaN of none."""
    flat = ops.reshape(x, (-1,))
    values = np.sort(to_numpy(flat.array))
    if not values.size:
        return ops.sum(flat) + float("nan")
    middle = values[-1] if np.isnan(values[-1]) else values[(values.size - 1) // 2]
    same = np.isnan(to_numpy(flat.array)) if np.isnan(middle) else to_numpy(flat.array) == middle
    chosen = ops.getitem(flat, placed_like(x, np.flatnonzero(same)))
    return nan_of(chosen) if np.isnan(middle) else ops.amax(chosen)


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements, or the different slices along `dim`, in order.

    With the options also, in this order: for each element which one it is, and how many there are
    of each. backward raises NotImplementedError where it would have to go through the elements.
    """
    x = as_ordered("unique", input)
    check_flag("unique", "sorted", sorted)
    check_flag("unique", "return_inverse", return_inverse)
    check_flag("unique", "return_counts", return_counts)
    if dim is not None:
        dim = dim_with_slices("unique", x, dim)
    values, inverse, counts = np.unique(
        to_numpy(x.array), return_inverse=True, return_counts=True, axis=dim, equal_nan=False
    )
    found = [values]
    if return_inverse:
        found.append(inverse.reshape(x.shape if dim is None else (-1,)))
    if return_counts:
        found.append(counts)
    tensors = [tensor_of(placed_like(x, part)) for part in found]
    if x.requires_grad:
        tensors[0] = without_gradient("unique", x, tensors[0], "x.detach()")
    return tuple(tensors) if len(tensors) > 1 else tensors[0]


def without_gradient(name: str, x: Tensor, values: Tensor, instead: str) -> Any:
    """`values`, computed from x, as part of the graph, so that backward refuses to go through.

    A gradient that was left out in silence would be a wrong one.
    """

    def refuse(g: Any) -> Any:
        raise NotImplementedError(
            f"{name}: expected no gradient through its values, which have none in PyTorch either; "
            f"use {name}({instead})"
        )

    def rule(xp: Any, x: Any) -> Any:
        return values.array, (refuse,)

    rule.__name__ = name
    return differentiable(rule)(x)


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Any:
    """(n,): how often each integer from 0 occurs in the 1-d x, or the sum of its weights.

    Raises ValueError for integers below 0, and if there is not one weight for each.
    """
    x = as_input("bincount", input)
    check_index("bincount", x, 1)
    ids = to_numpy(x.array)
    if ids.size and ids.min() < 0:
        raise ValueError(f"bincount: expected integers from 0, got {ids.min()}")
    least = as_integer("bincount", "minlength", minlength)
    if least < 0:
        raise ValueError(f"bincount: expected minlength of 0 or more, got {least}")
    largest = int(ids.max()) if ids.size else -1
    as_sizes("bincount", (max(least, largest + 1),))  # NumPy would write beyond its memory
    if weights is None:
        return tensor_of(placed_like(x, np.bincount(ids, minlength=least)))
    weights = as_input("bincount", weights)
    values = to_numpy(weights.array)
    if values.dtype.kind == "c":
        raise TypeError("bincount: expected real weights, got complex ones")
    if values.shape != ids.shape:
        raise ValueError(
            f"bincount: expected one weight for each of {ids.size} integers, got {values.shape}"
        )
    counts = np.bincount(ids, values, least)
    kept = values.dtype if values.dtype.kind == "f" else counts.dtype
    sums = tensor_of(placed_like(x, counts.astype(kept)))
    if not weights.requires_grad:
        return sums
    return without_gradient("bincount", weights, sums, "x, weights.detach()")
