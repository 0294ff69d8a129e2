"""`torch.linalg`: norms of tensors, and the QR decomposition, which `torch.qr` is, too."""

from __future__ import annotations

from typing import Any, NamedTuple

import minigrad
from minigrad import Tensor

__all__ = ["norm", "qr", "vector_norm"]


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
    if not isinstance(A, Tensor) or A.dtype.kind != "f":
        got = A.dtype if isinstance(A, Tensor) else type(A).__name__
        raise TypeError(f"torch.linalg.qr: expected a tensor of floats, got {got}")
    if A.ndim < 2:
        shape = tuple(A.shape)
        raise ValueError(f"torch.linalg.qr: expected a matrix or several, got shape {shape}")
    m, n = A.shape[-2:]
    if not A.numel():
        raise ValueError(f"torch.linalg.qr: expected elements, got shape {tuple(A.shape)}")
    rest = A  # the rows that are left, (.., m - j, n)
    rows: list[Tensor] = []
    mirrors: list[Tensor] = []
    signs: list[Tensor] = []
    for j in range(min(m, n)):
        mirror, sign = mirror_of(rest[..., j])
        rest = reflected(rest, mirror)
        rows.append(sign.unsqueeze(-1) * rest[..., 0, :])
        rest = rest[..., 1:, :]
        mirrors.append(mirror)
        signs.append(sign)
    R = minigrad.triu(minigrad.stack(rows, -2))
    sign_of_column = minigrad.stack(signs, -1).unsqueeze(-2)  # (.., 1, k)
    Q = minigrad.eye(m, len(rows), dtype=A.dtype, device=A.device) * sign_of_column
    for j, mirror in reversed(list(enumerate(mirrors))):
        Q = minigrad.cat([Q[..., :j, :], reflected(Q[..., j:, :], mirror)], -2)
    return QR(Q, R)


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
