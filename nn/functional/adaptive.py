"""Pooling into windows of which the number is given, rather than the size.

Window i of m over n elements goes from floor(i n / m) to ceil((i + 1) n / m), so that the windows
cover all of them, and overlap where m does not divide n.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import minigrad as mg
from minigrad import Tensor

from ..arguments import refuse_unsupported
from ..checked import checked
from .windows import size_per_dim, with_batch


@checked
def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The mean of each of `output_size` windows: x (B,C,L), y (B,C,P)."""
    return pooled("adaptive_avg_pool1d", 1, input, output_size, mean_along)


@checked
def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """`adaptive_avg_pool1d` in two dimensions: x (B,C,H,W), y (B,C,P,Q), None: as it was."""
    return pooled("adaptive_avg_pool2d", 2, input, output_size, mean_along)


@checked
def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Tensor:
    """The largest element of each of `output_size` windows: x (B,C,L), y (B,C,P)."""
    refuse_unsupported("adaptive_max_pool1d", "leave it out", return_indices=return_indices)
    return pooled("adaptive_max_pool1d", 1, input, output_size, largest_along)


@checked
def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Tensor:
    """`adaptive_max_pool1d` in two dimensions: x (B,C,H,W), y (B,C,P,Q), None: as it was."""
    refuse_unsupported("adaptive_max_pool2d", "leave it out", return_indices=return_indices)
    return pooled("adaptive_max_pool2d", 2, input, output_size, largest_along)


def pooled(
    name: str, n: int, input: Tensor, output_size: Any, reduce: Callable[[Tensor, int], Tensor]
) -> Tensor:
    """`reduce` over the windows of each of the last n dimensions, the last one first."""
    x = with_batch(name, input, n)
    for dim in range(2, 2 + n):
        if not x.shape[dim]:
            raise ValueError(f"{name}: expected elements along dim {dim}, got {tuple(x.shape)}")
    sizes = output_sizes(name, output_size, tuple(x.shape[2:]))
    for dim in reversed(range(2, 2 + n)):
        x = along(x, dim, sizes[dim - 2], reduce)
    return x if input.ndim == n + 2 else x[0]


def output_sizes(name: str, value: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """One size for each dimension: of several, the input's where it is None, as in PyTorch.

    Raises as `size_per_dim` does.
    """
    n = len(shape)
    given = list(value) if isinstance(value, tuple | list) else [value] * n
    if n > 1 and len(given) == n:
        given = [old if size is None else size for size, old in zip(given, shape, strict=True)]
    return size_per_dim(name, "output_size", tuple(given), n)


def along(x: Tensor, dim: int, size: int, reduce: Callable[[Tensor, int], Tensor]) -> Tensor:
    """`reduce` over each of `size` windows along `dim`."""
    n = x.shape[dim]
    if n % size == 0:  # equal windows, side by side
        return reduce(x.unflatten(dim, (size, n // size)), dim + 1)
    rows = []
    for i in range(size):
        start = i * n // size
        stop = -(-(i + 1) * n // size)  # rounded up
        rows.append(reduce(x.narrow(dim, start, stop - start), dim))
    return mg.stack(rows, dim)


def mean_along(x: Tensor, dim: int) -> Tensor:
    """The mean."""
    return x.mean(dim)


def largest_along(x: Tensor, dim: int) -> Tensor:
    """The largest element; of equal ones the first gets the gradient."""
    return x.max(dim)[0]
