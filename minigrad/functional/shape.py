"""The same numbers in another shape or order, or repeated."""

from __future__ import annotations

import builtins
import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import ops
from minigrad.arguments import (
    as_dims,
    as_input,
    as_integer,
    as_sizes,
    check_index,
    normalize_dim,
    placed_like,
    with_numpy_names,
)
from minigrad.errors import shown, speaks_for_itself
from minigrad.functional.parts import split
from minigrad.functional.picking import dim_with_slices, in_order, picked
from minigrad.graph import TensorBase
from minigrad.ops.reduction import Dim

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


@with_numpy_names
def squeeze(input: Tensor, dim: Dim = None) -> Tensor:
    """x without its dimensions of size 1, or without those of `dim` that are of size 1."""
    x = as_input("squeeze", input)
    shape = x.array.shape
    dims = range(len(shape)) if dim is None else as_dims("squeeze", x, dim)
    left = [n for d, n in enumerate(shape) if n != 1 or d not in dims]
    return ops.reshape(x, shape=tuple(left))


@with_numpy_names
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """x with a new dimension of size 1 at `dim`, from -x.ndim - 1 to x.ndim."""
    x = as_input("unsqueeze", input)
    return ops.expand_dims(x, dim=normalize_dim("unsqueeze", x, dim, new=1))


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """x with two dimensions exchanged."""
    x = as_input("transpose", input)
    dim0 = normalize_dim("transpose", x, dim0)
    dim1 = normalize_dim("transpose", x, dim1)
    return ops.swapaxes(x, dim0=dim0, dim1=dim1) if x.ndim else ops.reshape(x, shape=())


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; a vector or a number as it is. Raises ValueError for more dims."""
    x = as_input("t", input)
    if x.ndim > 2:
        raise ValueError(
            f"t: expected at most 2 dimensions, got shape {tuple(x.shape)}; use .transpose(...)"
        )
    return ops.swapaxes(x, dim0=0, dim1=1) if x.ndim == 2 else ops.reshape(x, shape=x.shape)


def flip(input: Tensor, dims: Any) -> Tensor:
    """x read backwards along `dims`, one dimension or several."""
    x = as_input("flip", input)
    backwards = as_dims("flip", x, dims)
    step = [-1 if d in backwards else 1 for d in range(x.ndim)]
    return ops.clone(ops.getitem(x, tuple([slice(None, None, s) for s in step])))


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """x turned round by `shifts` along `dims`; what leaves at one end comes in at the other.

    Without `dims` the flattened tensor is turned. Raises ValueError if there is not one shift for
    each of them.
    """
    x = as_input("roll", input)
    if dims is None:
        return ops.reshape(roll(ops.reshape(x, (-1,)), shifts, 0), x.shape)
    shifts = shifts if isinstance(shifts, (list, tuple)) else [shifts]
    dims = dims if isinstance(dims, (list, tuple)) else [dims]
    if len(shifts) != len(dims):
        raise ValueError(
            f"roll: expected one shift for each dim, got shifts {tuple(shifts)} for {tuple(dims)}"
        )
    rolled = x
    for shift, dim in zip(shifts, dims, strict=True):
        shift = as_integer("roll", "shifts", shift)
        dim = normalize_dim("roll", x, dim)
        if x.ndim and x.shape[dim]:
            n = x.shape[dim]
            cut = n - shift % n
            front, back = split(rolled, [cut, n - cut], dim)
            rolled = ops.cat([back, front], dim)
    return ops.clone(x) if rolled is x else rolled


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """x with the dimension `source` at place `destination`, the others in order; or several, as
    tuples.
    """
    x = as_input("movedim", input)
    sources = as_dims("movedim", x, source)
    destinations = as_dims("movedim", x, destination)
    if len(sources) != len(destinations):
        raise ValueError(
            f"movedim: expected one destination for each source, got {source} and {destination}"
        )
    if not x.ndim:
        return ops.reshape(x, ())
    order = [d for d in range(x.ndim) if d not in sources]
    for place, d in sorted(zip(destinations, sources, strict=True)):
        order.insert(place, d)
    return ops.permute(x, order)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """x with the dimensions from start_dim to end_dim made one.

    Raises ValueError if they are in the wrong order.
    """
    x = as_input("flatten", input)
    first = normalize_dim("flatten", x, start_dim)
    last = normalize_dim("flatten", x, end_dim)
    if first > last:
        raise ValueError(
            f"flatten: expected start_dim before end_dim, got {start_dim} and {end_dim} "
            f"in shape {tuple(x.shape)}"
        )
    if first == last and x.ndim:
        return x
    flat = math.prod(x.shape[first : last + 1])
    return ops.reshape(x, shape=(*x.shape[:first], flat, *x.shape[last + 1 :]))


@speaks_for_itself
def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """x with one dimension made several of these sizes, of which one may be -1: what is left.

    Raises ValueError if they do not multiply to the size of the dimension.
    """
    x = as_input("unflatten", input)
    dim = dim_with_slices("unflatten", x, dim)
    n = x.shape[dim]
    if not isinstance(sizes, (list, tuple)) or not sizes:
        raise TypeError(f"unflatten: expected a tuple of sizes, got {shown(sizes)}")
    parts = as_sizes("unflatten", (sizes,))
    if parts.count(-1) == 1:
        known = -math.prod(parts)
        parts = tuple([n // known if known and size == -1 else size for size in parts])
    if any([size < 0 for size in parts]) or math.prod(parts) != n:
        raise ValueError(
            f"unflatten: expected sizes that multiply to {n}, the size of dimension {dim}, "
            f"got {tuple(sizes)}"
        )
    return ops.reshape(x, (*x.shape[:dim], *parts, *x.shape[dim + 1 :]))


def ravel(input: Tensor) -> Tensor:
    """All elements along one dimension, in order; a view where the memory of x is in order."""
    return ops.reshape(as_input("ravel", input).contiguous(), (-1,))


@speaks_for_itself
def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Every slice of `size` along a dimension, `step` apart: their number there, the size last.

    It shows the memory of x; slices that overlap are read-only.
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
    slices = ops.unfold(movedim(x, dim, -1), size=size, step=step)
    return movedim(slices, -2, dim)


def tril(input: Tensor, diagonal: int = 0, *, out: None = None) -> Tensor:
    """(.., m, n) with 0 above the `diagonal`, counted from the main one: 1 is the next above it."""
    return keep_triangle("tril", as_input("tril", input, out=out), diagonal, operator.le)


def triu(input: Tensor, diagonal: int = 0, *, out: None = None) -> Tensor:
    """(.., m, n) with 0 below the `diagonal`, counted from the main one: 1 is the next above it."""
    return keep_triangle("triu", as_input("triu", input, out=out), diagonal, operator.ge)


def keep_triangle(name: str, x: Tensor, diagonal: int, keep: Any) -> Tensor:
    """x where keep(column, row + diagonal), 0 elsewhere."""
    diagonal = as_integer(name, "diagonal", diagonal)
    if x.ndim < 2:
        raise ValueError(
            f"{name}: expected a tensor of at least 2 dimensions, got shape {tuple(x.shape)}"
        )
    diagonal = bounded(diagonal, x.shape[-2] + x.shape[-1])
    rows, columns = np.ogrid[: x.shape[-2], : x.shape[-1]]
    outside = ~keep(columns, rows + diagonal)
    return ops.where(placed_like(x, outside), False, x)  # False is 0 in the dtype of x


def bounded(n: int, size: int) -> int:
    """n, or the nearest number within ±size, where a larger one means the same."""
    return builtins.max(-size, builtins.min(n, size))


def tile(input: Tensor, dims: Any) -> Tensor:
    """dims[d] copies of x next to one another along each dimension; fewer numbers than dimensions
    mean the last ones.
    """
    x = as_input("tile", input)
    return repeated("tile", x, as_sizes("tile", (dims,)))


def repeat(input: Tensor, *repeats: Any) -> Tensor:
    """repeats[d] copies of x next to one another along each dimension; more numbers than dimensions
    add leading ones.

    Raises ValueError if there are fewer.
    """
    x = as_input("repeat", input)
    times = as_sizes("repeat", repeats)
    if len(times) < x.ndim:
        raise ValueError(
            f"repeat: expected a number for each dimension of shape {tuple(x.shape)}, got {times}"
        )
    return repeated("repeat", x, times)


def repeated(name: str, x: Tensor, times: tuple[int, ...]) -> Tensor:
    """times[d] copies of x along each dimension, counted from the last."""
    if any([t < 0 for t in times]):
        raise ValueError(f"{name}: expected numbers of 0 or more, got {times}")
    ndim = builtins.max(len(times), x.ndim)
    times = (1,) * (ndim - len(times)) + times
    shape = (1,) * (ndim - x.ndim) + tuple(x.shape)
    singles: list[int] = []
    copies: list[int] = []
    for t, n in zip(times, shape, strict=True):
        singles += [1, n]
        copies += [t, n]
    x = ops.reshape(x, tuple(singles))  # (1, n) for each dimension
    x = in_order(ops.clone(ops.broadcast_to(x, tuple(copies))))  # (t, n); no view
    return ops.reshape(x, tuple([t * n for t, n in zip(times, shape, strict=True)]))


def expand(input: Tensor, *shape: Any) -> Tensor:
    """x with its dimensions of size 1 repeated to `shape`, without a copy; -1 keeps a size.

    Raises ValueError if another size than 1 would have to change.
    """
    x = as_input("expand", input)
    given = as_sizes("expand", shape)
    sizes = list(given)
    lead = len(sizes) - x.ndim
    fits = lead >= 0
    for d, n in enumerate(x.shape, lead):
        if fits and sizes[d] == -1:
            sizes[d] = n
        fits = fits and n in (1, sizes[d])
    if not fits or any([n < 0 for n in sizes]):
        raise ValueError(
            f"expand: expected sizes to which {tuple(x.shape)} broadcasts, got {given}; "
            "only dimensions of size 1 can be repeated"
        )
    if math.prod(sizes) == x.numel():
        return ops.reshape(x, tuple(sizes))  # which can be written to, since nothing is repeated
    return ops.broadcast_to(x, shape=sizes)


def repeat_interleave(
    input: Tensor, repeats: Any, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each slice of x along `dim` `repeats` times in a row; each element of the flattened tensor if
    None.

    repeats: one integer, or a 1-d tensor with one for each slice. output_size is not needed.
    """
    x = as_input("repeat_interleave", input)
    if output_size is not None:
        output_size = as_integer("repeat_interleave", "output_size", output_size)
    if dim is None:
        x = ops.reshape(x, (-1,))
        dim = 0
    dim = normalize_dim("repeat_interleave", x, dim)
    n = x.shape[dim] if x.ndim else 1
    times: Any
    if isinstance(repeats, TensorBase) and len(repeats.shape) == 1:
        check_index("repeat_interleave", repeats, 1)
        times = np.asarray(repeats.cpu())  # type: ignore[attr-defined]
    else:
        count = as_integer("repeat_interleave", "repeats", repeats)
        as_sizes("repeat_interleave", (count, n))  # that some memory holds
        times = np.array([count])
    if len(times) not in (1, n) or (times < 0).any():
        raise ValueError(
            f"repeat_interleave: expected one number of 0 or more, or {n}, one for each slice, "
            f"got {times.tolist()}"
        )
    places = np.repeat(np.arange(n), times)
    if output_size not in (None, len(places)):
        raise ValueError(
            f"repeat_interleave: expected output_size {len(places)}, the sum of the repeats, "
            f"got {output_size}"
        )
    return picked(x, (slice(None),) * dim + (placed_like(x, places),))
