"""`torch.linalg`: norms, the QR decomposition and determinants, which are in `torch`, too."""

from __future__ import annotations

from typing import Any, NamedTuple

import minigrad
from minigrad import Tensor

__all__ = ["norm", "qr", "slogdet", "vector_norm"]


def vector_norm(
    x: Tensor,
    ord: float = 2,
    dim: int | tuple[int, ...] | None = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> Tensor:
    """(Σ |x|^ord)^(1/ord) over `dim`, by default over all elements; max |x| for ord=math.inf."""
    x = x if dtype is None else x.to(dtype)
    return minigrad.norm(x, ord, dim, keepdim)


def norm(
    A: Tensor,
    ord: float | None = None,
    dim: int | tuple[int, ...] | None = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> Tensor:
    """`vector_norm`. Raises NotImplementedError if `ord` asks for the norm of a matrix."""
    is_matrix = ord is not None and (A.ndim == 2 if dim is None else isinstance(dim, tuple))
    if isinstance(ord, str) or is_matrix:
        raise NotImplementedError(
            f"torch.linalg.norm: ord={ord!r} of a matrix is not supported; leave it out"
        )
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


class QR(NamedTuple):
    """Q with orthonormal columns, and R, which is upper triangular."""

    Q: Tensor
    R: Tensor


def qr(A: Tensor, mode: str = "reduced") -> QR:
    """A = Q R, of a matrix (.., m, n): Q (.., m, k) and R (.., k, n), k the smaller of m and n.

    Householder's reflections, one column after the other, with the signs of LAPACK: composed, and
    so differentiable, for a few hundred columns at most. Raises NotImplementedError for another
    mode, TypeError for other numbers than floats, ValueError for fewer than 2 dimensions. Source:
    Golub & Van Loan, Matrix Computations, 5.2.
    """
    if mode != "reduced":
        raise NotImplementedError(f"torch.linalg.qr: mode={mode!r} is not supported; leave it out")
    check_matrix("qr", A)
    mirrors, signs, R = triangle(A)
    Q = minigrad.eye(A.shape[-2], len(mirrors), dtype=A.dtype, device=A.device) * signs
    for j, mirror in reversed(list(enumerate(mirrors))):
        Q = minigrad.cat([Q[..., :j, :], reflected(Q[..., j:, :], mirror)], -2)
    return QR(Q, R)


def triangle(A: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
    """The mirrors of a QR decomposition; for each of Q's columns -1 if its sign is turned, else 1,
    (.., 1, k); and R.
    """
    rest = A  # the rows that are left, (.., m - j, n)
    mirrors: list[Tensor] = []
    signs: list[Tensor] = []
    rows: list[Tensor] = []
    for j in range(min(A.shape[-2:])):
        mirror, sign = mirror_of(rest[..., j])
        rest = reflected(rest, mirror)
        mirrors.append(mirror)
        signs.append(sign)
        rows.append(sign.unsqueeze(-1) * rest[..., 0, :])
        rest = rest[..., 1:, :]
    R = minigrad.triu(minigrad.stack(rows, -2))
    return mirrors, minigrad.stack(signs, -1).unsqueeze(-2), R


def mirror_of(x: Tensor) -> tuple[Tensor, Tensor]:
    """The v whose reflection turns a column x (.., l) into a multiple of the first axis, and 1; or
    -1 where x is one already, and its sign is to stay.
    """
    head, tail = x[..., :1], x[..., 1:]
    square = (x * x).sum(-1, keepdim=True)
    norm = minigrad.where(square == 0, 1.0, square).sqrt()
    v = minigrad.cat([head + minigrad.where(head < 0, -norm, norm), tail], -1)
    is_on_axis = (tail == 0).all(-1)
    return v, minigrad.where(is_on_axis, -1.0, minigrad.ones_like(square[..., 0]))


def reflected(rows: Tensor, v: Tensor) -> Tensor:
    """(I - 2 v vᵀ / vᵀv) X, for rows X (.., l, n) and v (.., l)."""
    product = (v.unsqueeze(-2) @ rows) * 2 / (v * v).sum(-1)[..., None, None]  # (.., 1, n)
    return rows - v.unsqueeze(-1) * product


class SignAndLog(NamedTuple):
    """The sign of a determinant, and the logarithm of its size."""

    sign: Tensor
    logabsdet: Tensor


def slogdet(A: Tensor) -> SignAndLog:
    """The determinant of each square matrix (.., n, n), as a sign and the logarithm of its size.

    It is that of R in A = Q R, times that of Q: -1 for each mirror, and for each sign that is
    turned. Raises as `qr`, and ValueError for a matrix that is not square.
    """
    check_matrix("slogdet", A)
    if A.shape[-1] != A.shape[-2]:
        got = tuple(A.shape)
        raise ValueError(f"torch.linalg.slogdet: expected square matrices, got shape {got}")
    _, signs, R = triangle(A)
    diagonal = R.diagonal(0, -2, -1)
    sign = (-signs[..., 0, :] * diagonal.detach().sign()).prod(-1)
    return SignAndLog(sign, diagonal.abs().log().sum(-1))


def check_matrix(name: str, A: Any) -> None:
    """Raise TypeError for what is no tensor of floats, ValueError for no matrix or an empty one."""
    name = f"torch.linalg.{name}"
    if not isinstance(A, Tensor) or A.dtype.kind != "f":
        got = A.dtype if isinstance(A, Tensor) else type(A).__name__
        raise TypeError(f"{name}: expected a tensor of floats, got {got}")
    if A.ndim < 2 or not A.numel():
        shape = tuple(A.shape)
        raise ValueError(f"{name}: expected matrices that are not empty, got shape {shape}")
