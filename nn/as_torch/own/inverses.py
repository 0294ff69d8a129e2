"""`torch.det` and `torch.inverse`, which are also `torch.linalg.det` and `.inv`.

Both are Gaussian elimination as it is written in a textbook, one column after the other, and
differentiated as any other composition: for a few dimensions, not for hundreds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import minigrad
from minigrad import Tensor
from minigrad.arguments import refuse_out
from minigrad.errors import shown

__all__ = ["det", "inv"]


def det(A: Tensor, *, out: None = None) -> Tensor:
    """The determinant of a matrix, or of each of (.., n, n): the product of its pivots.

    Raises NotImplementedError for the gradient of a matrix that has no pivot in another column
    than the last, and whose determinant is 0.
    """
    refuse_out("det", out)
    check_square("det", A)
    n = A.shape[-1]
    value = minigrad.ones(*A.shape[:-2], dtype=A.dtype, device=A.device)
    for j, rows, is_swapped in eliminated(A):
        pivot = rows[..., j, j]
        if A.requires_grad and j < n - 1 and bool((pivot.detach() == 0).any()):
            raise NotImplementedError(
                "det: the gradient of a matrix without an inverse is not supported here; compute "
                "the determinant under torch.no_grad()"
            )
        value = value * minigrad.where(is_swapped, -pivot, pivot)
    return value


def inv(A: Tensor, *, out: None = None) -> Tensor:
    """The inverse of a matrix, or of each of (.., n, n). Raises RuntimeError if there is none."""
    return inverse_of("torch.linalg.inv", A, out)


def inverse(input: Tensor, *, out: None = None) -> Tensor:
    """`inv`, by the older name that `torch` has for it."""
    return inverse_of("inverse", input, out)


def inverse_of(name: str, A: Tensor, out: None) -> Tensor:
    """A⁻¹, from the elimination of (A, I): what is left of it is (D, D A⁻¹), D diagonal."""
    refuse_out(name, out)
    check_square(name, A)
    n = A.shape[-1]
    identity = minigrad.eye(n, dtype=A.dtype, device=A.device).expand(*A.shape)
    both = minigrad.cat([A, identity], -1)  # (.., n, 2 n)
    rows = both
    for j, rows, _ in eliminated(both):
        if bool((rows[..., j, j].detach() == 0).any()):
            raise RuntimeError(f"{name}: expected a matrix that has an inverse, got {shown(A)}")
    diagonal = minigrad.diagonal(rows[..., :n], 0, -2, -1)  # (.., n)
    return rows[..., n:] / diagonal.unsqueeze(-1)


def eliminated(rows: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
    """For each column j of n: j, the rows (.., n, m) with zeros in it but for row j, and where two
    rows were swapped for that. The pivot, at (j, j), is the largest element that is left.
    """
    n = rows.shape[-2]
    for j in range(n):
        largest = minigrad.argmax(rows[..., j:, j].detach().abs(), -1) + j  # (..)
        rows = minigrad.take_along_dim(rows, swapped(n, j, largest), -2)
        pivot = rows[..., j : j + 1, j : j + 1]
        factors = rows[..., j : j + 1] / minigrad.where(pivot == 0, 1.0, pivot)  # (.., n, 1)
        is_other = (minigrad.arange(n, device=rows.device) != j).unsqueeze(-1)
        rows = rows - minigrad.where(is_other, factors, 0.0) * rows[..., j : j + 1, :]
        yield j, rows, largest != j


def swapped(n: int, j: int, place: Tensor) -> Tensor:
    """The order of n rows in which row j and the one at `place` (..) change places: (.., n, 1)."""
    order = minigrad.arange(n, device=place.device)
    at = place.unsqueeze(-1)
    order = minigrad.where(order == j, at, minigrad.where(order == at, j, order))
    return order.unsqueeze(-1)


def check_square(name: str, A: Any) -> None:
    """Raise if this is no tensor of floats, or no square matrix or several."""
    if not isinstance(A, Tensor) or A.dtype.kind != "f":
        got = A.dtype if isinstance(A, Tensor) else type(A).__name__
        raise TypeError(f"{name}: expected a tensor of floats, got {got}")
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise RuntimeError(f"{name}: expected square matrices, got shape {tuple(A.shape)}")
